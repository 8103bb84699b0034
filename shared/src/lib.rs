//! What Spiders and Ground Control agree on: the telemetry model and the wire.
//!
//! Nothing here does I/O, reads a clock or starts a thread, so all of it is
//! tested with plain bytes. The wire is specified in `PROTOCOL.md` beside this
//! crate; every number that bounds it is in [`limits`].

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
