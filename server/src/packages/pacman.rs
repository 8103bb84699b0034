//! pacman: Arch Linux and what comes from it.
//!
//! A refreshed index with packages installed from it one by one is the way to
//! break an Arch system. So the index that a look reads is a copy of our own, and
//! whatever installs upgrades all else in the same transaction.

use std::collections::HashSet;

use super::Manager;
use super::limits::{FOUND_MAX, UPGRADABLE_MAX, WORDS_BYTES_MAX};
use super::lock;
use super::model::{
    Details, Found, Installed, Listing, Outcome, Preview, Refused, Removal, Repair, Track, Upgrade,
};
use super::sections::Sections;
use super::text::{clip, field, lines, number, pair, size, some};
use super::tool::{Phase, Question, Tool, phase, phase_of};
use super::wish::{Action, Grammar, Spec, Wish};
use crate::major_tom::Fault;

pub struct Pacman;

static GRAMMAR: Grammar = Grammar {
    first: |c| c.is_ascii_alphanumeric() || "@_+".contains(c),
    rest: |c| c.is_ascii_alphanumeric() || "@._+-".contains(c),
    version: |_| false,
    arch: false,
    versions: false,
    example: "nginx, gtk2+extra, python-requests",
};

/// Where the index of our own is, and the real one's place.
const PLACES: &str = r#"
real=$(pacman-conf DBPath 2>/dev/null); real=${real:-/var/lib/pacman/}; real=${real%/}
own=/var/lib/stardust-pacman
busy() {
  for comm in /proc/[0-9]*/comm; do
    read -r name 2>/dev/null <"$comm" || continue
    case $name in pacman|pacman-*|yay|paru|pamac*|packagekitd|makepkg) echo "${comm%/comm}" | sed "s#/proc/##;s#\$# $name#"; return 0 ;; esac
  done
  return 1
}
"#;

/// On a disk that is full pacman leaves a package half unpacked and counts it as
/// installed, with nothing written down of it: it would never be looked at again.
const TORN: &str = r#"
torn() {
  find "$real/local" -mindepth 2 -maxdepth 2 -name desc -size 0 |
    sed 's#/desc$##; s#.*/##; s#-[^-]*-[^-]*$##' | sort -u | head -n 50
}
"#;

const LEDGER: &str = r#"
ledger() {
  torn=" $(torn | tr '\n' ' ')"
  pacman -Q | while read -r name version; do
    case $torn in *" $name "*) echo "$name|$version||torn" ;; *) echo "$name|$version||" ;; esac
  done
}
"#;

const SURVEY: &str = r#"
db=$real; [ -d "$own/sync" ] && db=$own
quiet list pacman -Qu --dbpath "$db"
quiet sim pacman -Su --print --print-format '%n|%v|%r|%s' --dbpath "$db"
held() { pacman-conf IgnorePkg 2>/dev/null || sed -n 's/^[[:space:]]*IgnorePkg[[:space:]]*=//p' /etc/pacman.conf; }
quiet held held
count() { pacman -Qq | wc -l; }
quiet count count
stale() { [ -e "$real/db.lck" ] && ! busy >/dev/null; }
quiet stale stale
quiet torn torn
# pacman knows nothing of security; arch-audit asks Arch's own list, where it is there.
if has arch-audit; then quiet audit timeout 20 arch-audit --upgradable --quiet; fi
"#;

/// A transaction's list, and what it says of sizes before it asks.
const PREVIEW: &str = r#"
db=$real; [ -d "$own/sync" ] && db=$own
run sim pacman -Su --needed --print --print-format '%n|%v|%r|%s' --dbpath "$db" -- "$@"
run sizes pacman -Su --needed --dbpath "$db" --logfile /dev/null -- "$@"
quiet all pacman -Q
"#;

const PREVIEW_REMOVE: &str = r#"
option=$1; shift
run sim pacman "$option" --print --print-format '%n|%v' -- "$@"
quiet all pacman -Q
"#;

const PREVIEW_ORPHANS: &str = r#"
names=$(pacman -Qdtq)
if [ -n "$names" ]; then run sim pacman -Rs --print --print-format '%n|%v' -- $names
else run sim true; fi
quiet all pacman -Q
"#;

