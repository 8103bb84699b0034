//! What zypper prints.

use std::collections::HashSet;

use super::super::limits::UPGRADABLE_MAX;
use super::super::model::{Outcome, Preview, Refused, Removal, Upgrade};
use super::super::text::{counted, field, lines, pair, some};
use super::super::xml::{self, Tag};
use super::super::{lock, rpm};

pub fn outcome(text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let (mut new, mut kept) = (HashSet::new(), Vec::new());
    let mut done: HashSet<&str> = HashSet::new();
    let mut removed: HashSet<&str> = HashSet::new();
    let mut list = "";
    for line in lines(text) {
        if let Some(names) = line.strip_prefix("  ") {
            match list {
                "new" => new.extend(names.split_whitespace()),
                "kept" => kept.extend(names.split_whitespace().map(field)),
                _ => {}
            }
            continue;
        }
        list = match line {
            _ if line.starts_with("The following") && line.contains(" NEW ") => "new",
            _ if line.contains("will NOT be installed:") => "kept",
            _ => "",
        };
        if let Some((_, _, what)) = counted(line) {
            if let Some(rest) = what.strip_prefix("Installing: ") {
                done.insert(rpm::name_of(rest.split(' ').next().unwrap_or("")));
            } else if let Some(rest) = what
                .strip_prefix("Removing: ")
                .or_else(|| what.strip_prefix("Removing "))
            {
                removed.insert(rpm::name_of(rest.split(' ').next().unwrap_or("")));
            }
        } else if let Some(nevra) = line
            .strip_prefix("Installation of ")
            .or_else(|| line.strip_prefix("Removal of "))
            .and_then(|rest| rest.strip_suffix(" failed:"))
        {
            outcome.fail(
                rpm::name_of(nevra.split(')').next_back().unwrap_or(nevra)),
                "rpm could not do it",
            );
        } else if let Some(rest) = line.strip_prefix("error: ") {
            let name = rest
                .split_once('(')
                .and_then(|(_, rest)| rest.split(')').next())
                .filter(|_| rest.contains("scriptlet failed"))
                .map(rpm::name_of);
            if let Some(failure) =
                name.and_then(|name| outcome.failed.iter_mut().find(|f| f.name == name))
            {
                failure.why = field(rest);
            }
            outcome.error(rest);
        } else if line.starts_with("Problem occurred") || line.starts_with("Problem: ") {
            outcome.error(line);
        }
        if let Some(lock) = lock::holder(line) {
            outcome.held_by = Some(lock);
        }
    }
    for failure in &outcome.failed {
        done.remove(failure.name.as_str());
        removed.remove(failure.name.as_str());
    }
    outcome.installed = done.intersection(&new).count() as u32;
    outcome.upgraded = done.len() as u32 - outcome.installed;
    outcome.removed = removed.len() as u32;
    outcome.keep(kept);
    outcome
}

/// What the patches in `zypper info` conflict with: `lablib < 2.0-1`, and
/// `openssl.x86_64 < 1.1-2` where a package is made for one architecture.
pub fn replaced(text: &str) -> HashSet<&str> {
    let mut names = HashSet::new();
    let mut inside = false;
    for line in lines(text) {
        let entry = if line.starts_with(' ') {
            line
        } else {
            let (key, value) = pair(line).unwrap_or((line, ""));
            inside = key == "Conflicts";
            value
        };
        if inside
            && let Some((name, _)) = entry.trim().split_once(" < ")
            && !name.contains(':')
        {
            const ARCHES: [&str; 9] = [
                "aarch64", "armv7hl", "i586", "i686", "noarch", "ppc64le", "riscv64", "s390x",
                "x86_64",
            ];
            let split = name.rsplit_once('.');
            let made_for = split.filter(|(_, arch)| ARCHES.contains(arch));
            names.insert(made_for.map_or(name, |(name, _)| name));
        }
    }
    names
}

