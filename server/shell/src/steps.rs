//! The steps that work on a node is made of, and who watches them.

use std::time::Instant;

use super::fault::Fault;
use super::patience::{Patience, cancelled};

/// Sees each step begin and end: a report that is sent at the end, or a job
/// that is shown live.
pub trait Steps {
    /// Refuses when no further step may begin.
    fn begin(&self, name: &'static str) -> Result<(), Fault>;
    fn end(&self, name: &'static str, outcome: Result<&str, &Fault>, ms: u64);

    /// How long it is waited for what changes nothing.
    fn patience(&self) -> Patience {
        Patience::default()
    }
}

/// Does one thing and writes down how it went and how long it took.
pub fn step<T>(
    steps: &dyn Steps,
    name: &'static str,
    what: impl FnOnce() -> Result<(T, String), Fault>,
) -> Result<T, Fault> {
    steps.begin(name)?;
    let started = Instant::now();
    let result = what();
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match result {
        Ok((value, detail)) => {
            steps.end(name, Ok(&detail), ms);
            Ok(value)
        }
        Err(fault) => {
            // Whatever it was cut off in: that it was is what counts.
            let cut = only_looks(name) && steps.patience().is_over();
            let fault = if cut { cancelled() } else { fault };
            steps.end(name, Err(&fault), ms);
            Err(fault)
        }
    }
}

/// What a step does, in words.
pub fn title(name: &str) -> &'static str {
    match name {
        "credentials" => "Look at the credentials",
        "reach" => "Reach the host",
        "host_key" => "Compare the host key",
        "login" => "Log in",
        "jump_credentials" => "Look at the jump host's credentials",
        "jump_reach" => "Reach the jump host",
        "jump_host_key" => "Compare the jump host's key",
        "jump_login" => "Log in on the jump host",
        "commands" => "Run a command",
        "privilege" => "Become root",
        "system" => "Look at the system",
        "architecture" => "Choose the Spider",
        "init" => "Find the init system",
        "space" => "Look for space",
        "linger" => "Let services go on after logout",
        "known" => "See that it is no node already",
        "server" => "Reach Ground Control from there",
        "place" => "Choose where it goes",
        "prepare" => "Make room",
        "upload" => "Upload",
        "install" => "Install",
        "start" => "Start",
        "switch" => "Switch to the new version",
        "verify" => "Wait for its hello",
        "settle" => "Tidy up",
        "stays" => "See which Spider stays",
        "log" => "Fetch the Spider's log",
        "rollback" => "Put back what was there",
        "keep" => "Keep what was installed",
        "stop" => "Stop",
        "delete" => "Delete",
        "look" => "Look for leftovers",
        "forget" => "Forget the node",
        "reboot" => "Ask it to reboot",
        "back" => "Wait until it is back",
        "wave_1" => "First wave",
        "wave_2" => "Second wave",
        "wave_3" => "Third wave",
        "wave_4" => "Fourth wave",
        "wave_5" => "Fifth wave",
        "wave_6" => "Sixth wave",
        "wave_7" => "Seventh wave",
        "wave_8" => "Eighth wave",
        "survey" => "Look at the packages",
        "preview" => "Try it without doing it",
        "begin" => "Start it on the node",
        "run" => "Run it there",
        "after" => "See what is left to do",
        _ => "Work",
    }
}

/// Steps that change nothing on the node, and may be cut off anywhere.
pub fn only_looks(name: &str) -> bool {
    matches!(
        name.strip_prefix("jump_").unwrap_or(name),
        "credentials"
            | "reach"
            | "host_key"
            | "login"
            | "commands"
            | "privilege"
            | "system"
            | "survey"
            | "preview"
    )
}

/// Steps that run also in a job that was cancelled: because an earlier one failed,
/// because the Spider has connected and only the old one is to be tidied away, or
/// because what was done could not be stopped any more.
pub fn always_runs(name: &str) -> bool {
    matches!(
        name,
        "log" | "rollback" | "keep" | "settle" | "stays" | "after"
    )
}
