//! The way to a node that is asked about its packages: a session as root.

use std::time::Duration;

use crate::deploy::{RootSession, log_in_as_root};
use crate::jobs::{Given, JobContext};
use crate::major_tom::detached::run::Node;
use crate::major_tom::output::Output;
use crate::major_tom::privilege::Privilege;
use crate::major_tom::shell::Command;
use crate::major_tom::steps::Steps;
use crate::major_tom::{Cause, Fault};

/// A node that is logged in to when it is needed, and again when the link went.
pub struct NodeLink<'a> {
    context: &'a JobContext,
    node: i64,
    given: &'a Given,
    login: Option<RootSession>,
}

/// Logins that nobody watches.
struct Quiet;

impl Steps for Quiet {
    fn begin(&self, _: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    fn end(&self, _: &'static str, _: Result<&str, &Fault>, _: u64) {}
}

impl<'a> NodeLink<'a> {
    pub fn new(context: &'a JobContext, node: i64, given: &'a Given) -> Self {
        Self {
            context,
            node,
            given,
            login: None,
        }
    }

    /// Logs in with each step shown.
    pub fn connect(&mut self, steps: &dyn Steps) -> Result<(), Fault> {
        self.login = Some(log_in_as_root(self.context, self.node, self.given, steps)?);
        Ok(())
    }
}

impl NodeLink<'_> {
    /// What the login may do, once there is one.
    pub fn privilege(&self) -> Option<Privilege> {
        self.login.as_ref().map(RootSession::privilege)
    }

    /// From here on a job that is cancelled ends its work on the node in order.
    pub fn commit(&mut self) {
        if let Some(login) = &mut self.login {
            login.commit();
        }
    }
}

impl Node for NodeLink<'_> {
    fn run(
        &mut self,
        command: &Command,
        time: Duration,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Output, Fault> {
        if self.login.is_none() {
            self.connect(&Quiet)?;
        }
        match &self.login {
            Some(login) => login.run(command, time, on_output),
            None => Err(Fault::new(
                Cause::Lost,
                "There is no connection.",
                "Try again.",
            )),
        }
    }

    fn disconnect(&mut self) {
        self.login = None;
    }
}
