//! opkg: OpenWrt up to release 24.

use std::collections::HashMap;

use super::Manager;
use super::backend::{Backend, Phase, Question, phase};
use super::ledger::State;
use super::limits::{FOUND_MAX, UPGRADABLE_MAX, WORDS_BYTES_MAX};
use super::lock;
use super::model::{
    Details, Found, Installed, Listing, Outcome, Preview, Refused, Removal, Repair, Track, Upgrade,
};
use super::request::{Action, Grammar, PackageRequest, Spec};
use super::sections::Sections;
use super::text::{clip, field, lines, number, pair, some};
use stardust_shell::Fault;

pub struct Opkg;

static GRAMMAR: Grammar = Grammar {
    first: |c| c.is_ascii_alphanumeric(),
    rest: |c| c.is_ascii_alphanumeric() || "+-._".contains(c),
    version: |_| false,
    arch: false,
    versions: false,
    example: "nginx, libstdcpp6, kmod-usb-storage",
};

const SURVEY: &str = r#"
run list opkg list-upgradable
held() { sed -n '/^Package: /{s///;h;};/^Status: hold /{x;p;}' /usr/lib/opkg/status; }
quiet held held
count() { opkg list-installed | wc -l; }
quiet count count
half() { sed -n '/^Package: /{s///;h;};/^Status: .* \(unpacked\|half-installed\|half-configured\)/{x;p;}' /usr/lib/opkg/status; }
quiet half half
"#;

const LEDGER: &str = r#"
ledger() {
  awk '/^Package: / { name = substr($0, 10) } /^Version: / { version = substr($0, 10) }
    /^Architecture: / { arch = substr($0, 15) } /^Status: / { words = split($0, word, " "); state = word[words] }
    /^$/ { if (name != "") print name "|" version "|" arch "|" state; name = version = arch = state = "" }
    END { if (name != "") print name "|" version "|" arch "|" state }' /usr/lib/opkg/status
}
"#;

