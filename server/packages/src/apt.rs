//! apt (2 and 3) and dpkg: Debian, Ubuntu and what comes from them.

use std::collections::{HashMap, HashSet};

use super::Manager;
use super::backend::{Backend, Phase, Question, phase};
use super::ledger::State;
use super::limits::{FOUND_MAX, UPGRADABLE_MAX, WORDS_BYTES_MAX};
use super::model::{Details, Found, Installed, Listing, Outcome, Preview, Refused, Track, Upgrade};
use super::request::{Action, Grammar, PackageRequest, Spec};
use super::sections::Sections;
use super::text::{clip, field, lines, number, pair, size, some};
use stardust_shell::Fault;

#[path = "apt/read.rs"]
mod read;

use read::{full_only, last_words, listed, refused, repairs, simulation, summary, words_of};

pub struct Apt;

static GRAMMAR: Grammar = Grammar {
    first: |c| c.is_ascii_lowercase() || c.is_ascii_digit(),
    rest: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c),
    version: |c| c.is_ascii_alphanumeric() || ".+~:-".contains(c),
    arch: true,
    versions: true,
    example: "nginx, g++, libc6:i386, nginx=1.22.1-9",
};

const SURVEY: &str = r#"
quiet list apt list --upgradable
run sim apt-get -s -o Debug::NoLocking=true dist-upgrade
run plain apt-get -s -o Debug::NoLocking=true --with-new-pkgs upgrade
quiet held apt-mark showhold
count() { dpkg-query -W -f '${db:Status-Abbrev}\n' | grep -c '^.i'; }
quiet count count
quiet audit dpkg --audit
states() { dpkg-query -W -f '${db:Status-Abbrev}|${binary:Package}\n' | grep -v '^.[icn] |'; }
quiet states states
# What dpkg had begun to write down: until it has read that again, apt does nothing.
journal() { if grep -qs ":$(stat -c %i /var/lib/dpkg/lock) " /proc/locks; then echo 0; else ls /var/lib/dpkg/updates | grep -c '^[0-9]'; fi; }
quiet journal journal
run check apt-get check -o Debug::NoLocking=true
kin() {
  [ ! -e /usr/bin/pveversion ] || echo 'Proxmox VE'
  [ ! -e /usr/sbin/proxmox-backup-manager ] || echo 'Proxmox Backup Server'
  [ ! -e /etc/rpi-issue ] || echo 'Raspberry Pi OS'
}
quiet kin kin
"#;

/// $1 the action, $2 an option or nothing, then the packages. --assume-no alone
/// would not do: apt asks nothing, and goes on, where only what was named changes.
const PREVIEW: &str = r#"
action=$1; option=$2; shift 2
run sim apt-get -s -o Debug::NoLocking=true $option "$action" -- "$@"
run sizes apt-get --print-uris --assume-no -o Debug::NoLocking=true $option "$action" -- "$@"
"#;

/// The action, an option and the packages as in the preview. What is fetched
/// first can be given up; what dpkg does can't.
const DOWNLOAD: &str = r#"
action=$1; option=$2; shift 2
exec apt-get -y -q -o DPkg::Lock::Timeout=900 -o Acquire::Retries=2 --download-only $option "$action" -- "$@"
"#;

/// The config files that were changed by hand stay; the new ones lie beside them.
const INSTALL: &str = r#"
action=$1; option=$2; shift 2
exec apt-get -y -q -o DPkg::Lock::Timeout=900 -o Dpkg::Use-Pty=0 -o Dpkg::Progress-Fancy=0 \
  -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
  -o APT::Color=0 $option "$action" -- "$@"
"#;

const UPDATE: &str = r#"
exec apt-get -q -o APT::Update::Error-Mode=any -o Acquire::Retries=2 update
"#;

const CONFIGURE: &str = "exec dpkg --force-confdef --force-confold --configure -a\n";

const FIX: &str = r#"
exec apt-get -y -q -o DPkg::Lock::Timeout=900 -o Dpkg::Use-Pty=0 \
  -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --fix-broken install
"#;

