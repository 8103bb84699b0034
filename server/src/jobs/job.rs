//! One job while it waits or runs.
//!
//! The thread that runs it writes here; API workers and the gate read copies.
//! The lock is never held across I/O.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use serde_json::Value;

use super::limits::{SAVE_INTERVAL, STEPS_MAX};
use super::sanitize::Sanitizer;
use crate::clock::wall_ms;
use crate::log;
use crate::major_tom::patience::{Patience, cancelled};
use crate::major_tom::steps::{self, Steps};
use crate::major_tom::{Cause, Fault};
use crate::secret::Secret;
use crate::store::StoreError;
use crate::vault::SshAuth;
use stardust_model::intent::Intent;
use stardust_model::job::{JobView, Progress, State, StepState, StepView};
use stardust_model::job_output::{JobOutput, OutputChunk};

/// Why a removal goes on to its end.
const HALF_REMOVED: &str =
    "The Spider is being deleted: half of that can't be undone, so it is done to the end.";

/// Credentials that were given for this one job, kept in memory alone.
#[derive(Clone, Debug, Default)]
pub struct Given {
    pub auth: Option<SshAuth>,
    pub sudo_password: Option<Secret>,
}

/// What a job has above it: who is told of it, and keeps it. Called from the job's thread.
pub trait Host: Send + Sync {
    fn is_stopping(&self) -> bool;

    fn has_changed(&self, id: i64);

    fn has_output(&self, id: i64);

    fn save(&self, view: &JobView, text: Option<&JobOutput>) -> Result<(), StoreError>;
}

pub struct Job {
    pub id: i64,
    pub intent: Intent,
    pub node: Option<i64>,
    pub given: Given,
    /// It was running when Ground Control stopped.
    pub resumed: bool,
    /// One of a job over many nodes.
    pub is_part: bool,
    cancelled: Arc<AtomicBool>,
    board: Weak<dyn Host>,
    inner: Mutex<Inner>,
}

struct Inner {
    view: JobView,
    text: JobOutput,
    sanitizer: Sanitizer,
    saved: Instant,
    unsaved: bool,
}

