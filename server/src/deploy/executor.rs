//! Does what a plan says, on a node that was logged in to.

use std::time::Duration;

use super::installation::Installation;
use super::plan::{Act, Action};
use super::script::{STAGE, Script, UNSTAGE};
use crate::jobs::Job;
use crate::major_tom::fault::{Cause, Fault};
use crate::major_tom::output::Output;
use crate::major_tom::privilege::Privilege;
use crate::major_tom::remote::Upload;
use crate::major_tom::remote::{Remote, Stdin};
use crate::major_tom::shell::Command;
use crate::major_tom::steps::step;
use crate::major_tom::upload::success;
use crate::secret::Secret;

const SHORT: Duration = Duration::from_secs(30);
const IS_THERE: &str = "if [ -e \"$1\" ]; then echo there; fi";

/// Carries out plans on one node: the login, what it may do, and the job that it is for.
pub struct Executor<'a> {
    pub remote: &'a dyn Remote,
    /// None: only as the login itself.
    pub privilege: Option<Privilege>,
    pub sudo_password: Option<Secret>,
    pub job: &'a Job,
}

impl Executor<'_> {
    /// Runs a whole plan, each step shown with its output.
    pub fn carry_out(&self, place: &Installation, plan: &[Action<'_>]) -> Result<(), Fault> {
        for actions in plan.chunk_by(|a, b| a.step == b.step) {
            let Some(first) = actions.first() else {
                continue;
            };
            step(self.job, first.step, || {
                let mut detail = String::new();
                for action in actions {
                    self.job.check_cancelled()?;
                    detail = self.act(place, action)?;
                }
                Ok(((), detail))
            })?;
        }
        Ok(())
    }

    /// What it said last, in a line.
    fn act(&self, place: &Installation, action: &Action<'_>) -> Result<String, Fault> {
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
            Act::ClearStages(folders) => {
                let folders: Vec<&[u8]> = folders.iter().map(|path| path.as_bytes()).collect();
                let command = Command::script(UNSTAGE, &folders)?;
                let output = self.remote.ask(&command, action.time)?;
                success(output, "clear uploads away")?;
                Ok(String::new())
            }
            Act::Upload(path, content) => {
                let bytes = content.bytes();
                self.job.log_line(&format!("{path}: {} bytes", bytes.len()));
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
        place: &Installation,
        script: Script,
        arguments: &[impl AsRef<str>],
        time: Duration,
    ) -> Result<Output, Fault> {
        let command = script.command(place, arguments)?;
        let output = self.run(&command, place.needs_root(), time)?;
        success(output, "do this")
    }

    /// A service of another kind must be gone before there is one of this kind.
    pub fn refuse_beside(&self, known: &Installation, place: &Installation) -> Result<(), Fault> {
        if known.method == place.method {
            return Ok(());
        }
        let look = Command::script(IS_THERE, &[known.unit.as_bytes()])?;
        let output = self.remote.ask(&look, SHORT)?;
        if output.text().trim() != "there" {
            return Ok(());
        }
        Err(Fault::new(
            Cause::Unsupported,
            format!(
                "A Spider is there already as a service of {}, and this one would be of {}.",
                known.method.name(),
                place.method.name()
            ),
            "Deploy it as it was deployed before, or remove it first.",
        ))
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
    crate::major_tom::fault::printable(line.unwrap_or_default())
}
