//! Each manager against what the real tool printed.

use super::golden::{recorded, sample};
use crate::model::{Listing, Outcome, Preview, Track, Upgrade};
use crate::request::{Action, PackageRequest};
use crate::sections::Sections;
use crate::text::lines;
use crate::{Manager, preflight};

pub fn section(name: &str, of: &str) -> Sections {
    let (text, code) = recorded(of);
    Sections::single(name, &text, code)
}

pub fn request(manager: Manager, action: Action, names: &[&str]) -> PackageRequest {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    PackageRequest::new(manager, action, &names, false, None).unwrap()
}

pub fn survey(manager: Manager, said: &Sections) -> Listing {
    manager.backend().read_survey(said).unwrap()
}

pub fn preview(manager: Manager, action: Action, names: &[&str], said: &Sections) -> Preview {
    let request = request(manager, action, names);
    manager.backend().read_preview(said, &request)
}

pub fn names(upgrades: &[Upgrade]) -> Vec<&str> {
    upgrades
        .iter()
        .map(|upgrade| upgrade.name.as_str())
        .collect()
}

/// Lines are `name installed>new`.
fn versions(upgrades: &[Upgrade]) -> Vec<String> {
    upgrades
        .iter()
        .map(|u| {
            let old = u.installed.as_deref().unwrap_or("");
            format!("{} {old}>{}", u.name, u.new)
        })
        .collect()
}

fn track(manager: Manager, of: &str) -> Track {
    let mut track = Track::default();
    for line in lines(&sample(of)) {
        manager.backend().progress(line, &mut track);
    }
    track
}

fn outcome(manager: Manager, of: &str) -> Outcome {
    manager.backend().outcome(&sample(of))
}

const TWO: [&str; 2] = ["lablib 1.0-1>2.0-1", "labtool 1.0-1>2.0-1"];
pub const RPMS: &str = "lablib|1.0-1|noarch|25\nlabtool|1.0-1|noarch|26\nlabnew|1.0-1|noarch|26\n";

#[test]
fn apt_lists() {
    for of in ["apt-list-upgradable-quiet", "apt3-list-upgradable"] {
        let listing = survey(Manager::Apt, &section("list", of));
        assert_eq!(versions(&listing.upgradable), TWO, "{of}");
        assert_eq!(listing.upgradable[0].arch.as_deref(), Some("all"));
        assert_eq!(listing.upgradable[0].repo, None);
        assert_eq!(listing.upgradable[0].security, Some(false));
    }
    let none = survey(Manager::Apt, &section("list", "apt-list-upgradable-none"));
    assert!(none.upgradable.is_empty());
    let broken = Sections::single("list", "", 100).and("sim", "E: The value 'x' is invalid\n", 100);
    let refused = Manager::Apt.backend().read_survey(&broken).unwrap_err();
    assert!(
        refused.message.contains("The value 'x' is invalid"),
        "{refused:?}"
    );
}

#[test]
fn apt_previews() {
    let said = section("sim", "apt-s-full").and("sizes", &sample("apt-no-full"), 1);
    let seen = preview(Manager::Apt, Action::FullUpgrade, &[], &said);
    assert_eq!(seen.upgraded.len(), 9);
    assert_eq!(names(&seen.installed), ["labdep"]);
    assert_eq!(seen.kept_back, ["labbad", "labheld"]);
    assert_eq!(seen.download_bytes, Some(0));
    assert_eq!(seen.disk_bytes, Some(4_096_000_000_000));
    assert_eq!(seen.refused, None);
    let lib = seen.upgraded.iter().find(|u| u.name == "lablib").unwrap();
    assert_eq!(lib.security, Some(true));
    let tool = seen.upgraded.iter().find(|u| u.name == "labtool").unwrap();
    assert_eq!(tool.security, Some(false));

    let said = section("sim", "apt-s-essential");
    let seen = preview(Manager::Apt, Action::Remove, &["labess"], &said);
    assert_eq!(seen.removed.len(), 1);
    assert!(seen.removed[0].essential);

    let said = section("sim", "apt-s-remove").and("sizes", &sample("apt-no-remove"), 1);
    let seen = preview(Manager::Apt, Action::Remove, &["labtool", "labnew"], &said);
    let removed: Vec<_> = seen.removed.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(removed, ["labnew", "labtool"]);
    assert!(!seen.removed[0].essential);
    assert_eq!(seen.disk_bytes, Some(0));
    let seen = preview(
        Manager::Apt,
        Action::Remove,
        &["labtool"],
        &section("sim", "apt-s-purge"),
    );
    assert_eq!(seen.removed[0].installed.as_deref(), Some("1.0-1"));

    for (of, kind) in [
        ("apt-s-missing", "not_found"),
        ("apt-s-badversion", "not_found"),
        ("apt-lock-upgrade", "locked"),
    ] {
        let seen = preview(
            Manager::Apt,
            Action::Install,
            &["nosuch"],
            &section("sim", of),
        );
        assert_eq!(seen.refused.unwrap().kind, kind, "{of}");
    }
}

