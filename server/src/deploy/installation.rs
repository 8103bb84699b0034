//! Where the Spider goes on a node, from facts alone. Pure.

pub use stardust_model::installation::{Installation, Method};

use crate::major_tom::facts::{Facts, Folder};
use crate::major_tom::fault::{Cause, Fault};

const NAME: &str = "stardust-spider";
/// The user that the Spider runs as.
const USER: &str = "stardust-spider";
/// Beside the Spider itself: configuration, unit, folders.
const MARGIN_BYTES: u64 = 512 << 10;

/// `spider_bytes` is the size of what is installed; the old one stays beside it
/// for a while.
pub fn choose(facts: &Facts, root: bool, spider_bytes: u64) -> Result<Installation, Fault> {
    let needed = spider_bytes.saturating_mul(2) + MARGIN_BYTES;
    if !root {
        return for_user(facts, needed);
    }
    let method = Method::of_init(&facts.init)?;
    if let Some(etc) = found(facts, "/etc").filter(|etc| etc.read_only) {
        return Err(read_only(&etc.path));
    }
    let bin_folder = match method {
        // The overlay, where everything is; there is no /usr/local.
        Method::Procd => fits(facts, "/etc", needed).map(|()| "/usr/bin")?,
        _ => match fits(facts, "/usr/local/bin", needed) {
            Ok(()) => "/usr/local/bin",
            // Systems whose /usr is an image.
            Err(why) => fits(facts, "/var/lib", needed)
                .map(|()| "/var/lib/stardust")
                .map_err(|_| why)?,
        },
    };
    let unit = match method {
        Method::Openrc | Method::Procd | Method::Sysvinit => format!("/etc/init.d/{NAME}"),
        // Its folder is the service, and has more in it.
        Method::Runit => format!("/etc/sv/{NAME}/run"),
        _ => format!("/etc/systemd/system/{NAME}.service"),
    };
    Ok(Installation {
        method,
        bin: format!("{bin_folder}/{NAME}"),
        folder: "/etc/stardust".into(),
        unit,
        user: USER.into(),
    })
}

/// Where one goes that is installed by hand, as root, on a machine that nobody has looked at.
pub fn for_hand(method: Method) -> Installation {
    let (bin_folder, unit) = match method {
        Method::Procd => ("/usr/bin", format!("/etc/init.d/{NAME}")),
        Method::Openrc | Method::Sysvinit => ("/usr/local/bin", format!("/etc/init.d/{NAME}")),
        Method::Runit => ("/usr/local/bin", format!("/etc/sv/{NAME}/run")),
        _ => (
            "/usr/local/bin",
            format!("/etc/systemd/system/{NAME}.service"),
        ),
    };
    Installation {
        method,
        bin: format!("{bin_folder}/{NAME}"),
        folder: "/etc/stardust".into(),
        unit,
        user: USER.into(),
    }
}

/// Where it is already, as long as it can be there: else there would be two.
pub fn stay(
    facts: &Facts,
    chosen: Installation,
    known: &Installation,
    spider_bytes: u64,
) -> Installation {
    let needed = spider_bytes.saturating_mul(2) + MARGIN_BYTES;
    let folder = match known.bin_folder() {
        "/var/lib/stardust" => "/var/lib",
        folder => folder,
    };
    let alike = known.method == chosen.method && known.unit == chosen.unit;
    if alike && fits(facts, folder, needed).is_ok() {
        known.clone()
    } else {
        chosen
    }
}

fn for_user(facts: &Facts, needed: u64) -> Result<Installation, Fault> {
    if facts.init != "systemd" {
        return Err(Fault::new(
            Cause::NoPrivilege,
            format!(
                "Without root only systemd starts services, and this is {}.",
                facts.init
            ),
            "Log in as root, or give the sudo password.",
        ));
    }
    let home = facts.home.trim_end_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !home.starts_with('/') || home.contains("/..") || !home.chars().all(plain) {
        return Err(Fault::new(
            Cause::Unsupported,
            "The login has no home that a service could be put into.",
            "Log in as another user, or as root.",
        ));
    }
    fits(facts, home, needed)?;
    Ok(Installation {
        method: Method::SystemdUser,
        bin: format!("{home}/.local/bin/{NAME}"),
        folder: format!("{home}/.config/stardust"),
        unit: format!("{home}/.config/systemd/user/{NAME}.service"),
        user: String::new(),
    })
}

fn found<'a>(facts: &'a Facts, path: &str) -> Option<&'a Folder> {
    facts.folders.iter().find(|folder| folder.path == path)
}

/// What the node does not tell counts as good.
fn fits(facts: &Facts, path: &str, needed: u64) -> Result<(), Fault> {
    let Some(folder) = found(facts, path) else {
        return Ok(());
    };
    if folder.read_only {
        return Err(read_only(path));
    }
    if folder.noexec {
        return Err(Fault::new(
            Cause::Denied,
            format!("{path} is mounted so that nothing can be run from it (noexec)."),
            "Mount it without noexec for the installation.",
        ));
    }
    match folder.free_bytes {
        Some(free) if free < needed => Err(Fault::new(
            Cause::NoSpace,
            format!("{path} has {} KiB left.", free >> 10),
            format!("{} KiB are needed: free some.", needed >> 10),
        )),
        _ => Ok(()),
    }
}

fn read_only(path: &str) -> Fault {
    Fault::new(
        Cause::ReadOnly,
        format!("{path} is mounted read-only."),
        "Mount it writable for the installation.",
    )
}

