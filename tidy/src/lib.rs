//! Reads Stardust's own sources and says where they break the rules of the house: which
//! crate and which module may name which ([`layers`], [`crates`]), that no files import
//! each other in a circle ([`modules`], [`circles`]), how long a file may be, and that the
//! links of the documents lead somewhere ([`links`]).
//!
//! Only `tests/tidy.rs` calls it, in the checks of every change. It knows as much of Rust
//! as these rules need ([`source`]): that is much less than a compiler does, and it is done
//! in a second. Of macros that write imports it sees nothing.

pub mod circles;
pub mod crates;
pub mod known;
pub mod layers;
pub mod links;
pub mod modules;
pub mod source;