/// What an earlier run has unpacked is set up, and not upgraded once more.
#[test]
fn apt_finishes_what_was_cut_off() {
    let end = Manager::Apt.backend().outcome(
        "Setting up labslow (2.0-1) ...\nlabslow line 1 of 40\n\
         Unpacking labtool (2.0-1) over (1.0-1) ...\nSetting up labtool (2.0-1) ...\n",
    );
    assert_eq!((end.upgraded, end.installed), (1, 0));
}

#[test]
fn apt_runs() {
    let end = outcome(Manager::Apt, "apt-run");
    assert_eq!((end.upgraded, end.installed, end.removed), (8, 1, 0));
    assert_eq!(end.kept_back, ["labbad", "labheld"]);
    assert_eq!(end.failed.len(), 1);
    assert_eq!(end.failed[0].name, "labbroken");
    assert!(end.failed[0].why.contains("returned error exit status 1"));
    assert_eq!(
        end.summary(),
        "8 upgraded, 1 newly installed, 0 removed, 2 kept back, 1 failed"
    );
    assert_eq!(
        end.errors,
        ["Sub-process /usr/bin/dpkg returned an error code (1)"]
    );
    let track = track(Manager::Apt, "apt-run");
    assert_eq!((track.done, track.total), (20, 20));

    for of in ["apt-upgrade", "apt3-upgrade"] {
        let end = outcome(Manager::Apt, of);
        assert_eq!(
            (end.upgraded, end.installed, end.failed.len()),
            (2, 0, 0),
            "{of}"
        );
    }
    let end = outcome(Manager::Apt, "apt-install-v1");
    assert_eq!((end.upgraded, end.installed), (0, 2));
    let end = outcome(Manager::Apt, "apt-y-remove");
    assert_eq!((end.removed, end.failed.len()), (1, 1));
    let end = outcome(Manager::Apt, "apt-lock-update");
    assert_eq!(end.held_by.unwrap().pid, Some(388));
}

#[test]
fn apt_searches_and_tells() {
    let backend = Manager::Apt.backend();
    let said = section("found", "apt-search").and("installed", "labtool ii \nlablib rc \n", 0);
    let found = backend.read_search(&said);
    assert_eq!(found.len(), 30);
    let get = |name: &str| found.iter().find(|f| f.name == name).unwrap();
    assert_eq!(get("labtool").installed, Some(true));
    assert_eq!(get("lablib").installed, Some(false));
    assert_eq!(get("apt").summary, "commandline package manager");
    assert_eq!(
        backend.search("g++ lib.so").arguments,
        ["g\\+\\+", "lib\\.so"]
    );

    let spec = backend.grammar().spec("labess").unwrap();
    let said = section("show", "apt-show").and("policy", &sample("apt-policy"), 0);
    let details = backend.read_details(&said, &spec).unwrap();
    assert_eq!(details.version.as_deref(), Some("2.0-1"));
    assert_eq!(details.installed.as_deref(), Some("1.0-1"));
    assert_eq!(details.summary.as_deref(), Some("lab test package labess"));
    assert!(details.description.unwrap().starts_with("It does nothing"));
    let none = Sections::single("show", "E: No packages found\n", 100);
    assert!(backend.read_details(&none, &spec).is_none());

    let said = section("all", "apt-installed").and("automatic", "adduser\n", 0);
    let installed = backend.read_installed(&said);
    assert_eq!(installed.len(), 20);
    assert_eq!(installed[0].automatic, Some(true));
    assert_eq!(installed[0].size_bytes, Some(686 << 10));
    assert_eq!(installed[10].version, "1:2.38.1-5+deb12u3");
}

