//! The tiers: what resolutions there are.

/// From fine to coarse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Samples as they came.
    Raw,
    /// Minutes, made of samples when those have become too old. Samples that
    /// come so rarely that minutes of them would be no smaller stay in their place.
    Minute,
    /// Hours, made beside the samples.
    Hour,
}

impl Tier {
    pub const ALL: [Self; 3] = [Self::Raw, Self::Minute, Self::Hour];

    /// As stored.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// As the API says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    /// What one row stands for; 0 for the tier of samples.
    pub fn step_ms(self) -> i64 {
        match self {
            Self::Raw => 0,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
        }
    }
}
