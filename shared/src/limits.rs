//! Every bound of the wire, in one file, and how the bounds relate.
//!
//! A peer that goes over one of them ends that one connection, with a reason.

/// Largest WebSocket message that a Spider may send, in bytes.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Largest text message that Ground Control sends to a Spider, in bytes.
pub const CONTROL_BYTES_MAX: usize = 4 << 10;
/// Largest `hello`, in bytes.
pub const HELLO_BYTES_MAX: usize = 32 << 10;
/// Longest text field inside `hello` (host name, CPU model, …), in bytes.
pub const IDENTITY_FIELD_BYTES_MAX: usize = 256;
/// Most series in one layout.
pub const SERIES_MAX: usize = 8192;
/// Longest series key (`name{label=value}`), in bytes.
pub const KEY_BYTES_MAX: usize = 256;
/// Keys of one layout together, in bytes: what a server keeps of it decoded follows
/// from this and from [`SERIES_MAX`].
pub const LAYOUT_KEYS_BYTES_MAX: usize = 256 << 10;
/// Changes of the list of series that a server takes from one node at once, and how
/// long it takes until it takes one more. While the node was away they add up.
pub const LAYOUTS_AT_ONCE: u32 = 100;
pub const LAYOUT_MS: u64 = 1_000;
/// What a Spider allows itself of these: far less, whatever happens on its machine. A
/// change that comes sooner is told later, together with those after it.
pub const OWN_LAYOUTS_AT_ONCE: u32 = 20;
pub const OWN_LAYOUT_MS: u64 = 2_000;
/// Longest label value before escaping, in bytes. Longer ones are cut.
pub const LABEL_VALUE_BYTES_MAX: usize = 96;
/// Largest scale factor of a series.
pub const SCALE_MAX: u32 = 1 << 20;
/// Bytes of sample records that a Spider packs into one frame when it catches up.
pub const CATCH_UP_FRAME_BYTES: usize = 16 << 10;
/// Most records in one message.
pub const RECORDS_PER_MESSAGE_MAX: u64 = 16 << 10;
/// Most fragments of one WebSocket message.
pub const FRAGMENTS_MAX: u32 = 64;
/// Largest encoding of one record with [`SERIES_MAX`] series.
pub const RECORD_BYTES_MAX: usize = 64 + SERIES_MAX * (2 * VARINT_BYTES_MAX + 1);
/// Longest varint of 64 bits, in bytes.
pub const VARINT_BYTES_MAX: usize = 10;

/// Sampling interval in milliseconds: default, lowest, highest.
pub const INTERVAL_MS_DEFAULT: u64 = 5_000;
pub const INTERVAL_MS_MIN: u64 = 200;
pub const INTERVAL_MS_MAX: u64 = 3_600_000;

/// The Spider's ring in bytes: default, lowest, highest.
pub const RING_BYTES_DEFAULT: usize = 512 << 10;
pub const RING_BYTES_MIN: usize = 64 << 10;
pub const RING_BYTES_MAX: usize = 256 << 20;

/// Silence after which a side sends a ping, in milliseconds.
pub const PING_INTERVAL_MS: u64 = 20_000;
/// A peer that was silent for this many ping intervals is gone.
pub const PINGS_MISSED_MAX: u64 = 3;
/// Reconnect backoff: first and longest delay, in milliseconds (full jitter).
pub const BACKOFF_MS_MIN: u64 = 1_000;
pub const BACKOFF_MS_MAX: u64 = 60_000;

/// Sample times outside of this range are refused: 2020-01-01 UTC …
pub const TIME_MS_MIN: i64 = 1_577_836_800_000;
/// … to this far ahead of the server's clock, in milliseconds.
pub const TIME_AHEAD_MS_MAX: i64 = 24 * 3_600_000;

const _: () = assert!(RECORD_BYTES_MAX < FRAME_BYTES_MAX);
const _: () = assert!(CATCH_UP_FRAME_BYTES < FRAME_BYTES_MAX);
// A record has two bytes at the least.
const _: () = assert!(CATCH_UP_FRAME_BYTES as u64 / 2 <= RECORDS_PER_MESSAGE_MAX);
// Besides its keys a series takes twelve bytes of a layout at the most.
const _: () = assert!(LAYOUT_KEYS_BYTES_MAX + 12 * SERIES_MAX + 64 < FRAME_BYTES_MAX);
// One more of a change, and besides what it adds a few bytes for each run that it removes.
const _: () = assert!(LAYOUT_KEYS_BYTES_MAX + 20 * SERIES_MAX + 64 < FRAME_BYTES_MAX);
const _: () = assert!(OWN_LAYOUTS_AT_ONCE < LAYOUTS_AT_ONCE && LAYOUT_MS < OWN_LAYOUT_MS);
const _: () = assert!(HELLO_BYTES_MAX < FRAME_BYTES_MAX);
const _: () = assert!(LABEL_VALUE_BYTES_MAX * 2 < KEY_BYTES_MAX);
const _: () =
    assert!(INTERVAL_MS_MIN <= INTERVAL_MS_DEFAULT && INTERVAL_MS_DEFAULT <= INTERVAL_MS_MAX);
const _: () = assert!(RING_BYTES_MIN <= RING_BYTES_DEFAULT && RING_BYTES_DEFAULT <= RING_BYTES_MAX);
