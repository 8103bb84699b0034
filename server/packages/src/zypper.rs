//! zypper: openSUSE and SUSE Linux Enterprise.

use std::collections::HashSet;

use super::Manager;
use super::backend::{Backend, Phase, Question, phase, phase_of};
use super::limits::{FOUND_MAX, WORDS_BYTES_MAX};
use super::model::{Details, Found, Installed, Listing, Outcome, Preview, Refused, Track};
use super::request::{Action, Grammar, PackageRequest, Spec};
use super::sections::Sections;
use super::text::{clip, counted, field, lines, number, pair, size, some};
use super::{rpm, xml};
use stardust_shell::Fault;

#[path = "zypper/read.rs"]
mod read;

use read::{refused, replaced, transaction, updates};

pub struct Zypper;

/// A look takes no lock and waits for none. Which updates are for security is said
/// of patches only: what a needed one conflicts with are the versions it replaces.
const SURVEY: &str = r#"
ZYPP_READONLY_HACK=1; export ZYPP_READONLY_HACK
run list zypper -n -x --no-refresh list-updates
# Those that are locked, and those that an update leaves as they are.
all=$(zypper -n -x --no-refresh list-updates --all 2>/dev/null)
quiet all printf '%s' "$all"
updates() { tr '<' '\n' | grep -c '^update '; }
if [ "$(printf '%s\n' "$all" | updates)" -gt "$(zypper -n -x --no-refresh list-updates 2>/dev/null | updates)" ]; then
  quiet full zypper -n -x --no-refresh dup --dry-run
