//! What Spiders and Ground Control agree on: the telemetry model and the wire.
//!
//! Nothing here does I/O, reads a clock or starts a thread, so all of it is
//! tested with plain bytes. The wire is specified in `PROTOCOL.md` beside this
//! crate; every number that bounds it is in [`limits`].
//!
//! # Decisions
//!
//! - **Keyframes carry the whole codec state** (last step of steady series, last time
//!   step). A stream can be opened at any record: by a reconnecting Spider at the tail of
//!   its ring, and by the intake at the start of a block.
//! - **A layout is mostly the one before.** Where containers come and go it is told as a
//!   difference (`layout::change`): what stays keeps its order and its values, what is
//!   new is one more of what is there with another name. A change of a hundred series by
//!   the eight of one container takes 25 bytes, where the list and its keyframe took
//!   1,300. The ring holds it so too. To a server that does not take it the ring's reader
//!   makes the whole list of it, which needs the values of where it is: so that reader
//!   decodes along, and no other. The Spider's order of series is made for what it has at
//!   the start; what comes later follows.
//! - **Scale and steadiness are part of the layout.** Values that are always multiples
//!   (sectors, ticks, KiB) are divided; counters that grow evenly (uptime, idle time)
//!   send the change of the change. The server needs to know no series by name to store
//!   it.
//! - **A sum is predicted from its parts.** A machine's CPU time is that of its cores,
//!   and what is available in a filesystem changes with what is free: the layout marks
//!   parts and sums, and the sum then costs nothing. Counters marked as rising are sent
//!   without a sign bit. Together 16 % of a record on a busy machine.
//! - **Who decodes a record looks at what changed.** Most series of a sample are as they
//!   were. The layout keeps what the codec needs of each series in one byte, and of each
//!   eight which move by themselves (steady ones and sums): all others that were not sent
//!   are passed over.
//! - **Absent is a value (−2⁶³)**, so a sensor that fails now and then does not change
//!   the layout.

pub mod base64;
pub mod civil;
pub mod layout;
pub mod limits;
pub mod message;
pub mod names;
pub mod rates;
pub mod samples;
pub mod secret;
pub mod series;
pub mod server_url;
pub mod varint;

mod error;

pub use error::WireError;
pub use layout::Layout;
pub use samples::{Record, State};
pub use secret::Secret;
pub use series::{Kind, SeriesDef, Unit};
pub use server_url::ServerUrl;

/// Protocol version spoken by this crate (the `protocol` field of `hello`).
pub const PROTOCOL_VERSION: u32 = 1;
/// WebSocket subprotocol that carries [`PROTOCOL_VERSION`].
pub const SUBPROTOCOL: &str = "stardust.v1";
/// Path on the server where Spiders connect.
pub const SPIDER_PATH: &str = "/ws";
/// A series that has no value in this sample: absent is not zero.
pub const ABSENT: i64 = i64::MIN;
