//! A node's next token: good beside the old one until its Spider was seen with
//! it, so that nothing in between can lock the node out.

use super::super::fault::Fault;
use super::ours;
use crate::app::App;
use crate::auth::node_token;
use crate::hub::TokenHash;
use crate::secret::Secret;

pub struct NextToken {
    pub node: i64,
    pub token: Secret,
    pub hash: TokenHash,
}

impl NextToken {
    pub fn make(app: &App, node: i64) -> Result<Self, Fault> {
        let (token, hash) = node_token::generate().map_err(ours)?;
        app.store
            .set_next_token(node, Some(hash))
            .map_err(|e| ours(e.into()))?;
        app.fleet.add_token(node, hash);
        Ok(Self { node, token, hash })
    }

    /// From here on it is the node's only one.
    pub fn commit(&self, app: &App) -> Result<(), Fault> {
        app.store
            .set_token(self.node, self.hash)
            .map_err(|e| ours(e.into()))?;
        app.fleet.set_token(self.node, self.hash);
        Ok(())
    }

    /// The old one stays.
    pub fn give_up(&self, app: &App) {
        // In memory first: what is left in the database is good until the next
        // token is made, and nobody has it.
        if let Ok(Some(record)) = app.store.node(self.node) {
            app.fleet.set_token(self.node, record.token_sha256);
        }
        if let Err(error) = app.store.set_next_token(self.node, None) {
            crate::log::error(&format!(
                "A token of node {} was not given up: {error}",
                self.node
            ));
        }
    }
}
