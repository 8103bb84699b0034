//! What to do where a manager gives up for a reason that it does not explain: a
//! signature by a key that the node does not know, a full disk. Pure.
//!
//! Ground Control never answers a manager's question whether a key is to be
//! trusted: it can't know. Each manager is told in its own way to take none.

use super::Manager;
use super::facts::Facts;
use super::model::Refused;
use super::text::{field, lines};

/// By what a manager says when it does not trust what it fetched.
fn distrust(manager: Manager) -> &'static [&'static str] {
    match manager {
        Manager::Apt => &[
            "NO_PUBKEY ",
            "EXPKEYSIG ",
            "REVKEYSIG ",
            "BADSIG ",
            "the public key is not available",
            " is not signed.",
            "is no longer signed.",
            "unauthenticated packages and -y was used",
        ],
        Manager::Dnf | Manager::Dnf5 | Manager::Yum => &[
            "Public key for ",
            "Public key is not installed",
            "GPG check FAILED",
            "PGP check for package",
            "Didn't install any keys",
            "GPG signature verification error",
            "Signing key not found",
            "Refusing to automatically import keys",
            "enabled checking of packages via GPG keys",
            "trusted-by-people-only",
            "are already installed but they are not correct for this package",
            " is not signed",
        ],
        Manager::Zypper => &[
            "Signature verification failed",
            "signed with an unknown key",
            "signature verification failed",
            "is unsigned, continue?",
            "is not signed!",
            "signing key received",
            "Signature verification for",
            "public key is not available",
        ],
        Manager::Pacman => &[
            ": key \"",
            "required key missing from keyring",
            " is unknown trust",
            " is marginal trust",
            "missing required signature",
            "Import PGP key",
            "(PGP signature)",
            "keyring is not writable",
        ],
        Manager::Apk => &["UNTRUSTED signature", "BAD signature"],
        Manager::Opkg => &["Signature check failed", "ignature verification failed"],
    }
}

/// How a person makes a key known there.
fn trust(manager: Manager) -> &'static str {
    match manager {
        Manager::Apt => {
            "Compare the key's fingerprint with the one that the repository's owner publishes, put \
             the key into /etc/apt/keyrings on the node, name it with signed-by in the \
             repository's entry, and refresh."
        }
        Manager::Dnf | Manager::Dnf5 | Manager::Yum => {
            "Compare the fingerprint of the repository's gpgkey with the one that its owner \
             publishes, run `rpm --import KEY` on the node (for a signed index run `dnf makecache` \
             there and answer its question), and start again."
        }
        Manager::Zypper => {
            "Run `zypper refresh` on the node, compare the fingerprint that it shows with the one \
             that the repository's owner publishes, trust it there, and start again."
        }
        Manager::Pacman => {
            "Upgrade archlinux-keyring on the node, or run `pacman-key --init` and `pacman-key \
             --populate` where there is no keyring yet; for another repository add its key with \
             `pacman-key --add` and `--lsign-key` after comparing the fingerprint."
        }
        Manager::Apk => {
            "Put the repository's public key into /etc/apk/keys on the node after comparing it \
             with what its owner publishes."
        }
        Manager::Opkg => {
            "Put the repository's public key into /etc/opkg/keys on the node after comparing it \
             with what its owner publishes."
        }
    }
}

const FULL: [&str; 10] = [
    "No space left on device",
    "You don't have enough free space in ",
    "more space needed on the ",
    " more space on the ",
    "not enough free disk space",
    "Not enough free space",
    "Only have ",
    " too full: ",
    "(Write failed)",
    "database or disk is full",
];

