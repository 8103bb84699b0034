//! Telemetry to measure history with: recordings in the form that
//! `stardust-spider --stdout` prints, and whole days made of one.
//!
//! A day is made by resampling what was recorded. `Repeat` replays windows of
//! the recording as they are, which favours codecs with a long memory; `Noisy`
//! draws counters anew around the recorded growth and adds noise to gauges,
//! which favours none. The truth of a fleet lies between.

mod entropy;
mod generate;
mod recording;

pub use entropy::entropy_bytes;
pub use generate::{Day, Kind, Node};
pub use recording::Recording;

/// Small numbers that look random, the same in every run (xorshift64*).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From 0 up to but without 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.unit() * end as f64) as usize
    }

    /// Of the normal distribution (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Of the Poisson distribution with that mean.
    pub fn poisson(&mut self, mean: f64) -> i64 {
        if mean <= 0.0 {
            return 0;
        }
        if mean > 30.0 {
            return (mean + self.normal() * mean.sqrt()).round().max(0.0) as i64;
        }
        let (end, mut product, mut count) = ((-mean).exp(), self.unit(), 0);
        while product > end {
            product *= self.unit();
            count += 1;
        }
        count
    }
}
