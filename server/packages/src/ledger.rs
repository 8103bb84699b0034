//! What a piece of work has changed, by the manager's own database before and after.
//! Pure, but for the script that writes the first of the two down.
//!
//! What a tool prints is what it meant to do: it says that a package is being removed,
//! and then its script fails; it unpacks one, and the power goes. So the node notes
//! what is installed right before anything is changed, when it has waited for whoever
//! else was at work, and both are compared.

use std::collections::BTreeMap;

use super::limits::NOTES_MAX;
use super::model::Outcome;
use super::sections::Sections;
use super::text::{field, lines};

/// Behind a `ledger` that prints `name|version|arch|state`: notes it in the folder of
/// the work. Where that can't be done the work is done all the same.
pub const NOTE: &str = r#"
ledger 2>/dev/null >"${0%/*}/before.part" && mv "${0%/*}/before.part" "${0%/*}/before" || rm -f "${0%/*}/before.part"
exit 0
"#;

/// Behind the same `ledger`: `$1` is the number of the work.
pub const COMPARE: &str = r#"
quiet before cat "/var/lib/stardust-jobs/$1/before"
quiet now ledger
"#;

/// In which state an entry of the database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Whole,
    /// Neither here nor there: unpacked and not set up, or half removed.
    Torn,
    /// Only its settings are left, or nothing.
    Absent,
}

/// Some managers keep several versions of one package beside each other.
type Versions = Vec<(String, State)>;
type Ledger = BTreeMap<(String, String), Versions>;

