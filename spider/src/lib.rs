//! The Spider: one thread that reads this machine and tells Ground Control.
//!
//! It observes only. Nothing in here starts a program, and nothing that comes
//! from the server is more than an acknowledgement or an interval.
//!
//! # Decisions
//!
//! - **Memory is sent in pages** (4 KiB): the kernel counts it so. Where a limit of a
//!   container is not a multiple, less than a page is lost.
//! - **Times in the ring are of the monotonic clock** (CLOCK_BOOTTIME) and become wall
//!   time when a session opens. A clock step never reorders samples, and a machine that
//!   booted in 1970 sends nothing of 1970.
//! - **A ring file is another run.** After a power cut the file may be older than what
//!   the server acknowledged, so a new process never goes on with the old numbers: each
//!   kept run is delivered under its own run id, in a session of its own, before the new
//!   one.
//! - **A walk of the TCP sockets pays for itself.** It reads a few answers at a time and
//!   goes on only when its cost so far is a twenty-fifth of the rest; between walks the
//!   counts that need none stay live, and `tcp.split_age_ms` says how old the split is.
//! - **At intervals of a second and less the Spider sleeps through what the server says**
//!   and reads it when the next sample is due: an ack costs no wake-up of its own.
//!   Signals still end the sleep.
//! - **`statfs` may hang** on a dying disk or share: filesystems other than the plain
//!   local ones, and any that was once slow, are asked on a thread of their own, and
//!   shares on another, twice a minute; so a share that hangs keeps no disk waiting. Four
//!   threads may be lost to what never answers.
//! - **The Spider tells what an interface is** (`net.kind`), since only the machine
//!   knows: a VLAN has any name, and a port of a switch looks like hardware. It is a
//!   label of a series of its own, so that the keys of the traffic stay what they were.
//!   Of Spiders that don't say it, Ground Control goes by the names
//!   (`stardust_shared::names`).
//! - **Asking is not free everywhere.** Sensors of the processor are read in each sample,
//!   those of the board every five seconds, disks and graphics cards once a minute; an
//!   interface's state every ten seconds, its speed once a minute. The values between are
//!   those of the last look.
//! - **A disk's own file is used only where it agrees** with diskstats, having been read
//!   before and after it: lxcfs gives a container its own diskstats beside the machine's
//!   sysfs.
//! - **The Spider does its own WebSocket upgrade** (httparse) and leaves frames to
//!   tungstenite: the client handshake of the library costs 41 KB.

pub mod clock;
pub mod collect;
pub mod config;
pub mod identify;
#[cfg(test)]
#[path = "../tests/common/left_out.rs"]
mod left_out;
pub mod link;
pub mod output;
pub mod root;
pub mod sample;
pub mod series_order;

/// Version of this build, told in the hello and by `--version`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
