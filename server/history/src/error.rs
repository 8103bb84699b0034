//! What fails when history is written or read.

use stardust_base::error::Error;
use stardust_blocks::BlockError;
use stardust_store::StoreError;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Here, since blocks themselves know of no database.
pub fn unreadable(error: rusqlite::Error) -> BlockError {
    BlockError::Unreadable(error.to_string())
}

/// There is no room, on the disk or within the budget.
pub fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}

#[derive(Debug)]
pub enum HistoryError {
    /// The query makes no sense or asks for too much: what, and what to do.
    Invalid {
        message: String,
        hint: &'static str,
    },
    Store(StoreError),
}

impl HistoryError {
    pub fn invalid(message: impl Into<String>, hint: &'static str) -> Self {
        Self::Invalid {
            message: message.into(),
            hint,
        }
    }
}

impl From<rusqlite::Error> for HistoryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(StoreError::from(error))
    }
}

impl From<StoreError> for HistoryError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<HistoryError> for Error {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Invalid { message, hint } => Self::invalid(message, hint),
            HistoryError::Store(error) => error.into(),
        }
    }
}
