//! The last 15 minutes of CPU use of a node, in 45 bytes.

use serde::Serialize;

use super::summary::CpuTime;

/// Width of a slot in milliseconds.
const STEP_MS: i64 = 20_000;
const SLOTS: usize = 45;
const EMPTY: u8 = u8::MAX;

/// CPU use in a ring of slots that are aligned to the clock. A slot counts from the
/// last sample before it to its own last one: a sample costs no more than a look at
/// the clock, unless it is the first of its slot.
#[derive(Clone, Debug)]
pub struct Spark {
    /// Number of the newest slot since 1970; 0 when there was no sample yet.
    newest: i64,
    /// What the newest slot counts from.
    since: Option<CpuTime>,
    /// Percent. The newest one is worked out when somebody looks.
    slots: [u8; SLOTS],
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
            newest: 0,
            since: None,
            slots: [EMPTY; SLOTS],
        }
    }
}

impl Spark {
    /// Whether a sample of this time is the first of its slot.
    pub fn is_new(&self, time_ms: i64) -> bool {
        time_ms.div_euclid(STEP_MS) > self.newest
    }

    /// Takes the first sample of a slot, and the one before it. One that is not
    /// newer is left out.
    pub fn begin(&mut self, time_ms: i64, before: Option<CpuTime>, now: Option<CpuTime>) {
        if !self.is_new(time_ms) {
            return;
        }
        if before.is_some() {
            self.end(before);
        }
        let slot = time_ms.div_euclid(STEP_MS);
        let passed = slot.saturating_sub(self.newest).min(SLOTS as i64) as usize;
        self.slots.rotate_left(passed % SLOTS);
        self.slots[SLOTS - passed..].fill(EMPTY);
        self.newest = slot;
        // Without one before, it counts from here.
        self.since = before.or(now);
    }

    /// The samples that follow don't go on from this one, the last so far.
    pub fn end(&mut self, last: Option<CpuTime>) {
        if let Some(percent) = self.percent(last) {
            self.slots[SLOTS - 1] = percent;
        }
        self.since = None;
    }

    /// Of the newest slot.
    fn percent(&self, now: Option<CpuTime>) -> Option<u8> {
        let percent = now?.percent_since(&self.since?)?;
        Some(percent.clamp(0.0, 100.0).round() as u8)
    }

    /// `now`: of the latest sample.
    pub fn view(&self, now: Option<CpuTime>) -> SparkView {
        let mut slots = self.slots;
        slots[SLOTS - 1] = self.percent(now).unwrap_or(slots[SLOTS - 1]);
        let slots = slots.iter().map(|&slot| (slot != EMPTY).then_some(slot));
        SparkView {
            step_ms: STEP_MS,
            end_ms: if self.newest == 0 {
                0
            } else {
                (self.newest + 1) * STEP_MS
            },
            cpu_percent: slots.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: i64 = 1_700_000_000_000 / STEP_MS * STEP_MS;

    /// A machine of 1,000 ms a second.
    struct Machine {
        spark: Spark,
        time_ms: i64,
        cpu: Option<CpuTime>,
    }

    impl Machine {
        fn at(time_ms: i64) -> Self {
            let mut machine = Self {
                spark: Spark::default(),
                time_ms,
                cpu: Some(CpuTime {
                    busy_ms: 5_000,
                    total_ms: 90_000,
                }),
            };
            machine.spark.begin(time_ms, None, machine.cpu);
            machine
        }

        fn sample(&mut self, time_ms: i64, busy_percent: i64) {
            let before = self.cpu;
            let passed_ms = time_ms - self.time_ms;
            self.cpu = before.map(|cpu| CpuTime {
                busy_ms: cpu.busy_ms + passed_ms * busy_percent / 100,
                total_ms: cpu.total_ms + passed_ms,
            });
            self.time_ms = time_ms;
            if self.spark.is_new(time_ms) {
                self.spark.begin(time_ms, before, self.cpu);
            }
        }

        fn newest(&self, count: usize) -> Vec<Option<u8>> {
            self.spark.view(self.cpu).cpu_percent[SLOTS - count..].to_vec()
        }
    }

    #[test]
    fn slots_average_move_on_and_leave_holes() {
        let mut machine = Machine::at(START_MS);
        assert_eq!(machine.newest(1), [None]);
        machine.sample(START_MS + 5_000, 10);
        machine.sample(START_MS + 10_000, 20);
        assert_eq!(machine.newest(1), [Some(15)]);
        assert_eq!(machine.spark.view(machine.cpu).end_ms, START_MS + STEP_MS);
        // The interval belongs to the slot in which it ends.
        machine.sample(START_MS + 2 * STEP_MS, 100);
        assert_eq!(machine.newest(3), [Some(15), None, Some(100)]);
        machine.sample(START_MS + 2 * STEP_MS + 30_000, 0);
        assert_eq!(machine.newest(4), [Some(15), None, Some(100), Some(0)]);
        assert!(!machine.spark.is_new(START_MS + STEP_MS));
        // A jump past the whole ring empties it.
        machine.sample(START_MS + 1_000 * STEP_MS, 1);
        let view = machine.spark.view(machine.cpu);
        assert_eq!(view.cpu_percent.iter().flatten().count(), 1);
    }

    #[test]
    fn what_was_before_a_session_is_kept_and_nothing_is_counted_across() {
        let mut machine = Machine::at(START_MS);
        machine.sample(START_MS + 10_000, 40);
        machine.spark.end(machine.cpu);
        assert_eq!(machine.newest(1), [Some(40)]);
        // The machine has restarted: its counters began anew.
        let cpu = Some(CpuTime {
            busy_ms: 1,
            total_ms: 10,
        });
        machine.spark.begin(START_MS + 12_000, None, cpu);
        assert_eq!(machine.spark.view(cpu).cpu_percent[SLOTS - 1], Some(40));
        machine.spark.begin(START_MS + STEP_MS, None, cpu);
        machine.cpu = cpu;
        machine.time_ms = START_MS + STEP_MS;
        assert_eq!(machine.newest(2), [Some(40), None]);
        machine.sample(START_MS + STEP_MS + 1_000, 50);
        assert_eq!(machine.newest(2), [Some(40), Some(50)]);
        // Counters that are not known, or go back, are no use of the CPU.
        assert_eq!(machine.spark.view(None).cpu_percent[SLOTS - 1], None);
        assert_eq!(machine.spark.view(cpu).cpu_percent[SLOTS - 1], None);
    }
}