#[test]
fn dnf_lists() {
    for of in ["dnf-repoquery-upgrades", "dnf5-repoquery-upgrades"] {
        let manager = if of.starts_with("dnf5") {
            Manager::Dnf5
        } else {
            Manager::Dnf
        };
        let listing = survey(manager, &section("list", of).and("rpm", RPMS, 0));
        assert_eq!(versions(&listing.upgradable), TWO, "{of}");
        assert_eq!(listing.upgradable[0].repo.as_deref(), Some("lab"));
        assert_eq!(listing.upgradable[0].security, None);
        assert_eq!(listing.installed_count, Some(3));
    }
    // What yum prints: three columns, and too long a name on a line of its own.
    let text = sample("dnf-check-update-q")
        + "averyveryverylongpackagenamethatneedsspace.x86_64\n      1:2.0-3.el7      updates\n";
    let said = Sections::single("list", &text, 100)
        .and("rpm", RPMS, 0)
        .and(
            "advisories",
            "RHSA-2024:1 Important/Sec. lablib-2.0-1.noarch\n",
            0,
        )
        .and(
            "security",
            "RHSA-2024:1 Important/Sec. lablib-2.0-1.noarch\n",
            0,
        );
    let listing = survey(Manager::Yum, &said);
    assert_eq!(listing.upgradable.len(), 3);
    assert_eq!(listing.upgradable[2].new, "1:2.0-3.el7");
    assert_eq!(listing.upgradable[0].security, Some(true));
    assert_eq!(listing.upgradable[1].security, Some(false));
    let none = survey(Manager::Yum, &section("list", "dnf-check-update-none"));
    assert!(none.upgradable.is_empty());
    let (text, _) = recorded("dnf-nonroot");
    let refused = Manager::Dnf
        .backend()
        .read_survey(&Sections::single("list", &text, 1))
        .unwrap_err();
    assert!(refused.message.contains("superuser"), "{refused:?}");
}

#[test]
fn dnf_previews() {
    let said = section("sim", "dnf-no-upgrade").and("rpm", RPMS, 0);
    let seen = preview(Manager::Dnf, Action::Upgrade, &[], &said);
    assert_eq!(seen.upgraded.len(), 7);
    assert_eq!(names(&seen.installed), ["labdep"]);
    assert_eq!(seen.download_bytes, Some(52224));
    let lib = seen.upgraded.iter().find(|u| u.name == "lablib").unwrap();
    assert_eq!(lib.installed.as_deref(), Some("1.0-1"));
    assert_eq!(seen.refused, None);

    let seen = preview(
        Manager::Dnf,
        Action::Remove,
        &["labtool"],
        &section("sim", "dnf-no-remove"),
    );
    assert_eq!(seen.removed[0].name, "labtool");
    assert_eq!(seen.disk_bytes, Some(-26));
    let seen = preview(
        Manager::Dnf,
        Action::Install,
        &["nosuch"],
        &section("sim", "dnf-no-missing"),
    );
    assert_eq!(seen.refused.unwrap().kind, "not_found");
    let seen = preview(
        Manager::Dnf,
        Action::Autoremove,
        &[],
        &section("sim", "dnf-no-autoremove"),
    );
    assert!(seen.nothing && seen.refused.is_none());
    let text = "Error: \n Problem: The operation would result in removing the following protected packages: sudo\n";
    let seen = preview(
        Manager::Dnf,
        Action::Remove,
        &["sudo"],
        &Sections::single("sim", text, 1),
    );
    assert_eq!(seen.refused.unwrap().kind, "essential");

    let said = section("sim", "dnf5-lock").and("rpm", RPMS, 0);
    let seen = preview(Manager::Dnf5, Action::Upgrade, &["lablib"], &said);
    assert_eq!(versions(&seen.upgraded), [TWO[0]]);
    assert_eq!(seen.download_bytes, Some(6 << 10));
    assert_eq!(seen.disk_bytes, Some(0));
    let seen = preview(
        Manager::Dnf5,
        Action::Install,
        &["labtool"],
        &section("sim", "dnf5-install-v1"),
    );
    assert_eq!(names(&seen.installed), ["lablib", "labtool"]);
    assert_eq!(seen.disk_bytes, Some(53));
    let seen = preview(
        Manager::Dnf5,
        Action::Upgrade,
        &[],
        &section("sim", "dnf5-upgrade"),
    );
    assert!(seen.nothing);
}

