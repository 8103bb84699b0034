//! One node: its record, its state and its latest sample.

use std::collections::BTreeMap;
use std::sync::Arc;

use stardust_shared::layout::Change;
use stardust_shared::message::Hello;
use stardust_shared::rates::{increase, per_second};
use stardust_shared::series::Kind;
use stardust_shared::varint::Reader;
use stardust_shared::{ABSENT, Layout, Record, State, WireError};

use super::latest::Latest;
use super::spark::Spark;
use super::summary::{SampleRow, Summary};
use super::view::{
    Exported, HelloChange, MetaChange, NodeChange, NodeView, SeriesView, StatsView, StatusChange,
};
use super::{Status, TokenHash};
use crate::prefetch;
use crate::store::NodeRecord;
use stardust_model::event::NodePresence;

/// What `/live` has not been told of yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changed {
    new: bool,
    status: bool,
    meta: bool,
    hello: bool,
    sample: bool,
}

impl Changed {
    pub fn any(self) -> bool {
        self.urgent() || self.sample
    }

    /// A sample, and not in what tells of the whole node.
    pub fn sampled(self) -> bool {
        self.sample && !self.new
    }

    /// Something that can't wait until this node's turn comes.
    pub fn urgent(self) -> bool {
        self.new || self.status || self.meta || self.hello
    }
}

/// Who connected last as this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastHello {
    /// Counts hellos since Ground Control started.
    pub number: u64,
    /// SHA-256 of the token that was used.
    pub token: TokenHash,
    pub version: String,
    pub boot_id: String,
    pub run: String,
    pub online: bool,
}

pub struct Node {
    pulse: Pulse,
    last_hello: Option<LastHello>,
    managed: bool,
    installed: bool,
    record: NodeRecord,
    status: Status,
    since_ms: i64,
    reason: Option<String>,
    interval_ms: Option<u64>,
}

/// What each sample touches: together, so that it is few lines of the cache.
struct Pulse {
    changed: Changed,
    last_seen_ms: Option<i64>,
    /// That it came or went, until it is taken to be written down.
    happened: Option<Box<NodePresence>>,
    latest: Option<Latest>,
    spark: Spark,
}

impl Node {
    pub(super) fn new(record: NodeRecord, now_ms: i64) -> Self {
        let (status, since_ms, reason) = match record.last_seen_ms {
            Some(seen) => (
                Status::Offline,
                seen.min(now_ms),
                Some("has not connected since Ground Control started".to_string()),
            ),
            None => (Status::Pending, record.created_ms, None),
        };
        Self {
            pulse: Pulse {
                changed: Changed {
                    new: true,
                    ..Changed::default()
                },
                last_seen_ms: record.last_seen_ms,
                happened: None,
                latest: None,
                spark: Spark::default(),
            },
            last_hello: None,
            managed: false,
            installed: false,
            record,
            status,
            since_ms,
            reason,
            interval_ms: None,
        }
    }

    pub fn status(&self) -> Status {
        self.status
    }

    pub fn name(&self) -> &str {
        &self.record.name
    }

    pub fn tags(&self) -> &[String] {
        &self.record.tags
    }

    pub(super) fn set_token(&mut self, hash: TokenHash) {
        self.record.token_sha256 = hash;
        self.record.next_tokens_sha256.clear();
    }

    pub(super) fn set_managed(&mut self, managed: bool) {
        self.managed = managed;
        self.pulse.changed.meta = true;
    }

    pub(super) fn set_installed(&mut self, installed: bool) {
        self.pulse.changed.meta |= self.installed != installed;
        self.installed = installed;
    }

    pub(super) fn last_hello(&self) -> Option<&LastHello> {
        self.last_hello.as_ref()
    }

    pub(super) fn rename(&mut self, name: &str, tags: &[String]) {
        self.record.name = name.to_string();
        self.record.tags = tags.to_vec();
        self.pulse.changed.meta = true;
    }

    /// A Spider with this node's token said hello.
    pub fn hello(
        &mut self,
        hello: &Hello,
        token: &TokenHash,
        address: &str,
        interval_ms: u64,
        now_ms: i64,
    ) {
        self.last_hello = Some(LastHello {
            number: self.last_hello.as_ref().map_or(0, |last| last.number) + 1,
            token: *token,
            version: hello.version.clone(),
            boot_id: hello.boot_id.clone(),
            run: hello.run.clone(),
            online: true,
        });
        if self.status != Status::Online {
            self.since_ms = now_ms;
        }
        self.status = Status::Online;
        self.reason = None;
        self.interval_ms = Some(interval_ms);
        self.pulse.last_seen_ms = Some(now_ms);
        self.record.address = Some(address.to_string());
        self.record.spider_version = Some(hello.version.clone());
        self.record.identity = Some(hello.identity.clone());
        self.pulse.changed.status = true;
        self.pulse.changed.hello = true;
        self.pulse.happened = Some(Box::new(NodePresence::Seen {
            boot_id: hello.boot_id.clone(),
            version: hello.version.clone(),
        }));
    }

