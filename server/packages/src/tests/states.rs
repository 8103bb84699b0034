//! Each manager where something is held, half-way, refused or still at work.

use super::golden::sample;
use super::managers::{RPMS, names, preview, request, section, survey};
use crate::model::Track;
use crate::request::Action;
use crate::sections::Sections;
use crate::text::lines;
use crate::{Manager, preflight};

/// The last script runs, and may for long: it is not all done yet.
#[test]
fn a_bar_is_not_full_while_something_runs() {
    for (manager, of) in [
        (Manager::Apt, "apt-run"),
        (Manager::Dnf, "dnf-upgrade"),
        (Manager::Dnf5, "dnf5-install-v1"),
        (Manager::Zypper, "zypper-update"),
        (Manager::Pacman, "pacman-run"),
        (Manager::Apk, "apk-upgrade"),
    ] {
        let mut track = Track::default();
        for line in lines(&sample(of)) {
            manager.backend().progress(line, &mut track);
            let (done, total) = track.under_way();
            assert!(total == 0 || done < total, "{of}: {line}");
        }
        assert!(track.total > 0, "{of}");
        let (done, total) = track.under_way();
        assert_eq!(done + 1, total, "{of}");
    }
}

/// From 1.14.60 or so on the problem is in what zypper would ask.
#[test]
fn zypper_tells_its_problem_wherever_it_is() {
    let refusal = |text: &str| {
        let said = Sections::single("sim", text, 4);
        let seen = preview(Manager::Zypper, Action::Install, &["labtool"], &said);
        seen.refused.unwrap()
    };
    let head = "<?xml version='1.0'?>\n<stream>\n<message type=\"info\">Loading repository data...</message>\n\
                <message type=\"info\">Resolving package dependencies...</message>\n";
    let problem = "Problem: 1: nothing provides &apos;labgone &gt;= 2&apos; needed by the to be installed labtool-2.0-1.noarch\n \
                   Solution 1: do not install labtool-2.0-1.noarch\n Solution 2: break labtool\n";
    let asked = format!(
        "{head}<prompt id=\"12\">\n<description>{problem}</description>\n<text>Choose from above \
         solutions by number or cancel</text>\n<option value=\"1\" desc=\"\"/>\n</prompt>\n</stream>\n"
    );
    let told = refusal(&asked);
    assert_eq!(told.kind, "broken", "{told:?}");
    assert!(
        told.message.ends_with(
            "nothing provides 'labgone >= 2' needed by the to be installed labtool-2.0-1.noarch"
        ),
        "{told:?}"
    );
    let message = format!("{head}<message type=\"info\">{problem}</message>\n</stream>\n");
    assert!(refusal(&message).message.contains("nothing provides"));
    let error = format!(
        "{head}<message type=\"error\">No provider of &apos;x&apos; found.</message>\n</stream>\n"
    );
    assert_eq!(refusal(&error).kind, "not_found");
    // Whatever it says, it is never a tag.
    for text in [head, "<stream>\n</stream>\n", "</stream>", ""] {
        let told = refusal(text);
        assert!(!told.message.contains('<'), "{told:?}");
    }
}

#[test]
fn what_is_held_stays_in_the_list() {
    let line = |name: &str| format!("{name}|2.0-1|noarch|lab\n");
    // dnf 4 and yum are asked without their plugin; dnf 5 a second time.
    let said = Sections::single("list", &(line("lablib") + &line("labtool")), 0)
        .and("rpm", RPMS, 0)
        .and("held", "labtool-0:1.0-1.*\n", 0);
    let listing = survey(Manager::Dnf, &said);
    let held: Vec<_> = listing.upgradable.iter().map(|u| u.held).collect();
    assert_eq!(held, [false, true]);
    assert_eq!(listing.held, ["labtool"]);

    let said = Sections::single("list", &line("lablib"), 0)
        .and("unlocked", &(line("lablib") + &line("python3-lab-tool")), 0)
        .and(
            "rpm",
            &(RPMS.to_owned() + "python3-lab-tool|1.0-1|noarch|1\n"),
            0,
        )
        .and("held", "python3-lab-tool\n", 0);
    let listing = survey(Manager::Dnf5, &said);
    assert_eq!(names(&listing.upgradable), ["lablib", "python3-lab-tool"]);
    assert!(listing.upgradable[1].held && !listing.upgradable[0].held);
    assert_eq!(listing.upgradable[1].installed.as_deref(), Some("1.0-1"));
    assert_eq!(listing.held, ["python3-lab-tool"]);

    let list = sample("zypper-xml-updates");
    let only = list.replace("name=\"lablib\"", "name=\"labother\"");
    let said = Sections::single("list", &only, 0).and("all", &list, 0).and(
        "held",
        &sample("zypper-locks").replace("labheld", "lablib"),
        0,
    );
    let listing = survey(Manager::Zypper, &said);
    let lib = listing
        .upgradable
        .iter()
        .find(|u| u.name == "lablib")
        .unwrap();
    assert!(lib.held && !lib.full_only);
    // What only `dup` takes is marked, what nothing takes is no upgrade.
    let said = Sections::single("list", &only, 0).and("all", &list, 0).and(
        "full",
        &sample("zypper-xml-dry-dup"),
        0,
    );
    let listing = survey(Manager::Zypper, &said);
    let lib = listing
        .upgradable
        .iter()
        .find(|u| u.name == "lablib")
        .unwrap();
    assert!(lib.full_only && !lib.held);
    let said = Sections::single("list", &only, 0).and("all", &list, 0);
    assert!(
        survey(Manager::Zypper, &said)
            .upgradable
            .iter()
            .all(|u| u.name != "lablib")
    );
}

