//! All jobs that wait or run: who may start, what changed, who is told.
//!
//! Called from API workers, job threads and the gate; each call holds the lock
//! for a look at most.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use super::job::{Given, Host, Job};
use super::limits::{ACTIVE_MAX, KEPT_MAX, NODE_WAITING_MAX, SNAPSHOT_MAX};
use super::line::{Ahead, Lines, Objection, objection};
use crate::clock::wall_ms;
use crate::error::{Error, Kind};
use crate::log;
use crate::store::{Store, StoreError};
use stardust_model::failed_jobs::{Failures, LiveJobs};
use stardust_model::intent::Intent;
use stardust_model::job::{JobView, State};
use stardust_model::job_output::JobOutput;

/// Called from any thread; must not wait.
pub type Notify = Box<dyn Fn() + Send + Sync>;

pub struct Board {
    store: Arc<Store>,
    /// Called when there is something for `/live`.
    notify: OnceLock<Notify>,
    stopping: AtomicBool,
    /// The gate has been woken and has not looked yet.
    told: AtomicBool,
    inner: Mutex<Inner>,
    /// A job may start, or has ended.
    moved: Condvar,
}

#[derive(Default)]
struct Inner {
    active: BTreeMap<i64, Arc<Job>>,
    queue: VecDeque<i64>,
    lines: Lines,
    failures: Failures,
    groups: VecDeque<i64>,
    /// Nodes that a job is working on.
    busy: HashSet<i64>,
    changed: BTreeMap<i64, Arc<Job>>,
    output: BTreeSet<i64>,
}

/// A job to be made.
pub struct Order {
    pub intent: Intent,
    pub node: Option<i64>,
    /// What the node is called, or what is worked on instead of one.
    pub name: String,
    pub group: Option<i64>,
    pub by: String,
    pub given: Given,
}

/// What the gate hands to browsers.
#[derive(Default)]
pub struct News {
    pub jobs: Vec<JobView>,
    /// Jobs with new output.
    pub output: Vec<Arc<Job>>,
}

