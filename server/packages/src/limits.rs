//! What bounds the work with packages, in one place.

use std::time::Duration;

/// Longest name, version and architecture together, as they are sent to a node.
pub const SPEC_BYTES_MAX: usize = 200;
/// Longest text that is searched for.
pub const QUERY_CHARS_MAX: usize = 64;
/// Packages named in one request.
pub const PACKAGES_MAX: usize = 100;
/// Upgrades for security that are done in one go; they are named to the manager.
pub const SECURITY_MAX: usize = 600;
/// Nodes whose managers are asked for one preview of a fleet's upgrade.
pub const FLEET_PREVIEW_NODES_MAX: usize = 32;
/// Within this no further one is asked, and
pub const FLEET_PREVIEW_BEGIN_MAX: Duration = Duration::from_secs(12);
/// within this each is done: the gate gives an answer 60 s.
pub const FLEET_PREVIEW_TIME_MAX: Duration = Duration::from_secs(48);
/// Changes of each kind that are told of one node there; all are counted.
pub const FLEET_PREVIEW_CHANGES_MAX: usize = 200;
/// Bytes of a command's answer that are read; what is beyond is not looked at.
pub const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Longest line that is understood; the rest of a longer one is not looked at.
pub const LINE_BYTES_MAX: usize = 8 << 10;
/// Entries of any list that is read from a node.
pub const ENTRIES_MAX: usize = 20_000;
/// Upgradable packages that are kept of a node.
pub const UPGRADABLE_MAX: usize = 5_000;
/// What a search answers.
pub const FOUND_MAX: usize = 200;
/// Leftover config files, services and reasons that are kept.
pub const NOTES_MAX: usize = 100;
/// Longest text of a node in any field.
pub const FIELD_CHARS_MAX: usize = 300;
/// Longest description, changelog or raw words of a tool in an answer.
pub const WORDS_BYTES_MAX: usize = 64 << 10;
/// Time for a look at a node's packages.
pub const SURVEY_TIME_MAX: Duration = Duration::from_secs(120);
/// Time for what a person waits for; the gate gives an answer 60 s.
pub const ASK_TIME_MAX: Duration = Duration::from_secs(40);
/// How long a job waits for a manager that is in use, unless it is told.
pub const LOCK_WAIT_SECONDS_DEFAULT: u32 = 900;
pub const LOCK_WAIT_SECONDS_MAX: u32 = 86_400;
/// Kept free beside what a plan needs.
pub const SPACE_RESERVE_BYTES: u64 = 16 << 20;
/// The same on small filesystems such as a router's overlay: an eighth of it.
pub const SPACE_RESERVE_SHARE: u64 = 8;