#[test]
fn dnf_runs() {
    let end = outcome(Manager::Dnf, "dnf-run");
    assert_eq!((end.upgraded, end.installed, end.removed), (6, 1, 0));
    assert_eq!(end.failed.len(), 1);
    assert_eq!(end.failed[0].name, "labbroken");
    assert!(
        end.errors
            .iter()
            .any(|e| e.starts_with("Transaction failed"))
    );
    assert_eq!(
        track(Manager::Dnf, "dnf-upgrade"),
        Track { done: 4, total: 4 }
    );
    let end = outcome(Manager::Dnf, "dnf-upgrade");
    assert_eq!((end.upgraded, end.failed.len()), (2, 0));
    assert_eq!(outcome(Manager::Dnf, "dnf-install-v1").installed, 2);
    assert_eq!(
        outcome(Manager::Dnf, "dnf-lock-exit-on-lock")
            .held_by
            .unwrap()
            .pid,
        Some(800)
    );
    let end = outcome(Manager::Dnf5, "dnf5-lock");
    assert_eq!((end.upgraded, end.installed, end.removed), (1, 0, 0));
    let end = outcome(Manager::Dnf5, "dnf5-install-v1");
    assert_eq!((end.upgraded, end.installed), (0, 2));
    assert_eq!(
        track(Manager::Dnf5, "dnf5-install-v1"),
        Track { done: 4, total: 4 }
    );
}

#[test]
fn dnf_searches_and_tells() {
    let backend = Manager::Dnf.backend();
    let found = backend.read_search(&section("found", "dnf-search"));
    assert_eq!(found.len(), 9);
    assert_eq!(found[0].name, "labbase");
    let spec = backend.grammar().spec("labtool").unwrap();
    let details = backend
        .read_details(&section("show", "dnf-info"), &spec)
        .unwrap();
    assert_eq!(details.version.as_deref(), Some("2.0-1"));
    assert_eq!(details.installed.as_deref(), Some("1.0-1"));
    assert_eq!(details.license.as_deref(), Some("MIT"));
    assert_eq!(
        backend
            .read_installed(&section("rpm", "dnf-installed"))
            .len(),
        8
    );
    let spec = backend.grammar().spec("nginx=1:1.20-1.el9").unwrap();
    assert_eq!(backend.argument(&spec), "nginx-1:1.20-1.el9");
}

