//! What dnf 4 and yum print, and what dnf 5 prints as they do.

use std::collections::{HashMap, HashSet};

use super::super::Manager;
use super::super::limits::{FOUND_MAX, UPGRADABLE_MAX, WORDS_BYTES_MAX};
use super::super::model::{Details, Found, Outcome, Preview, Refused, Removal, Upgrade};
use super::super::request::Spec;
use super::super::sections::Sections;
use super::super::text::{clip, field, lines, pair, size, some};
use super::super::{lock, rpm};

pub fn outcome(text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let mut list = "";
    for line in lines(text) {
        if let Some(rest) = line.strip_prefix("  ") {
            for name in rest
                .split("  ")
                .map(str::trim)
                .filter(|name| !name.is_empty())
            {
                match list {
                    "upgraded" => outcome.upgraded += 1,
                    "installed" => outcome.installed += 1,
                    "removed" => outcome.removed += 1,
                    "skipped" => outcome.keep([field(rpm::name_of(name))]),
                    "failed" => outcome.fail(rpm::name_of(name), "it could not be installed"),
                    _ => {}
                }
            }
            if !list.is_empty() {
                continue;
            }
        }
        let heading = line.trim_end().strip_suffix(':').unwrap_or("");
        list = match heading {
            "Upgraded" | "Updated" | "Dependency Updated" | "Downgraded" => "upgraded",
            "Installed" | "Dependency Installed" | "Reinstalled" => "installed",
            "Removed" | "Dependency Removed" | "Erased" => "removed",
            "Skipped" => "skipped",
            "Failed" => "failed",
            _ => "",
        };
        if let Some(at) = line.find("Error: ") {
            outcome.error(&line[at + "Error: ".len()..]);
        }
        // It may come in the middle of another line.
        if let Some((_, nevra)) = line.split_once("Error unpacking rpm package ") {
            outcome.fail(
                rpm::name_of(nevra.trim()),
                "its files could not be put in place",
            );
        }
        if let Some((_, rest)) = line.split_once("scriptlet failed, exit status ")
            && let Some(name) = line
                .split_once('(')
                .and_then(|(_, rest)| rest.split(')').next())
        {
            let name = rpm::name_of(name).to_owned();
            outcome.fail(&name, &format!("its script failed, exit status {rest}"));
        }
        if let Some(lock) = lock::holder(line) {
            outcome.held_by = Some(lock);
        }
    }
    outcome
}

/// What is common to lists: which are for security, and what is there now.
pub fn complete(upgradable: &mut [Upgrade], said: &Sections) {
    let versions = rpm::Versions::of(said);
    let security: HashSet<&str> = lines(said.text("security"))
        .filter_map(|line| line.split_whitespace().find(|word| is_nevra(word)))
        .map(rpm::name_of)
        .collect();
    // Where there are no advisories at all, nobody can tell.
    let told = lines(said.text("advisories")).any(|line| line.split_whitespace().any(is_nevra));
    for upgrade in upgradable {
        upgrade.installed = versions.get(&upgrade.name, upgrade.arch.as_deref());
        upgrade.security = told.then(|| security.contains(upgrade.name.as_str()));
    }
}

fn is_nevra(word: &str) -> bool {
    word.rsplit_once('.').is_some_and(|(rest, arch)| {
        !arch.is_empty()
            && arch.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && rest.matches('-').count() >= 2
    })
}

/// `name|evr|arch|repo`
pub fn piped(text: &str) -> Vec<Upgrade> {
    lines(text)
        .filter_map(|line| {
            let mut fields = line.split('|');
            let (name, new) = (fields.next()?, fields.next()?);
            let arch = fields.next()?;
            let repo = fields.next()?;
            let good = !name.is_empty() && !name.contains(' ') && !new.is_empty();
            good.then(|| Upgrade {
                name: field(name),
                arch: some(arch),
                installed: None,
                new: rpm::evr(new),
                repo: some(repo),
                security: None,
                held: false,
                full_only: false,
            })
        })
        .take(UPGRADABLE_MAX)
        .collect()
}

/// yum's three columns: `name.arch version repo`; a name too long for its column
/// has the rest on the next line.
pub fn columns(text: &str) -> Vec<Upgrade> {
    let mut out = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    for line in lines(text) {
        if line.starts_with("Obsoleting Packages") {
            break;
        }
        if !line.starts_with(' ') {
            words.clear();
        }
        words.extend(line.split_whitespace());
        if words.len() == 3 {
            if let Some((name, arch)) = words[0].rsplit_once('.') {
                out.push(Upgrade {
                    name: field(name),
                    arch: some(arch),
                    installed: None,
                    new: rpm::evr(words[1]),
                    repo: some(words[2]),
                    security: None,
                    held: false,
                    full_only: false,
                });
            }
            words.clear();
        }
        if out.len() == UPGRADABLE_MAX {
            break;
        }
    }
    out
}