/// Where the login may put what it uploads, before it is moved as root.
pub fn stage_folder(
    facts: &Facts,
    place: &Installation,
    as_root: bool,
    spider_bytes: u64,
) -> String {
    if as_root || !place.needs_root() {
        // Beside its place: moved there without a copy.
        return place.bin_folder().to_owned();
    }
    let room = |path: &str| {
        found(facts, path).is_none_or(|folder| {
            !folder.read_only
                && folder
                    .free_bytes
                    .is_none_or(|free| free > spider_bytes + MARGIN_BYTES)
        })
    };
    if room("/tmp") || facts.home.is_empty() || !room(&facts.home) {
        "/tmp".into()
    } else {
        facts.home.trim_end_matches('/').to_owned()
    }
}

/// All that [`stage_folder`] may have said but for the Spider's own folder.
pub fn stage_folders(facts: &Facts, place: &Installation, as_root: bool) -> Vec<String> {
    if as_root || !place.needs_root() {
        return Vec::new();
    }
    let home = facts.home.trim_end_matches('/');
    let mut folders = vec!["/tmp".to_owned()];
    folders.extend(
        Some(home)
            .filter(|home| !home.is_empty())
            .map(str::to_owned),
    );
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(init: &str) -> Facts {
        let folder = |path: &str| Folder {
            path: path.into(),
            free_bytes: Some(1 << 30),
            read_only: false,
            noexec: false,
        };
        Facts {
            init: init.into(),
            home: "/home/bowie".into(),
            folders: ["/usr/local/bin", "/etc", "/var/lib", "/tmp", "/home/bowie"]
                .map(folder)
                .to_vec(),
            ..Facts::default()
        }
    }

    fn change(facts: &mut Facts, path: &str, change: impl Fn(&mut Folder)) {
        change(facts.folders.iter_mut().find(|f| f.path == path).unwrap());
    }

    #[test]
    fn what_is_somewhere_stays_there_while_it_can() {
        let mut facts = facts("systemd");
        let chosen = choose(&facts, true, 1 << 20).unwrap();
        let known = Installation {
            bin: "/var/lib/stardust/stardust-spider".into(),
            ..chosen.clone()
        };
        assert_eq!(stay(&facts, chosen.clone(), &known, 1 << 20), known);
        change(&mut facts, "/var/lib", |folder| folder.read_only = true);
        assert_eq!(stay(&facts, chosen.clone(), &known, 1 << 20), chosen);
        let own = choose(&facts, false, 1 << 20).unwrap();
        assert_eq!(stay(&facts, own.clone(), &chosen, 1 << 20), own);
    }

    #[test]
    fn each_init_has_its_place() {
        for (init, root, bin, unit) in [
            (
                "systemd",
                true,
                "/usr/local/bin/stardust-spider",
                "/etc/systemd/system/stardust-spider.service",
            ),
            (
                "openrc",
                true,
                "/usr/local/bin/stardust-spider",
                "/etc/init.d/stardust-spider",
            ),
            (
                "procd",
                true,
                "/usr/bin/stardust-spider",
                "/etc/init.d/stardust-spider",
            ),
            (
                "sysvinit",
                true,
                "/usr/local/bin/stardust-spider",
                "/etc/init.d/stardust-spider",
            ),
            (
                "runit",
                true,
                "/usr/local/bin/stardust-spider",
                "/etc/sv/stardust-spider/run",
            ),
            (
                "systemd",
                false,
                "/home/bowie/.local/bin/stardust-spider",
                "/home/bowie/.config/systemd/user/stardust-spider.service",
            ),
        ] {
            let place = choose(&facts(init), root, 1 << 20).unwrap();
            assert_eq!((place.bin.as_str(), place.unit.as_str()), (bin, unit));
            assert_eq!(place.user.is_empty(), !root);
        }
        assert_eq!(
            choose(&facts("busybox"), true, 1).unwrap_err().cause,
            Cause::Unsupported
        );
        assert_eq!(
            choose(&facts("openrc"), false, 1).unwrap_err().cause,
            Cause::NoPrivilege
        );
    }

    #[test]
    fn a_read_only_or_full_usr_is_gone_around() {
        for break_it in [
            (|f: &mut Folder| f.read_only = true) as fn(&mut Folder),
            |f| f.noexec = true,
            |f| f.free_bytes = Some(1 << 20),
        ] {
            let mut facts = facts("systemd");
            change(&mut facts, "/usr/local/bin", break_it);
            assert_eq!(
                choose(&facts, true, 1 << 20).unwrap().bin,
                "/var/lib/stardust/stardust-spider"
            );
            change(&mut facts, "/var/lib", break_it);
            assert!(
                choose(&facts, true, 1 << 20)
                    .unwrap_err()
                    .detail
                    .contains("/usr/local/bin")
            );
        }
        let mut facts = facts("systemd");
        change(&mut facts, "/etc", |f| f.read_only = true);
        assert_eq!(choose(&facts, true, 1).unwrap_err().cause, Cause::ReadOnly);
    }

    #[test]
    fn odd_homes_are_refused() {
        for home in [
            "", "relative", "/a b", "/a%h", "/a'b", "/a/../b", "/a\nb", "/$HOME",
        ] {
            let mut facts = facts("systemd");
            facts.home = home.into();
            assert!(choose(&facts, false, 1).is_err(), "{home}");
        }
    }

    #[test]
    fn uploads_go_where_there_is_room() {
        let mut facts = facts("systemd");
        let place = choose(&facts, true, 1 << 20).unwrap();
        assert_eq!(
            stage_folder(&facts, &place, true, 1 << 20),
            "/usr/local/bin"
        );
        assert_eq!(stage_folder(&facts, &place, false, 1 << 20), "/tmp");
        change(&mut facts, "/tmp", |f| f.free_bytes = Some(4096));
        assert_eq!(stage_folder(&facts, &place, false, 1 << 20), "/home/bowie");
    }
}