    /// Its connection ended. `reason` is shown to the operator.
    pub fn offline(&mut self, reason: &str, now_ms: i64) {
        if self.status == Status::Online {
            self.status = Status::Offline;
            self.since_ms = now_ms;
        }
        if let Some(last) = &mut self.last_hello {
            last.online = false;
        }
        self.reason = Some(reason.to_string());
        self.pulse.changed.status = true;
        self.pulse.happened = Some(Box::new(NodePresence::Lost {
            reason: reason.to_string(),
        }));
    }

    /// Reads one record off `reader`, by that layout; with `anew` one that goes on
    /// from nothing that came before. After an error nothing is known of the node's
    /// values.
    pub fn apply(
        &mut self,
        layout: &Arc<Layout>,
        anew: bool,
        reader: &mut Reader<'_>,
    ) -> Result<Record, WireError> {
        let Pulse { latest, spark, .. } = &mut self.pulse;
        let goes_on = |latest: &&mut Latest| !anew && Arc::ptr_eq(latest.layout(), layout);
        let result = match latest.as_mut().filter(goes_on) {
            Some(latest) => latest.apply(reader),
            None => {
                spark.end(latest.as_ref().and_then(Latest::cpu));
                latest.insert(Latest::new(layout)).apply(reader)
            }
        };
        if result.is_err() {
            self.forget_latest();
        }
        result
    }

    /// Goes over from the layout `base` to the one that `change` makes of it. False, and
    /// nothing, where the last record was not of `base`.
    pub fn change_layout(
        &mut self,
        base: &Arc<Layout>,
        layout: &Arc<Layout>,
        change: &Change,
    ) -> bool {
        let latest = self.pulse.latest.as_mut();
        let Some(latest) = latest.filter(|latest| Arc::ptr_eq(latest.layout(), base)) else {
            return false;
        };
        latest.change(layout, change);
        true
    }

    /// What came last was wrong, and is not shown.
    pub fn forget_latest(&mut self) {
        let latest = self.pulse.latest.take();
        self.pulse.spark.end(latest.as_ref().and_then(Latest::cpu));
    }

    /// Whether its last record was of that very layout.
    pub fn has_layout(&self, layout: &Arc<Layout>) -> bool {
        let latest = self.pulse.latest.as_ref();
        latest.is_some_and(|latest| Arc::ptr_eq(latest.layout(), layout))
    }

    /// The state after the last record.
    pub fn state(&self) -> Option<&State> {
        self.pulse.latest.as_ref().map(Latest::state)
    }

    /// The last record was a new sample.
    pub fn sampled(&mut self, now_ms: i64) {
        let Pulse { latest, spark, .. } = &mut self.pulse;
        if let Some(latest) = latest {
            let time_ms = latest.state().time_ms;
            if spark.is_new(time_ms) {
                spark.begin(time_ms, latest.cpu_before(), latest.cpu());
            }
        }
        self.pulse.last_seen_ms = Some(now_ms);
        self.pulse.changed.sample = true;
    }

    /// Takes these values, in units, as its Spider would send them.
    #[cfg(test)]
    pub fn sample(
        &mut self,
        layout: &Arc<Layout>,
        (seq, time_ms): (u64, i64),
        values: &[i64],
        now_ms: i64,
    ) {
        let mut bytes = Vec::new();
        let known = self.pulse.latest.as_ref();
        match known.filter(|latest| Arc::ptr_eq(latest.layout(), layout)) {
            Some(latest) => {
                let mut state = latest.state().clone();
                state.encode_delta(layout, seq, time_ms, values, &mut bytes);
            }
            None => {
                let mut state = State::default();
                state.start(layout, seq, time_ms, values);
                state.encode_keyframe(layout, 0, &mut bytes);
            }
        }
        self.apply(layout, false, &mut Reader::new(&bytes)).unwrap();
        self.sampled(now_ms);
    }

    /// That a sample will come soon.
    pub(super) fn fetch(&self) {
        prefetch::fetch(&self.pulse);
    }

    /// The same, a little later.
    pub(super) fn fetch_latest(&self) {
        if let Some(latest) = &self.pulse.latest {
            latest.fetch();
        }
    }

    pub(super) fn take_happened(&mut self) -> Option<NodePresence> {
        self.pulse.happened.take().map(|what| *what)
    }