/// The first line that says why, with what to do about it.
pub fn read(manager: Manager, text: &str) -> Option<Refused> {
    let signs = distrust(manager);
    lines(text).find_map(|line| {
        if FULL.iter().any(|sign| line.contains(sign)) {
            // opkg: `Only have 96kb available on filesystem /overlay, pkg x needs 120`
            let other = line.contains("Only have ") && !line.contains("available on filesystem");
            return (!other).then(|| full(&words(line)));
        }
        if manager == Manager::Apt && renamed(line) {
            return Some(Refused::new(
                "changed",
                format!(
                    "A repository says something else of itself than before: {}",
                    words(line)
                ),
                "If that is so (a distribution renames its releases when there is a new one), \
                 accept it on the node with `apt-get update --allow-releaseinfo-change`, and \
                 refresh; otherwise look what its entry in /etc/apt points at.",
            ));
        }
        signs.iter().any(|sign| line.contains(sign)).then(|| {
            Refused::new(
                "untrusted",
                format!(
                    "What was fetched is not signed by a key that the node trusts, and Ground \
                     Control accepts none by itself: {}",
                    words(line)
                ),
                trust(manager),
            )
        })
    })
}

/// `E: Repository '…' changed its 'Suite' value from 'stable' to 'oldstable'`; as a mere
/// note apt has accepted it.
fn renamed(line: &str) -> bool {
    line.starts_with("E: ") && line.contains(" changed its '") && line.contains("' value from '")
}

/// Less than this is full: a manager writes more for any package.
const FULL_BYTES: u64 = 256 << 10;

/// The same by what is left on the disks after it.
pub fn full_disk(facts: &Facts) -> Option<Refused> {
    let disk = ["/", "/usr", "/var", "/var/cache", "/boot", "/overlay"]
        .iter()
        .filter_map(|path| facts.space.iter().find(|disk| disk.path == *path))
        .find(|disk| disk.free_bytes < FULL_BYTES && disk.total_bytes > FULL_BYTES)?;
    Some(full(&format!(
        "{} has {} KiB left.",
        disk.path,
        disk.free_bytes >> 10
    )))
}

fn full(words: &str) -> Refused {
    Refused::new(
        "no_space",
        format!("A disk of the node is full: {words}"),
        "Make room (clean the cache, remove old kernels or packages), look whether something is \
         offered for repair, and start again.",
    )
}

