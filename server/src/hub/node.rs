//! One node: its record, its state and its latest sample.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use stardust_shared::message::Hello;
use stardust_shared::series::Kind;
use stardust_shared::{ABSENT, Layout, State};

use super::TokenHash;
use super::rates::{increase, per_second};
use super::spark::Spark;
use super::summary::{Plan, SampleRow, Summary};
use super::view::{
    Exported, HelloChange, MetaChange, NodeChange, NodeView, SeriesView, StatsView, StatusChange,
};
use crate::events::What;
use crate::prefetch;
use crate::store::NodeRecord;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Online,
    Offline,
    /// Added, and its Spider has never said hello.
    Pending,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Pending => "pending",
        }
    }
}

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

/// Values at the beginning of a layout, where those of the CPU are.
const FIRST_VALUES: usize = 16;

pub struct Node {
    last_hello: Option<LastHello>,
    managed: bool,
    record: NodeRecord,
    status: Status,
    since_ms: i64,
    reason: Option<String>,
    interval_ms: Option<u64>,
    latest: Option<Latest>,
    spark: Spark,
    changed: Changed,
    /// That it came or went, until it is taken to be written down.
    happened: Option<What>,
}

/// The last two samples, so that rates can be told.
struct Latest {
    layout: Arc<Layout>,
    plan: Arc<Plan>,
    scaled: Vec<i64>,
    time_ms: i64,
    before: Vec<i64>,
    before_ms: Option<i64>,
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
            last_hello: None,
            managed: false,
            record,
            status,
            since_ms,
            reason,
            interval_ms: None,
            latest: None,
            spark: Spark::default(),
            changed: Changed {
                new: true,
                ..Changed::default()
            },
            happened: None,
        }
    }

    pub fn status(&self) -> Status {
        self.status
    }

    pub fn name(&self) -> &str {
        &self.record.name
    }

    pub(super) fn set_token(&mut self, hash: TokenHash) {
        self.record.token_sha256 = hash;
        self.record.next_tokens_sha256.clear();
    }

    pub(super) fn set_managed(&mut self, managed: bool) {
        self.managed = managed;
        self.changed.meta = true;
    }

    pub(super) fn last_hello(&self) -> Option<&LastHello> {
        self.last_hello.as_ref()
    }

    pub(super) fn rename(&mut self, name: &str, tags: &[String]) {
        self.record.name = name.to_string();
        self.record.tags = tags.to_vec();
        self.changed.meta = true;
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
        self.record.last_seen_ms = Some(now_ms);
        self.record.address = Some(address.to_string());
        self.record.spider_version = Some(hello.version.clone());
        self.record.identity = Some(hello.identity.clone());
        self.changed.status = true;
        self.changed.hello = true;
        self.happened = Some(What::Seen {
            boot_id: hello.boot_id.clone(),
            version: hello.version.clone(),
        });
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
        self.changed.status = true;
        self.happened = Some(What::Lost {
            reason: reason.to_string(),
        });
    }

    /// Takes the state after a record as the latest sample.
    pub fn sample(&mut self, layout: &Arc<Layout>, state: &State, now_ms: i64) {
        let latest = match &mut self.latest {
            Some(latest) if Arc::ptr_eq(&latest.layout, layout) => {
                std::mem::swap(&mut latest.before, &mut latest.scaled);
                latest.scaled.clear();
                latest.scaled.extend_from_slice(state.scaled());
                latest.before_ms = Some(latest.time_ms);
                latest
            }
            slot => slot.insert(Latest::new(layout, state)),
        };
        latest.time_ms = state.time_ms;
        if let Some(percent) = latest.cpu_percent() {
            self.spark.push(state.time_ms, percent as f32);
        }
        self.record.last_seen_ms = Some(now_ms);
        self.changed.sample = true;
    }

    pub(super) fn fetch_latest(&self) {
        if let Some(latest) = &self.latest {
            // The new values take the place of those before; of the latest the CPU's are read.
            prefetch::fetch(&*latest.before);
            prefetch::fetch(latest.scaled.get(..FIRST_VALUES).unwrap_or(&latest.scaled));
        }
    }

    pub(super) fn take_happened(&mut self) -> Option<What> {
        self.happened.take()
    }

    pub(super) fn changed(&self) -> Changed {
        self.changed
    }

    pub(super) fn take_changed(&mut self) -> Changed {
        std::mem::take(&mut self.changed)
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
            last_seen_ms: self.record.last_seen_ms,
            summary: self.summary(),
        }
    }

    /// Worked out when somebody looks: samples come more often than looks.
    fn summary(&self) -> Option<Summary> {
        self.latest.as_ref().map(Latest::summary)
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
            last_seen_ms: self.record.last_seen_ms,
            interval_ms: self.interval_ms,
            address: self.record.address.clone(),
            spider_version: self.record.spider_version.clone(),
            identity: self.record.identity.clone(),
            summary: self.summary(),
            spark: self.spark.view(),
            managed: self.managed,
        }
    }

    pub(super) fn export(&self) -> Exported {
        let latest = self.latest.as_ref().map(|latest| {
            let layout = Arc::clone(&latest.layout);
            (layout, latest.scaled.clone(), latest.time_ms)
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
        let Some(latest) = &self.latest else {
            return stats;
        };
        stats.time_ms = Some(latest.time_ms);
        stats.age_ms = Some((now_ms - latest.time_ms).max(0));
        for (index, series) in latest.layout.series().iter().enumerate() {
            let scale = i64::from(series.scale);
            let Some(&now) = latest.scaled.get(index).filter(|value| **value != ABSENT) else {
                continue;
            };
            stats
                .series
                .insert(series.key.to_string(), now.wrapping_mul(scale));
            let before = latest
                .before
                .get(index)
                .copied()
                .filter(|value| *value != ABSENT);
            if let (Kind::Counter, Some(before), Some(before_ms)) =
                (series.kind, before, latest.before_ms)
            {
                let grown = increase(before, now).saturating_mul(scale);
                if let Some(rate) = per_second(grown, latest.time_ms - before_ms) {
                    stats.rates.insert(series.key.to_string(), rate);
                }
            }
        }
        stats
    }

    pub(super) fn series(&self) -> Vec<SeriesView> {
        let layout = self.latest.as_ref().map(|latest| latest.layout.series());
        layout
            .unwrap_or_default()
            .iter()
            .map(SeriesView::from)
            .collect()
    }
}

impl Latest {
    fn new(layout: &Arc<Layout>, state: &State) -> Self {
        Self {
            layout: Arc::clone(layout),
            plan: Plan::of(layout),
            scaled: state.scaled().to_vec(),
            time_ms: state.time_ms,
            before: Vec::new(),
            before_ms: None,
        }
    }

    fn before(&self) -> Option<(&[i64], i64)> {
        let before_ms = self.before_ms?;
        Some((&self.before, self.time_ms - before_ms))
    }

    fn cpu_percent(&self) -> Option<f64> {
        let before = self.before()?.0;
        self.plan.cpu_percent(&self.layout, &self.scaled, before)
    }

    fn summary(&self) -> Summary {
        self.plan
            .summary(&self.layout, &self.scaled, self.before(), self.time_ms)
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