fi
patches() { zypper -n --no-refresh patches | grep -c '^[^|]*|[^|]*|.* | '; }
quiet patches patches
security() {
  # As XML it lists patches of every category.
  set -- $(zypper -n -x --no-refresh list-patches --category security | tr '<' '\n' |
    sed -n '/^update .*category="security"/s/.* name="\([A-Za-z0-9][A-Za-z0-9._:+-]*\)".*/\1/p' | sort -u | head -n 200)
  [ $# = 0 ] || zypper -n --no-refresh info --conflicts -t patch -- "$@"
}
quiet security security
quiet held zypper -n --no-refresh locks
quiet reboot zypper -n needs-rebooting
"#;

const PREVIEW: &str = r#"
action=$1; option=$2; shift 2
ZYPP_READONLY_HACK=1; export ZYPP_READONLY_HACK
run sim zypper -n -x --no-refresh "$action" --dry-run $option -- "$@"
"#;

/// Without anything behind `--` zypper wants no `--` either.
const PREVIEW_ALL: &str = r#"
ZYPP_READONLY_HACK=1; export ZYPP_READONLY_HACK
run sim zypper -n -x --no-refresh "$1" --dry-run $2
"#;

const DOWNLOAD: &str = r#"
action=$1; option=$2; shift 2
if [ $# -gt 0 ]; then set -- -- "$@"; fi
exec zypper -n --no-refresh "$action" --download-only --auto-agree-with-licenses $option "$@"
"#;

const INSTALL: &str = r#"
action=$1; option=$2; shift 2
if [ $# -gt 0 ]; then set -- -- "$@"; fi
exec zypper -n --no-refresh "$action" --auto-agree-with-licenses $option "$@"
"#;

const REMOVE: &str = "exec zypper -n --no-refresh remove --clean-deps -- \"$@\"\n";

/// What nothing needs any more, in one transaction.
const UNNEEDED: &str = r#"
unneeded() {
  zypper -n --no-refresh packages --unneeded | sed -n 's/^i[^|]*|[^|]*| *\([^ |]*\).*/\1/p' | sort -u
}
"#;

const PREVIEW_UNNEEDED: &str = r#"
ZYPP_READONLY_HACK=1; export ZYPP_READONLY_HACK
names=$(unneeded)
if [ -n "$names" ]; then
  run sim zypper -n -x --no-refresh remove --dry-run --clean-deps -- $names
else
  run sim echo 'Nothing to do.'
fi
"#;

const REMOVE_UNNEEDED: &str = r#"
names=$(unneeded)
if [ -z "$names" ]; then echo 'Nothing to do.'; exit 0; fi
exec zypper -n --no-refresh remove --clean-deps -- $names
"#;

const DETAILS: &str = r#"
run show zypper -n --no-refresh info --requires -- "$1"
quiet changelog rpm -q --changelog -- "$1"
"#;

fn verb(request: &PackageRequest) -> &'static str {
    match request.action {
        Action::Upgrade => "update",
        Action::FullUpgrade => "dup",
        Action::Remove => "remove",
        _ => "install",
    }
}

fn arguments(request: &PackageRequest) -> Vec<String> {
    let option = match request.action {
        Action::Remove => "--clean-deps",
        Action::Install if request.packages.iter().any(|spec| spec.version.is_some()) => {
            "--oldpackage"
        }
        _ => "",
    };
    let mut all = vec![verb(request).to_owned(), option.to_owned()];
    all.extend(request.arguments());
    all
}

impl Backend for Zypper {
    fn manager(&self) -> Manager {
        Manager::Zypper
    }

    fn actions(&self) -> &'static [Action] {
        &Action::ALL
    }

    fn grammar(&self) -> &'static Grammar {
        &rpm::GRAMMAR
    }

    fn repairs(&self) -> &'static [&'static str] {
        &["rpm_database", "verify", "stale_lock"]
    }

    fn has_changelog(&self) -> bool {
        true
    }

    fn lock_files(&self) -> &'static str {
        "/run/zypp.pid /var/run/zypp.pid /usr/lib/sysimage/rpm/.rpm.lock /var/lib/rpm/.rpm.lock"
    }

    fn good_codes(&self) -> &'static [i32] {
        // 102: a reboot is due, 103: zypper itself was upgraded.
        &[0, 102, 103]
    }

    fn survey(&self) -> &'static [&'static str] {
        &[SURVEY, rpm::ALL]
    }

    fn read_survey(&self, said: &Sections) -> Result<Listing, Refused> {
        if said.code("list") != Some(0) {
            return rpm::unreadable(said).ok_or_else(|| refused(said.text("list")));
        }
        let held: Vec<String> = lines(said.text("held"))
            .filter_map(|line| {
                let mut columns = line.split('|');
                columns.next()?.trim().parse::<u32>().ok()?;
                Some(field(columns.next()?))
            })
            .collect();
        let mut upgradable = updates(said.text("list"));
        let full = transaction(said.text("full"));
        for mut upgrade in updates(said.text("all")) {
            if upgradable.iter().any(|known| known.name == upgrade.name) {
                continue;
            }
            upgrade.held = held.contains(&upgrade.name);
            upgrade.full_only =
                !upgrade.held && full.upgraded.iter().any(|u| u.name == upgrade.name);
            if upgrade.held || upgrade.full_only {
                upgradable.push(upgrade);
            }
        }
        // Where there are no patches at all, nobody can tell.
        if number(said.text("patches")).is_some_and(|count| count > 0) {
            let security = replaced(said.text("security"));
            for upgrade in &mut upgradable {
                upgrade.security = Some(security.contains(upgrade.name.as_str()));
            }
        }
        let reboot_reasons = match said.code("reboot") {
            Some(102) => {
                vec!["A core library or service was updated since the last boot".to_owned()]
            }
            _ => Vec::new(),
        };
        Ok(Listing {
            upgradable,
            held,
            installed_count: Some(rpm::installed(said).len()),
            repair: rpm::repairs(said),
            reboot_reasons,
            full_advised: None,
        })
    }

    fn preview(&self, request: &PackageRequest) -> Question {
        match request.action {
            Action::Autoremove => Question::of(&[UNNEEDED, PREVIEW_UNNEEDED], &[]),
            _ if request.packages.is_empty() => Question::new(PREVIEW_ALL, &arguments(request)),
            _ => Question::new(PREVIEW, &arguments(request)),
        }
    }

    fn read_preview(&self, said: &Sections, _: &PackageRequest) -> Preview {
        let text = said.text("sim");
        let mut preview = transaction(text);
        preview.nothing = preview.changes() == 0 && text.contains("Nothing to do");
        if said
            .code("sim")
            .is_none_or(|code| !self.good_codes().contains(&code))
        {
            preview.refused = Some(refused(text));
        }
        preview.text = clip(text, WORDS_BYTES_MAX).to_owned();
        preview
    }

    fn restarts(&self) -> Option<&'static str> {
        Some(super::restarts::RPM)
    }

    fn phases(&self, request: &PackageRequest) -> Result<Vec<Phase>, Fault> {
        let all = arguments(request);
        let names = request.arguments();
        Ok(match request.action {
            Action::Refresh => vec![phase("refresh", true, "exec zypper -n refresh\n", &[])?],
            Action::Upgrade | Action::FullUpgrade | Action::Install => vec![
                phase("download", true, DOWNLOAD, &all)?,
                phase("install", false, INSTALL, &all)?,
            ],
            Action::Remove => vec![phase("remove", false, REMOVE, &names)?],
            Action::Autoremove => {
                vec![phase_of(
                    "remove",
                    false,
                    &[UNNEEDED, REMOVE_UNNEEDED],
                    &[],
                )?]
            }
            Action::Hold => vec![phase(
                "hold",
                false,
                "exec zypper -n addlock -- \"$@\"\n",
                &names,
            )?],
            Action::Unhold => {
                vec![phase(
                    "unhold",
                    false,
                    "exec zypper -n removelock -- \"$@\"\n",
                    &names,
                )?]
            }
            Action::Clean => vec![phase("clean", true, "exec zypper -n clean\n", &[])?],
            Action::Repair => match request.what.as_deref() {
                Some("verify") => vec![phase(
                    "repair",
                    false,
                    "exec zypper -n --no-refresh verify\n",
                    &[],
                )?],
                Some("stale_lock") => vec![rpm::unlock(self.lock_files())?],
                _ => vec![phase("repair", false, rpm::REBUILD, &[])?],
            },
        })
    }

    fn ledger(&self) -> &'static [&'static str] {
        &[rpm::LEDGER]
    }

    fn installed(&self) -> &'static str {
        rpm::ALL
    }

    fn read_installed(&self, said: &Sections) -> Vec<Installed> {
        rpm::installed(said)
    }

    fn search(&self, query: &str) -> Question {
        let words: Vec<String> = query.split_whitespace().map(str::to_owned).collect();
        Question::new(
            "\nrun found zypper -n -x --no-refresh search -- \"$@\"\n",
            &words,
        )
    }

    fn read_search(&self, said: &Sections) -> Vec<Found> {
        let mut seen = HashSet::new();
        xml::tags(said.text("found"))
            .filter(|tag| tag.name == "solvable" && tag.get("kind").as_deref() == Some("package"))
            .filter_map(|tag| {
                let name = tag.get("name")?;
                Some(Found {
                    summary: field(&tag.get("summary").unwrap_or_default()),
                    version: tag.get("edition").and_then(|edition| some(&edition)),
                    installed: Some(tag.get("status").as_deref() != Some("not-installed")),
                    name: field(&name),
                })
            })
            .filter(|found| seen.insert(found.name.clone()))
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
        let mut long = "";
        let mut description = String::new();
        for line in lines(text) {
            if line.starts_with("    ") {
                match long {
                    "Description" if description.len() < WORDS_BYTES_MAX => {
                        description.push_str(line.trim());
                        description.push('\n');
                    }
                    "Requires" if details.depends.len() < 200 => details.depends.push(field(line)),
                    _ => {}
                }
                continue;
            }
            let Some((key, value)) = line.split_once(" : ").or_else(|| pair(line)) else {
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            long = key;
            match key {
                "Version" => details.version = some(value),
                "Arch" => details.arch = some(value),
                "Repository" => details.repo = some(value),
                "Summary" => details.summary = some(value),
                "Installed Size" => details.size_bytes = size(value, false),
                "Installed" if value.starts_with("No") => {}
                "Status" => {
                    details.installed = match value.split_once("(version ") {
                        Some((_, rest)) => some(rest.split(' ').next().unwrap_or("")),
                        None if value.contains("up-to-date") => details.version.clone(),
                        None => None,
                    };
                }
                "Name" | "Description" | "Requires" => {}
                _ if !value.is_empty() && details.fields.len() < 60 => {
                    details.fields.push((field(key), field(value)));
                }
                _ => {}
            }
        }
        details.version.as_ref()?;
        details.description = Some(description.trim_end().to_owned()).filter(|d| !d.is_empty());
        details.changelog = Some(clip(said.text("changelog"), 16 << 10).trim().to_owned())
            .filter(|text| !text.is_empty() && !text.contains("is not installed"));
        Some(details)
    }

    fn progress(&self, line: &str, track: &mut Track) {
        if let Some((done, total, what)) = counted(line)
            && (what.starts_with("Installing: ") || what.starts_with("Removing"))
        {
            track.at(done, total);
        }
    }

    fn outcome(&self, text: &str) -> Outcome {
        read::outcome(text)
    }
}
