//! Range queries: from blocks on disk to aligned buckets.
//!
//! Buckets are whole in every tier: they begin at multiples of the step, cover the range,
//! and have all samples of their time, also those of the last one that are after the
//! range. Blocks say by themselves what they come to, so each is read alone.

mod answer;
mod chosen;
mod plan;

use serde::Serialize;
use stardust_model::gap::GapCause;

use super::buckets::SeriesAnswer;
pub use answer::run;

/// Most points that one series may be asked for.
pub const POINTS_MAX: usize = 2_000;

#[derive(Clone, Debug)]
pub struct Query {
    pub node: i64,
    pub selectors: Vec<String>,
    /// Unix milliseconds, inclusive.
    pub from_ms: i64,
    /// Unix milliseconds, exclusive.
    pub to_ms: i64,
    pub points: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    pub from: i64,
    pub to: i64,
    pub step_ms: i64,
    /// Which tier answered.
    pub tier: &'static str,
    /// Start of each bucket.
    pub times: Vec<i64>,
    /// Whether the last bucket goes on after `to`: more may come to it, or has.
    pub partial: bool,
    pub series: Vec<SeriesAnswer>,
    pub gaps: Vec<GapAnswer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GapAnswer {
    pub from: i64,
    pub to: i64,
    pub cause: GapCause,
    pub text: &'static str,
    pub lost: i64,
}
