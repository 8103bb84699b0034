//! What there is to keep, in a few numbers.

/// Tells whether a file would differ from the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Earlier runs and the oldest sample of the first one.
    pub runs: usize,
    pub first_seq: u64,
    pub oldest_seq: u64,
    pub newest_seq: u64,
}
