//! The last 15 minutes of CPU use of a node, in 45 bytes.

use serde::Serialize;

/// Width of a slot in milliseconds.
const STEP_MS: i64 = 20_000;
const SLOTS: usize = 45;
const EMPTY: u8 = u8::MAX;

/// Averages of CPU percent in a ring of slots that are aligned to the clock.
#[derive(Clone, Debug)]
pub struct Spark {
    slots: [u8; SLOTS],
    /// Number of the newest slot since 1970; 0 when there was no sample yet.
    newest: i64,
    sum: f32,
    count: u32,
}

#[derive(Clone, Debug, Serialize)]
pub struct SparkView {
    pub step_ms: i64,
    /// End of the newest slot, Unix milliseconds; 0 when there is none.
    pub end_ms: i64,
    pub cpu_percent: Vec<Option<u8>>,
}

impl Default for Spark {
    fn default() -> Self {
        Self {
            slots: [EMPTY; SLOTS],
            newest: 0,
            sum: 0.0,
            count: 0,
        }
    }
}

impl Spark {
    /// Takes a sample. One that is older than the newest slot is left out.
    pub fn push(&mut self, time_ms: i64, cpu_percent: f32) {
        let slot = time_ms.div_euclid(STEP_MS);
        if slot < self.newest {
            return;
        }
        if slot > self.newest {
            let passed = slot.saturating_sub(self.newest).min(SLOTS as i64) as usize;
            self.slots.rotate_left(passed % SLOTS);
            self.slots[SLOTS - passed..].fill(EMPTY);
            self.newest = slot;
            self.sum = 0.0;
            self.count = 0;
        }
        self.sum += cpu_percent.clamp(0.0, 100.0);
        self.count += 1;
        self.slots[SLOTS - 1] = (self.sum / self.count as f32).round() as u8;
    }

    pub fn view(&self) -> SparkView {
        SparkView {
            step_ms: STEP_MS,
            end_ms: if self.newest == 0 {
                0
            } else {
                (self.newest + 1) * STEP_MS
            },
            cpu_percent: self
                .slots
                .iter()
                .map(|&v| (v != EMPTY).then_some(v))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_average_move_on_and_leave_holes() {
        let mut spark = Spark::default();
        let start = 1_700_000_000_000 / STEP_MS * STEP_MS;
        spark.push(start, 10.0);
        spark.push(start + 5_000, 20.0);
        spark.push(start + 2 * STEP_MS, 200.0);
        let view = spark.view();
        assert_eq!(view.end_ms, start + 3 * STEP_MS);
        assert_eq!(&view.cpu_percent[SLOTS - 3..], [Some(15), None, Some(100)]);
        assert!(view.cpu_percent[..SLOTS - 3].iter().all(Option::is_none));
        // Older than the newest slot: left out.
        spark.push(start, 99.0);
        assert_eq!(spark.view().cpu_percent[SLOTS - 3], Some(15));
        // A jump past the whole ring empties it.
        spark.push(start + 1_000 * STEP_MS, 1.0);
        let view = spark.view();
        assert_eq!(view.cpu_percent.iter().flatten().count(), 1);
    }
}
