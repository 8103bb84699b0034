//! Blocks of history: samples of one node stored together, column by column. Pure: bytes
//! in, values out, and no word of the database that keeps them.
//!
//! History's writer makes them (its own thread, [`union`] and [`columns`]), queries read
//! them on API workers ([`block`], [`aggregate`], [`cutting`]), and a fuzzer feeds them
//! what a damaged disk may give back. What is allocated is bounded by [`limits`], whatever
//! the bytes say; buffers that are used again belong to whoever calls, but for a context of
//! zstd and the tables of [`coder`], one a thread.
//!
//! From the outside in: [`block`] knows the formats, [`columns`] reads one of columns and
//! [`pack`] writes it, [`mod@column`] chooses how a column is coded, [`coder`] codes noise.
//! [`records`] are samples as they came, [`base`] is from where counters go on, [`bucket`]
//! what a series comes to between two times.
//!
//! # Decisions
//!
//! - **A bucket of a counter is a difference.** A column that only rises, at times in
//!   order, grows from one edge of a bucket to the next by the difference of two values;
//!   only the least and greatest rate look at each step. What falls or is absent
//!   somewhere is added up step by step, to the same result (`bucket`).
//! - **Buckets are kept part by part** (counts, sums, least, greatest), and the answer
//!   takes these parts over as they are: half an answer's memory or more was made twice,
//!   and where the allocator gave it back after each query, the next one took longer to
//!   fault it in than to fill it.
//! - **A column is coded by our own coder or zstd, whichever is smaller.** zstd finds
//!   what repeats, and is tried only where stretches of changes come again (a rolling
//!   hash over the changes finds that in one pass). The coder (`coder`) puts differences
//!   into bins and writes these by rANS, with frequencies by how busy the values before
//!   were: noise then takes a tenth more than the entropy of its differences. Against pco
//!   that is 3 % less in blocks of a day and 10 % less in short ones, for more CPU in the
//!   former (`benches/benches/history_codecs.rs`). A full block is eight hours at ten
//!   seconds: who asks for a day reads little more than it. Directory and columns have
//!   checksums of their own, so that one series is read, and known to be sound, without
//!   the rest.
//! - **A block says by itself what its samples come to** (`base`): it begins with the
//!   last sample of each of its counters before it, as what the first one behind it grew,
//!   a byte or two each. So blocks may come in any order, be merged with any others,
//!   become minutes and hours and go, and every tier answers as the samples would; a
//!   query reads the blocks of its range and nothing before. Earlier, growth was carried
//!   from block to block in the order of time, and each layout in between, each clock
//!   that was ahead and each late run lost or doubled some.
//! - **Rows of a coarse tier add up**, so one minute may be in two blocks, and nothing
//!   has to be aligned where blocks meet.

pub mod aggregate;
pub mod base;
pub mod block;
pub mod bucket;
pub mod coder;
pub mod column;
pub mod columns;
pub mod crc32c;
pub mod cutting;
mod error;
pub mod limits;
pub mod pack;
pub mod records;
pub mod union;

pub use error::BlockError;
