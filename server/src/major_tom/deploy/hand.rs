//! Does what a plan says, on a node that was logged in to.

use std::time::Duration;

use super::super::fault::Fault;
use super::super::output::Output;
use super::super::privilege::Privilege;
use super::super::remote::{Remote, Stdin};
use super::super::shell::Command;
use super::super::steps::step;
use super::super::upload::{Upload, success};
use super::place::Place;
use super::plan::{Act, Action};
use super::script::{STAGE, Script};
use crate::jobs::Job;
use crate::secret::Secret;

/// A login, what it may do, and the job that it is used for.
pub struct Hand<'a> {
    pub remote: &'a dyn Remote,
    /// None: only as the login itself.
    pub privilege: Option<Privilege>,
    pub sudo_password: Option<Secret>,
    pub job: &'a Job,
}

impl Hand<'_> {
    /// Runs a whole plan, each step shown with its output.
    pub fn carry_out(&self, place: &Place, plan: &[Action<'_>]) -> Result<(), Fault> {
        for actions in plan.chunk_by(|a, b| a.step == b.step) {
            let Some(first) = actions.first() else {
                continue;
            };
            step(self.job, first.step, || {
                let mut detail = String::new();
                for action in actions {
                    self.job.go_on()?;
                    detail = self.act(place, action)?;
                }
                Ok(((), detail))
            })?;
        }
        Ok(())
    }

    /// What it said last, in a line.
    fn act(&self, place: &Place, action: &Action<'_>) -> Result<String, Fault> {
        match &action.act {
            Act::Run(script, arguments) => {
                let output = self.script(place, *script, arguments, action.time)?;
                Ok(last_line(&output.text()))
            }
            Act::MakeStage(path) => {
                let command = Command::script(STAGE, &[path.as_bytes()])?;
                let output = self.remote.ask(&command, action.time)?;
                success(output, "make a folder for the upload")?;
                Ok(String::new())
            }
            Act::Upload(path, content) => {
                let bytes = content.bytes();
                self.job.say(&format!("{path}: {} bytes", bytes.len()));
                let upload = Upload {
                    data: bytes,
                    path,
                    mode: 0o600,
                    by_shell: false,
                };
                self.remote.upload(&upload, action.time)?;
                Ok("All is there, verified by its SHA-256.".into())
            }
        }
    }

    /// Runs one script; what it prints goes to the job.
    pub fn script(
        &self,
        place: &Place,
        script: Script,
        arguments: &[impl AsRef<str>],
        time: Duration,
    ) -> Result<Output, Fault> {
        let command = script.command(place, arguments)?;
        let output = self.run(&command, place.needs_root(), time)?;
        success(output, "do this")
    }

    /// Runs a command, as root where that is wanted.
    pub fn run(&self, command: &Command, root: bool, time: Duration) -> Result<Output, Fault> {
        let mut print = |bytes: &[u8]| self.job.output(bytes);
        let privilege = self.privilege.filter(|_| root);
        let stdin = match (privilege, &self.sudo_password) {
            (Some(Privilege::SudoPassword), Some(password)) => Stdin::Password(password),
            _ => Stdin::Nothing,
        };
        let command = match privilege {
            Some(privilege) => privilege.command(command)?,
            None => command.clone(),
        };
        self.remote.run(&command, stdin, time, &mut print)
    }
}

fn last_line(text: &str) -> String {
    let line = text.lines().rfind(|line| !line.trim().is_empty());
    super::super::fault::printable(line.unwrap_or_default())
}
