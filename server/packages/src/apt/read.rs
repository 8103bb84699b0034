//! What apt and dpkg print.

use std::collections::{HashMap, HashSet};

use super::super::lock;
use super::super::model::{Outcome, Preview, Refused, Removal, Repair, Upgrade};
use super::super::sections::Sections;
use super::super::text::{field, lines, number, some};

pub fn outcome(text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let mut over: HashMap<&str, bool> = HashMap::new();
    let mut done: HashSet<&str> = HashSet::new();
    let mut removed: HashSet<&str> = HashSet::new();
    let mut failing: Option<&str> = None;
    let mut listing = false;
    let mut keeping = false;
    for line in lines(text) {
        if let Some(name) = failing.take()
            && line.starts_with(' ')
        {
            outcome.fail(name, line.trim());
            continue;
        }
        if keeping && line.starts_with(' ') {
            outcome.keep(words_of_line(line));
            continue;
        }
        keeping = keeps_back(line);
        if listing && line.starts_with(' ') {
            outcome.fail(line.trim(), "dpkg could not process it");
            continue;
        }
        listing = line.starts_with("Errors were encountered while processing:");
        let word = |rest: &'static str| -> Option<&str> {
            let rest = line.strip_prefix(rest)?;
            rest.split(' ').next().filter(|name| !name.is_empty())
        };
        if let Some(name) = word("Unpacking ") {
            over.insert(name, line.contains(" over ("));
        } else if let Some(name) = word("Setting up ") {
            done.insert(name);
        } else if let Some(name) = word("Removing ") {
            removed.insert(name);
        } else if let Some(name) = word("dpkg: error processing package ") {
            failing = Some(name);
            // Named in any case, though its reason be cut off.
            if !line.ends_with(':') {
                outcome.fail(name, "dpkg could not process it");
            }
        } else if let Some(name) = word("dpkg: error processing archive ") {
            failing = Some(name.rsplit('/').next().unwrap_or(name));
        } else if let Some(error) = line.strip_prefix("E: ") {
            outcome.error(error);
        }
        if let Some(lock) = lock::holder(line) {
            outcome.held_by = Some(lock);
        }
    }
    if let Some(name) = failing {
        outcome.fail(name, "dpkg could not process it");
    }
    for failure in &outcome.failed {
        done.remove(failure.name.as_str());
    }
    for name in done {
        match over.get(name) {
            Some(true) => outcome.upgraded += 1,
            Some(false) => outcome.installed += 1,
            None => {}
        }
    }
    let failed = |name: &str| outcome.failed.iter().any(|failure| failure.name == name);
    outcome.removed = removed.iter().filter(|name| !failed(name)).count() as u32;
    outcome
}

/// `2 upgraded, 1 newly installed, 0 to remove and 3 not upgraded.` How many are not
/// says nothing: where packages were chosen, those are all that nobody chose.
pub fn summary(line: &str) -> Option<(u32, u32, u32)> {
    let (upgraded, rest) = line.split_once(" upgraded, ")?;
    let (new, rest) = rest.split_once(" newly installed, ")?;
    // Reinstalled and downgraded ones may come between.
    let removed = rest.split(", ").last()?.split(" to remove").next()?;
    rest.split_once(" and ")?;
    let bounded = |text: &str| number(text).filter(|number| *number < 1_000_000);
    Some((bounded(upgraded)?, bounded(new)?, bounded(removed)?))
}

/// `name/suite,suite version arch [upgradable from: version]`
pub fn listed(line: &str) -> Option<Upgrade> {
    let (name, rest) = line.split_once('/')?;
    let mut words = rest.split(' ');
    let (suites, new, arch) = (words.next()?, words.next()?, words.next()?);
    // By its shape: the words in the brackets are those of the locale.
    let (_, inside) = rest.rsplit_once('[')?;
    let installed = inside.trim_end().strip_suffix(']')?.rsplit_once(": ")?.1;
    Some(Upgrade {
        name: field(name),
        arch: some(arch),
        installed: some(installed),
        new: field(new),
        repo: some(suites).filter(|suites| suites != "unknown"),
        security: Some(is_security(suites)),
        held: false,
        full_only: false,
    })
}

