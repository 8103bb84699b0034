//! What went wrong on the way to a node or on it, whose side it is on, and what
//! to do. None of these texts ever holds a credential.

use std::fmt;

use stardust_base::error::{Error, Kind};
use stardust_base::hidden::is_hidden;

/// As a word that scripts and the Capsule can match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The host, port or user can't be one.
    BadTarget,
    UnknownHost,
    Unreachable,
    Refused,
    Timeout,
    NotSsh,
    /// The server has too many connections that are not logged in.
    TooManySessions,
    /// The server refuses this address for a while.
    Penalty,
    NoCommonAlgorithm,
    /// First contact: the key must be confirmed.
    HostKeyNew,
    HostKeyChanged,
    /// Not a private key, or damaged.
    KeyUnreadable,
    KeyUnsupported,
    PassphraseMissing,
    PassphraseWrong,
    /// Damaged, ended, or of another key.
    CertificateUnusable,
    KeyRefused,
    PasswordRefused,
    /// What was given is right, and the server wants more.
    SecondFactor,
    /// The server takes no such login.
    MethodRefused,
    /// The link broke.
    Lost,
    /// The login shell did not run the command.
    NoShell,
    NoPrivilege,
    NoSpace,
    ReadOnly,
    Denied,
    /// What arrived is not what was sent.
    Checksum,
    Unsupported,
    /// A command on the node failed.
    Failed,
    /// The host is another node already.
    KnownNode,
    /// Too much is being done at this moment.
    Busy,
    /// Nothing says what it needs to get in.
    CredentialsNeeded,
    /// The operator did not want it any more.
    Cancelled,
    /// Ground Control stops.
    Stopping,
    /// The Spider does not reach Ground Control.
    NotConnected,
    /// How it ended can't be told.
    Unknown,
}

impl Cause {
    pub fn name(self) -> &'static str {
        match self {
            Self::BadTarget => "bad_target",
            Self::UnknownHost => "unknown_host",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::NotSsh => "not_ssh",
            Self::TooManySessions => "too_many_sessions",
            Self::Penalty => "penalty",
            Self::NoCommonAlgorithm => "no_common_algorithm",
            Self::HostKeyNew => "host_key_new",
            Self::HostKeyChanged => "host_key_changed",
            Self::KeyUnreadable => "key_unreadable",
            Self::KeyUnsupported => "key_unsupported",
            Self::PassphraseMissing => "passphrase_missing",
            Self::PassphraseWrong => "passphrase_wrong",
            Self::CertificateUnusable => "certificate_unusable",
            Self::SecondFactor => "second_factor",
            Self::KeyRefused => "key_refused",
            Self::PasswordRefused => "password_refused",
            Self::MethodRefused => "method_refused",
            Self::Lost => "lost",
            Self::NoShell => "no_shell",
            Self::NoPrivilege => "no_privilege",
            Self::NoSpace => "no_space",
            Self::ReadOnly => "read_only",
            Self::Denied => "denied",
            Self::Checksum => "checksum",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
            Self::KnownNode => "known_node",
            Self::Busy => "busy",
            Self::CredentialsNeeded => "credentials_needed",
            Self::Cancelled => "cancelled",
            Self::Stopping => "stopping",
            Self::NotConnected => "not_connected",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub cause: Cause,
    /// What failed.
    pub detail: String,
    /// What to do next.
    pub hint: String,
}

impl Fault {
    pub fn new(cause: Cause, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            cause,
            detail: printable(&detail.into()),
            hint: hint.into(),
        }
    }

    pub fn timeout(what: &str) -> Self {
        Self::new(
            Cause::Timeout,
            format!("Time ran out to {what}."),
            "The host is slow or a firewall drops packets: try again, and check the way to it.",
        )
    }

    pub fn lost(what: &str) -> Self {
        Self::new(
            Cause::Lost,
            format!("The connection broke: {what}."),
            "The node, its SSH server or the network went away; try again.",
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.detail, self.hint)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let kind = match fault.cause {
            Cause::Busy => Kind::Busy,
            _ => Kind::Invalid,
        };
        Self::new(kind, fault.detail, fault.hint)
    }
}

/// Text of another machine, for people: no control characters, and not endless.
pub fn printable(text: &str) -> String {
    const CHARS_MAX: usize = 500;
    let mut out = String::new();
    for (number, c) in text.trim().chars().enumerate() {
        if number == CHARS_MAX {
            out.push('…');
            break;
        }
        // Some could make a text read as another one.
        out.push(if is_hidden(c) { ' ' } else { c });
    }
    out
}
