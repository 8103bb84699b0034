//! What happened to the fleet, to be read back: who came and went and why, gaps,
//! ends of jobs, reboots, changed keys.
//!
//! The hub notes comings and goings in memory, [`chronicle`] writes them once a
//! second on its own thread; gaps, jobs and changes of nodes are noted by triggers
//! where they are written. [`tell`] tells browsers of all of them. Read by API
//! workers. Bounded by [`limits`].

pub mod chronicle;
pub mod limits;
mod tell;
pub mod words;

use serde_json::{Value, json};
pub use stardust_model::event::{Event, Happening, Known, NewEvent, What};

/// All that there are.
pub const KINDS: [&str; 17] = [
    "online",
    "offline",
    "rebooted",
    "spider",
    "gap",
    "job",
    "added",
    "renamed",
    "removed",
    "host_key",
    "token",
    "token_in_use",
    "started",
    "stopped",
    SIGN_IN_FAILED,
    CLOCK_DOUBTED,
    CLOCK_SETTLED,
];

/// The wall clock has jumped, and history does not go by it any more; and it does again.
pub const CLOCK_DOUBTED: &str = "clock_doubted";
pub const CLOCK_SETTLED: &str = "clock_settled";

/// Somebody has given a wrong name or password.
pub const SIGN_IN_FAILED: &str = "sign_in_failed";
/// Its `at` where that was the current password at a change of it.
pub const CHANGE: &str = "password_change";

/// As the API and `/live` give it.
pub fn view(event: &Event) -> Value {
    let mut view = json!(event);
    view["text"] = words::text(event).into();
    view
}