#[test]
fn zypper_all() {
    let backend = Manager::Zypper.backend();
    for of in ["zypper-list-updates-xml", "zypper-xml-updates"] {
        let said = section("list", of).and("held", &sample("zypper-locks"), 0);
        let listing = survey(Manager::Zypper, &said);
        assert!(
            versions(&listing.upgradable).iter().any(|v| v == TWO[0]),
            "{of}"
        );
        assert_eq!(listing.upgradable[0].repo.as_deref(), Some("lab"));
        assert_eq!(listing.held, ["labheld"]);
    }
    let (text, code) = recorded("zypper-lock-lu");
    let refused = backend
        .read_survey(&Sections::single("list", &text, code))
        .unwrap_err();
    assert_eq!(refused.kind, "locked");
    assert!(refused.message.contains("zypper (process 1218)"));

    let seen = preview(
        Manager::Zypper,
        Action::Upgrade,
        &[],
        &section("sim", "zypper-xml-dry-update"),
    );
    assert_eq!(seen.upgraded.len(), 6);
    assert_eq!(names(&seen.installed), ["labdep"]);
    assert_eq!(
        (seen.download_bytes, seen.disk_bytes),
        (Some(45273), Some(25))
    );
    let seen = preview(
        Manager::Zypper,
        Action::FullUpgrade,
        &[],
        &section("sim", "zypper-xml-dry-dup"),
    );
    assert_eq!((seen.upgraded.len(), seen.installed.len()), (6, 1));
    let seen = preview(
        Manager::Zypper,
        Action::Remove,
        &["labtool"],
        &section("sim", "zypper-xml-dry-remove"),
    );
    assert_eq!(seen.removed[0].name, "labtool");
    assert_eq!(seen.disk_bytes, Some(-26));
    let seen = preview(
        Manager::Zypper,
        Action::Install,
        &["nosuch"],
        &section("sim", "zypper-xml-dry-missing"),
    );
    let refused = seen.refused.unwrap();
    assert_eq!(refused.kind, "not_found");
    assert!(refused.message.contains("No provider of 'nosuch' found."));

    let end = outcome(Manager::Zypper, "zypper-run");
    assert_eq!(
        (end.upgraded, end.installed, end.kept_back.len()),
        (0, 0, 1)
    );
    assert_eq!(end.failed[0].name, "labbroken");
    assert!(
        end.failed[0].why.contains("exit status 1"),
        "{:?}",
        end.failed
    );
    let end = outcome(Manager::Zypper, "zypper-update");
    assert_eq!((end.upgraded, end.installed), (1, 0));
    let end = outcome(Manager::Zypper, "zypper-install-v1");
    assert_eq!((end.upgraded, end.installed), (0, 3));
    assert_eq!(
        track(Manager::Zypper, "zypper-install-v1"),
        Track { done: 3, total: 3 }
    );

    let found = backend.read_search(&section("found", "zypper-xml-search"));
    assert_eq!(found.len(), 9);
    let dep = found.iter().find(|f| f.name == "labdep").unwrap();
    assert_eq!(dep.installed, Some(false));
    let spec = backend.grammar().spec("labtool").unwrap();
    let details = backend
        .read_details(&section("show", "zypper-info"), &spec)
        .unwrap();
    assert_eq!(details.version.as_deref(), Some("2.0-1"));
    assert_eq!(details.installed.as_deref(), Some("1.0-1"));
    assert!(details.description.unwrap().starts_with("It does nothing"));
    assert!(backend.good_codes().contains(&102) && !backend.good_codes().contains(&8));
}

