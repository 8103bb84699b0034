//! Why a session ended or never began: in words, and what follows from it.

use std::borrow::Cow;

use stardust_shared::series::cut_at;

/// One failure. The words say what failed, whose side it is on and what to do;
/// they never hold the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub words: Cow<'static, str>,
    pub outage: Option<Outage>,
    pub pace: Pace,
    /// Close code to say good-bye with, where the server broke the protocol.
    pub close_code: Option<u16>,
    /// The server found fault with what we sent.
    pub refused: bool,
}

/// The two causes of an outage that the `hello` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Something answered for the server, and it was not the server.
    ServerDown,
    /// Nothing came back at all.
    LinkDown,
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Exponential backoff.
    Usual,
    /// As rarely as the backoff goes: only a person can change the outcome.
    Slow,
    /// Not before this many milliseconds, as the server asked.
    NotBefore(u64),
}

impl Fault {
    pub fn server_down(words: impl Into<Cow<'static, str>>) -> Self {
        Self {
            outage: Some(Outage::ServerDown),
            ..Self::unknown(words)
        }
    }

    pub fn link_down(words: impl Into<Cow<'static, str>>) -> Self {
        Self {
            outage: Some(Outage::LinkDown),
            ..Self::unknown(words)
        }
    }

    /// Neither the server nor the link is down: something between us disagrees.
    pub fn unknown(words: impl Into<Cow<'static, str>>) -> Self {
        Self {
            words: words.into(),
            outage: None,
            pace: Pace::Usual,
            close_code: None,
            refused: false,
        }
    }

    /// The server broke the protocol.
    pub fn violation(what: &str) -> Self {
        Self {
            close_code: Some(1008),
            ..Self::unknown(format!(
                "the server broke the protocol: {what}; are Spider and Ground Control of the same major version?"
            ))
        }
    }

    pub fn slow(self) -> Self {
        Self {
            pace: Pace::Slow,
            ..self
        }
    }

    /// The server closed the WebSocket with `code` and `reason`.
    pub fn closed(code: u16, reason: &str) -> Self {
        let reason = plain(reason);
        match code {
            1000 | 1001 => Self::server_down("the server is going away (it was stopped or is restarting)"),
            1012 => Self::server_down("the server asked for a fresh session"),
            1008 => Self {
                refused: true,
                ..Self::unknown(match reason.contains("clock") {
                    // It says what to do.
                    true => format!("the server refused what this Spider sent: {reason}"),
                    false => format!(
                        "the server refused what this Spider sent ({reason}); are both of the same major version?"
                    ),
                })
                .slow()
            },
            4403 => Self::unknown(
                "this node was removed in Ground Control; stop this Spider, or add the node again and give it the new token",
            )
            .slow(),
            4409 => Self::unknown(
                "another connection with the same token took over; if two machines share one token file, give each its own",
            )
            .slow(),
            _ if reason.is_empty() => Self::server_down(format!("the server closed the connection (code {code})")),
            _ => Self::server_down(format!("the server closed the connection (code {code}: {reason})")),
        }
    }
}

impl Outage {
    /// As the `hello` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerDown => "server_down",
            Self::LinkDown => "link_down",
        }
    }
}

/// Text of the other side made safe for a terminal and a log.
pub fn plain(text: &str) -> String {
    cut_at(text, 120)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// What the failures since the last working session say of the outage.
///
/// The cause seen most often wins: one failed name lookup in an hour of
/// refused connections does not make it an outage of the link.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    server_down: u32,
    link_down: u32,
}

impl Tally {
    pub fn count(&mut self, outage: Option<Outage>) {
        match outage {
            Some(Outage::ServerDown) => self.server_down = self.server_down.saturating_add(1),
            Some(Outage::LinkDown) => self.link_down = self.link_down.saturating_add(1),
            None => {}
        }
    }

    pub fn verdict(&self) -> Option<Outage> {
        if self.server_down == 0 && self.link_down == 0 {
            None
        } else if self.link_down > self.server_down {
            Some(Outage::LinkDown)
        } else {
            Some(Outage::ServerDown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes_say_what_to_do_and_how_soon() {
        assert_eq!(Fault::closed(1001, "").pace, Pace::Usual);
        assert_eq!(Fault::closed(1001, "").outage, Some(Outage::ServerDown));
        for code in [1008, 4403, 4409] {
            let fault = Fault::closed(code, "x");
            assert_eq!((fault.pace, fault.outage), (Pace::Slow, None), "{code}");
        }
        assert!(Fault::closed(4403, "").words.contains("removed"));
        assert!(Fault::closed(1008, "samples").words.contains("version"));
        let clock = Fault::closed(1008, "samples are 2 d ahead of the clock").words;
        assert!(clock.contains("2 d ahead") && !clock.contains("version"));
        let hostile = Fault::closed(4999, "\u{1b}[2Jgone\n").words;
        assert!(
            hostile.contains("gone") && !hostile.contains('\u{1b}'),
            "{hostile}"
        );
    }

    #[test]
    fn the_most_frequent_cause_is_named() {
        let mut tally = Tally::default();
        assert_eq!(tally.verdict(), None);
        tally.count(Some(Outage::ServerDown));
        tally.count(None);
        assert_eq!(tally.verdict(), Some(Outage::ServerDown));
        tally.count(Some(Outage::LinkDown));
        assert_eq!(tally.verdict(), Some(Outage::ServerDown));
        tally.count(Some(Outage::LinkDown));
        assert_eq!(tally.verdict(), Some(Outage::LinkDown));
    }
}
