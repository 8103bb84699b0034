//! What the server reads of its disk, without the server: these files are pure, and so
//! they build under a fuzzer in seconds. A file of theirs that begins to need more of the
//! server is no longer pure, and this stops building.

#![allow(dead_code, unused_imports, reason = "the server uses the rest")]
#![allow(clippy::len_without_is_empty, reason = "nothing is public there")]

pub mod history;