#[test]
fn pacman_all() {
    let backend = Manager::Pacman.backend();
    let said = section("list", "pacman-private-Qu")
        .and("sim", &sample("pacman-private-Sup"), 0)
        .and("held", "labheld\n", 0)
        .and("count", "7\n", 0)
        .and("stale", "", 0);
    let listing = survey(Manager::Pacman, &said);
    assert_eq!(listing.upgradable.len(), 7);
    let get = |name: &str| listing.upgradable.iter().find(|u| u.name == name).unwrap();
    assert!(get("labheld").held && !get("lablib").held);
    assert_eq!(get("lablib").repo.as_deref(), Some("lab"));
    assert_eq!(listing.repair[0].what, "stale_lock");
    let none = section("list", "pacman-Qu-none")
        .and("count", "7\n", 0)
        .and("torn", "labdep\nlabtool\n", 0)
        .and("stale", "", 1);
    let listing = survey(Manager::Pacman, &none);
    assert!(listing.upgradable.is_empty() && listing.repair.len() == 1);
    assert_eq!(listing.repair[0].what, "torn");
    assert!(listing.repair[0].detail.ends_with(": labdep, labtool."));

    let said = section("sim", "pacman-private-Sup")
        .and("sizes", &sample("pacman-private-noninteractive"), 1)
        .and("all", &sample("pacman-Q"), 0);
    let seen = preview(Manager::Pacman, Action::Upgrade, &[], &said);
    assert_eq!(seen.upgraded.len(), 6);
    assert_eq!(names(&seen.installed), ["labdep"]);
    assert_eq!(seen.kept_back, ["labheld"]);
    assert_eq!(seen.download_bytes, Some(3354));
    assert_eq!(seen.disk_bytes, Some(0));
    let seen = preview(
        Manager::Pacman,
        Action::Remove,
        &["labtool"],
        &section("sim", "pacman-remove"),
    );
    assert_eq!(seen.removed[0].name, "labtool");
    let seen = preview(
        Manager::Pacman,
        Action::Install,
        &["nosuch"],
        &section("sim", "pacman-private-missing"),
    );
    assert_eq!(seen.refused.unwrap().kind, "not_found");
    assert!(
        PackageRequest::new(
            Manager::Pacman,
            Action::Upgrade,
            &["labtool".into()],
            false,
            None
        )
        .is_err()
    );

    let end = outcome(Manager::Pacman, "pacman-run");
    assert_eq!(
        (end.upgraded, end.installed, end.kept_back.len()),
        (6, 1, 1)
    );
    assert_eq!(end.failed[0].name, "labbroken");
    assert_eq!(
        track(Manager::Pacman, "pacman-run"),
        Track { done: 7, total: 7 }
    );
    let end = outcome(Manager::Pacman, "pacman-run-conflict");
    assert_eq!(end.failed[0].name, "labtool");
    assert!(end.errors[0].contains("conflicting files"));
    assert_eq!(outcome(Manager::Pacman, "pacman-Syu").upgraded, 2);
    let end = outcome(Manager::Pacman, "pacman-full");
    assert_eq!((end.upgraded, end.installed), (3, 0));
    assert_eq!(end.failed[1].name, "labdep");

    assert_eq!(backend.read_search(&section("found", "pacman-Ss")).len(), 8);
    let spec = backend.grammar().spec("labtool").unwrap();
    let said = section("show", "pacman-Si").and("here", &sample("pacman-Qi"), 0);
    let details = backend.read_details(&said, &spec).unwrap();
    assert_eq!(details.installed.as_deref(), Some("1.0-1"));
    assert_eq!(details.size_bytes, Some(60));
}

#[test]
fn apk_all() {
    let backend = Manager::Apk.backend();
    for of in ["apk-list-u", "apk-list-upgradable"] {
        let listing = survey(
            Manager::Apk,
            &section("list", of).and("held", "lablib=1.0-r0\n", 0),
        );
        assert_eq!(
            versions(&listing.upgradable),
            ["lablib 1.0-r0>2.0-r0", "labtool 1.0-r0>2.0-r0"]
        );
        assert_eq!(listing.upgradable[0].arch.as_deref(), Some("x86_64"));
        assert!(listing.upgradable[0].held && !listing.upgradable[1].held);
    }
    let old = Sections::single("list", "", 1).and("older", &sample("apk-version-lt"), 0);
    assert_eq!(survey(Manager::Apk, &old).upgradable.len(), 2);
    let none = Sections::single("list", "", 1).and("older", &sample("apk-version-none"), 0);
    assert!(survey(Manager::Apk, &none).upgradable.is_empty());
    let seen = preview(
        Manager::Apk,
        Action::Upgrade,
        &[],
        &section("sim", "apk-upgrade-simulate"),
    );
    assert_eq!(names(&seen.upgraded), ["lablib", "labtool"]);
    let seen = preview(
        Manager::Apk,
        Action::Upgrade,
        &[],
        &section("sim", "apk-lock"),
    );
    assert_eq!(seen.refused.unwrap().kind, "locked");
    assert_eq!(outcome(Manager::Apk, "apk-upgrade").upgraded, 2);
    assert_eq!(outcome(Manager::Apk, "apk-add-v1").installed, 2);
    assert!(
        !outcome(Manager::Apk, "apk-upgrade-untrusted")
            .errors
            .is_empty()
    );
    assert_eq!(
        track(Manager::Apk, "apk-upgrade-progressfd"),
        Track { done: 2, total: 2 }
    );
    let spec = backend.grammar().spec("libstdc++=13.2-r0").unwrap();
    assert_eq!(backend.argument(&spec), "libstdc++=13.2-r0");
}

