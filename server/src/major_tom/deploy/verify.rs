//! Whether the node's Spider has really connected.

use std::time::{Duration, Instant};

use super::super::fault::{Cause, Fault};
use crate::app::App;
use crate::hub::{LastHello, TokenHash};
use crate::jobs::Job;

const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// What is waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Only hellos after this one count.
    pub after: u64,
    pub token: Option<TokenHash>,
}

impl Wanted {
    /// The next one, whoever it is.
    pub fn next(app: &App, node: i64) -> Self {
        Self {
            after: app.fleet.last_hello(node).map_or(0, |last| last.number),
            token: None,
        }
    }

    fn is(self, hello: &LastHello) -> bool {
        hello.online
            && hello.number > self.after
            && self.token.is_none_or(|token| token == hello.token)
    }
}

/// Waits for the hello of this very node.
pub fn wait_for_hello(
    app: &App,
    job: &Job,
    node: i64,
    wanted: Wanted,
    time: Duration,
) -> Result<LastHello, Fault> {
    let deadline = Instant::now() + time;
    loop {
        match app.fleet.last_hello(node) {
            Some(hello) if wanted.is(&hello) => return Ok(hello),
            _ => {}
        }
        job.go_on()?;
        if Instant::now() >= deadline {
            return Err(Fault::new(
                Cause::NotConnected,
                format!("The Spider has not said hello within {} s.", time.as_secs()),
                "See its log below.",
            ));
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_hello_counts() {
        let hello = LastHello {
            number: 3,
            token: [7; 32],
            version: "1".into(),
            boot_id: String::new(),
            run: "r".into(),
            online: true,
        };
        let wanted = |after, token| Wanted { after, token };
        assert!(wanted(2, None).is(&hello));
        assert!(wanted(0, Some([7; 32])).is(&hello));
        assert!(!wanted(3, None).is(&hello));
        assert!(!wanted(0, Some([8; 32])).is(&hello));
        let gone = LastHello {
            online: false,
            ..hello
        };
        assert!(!wanted(0, None).is(&gone));
    }
}
