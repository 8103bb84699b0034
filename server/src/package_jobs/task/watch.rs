//! Follows a running manager: its output into the job, how far it is, whether it may
//! be ended.

use crate::jobs::Job;
use crate::jobs::JobContext;
use crate::major_tom::Fault;
use crate::major_tom::detached::Seen;
use crate::major_tom::detached::run::Watcher;
use stardust_packages::backend::Backend;
use stardust_packages::limits::{ANSWER_BYTES_MAX, LINE_BYTES_MAX};
use stardust_packages::model::Track;
use stardust_packages::text::{clip_front, plain};

/// Why the second part is done to its end.
const HALF_DONE: &str = "Packages are being changed. Stopped in the middle they would be left \
     half-way, so it is done to the end.";

pub struct JobWatcher<'a> {
    context: &'a JobContext,
    job: &'a Job,
    backend: &'static dyn Backend,
    /// All output, or its end.
    all: Vec<u8>,
    line: Vec<u8>,
    track: Track,
    safe: Option<bool>,
}

impl<'a> JobWatcher<'a> {
    pub fn new(context: &'a JobContext, job: &'a Job, backend: &'static dyn Backend) -> Self {
        Self {
            context,
            job,
            backend,
            all: Vec::new(),
            line: Vec::new(),
            track: Track::default(),
            safe: None,
        }
    }

    /// It has ended, and well: now the last one is through too.
    pub fn is_through(&self) {
        if self.track.total > 0 {
            let total = self.track.total.into();
            self.job.set_progress(total, total);
        }
    }

    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.all);
        plain(clip_front(&text, ANSWER_BYTES_MAX))
    }
}

impl Watcher for JobWatcher<'_> {
    fn output(&mut self, bytes: &[u8]) {
        self.job.output(bytes);
        if self.all.len() + bytes.len() > 2 * ANSWER_BYTES_MAX {
            self.all.drain(..ANSWER_BYTES_MAX);
        }
        self.all.extend_from_slice(bytes);
        for &byte in bytes {
            if byte != b'\n' && byte != b'\r' {
                if self.line.len() < LINE_BYTES_MAX {
                    self.line.push(byte);
                }
                continue;
            }
            let line = plain(&String::from_utf8_lossy(&self.line));
            self.line.clear();
            let before = self.track;
            self.backend.progress(&line, &mut self.track);
            if self.track != before {
                let (done, total) = self.track.under_way();
                self.job.set_progress(done.into(), total.into());
            }
        }
    }

    fn seen(&mut self, seen: &Seen) {
        if self.safe != Some(seen.safe) {
            self.safe = Some(seen.safe);
            self.job.set_cancellable(match seen.safe {
                true => Ok(()),
                false => Err(HALF_DONE),
            });
        }
    }

    fn lost(&mut self, fault: &Fault) {
        crate::log::info(&format!(
            "job {}: the link to the node is away, its work goes on there: {}",
            self.job.id, fault.detail
        ));
    }

    fn is_stopping(&self) -> bool {
        self.context.jobs.is_stopping()
    }

    fn wants_cancel(&self) -> bool {
        self.job.is_cancelled()
    }

    fn too_late(&mut self) {
        self.job.set_cancellable(Err(HALF_DONE));
    }
}
