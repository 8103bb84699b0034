//! What happened to the fleet, to be read back: who came and went and why, gaps,
//! ends of jobs, reboots, changed keys.
//!
//! The hub notes comings and goings in memory, [`recorder`] writes them once a
//! second on its own thread; gaps, jobs and changes of nodes are noted by triggers
//! where they are written. [`broadcast`] tells browsers of all of them. Read by API
//! workers. Bounded by [`limits`].

mod broadcast;
pub mod limits;
pub mod recorder;

pub use broadcast::News;
use serde_json::{Value, json};
use stardust_model::describe;
pub use stardust_model::event::{
    CHANGE, CLOCK_DOUBTED, CLOCK_SETTLED, Event, KINDS, Known, NewEvent, NodePresence,
    SIGN_IN_FAILED, Transition,
};

/// As the API and `/live` give it.
pub fn view(event: &Event) -> Value {
    let mut view = json!(event);
    view["text"] = describe::text(event).into();
    view
}
