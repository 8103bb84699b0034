//! What bounds events, in one place.

use std::time::Duration;

/// How often it is written.
pub const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// Events that are kept; the oldest go.
pub const KEPT_MAX: i64 = 200_000;
/// Of one node.
pub const KEPT_OF_NODE_MAX: i64 = 2_000;
/// Failed sign-ins that are kept, so that a guesser does not drive out what happened.
pub const KEPT_SIGN_INS_MAX: i64 = 2_000;
/// A node is looked at again after so many of its events.
pub const TRIM_EVERY: u32 = 200;
/// How often all of them are.
pub const TRIM_INTERVAL: Duration = Duration::from_secs(60);
/// Who was online when Ground Control ended has this long to come back before it
/// counts as offline: Spiders wait up to a minute between two tries.
pub const GRACE: Duration = Duration::from_secs(120);
/// Events in one message to browsers, at most one message each [`WRITE_INTERVAL`];
/// when more happens they are told to ask.
pub const TOLD_MAX: usize = 50;
/// Events in one answer.
pub const PAGE_MAX: i64 = 200;

const _: () = assert!(KEPT_OF_NODE_MAX < KEPT_MAX && KEPT_OF_NODE_MAX > PAGE_MAX);
