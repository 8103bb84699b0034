//! What whoever asks may see and do, where a handler has to ask.

use stardust_model::job::JobView;

use super::Context;
use super::deploy::unknown_node;
use super::jobs::no_such_job;
use super::nodes::no_such_node;
use crate::access::{Door, Need, Principal, Rule, Subject, forbidden, forbidden_everywhere};
use crate::error::Error;
use crate::store::audit::act;

impl Context<'_> {
    /// Whether the request may come to its handler.
    pub(super) fn admit(&self, rule: &Rule) -> Result<(), Error> {
        let need = match rule.door {
            Door::Anyone | Door::SignedIn => return Ok(()),
            Door::Scraper | Door::Spider => Need::View,
            Door::MayEverywhere(need) => {
                return match self.principal.may_everywhere(need) {
                    true => Ok(()),
                    false => Err(forbidden_everywhere(need, &self.principal)),
                };
            }
            Door::May(need) => need,
        };
        match rule.subject {
            Subject::Node => act::on_node(self.id, self.app.fleet.name(self.id).as_deref()),
            Subject::Job => act::detail("job", self.id),
            Subject::Nothing => {}
        }
        match rule.subject {
            Subject::Node => self.node(self.id, need).map_err(|refused| match refused {
                Refused::Unknown => no_such_node(),
                Refused::Forbidden(error) => error,
            }),
            Subject::Job => self.job(self.id, need),
            Subject::Nothing if self.principal.may_somewhere(need) => Ok(()),
            Subject::Nothing => Err(forbidden(need, &self.principal)),
        }?;
        match self.principal.is_read_only() && !rule.action.is_empty() {
            true => Err(forbidden(need, &self.principal)),
            false => Ok(()),
        }
    }

    /// One of several nodes that a request names.
    pub(super) fn may(&self, need: Need, node: i64) -> Result<(), Error> {
        self.node(node, need).map_err(|refused| match refused {
            Refused::Unknown => unknown_node(node),
            Refused::Forbidden(error) => error,
        })
    }

    pub(super) fn sees(&self, node: i64) -> bool {
        self.app.fleet.sees(&self.principal, node)
    }

    /// The nodes that somebody may know of; none for all.
    pub(super) fn seen_nodes(&self, by: &Principal) -> Option<Vec<i64>> {
        let scope = by.scope();
        (!scope.is_all()).then(|| self.app.fleet.seen(&scope).into_iter().collect())
    }

    /// Whether it may know of a job: of one over many nodes when it may know of them all.
    /// What was done on a node that is gone is for those who see everything.
    pub(super) fn sees_job(&self, job: &JobView) -> bool {
        let scope = self.principal.scope();
        scope.is_all() || job.is_seen(|node| self.sees(node))
    }

    /// A job that is there and that it may know of.
    pub(super) fn known_job(&self, id: i64) -> Result<JobView, Error> {
        let view = self.app.jobs.view(id)?.ok_or_else(no_such_job)?;
        match self.sees_job(&view) {
            true => Ok(view),
            false => Err(no_such_job()),
        }
    }

    fn job(&self, id: i64, need: Need) -> Result<(), Error> {
        let job = self.known_job(id)?;
        let everywhere = self.principal.may_everywhere(need);
        let may = |node| match self.app.fleet.tags(node) {
            Some(tags) => self.principal.may_on(need, &tags),
            None => false,
        };
        match everywhere || job.is_seen(may) {
            true => Ok(()),
            false => Err(forbidden(need, &self.principal)),
        }
    }

    fn node(&self, id: i64, need: Need) -> Result<(), Refused> {
        let tags = self.app.fleet.tags(id).ok_or(Refused::Unknown)?;
        if !self.principal.sees(&tags) {
            return Err(Refused::Unknown);
        }
        match self.principal.may_on(need, &tags) {
            true => Ok(()),
            false => Err(Refused::Forbidden(forbidden(need, &self.principal))),
        }
    }
}

/// Who may not know of a node is told what is told of none.
enum Refused {
    Unknown,
    Forbidden(Error),
}
