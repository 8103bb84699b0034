//! apk: Alpine Linux, and OpenWrt from release 25.

use std::collections::HashSet;

use super::Manager;
use super::backend::{Backend, Phase, Question, phase};
use super::limits::{FOUND_MAX, UPGRADABLE_MAX, WORDS_BYTES_MAX};
use super::lock;
use super::model::{
    Details, Found, Installed, Listing, Outcome, Preview, Refused, Removal, Track, Upgrade,
};
use super::request::{Action, Grammar, PackageRequest, Spec};
use super::sections::Sections;
use super::text::{clip, counted, field, lines, number, size, some, split_nvr};
use stardust_shell::Fault;

pub struct Apk;

static GRAMMAR: Grammar = Grammar {
    first: |c| c.is_ascii_alphanumeric(),
    rest: |c| c.is_ascii_alphanumeric() || "+-._".contains(c),
    version: |c| c.is_ascii_alphanumeric() || "._-".contains(c),
    arch: false,
    versions: true,
    example: "nginx, libstdc++, py3-requests, nginx=1.24.0-r16",
};

const SURVEY: &str = r#"
quiet list apk list -u
quiet older apk version -l '<'
held() { grep '=' /etc/apk/world; }
quiet held held
count() { apk info -q | wc -l; }
quiet count count
"#;

const PREVIEW: &str = "\nrun sim apk \"$@\"\n";

const RUN: &str = "exec apk --wait 900 --no-progress \"$@\"\n";

/// A broken repository is a warning to apk, and it ends well.
const REFRESH: &str = r#"
said=$(apk --wait 900 --no-progress update 2>&1); code=$?
printf '%s\n' "$said"
case $said in *WARNING:*|*unavailable*) [ "$code" != 0 ] || code=1 ;; esac
exit "$code"
"#;

