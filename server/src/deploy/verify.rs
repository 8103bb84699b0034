//! Whether the node's Spider has really connected.

use std::time::{Duration, Instant};

use crate::hub::{LastHello, TokenHash};
use crate::jobs::Job;
use crate::jobs::JobContext;
use crate::major_tom::fault::{Cause, Fault};

pub const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// What is waited for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only hellos after this one count.
    pub after: u64,
    /// Not the process that was there before.
    pub not_run: Option<String>,
    pub token: Option<TokenHash>,
}

impl Wanted {
    /// The next Spider process, with whatever token.
    pub fn next(context: &JobContext, node: i64) -> Self {
        let last = context.fleet.last_hello(node);
        Self {
            after: last.as_ref().map_or(0, |last| last.number),
            not_run: last.map(|last| last.run),
            token: None,
        }
    }

    /// A Spider with this token, also when it is there already.
    pub fn with_token(token: TokenHash) -> Self {
        Self {
            token: Some(token),
            ..Self::default()
        }
    }

    fn is(&self, hello: &LastHello) -> bool {
        hello.online
            && hello.number > self.after
            && self.not_run.as_ref() != Some(&hello.run)
            && self.token.is_none_or(|token| token == hello.token)
    }
}

/// Waits for the hello of this very node.
pub fn wait_for_hello(
    context: &JobContext,
    job: &Job,
    node: i64,
    wanted: &Wanted,
    time: Duration,
) -> Result<LastHello, Fault> {
    let deadline = Instant::now() + time;
    let mut seen = None;
    loop {
        match context
            .fleet
            .last_hello(node)
            .filter(|hello| wanted.is(hello))
        {
            // Without a token to tell it by, one that was just ended may not have
            // been missed yet: it has to be there at two looks.
            Some(hello) if wanted.token.is_some() || seen.as_ref() == Some(&hello.run) => {
                return Ok(hello);
            }
            hello => seen = hello.map(|hello| hello.run),
        }
        job.check_cancelled()?;
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
        let wanted = |after, token| Wanted {
            after,
            token,
            not_run: None,
        };
        assert!(wanted(2, None).is(&hello));
        assert!(wanted(0, Some([7; 32])).is(&hello));
        assert!(!wanted(3, None).is(&hello));
        assert!(!wanted(0, Some([8; 32])).is(&hello));
        let other = |run: &str| Wanted {
            not_run: Some(run.into()),
            ..wanted(0, None)
        };
        assert!(other("before").is(&hello) && !other("r").is(&hello));
        let gone = LastHello {
            online: false,
            ..hello
        };
        assert!(!wanted(0, None).is(&gone));
    }
}