fn words(line: &str) -> String {
    field(
        line.trim_start_matches("E: ")
            .trim_start_matches("W: ")
            .trim_start_matches("error: ")
            .trim_start_matches("Error: "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::golden::sample;

    #[test]
    fn a_key_nobody_knows_is_explained() {
        for (manager, line) in [
            (
                Manager::Apt,
                "W: GPG error: file:/pk/deb2 ./ InRelease: The following signatures couldn't be \
                 verified because the public key is not available: NO_PUBKEY 0E98404D386FA1D9",
            ),
            (
                Manager::Dnf,
                "Public key for labtool-2.0-1.noarch.rpm is not installed",
            ),
            (
                Manager::Zypper,
                "labtool-2.0-1.noarch (lab): Signature verification failed [4-Signatures public \
                 key is not available]",
            ),
            (
                Manager::Pacman,
                "error: lab: key \"0E98404D386FA1D9\" is unknown",
            ),
        ] {
            let advice = read(manager, &format!("before\n{line}\nafter")).unwrap();
            assert_eq!(advice.kind, "untrusted", "{manager:?}");
            assert!(!advice.hint.is_empty());
        }
        let apk = read(Manager::Apk, &sample("apk-upgrade-untrusted")).unwrap();
        assert_eq!(apk.kind, "untrusted");
    }

    #[test]
    fn a_release_that_was_renamed_says_how_that_is_accepted() {
        for what in ["Origin", "Label", "Suite", "Codename", "Version"] {
            let line = format!(
                "Repository 'http://deb.example.org stable InRelease' changed its '{what}' value \
                 from 'one' to 'two'"
            );
            let told = read(Manager::Apt, &format!("Get:1\nE: {line}\nN: This must be")).unwrap();
            assert_eq!(told.kind, "changed");
            assert!(told.message.contains(&line), "{told:?}");
            assert!(told.hint.contains("--allow-releaseinfo-change"), "{told:?}");
            assert_eq!(read(Manager::Apt, &format!("N: {line}")), None);
            assert_eq!(read(Manager::Dnf, &format!("E: {line}")), None);
        }
    }

    #[test]
    fn a_full_disk_is_told() {
        for line in [
            "E: You don't have enough free space in /var/cache/apt/archives/.",
            "  At least 12MB more space needed on the / filesystem.",
            "error: Partition / too full: 976563 blocks needed, 12 blocks free",
            "Only have 96kb available on filesystem /overlay, pkg labbig needs 120",
            "error: could not extract /usr/share/lab/labdep (Write failed)",
            "Error: SQLite error on \"/var/lib/dnf/history.sqlite\": Reading a row failed: database or disk is full",
            "cp: write error: No space left on device",
        ] {
            assert_eq!(read(Manager::Apt, line).unwrap().kind, "no_space", "{line}");
        }
        assert_eq!(read(Manager::Opkg, "Only have fun"), None);
    }

    #[test]
    fn a_full_disk_is_seen() {
        use super::super::facts::Disk;
        let disk = |path: &str, free_bytes, total_bytes| Disk {
            path: path.into(),
            free_bytes,
            total_bytes,
        };
        let facts = |disk| Facts {
            space: vec![disk],
            ..Facts::default()
        };
        let told = full_disk(&facts(disk("/var", 8 << 10, 1 << 30))).unwrap();
        assert_eq!(told.kind, "no_space");
        assert!(told.message.contains("/var has 8 KiB left"), "{told:?}");
        assert_eq!(full_disk(&facts(disk("/", 1 << 20, 1 << 30))), None);
        // A read-only image is full by its nature, and no package is put there.
        assert_eq!(full_disk(&facts(disk("/rom", 0, 1 << 30))), None);
        assert_eq!(full_disk(&Facts::default()), None);
    }

    #[test]
    fn what_went_well_gives_no_advice() {
        for (manager, of) in [
            (Manager::Apt, "apt-run"),
            (Manager::Apt, "apt-update"),
            (Manager::Dnf, "dnf-run"),
            (Manager::Dnf, "dnf-upgrade"),
            (Manager::Zypper, "zypper-run"),
            (Manager::Pacman, "pacman-run"),
            (Manager::Pacman, "pacman-Syu"),
            (Manager::Apk, "apk-upgrade"),
            (Manager::Opkg, "opkg-upgrade"),
        ] {
            assert_eq!(read(manager, &sample(of)), None, "{of}");
        }
    }

    /// Whatever else changes: no manager is told to look away.
    #[test]
    fn no_check_of_signatures_is_ever_left_out() {
        use super::super::request::{Action, PackageRequest};
        for manager in Manager::ALL {
            let backend = manager.backend();
            for action in backend.actions() {
                let named = [
                    Action::Install,
                    Action::Remove,
                    Action::Hold,
                    Action::Unhold,
                ];
                let names: &[String] = if named.contains(action) {
                    &["lab".to_owned()]
                } else {
                    &[]
                };
                let what = (*action == Action::Repair).then(|| backend.repairs()[0]);
                let request = PackageRequest::new(manager, *action, names, false, what).unwrap();
                for phase in backend.phases(&request).unwrap() {
                    let text = String::from_utf8_lossy(phase.command.text()).into_owned();
                    for bad in [
                        "gpg-checks",
                        "nogpgcheck",
                        "no-gpgchecks",
                        "gpg-auto-import",
                        "allow-unauth",
                        "allow-untrusted",
                        "allow-insecure",
                        "force-yes",
                        "SigLevel",
                        "nosignature",
                    ] {
                        assert!(!text.contains(bad), "{manager:?} {action:?}: {bad}");
                    }
                    let dnf = matches!(manager, Manager::Dnf | Manager::Dnf5 | Manager::Yum);
                    if dnf && text.contains(" -y ") {
                        assert!(
                            text.contains("'--setopt=*.gpgkey=file:///trusted-by-people-only'"),
                            "{action:?}: {text}"
                        );
                    }
                    if manager == Manager::Pacman && text.contains("-Sy") {
                        assert!(text.contains("--ask 64"), "{action:?}: {text}");
                    }
                }
            }
        }
    }
}
