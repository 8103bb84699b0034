//! What the operator reads on stderr about the link. Pure: gives lines, prints none.

use super::fault::Fault;

/// The same failure is told again only after this long.
pub const REPEAT_MS: i64 = 10 * 60_000;
/// Different failures remembered; past that the one told longest ago is forgotten.
const REMEMBERED_MAX: usize = 16;

#[derive(Debug, Default)]
pub struct Report {
    told: Vec<(String, i64)>,
    /// A failure was told since the last good news.
    troubled: bool,
    greeted: bool,
}

impl Report {
    /// The line to print for `fault`, if it is not a repetition.
    pub fn failed(&mut self, now_ms: i64, fault: &Fault) -> Option<String> {
        let words = &*fault.words;
        match self.told.iter_mut().find(|(told, _)| told == words) {
            Some((_, at_ms)) if now_ms - *at_ms < REPEAT_MS => return None,
            Some((_, at_ms)) => *at_ms = now_ms,
            None => {
                if self.told.len() >= REMEMBERED_MAX
                    && let Some(oldest) = (0..self.told.len()).min_by_key(|&i| self.told[i].1)
                {
                    self.told.swap_remove(oldest);
                }
                self.told.push((words.to_owned(), now_ms));
            }
        }
        self.troubled = true;
        Some(format!("{words}; samples are kept, trying again"))
    }

    /// The line to print when a session was welcomed: at first, and after trouble.
    pub fn connected(&mut self, server: &str, waiting: u64, dropped: u64) -> Option<String> {
        if self.greeted && !self.troubled {
            return None;
        }
        let again = if self.greeted { " again" } else { "" };
        self.greeted = true;
        self.troubled = false;
        let mut line = format!("connected to {server}{again}");
        if waiting > 1 {
            line.push_str(&format!(", sending {waiting} samples that were kept"));
        }
        if dropped > 0 {
            line.push_str(&format!(
                "; {dropped} older ones did not fit the ring and are lost (--ring-bytes makes it larger)"
            ));
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told_once_then_every_ten_minutes() {
        let mut report = Report::default();
        let (refused, lost) = (Fault::server_down("refused"), Fault::link_down("lost"));
        assert!(report.failed(0, &refused).unwrap().starts_with("refused"));
        assert_eq!(report.failed(1, &refused), None);
        assert!(report.failed(2, &lost).is_some());
        assert_eq!(report.failed(REPEAT_MS - 1, &refused), None);
        assert!(report.failed(REPEAT_MS, &refused).is_some());
    }

    #[test]
    fn good_news_comes_at_first_and_after_trouble_only() {
        let mut report = Report::default();
        let line = report.connected("ws://a", 0, 0).unwrap();
        assert_eq!(line, "connected to ws://a");
        assert_eq!(report.connected("ws://a", 5, 0), None);
        report.failed(0, &Fault::server_down("refused"));
        let line = report.connected("ws://a", 5, 2).unwrap();
        assert!(
            line.contains("again, sending 5 samples") && line.contains("2 older"),
            "{line}"
        );
        assert_eq!(report.connected("ws://a", 0, 0), None);
    }

    #[test]
    fn reasons_that_never_repeat_do_not_grow_it() {
        let mut report = Report::default();
        for n in 0..1000 {
            report.failed(n, &Fault::unknown(format!("reason {n}")));
        }
        assert_eq!(report.told.len(), REMEMBERED_MAX);
    }
}