/// What `list-updates` lists.
pub fn updates(text: &str) -> Vec<Upgrade> {
    let mut upgradable: Vec<Upgrade> = Vec::new();
    for tag in xml::tags(text).filter(|tag| tag.name == "update" || tag.name == "source") {
        if tag.name == "source" {
            if let Some(upgrade) = upgradable.last_mut() {
                upgrade.repo = tag.get("alias").and_then(|alias| some(&alias));
            }
        } else if upgradable.len() < UPGRADABLE_MAX
            && tag.get("kind").as_deref() == Some("package")
            && let Some(upgrade) = solvable(&tag)
        {
            upgradable.push(upgrade);
        }
    }
    upgradable
}

/// What a dry run would do.
pub fn transaction(text: &str) -> Preview {
    let mut preview = Preview::default();
    let mut list = "";
    for tag in xml::tags(text) {
        match tag.name {
            "install-summary" => {
                preview.download_bytes = tag.get("download-size").and_then(|n| n.parse().ok());
                preview.disk_bytes = tag.get("space-usage-diff").and_then(|n| n.parse().ok());
            }
            "to-upgrade" | "to-upgrade-change-arch" => list = "upgrade",
            "to-install" => list = "install",
            "to-downgrade" | "to-downgrade-change-arch" => list = "downgrade",
            "to-remove" => list = "remove",
            "solvable" => {
                if let Some(upgrade) = solvable(&tag) {
                    match list {
                        "upgrade" => preview.upgraded.push(upgrade),
                        "downgrade" => preview.downgraded.push(upgrade),
                        "install" => preview.installed.push(upgrade),
                        "remove" => preview.removed.push(Removal {
                            name: upgrade.name,
                            arch: upgrade.arch,
                            installed: Some(upgrade.new),
                            essential: false,
                        }),
                        _ => {}
                    }
                }
            }
            name if name.starts_with("to-") || name.starts_with("/to-") => list = "",
            _ => {}
        }
    }
    preview
}

fn solvable(tag: &Tag<'_>) -> Option<Upgrade> {
    Some(Upgrade {
        name: field(&tag.get("name")?),
        arch: tag.get("arch").and_then(|arch| some(&arch)),
        installed: tag.get("edition-old").and_then(|edition| some(&edition)),
        new: field(&tag.get("edition")?),
        repo: None,
        security: None,
        held: false,
        full_only: false,
    })
}

/// Of a problem what it is, without the solutions.
fn problem(text: &str) -> String {
    let lines = lines(text).skip_while(|line| !line.contains("Problem"));
    let told: Vec<&str> = lines
        .map(str::trim)
        .take_while(|line| !line.starts_with("Solution "))
        .take(6)
        .collect();
    told.join(" ")
}

pub fn refused(text: &str) -> Refused {
    if let Some(lock) = lines(text).find_map(lock::holder) {
        return lock::refused(&lock);
    }
    let said = |wanted: &dyn Fn(&Tag<'_>) -> bool| {
        let mut tags = xml::tags(text).filter(|tag| wanted(tag));
        tags.find_map(|tag| Some(tag.text()).filter(|text| !text.is_empty()))
    };
    let message = |kind: &'static str| {
        move |tag: &Tag<'_>| tag.name == "message" && tag.get("type").as_deref() == Some(kind)
    };
    // From 1.14.60 or so on the problem is in what it would ask.
    let described = |tag: &Tag<'_>| tag.name == "description" && tag.text().contains("Problem");
    let error = said(&message("error"))
        .or_else(|| said(&described).map(|text| problem(&text)))
        .or_else(|| said(&|tag| tag.text().contains("Problem: ")).map(|text| problem(&text)))
        .or_else(|| said(&message("warning")))
        .or_else(|| {
            lines(text)
                .filter(|line| !line.starts_with('<'))
                .last()
                .map(str::to_owned)
        })
        .or_else(|| said(&message("info")))
        .map(|text| field(&text))
        .unwrap_or_else(|| "it says nothing of it".to_owned());
    let kind = if error.contains("No provider of") || error.contains("not found") {
        "not_found"
    } else if text.contains("Problem") || text.contains("problem") {
        "broken"
    } else {
        "failed"
    };
    Refused::new(
        kind,
        format!("zypper refuses: {error}"),
        "See what zypper says.",
    )
}