#[test]
fn opkg_all() {
    let listing = survey(
        Manager::Opkg,
        &section("list", "opkg-list-upgradable").and("held", "labtool\n", 0),
    );
    assert_eq!(versions(&listing.upgradable), TWO);
    assert!(listing.upgradable[1].held);
    assert!(
        survey(Manager::Opkg, &section("list", "opkg-list-upgradable-none"))
            .upgradable
            .is_empty()
    );
    let (text, code) = recorded("opkg-lock");
    let refused = Manager::Opkg
        .backend()
        .read_survey(&Sections::single("list", &text, code))
        .unwrap_err();
    assert_eq!(refused.kind, "locked");
    let records = "Package: lablib\nVersion: 2.0-1\nSize: 900\nInstalled-Size: 2000\n\n";
    let said = section("sim", "opkg-upgrade").and("records", records, 0);
    let seen = preview(Manager::Opkg, Action::Upgrade, &[], &said);
    assert_eq!(versions(&seen.upgraded), [TWO[0]]);
    assert_eq!(
        (seen.download_bytes, seen.disk_bytes),
        (Some(900), Some(2000))
    );
    assert_eq!(outcome(Manager::Opkg, "opkg-upgrade").upgraded, 1);
    assert_eq!(outcome(Manager::Opkg, "opkg-install-v1").installed, 2);
    assert_eq!(outcome(Manager::Opkg, "opkg-linebuffered").installed, 2);
}

#[test]
fn what_must_not_be_is_refused() {
    let disk = |path: &str, free_bytes: u64| crate::facts::Disk {
        path: path.into(),
        free_bytes,
        total_bytes: 32 << 20,
    };
    let facts = crate::facts::Facts {
        manager: Some(Manager::Apt),
        space: vec![disk("/", 10 << 40), disk("/boot", 40 << 20)],
        boot_need_bytes: 60 << 20,
        ..Default::default()
    };
    let judged =
        |manager, action, names: &[&str], facts: &crate::facts::Facts, mut seen: Preview| {
            preflight::check(&request(manager, action, names), facts, &mut seen);
            seen
        };
    let essential = preview(
        Manager::Apt,
        Action::Remove,
        &["labess"],
        &section("sim", "apt-s-essential"),
    );
    let seen = judged(Manager::Apt, Action::Remove, &["labess"], &facts, essential);
    assert_eq!(seen.refused.unwrap().kind, "essential");

    let text = "Remv openssh-server [1:9]\n";
    let sshd = preview(
        Manager::Apt,
        Action::Remove,
        &["openssh-server"],
        &Sections::single("sim", text, 0),
    );
    let seen = judged(
        Manager::Apt,
        Action::Remove,
        &["openssh-server"],
        &facts,
        sshd,
    );
    assert!(seen.refused.unwrap().message.contains("SSH server"));

    // `vim+` is an order to install, for apt.
    let text = "Inst vim (9 Debian [amd64])\n";
    let plus = preview(
        Manager::Apt,
        Action::Remove,
        &["vim+"],
        &Sections::single("sim", text, 0),
    );
    let seen = judged(Manager::Apt, Action::Remove, &["vim+"], &facts, plus);
    assert_eq!(seen.refused.unwrap().kind, "not_found");

    let kernel = "Inst linux-image-6.1.0-30-amd64 (6.1.1 Debian [amd64])\nInst linux-image-amd64 [6] (6.1.1 Debian [amd64])\n";
    let kernel = preview(
        Manager::Apt,
        Action::FullUpgrade,
        &[],
        &Sections::single("sim", kernel, 0),
    );
    let seen = judged(Manager::Apt, Action::FullUpgrade, &[], &facts, kernel);
    let refused = seen.refused.unwrap();
    assert_eq!(refused.kind, "no_space");
    assert!(
        refused
            .message
            .contains("/boot needs 60.0 MiB and has 40.0 MiB"),
        "{refused:?}"
    );

    // The 4 TB of a package on a router's overlay.
    let small = crate::facts::Facts {
        manager: Some(Manager::Opkg),
        space: vec![
            disk("/", 0),
            disk("/overlay", 1 << 20),
            disk("/tmp", 20 << 20),
        ],
        ..Default::default()
    };
    let records = "Package: lablib\nVersion: 2.0-1\nSize: 900000\nInstalled-Size: 2000000\n\n";
    let said = section("sim", "opkg-upgrade").and("records", records, 0);
    let seen = preview(Manager::Opkg, Action::Upgrade, &[], &said);
    let seen = judged(Manager::Opkg, Action::Upgrade, &[], &small, seen);
    assert_eq!(seen.refused.unwrap().kind, "no_space");
    assert!(seen.space.iter().any(|s| s.path == "/overlay" && !s.ok));
    assert!(seen.space.iter().any(|s| s.path == "/tmp" && s.ok));

    let good = preview(
        Manager::Apt,
        Action::Upgrade,
        &[],
        &section("sim", "apt-s-upgrade"),
    );
    let before = preflight::digest(&good);
    let seen = judged(Manager::Apt, Action::Upgrade, &[], &facts, good);
    assert_eq!(seen.refused, None);
    let mut other = seen.clone();
    assert_eq!(preflight::digest(&other), before);
    other.upgraded[0].new.push('1');
    assert_ne!(preflight::digest(&other), before);
}

