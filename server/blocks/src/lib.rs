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
//! [`pack`] writes it, [`column`] chooses how a column is coded, [`coder`] codes noise.
//! [`records`] are samples as they came, [`base`] is from where counters go on, [`bucket`]
//! what a series comes to between two times.

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