/// By the words that Debian, Ubuntu and those who follow them use for the origin.
fn is_security(origin: &str) -> bool {
    let origin = origin.to_ascii_lowercase();
    origin
        .split([',', '/', ' '])
        .any(|part| part.trim().ends_with("-security") || part.trim().contains("-security:"))
}

/// `Inst name [old] (new origin, origin [arch]) [more]`
fn inst(rest: &str) -> Option<Upgrade> {
    let (name, rest) = rest.split_once(' ')?;
    let (installed, rest) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (version, rest) = rest.split_once(']')?;
            (some(version), rest)
        }
        None => (None, rest),
    };
    let inside = rest.trim_start().strip_prefix('(')?.split(')').next()?;
    let (new, origin) = inside.split_once(' ').unwrap_or((inside, ""));
    let (origin, arch) = match origin.rsplit_once('[') {
        Some((origin, arch)) => (origin, some(arch.trim_end_matches(']'))),
        None => (origin, None),
    };
    let name = name.split(':').next().unwrap_or(name);
    Some(Upgrade {
        name: field(name),
        arch,
        installed,
        new: field(new),
        repo: some(origin),
        security: Some(is_security(origin)),
        held: false,
        full_only: false,
    })
}

pub fn simulation(text: &str) -> Preview {
    let mut preview = Preview::default();
    let mut list = "";
    let mut downgraded: HashSet<String> = HashSet::new();
    let mut essential: HashSet<String> = HashSet::new();
    for line in lines(text) {
        if let Some(upgrade) = line.strip_prefix("Inst ").and_then(inst) {
            match upgrade.installed {
                Some(_) if downgraded.contains(&upgrade.name) => preview.downgraded.push(upgrade),
                Some(_) => preview.upgraded.push(upgrade),
                None => preview.installed.push(upgrade),
            }
        } else if let Some(rest) = line
            .strip_prefix("Remv ")
            .or_else(|| line.strip_prefix("Purg "))
        {
            let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            let (name, arch) = match name.split_once(':') {
                Some((name, arch)) => (name, some(arch)),
                None => (name, None),
            };
            let version = rest.trim_start_matches('[').split(']').next().unwrap_or("");
            preview.removed.push(Removal {
                name: field(name),
                arch,
                installed: some(version),
                essential: essential.contains(name),
            });
        } else if let Some(names) = line.strip_prefix("  ") {
            match list {
                "kept" => preview.kept_back.extend(words_of_line(names)),
                "down" => downgraded.extend(words_of_line(names)),
                "essential" => essential.extend(words_of_line(names)),
                _ => {}
            }
        } else if line.starts_with("This should NOT be done") && list == "essential" {
        } else {
            list = match line {
                _ if keeps_back(line) => "kept",
                _ if line.contains("will be DOWNGRADED") => "down",
                _ if line.contains("essential packages will be removed") => "essential",
                _ => "",
            };
        }
    }
    preview
}

/// Above the names of what is not upgraded though it could be.
fn keeps_back(line: &str) -> bool {
    line.contains("packages have been kept back") || line.contains("deferred due to phasing")
}

fn words_of_line(line: &str) -> impl Iterator<Item = String> + '_ {
    line.split_whitespace()
        .map(|word| field(word.trim_end_matches('*').split(':').next().unwrap_or(word)))
}

pub fn words_of(text: &str) -> HashSet<String> {
    lines(text).flat_map(words_of_line).collect()
}

/// What a full upgrade brings and an upgrade does not.
pub fn full_only<'a>(full: &'a Preview, plain: &Preview) -> HashSet<&'a str> {
    let plain: HashSet<&str> = plain.upgraded.iter().map(|u| u.name.as_str()).collect();
    let full = full.upgraded.iter().map(|upgrade| upgrade.name.as_str());
    full.filter(|name| !plain.contains(name)).collect()
}