/// opkg has no upgrade of all: the names come from its own list. Sizes are in the
/// packages' records.
const PREVIEW: &str = r#"
action=$1; shift
if [ "$action" = upgrade ] && [ $# = 0 ]; then set -- $(opkg list-upgradable | sed 's/ - .*//'); fi
if [ $# -gt 0 ]; then run sim opkg --noaction "$action" "$@"; else run sim true; fi
records() { for name in "$@"; do opkg info "$name"; done; }
[ "$action" = remove ] || quiet records records "$@"
quiet installed opkg list-installed
"#;

/// One command for all, so that none is left half way between two libraries.
const UPGRADE: &str = r#"
if [ $# = 0 ]; then set -- $(opkg list-upgradable | sed 's/ - .*//'); fi
if [ $# = 0 ]; then echo 'There is nothing to upgrade.'; exit 0; fi
exec opkg upgrade "$@"
"#;

const DETAILS: &str = "\nquiet show opkg info \"$1\"\n";

impl Backend for Opkg {
    fn manager(&self) -> Manager {
        Manager::Opkg
    }

    fn actions(&self) -> &'static [Action] {
        &[
            Action::Refresh,
            Action::Upgrade,
            Action::Install,
            Action::Remove,
            Action::Hold,
            Action::Unhold,
            Action::Repair,
        ]
    }

    fn grammar(&self) -> &'static Grammar {
        &GRAMMAR
    }

    fn repairs(&self) -> &'static [&'static str] {
        &["configure"]
    }

    fn tells_security(&self) -> bool {
        false
    }

    fn lock_files(&self) -> &'static str {
        "/var/lock/opkg.lock"
    }

    fn survey(&self) -> &'static [&'static str] {
        &[SURVEY]
    }

    fn read_survey(&self, said: &Sections) -> Result<Listing, Refused> {
        if said.code("list") != Some(0) {
            return Err(refused(said.text("list")));
        }
        let held: Vec<String> = lines(said.text("held")).map(field).collect();
        let upgradable = lines(said.text("list"))
            .filter_map(|line| {
                let mut fields = line.split(" - ");
                let (name, installed, new) = (fields.next()?, fields.next()?, fields.next()?);
                Some(Upgrade {
                    held: held.iter().any(|held| held == name),
                    name: field(name),
                    installed: some(installed),
                    new: field(new),
                    ..Upgrade::default()
                })
            })
            .take(UPGRADABLE_MAX)
            .collect();
        let half: Vec<String> = lines(said.text("half")).map(field).take(10).collect();
        let repair = if half.is_empty() {
            Vec::new()
        } else {
            vec![Repair::new(
                "configure",
                "Finish what was begun (opkg configure)",
                format!("Not set up to the end: {}.", half.join(", ")),
            )]
        };
        Ok(Listing {
            upgradable,
            held,
            installed_count: number(said.text("count")).map(|count| count as usize),
            repair,
            reboot_reasons: Vec::new(),
            full_advised: None,
        })
    }

    fn preview(&self, request: &PackageRequest) -> Question {
        let verb = match request.action {
            Action::Upgrade => "upgrade",
            Action::Remove => "remove",
            _ => "install",
        };
        let mut all = vec![verb.to_owned()];
        all.extend(request.arguments());
        Question::new(PREVIEW, &all)
    }

    fn read_preview(&self, said: &Sections, _: &PackageRequest) -> Preview {
        let text = said.text("sim");
        let records = records(said.text("records"));
        let installed: HashMap<&str, &str> = lines(said.text("installed"))
            .filter_map(|line| line.split_once(" - "))
            .collect();
        let mut preview = Preview::default();
        let (mut download, mut disk, mut known) = (0u64, 0u64, false);
        for line in lines(text) {
            let Some(step) = step(line) else { continue };
            if step.verb == "Removing" {
                preview.removed.push(Removal {
                    name: field(step.name),
                    arch: None,
                    installed: installed.get(step.name).map(|version| field(version)),
                    essential: false,
                });
                continue;
            }
            if let Some(record) = records.get(&(step.name, step.new)) {
                known = true;
                download = download.saturating_add(record.0);
                disk = disk.saturating_add(record.1);
            }
            let upgrade = Upgrade {
                name: field(step.name),
                new: field(step.new),
                installed: step.old.and_then(some),
                ..Upgrade::default()
            };
            match step.verb {
                "Upgrading" => preview.upgraded.push(upgrade),
                "Downgrading" => preview.downgraded.push(upgrade),
                _ => preview.installed.push(upgrade),
            }
        }
        if known {
            // On flash the old files stay in the read-only part: nothing is freed.
            preview.download_bytes = Some(download);
            preview.disk_bytes = Some(disk.max(download).min(i64::MAX as u64) as i64);
        }
        if said.code("sim") != Some(0) {
            preview.refused = Some(refused(text));
        } else {
            preview.nothing = preview.changes() == 0;
        }
        preview.text = clip(text, WORDS_BYTES_MAX).to_owned();
        preview
    }

    fn phases(&self, request: &PackageRequest) -> Result<Vec<Phase>, Fault> {
        let names = request.arguments();
        Ok(match request.action {
            Action::Refresh => vec![phase("refresh", true, "exec opkg update\n", &[])?],
            Action::Remove => vec![phase(
                "remove",
                false,
                "exec opkg --autoremove remove \"$@\"\n",
                &names,
            )?],
            Action::Hold => vec![phase(
                "hold",
                false,
                "exec opkg flag hold \"$@\"\n",
                &names,
            )?],
            Action::Unhold => vec![phase(
                "unhold",
                false,
                "exec opkg flag ok \"$@\"\n",
                &names,
            )?],
            Action::Repair => vec![phase("repair", false, "exec opkg configure\n", &[])?],
            Action::Upgrade => vec![phase("install", false, UPGRADE, &names)?],
            _ => vec![phase(
                "install",
                false,
                "exec opkg install \"$@\"\n",
                &names,
            )?],
        })
    }

    fn ledger(&self) -> &'static [&'static str] {
        &[LEDGER]
    }

    fn state(&self, state: &str) -> State {
        match state {
            "installed" => State::Whole,
            "not-installed" | "config-files" | "" => State::Absent,
            _ => State::Torn,
        }
    }

    fn installed(&self) -> &'static str {
        "\nquiet all opkg list-installed\n"
    }

    fn read_installed(&self, said: &Sections) -> Vec<Installed> {
        lines(said.text("all"))
            .filter_map(|line| {
                let (name, version) = line.split_once(" - ")?;
                Some(Installed {
                    name: field(name),
                    version: field(version),
                    ..Installed::default()
                })
            })
            .collect()
    }

    fn search(&self, query: &str) -> Question {
        Question::new(
            "\nquiet found opkg list \"*$1*\"\nquiet here opkg list-installed\n",
            &[query.to_owned()],
        )
    }

    fn read_search(&self, said: &Sections) -> Vec<Found> {
        let here: HashMap<&str, &str> = lines(said.text("here"))
            .filter_map(|line| line.split_once(" - "))
            .collect();
        lines(said.text("found"))
            .filter_map(|line| {
                let mut fields = line.splitn(3, " - ");
                let name = fields.next()?;
                let version = fields.next()?;
                if name.contains(' ') {
                    return None;
                }
                Some(Found {
                    installed: Some(here.contains_key(name)),
                    name: field(name),
                    version: some(version),
                    summary: field(fields.next().unwrap_or("")),
                })
            })
            .take(FOUND_MAX)
            .collect()
    }

    fn details(&self, spec: &Spec) -> Question {
        Question::new(DETAILS, std::slice::from_ref(&spec.name))
    }

    fn read_details(&self, said: &Sections, spec: &Spec) -> Option<Details> {
        let text = said.text("show");
        let mut details = Details {
            name: spec.name.clone(),
            text: clip(text, WORDS_BYTES_MAX).to_owned(),
            ..Details::default()
        };
        for paragraph in text.split("\n\n") {
            let get = |name: &str| {
                lines(paragraph)
                    .filter_map(pair)
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value)
            };
            let Some(version) = get("Version") else {
                continue;
            };
            if get("Status").is_some_and(|status| status.ends_with(" installed")) {
                details.installed = some(version);
            }
            details.version = some(version);
            details.arch = get("Architecture").and_then(some);
            details.summary = get("Description").and_then(some);
            details.license = get("License").and_then(some);
            details.size_bytes = get("Installed-Size").and_then(|size| size.parse().ok());
            if let Some(depends) = get("Depends") {
                details.depends = depends.split(", ").map(field).take(200).collect();
            }
        }
        details.version.is_some().then_some(details)
    }

    fn progress(&self, _: &str, _: &mut Track) {
        // opkg tells no total, and off a terminal it tells nothing until its end.
    }

    fn outcome(&self, text: &str) -> Outcome {
        let mut outcome = Outcome::default();
        for line in lines(text) {
            if let Some(step) = step(line) {
                match step.verb {
                    "Installing" => outcome.installed += 1,
                    "Removing" => outcome.removed += 1,
                    _ => outcome.upgraded += 1,
                }
            } else if let Some(error) = line.strip_prefix(" * ") {
                // ` * pkg_run_script: package "x" postinst script returned status 1.`
                if let Some((_, rest)) = error.split_once("package \"")
                    && let Some((name, _)) = rest.split_once('"')
                {
                    outcome.fail(name, error);
                }
                outcome.error(error);
            }
            if let Some(lock) = lock::holder(line) {
                outcome.held_by = Some(lock);
            }
        }
        outcome
    }
}

