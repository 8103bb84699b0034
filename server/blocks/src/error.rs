//! What is wrong with the bytes of a block.

use stardust_shared::WireError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockError {
    Wire(WireError),
    /// Written by a newer version.
    UnknownFormat(u8),
    /// The bytes are not what the format says.
    Corrupt(&'static str),
    /// The database does not give the bytes.
    Unreadable(String),
}

impl From<WireError> for BlockError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl std::fmt::Display for BlockError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wire(error) => write!(f, "damaged block: {error}"),
            Self::UnknownFormat(format) => write!(f, "block format {format} of a newer version"),
            Self::Corrupt(what) => write!(f, "damaged block: {what}"),
            Self::Unreadable(why) => write!(f, "block can't be read: {why}"),
        }
    }
}

impl std::error::Error for BlockError {}

impl BlockError {
    /// Whether the block itself is bad, and so to be set aside.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Wire(_) | Self::Corrupt(_))
    }
}