fn read(text: &str, state: &dyn Fn(&str) -> State) -> Ledger {
    let mut all = Ledger::new();
    for line in lines(text) {
        let mut fields = line.splitn(4, '|');
        let (Some(name), Some(version), Some(arch)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let state = state(fields.next().unwrap_or("").trim_end());
        if state == State::Absent || name.is_empty() || name == "gpg-pubkey" {
            continue;
        }
        let entry = all.entry((name.to_owned(), arch.to_owned())).or_default();
        entry.push((version.to_owned(), state));
    }
    for versions in all.values_mut() {
        versions.sort_by(|a, b| a.0.cmp(&b.0));
    }
    all
}

/// What is different afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub upgraded: Vec<String>,
    pub installed: Vec<String>,
    pub removed: Vec<String>,
    /// Torn before, and whole now.
    pub finished: Vec<String>,
    /// Changed, and not whole, with what is wrong.
    pub torn: Vec<(String, &'static str)>,
}

/// None where one of the two is not known.
pub fn changes(said: &Sections, state: &dyn Fn(&str) -> State) -> Option<Changes> {
    let good = |name| said.code(name) == Some(0) && !said.text(name).trim().is_empty();
    if !good("before") || said.code("now") != Some(0) {
        return None;
    }
    let (before, now) = (
        read(said.text("before"), state),
        read(said.text("now"), state),
    );
    Some(compare(&before, &now))
}

fn compare(before: &Ledger, now: &Ledger) -> Changes {
    let mut changes = Changes::default();
    let nothing = Versions::new();
    for (key @ (name, _), is) in now {
        let was = before.get(key).unwrap_or(&nothing);
        if was == is {
            continue;
        }
        let had = |version: &String| was.iter().any(|(known, _)| known == version);
        let new = is.iter().any(|(version, _)| !had(version));
        let stayed = is.iter().any(|(version, _)| had(version));
        if is
            .iter()
            .any(|entry| entry.1 == State::Torn && !was.contains(entry))
        {
            changes
                .torn
                .push((name.clone(), "it is not set up to the end"));
        } else if was.is_empty() {
            changes.installed.push(name.clone());
        } else if new && stayed && !side_by_side(name) {
            changes.torn.push((
                name.clone(),
                "the old version is there too: its upgrade was cut off",
            ));
        } else if new && stayed {
            changes.installed.push(name.clone());
        } else if new {
            changes.upgraded.push(name.clone());
        } else if is.len() < was.len() {
            changes.removed.push(name.clone());
        } else {
            changes.finished.push(name.clone());
        }
    }
    let gone = before.keys().filter(|key| !now.contains_key(*key));
    for (name, _) in gone {
        // As the same for another architecture it has been replaced.
        if let Some(at) = changes.installed.iter().position(|new| new == name) {
            changes.installed.remove(at);
            changes.upgraded.push(name.clone());
        } else {
            changes.removed.push(name.clone());
        }
    }
    changes
}

/// Whose old versions are meant to stay.
fn side_by_side(name: &str) -> bool {
    name.starts_with("kernel") || name.starts_with("kmod-") || name.starts_with("installonly")
}

impl Changes {
    /// Corrects what was read out of the output.
    pub fn correct(&self, outcome: &mut Outcome) {
        outcome.upgraded = self.upgraded.len() as u32;
        outcome.installed = self.installed.len() as u32;
        outcome.removed = self.removed.len() as u32;
        outcome.finished = self.finished.len() as u32;
        for (name, why) in self.torn.iter().take(NOTES_MAX) {
            outcome.fail(&field(name), why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Manager;
    use super::*;

    fn seen(manager: Manager, before: &str, now: &str) -> Changes {
        let said = Sections::single("before", before, 0).and("now", now, 0);
        let backend = manager.backend();
        changes(&said, &|state| backend.state(state)).unwrap()
    }

    #[test]
    fn dpkg_by_its_states() {
        let before = "a|1|amd64|ii \nb|1|amd64|ii \nc|1|all|ii \nd|1|all|ii \ne|1|all|ii \nf|1|all|rc \n\
                      g|2|all|iU \nh|1|all|ii \ni|1|all|ii \n";
        // a upgraded, b left unpacked by a power cut, c removed, d's removal failed in its
        // script, e half removed, f installed, g set up, h held now, i as it was.
        let now = "a|2|amd64|ii \nb|2|amd64|iU \nc|1|all|rc \nd|1|all|ri \ne|1|all|rH \nf|1|all|ii \n\
                   g|2|all|ii \nh|1|all|hi \ni|1|all|ii \n";
        let seen = seen(Manager::Apt, before, now);
        assert_eq!(seen.upgraded, ["a"]);
        assert_eq!(seen.removed, ["c"]);
        assert_eq!(seen.installed, ["f"]);
        assert_eq!(seen.finished, ["g"]);
        let torn: Vec<_> = seen.torn.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(torn, ["b", "e"]);
        let mut outcome = Outcome {
            upgraded: 9,
            removed: 3,
            ..Outcome::default()
        };
        seen.correct(&mut outcome);
        assert_eq!(
            (outcome.upgraded, outcome.installed, outcome.removed),
            (1, 1, 1)
        );
        assert_eq!(outcome.failed.len(), 2);
    }

    #[test]
    fn two_architectures_are_two_packages_and_a_change_of_it_is_an_upgrade() {
        let before = "libc6|1|amd64|ii \nlibc6|1|i386|ii \nx|1|amd64|ii \n";
        let now = "libc6|2|amd64|ii \nlibc6|2|i386|ii \nx|2|all|ii \n";
        let seen = seen(Manager::Apt, before, now);
        assert_eq!(seen.upgraded, ["libc6", "libc6", "x"]);
        assert!(seen.removed.is_empty() && seen.installed.is_empty());
    }

    #[test]
    fn an_rpm_that_is_there_twice_was_cut_off_but_for_kernels() {
        for manager in [Manager::Dnf, Manager::Dnf5, Manager::Yum, Manager::Zypper] {
            let before =
                "a|1-1|noarch|\nb|1-1|noarch|\nkernel-core|6.1-1|x86_64|\ngpg-pubkey|1|(none)|\n";
            let now = "a|1-1|noarch|\na|2-1|noarch|\nb|2-1|noarch|\nkernel-core|6.1-1|x86_64|\n\
                       kernel-core|6.2-1|x86_64|\ngpg-pubkey|1|(none)|\ngpg-pubkey|2|(none)|\n";
            let seen = seen(manager, before, now);
            assert_eq!(seen.upgraded, ["b"], "{manager:?}");
            assert_eq!(seen.installed, ["kernel-core"]);
            assert_eq!(seen.torn[0].0, "a");
            // A script that fails on removal leaves it where it is.
            let same = self::seen(manager, before, before);
            assert_eq!(same, Changes::default());
        }
    }

    #[test]
    fn pacman_apk_and_opkg_by_what_they_write_down() {
        let pacman = seen(
            Manager::Pacman,
            "a|1-1||\nb|1-1||\n",
            "a|2-1||torn\nb|2-1||\nc|1-1||\n",
        );
        assert_eq!(
            (&pacman.upgraded[..], &pacman.installed[..]),
            (&["b".to_owned()][..], &["c".to_owned()][..])
        );
        assert_eq!(pacman.torn[0].0, "a");
        let apk = seen(
            Manager::Apk,
            "a|1-r0|x86_64|\nb|1-r0|x86_64|\n",
            "a|2-r0|x86_64|s\nb|2-r0|x86_64|\n",
        );
        assert_eq!(apk.upgraded, ["b"]);
        assert_eq!(apk.torn[0].0, "a");
        let opkg = seen(
            Manager::Opkg,
            "a|1-1|all|installed\nb|1-1|all|installed\nc|1-1|all|installed\n",
            "a|2-1|all|unpacked\nb|2-1|all|installed\nc|1-1|all|not-installed\n",
        );
        assert_eq!(
            (&opkg.upgraded[..], &opkg.removed[..]),
            (&["b".to_owned()][..], &["c".to_owned()][..])
        );
        assert_eq!(opkg.torn[0].0, "a");
    }

    #[test]
    fn what_is_not_known_is_not_compared() {
        let state = |_: &str| State::Whole;
        let both = Sections::single("before", "a|1||\n", 0).and("now", "a|1||\n", 0);
        assert_eq!(changes(&both, &state), Some(Changes::default()));
        let none = Sections::single("before", "", 1).and("now", "a|1||\n", 0);
        assert_eq!(changes(&none, &state), None);
        let cut = Sections::single("before", "a|1||\n", 0);
        assert_eq!(changes(&cut, &state), None);
    }

    /// The scripts run, with the fields in their places.
    #[test]
    fn each_ledger_is_a_script() {
        use std::io::Write as _;
        use std::process::{Command, Stdio};
        for manager in Manager::ALL {
            let mut text = manager.backend().ledger().concat();
            text.push_str(NOTE);
            let mut child = Command::new("sh")
                .arg("-n")
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
            assert!(child.wait().unwrap().success(), "{manager:?}: {text}");
        }
    }

    /// As apk and opkg write their databases.
    #[test]
    fn databases_are_read_as_they_are_written() {
        let run = |manager: Manager, from: &str, file: &str, content: &str| {
            let folder = stardust_base::testing::Folder::new();
            let path = folder.join("db");
            std::fs::write(&path, content).unwrap();
            let mut script = manager.backend().ledger().concat();
            assert!(script.contains(from), "{script}");
            script = script.replace(file, path.to_str().unwrap());
            script.push_str("\nledger\n");
            let told = std::process::Command::new("sh")
                .arg("-c")
                .arg(script)
                .output();
            String::from_utf8(told.unwrap().stdout).unwrap()
        };
        let apk = "C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\nF:lib\nR:libc.so\n\nC:Q1y=\nP:labtool\nV:2.0-r0\nA:noarch\nf:s\n\n";
        assert_eq!(
            run(
                Manager::Apk,
                "/lib/apk/db/installed",
                "/lib/apk/db/installed",
                apk
            ),
            "musl|1.2.4-r2|x86_64|\nlabtool|2.0-r0|noarch|s\n"
        );
        let opkg = "Package: libc\nVersion: 1:1.1-1\nDepends: x\nStatus: install hold installed\nArchitecture: mips\n\n\
                    Package: lab\nVersion: 2\nStatus: install user half-configured\nArchitecture: all\n\n";
        assert_eq!(
            run(
                Manager::Opkg,
                "/usr/lib/opkg/status",
                "/usr/lib/opkg/status",
                opkg
            ),
            "libc|1:1.1-1|mips|installed\nlab|2|all|half-configured\n"
        );
    }
}
