//! What a server answers in place of an open WebSocket.

/// An answer that opens no WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// HTTP, but no upgrade; with the headers that say where or when to try.
    Refused {
        status: u16,
        location: Option<String>,
        retry_after: Option<String>,
    },
    NotWebSocket,
    NotStardust,
    Endless,
}
