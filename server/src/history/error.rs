//! What fails when history is written or read.

use stardust_blocks::BlockError;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Here, since blocks themselves know of no database.
pub fn unreadable(error: rusqlite::Error) -> BlockError {
    BlockError::Unreadable(error.to_string())
}

/// There is no room, on the disk or within the budget.
pub fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}
