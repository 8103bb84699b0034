//! What the operator asked for: flags, environment and the config file.

mod model;
mod parse;
mod pin;
pub mod proxy;
mod text;

pub use model::{Config, Mode, TOKEN_VARIABLE};
pub use parse::{Input, Outcome, UsageError, parse};
pub use pin::{PINS_MAX, Pin};
pub use proxy::Proxy;
pub use text::{FileText, HELP};