/// The index of our own beside the real list of what is installed. `--ask 64` turns
/// the answer to one question: whether an unknown key is to be fetched and taken.
const REFRESH: &str = r#"
mkdir -p "$own" && chmod 755 "$own" && ln -sfn "$real/local" "$own/local" || exit 1
rm -f "$own/db.lck"
exec pacman -Sy --noconfirm --ask 64 --noprogressbar --color never --dbpath "$own" --logfile /dev/null
"#;

const DOWNLOAD: &str = r#"
mkdir -p "$own" && chmod 755 "$own" && ln -sfn "$real/local" "$own/local" || exit 1
rm -f "$own/db.lck"
exec pacman -Syuw --needed --noconfirm --ask 64 --noprogressbar --color never --dbpath "$own" --logfile /dev/null -- "$@"
"#;

const INSTALL: &str = r#"
exec pacman -Syu --needed --noconfirm --ask 64 --noprogressbar --color never -- "$@"
"#;

const REMOVE: &str = "exec pacman \"$@\"\n";

const ORPHANS: &str = r#"
names=$(pacman -Qdtq)
if [ -z "$names" ]; then echo 'there is nothing to do'; exit 0; fi
exec pacman -Rs --noconfirm --noprogressbar --color never -- $names
"#;

/// One line for each, right after `[options]`; only such lines are taken out.
const HOLD: &str = r#"
umask 022
part=/etc/pacman.conf.stardust
for name in "$@"; do
  grep -qxF "IgnorePkg = $name" /etc/pacman.conf && continue
  NAME=$name awk '{ print } /^\[options\]/ { print "IgnorePkg = " ENVIRON["NAME"] }' /etc/pacman.conf >"$part" \
    && mv "$part" /etc/pacman.conf || exit 1
  echo "$name is held"
done
"#;

const UNHOLD: &str = r#"
umask 022
part=/etc/pacman.conf.stardust
for name in "$@"; do
  grep -vxF "IgnorePkg = $name" /etc/pacman.conf >"$part" && mv "$part" /etc/pacman.conf || exit 1
  if pacman-conf IgnorePkg 2>/dev/null | grep -qxF "$name"; then
    echo "error: $name is in another IgnorePkg line of /etc/pacman.conf; take it out by hand"; exit 1
  fi
  echo "$name is no longer held"
done
"#;

const UNLOCK: &str = r#"
if holder=$(busy); then echo "error: the lock is in use by process $holder"; exit 1; fi
rm -f "$real/db.lck" && echo "removed $real/db.lck"
"#;

/// With all else, as every installation; nobody knows any more whose its files are.
const REINSTALL: &str = r#"
names=$(torn)
if [ -z "$names" ]; then echo 'there is nothing to do'; exit 0; fi
exec pacman -Syu --noconfirm --ask 64 --noprogressbar --color never --overwrite '*' -- $names
"#;

const DETAILS: &str = r#"
quiet show pacman -Si -- "$1"
quiet here pacman -Qi -- "$1"
"#;

fn removal(wish: &Wish) -> &'static str {
    if wish.purge { "-Rns" } else { "-Rs" }
}

impl Tool for Pacman {
    fn manager(&self) -> Manager {
        Manager::Pacman
    }

