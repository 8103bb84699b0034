//! What could not be read, for the damage to be set aside.

use stardust_blocks::BlockError;

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A row of `fresh`, or else of `blocks`.
    pub fresh: bool,
    pub id: i64,
    pub error: BlockError,
}

impl Fault {
    pub fn block(id: i64, error: BlockError) -> Self {
        let fresh = false;
        Self { fresh, id, error }
    }
}
