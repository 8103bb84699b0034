//! What detached work is made of, and how it can end.

/// One part of the work, in the order of their doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// A word for the records.
    pub name: &'static str,
    /// May be ended in the middle without harm.
    pub safe: bool,
    pub command: crate::shell::Command,
}

/// What is to be run on a node.
#[derive(Clone, Debug)]
pub struct Work {
    /// Names its folder: lower-case hexadecimal.
    pub id: String,
    pub parts: Vec<Part>,
    /// Files whose holders are waited for before it begins.
    pub lock_files: &'static str,
    pub lock_wait_seconds: u32,
    /// Exit codes with which the next part may begin.
    pub good_codes: &'static [i32],
}

/// Where the work is on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub phase: String,
    pub safe: bool,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself: the code of the last part that ran, and its name.
    Exit { code: i32, phase: String },
    /// Ended because it was asked to, in a part where that is harmless.
    Cancelled { phase: String },
    /// It is not there any more and has not said how it ended.
    Killed { phase: String },
    /// The node was started anew in the middle.
    Rebooted { phase: String },
    /// The node knows nothing of it.
    Missing,
}