    fn actions(&self) -> &'static [Action] {
        &[
            Action::Refresh,
            Action::Upgrade,
            Action::Install,
            Action::Remove,
            Action::Autoremove,
            Action::Hold,
            Action::Unhold,
            Action::Clean,
            Action::Repair,
        ]
    }

    fn grammar(&self) -> &'static Grammar {
        &GRAMMAR
    }

    fn repairs(&self) -> &'static [&'static str] {
        &["stale_lock", "torn"]
    }

    fn upgrades_selected(&self) -> bool {
        false
    }

    fn lock_files(&self) -> &'static str {
        // A file that is there or not; see `stale` and `busy`.
        "/var/lib/pacman/db.lck"
    }

    fn survey(&self) -> &'static [&'static str] {
        &[PLACES, TORN, SURVEY]
    }

    fn read_survey(&self, said: &Sections) -> Result<Listing, Refused> {
        // 1 with nothing to say is that there is nothing.
        if !matches!(said.code("list"), Some(0 | 1)) || said.code("count") != Some(0) {
            return Err(Refused::new(
                "failed",
                "pacman does not list packages.",
                "Run `pacman -Qu` on the node and see what it says.",
            ));
        }
        let repos: std::collections::HashMap<&str, &str> = lines(said.text("sim"))
            .filter_map(|line| {
                let mut fields = line.split('|');
                Some((fields.next()?, fields.nth(1)?))
            })
            .collect();
        let held: Vec<String> = said
            .text("held")
            .split_whitespace()
            .map(field)
            .take(super::limits::NOTES_MAX)
            .collect();
        let audited: Option<HashSet<&str>> = (said.code("audit") == Some(0)).then(|| {
            lines(said.text("audit"))
                .filter_map(|line| line.split([' ', '>', '=', '<']).next())
                .collect()
        });
        let upgradable = lines(said.text("list"))
            .filter_map(|line| {
                let mut words = line.split(' ');
                let (name, installed) = (words.next()?, words.next()?);
                if words.next()? != "->" {
                    return None;
                }
                Some(Upgrade {
                    name: field(name),
                    arch: None,
                    installed: some(installed),
                    new: field(words.next()?),
                    repo: repos.get(name).and_then(|repo| some(repo)),
                    security: audited.as_ref().map(|names| names.contains(name)),
                    held: words.next() == Some("[ignored]"),
                    full_only: false,
                })
            })
            .take(UPGRADABLE_MAX)
            .collect();
        let mut repair = Vec::new();
        if said.code("stale") == Some(0) {
            let lock = Repair::new(
                "stale_lock",
                "Remove the lock that a crash has left (db.lck)",
                "pacman's lock was left behind: there is no process that could hold it.",
            );
            repair.push(lock.blocking());
        }
        let torn: Vec<String> = lines(said.text("torn")).map(field).collect();
        if !torn.is_empty() {
            repair.push(Repair::new(
                "torn",
                "Install again what was cut off, with all upgrades (pacman -Syu --overwrite)",
                format!(
                    "Not unpacked to the end, and counted as installed: {}.",
                    torn.join(", ")
                ),
            ));
        }
        Ok(Listing {
            upgradable,
            held,
            installed_count: number(said.text("count")).map(|count| count as usize),
            repair,
            reboot_reasons: Vec::new(),
            full_advised: None,
        })
    }

    fn preview(&self, wish: &Wish) -> Question {
        match wish.action {
            Action::Autoremove => Question::of(&[PLACES, PREVIEW_ORPHANS], &[]),
            Action::Remove => {
                let mut all = vec![removal(wish).to_owned()];
                all.extend(wish.arguments());
                Question::of(&[PLACES, PREVIEW_REMOVE], &all)
            }
            _ => Question::of(&[PLACES, PREVIEW], &wish.arguments()),
        }
    }

    fn read_preview(&self, said: &Sections, wish: &Wish) -> Preview {
        let text = said.text("sim");
        let installed: std::collections::HashMap<&str, &str> = lines(said.text("all"))
            .filter_map(|line| line.split_once(' '))
            .collect();
        let mut preview = Preview::default();
        let removing = matches!(wish.action, Action::Remove | Action::Autoremove);
        let mut download = 0u64;
        for line in lines(text) {
            let fields: Vec<&str> = line.split('|').collect();
            if removing && fields.len() == 2 {
                preview.removed.push(Removal {
                    name: field(fields[0]),
                    arch: None,
                    installed: some(fields[1]),
                    essential: false,
                });
            } else if !removing && fields.len() == 4 {
                let old = installed.get(fields[0]).map(|version| field(version));
                download = download.saturating_add(fields[3].parse().unwrap_or(0));
                let upgrade = Upgrade {
                    name: field(fields[0]),
                    arch: None,
                    installed: old,
                    new: field(fields[1]),
                    repo: some(fields[2]),
                    security: None,
                    held: false,
                    full_only: false,
                };
                match upgrade.installed {
                    Some(_) => preview.upgraded.push(upgrade),
                    None => preview.installed.push(upgrade),
                }
            }
        }
        if !removing {
            preview.download_bytes = Some(download);
        }
        for line in lines(said.text("sizes")) {
            if let Some(rest) = line.strip_prefix("warning: ")
                && let Some((name, _)) = rest.split_once(": ignoring package upgrade")
            {
                preview.kept_back.push(field(name));
            } else if let Some(("Net Upgrade Size", bytes)) = pair(line) {
                preview.disk_bytes = match bytes.strip_prefix('-') {
                    Some(bytes) => size(bytes, false).map(|bytes| -(bytes as i64)),
                    None => size(bytes, false).map(|bytes| bytes as i64),
                };
            } else if let Some(("Total Installed Size", bytes)) = pair(line) {
                // Of new packages alone; the net size, if any, comes after it.
                preview.disk_bytes = size(bytes, false).map(|bytes| bytes as i64);
            }
        }
        if said.code("sim") != Some(0) {
            preview.refused = Some(refused(text));
        } else {
            preview.nothing = preview.changes() == 0;
        }
        let both = format!("{text}{}", said.text("sizes"));
        preview.text = clip(&both, WORDS_BYTES_MAX).to_owned();
        preview
    }

    fn phases(&self, wish: &Wish) -> Result<Vec<Phase>, Fault> {
        let names = wish.arguments();
        Ok(match wish.action {
            Action::Refresh => vec![phase_of("refresh", true, &[PLACES, REFRESH], &[])?],
            Action::Upgrade | Action::FullUpgrade | Action::Install => vec![
                phase_of("download", true, &[PLACES, DOWNLOAD], &names)?,
                phase("install", false, INSTALL, &names)?,
            ],
            Action::Remove => {
                let mut all: Vec<String> = [
                    removal(wish),
                    "--noconfirm",
                    "--noprogressbar",
                    "--color",
                    "never",
                    "--",
                ]
                .map(str::to_owned)
                .to_vec();
                all.extend(names);
                vec![phase("remove", false, REMOVE, &all)?]
            }
            Action::Autoremove => vec![phase("remove", false, ORPHANS, &[])?],
            Action::Hold => vec![phase("hold", false, HOLD, &names)?],
            Action::Unhold => vec![phase("unhold", false, UNHOLD, &names)?],
            Action::Clean => {
                vec![phase(
                    "clean",
                    false,
                    "exec pacman -Sc --noconfirm --color never\n",
                    &[],
                )?]
            }
            Action::Repair if wish.what.as_deref() == Some("torn") => {
                vec![phase_of("repair", false, &[PLACES, TORN, REINSTALL], &[])?]
            }
            Action::Repair => vec![phase_of("repair", false, &[PLACES, UNLOCK], &[])?],
        })
    }

    fn ledger(&self) -> &'static [&'static str] {
        &[PLACES, TORN, LEDGER]
    }

    fn installed(&self) -> &'static str {
        "\nquiet all pacman -Q\nquiet automatic pacman -Qdq\n"
    }

    fn read_installed(&self, said: &Sections) -> Vec<Installed> {
        let automatic: HashSet<&str> = said.text("automatic").lines().collect();
        lines(said.text("all"))
            .filter_map(|line| {
                let (name, version) = line.split_once(' ')?;
                Some(Installed {
                    automatic: Some(automatic.contains(name)),
                    name: field(name),
                    version: field(version),
                    arch: None,
                    size_bytes: None,
                })
            })
            .collect()
    }

    fn search(&self, query: &str) -> Question {
        let words: Vec<String> = query
            .split_whitespace()
            .map(|word| word.replace('.', "\\.").replace('+', "\\+"))
            .collect();
        Question::new("\nquiet found pacman -Ss -- \"$@\"\n", &words)
    }

    fn read_search(&self, said: &Sections) -> Vec<Found> {
        let mut out: Vec<Found> = Vec::new();
        for line in lines(said.text("found")) {
            if line.starts_with("    ") {
                if let Some(found) = out.last_mut() {
                    found.summary = field(line);
                }
                continue;
            }
            if out.len() == FOUND_MAX {
                break;
            }
            let mut words = line.split(' ');
            if let (Some(path), Some(version)) = (words.next(), words.next())
                && let Some((_, name)) = path.split_once('/')
            {
                out.push(Found {
                    name: field(name),
                    version: some(version),
                    summary: String::new(),
                    installed: Some(line.contains("[installed")),
                });
            }
        }
        out
    }

    fn details(&self, spec: &Spec) -> Question {
        Question::new(DETAILS, std::slice::from_ref(&spec.name))
    }

    fn read_details(&self, said: &Sections, spec: &Spec) -> Option<Details> {
        let there = said.code("show") == Some(0);
        let text = if there {
            said.text("show")
        } else {
            said.text("here")
        };
        let mut details = Details {
            name: spec.name.clone(),
            text: clip(text, WORDS_BYTES_MAX).to_owned(),
            ..Details::default()
        };
        for line in lines(text) {
            let Some((key, value)) = pair(line) else {
                continue;
            };
            match key {
                "Name" => {}
                "Version" => details.version = some(value),
                "Architecture" => details.arch = some(value),
                "Repository" => details.repo = some(value),
                "Description" => details.summary = some(value),
                "URL" => details.homepage = some(value),
                "Licenses" => details.license = some(value),
                "Installed Size" => details.size_bytes = size(value, false),
                "Depends On" if value != "None" => {
                    details.depends = value.split_whitespace().map(field).take(200).collect();
                }
                _ if !key.is_empty() && details.fields.len() < 60 => {
                    details.fields.push((field(key), field(value)));
                }
                _ => {}
            }
        }
        if said.code("here") == Some(0) {
            details.installed = lines(said.text("here"))
                .filter_map(pair)
                .find(|(key, _)| *key == "Version")
                .and_then(|(_, version)| some(version));
        }
        details.version.is_some().then_some(details)
    }

    fn progress(&self, line: &str, track: &mut Track) {
        if let Some(rest) = line.strip_prefix("Packages (") {
            if let Some(total) = number(rest) {
                track.at(0, total);
            }
        } else if changing(line).is_some() {
            track.step();
        }
    }

    fn outcome(&self, text: &str) -> Outcome {
        let mut outcome = Outcome::default();
        let mut current = "";
        let mut failed_here = "";
        for line in lines(text) {
            if let Some((verb, name)) = changing(line) {
                current = name;
                match verb {
                    "installing" => outcome.installed += 1,
                    "removing" => outcome.removed += 1,
                    _ => outcome.upgraded += 1,
                }
            } else if let Some((name, _)) = line.split_once(": ignoring package upgrade") {
                // Told of twice: when fetched and when installed.
                outcome.keep([field(name.strip_prefix("warning: ").unwrap_or(name))]);
            } else if let Some(error) = line.strip_prefix("error: ") {
                // A script that fails leaves the package installed, and pacman
                // ends well.
                if error.starts_with("command failed to execute correctly")
                    && failed_here != current
                {
                    failed_here = current;
                    outcome.fail(current, "its install script failed");
                }
                if let Some((verb, name)) = error
                    .strip_prefix("problem occurred while ")
                    .and_then(|rest| rest.split_once(' '))
                {
                    // It was counted when it was begun.
                    let count = match verb {
                        "installing" => &mut outcome.installed,
                        "removing" => &mut outcome.removed,
                        _ => &mut outcome.upgraded,
                    };
                    *count = count.saturating_sub(1);
                    outcome.fail(name, "its files could not be put in place");
                }
                outcome.error(error);
            } else if line.contains(" exists in filesystem")
                && let Some((name, what)) = line.split_once(": ")
            {
                outcome.fail(name, what);
            }
            if let Some(lock) = lock::holder(line) {
                outcome.held_by = Some(lock);
            }
        }
        outcome
    }
}

/// `upgrading lablib...`, the beginning of one package.
fn changing(line: &str) -> Option<(&str, &str)> {
    let (verb, rest) = line.split_once(' ')?;
    let known = [
        "installing",
        "upgrading",
        "removing",
        "reinstalling",
        "downgrading",
    ];
    let name = rest.trim_end().strip_suffix("...")?;
    (known.contains(&verb) && !name.contains(' ')).then_some((verb, name))
}

fn refused(text: &str) -> Refused {
    if let Some(lock) = lines(text).find_map(lock::holder) {
        return lock::refused(&lock);
    }
    let error = lines(text)
        .find_map(|line| line.strip_prefix("error: "))
        .or_else(|| lines(text).last())
        .map(field)
        .unwrap_or_default();
    let kind = if error.contains("target not found") {
        "not_found"
    } else if text.contains("breaks dependency") || error.contains("could not satisfy") {
        "broken"
    } else {
        "failed"
    };
    Refused::new(
        kind,
        format!("pacman refuses: {error}"),
        "Refresh the index; see what pacman says.",
    )
}
