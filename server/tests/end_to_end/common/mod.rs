//! What the end-to-end tests share.

mod database;
mod fake_spider;
mod folder;
mod ground_control;
mod http;
mod live;
mod process;
mod proxy;
mod relay;
mod spider;
mod tls;
mod tools;
mod websocket;

pub use database::{Stored, stored};
pub use fake_spider::{FakeSpider, gauges, hello, wall_ms};
pub use folder::Folder;
pub use ground_control::{ADMIN_PASSWORD, GroundControl, NewNode, SECRET, Session, Setup};
pub use http::{Answer, read_answer, request, request_bytes};
pub use live::{Live, LiveEvent};
pub use process::{Process, eventually, free_fixed_port};
pub use proxy::Proxy;
pub use relay::{Mode, Relay};
pub use spider::Spider;
pub use tls::{Browser, Secure, certificates};
pub use tools::installed;
pub use websocket::{WebSocket, upgrade, upgrade_on};

use std::time::Duration;

/// How long a condition may take to come true. Generous: the machine is shared,
/// and a test that passes does not wait for it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Whether this runs where nothing may be left out.
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}