/// In world with its version: upgrades leave it alone.
const HOLD: &str = r#"
for name in "$@"; do
  version=$(apk list -I "$name" 2>/dev/null | sed -n "1s/^\([^ ]*\) .*/\1/p")
  version=${version#"$name"-}
  if [ -z "$version" ]; then echo "ERROR: $name is not installed"; exit 1; fi
  apk --wait 900 --no-progress add "$name=$version" || exit 1
done
"#;

/// `f:` says what of it is broken: files, its script.
const LEDGER: &str = r#"
ledger() {
  for file in /lib/apk/db/installed /usr/lib/apk/db/installed; do
    [ -f "$file" ] || continue
    awk '/^P:/ { name = substr($0, 3) } /^V:/ { version = substr($0, 3) } /^A:/ { arch = substr($0, 3) }
      /^f:/ { broken = substr($0, 3) }
      /^$/ { if (name != "") print name "|" version "|" arch "|" broken; name = version = arch = broken = "" }
      END { if (name != "") print name "|" version "|" arch "|" broken }' "$file"
    return
  done
}
"#;

const INSTALLED: &str = r#"
quiet all apk list -I
quiet older apk info -v
quiet world cat /etc/apk/world
"#;

const DETAILS: &str = "\nrun show apk info -a \"$1\"\nquiet here apk list -I \"$1\"\nquiet policy apk policy \"$1\"\n";

/// What apk is told, without what only a real run gets.
fn words(request: &PackageRequest) -> Vec<String> {
    let names = request.arguments();
    let before: &[&str] = match request.action {
        Action::Upgrade if names.is_empty() => &["upgrade"],
        Action::Upgrade => &["add", "--upgrade"],
        Action::FullUpgrade => &["upgrade", "--available"],
        Action::Remove if request.purge => &["del", "--purge"],
        Action::Remove => &["del"],
        _ => &["add"],
    };
    let mut all: Vec<String> = before.iter().map(|&word| word.to_owned()).collect();
    all.extend(names);
    all
}

impl Backend for Apk {
    fn manager(&self) -> Manager {
        Manager::Apk
    }

    fn actions(&self) -> &'static [Action] {
        &[
            Action::Refresh,
            Action::Upgrade,
            Action::FullUpgrade,
            Action::Install,
            Action::Remove,
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
        &["verify"]
    }

    fn instead(&self, action: Action) -> &'static str {
        match action {
            Action::Autoremove => "apk removes what nothing needs by itself.",
            _ => "It is not to be had with this manager.",
        }
    }

    fn tells_security(&self) -> bool {
        false
    }

    fn lock_files(&self) -> &'static str {
        "/lib/apk/db/lock /usr/lib/apk/db/lock"
    }

    fn survey(&self) -> &'static [&'static str] {
        &[SURVEY]
    }

    fn read_survey(&self, said: &Sections) -> Result<Listing, Refused> {
        let (list, older) = (said.code("list"), said.code("older"));
        let mut upgradable: Vec<Upgrade> = if list == Some(0) {
            lines(said.text("list")).filter_map(listed).collect()
        } else if older == Some(0) {
            lines(said.text("older")).filter_map(compared).collect()
        } else {
            return Err(Refused::new(
                "failed",
                "apk does not list packages.",
                "Run `apk version` on the node and see what it says.",
            ));
        };
        upgradable.truncate(UPGRADABLE_MAX);
        let held: Vec<String> = lines(said.text("held"))
            .filter_map(|line| line.split_once('=').map(|(name, _)| field(name)))
            .filter(|name| !name.ends_with(['<', '>', '~']))
            .collect();
        for upgrade in &mut upgradable {
            upgrade.held = held.contains(&upgrade.name);
        }
        Ok(Listing {
            upgradable,
            held,
            installed_count: number(said.text("count")).map(|count| count as usize),
            repair: Vec::new(),
            reboot_reasons: Vec::new(),
            full_advised: None,
        })
    }

    fn preview(&self, request: &PackageRequest) -> Question {
        let mut all = words(request);
        all.push("--simulate".to_owned());
        Question::new(PREVIEW, &all)
    }

    fn read_preview(&self, said: &Sections, _: &PackageRequest) -> Preview {
        let text = said.text("sim");
        let mut preview = Preview::default();
        for line in lines(text) {
            let Some((_, _, what)) = counted(line) else {
                continue;
            };
            let Some(step) = step(what) else { continue };
            let upgrade = Upgrade {
                name: field(step.name),
                new: field(step.new),
                installed: step.old.and_then(some),
                ..Upgrade::default()
            };
            match step.verb {
                "Upgrading" => preview.upgraded.push(upgrade),
                "Downgrading" => preview.downgraded.push(upgrade),
                "Installing" => preview.installed.push(upgrade),
                "Purging" => preview.removed.push(Removal {
                    name: upgrade.name,
                    arch: None,
                    installed: Some(upgrade.new),
                    essential: false,
                }),
                _ => {}
            }
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
            Action::Refresh => vec![phase("refresh", true, REFRESH, &[])?],
            Action::Remove => vec![phase("remove", false, RUN, &words(request))?],
            Action::Hold => vec![phase("hold", false, HOLD, &names)?],
            Action::Unhold => {
                let mut all = vec!["add".to_owned()];
                all.extend(names);
                vec![phase("unhold", false, RUN, &all)?]
            }
            // Without a cache folder there is nothing to clean, which is no error.
            Action::Clean => vec![phase(
                "clean",
                true,
                "if [ -e /etc/apk/cache ]; then exec apk cache clean; fi; echo 'There is no cache.'\n",
                &[],
            )?],
            Action::Repair => vec![phase("repair", false, RUN, &["fix".to_owned()])?],
            _ => vec![phase("install", false, RUN, &words(request))?],
        })
    }

    fn ledger(&self) -> &'static [&'static str] {
        &[LEDGER]
    }

    fn installed(&self) -> &'static str {
        INSTALLED
    }

    fn read_installed(&self, said: &Sections) -> Vec<Installed> {
        let world: HashSet<&str> = said
            .text("world")
            .split_whitespace()
            .map(|word| word.split(['=', '<', '>', '~', '@']).next().unwrap_or(word))
            .collect();
        let text = if said.code("all") == Some(0) {
            said.text("all")
        } else {
            said.text("older")
        };
        lines(text)
            .filter_map(|line| {
                let mut words = line.split(' ');
                let (name, version) = split_nvr(words.next()?)?;
                Some(Installed {
                    automatic: Some(!world.contains(name)),
                    name: field(name),
                    version: field(version),
                    arch: words.next().and_then(some),
                    size_bytes: None,
                })
            })
            .collect()
    }

    fn search(&self, query: &str) -> Question {
        let words: Vec<String> = query.split_whitespace().map(str::to_owned).collect();
        Question::new(
            "\nquiet found apk search -v \"$@\"\nquiet here apk info -q\n",
            &words,
        )
    }

    fn read_search(&self, said: &Sections) -> Vec<Found> {
        let here: HashSet<&str> = said.text("here").lines().collect();
        lines(said.text("found"))
            .filter_map(|line| {
                let (nvr, summary) = line.split_once(" - ").unwrap_or((line, ""));
                let (name, version) = split_nvr(nvr.trim())?;
                Some(Found {
                    installed: Some(here.contains(name)),
                    name: field(name),
                    version: some(version),
                    summary: field(summary),
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
        // `name-version description:` and its value on the lines below.
        let mut key = "";
        for line in lines(text) {
            if let Some((nvr, rest)) = line.split_once(' ')
                && let Some(rest) = rest.strip_suffix(':')
                && let Some((name, version)) = split_nvr(nvr)
                && name == spec.name
            {
                details.version = details.version.or_else(|| some(version));
                key = rest;
                continue;
            }
            match key {
                "description" => details.summary = details.summary.or_else(|| some(line)),
                "webpage" => details.homepage = details.homepage.or_else(|| some(line)),
                "license" => details.license = details.license.or_else(|| some(line)),
                "installed size" => {
                    details.size_bytes = details.size_bytes.or_else(|| size(line, false));
                }
                "depends on" if details.depends.len() < 200 => details.depends.push(field(line)),
                _ => {}
            }
        }
        details.installed = lines(said.text("here"))
            .filter_map(|line| split_nvr(line.split(' ').next()?))
            .find(|(name, _)| *name == spec.name)
            .and_then(|(_, version)| some(version));
        details.version.is_some().then_some(details)
    }

    fn progress(&self, line: &str, track: &mut Track) {
        if let Some((done, total, what)) = counted(line)
            && step(what).is_some()
        {
            track.at(done, total);
        }
    }

    fn outcome(&self, text: &str) -> Outcome {
        let mut outcome = Outcome::default();
        for line in lines(text) {
            if let Some((_, _, what)) = counted(line)
                && let Some(step) = step(what)
            {
                match step.verb {
                    "Installing" => outcome.installed += 1,
                    "Purging" => outcome.removed += 1,
                    _ => outcome.upgraded += 1,
                }
            } else if let Some(rest) = line.strip_prefix("ERROR: ") {
                // `ERROR: lablib-2.0-r0.post-upgrade: script exited with error 1`
                let name = rest
                    .split_once(": ")
                    .and_then(|(nvr, _)| split_nvr(nvr.split(' ').next()?))
                    .map(|(name, _)| name);
                if let Some(name) = name {
                    outcome.fail(name, rest);
                }
                outcome.error(rest);
            } else if let Some(rest) = line.strip_prefix("WARNING: ") {
                outcome.error(rest);
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

/// `Upgrading lablib (1.0-r0 -> 2.0-r0)`, `Installing lablib (1.0-r0)`
fn step(what: &str) -> Option<Step<'_>> {
    let (verb, rest) = what.split_once(' ')?;
    let known = [
        "Upgrading",
        "Downgrading",
        "Installing",
        "Purging",
        "Replacing",
        "Reinstalling",
    ];
    if !known.contains(&verb) {
        return None;
    }
    let (name, rest) = rest.split_once(" (")?;
    let inside = rest.split(')').next()?;
    let (old, new) = match inside.split_once(" -> ") {
        Some((old, new)) => (Some(old), new),
        None => (None, inside),
    };
    Some(Step {
        verb,
        name,
        old,
        new,
    })
}

/// `lablib-2.0-r0 x86_64 {lablib} (MIT) [upgradable from: lablib-1.0-r0]`
fn listed(line: &str) -> Option<Upgrade> {
    let (_, old) = line.split_once("[upgradable from: ")?;
    let (_, installed) = split_nvr(old.trim_end().strip_suffix(']')?)?;
    let mut words = line.split(' ');
    let (name, new) = split_nvr(words.next()?)?;
    Some(Upgrade {
        name: field(name),
        arch: words.next().and_then(some),
        installed: some(installed),
        new: field(new),
        ..Upgrade::default()
    })
}

/// `lablib-1.0-r0         < 2.0-r0`
fn compared(line: &str) -> Option<Upgrade> {
    let (old, rest) = line.split_once(" < ")?;
    let (name, installed) = split_nvr(old.trim())?;
    Some(Upgrade {
        name: field(name),
        installed: some(installed),
        new: some(rest.split('@').next().unwrap_or(rest))?,
        ..Upgrade::default()
    })
}

fn refused(text: &str) -> Refused {
    if let Some(lock) = lines(text).find_map(lock::holder) {
        return lock::refused(&lock);
    }
    let error = lines(text)
        .find_map(|line| line.strip_prefix("ERROR: "))
        .or_else(|| lines(text).last())
        .map(field)
        .unwrap_or_default();
    let kind = if text.contains("no such package") {
        "not_found"
    } else if text.contains("unable to select packages") || text.contains("unsatisfiable") {
        "broken"
    } else {
        "failed"
    };
    Refused::new(
        kind,
        format!("apk refuses: {error}"),
        "Refresh the index; see what apk says.",
    )
}