impl Job {
    pub(super) fn new(
        mut view: JobView,
        text: JobOutput,
        intent: Intent,
        given: Given,
        resumed: bool,
        board: Weak<dyn Host>,
    ) -> Self {
        // How far it got on the node is not known: half of it can't be undone.
        if resumed && matches!(intent, Intent::Remove { .. }) {
            view.can_cancel = false;
            view.no_cancel = Some(HALF_REMOVED.into());
        }
        Self {
            id: view.id,
            intent,
            node: view.node,
            given,
            resumed,
            is_part: view.group.is_some(),
            cancelled: Arc::default(),
            board,
            inner: Mutex::new(Inner {
                view,
                text,
                sanitizer: Sanitizer::default(),
                saved: Instant::now(),
                unsaved: false,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn view(&self) -> JobView {
        let inner = self.lock();
        let mut view = inner.view.clone();
        view.output_bytes = inner.text.end();
        view.left_out_bytes = inner.text.left_out();
        view.cancelling = self.is_cancelled() && !view.state.is_finished();
        view
    }

    pub fn text(&self) -> JobOutput {
        self.lock().text.clone()
    }

    pub fn read(&self, from: usize) -> OutputChunk {
        self.lock().text.read(from)
    }

    pub fn output_end(&self) -> usize {
        self.lock().text.end()
    }

    pub fn node_name(&self) -> String {
        self.lock().view.node_name.clone().unwrap_or_default()
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// False when it can't be any more.
    pub(super) fn cancel(&self) -> bool {
        let inner = self.lock();
        if !inner.view.can_cancel {
            return false;
        }
        self.cancelled.store(true, Ordering::SeqCst);
        drop(inner);
        self.changed();
        true
    }

    /// From here on it is done to its end; refuses when it was cancelled before.
    pub fn set_uncancellable(&self) -> Result<(), Fault> {
        let mut inner = self.lock();
        let cancelled = self.is_cancelled();
        inner.view.can_cancel = cancelled;
        inner.view.no_cancel = (!cancelled).then(|| HALF_REMOVED.into());
        drop(inner);
        self.changed();
        self.check_cancelled()
    }

    /// Between two pieces of work: whether to go on.
    pub fn check_cancelled(&self) -> Result<(), Fault> {
        if self.is_cancelled() {
            let steps = &self.lock().view.steps;
            if steps.iter().all(|step| steps::only_looks(&step.name)) {
                return Err(cancelled());
            }
            return Err(Fault::new(
                Cause::Cancelled,
                "The job was cancelled.",
                "What was done up to there has been taken back where it had to be.",
            ));
        }
        if self.board.upgrade().is_none_or(|board| board.is_stopping()) {
            return Err(Fault::new(
                Cause::Stopping,
                "Ground Control is stopping.",
                "The job goes on when it starts again.",
            ));
        }
        Ok(())
    }

    /// It may be cancelled from here on, or can't be, for this reason.
    pub fn set_cancellable(&self, can: Result<(), &str>) {
        let mut inner = self.lock();
        inner.view.can_cancel = can.is_ok();
        inner.view.no_cancel = can.err().map(Into::into);
        drop(inner);
        self.changed();
    }

    /// The job that has to end before this one; whether that is news.
    pub(super) fn set_waits_for(&self, job: Option<i64>) -> bool {
        let mut inner = self.lock();
        std::mem::replace(&mut inner.view.waits_for, job) != job
    }

    pub fn set_progress(&self, done: u64, total: u64) {
        let progress = Some(Progress { done, total });
        let mut inner = self.lock();
        if inner.view.progress != progress {
            inner.view.progress = progress;
            drop(inner);
            self.changed();
        }
    }

    pub fn set_result(&self, result: Value) {
        self.lock().view.result = Some(result);
        self.changed();
    }

    /// Appends what a program on the node printed.
    pub fn output(&self, bytes: &[u8]) {
        let mut inner = self.lock();
        let text = inner.sanitizer.push(bytes);
        if text.is_empty() {
            return;
        }
        inner.text.push(&text);
        inner.unsaved = true;
        let due = inner.saved.elapsed() >= SAVE_INTERVAL;
        drop(inner);
        if let Some(board) = self.board.upgrade() {
            board.has_output(self.id);
        }
        if due {
            self.save();
        }
    }

    /// Appends a line of our own.
    pub fn log_line(&self, line: &str) {
        self.output(format!("{line}\n").as_bytes());
    }

    /// Forgets output from `at` on, for work that is done anew.
    pub fn truncate_output(&self, at: usize) {
        let mut inner = self.lock();
        inner.text.truncate(at);
        inner.sanitizer = Sanitizer::default();
        inner.unsaved = true;
    }

    pub fn start(&self) {
        let mut inner = self.lock();
        inner.view.state = State::Running;
        inner.view.started_ms.get_or_insert_with(wall_ms);
        // What was under way when Ground Control stopped begins anew.
        inner
            .view
            .steps
            .retain(|step| step.state != StepState::Running);
        drop(inner);
        self.settle();
    }

    /// Writes down how it ended, which nobody is shown yet; see [`Self::show_end`].
    pub(super) fn write_end(
        &self,
        state: State,
        result: Option<Value>,
        fault: Option<&Fault>,
    ) -> JobView {
        let mut inner = self.lock();
        let left = inner.sanitizer.finish();
        inner.text.push(&left);
        inner.view.can_cancel = false;
        inner.view.no_cancel = None;
        inner.view.waits_for = None;
        let mut ended = inner.view.clone();
        ended.state = state;
        ended.finished_ms = Some(wall_ms());
        if result.is_some() {
            ended.result = result;
        }
        ended.error = fault.map(Into::into);
        let text = inner.text.clone();
        drop(inner);
        self.write(&ended, Some(&text));
        ended
    }

    pub(super) fn show_end(&self, ended: JobView) {
        self.lock().view = ended;
    }

    /// Back into the queue, for the next start of Ground Control.
    pub fn requeue(&self) {
        self.save();
    }

    fn changed(&self) {
        if let Some(board) = self.board.upgrade() {
            board.has_changed(self.id);
        }
    }

    /// Writes it down and tells of it.
    fn settle(&self) {
        self.save();
        self.changed();
    }

    fn save(&self) {
        let (view, text) = {
            let mut inner = self.lock();
            inner.saved = Instant::now();
            let text = std::mem::take(&mut inner.unsaved).then(|| inner.text.clone());
            (inner.view.clone(), text)
        };
        self.write(&view, text.as_ref());
    }

    fn write(&self, view: &JobView, text: Option<&JobOutput>) {
        let Some(board) = self.board.upgrade() else {
            return;
        };
        // The job goes on without: its end is what counts, and that is tried again.
        if let Err(error) = board.save(view, text) {
            log::error(&format!(
                "Job {} could not be written down: {error}",
                self.id
            ));
            self.lock().unsaved = true;
        }
    }
}

impl Steps for Job {
    fn patience(&self) -> Patience {
        Patience::until(Some(Arc::clone(&self.cancelled)))
    }

    fn begin(&self, name: &'static str) -> Result<(), Fault> {
        // What ends a job well or badly runs also in one that was cancelled.
        if !steps::always_runs(name) {
            self.check_cancelled()?;
        }
        let mut inner = self.lock();
        let at = inner.text.end();
        if inner.view.steps.len() >= STEPS_MAX {
            inner.view.steps.remove(0);
        }
        inner.view.steps.push(StepView {
            name: name.to_owned(),
            title: steps::title(name).to_owned(),
            state: StepState::Running,
            started_ms: wall_ms(),
            ms: None,
            detail: String::new(),
            hint: String::new(),
            cause: None,
            from: at,
            to: at,
        });
        drop(inner);
        self.settle();
        Ok(())
    }

    fn end(&self, name: &'static str, outcome: Result<&str, &Fault>, ms: u64) {
        let mut inner = self.lock();
        let end = inner.text.end();
        if let Some(step) = inner.view.steps.iter_mut().rfind(|step| step.name == name) {
            step.ms = Some(ms);
            step.to = end;
            match outcome {
                Ok(detail) => {
                    step.state = StepState::Done;
                    step.detail = detail.to_owned();
                }
                Err(fault) => {
                    step.state = match fault.cause {
                        Cause::Cancelled => StepState::Cancelled,
                        _ => StepState::Failed,
                    };
                    step.detail = fault.detail.clone();
                    step.hint = fault.hint.clone();
                    step.cause = Some(fault.cause.name().to_owned());
                }
            }
        }
        drop(inner);
        self.settle();
    }
}
