//! Days of a fleet, made of one recording.

use stardust_shared::series::Kind as SeriesKind;
use stardust_shared::{ABSENT, Layout};

use super::{Recording, Rng};

/// Rows of one replayed window: ten minutes at ten seconds.
const WINDOW: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Repeat,
    Noisy,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Repeat => "repeat",
            Self::Noisy => "noisy",
        }
    }
}

/// What days are made of: changes from one row to the next.
pub struct Day {
    pub layout: Layout,
    first: Vec<i64>,
    steps: Vec<Vec<i64>>,
    /// Series whose steps are all the same: clocks, which have no noise.
    clock: Vec<bool>,
    interval_ms: i64,
}

impl Day {
    /// Takes `series` of the recording's series, evenly chosen, and every
    /// `stride`-th row; rows start at each of the first `stride` rows in turn,
    /// so that nothing that was recorded is left out.
    pub fn new(recording: &Recording, series: usize, stride: usize, interval_ms: i64) -> Self {
        let all = recording.layout.len();
        let series = series.min(all);
        let picked: Vec<usize> = (0..series).map(|n| n * all / series).collect();
        let pick = |row: &[i64]| -> Vec<i64> {
            let known = |at: &usize| if row[*at] == ABSENT { 0 } else { row[*at] };
            picked.iter().map(known).collect()
        };
        let mut steps = Vec::new();
        for offset in 0..stride {
            let rows: Vec<_> = recording.rows.iter().skip(offset).step_by(stride).collect();
            for pair in rows.windows(2) {
                let (before, now) = (pick(pair[0]), pick(pair[1]));
                steps.push(
                    now.iter()
                        .zip(&before)
                        .map(|(now, before)| now - before)
                        .collect(),
                );
            }
        }
        let steps: Vec<Vec<i64>> = steps;
        let clock = (0..series).map(|at| steps.windows(2).all(|pair| pair[0][at] == pair[1][at]));
        let definitions = picked
            .iter()
            .map(|&at| recording.layout.series()[at].clone());
        Self {
            layout: Layout::new(1, definitions.collect()),
            first: pick(&recording.rows[0]),
            clock: clock.collect(),
            steps,
            interval_ms,
        }
    }

    pub fn node(&self, number: u64, kind: Kind, start_ms: i64) -> Node<'_> {
        Node {
            day: self,
            kind,
            rng: Rng::new(number + 1),
            time_ms: start_ms,
            base: self.first.clone(),
            noise: vec![0; self.first.len()],
            values: self.first.clone(),
            at: 0,
            left: 0,
        }
    }
}

/// One node's samples, one after the other.
pub struct Node<'a> {
    day: &'a Day,
    kind: Kind,
    rng: Rng,
    pub time_ms: i64,
    /// Gauges without their noise, and that.
    base: Vec<i64>,
    noise: Vec<i64>,
    /// Scaled, in the order of the layout.
    pub values: Vec<i64>,
    at: usize,
    left: usize,
}

impl Node<'_> {
    pub fn advance(&mut self) {
        if self.left == 0 {
            self.left = WINDOW;
            let starts = self.day.steps.len().saturating_sub(WINDOW).max(1);
            self.at = self.rng.below(starts);
        }
        self.left -= 1;
        let step = &self.day.steps[self.at % self.day.steps.len()];
        self.at += 1;
        // Timers are late by a millisecond now and then.
        let late = i64::from(self.rng.below(10) == 0);
        self.time_ms = (self.time_ms + self.day.interval_ms) / self.day.interval_ms
            * self.day.interval_ms
            + late;
        for (at, series) in self.day.layout.series().iter().enumerate() {
            let grown = step[at];
            if self.kind == Kind::Repeat || self.day.clock[at] {
                self.values[at] += grown;
                continue;
            }
            match series.kind {
                SeriesKind::Counter if grown >= 0 => {
                    self.values[at] += self.rng.poisson(grown as f64);
                }
                SeriesKind::Counter => self.values[at] += grown,
                SeriesKind::Gauge => {
                    // Noise comes with movement: what stands still does so in truth.
                    self.base[at] += grown;
                    if grown != 0 {
                        let spread = grown.unsigned_abs() as f64 / 4.0;
                        self.noise[at] = (self.rng.normal() * spread).round() as i64;
                    }
                    self.values[at] = self.base[at] + self.noise[at];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording() -> Recording {
        let lines: Vec<String> = (0..400)
            .map(|n| {
                format!(
                    "{{\"time_ms\":{},\"series\":{{\"net.rx_bytes{{iface=a}}\":{},\"proc.total\":{}}}}}",
                    n * 1000,
                    n * n,
                    100 + n % 7
                )
            })
            .collect();
        Recording::parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn days_are_the_same_in_every_run_and_keep_the_recorded_pace() {
        let day = Day::new(&recording(), 60, 10, 10_000);
        assert_eq!(day.layout.len(), 2);
        for kind in [Kind::Repeat, Kind::Noisy] {
            let run = |number| {
                let mut node = day.node(number, kind, 0);
                let mut rows = Vec::new();
                for _ in 0..1000 {
                    node.advance();
                    rows.push((node.time_ms, node.values.clone()));
                }
                rows
            };
            let (one, two) = (run(1), run(2));
            assert_eq!(one, run(1));
            assert_ne!(one, two);
            assert!(
                one.windows(2)
                    .all(|w| w[1].0 - w[0].0 >= 9_999 && w[0].1[0] <= w[1].1[0])
            );
            let mean = (one[999].1[0] - one[0].1[0]) as f64 / 999.0;
            let recorded = day.steps.iter().map(|step| step[0]).sum::<i64>() as f64;
            let recorded = recorded / day.steps.len() as f64;
            assert!((mean / recorded - 1.0).abs() < 0.5, "{mean} {recorded}");
        }
    }
}
