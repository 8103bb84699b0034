//! What the real tools print in German. They are asked in the C locale; should one
//! take no notice, nothing that it says may be taken for something else: least of
//! all that there is nothing to do, or that all went well.

use super::golden::{recorded, sample};
use crate::Manager;
use crate::request::{Action, PackageRequest};
use crate::sections::Sections;

fn section(name: &str, of: &str) -> Sections {
    let (text, code) = recorded(of);
    Sections::single(name, &text, code)
}

fn request(manager: Manager, action: Action, names: &[&str]) -> PackageRequest {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    PackageRequest::new(manager, action, &names, false, None).unwrap()
}

#[test]
fn lists_are_read_by_their_shape() {
    let apt = Manager::Apt.backend();
    let said = section("list", "de-apt-list").and("sim", &sample("de-apt-s-full"), 0);
    let listing = apt.read_survey(&said).unwrap();
    assert_eq!(listing.upgradable.len(), 8);
    let lib = listing.upgradable.iter().find(|u| u.name == "lablib");
    let lib = lib.unwrap();
    assert_eq!(lib.installed.as_deref(), Some("1.0-1"));
    assert_eq!((lib.new.as_str(), lib.security), ("2.0-1", Some(true)));
    let said = section("audit", "de-dpkg-audit").and("list", "", 0);
    let repair = apt.read_survey(&said).unwrap().repair;
    assert!(repair[0].detail.ends_with("labconf, labbroken."));

    let said = section("list", "de-zypper-list");
    let listing = Manager::Zypper.backend().read_survey(&said).unwrap();
    assert_eq!(listing.upgradable.len(), 7);
    let said = section("list", "de-pacman-Qu").and("count", "9", 0);
    let listing = Manager::Pacman.backend().read_survey(&said).unwrap();
    assert_eq!(listing.upgradable.len(), 4);
}

#[test]
fn a_preview_never_says_that_nothing_would_be_done() {
    let said = section("sim", "de-apt-s-full").and("sizes", &sample("de-apt-print-uris"), 1);
    let seen = Manager::Apt
        .backend()
        .read_preview(&said, &request(Manager::Apt, Action::FullUpgrade, &[]));
    assert_eq!((seen.upgraded.len(), seen.installed.len()), (7, 1));
    // Not known, which is not zero.
    assert_eq!((seen.download_bytes, seen.disk_bytes), (None, None));

    for (manager, action, names, of) in [
        (Manager::Dnf, Action::Upgrade, &[][..], "de-dnf-preview"),
        (Manager::Yum, Action::Upgrade, &[], "de-dnf-preview"),
        (Manager::Dnf, Action::Install, &["nosuch"], "de-dnf-missing"),
        (Manager::Apt, Action::Install, &["nosuch"], "de-apt-missing"),
        (
            Manager::Zypper,
            Action::Install,
            &["nosuch"],
            "de-zypper-missing",
        ),
        (
            Manager::Pacman,
            Action::Install,
            &["nosuch"],
            "de-pacman-missing",
        ),
    ] {
        let seen = manager
            .backend()
            .read_preview(&section("sim", of), &request(manager, action, names));
        assert!(!seen.nothing, "{of}");
        assert!(seen.refused.is_some(), "{of}: {seen:?}");
    }
}

#[test]
fn what_ran_counts_no_more_than_it_understands() {
    for (manager, of) in [
        (Manager::Apt, "de-apt-run"),
        (Manager::Dnf, "de-dnf-upgrade"),
        (Manager::Zypper, "de-zypper-update"),
        (Manager::Pacman, "de-pacman-run"),
    ] {
        let (text, code) = recorded(of);
        assert!(!manager.backend().good_codes().contains(&code), "{of}");
        let outcome = manager.backend().outcome(&text);
        assert_eq!((outcome.upgraded, outcome.installed), (0, 0), "{of}");
        assert_eq!(outcome.held_by, None, "{of}");
    }
}
