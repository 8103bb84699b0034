//! The latest sample of a node, and what is known of the one before.

use std::sync::Arc;

use stardust_shared::layout::Change;
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, Record, State, WireError};

use super::summary::{CpuTime, Plan, Summary};
use crate::prefetch;

/// Records are decoded into it where it is: of thousands of nodes each second
/// nobody asks, and a copy would cost more than the sample.
pub struct Latest {
    layout: Arc<Layout>,
    plan: Arc<Plan>,
    state: State,
    /// The last record: what was before is in it. Its memory is used again.
    record: Vec<u8>,
}

impl Latest {
    /// Before the first record of a session, or of a layout.
    pub fn new(layout: &Arc<Layout>) -> Self {
        Self {
            layout: Arc::clone(layout),
            plan: Plan::of(layout),
            state: State::default(),
            record: Vec::new(),
        }
    }

    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Values divided by their scale.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Goes over to `layout`, which is what `change` makes of the one before.
    pub fn change(&mut self, layout: &Arc<Layout>, change: &Change) {
        self.state.change(&self.layout, change);
        self.layout = Arc::clone(layout);
        self.plan = Plan::of(layout);
        self.record.clear();
    }

    /// Reads one record off `reader`. On an error nothing here may be used on.
    pub fn apply(&mut self, reader: &mut Reader<'_>) -> Result<Record, WireError> {
        let start = reader.rest();
        let record = self.state.apply(&self.layout, reader)?;
        self.record.clear();
        if record == Record::Delta {
            let bytes = start.len() - reader.rest().len();
            self.record.extend_from_slice(&start[..bytes]);
        }
        Ok(record)
    }

    /// The values of the sample before, and how long before it was, in milliseconds.
    pub fn before(&self) -> Option<(Vec<i64>, i64)> {
        let before = self.state.before(&self.layout, &self.record)?;
        Some((before, self.state.step_ms()))
    }

    /// What the processors have done so far.
    pub fn cpu(&self) -> Option<CpuTime> {
        self.plan.cpu(&self.layout, self.state.scaled())
    }

    /// The same at the sample before.
    pub fn cpu_before(&self) -> Option<CpuTime> {
        self.plan.cpu(&self.layout, &self.before()?.0)
    }

    pub fn summary(&self) -> Summary {
        let before = self.before();
        let before = before.as_ref().map(|(values, ms)| (&values[..], *ms));
        let now = self.state.scaled();
        let time_ms = self.state.time_ms;
        self.plan.summary(&self.layout, now, before, time_ms)
    }

    /// That a record will be applied soon.
    pub fn fetch(&self) {
        prefetch::fetch(self.state.scaled());
        prefetch::fetch(self.state.steps());
        prefetch::fetch(&self.record[..]);
    }
}