/// What is locked stays in the list, as held.
pub fn hold(upgradable: &mut [Upgrade], held: &[String]) {
    for upgrade in upgradable {
        upgrade.held = held.contains(&upgrade.name);
    }
}

/// versionlock's list: `name-0:1.0-1.*`, `name-1.0-1.*`.
pub fn locked(text: &str) -> Vec<String> {
    let mut names: Vec<String> = lines(text)
        .filter(|line| !line.contains(' '))
        .map(|line| field(rpm::name_of(line.trim())))
        .collect();
    names.sort();
    names.dedup();
    names
}

pub fn reboot_reasons(said: &Sections) -> Vec<String> {
    if said.code("reboot") != Some(1) {
        return Vec::new();
    }
    lines(said.text("reboot"))
        .filter_map(|line| line.trim_start().strip_prefix("* "))
        .map(|line| field(&format!("{} was updated", line.trim())))
        .take(20)
        .collect()
}

pub fn unlisted(manager: Manager, text: &str) -> Refused {
    if let Some(lock) = lines(text).find_map(lock::holder) {
        return lock::refused(&lock);
    }
    let error = lines(text)
        .find_map(|line| line.split_once("rror: ").map(|(_, rest)| rest))
        .or_else(|| lines(text).last())
        .map(field)
        .unwrap_or_default();
    Refused::new(
        "failed",
        format!("{} does not list updates: {error}", manager.name()),
        "Refresh the index; where that fails, the job's output says which repository is broken.",
    )
}

/// The table of a transaction, as dnf 4 and yum print it.
pub fn table(text: &str, versions: &rpm::Versions) -> Preview {
    let mut preview = Preview::default();
    let mut list: Option<&str> = None;
    let mut pending: Vec<&str> = Vec::new();
    for line in lines(text) {
        if line.starts_with("Transaction Summary") {
            list = None;
        } else if let Some(bytes) = line
            .strip_prefix("Total download size: ")
            .or_else(|| line.strip_prefix("Total size: "))
        {
            preview.download_bytes = size(bytes, false);
        } else if let Some(bytes) = line.strip_prefix("Installed size: ") {
            preview.disk_bytes = size(bytes, false).map(|bytes| bytes as i64);
        } else if let Some(bytes) = line.strip_prefix("Freed space: ") {
            preview.disk_bytes = size(bytes, false).map(|bytes| -(bytes as i64));
        } else if !line.starts_with(' ') {
            pending.clear();
            let heading = line.trim_end();
            if heading.ends_with(':') {
                list = Some(heading);
            }
        } else if let Some(list) = list {
            let indent = line.len() - line.trim_start().len();
            if indent == 1 {
                pending.clear();
            } else if pending.is_empty() {
                // `     replacing  other.noarch 1.0-1`
                continue;
            }
            pending.extend(line.split_whitespace());
            if pending.len() >= 4 {
                row(list, &pending, versions, &mut preview);
                pending.clear();
            }
        }
    }
    preview.nothing = preview.changes() == 0 && text.contains("Nothing to do");
    preview
}

pub fn row(list: &str, words: &[&str], versions: &rpm::Versions, preview: &mut Preview) {
    let (name, arch, version, repo) = (words[0], words[1], words[2], words[3]);
    let old = versions.get(name, Some(arch));
    let upgrade = Upgrade {
        name: field(name),
        arch: some(arch),
        installed: None,
        new: rpm::evr(version),
        repo: some(repo),
        security: None,
        held: false,
        full_only: false,
    };
    let first = list.split([' ', ':']).next().unwrap_or("");
    match first {
        "Upgrading" | "Updating" => preview.upgraded.push(Upgrade {
            installed: old,
            ..upgrade
        }),
        "Downgrading" => preview.downgraded.push(Upgrade {
            installed: old,
            ..upgrade
        }),
        "Installing" => preview.installed.push(upgrade),
        "Removing" | "Erasing" => preview.removed.push(Removal {
            name: upgrade.name,
            arch: upgrade.arch,
            installed: Some(upgrade.new),
            essential: false,
        }),
        "Skipping" | "Skipped" => preview.kept_back.push(upgrade.name),
        _ => {}
    }
}

