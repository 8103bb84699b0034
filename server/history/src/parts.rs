//! Which numbers of a bucket are wanted: most who ask draw averages.

use super::buckets::SeriesAnswer;

/// In the order in which they are named to people.
pub const NAMES: [&str; 5] = ["avg", "min", "max", "count", "increase"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts([bool; NAMES.len()]);

impl Default for Parts {
    /// `avg`, `min` and `max`.
    fn default() -> Self {
        Self([true, true, true, false, false])
    }
}

impl Parts {
    /// Names with commas between them.
    ///
    /// # Errors
    /// The name that is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Self([false; NAMES.len()]);
        for name in text.split(',').map(str::trim) {
            match NAMES.iter().position(|known| *known == name) {
                Some(at) => parts.0[at] = true,
                None => return Err(name.chars().take(40).collect()),
            }
        }
        Ok(parts)
    }

    /// Takes out of an answer what is not wanted.
    pub fn leave(self, series: &mut SeriesAnswer) {
        let [avg, min, max, count, increase] = self.0;
        for (wanted, points) in [
            (avg, &mut series.avg),
            (min, &mut series.min),
            (max, &mut series.max),
        ] {
            if !wanted {
                points.clear();
            }
        }
        if !count {
            series.count = Vec::new();
        }
        if !increase {
            (series.increase, series.increase_unit) = (None, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_and_nothing_else_is_taken() {
        assert_eq!(Parts::parse("max,avg, min").unwrap(), Parts::default());
        assert_eq!(Parts::parse(&NAMES.join(",")).unwrap().0, [true; 5]);
        let counts = Parts::parse("count,count").unwrap();
        assert_eq!(counts.0, [false, false, false, true, false]);
        for (text, wrong) in [
            ("", ""),
            ("avg,", ""),
            ("AVG", "AVG"),
            ("avg;min", "avg;min"),
        ] {
            assert_eq!(Parts::parse(text), Err(wrong.to_owned()));
        }
        assert_eq!(Parts::parse(&"x".repeat(500)).unwrap_err().len(), 40);
    }
}
