//! Which keys a Spider may tell. Pure.

use std::collections::HashMap;

use crate::{SeriesDef, WireError};

/// Whether the keys of `some` may come so: without a control character, which a label has
/// escaped, each of them once, and none of them among `others`.
pub(super) fn check_keys(some: &[SeriesDef], others: &[&SeriesDef]) -> Result<(), WireError> {
    let twice = |series: &SeriesDef| Err(WireError::KeyTwice(series.key.clone()));
    if some.iter().any(|new| new.key.contains(char::is_control)) {
        return Err(WireError::OutOfRange("character of a series key"));
    }
    let mut known: HashMap<&str, u32> = HashMap::with_capacity(some.len());
    for series in some {
        if known.insert(&series.key, 0).is_some() {
            return twice(series);
        }
    }
    if known.is_empty() {
        return Ok(());
    }
    match others.iter().find(|other| known.contains_key(&*other.key)) {
        Some(other) => twice(other),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Change;
    use super::*;
    use crate::Layout;

    #[test]
    fn a_key_with_a_control_character_is_refused_and_an_escaped_one_is_not() {
        let message = |key: &str| {
            let mut series = SeriesDef::new("a", &[]);
            series.key = key.into();
            let mut message = Vec::new();
            Layout::new(1, vec![series]).encode(&mut message);
            message.split_off(1)
        };
        let refused = Err(WireError::OutOfRange("character of a series key"));
        for key in ["a{b=\u{1b}[31m}", "a\n", "a{b=\u{9b}1m}", "a\u{7f}", "a\0"] {
            assert_eq!(Layout::decode(&message(key)), refused, "{key:?}");
            // A change says it no other way.
            let base = Layout::new(1, vec![SeriesDef::new("c", &[])]);
            let mut series = base.series().to_vec();
            series.extend(
                Layout::decode_series(1, &message(key)[1..])
                    .unwrap()
                    .series()
                    .iter()
                    .cloned(),
            );
            let change = Change::between(&base, 2, &series).unwrap();
            let mut bytes = Vec::new();
            change.encode(&base, &mut bytes);
            let decoded = Change::decode(&base, &bytes[1..]);
            assert_eq!(
                decoded.map(|_| ()),
                refused.clone().map(|_: Layout| ()),
                "{key:?}"
            );
        }
        // As a Spider writes the name of a mount point of that kind.
        let escaped = SeriesDef::new("fs.total_bytes", &[("mount", "/a\u{1b}\nb\u{9b}")]);
        assert!(Layout::decode(&message(&escaped.key)).is_ok());
    }
}
