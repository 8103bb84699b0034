//! Random numbers for jitter and run ids, and seeded ones for the simulations.

use std::hash::{BuildHasher, RandomState};

/// SplitMix64: small, and the same everywhere for the same seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Seeded by the operating system.
    pub fn from_system() -> Self {
        Self(system())
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }
}

/// 128 random bits in hex: tells this run of the Spider from every other.
pub fn run_id() -> String {
    format!("{:016x}{:016x}", system(), system())
}

/// The standard library seeds its hash maps from the system's random numbers;
/// hashing nothing with such a key gives 64 bits that nobody can foresee.
fn system() -> u64 {
    RandomState::new().hash_one(())
}
