//! The Prometheus text format and OpenMetrics: families, each with its lines in one piece.

use std::collections::HashMap;
use std::fmt::Write as _;

use stardust_shared::Kind;

/// What a scraper can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0: counters are named without `_total`, and the end is marked.
    OpenMetrics,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// What the header `Accept` prefers (RFC 9110 section 12.5.1); the text format where
    /// it has no preference.
    pub fn accepted(accept: &str) -> Self {
        let (mut open, mut plain) = (0.0, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut quality, mut version) = (1.0, "1.0.0");
            for part in parts {
                match part.split_once('=') {
                    Some(("q" | "Q", q)) => quality = q.trim().parse().unwrap_or(0.0),
                    Some((name, value)) if name.eq_ignore_ascii_case("version") => version = value,
                    _ => {}
                }
            }
            match media.as_str() {
                // An older draft of the format has other rules.
                "application/openmetrics-text" if version.trim_matches('"') == "1.0.0" => {
                    open = f32::max(open, quality);
                }
                "text/plain" | "text/*" | "*/*" => plain = f32::max(plain, quality),
                _ => {}
            }
        }
        if open > 0.0 && open >= plain {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }
}

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
            help: help.replace(['\\', '\n', '"'], " "),
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
    pub fn finish(self, format: Format) -> Vec<u8> {
        let mut out = String::new();
        for family in self.families {
            let Family {
                name,
                kind,
                help,
                lines,
            } = family;
            let (name, kind) = match format {
                Format::Prometheus => (name.as_str(), kind),
                Format::OpenMetrics => family_of(&name, kind, &self.by_name),
            };
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            out.push_str(&lines);
        }
        if format == Format::OpenMetrics {
            out.push_str("# EOF\n");
        }
        out.into_bytes()
    }
}

/// Name and type of a family in OpenMetrics, where the samples of a counter are called
/// as the family with `_total`. One that is not called so, or whose name without it is
/// that of another family, is of unknown type.
fn family_of<'a>(
    name: &'a str,
    kind: &'static str,
    all: &HashMap<String, usize>,
) -> (&'a str, &'static str) {
    if kind != Kind::Counter.name() {
        return (name, kind);
    }
    match name.strip_suffix("_total") {
        Some(base) if !all.contains_key(base) => (base, kind),
        _ => (name, "unknown"),
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

    fn sample() -> Text {
        let mut text = Text::default();
        let a = text.family("a", Kind::Gauge, "one\ntwo");
        let b = text.family("b_total", Kind::Counter, "b");
        text.line(a, &["n=\"1\""], -5, 1_000);
        text.line(b, &[], 7, 1);
        text.line(a, &["n=\"2\"", ",x=\"y\""], 12_340, 1_000);
        assert_eq!(text.family("a", Kind::Counter, "other"), a);
        text.line(a, &[], i64::MIN, 1_000);
        text.line(a, &[], 3_000, 1_000);
        text
    }

    #[test]
    fn families_stay_together_and_values_are_decimals() {
        let expected = "# HELP a one two\n# TYPE a gauge\na{n=\"1\"} -0.005\na{n=\"2\",x=\"y\"} 12.340\n\
            a -9223372036854775.808\na 3\n# HELP b_total b\n# TYPE b_total counter\nb_total 7\n";
        let finish = |format| String::from_utf8(sample().finish(format)).unwrap();
        assert_eq!(finish(Format::Prometheus), expected);
        // The same as OpenMetrics has it.
        let open = expected
            .replace("HELP b_total", "HELP b")
            .replace("TYPE b_total", "TYPE b")
            + "# EOF\n";
        assert_eq!(finish(Format::OpenMetrics), open);
    }

    #[test]
    fn a_counter_that_openmetrics_has_no_name_for_is_of_unknown_type() {
        let mut text = Text::default();
        text.gauge("x", "g", 1, 1);
        text.counter("x_total", "c", 2, 1);
        text.counter("y", "c \"quoted\"", 3, 1);
        let said = String::from_utf8(text.finish(Format::OpenMetrics)).unwrap();
        let expected = "# HELP x g\n# TYPE x gauge\nx 1\n# HELP x_total c\n# TYPE x_total unknown\n\
            x_total 2\n# HELP y c  quoted \n# TYPE y unknown\ny 3\n# EOF\n";
        assert_eq!(said, expected);
    }

    #[test]
    fn the_scraper_says_which_format_it_wants() {
        use Format::{OpenMetrics, Prometheus};
        for (accept, format) in [
            ("", Prometheus),
            ("*/*", Prometheus),
            ("text/plain", Prometheus),
            ("application/openmetrics-text", OpenMetrics),
            ("application/openmetrics-text; version=1.0.0", OpenMetrics),
            (
                "application/openmetrics-text;version=\"1.0.0\"",
                OpenMetrics,
            ),
            ("application/openmetrics-text;version=0.0.1", Prometheus),
            (
                "application/openmetrics-text;version=1.0.0,\
                 application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            ("application/openmetrics-text;q=0.1, text/plain", Prometheus),
            ("application/openmetrics-text;q=0", Prometheus),
            ("application/openmetrics-text;q=x,;;=,", Prometheus),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept:?}");
        }
    }
}
