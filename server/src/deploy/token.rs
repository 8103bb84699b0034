//! A node's next token: good beside the old one until its Spider was seen with
//! it and the node keeps no other, so that nothing in between can lock the node
//! out. What a link that broke has done on the node nobody knows: then all that
//! may be there stay good until a later job has settled it.

use serde_json::json;

use crate::auth::node_token;
use crate::clock::wall_ms;
use crate::error::Error;
use crate::events::NewEvent;
use crate::hub::TokenHash;
use crate::jobs::JobContext;
use crate::major_tom::fault::Fault;
use crate::secret::Secret;
use crate::store::JobFilter;

pub struct NextToken {
    pub node: i64,
    pub token: Secret,
    pub hash: TokenHash,
}

impl NextToken {
    pub fn make(context: &JobContext, node: i64) -> Result<Self, Fault> {
        let (token, hash) = node_token::generate()?;
        let in_use = context.fleet.last_hello(node).map(|hello| hello.token);
        context.store.add_next_token(node, hash, in_use)?;
        context.fleet.add_token(node, hash);
        Ok(Self { node, token, hash })
    }

    /// From here on it is the node's only one.
    pub fn commit(&self, context: &JobContext) -> Result<(), Fault> {
        context.store.set_token(self.node, self.hash)?;
        context.fleet.set_token(self.node, self.hash);
        Ok(())
    }

    /// It is nowhere on the node; those before it stay.
    pub fn give_up(&self, context: &JobContext) {
        context.fleet.drop_token(self.hash);
        if let Err(error) = context.store.drop_next_token(self.node, self.hash) {
            // Nobody has it, so it does no harm.
            crate::log::error(&format!(
                "A token of node {} was not given up: {error}",
                self.node
            ));
        }
    }
}

/// A Spider said hello: where tokens were given out to be put there by hand, those
/// before the one that it has are over; later ones may still be on their way. What
/// jobs have put on a node is theirs to settle, since they know what is on it.
pub fn settle_by_hand(context: &JobContext, node: i64) -> Result<(), Error> {
    let Some(hello) = context.fleet.last_hello(node) else {
        return Ok(());
    };
    if !context.store.has_older_tokens(node, hello.token)? || by_jobs(context, node)? {
        return Ok(());
    }
    for hash in context.store.settle_token(node, hello.token)? {
        context.fleet.drop_token(hash);
    }
    context.store.add_events(&[NewEvent {
        time_ms: wall_ms(),
        node: Some(node),
        node_name: context.fleet.name(node),
        kind: "token_in_use",
        detail: json!({}),
    }])?;
    Ok(())
}

/// Whether a job has installed the node's Spider, or may have tried to.
fn by_jobs(context: &JobContext, node: i64) -> Result<bool, Error> {
    let deployed = JobFilter {
        node: Some(node),
        kind: Some("deploy".into()),
        ..JobFilter::default()
    };
    Ok(context.store.spider(node)?.is_some() || !context.store.jobs(&deployed, 1)?.is_empty())
}