impl Board {
    /// Finds jobs that had not ended when Ground Control did.
    pub fn open(store: Arc<Store>) -> Result<Arc<Self>, Error> {
        let found = store.unfinished_jobs()?;
        let mut failures = Failures::default();
        store.ended_jobs(|ended| failures.take(&ended))?;
        let board = Arc::new(Self {
            store,
            notify: OnceLock::new(),
            stopping: AtomicBool::new(false),
            told: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                failures,
                ..Inner::default()
            }),
            moved: Condvar::new(),
        });
        for (view, intent) in found {
            let resumed = view.state == State::Running;
            let text = board.store.job_text(view.id)?;
            board.enqueue(view, text, intent, Given::default(), resumed);
        }
        Ok(board)
    }

    /// From here on changes are told to somebody.
    pub fn notify(&self, notify: Notify) {
        let _ = self.notify.set(notify);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the job down and puts it into the queue.
    pub fn submit(self: &Arc<Self>, order: Order) -> Result<Arc<Job>, Error> {
        if self.lock().active.len() >= ACTIVE_MAX {
            return Err(Error::new(
                Kind::Busy,
                format!("{ACTIVE_MAX} jobs wait already."),
                "Try again when some are done.",
            )
            .retry_after_s(60));
        }
        let mut view = JobView {
            id: 0,
            kind: order.intent.kind().to_owned(),
            node: order.node,
            title: order.intent.title(&order.name),
            node_name: order.node.map(|_| order.name),
            group: order.group,
            state: State::Queued,
            by: order.by,
            created_ms: wall_ms(),
            started_ms: None,
            finished_ms: None,
            steps: Vec::new(),
            error: None,
            result: None,
            output_bytes: 0,
            left_out_bytes: 0,
            can_cancel: true,
            no_cancel: None,
            waits_for: None,
            cancelling: false,
            progress: None,
            nodes: order.intent.nodes().to_vec(),
        };
        view.id = self.store.insert_job(&view, &order.intent)?;
        self.store.prune_jobs(KEPT_MAX)?;
        Ok(self.enqueue(view, JobOutput::default(), order.intent, order.given, false))
    }

    fn enqueue(
        self: &Arc<Self>,
        view: JobView,
        text: JobOutput,
        intent: Intent,
        given: Given,
        resumed: bool,
    ) -> Arc<Job> {
        let host: Weak<Self> = Arc::downgrade(self);
        let job = Arc::new(Job::new(view, text, intent, given, resumed, host));
        let mut inner = self.lock();
        inner.active.insert(job.id, Arc::clone(&job));
        if let Some(node) = job.node {
            inner.lines.join(node, job.id);
            inner.line_up(node);
        }
        if job.intent.is_group() {
            inner.groups.push_back(job.id);
        } else {
            inner.queue.push_back(job.id);
        }
        drop(inner);
        self.moved.notify_all();
        self.has_changed(job.id);
        job
    }

    pub fn active(&self, id: i64) -> Option<Arc<Job>> {
        self.lock().active.get(&id).cloned()
    }

    /// The job that a node's next ones wait for.
    pub fn active_of_node(&self, node: i64) -> Option<Arc<Job>> {
        let inner = self.lock();
        let first = inner.lines.first(node)?;
        inner.active.get(&first).cloned()
    }

    /// Refuses what a person wants done with a node when it makes no sense behind
    /// what is to be done there already.
    pub fn admit(&self, node: i64, wanted: &Intent) -> Result<(), Error> {
        let inner = self.lock();
        let line: Vec<_> = inner
            .lines
            .of(node)
            .filter_map(|(id, _)| inner.active.get(&id))
            .collect();
        let runs =
            |job: &Arc<Job>| inner.busy.contains(&node) && inner.lines.first(node) == Some(job.id);
        let ahead: Vec<_> = line
            .iter()
            .map(|job| Ahead {
                id: job.id,
                intent: &job.intent,
                runs: runs(job),
                part: job.is_part,
            })
            .collect();
        Err(match objection(&ahead, wanted) {
            None => return Ok(()),
            Some(Objection::Removes(id)) => Error::new(
                Kind::Conflict,
                format!("Job {id} removes this node; nothing can be done with it afterwards."),
                "Cancel that job first, if the node is to stay.",
            ),
            Some(Objection::Same(id)) => Error::new(
                Kind::Conflict,
                format!("Job {id} does the same already."),
                "Wait for it, or cancel it.",
            ),
            Some(Objection::Full) => Error::new(
                Kind::Busy,
                format!("{NODE_WAITING_MAX} jobs wait for this node already."),
                "Try again when one of them has begun, or cancel one.",
            )
            .retry_after_s(60),
        })
    }

    /// The first jobs of the snapshot of `/live`.
    pub fn snapshot(&self) -> LiveJobs {
        let inner = self.lock();
        let jobs: Vec<_> = inner.active.values().take(SNAPSHOT_MAX).cloned().collect();
        let failed = inner.failures.newest(SNAPSHOT_MAX);
        drop(inner);
        LiveJobs {
            active: jobs.iter().map(|job| job.view()).collect(),
            failed,
        }
    }

    /// False when it has ended already, or is past that. One that has not begun
    /// ends here.
    pub fn cancel(&self, id: i64) -> bool {
        let Some(job) = self.active(id) else {
            return false;
        };
        if !job.cancel() {
            return false;
        }
        // A thread that takes it meanwhile sees that it was cancelled.
        let mut inner = self.lock();
        let waits = |queue: &VecDeque<i64>| queue.contains(&id) && !job.resumed;
        let waiting = waits(&inner.queue) || waits(&inner.groups);
        if waiting {
            inner.queue.retain(|waits| *waits != id);
            inner.groups.retain(|waits| *waits != id);
        }
        drop(inner);
        if waiting {
            self.end(&job, State::Cancelled, None, None);
        }
        self.moved.notify_all();
        true
    }

    /// Waits for a job whose node is free. None when Ground Control stops.
    pub fn next(&self) -> Option<Arc<Job>> {
        let mut inner = self.lock();
        loop {
            if self.is_stopping() {
                return None;
            }
            let free = |id: &i64| {
                let node = inner.active.get(id).and_then(|job| job.node);
                node.is_none_or(|node| !inner.busy.contains(&node))
            };
            if let Some(at) = inner.queue.iter().position(free)
                && let Some(id) = inner.queue.remove(at)
                && let Some(job) = inner.active.get(&id).cloned()
            {
                inner.busy.extend(job.node);
                return Some(job);
            }
            inner = self
                .moved
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub fn next_group(&self) -> Option<Arc<Job>> {
        let mut inner = self.lock();
        loop {
            if self.is_stopping() {
                return None;
            }
            if let Some(id) = inner.groups.pop_front()
                && let Some(job) = inner.active.get(&id).cloned()
            {
                return Some(job);
            }
            inner = self
                .moved
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sleeps for `time`; false when Ground Control stops.
    pub fn pause(&self, time: Duration) -> bool {
        let end = std::time::Instant::now() + time;
        let mut inner = self.lock();
        loop {
            let left = end.saturating_duration_since(std::time::Instant::now());
            if self.is_stopping() || left.is_zero() {
                return !self.is_stopping();
            }
            inner = self
                .moved
                .wait_timeout(inner, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits until something ended, was cancelled or was added, or for `time`.
    pub fn wait(&self, time: Duration) {
        let inner = self.lock();
        if !self.is_stopping() {
            let _unused = self.moved.wait_timeout(inner, time);
        }
    }

    pub fn end(
        &self,
        job: &Arc<Job>,
        state: State,
        result: Option<serde_json::Value>,
        fault: Option<&crate::major_tom::Fault>,
    ) {
        // First it is written down, then its node is let go of and it says that it has
        // ended, in one: who sees the end may begin the next work at once.
        let ended = job.write_end(state, result, fault);
        let mut inner = self.lock();
        inner.failures.take_view(&ended);
        job.show_end(ended);
        inner.active.remove(&job.id);
        inner.changed.insert(job.id, Arc::clone(job));
        if let Some(node) = job.node {
            // One that was cancelled while it waited leaves the node to who works on it.
            if inner.lines.first(node) == Some(job.id) {
                inner.busy.remove(&node);
            }
            inner.lines.leave(node, job.id);
            inner.line_up(node);
        }
        drop(inner);
        self.moved.notify_all();
        self.wake_gate();
    }

    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(self.lock());
        self.moved.notify_all();
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn wake_gate(&self) {
        if let Some(notify) = self.notify.get()
            && !self.told.swap(true, Ordering::SeqCst)
        {
            notify();
        }
    }

    /// What happened since the last call.
    pub fn take_news(&self) -> News {
        self.told.store(false, Ordering::SeqCst);
        let mut inner = self.lock();
        let changed = std::mem::take(&mut inner.changed);
        let output = std::mem::take(&mut inner.output);
        let output = output
            .iter()
            .filter_map(|id| inner.active.get(id).or_else(|| changed.get(id)).cloned())
            .collect();
        drop(inner);
        News {
            jobs: changed.values().map(|job| job.view()).collect(),
            output,
        }
    }

    /// Any job: what runs from memory, what ended from the database.
    pub fn view(&self, id: i64) -> Result<Option<JobView>, Error> {
        match self.active(id) {
            Some(job) => Ok(Some(job.view())),
            None => Ok(self.store.job(id)?.map(|(view, _)| view)),
        }
    }

    pub fn text(&self, id: i64) -> Result<JobOutput, Error> {
        match self.active(id) {
            Some(job) => Ok(job.text()),
            None => Ok(self.store.job_text(id)?),
        }
    }
}

impl Host for Board {
    fn is_stopping(&self) -> bool {
        Self::is_stopping(self)
    }

    fn has_changed(&self, id: i64) {
        let mut inner = self.lock();
        if let Some(job) = inner.active.get(&id).cloned() {
            inner.changed.insert(id, job);
        }
        drop(inner);
        self.wake_gate();
    }

    fn has_output(&self, id: i64) {
        self.lock().output.insert(id);
        self.wake_gate();
    }

    fn save(&self, view: &JobView, text: Option<&JobOutput>) -> Result<(), StoreError> {
        self.store.save_job(view, text)
    }
}

impl Inner {
    /// Who waits for whom at this node now.
    fn line_up(&mut self, node: i64) {
        for (id, before) in self.lines.of(node) {
            if let Some(job) = self.active.get(&id)
                && job.set_waits_for(before)
            {
                self.changed.insert(id, Arc::clone(job));
            }
        }
    }
}

/// Says in the log how a job ended.
pub fn log_end(view: &JobView) {
    let words = format!("job {} ({}): {}", view.id, view.title, view.state.name());
    match &view.error {
        Some(error) => log::warn(&format!("{words}: {}", error.message)),
        None => log::info(&words),
    }
}