/// Packages that are not whole, by what helps: setting them up, or installing them anew.
fn torn(said: &Sections) -> (Vec<String>, Vec<String>) {
    let (mut configure, mut reinstall) = (Vec::new(), Vec::new());
    let audit = said.text("audit");
    let Some(states) = said.get("states") else {
        let names = lines(audit).filter(|line| line.starts_with(' '));
        configure.extend(names.filter_map(|line| line.split_whitespace().next().map(field)));
        return (configure, reinstall);
    };
    for (state, name) in lines(&states.text).filter_map(|line| line.split_once('|')) {
        let mut letters = state.chars().skip(1);
        match (letters.next(), letters.next()) {
            (_, Some('R')) | (Some('H'), _) => reinstall.push(field(name)),
            (Some('U' | 'F' | 'W' | 't'), _) => configure.push(field(name)),
            _ => {}
        }
    }
    // Whole by their state, and files of dpkg's own are missing.
    let mut listing = false;
    for line in audit.lines() {
        if line.starts_with(' ') {
            let name = line.split_whitespace().next().map(field);
            reinstall.extend(name.filter(|name| listing && !reinstall.contains(name)));
        } else {
            listing = (listing && !line.is_empty()) || line.contains("reinstalled");
        }
    }
    (configure, reinstall)
}

pub fn repairs(said: &Sections) -> Vec<Repair> {
    let mut repair = Vec::new();
    let check = said.text("check");
    let named = |names: &[String]| {
        names
            .iter()
            .take(10)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (configure, reinstall) = torn(said);
    let interrupted = number(said.text("journal")).is_some_and(|entries| entries > 0)
        || check.contains("dpkg was interrupted");
    if interrupted || !configure.is_empty() {
        let detail = if configure.is_empty() {
            "An installation was cut off; dpkg has to finish it.".to_owned()
        } else {
            format!("Not set up to the end: {}.", named(&configure))
        };
        let title = "Finish what was begun (dpkg --configure -a)";
        repair.push(Repair {
            blocks: interrupted,
            ..Repair::new("dpkg_configure", title, detail)
        });
    }
    if !reinstall.is_empty() {
        let title = "Install anew what is torn (apt-get --reinstall install)";
        let detail = format!("dpkg wants these reinstalled: {}.", named(&reinstall));
        repair.push(Repair::new("reinstall", title, detail).blocking());
    }
    if said.code("check").is_some_and(|code| code != 0)
        && (check.contains("nmet dependencies") || check.contains("fix-broken"))
    {
        let title = "Put dependencies right (apt --fix-broken install)";
        repair.push(Repair::new("fix_broken", title, last_words(check)).blocking());
    }
    repair
}

/// The first error, in apt's words.
pub fn last_words(text: &str) -> String {
    lines(text)
        .find_map(|line| line.strip_prefix("E: "))
        .or_else(|| lines(text).last())
        .map(|line| field(line.trim_end_matches('.')))
        .unwrap_or_default()
}

pub fn refused(text: &str) -> Refused {
    let error = last_words(text);
    if let Some(lock) = lines(text).find_map(lock::holder) {
        return lock::refused(&lock);
    }
    let (kind, hint) = if error.contains("Unable to locate package")
        || error.contains("was not found")
        || error.contains("has no installation candidate")
    {
        ("not_found", "Refresh the index, and check the name.")
    } else if error.contains("needs to be reinstalled") {
        (
            "broken",
            "Repair first: install it anew; where no repository has it any more, take it away on \
             the node with dpkg --remove --force-remove-reinstreq.",
        )
    } else if error.contains("dpkg was interrupted") {
        ("broken", "Repair first: dpkg --configure -a.")
    } else if error.contains("nmet dependencies") || error.contains("fix-broken") {
        ("broken", "Repair first: apt --fix-broken install.")
    } else if error.contains("held broken packages") || error.contains("pkgProblemResolver") {
        (
            "broken",
            "The packages can't be together; see what apt says, and which ones are held.",
        )
    } else {
        ("failed", "See what apt says.")
    };
    Refused::new(kind, format!("apt refuses: {error}."), hint)
}