/// What dpkg says must be installed anew, which setting it up does not do.
const REINSTALL: &str = r#"
names=$({
  dpkg-query -W -f '${db:Status-Abbrev}|${binary:Package}\n' | sed -n '/^..R|/s/^...|//p; /^.H |/s/^...|//p'
  dpkg --audit | awk '/reinstalled/ { on = 1; next } /^ / { if (on) print $1; next } /^$/ { on = 0 }'
} | sort -u)
if [ -z "$names" ]; then echo 'There is nothing to reinstall.'; exit 0; fi
dpkg --force-confdef --force-confold --configure -a
exec apt-get -y -q -o DPkg::Lock::Timeout=900 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef \
  -o Dpkg::Options::=--force-confold --reinstall install -- $names
"#;

const LEDGER: &str = r#"
ledger() { dpkg-query -W -f '${Package}|${Version}|${Architecture}|${db:Status-Abbrev}\n'; }
"#;

const INSTALLED: &str = r#"
quiet all dpkg-query -W -f '${Package}|${Version}|${Architecture}|${db:Status-Abbrev}|${Installed-Size}\n'
quiet automatic apt-mark showauto
"#;

const SEARCH: &str = r#"
quiet found apt-cache search -- "$@"
quiet installed dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n'
"#;

const DETAILS: &str = r#"
run show apt-cache show --no-all-versions -- "$1"
quiet policy apt-cache policy -- "$1"
changelog() {
  for file in "/usr/share/doc/${1%%:*}/changelog.Debian.gz" "/usr/share/doc/${1%%:*}/changelog.gz"; do
    if [ -r "$file" ]; then zcat "$file" | head -c 16384; break; fi
  done
}
quiet changelog changelog "$1"
"#;

/// What apt-get is told to do: the command, an option, and whether packages follow.
fn verb(request: &PackageRequest) -> (&'static str, &'static str) {
    match request.action {
        Action::Upgrade if request.packages.is_empty() => ("upgrade", "--with-new-pkgs"),
        Action::Upgrade => ("install", "--only-upgrade"),
        Action::FullUpgrade => ("dist-upgrade", ""),
        Action::Remove if request.purge => ("purge", ""),
        Action::Remove => ("remove", ""),
        Action::Autoremove => ("autoremove", ""),
        Action::Install if request.packages.iter().any(|spec| spec.version.is_some()) => {
            ("install", "--allow-downgrades")
        }
        _ => ("install", ""),
    }
}

fn arguments(request: &PackageRequest) -> Vec<String> {
    let (verb, option) = verb(request);
    let mut all = vec![verb.to_owned(), option.to_owned()];
    all.extend(request.arguments());
    all
}

impl Backend for Apt {
    fn manager(&self) -> Manager {
        Manager::Apt
    }