#[test]
fn zypper_knows_what_is_for_security_by_its_patches() {
    let list = section("list", "de-zypper-list");
    let security = |said: &Sections| -> Vec<(String, Option<bool>)> {
        let listing = survey(Manager::Zypper, said);
        let told = listing.upgradable.into_iter();
        told.filter(|u| u.name == "lablib" || u.name == "labtool")
            .map(|u| (u.name, u.security))
            .collect()
    };
    // Of the security patches alone, as the script asks.
    let all = sample("zypper-patch-info");
    let one = all.split("Information for patch LAB-2").next().unwrap();
    let said = list
        .clone()
        .and("patches", "3\n", 0)
        .and("security", one, 0);
    let wanted = [("lablib", true), ("labtool", false)];
    assert_eq!(
        security(&said),
        wanted.map(|(name, security)| (name.to_owned(), Some(security)))
    );
    // A repository without patches tells nothing.
    let said = list.and("patches", "0\n", 1).and("security", "", 0);
    assert!(security(&said).iter().all(|(_, told)| told.is_none()));

    let many = "Conflicts   : [3]\n    openssl.x86_64 < 1.1-2\n    python3.11 < 3.11-1\n    \
                srcpackage:openssl < 1.1-2\nName : labtool < 1\n";
    let said = section("list", "de-zypper-list").and("patches", "2", 0);
    let said = said.and("security", &many.replace("python3.11", "labtool"), 0);
    assert_eq!(security(&said)[1].1, Some(true));
}

/// As arch-audit's own documentation has it: `curl>=7.52.1-1`.
#[test]
fn pacman_knows_what_is_for_security_by_arch_audit_alone() {
    let list = || section("list", "pacman-Qu").and("count", "9", 0);
    let told = |said: &Sections| -> Vec<Option<bool>> {
        let listing = survey(Manager::Pacman, said);
        listing.upgradable.iter().map(|u| u.security).collect()
    };
    assert_eq!(told(&list()), [None, None]);
    assert_eq!(told(&list().and("audit", "", 1)), [None, None]);
    let said = list().and("audit", "lablib>=2.0-1\n", 0);
    assert_eq!(told(&said), [Some(true), Some(false)]);
}
