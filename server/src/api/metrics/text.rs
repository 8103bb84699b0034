//! The Prometheus text format: families, each with its lines in one piece.

use std::collections::HashMap;
use std::fmt::Write as _;

use stardust_shared::Kind;

#[derive(Default)]
pub struct Text {
    families: Vec<Family>,
    by_name: HashMap<String, usize>,
}

struct Family {
    name: String,
    kind: &'static str,
    help: String,
    lines: String,
}

impl Text {
    /// The number of a family; the first who names it says what it is.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) -> usize {
        if let Some(&at) = self.by_name.get(name) {
            return at;
        }
        let at = self.families.len();
        self.by_name.insert(name.to_string(), at);
        self.families.push(Family {
            name: name.to_string(),
            kind: kind.name(),
            help: help.replace(['\\', '\n'], " "),
            lines: String::new(),
        });
        at
    }

    /// `labels` as they go between the braces, or nothing.
    pub fn line(&mut self, family: usize, labels: &[&str], value: i64, divisor: i64) {
        let Some(Family { name, lines, .. }) = self.families.get_mut(family) else {
            return;
        };
        lines.push_str(name);
        if !labels.is_empty() {
            lines.push('{');
            labels.iter().for_each(|part| lines.push_str(part));
            lines.push('}');
        }
        lines.push(' ');
        put_value(lines, value, divisor);
        lines.push('\n');
    }

    pub fn gauge(&mut self, name: &str, help: &str, value: i64, divisor: i64) {
        let family = self.family(name, Kind::Gauge, help);
        self.line(family, &[], value, divisor);
    }

    pub fn counter(&mut self, name: &str, help: &str, value: u64, divisor: i64) {
        let family = self.family(name, Kind::Counter, help);
        self.line(
            family,
            &[],
            i64::try_from(value).unwrap_or(i64::MAX),
            divisor,
        );
    }

    /// The whole document; families are freed as they are written.
    pub fn finish(self) -> Vec<u8> {
        let mut out = String::new();
        for family in self.families {
            let Family {
                name,
                kind,
                help,
                lines,
            } = family;
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            out.push_str(&lines);
        }
        out.into_bytes()
    }
}

/// A decimal number without a detour over floats. `divisor` is a power of ten.
fn put_value(out: &mut String, value: i64, divisor: i64) {
    if divisor <= 1 {
        let _ = write!(out, "{value}");
        return;
    }
    let digits = divisor.ilog10() as usize;
    let (whole, rest) = (
        value.unsigned_abs() / divisor as u64,
        value.unsigned_abs() % divisor as u64,
    );
    let sign = if value < 0 { "-" } else { "" };
    let _ = match rest {
        0 => write!(out, "{sign}{whole}"),
        rest => write!(out, "{sign}{whole}.{rest:0digits$}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_stay_together_and_values_are_decimals() {
        let mut text = Text::default();
        let a = text.family("a", Kind::Gauge, "one\ntwo");
        let b = text.family("b_total", Kind::Counter, "b");
        text.line(a, &["n=\"1\""], -5, 1_000);
        text.line(b, &[], 7, 1);
        text.line(a, &["n=\"2\"", ",x=\"y\""], 12_340, 1_000);
        assert_eq!(text.family("a", Kind::Counter, "other"), a);
        text.line(a, &[], i64::MIN, 1_000);
        text.line(a, &[], 3_000, 1_000);
        let expected = "# HELP a one two\n# TYPE a gauge\na{n=\"1\"} -0.005\na{n=\"2\",x=\"y\"} 12.340\n\
            a -9223372036854775.808\na 3\n# HELP b_total b\n# TYPE b_total counter\nb_total 7\n";
        assert_eq!(String::from_utf8(text.finish()).unwrap(), expected);
    }
}