#[test]
fn apt_marks_what_only_a_full_upgrade_brings() {
    let full = sample("apt-s-full");
    let plain = full.replace("Inst labtool [", "Left labtool [");
    let said = section("list", "apt-list")
        .and("sim", &full, 0)
        .and("plain", &plain, 0)
        .and("held", "labheld\n", 0);
    let listing = survey(Manager::Apt, &said);
    let only: Vec<_> = listing.upgradable.iter().filter(|u| u.full_only).collect();
    assert_eq!(only.len(), 1);
    assert_eq!(only[0].name, "labtool");
    let advised = said.and("kin", "Raspberry Pi OS\n", 0);
    let listing = survey(Manager::Apt, &advised);
    assert_eq!(listing.full_advised.as_deref(), Some("Raspberry Pi OS"));
}

#[test]
fn what_dpkg_wants_is_what_is_offered() {
    let offered = |states: &str, audit: &str, journal: &str| -> Vec<(String, bool, String)> {
        let said = section("list", "apt-list-upgradable-none")
            .and("states", states, 0)
            .and("audit", audit, 0)
            .and("journal", journal, 0);
        let repair = survey(Manager::Apt, &said).repair;
        repair
            .into_iter()
            .map(|r| (r.what, r.blocks, r.detail))
            .collect()
    };
    let what = |all: &[(String, bool, String)]| -> Vec<(String, bool)> {
        all.iter()
            .map(|(what, blocks, _)| (what.clone(), *blocks))
            .collect()
    };
    assert_eq!(offered("", "", "0\n"), []);
    // The new version of it may well be the cure: nothing is refused.
    let half = offered("iF |labbroken\niU |labdep\n", "", "0\n");
    assert_eq!(what(&half), [("dpkg_configure".to_owned(), false)]);
    assert!(half[0].2.contains("labbroken, labdep"));
    let cut = offered("", "", "2\n");
    assert_eq!(what(&cut), [("dpkg_configure".to_owned(), true)]);
    let torn = offered("iHR|labtool\niH |lablib:amd64\niF |labbroken\n", "", "0\n");
    assert_eq!(
        what(&torn),
        [
            ("dpkg_configure".to_owned(), false),
            ("reinstall".to_owned(), true)
        ]
    );
    assert!(torn[1].2.contains("labtool, lablib:amd64"), "{torn:?}");
    let files = "The following packages are missing the list control file in the\ndatabase, they need to be \
                 reinstalled:\n labconf              lab test package\n\nThe following packages have an unknown \
                 foreign architecture:\n labodd               x\n";
    let lost = offered("", files, "0\n");
    assert_eq!(what(&lost), [("reinstall".to_owned(), true)]);
    assert!(lost[0].2.ends_with(": labconf."), "{lost:?}");
}

/// A preview refuses with the repair, and asks the node for nothing.
#[test]
fn what_blocks_a_manager_is_said_before_anything_is_begun() {
    use crate::facts::Facts;
    use crate::model::Repair;
    let facts = |repair| Facts {
        repair: vec![repair],
        ..Facts::default()
    };
    let repair = Repair::new("dpkg_configure", "Finish what was begun", "It was cut off.");
    assert_eq!(preflight::blocked(&facts(repair.clone())), None);
    let refused = preflight::blocked(&facts(repair.clone().blocking())).unwrap();
    assert_eq!(
        (refused.kind, refused.repair.unwrap().what.as_str()),
        ("repair", "dpkg_configure")
    );
    assert!(
        refused
            .message
            .contains("It was cut off. Finish what was begun"),
        "{}",
        refused.message
    );
    // Where nothing else is to be done it is not passed over: a second try ends there.
    let half = facts(repair.clone());
    let none = Sections::single("sim", "", 0);
    for (action, said) in [(Action::Upgrade, true), (Action::Autoremove, false)] {
        let mut seen = preview(Manager::Apt, action, &[], &none);
        preflight::check(&request(Manager::Apt, action, &[]), &half, &mut seen);
        assert!(seen.nothing);
        assert_eq!(seen.refused.is_some(), said, "{action:?}");
        let Some(refused) = seen.refused else {
            continue;
        };
        assert_eq!(refused.repair.unwrap().what, "dpkg_configure");
        assert!(
            refused.message.contains("It was cut off."),
            "{}",
            refused.message
        );
    }
    assert!(preflight::nothing(&half).refused.is_some());
    assert!(preflight::nothing(&Facts::default()).nothing);
    // Held packages are not upgraded because they are named.
    let held = Facts {
        held: vec!["labtool".into()],
        ..Facts::default()
    };
    let said = section("sim", "apt-s-upgrade");
    let mut seen = preview(Manager::Apt, Action::Upgrade, &["labtool"], &said);
    preflight::check(
        &request(Manager::Apt, Action::Upgrade, &["labtool"]),
        &held,
        &mut seen,
    );
    assert_eq!(seen.refused.unwrap().kind, "held");
}
