//! A job of Ground Control, watched from outside.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::control::Control;

pub struct Work<'a> {
    pub id: i64,
    control: &'a Control,
}

/// Longest that a job may take here: it waits a minute for a Spider twice.
const TIME_MAX: Duration = Duration::from_secs(240);

impl<'a> Work<'a> {
    pub fn of(control: &'a Control, job: &Value) -> Self {
        let id = job["id"]
            .as_i64()
            .unwrap_or_else(|| panic!("no job: {job}"));
        Self { id, control }
    }

    pub fn job(&self) -> Value {
        self.control
            .session
            .get_json(&format!("/api/jobs/{}", self.id))
    }

    pub fn output(&self) -> String {
        let target = format!("/api/jobs/{}/output", self.id);
        let output = self.control.session.get_json(&target);
        output["text"].as_str().expect("a text").to_owned()
    }

    /// Looks again and again until `found` has something to say of the job.
    fn watch<T>(&self, what: &str, pause_ms: u64, mut found: impl FnMut(&Value) -> Option<T>) -> T {
        let until = Instant::now() + TIME_MAX;
        loop {
            let job = self.job();
            if let Some(found) = found(&job) {
                return found;
            }
            assert!(
                Instant::now() < until,
                "never {what}: {job:#}\n{}",
                self.output()
            );
            std::thread::sleep(Duration::from_millis(pause_ms));
        }
    }

    /// Waits until a step is under way or over; false when the job ended before it.
    pub fn reaches(&self, step: &str) -> bool {
        self.watch(&format!("at {step}"), 20, |job| {
            let state = state_of(job, step);
            if matches!(state.as_str(), "running" | "done" | "failed") {
                return Some(true);
            }
            is_over(job).then_some(false)
        })
    }

    /// How it ended.
    pub fn end(&self) -> Value {
        self.watch("over", 200, |job| is_over(job).then(|| job.clone()))
    }

    pub fn succeeds(&self) -> Value {
        let job = self.end();
        assert_eq!(job["state"], "succeeded", "{job:#}\n{}", self.output());
        for step in job["steps"].as_array().unwrap() {
            assert!(
                step["state"] == "done" || step["state"] == "skipped",
                "{job:#}"
            );
        }
        job
    }

    /// It fails for that cause, and says what to do.
    pub fn fails(&self, cause: &str) -> Value {
        let job = self.end();
        assert_eq!(job["state"], "failed", "{job:#}\n{}", self.output());
        assert_eq!(job["error"]["cause"], cause, "{job:#}\n{}", self.output());
        assert!(
            !job["error"]["hint"].as_str().unwrap().is_empty(),
            "{job:#}"
        );
        job
    }

    pub fn cancel(&self) {
        let target = format!("/api/jobs/{}/cancel", self.id);
        let answer = self.control.session.call("POST", &target, None);
        // It may just have ended.
        assert!(matches!(answer.status, 202 | 409), "{}", answer.text());
    }

    /// The same again, as a job of its own.
    pub fn again(&self) -> Work<'a> {
        let answer = self
            .control
            .post(&format!("/api/jobs/{}/retry", self.id), &json!({}));
        assert_eq!(answer.status, 202, "{}", answer.text());
        Work::of(self.control, &answer.json()["job"])
    }
}

pub fn is_over(job: &Value) -> bool {
    let state = job["state"].as_str().expect("a state");
    matches!(state, "succeeded" | "failed" | "cancelled" | "lost")
}

/// `waiting` for a step that is not there yet.
pub fn state_of(job: &Value, name: &str) -> String {
    let steps = job["steps"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["name"] == name);
    let state = step.and_then(|step| step["state"].as_str());
    state.unwrap_or("waiting").to_owned()
}
