//! As in the server, without the following itself.

#[path = "../../../../src/major_tom/detached/script.rs"]
mod script;
#[path = "../../../../src/major_tom/detached/stream.rs"]
pub mod stream;
#[path = "../../../../src/major_tom/detached/work.rs"]
pub mod work;

pub use script::HOLDERS;
pub use work::{End, Part, Seen, Work};
