//! What pacman prints.

use std::collections::HashSet;

use super::super::limits::{FOUND_MAX, UPGRADABLE_MAX, WORDS_BYTES_MAX};
use super::super::lock;
use super::super::model::{
    Details, Found, Installed, Listing, Outcome, Preview, Refused, Removal, Repair, Track, Upgrade,
};
use super::super::request::{Action, PackageRequest, Spec};
use super::super::sections::Sections;
use super::super::text::{clip, field, lines, number, pair, size, some};

pub fn survey(said: &Sections) -> Result<Listing, Refused> {
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
        .take(super::super::limits::NOTES_MAX)
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

pub fn preview(said: &Sections, request: &PackageRequest) -> Preview {
    let text = said.text("sim");
    let installed: std::collections::HashMap<&str, &str> = lines(said.text("all"))
        .filter_map(|line| line.split_once(' '))
        .collect();
    let mut preview = Preview::default();
    let removing = matches!(request.action, Action::Remove | Action::Autoremove);
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

pub fn installed(said: &Sections) -> Vec<Installed> {
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

pub fn search(said: &Sections) -> Vec<Found> {
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

pub fn details(said: &Sections, spec: &Spec) -> Option<Details> {
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

pub fn progress(line: &str, track: &mut Track) {
    if let Some(rest) = line.strip_prefix("Packages (") {
        if let Some(total) = number(rest) {
            track.at(0, total);
        }
    } else if changing(line).is_some() {
        track.step();
    }
}

pub fn outcome(text: &str) -> Outcome {
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
            if error.starts_with("command failed to execute correctly") && failed_here != current {
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