pub fn refused(text: &str) -> Refused {
    if let Some(lock) = lines(text).find_map(lock::holder) {
        return lock::refused(&lock);
    }
    let error: String = lines(text)
        .skip_while(|line| !line.contains("rror:") && !line.contains("Failed to "))
        .map(str::trim)
        .take(4)
        .collect::<Vec<_>>()
        .join(" ");
    let error = field(if error.is_empty() {
        lines(text).last().unwrap_or("")
    } else {
        &error
    });
    let (kind, hint) = if error.contains("protected packages") {
        ("essential", "The node needs it to run; choose others.")
    } else if text.contains("No match for argument") || error.contains("Unable to find a match") {
        ("not_found", "Refresh the index, and check the name.")
    } else if error.contains("nothing provides") || error.contains("Problem") {
        (
            "broken",
            "The packages can't be together; see what dnf says.",
        )
    } else {
        ("failed", "See what dnf says.")
    };
    Refused::new(kind, format!("dnf refuses: {error}"), hint)
}

/// `name.arch : summary`
pub fn found(said: &Sections) -> Vec<Found> {
    let mut seen = HashSet::new();
    lines(said.text("found"))
        .filter(|line| !line.starts_with('='))
        .filter_map(|line| {
            let (name, summary) = line.split_once(": ").or_else(|| line.split_once('\t'))?;
            let name = name.trim();
            let (name, _) = name.rsplit_once('.')?;
            (!name.contains(' ') && seen.insert(name)).then(|| Found {
                name: field(name),
                version: None,
                summary: field(summary),
                installed: None,
            })
        })
        .take(FOUND_MAX)
        .collect()
}

/// Paragraphs of `Key : value`, installed ones and available ones.
pub fn info(said: &Sections, spec: &Spec) -> Option<Details> {
    let text = said.text("show");
    let mut paragraphs: Vec<HashMap<&str, String>> = Vec::new();
    let mut key = "";
    for line in lines(text) {
        let Some((name, value)) = pair(line) else {
            continue;
        };
        if name == "Name" {
            paragraphs.push(HashMap::new());
        }
        let Some(paragraph) = paragraphs.last_mut() else {
            continue;
        };
        if name.is_empty() {
            if let Some(text) = paragraph.get_mut(key)
                && text.len() < WORDS_BYTES_MAX
            {
                text.push('\n');
                text.push_str(value);
            }
        } else {
            key = name;
            paragraph.insert(name, value.to_owned());
        }
    }
    let is_installed = |p: &&HashMap<&str, String>| {
        p.get("Repository")
            .or_else(|| p.get("Repo"))
            .is_some_and(|repo| repo == "@System" || repo == "installed")
    };
    let evr = |p: &HashMap<&str, String>| -> Option<String> {
        let version = p.get("Version")?;
        let release = p
            .get("Release")
            .map(|r| format!("-{r}"))
            .unwrap_or_default();
        let epoch = p.get("Epoch").filter(|e| *e != "0");
        let epoch = epoch.map(|e| format!("{e}:")).unwrap_or_default();
        some(&format!("{epoch}{version}{release}"))
    };
    let installed = paragraphs.iter().find(is_installed);
    let available = paragraphs.iter().find(|p| !is_installed(p));
    let shown = available.or(installed)?;
    let get = |name: &str| shown.get(name).and_then(|value| some(value));
    let mut fields: Vec<(String, String)> = shown
        .iter()
        .filter(|(key, _)| **key != "Description")
        .map(|(key, value)| (field(key), field(value)))
        .collect();
    fields.sort();
    Some(Details {
        name: spec.name.clone(),
        version: evr(shown),
        arch: get("Architecture").or_else(|| get("Arch")),
        installed: installed.and_then(evr),
        repo: get("Repository").or_else(|| get("Repo")),
        summary: get("Summary"),
        description: shown.get("Description").cloned(),
        homepage: get("URL"),
        license: get("License"),
        size_bytes: shown
            .get("Installed size")
            .or_else(|| installed.and_then(|p| p.get("Size")))
            .and_then(|text| size(text, false)),
        depends: lines(said.text("requires"))
            .filter(|line| !line.starts_with("rpmlib(") && !line.contains("is not installed"))
            .map(field)
            .take(200)
            .collect(),
        fields,
        changelog: Some(clip(said.text("changelog"), 16 << 10).trim().to_owned())
            .filter(|text| !text.is_empty() && !text.contains("is not installed")),
        text: clip(text, WORDS_BYTES_MAX).to_owned(),
    })
}