struct Step<'a> {
    verb: &'a str,
    name: &'a str,
    old: Option<&'a str>,
    new: &'a str,
}

/// `Upgrading lablib on root from 1.0-1 to 2.0-1...`,
/// `Installing lablib (2.0-1) to root...`, `Removing package lablib from root...`
fn step(line: &str) -> Option<Step<'_>> {
    let (verb, rest) = line.split_once(' ')?;
    match verb {
        "Upgrading" | "Downgrading" => {
            let (name, rest) = rest.split_once(" on ")?;
            let (old, new) = rest.split_once(" from ")?.1.split_once(" to ")?;
            Some(Step {
                verb,
                name,
                old: Some(old),
                new: new.trim_end().trim_end_matches("..."),
            })
        }
        "Installing" => {
            let (name, rest) = rest.split_once(" (")?;
            Some(Step {
                verb,
                name,
                old: None,
                new: rest.split(')').next()?,
            })
        }
        "Removing" => {
            let name = rest.strip_prefix("package ")?.split(" from ").next()?;
            Some(Step {
                verb,
                name,
                old: None,
                new: "",
            })
        }
        _ => None,
    }
}

/// Sizes by name and version: to fetch, and on disk.
fn records(text: &str) -> HashMap<(&str, &str), (u64, u64)> {
    let mut out = HashMap::new();
    for paragraph in text.split("\n\n") {
        let (mut name, mut version, mut size, mut installed) = ("", "", 0, 0);
        for (key, value) in lines(paragraph).filter_map(pair) {
            match key {
                "Package" => name = value,
                "Version" => version = value,
                "Size" => size = value.parse().unwrap_or(0),
                "Installed-Size" => installed = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        if !name.is_empty() && size > 0 {
            out.insert((name, version), (size, installed));
        }
    }
    out
}

fn refused(text: &str) -> Refused {
    if let Some(lock) = lines(text).find_map(lock::holder) {
        return lock::refused(&lock);
    }
    let error = lines(text)
        .find_map(|line| line.strip_prefix(" * "))
        .or_else(|| lines(text).last())
        .map(field)
        .unwrap_or_default();
    let kind = if text.contains("Unknown package") || text.contains("Cannot install package") {
        "not_found"
    } else if text.contains("satisfy") || text.contains("depends") {
        "broken"
    } else {
        "failed"
    };
    Refused::new(
        kind,
        format!("opkg refuses: {error}"),
        "Refresh the index; see what opkg says.",
    )
}
