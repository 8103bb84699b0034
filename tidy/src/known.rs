//! Lists of what is known to break a rule. They may only become shorter.

use std::collections::BTreeSet;

/// What differs between what was found and what is known.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Found, and not known.
    pub new: Vec<String>,
    /// Known, and no longer there.
    pub gone: Vec<String>,
}

/// Compares what was `found` with a list of one a line; `#` begins a comment, and what
/// follows a `: ` is the reason.
pub fn compare(found: &BTreeSet<String>, list: &str) -> Difference {
    let known: BTreeSet<&str> = list.lines().filter_map(key).collect();
    Difference {
        new: found
            .iter()
            .filter(|found| !known.contains(found.as_str()))
            .cloned()
            .collect(),
        gone: known
            .iter()
            .filter(|known| !found.contains(**known))
            .map(|&known| known.to_owned())
            .collect(),
    }
}

/// The list without the lines of what is gone. What has only moved, as the one of its
/// file name that is new, keeps its line and its reason.
pub fn strike(list: &str, difference: &Difference) -> String {
    let mut out = String::new();
    for line in list.lines() {
        match key(line).filter(|key| difference.gone.iter().any(|gone| gone == key)) {
            None => out.push_str(line),
            Some(key) => match moved(key, &difference.new) {
                Some(new) => out.push_str(&line.replace(key, new)),
                None => continue,
            },
        }
        out.push('\n');
    }
    out
}

fn moved<'a>(gone: &str, new: &'a [String]) -> Option<&'a str> {
    let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
    let mut same = new.iter().filter(|new| name(new) == name(gone));
    let first = same.next()?;
    same.next().is_none().then_some(first)
}

fn key(line: &str) -> Option<&str> {
    let text = line.trim();
    let text = text.split(": ").next().unwrap_or(text);
    (!text.is_empty() && !text.starts_with('#')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_and_what_is_gone_are_told_and_struck() {
        let list = "# Why.\na -> b\nc.rs: a table\n";
        let found = ["a -> b", "d -> e"].map(str::to_owned).into();
        let difference = compare(&found, list);
        assert_eq!(difference.new, ["d -> e"]);
        assert_eq!(difference.gone, ["c.rs"]);
        assert_eq!(strike(list, &difference), "# Why.\na -> b\n");
        assert_eq!(
            compare(&BTreeSet::new(), "# Nothing.\n"),
            Difference::default()
        );
    }

    #[test]
    fn what_has_moved_keeps_its_reason() {
        let list = "a/c.rs: a table\na/d.rs: another\n";
        let found = ["b/c.rs", "b/d.rs", "e/d.rs"].map(str::to_owned).into();
        assert_eq!(strike(list, &compare(&found, list)), "b/c.rs: a table\n");
    }
}
