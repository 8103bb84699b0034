//! As in the server: what counters come to.

#[path = "../../../src/hub/rates.rs"]
mod rates;

pub use rates::increase;