    fn actions(&self) -> &'static [Action] {
        &Action::ALL
    }

    fn grammar(&self) -> &'static Grammar {
        &GRAMMAR
    }

    fn repairs(&self) -> &'static [&'static str] {
        &["dpkg_configure", "reinstall", "fix_broken"]
    }

    fn has_changelog(&self) -> bool {
        true
    }

    fn lock_files(&self) -> &'static str {
        "/var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock"
    }

    fn survey(&self) -> &'static [&'static str] {
        &[SURVEY]
    }

    fn read_survey(&self, said: &Sections) -> Result<Listing, Refused> {
        let held = words_of(said.text("held"));
        let simulated = simulation(said.text("sim"));
        let origins: HashMap<&str, &Upgrade> = simulated
            .upgraded
            .iter()
            .map(|upgrade| (upgrade.name.as_str(), upgrade))
            .collect();
        let plain = simulation(said.text("plain"));
        let only = full_only(&simulated, &plain);
        let full_only = (said.code("plain") == Some(0)).then_some(&only);
        let mut upgradable: Vec<Upgrade> = lines(said.text("list"))
            .filter_map(listed)
            .take(UPGRADABLE_MAX)
            .collect();
        for upgrade in &mut upgradable {
            upgrade.held = held.contains(&upgrade.name);
            upgrade.full_only =
                !upgrade.held && full_only.is_some_and(|only| only.contains(upgrade.name.as_str()));
            if let Some(simulated) = origins.get(upgrade.name.as_str()) {
                upgrade.repo.clone_from(&simulated.repo);
                if simulated.security == Some(true) {
                    upgrade.security = Some(true);
                }
            }
        }
        if upgradable.is_empty() && said.code("list") != Some(0) {
            return Err(Refused::new(
                "failed",
                format!(
                    "apt does not list packages: {}.",
                    last_words(said.text("sim"))
                ),
                "Run `apt update` on the node and see what it says.",
            ));
        }
        Ok(Listing {
            upgradable,
            held: held
                .into_iter()
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect(),
            installed_count: number(said.text("count")).map(|count| count as usize),
            repair: repairs(said),
            reboot_reasons: Vec::new(),
            full_advised: lines(said.text("kin")).next().and_then(some),
        })
    }

    fn preview(&self, request: &PackageRequest) -> Question {
        Question::new(PREVIEW, &arguments(request))
    }

    fn read_preview(&self, said: &Sections, _: &PackageRequest) -> Preview {
        let text = said.text("sim");
        let mut preview = simulation(text);
        let sizes = said.text("sizes");
        for line in lines(sizes) {
            if let Some(rest) = line.strip_prefix("Need to get ") {
                let first = rest.split(['/']).next().unwrap_or(rest);
                preview.download_bytes = size(first.split(" of").next().unwrap_or(first), true);
            } else if let Some(rest) = line.strip_prefix("After this operation, ") {
                let bytes = rest
                    .split_once(" of additional")
                    .or_else(|| rest.split_once(" disk space"))
                    .and_then(|(bytes, _)| size(bytes, true))
                    .map(|bytes| bytes as i64);
                preview.disk_bytes = if rest.contains("freed") {
                    bytes.map(|bytes| -bytes)
                } else {
                    bytes
                };
            }
        }
        if said.code("sim") != Some(0) {
            preview.refused = Some(refused(text));
        }
        preview.text = clip(text, WORDS_BYTES_MAX).to_owned();
        preview
    }

    fn restarts(&self) -> Option<&'static str> {
        Some(super::restarts::DPKG)
    }

    fn phases(&self, request: &PackageRequest) -> Result<Vec<Phase>, Fault> {
        let all = arguments(request);
        let names = request.arguments();
        Ok(match request.action {
            Action::Refresh => vec![phase("refresh", true, UPDATE, &[])?],
            Action::Upgrade | Action::FullUpgrade | Action::Install => vec![
                phase("download", true, DOWNLOAD, &all)?,
                phase("install", false, INSTALL, &all)?,
            ],
            Action::Remove | Action::Autoremove => vec![phase("remove", false, INSTALL, &all)?],
            Action::Hold => vec![phase(
                "hold",
                false,
                "exec apt-mark hold -- \"$@\"\n",
                &names,
            )?],
            Action::Unhold => {
                vec![phase(
                    "unhold",
                    false,
                    "exec apt-mark unhold -- \"$@\"\n",
                    &names,
                )?]
            }
            Action::Clean => vec![phase("clean", true, "exec apt-get clean\n", &[])?],
            Action::Repair => match request.what.as_deref() {
                Some("fix_broken") => vec![phase("repair", false, FIX, &[])?],
                Some("reinstall") => vec![phase("repair", false, REINSTALL, &[])?],
                _ => vec![phase("repair", false, CONFIGURE, &[])?],
            },
        })
    }

    fn ledger(&self) -> &'static [&'static str] {
        &[LEDGER]
    }

    fn state(&self, state: &str) -> State {
        let mut letters = state.chars().skip(1);
        match (letters.next(), letters.next()) {
            (_, Some('R')) => State::Torn,
            (Some('i'), _) => State::Whole,
            (Some('n' | 'c') | None, _) => State::Absent,
            _ => State::Torn,
        }
    }

    fn installed(&self) -> &'static str {
        INSTALLED
    }

    fn read_installed(&self, said: &Sections) -> Vec<Installed> {
        let automatic: HashSet<&str> = said.text("automatic").lines().map(str::trim).collect();
        lines(said.text("all"))
            .filter_map(|line| {
                let mut fields = line.split('|');
                let (name, version, arch) = (fields.next()?, fields.next()?, fields.next()?);
                let status = fields.next()?;
                // The second letter: i is installed, whatever was wanted.
                if status.chars().nth(1) != Some('i') {
                    return None;
                }
                let kib: Option<u64> = fields.next().and_then(|kib| kib.trim().parse().ok());
                let qualified = format!("{name}:{arch}");
                Some(Installed {
                    name: field(name),
                    version: field(version),
                    arch: some(arch),
                    automatic: Some(
                        automatic.contains(name) || automatic.contains(qualified.as_str()),
                    ),
                    size_bytes: kib.and_then(|kib| kib.checked_mul(1024)),
                })
            })
            .collect()
    }

    fn search(&self, query: &str) -> Question {
        // apt-cache takes regular expressions; a point and a plus are meant as such.
        let words: Vec<String> = query
            .split_whitespace()
            .map(|word| {
                word.chars()
                    .flat_map(|c| {
                        let special = ".+".contains(c);
                        special.then_some('\\').into_iter().chain([c])
                    })
                    .collect()
            })
            .collect();
        Question::new(SEARCH, &words)
    }

    fn read_search(&self, said: &Sections) -> Vec<Found> {
        let installed: HashSet<&str> = said
            .text("installed")
            .lines()
            .filter_map(|line| {
                let (name, status) = line.split_once(' ')?;
                (status.chars().nth(1) == Some('i')).then_some(name)
            })
            .collect();
        lines(said.text("found"))
            .filter_map(|line| {
                let (name, summary) = line.split_once(" - ")?;
                Some(Found {
                    name: field(name),
                    version: None,
                    summary: field(summary),
                    installed: Some(installed.contains(name)),
                })
            })
            .take(FOUND_MAX)
            .collect()
    }

    fn details(&self, spec: &Spec) -> Question {
        Question::new(DETAILS, &[self.argument(spec)])
    }

    fn read_details(&self, said: &Sections, spec: &Spec) -> Option<Details> {
        if said.code("show") != Some(0) {
            return None;
        }
        // A blank line ends the first version's paragraph.
        let text = said.text("show").split("\n\n").next().unwrap_or("");
        let mut details = Details {
            name: spec.name.clone(),
            text: clip(said.text("show"), WORDS_BYTES_MAX).to_owned(),
            ..Details::default()
        };
        let mut description = String::new();
        let mut in_description = false;
        for line in lines(text) {
            if line.starts_with(' ') {
                if in_description && description.len() < WORDS_BYTES_MAX {
                    let line = line.trim();
                    description.push_str(if line == "." { "" } else { line });
                    description.push('\n');
                }
                continue;
            }
            let Some((key, value)) = pair(line) else {
                continue;
            };
            in_description = key.starts_with("Description");
            match key {
                "Version" => details.version = some(value),
                "Architecture" => details.arch = some(value),
                "Description" | "Description-en" => details.summary = some(value),
                "Homepage" => details.homepage = some(value),
                "Installed-Size" => {
                    details.size_bytes =
                        value.parse::<u64>().ok().and_then(|k| k.checked_mul(1024));
                }
                "Depends" | "Pre-Depends" => {
                    details
                        .depends
                        .extend(value.split(", ").map(field).take(200));
                }
                _ if details.fields.len() < 60 => {
                    details.fields.push((field(key), field(value)));
                }
                _ => {}
            }
        }
        details.description = Some(description.trim_end().to_owned()).filter(|d| !d.is_empty());
        for line in lines(said.text("policy")) {
            match pair(line) {
                Some(("Installed", version)) if version != "(none)" => {
                    details.installed = some(version);
                }
                _ => {}
            }
        }
        details.changelog =
            Some(said.text("changelog").trim().to_owned()).filter(|c| !c.is_empty());
        Some(details)
    }

    fn progress(&self, line: &str, track: &mut Track) {
        if let Some((upgraded, new, removed)) = summary(line) {
            track.at(0, (upgraded + new) * 2 + removed);
        } else if ["Unpacking ", "Setting up ", "Removing "]
            .iter()
            .any(|start| line.starts_with(start))
        {
            track.step();
        }
    }

    fn outcome(&self, text: &str) -> Outcome {
        read::outcome(text)
    }
}
