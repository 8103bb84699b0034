//! What was really sampled, to compare with what the server has.

use std::collections::BTreeSet;

use stardust_shared::{ABSENT, Layout, SeriesDef, State};

pub struct Sampled {
    pub boot_ms: i64,
    pub series: Vec<SeriesDef>,
    pub values: Vec<i64>,
}

/// Sequence `n` is at index `n - 1`.
#[derive(Default)]
pub struct Truth {
    pub samples: Vec<Sampled>,
    /// Left the ring unacknowledged.
    pub dropped: BTreeSet<u64>,
}

impl Truth {
    /// The decoded record is exactly the sample that was taken.
    pub fn check(&self, layout: &Layout, state: &State) {
        let seq = state.seq;
        let sampled = self
            .samples
            .get(seq as usize - 1)
            .unwrap_or_else(|| panic!("sequence {seq} was never taken"));
        assert_eq!(layout.series(), sampled.series, "series of {seq}");
        for (index, &value) in sampled.values.iter().enumerate() {
            let expected = (value != ABSENT).then_some(value);
            assert_eq!(state.value(layout, index), expected, "sequence {seq}");
        }
    }
}
