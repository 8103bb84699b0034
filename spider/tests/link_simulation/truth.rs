//! What was really sampled, to compare with what the server has.

use std::collections::{BTreeMap, BTreeSet};

use stardust_shared::{ABSENT, Layout, SeriesDef, State};

pub struct Sampled {
    /// Since the world began, however often the Spider has booted.
    pub true_ms: i64,
    /// The same without the time asleep.
    pub awake_ms: i64,
    pub series: Vec<SeriesDef>,
    pub values: Vec<i64>,
}

/// One run. Sequence `n` is at index `n - 1`.
#[derive(Default)]
pub struct Truth {
    pub samples: Vec<Sampled>,
    /// Left the ring unacknowledged.
    pub dropped: BTreeSet<u64>,
    /// Were in memory only when the power was cut.
    pub cut: BTreeSet<u64>,
    /// Did not fit the file.
    pub skimmed: BTreeSet<u64>,
    /// Taken by a clock that nobody had set.
    pub timeless: BTreeSet<u64>,
    /// Nobody could know its wall time well.
    pub vague: bool,
}

#[derive(Default)]
pub struct Truths(pub BTreeMap<String, Truth>);

impl Truths {
    /// The decoded record is exactly the sample that was taken.
    pub fn check(&self, run: &str, layout: &Layout, state: &State) {
        let seq = state.seq;
        let sampled = self.0[run]
            .samples
            .get(seq as usize - 1)
            .unwrap_or_else(|| panic!("sequence {seq} of {run} was never taken"));
        assert_eq!(layout.series(), sampled.series, "series of {seq} of {run}");
        for (index, &value) in sampled.values.iter().enumerate() {
            let expected = (value != ABSENT).then_some(value);
            assert_eq!(state.value(layout, index), expected, "{seq} of {run}");
        }
    }
}
