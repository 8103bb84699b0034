//! What bounds Major Tom, in one place.

use std::time::Duration;

/// Nodes that are worked on at the same time, unless configured otherwise.
pub const THREADS_DEFAULT: usize = 8;
pub const THREADS_MAX: usize = 64;
/// How long a request waits for its turn; a check after it still answers in time.
pub const PLACE_TIME_MAX: Duration = Duration::from_secs(8);
/// Connections to one host that are not logged in yet. dropbear allows five from
/// one address, OpenSSH begins to drop some of more than ten.
pub const HANDSHAKES_PER_HOST_MAX: usize = 5;
/// The same for all hosts together.
pub const HANDSHAKES_MAX: usize = 32;
/// Tries of a handshake that the server cut off because it was busy.
pub const HANDSHAKE_TRIES_MAX: u32 = 4;
/// Pause before the second try; each further one doubles it.
pub const HANDSHAKE_PAUSE: Duration = Duration::from_millis(250);
/// Names that are being looked up; the system's resolver can't be interrupted.
pub const LOOKUPS_MAX: usize = 32;
/// Connections that are being made for jobs, those of cancelled ones included.
pub const ATTEMPTS_MAX: usize = 128;
/// Addresses of one name that are tried.
pub const ADDRESSES_MAX: usize = 8;
/// Time for each step of getting in.
pub const RESOLVE_TIME_MAX: Duration = Duration::from_secs(8);
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(8);
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(12);
pub const AUTH_TIME_MAX: Duration = Duration::from_secs(15);
/// Time for a server to say its first words, before we say ours. Later ones are looked
/// at too.
pub const GREETING_TIME_MAX: Duration = Duration::from_secs(1);
/// A link on which nothing is acknowledged for this long is cut.
pub const UNACKNOWLEDGED_TIME_MAX: Duration = Duration::from_secs(30);
/// How often an idle session says that it is there.
pub const KEEPALIVE_SECONDS: u32 = 15;
/// Time to say good-bye.
pub const CLOSE_TIME_MAX: Duration = Duration::from_secs(3);
/// An upload that moves nothing for this long is given up.
pub const UPLOAD_STALL_MAX: Duration = Duration::from_secs(15);
/// Written to a command at a time.
pub const WRITE_BYTES_MAX: usize = 32 << 10;
/// A check answers within this, since the gate waits 60 s for an answer.
pub const CHECK_TIME_MAX: Duration = Duration::from_secs(50);
const _: () = assert!(CHECK_TIME_MAX.as_secs() + PLACE_TIME_MAX.as_secs() < 60);
/// How long a node may think about whether a login may have lasting services.
pub const LINGER_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a Spider that was installed has to say hello.
pub const VERIFY_TIME_MAX: Duration = Duration::from_secs(30);
/// How long an upgraded one has. Then the node is asked to put the old one back,
/// before it does so by itself: else the hello of the old one passes for the new.
pub const UPGRADE_TIME_MAX: Duration = Duration::from_secs(50);
/// After this long without a word the node puts the old one back by itself.
pub const GUARD_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a node has to come back from a reboot.
pub const REBOOT_TIME_MAX: Duration = Duration::from_secs(600);
/// Largest private key, as text.
pub const KEY_BYTES_MAX: usize = 32 << 10;
/// Longest passphrase or password.
pub const PASSWORD_BYTES_MAX: usize = 1024;
