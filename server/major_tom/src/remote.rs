//! A node that commands can be run on, as plans see it.

use std::time::Duration;

use super::fault::Fault;
use super::output::Output;
use super::shell::Command;
use stardust_base::secret::Secret;

/// What a command gets to read.
#[derive(Clone, Copy, Default)]
pub enum Stdin<'a> {
    #[default]
    Nothing,
    Bytes(&'a [u8]),
    /// One line with a password, and nothing after it.
    Password(&'a Secret),
}

/// A file for a node.
pub struct Upload<'a> {
    pub data: &'a [u8],
    /// Absolute; its folder must exist.
    pub path: &'a str,
    pub mode: u32,
    /// Through the shell even where there is SFTP.
    pub by_shell: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploaded {
    BySftp,
    ByShell,
}

/// A node that commands can be run on. Plans are written against this.
pub trait Remote {
    /// Runs `command` to its end. `on_output` sees stdout and stderr as they come.
    /// What the command itself answers is never a fault here.
    fn run(
        &self,
        command: &Command,
        stdin: Stdin<'_>,
        time: Duration,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Output, Fault>;

    /// Puts a file in place: whole and verified, or not at all.
    fn upload(&self, upload: &Upload<'_>, time: Duration) -> Result<Uploaded, Fault>;

    /// Runs `command` with no input and nobody watching.
    fn ask(&self, command: &Command, time: Duration) -> Result<Output, Fault> {
        self.run(command, Stdin::Nothing, time, &mut |_| {})
    }
}