    pub(super) fn changed(&self) -> Changed {
        self.pulse.changed
    }

    pub(super) fn take_changed(&mut self) -> Changed {
        std::mem::take(&mut self.pulse.changed)
    }

    /// All of it, for somebody who knows nothing of it.
    pub(super) fn whole(&self) -> NodeChange {
        NodeChange {
            id: self.record.id,
            whole: Some(Box::new(self.view())),
            ..NodeChange::default()
        }
    }

    pub(super) fn change(&self, changed: Changed) -> NodeChange {
        let mut change = NodeChange {
            id: self.record.id,
            ..NodeChange::default()
        };
        if changed.new {
            change.whole = Some(Box::new(self.view()));
            return change;
        }
        change.status = changed.status.then(|| StatusChange {
            status: self.status,
            since_ms: self.since_ms,
            reason: self.reason.clone(),
        });
        change.meta = changed.meta.then(|| MetaChange {
            name: self.record.name.clone(),
            tags: self.record.tags.clone(),
            managed: self.managed,
            installed: self.installed,
        });
        change.hello = changed.hello.then(|| HelloChange {
            interval_ms: self.interval_ms,
            address: self.record.address.clone(),
            spider_version: self.record.spider_version.clone(),
            identity: self.record.identity.clone(),
        });
        change
    }

    pub(super) fn sample_row(&self) -> SampleRow {
        SampleRow {
            node: self.record.id,
            last_seen_ms: self.pulse.last_seen_ms,
            summary: self.summary(),
        }
    }

    /// Worked out when somebody looks: samples come more often than looks.
    fn summary(&self) -> Option<Summary> {
        self.pulse.latest.as_ref().map(Latest::summary)
    }

    pub(super) fn view(&self) -> NodeView {
        NodeView {
            id: self.record.id,
            name: self.record.name.clone(),
            tags: self.record.tags.clone(),
            status: self.status,
            since_ms: self.since_ms,
            reason: self.reason.clone(),
            created_ms: self.record.created_ms,
            last_seen_ms: self.pulse.last_seen_ms,
            interval_ms: self.interval_ms,
            address: self.record.address.clone(),
            spider_version: self.record.spider_version.clone(),
            identity: self.record.identity.clone(),
            summary: self.summary(),
            spark: self
                .pulse
                .spark
                .view(self.pulse.latest.as_ref().and_then(Latest::cpu)),
            managed: self.managed,
            installed: self.installed,
        }
    }

    pub(super) fn export(&self) -> Exported {
        let latest = self.pulse.latest.as_ref().map(|latest| {
            let state = latest.state();
            let layout = Arc::clone(latest.layout());
            (layout, state.scaled().to_vec(), state.time_ms)
        });
        Exported {
            id: self.record.id,
            name: self.record.name.clone(),
            status: self.status,
            spider_version: self.record.spider_version.clone(),
            identity: self.record.identity.clone(),
            latest,
        }
    }

    pub(super) fn stats(&self, now_ms: i64) -> StatsView {
        let mut stats = StatsView {
            node: self.record.id,
            status: self.status,
            time_ms: None,
            age_ms: None,
            series: BTreeMap::new(),
            rates: BTreeMap::new(),
            summary: self.summary(),
        };
        let Some(latest) = &self.pulse.latest else {
            return stats;
        };
        let (state, before) = (latest.state(), latest.before());
        stats.time_ms = Some(state.time_ms);
        stats.age_ms = Some((now_ms - state.time_ms).max(0));
        for (index, series) in latest.layout().series().iter().enumerate() {
            let Some(value) = state.value(latest.layout(), index) else {
                continue;
            };
            stats.series.insert(series.key.to_string(), value);
            if let (Kind::Counter, Some((before, elapsed_ms))) = (series.kind, &before)
                && let Some(&before) = before.get(index).filter(|value| **value != ABSENT)
            {
                let grown = increase(before, state.scaled()[index]);
                let grown = grown.saturating_mul(i64::from(series.scale));
                if let Some(rate) = per_second(grown, *elapsed_ms) {
                    stats.rates.insert(series.key.to_string(), rate);
                }
            }
        }
        stats
    }

    pub(super) fn series(&self) -> Vec<SeriesView> {
        let layout = self
            .pulse
            .latest
            .as_ref()
            .map(|latest| latest.layout().series());
        layout
            .unwrap_or_default()
            .iter()
            .map(SeriesView::from)
            .collect()
    }
}

impl From<&stardust_shared::SeriesDef> for SeriesView {
    fn from(series: &stardust_shared::SeriesDef) -> Self {
        Self {
            key: series.key.to_string(),
            unit: series.unit.name(),
            kind: series.kind.name(),
        }
    }
}
