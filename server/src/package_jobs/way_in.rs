//! Whether a removal would take away the program by which the login becomes root.
//! Pure.

use crate::major_tom::privilege::Privilege;
use stardust_packages::model::{Preview, Refused};

/// The packages that bring it. One may take the place of another.
fn packages(privilege: Privilege) -> &'static [&'static str] {
    match privilege {
        Privilege::Root => &[],
        Privilege::Sudo | Privilege::SudoPassword => &["sudo", "sudo-ldap", "sudo-rs"],
        Privilege::Doas => &["doas", "opendoas"],
    }
}

pub fn judge(privilege: Privilege, preview: &mut Preview) {
    let names = packages(privilege);
    let brings = |name: &str| names.contains(&name);
    let removed = preview.removed.iter().find(|removal| brings(&removal.name));
    let replaced = preview
        .installed
        .iter()
        .any(|package| brings(&package.name));
    if let (None, Some(removed), false) = (&preview.refused, removed, replaced) {
        preview.refused = Some(Refused::new(
            "essential",
            format!(
                "This would remove {}, by which Ground Control becomes root here.",
                removed.name
            ),
            "Choose other packages, or log in as root (Connection) and do it then.",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_packages::Manager;
    use stardust_packages::request::{Action, PackageRequest};
    use stardust_packages::sections::Sections;

    #[test]
    fn the_way_to_root_is_not_removed_and_may_be_replaced() {
        let names = ["sudo".to_owned()];
        let request =
            PackageRequest::new(Manager::Apt, Action::Remove, &names, false, None).unwrap();
        for (privilege, text, refused) in [
            (Privilege::Sudo, "Remv sudo [1.9]\n", true),
            (Privilege::SudoPassword, "Remv sudo [1.9]\n", true),
            (Privilege::Sudo, "Remv opendoas [6]\n", false),
            (Privilege::Doas, "Remv opendoas [6]\n", true),
            (Privilege::Doas, "Remv sudo [1.9]\n", false),
            (Privilege::Root, "Remv sudo [1.9]\n", false),
            (Privilege::Sudo, "Remv sudoku [1]\n", false),
            (
                Privilege::Sudo,
                "Remv sudo [1.9]\nInst sudo-ldap (1.9 localhost [amd64])\n",
                false,
            ),
        ] {
            let said = Sections::single("sim", text, 0);
            let mut preview = Manager::Apt.backend().read_preview(&said, &request);
            judge(privilege, &mut preview);
            assert_eq!(preview.refused.is_some(), refused, "{privilege:?} {text}");
        }
    }
}
