//! Blocks of history, as a damaged disk may give them back: without the database.

#[path = "../../../src/history/aggregate.rs"]
pub mod aggregate;
#[path = "../../../src/history/base.rs"]
pub mod base;
#[path = "../../../src/history/block.rs"]
pub mod block;
#[path = "../../../src/history/bucket.rs"]
pub mod bucket;
#[path = "../../../src/history/check.rs"]
pub mod check;
// Links, since it has a folder of its own, which a #[path] would look for elsewhere.
pub mod coder;
#[path = "../../../src/history/column.rs"]
pub mod column;
#[path = "../../../src/history/columns.rs"]
pub mod columns;
#[path = "../../../src/history/error.rs"]
pub mod error;
#[path = "../../../src/history/limits.rs"]
pub mod limits;
#[path = "../../../src/history/pack.rs"]
pub mod pack;
#[path = "../../../src/history/records.rs"]
pub mod records;
