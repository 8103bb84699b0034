//! Which nodes have a Spider that another deployment would take from them.

use crate::hub::Status;
use crate::jobs::JobContext;

/// One that was installed from here, or has ever sent something. A node whose
/// deployment failed has none: its host may become another one.
pub fn has_spider(context: &JobContext, node: i64) -> bool {
    let status = context.fleet.status(node);
    let seen = status.is_some_and(|status| status != Status::Pending);
    seen || context
        .store
        .spider(node)
        .is_ok_and(|found| found.is_some())
}

/// The same, or one is on its way there.
pub fn is_taken(context: &JobContext, node: i64) -> bool {
    has_spider(context, node) || context.jobs.active_of_node(node).is_some()
}
