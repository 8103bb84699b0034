//! What went wrong on the way to a node or on it, whose side it is on, and what
//! to do. None of these texts ever holds a credential.

use std::fmt;

use stardust_base::error::{Error, Kind};
use stardust_base::hidden::is_hidden;
use stardust_base::log;

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

impl Cause {
    /// Whose side it is on, as the API says it.
    pub fn kind(self) -> Kind {
        match self {
            Self::BadTarget => Kind::Invalid,
            Self::HostKeyNew
            | Self::KeyUnreadable
            | Self::KeyUnsupported
            | Self::PassphraseMissing
            | Self::PassphraseWrong
            | Self::CertificateUnusable
            | Self::KeyRefused
            | Self::PasswordRefused
            | Self::SecondFactor
            | Self::NoPrivilege => Kind::CheckFailed,
            Self::CredentialsNeeded => Kind::CredentialsNeeded,
            Self::KnownNode => Kind::Conflict,
            Self::Busy | Self::Cancelled | Self::Stopping => Kind::Busy,
            Self::UnknownHost
            | Self::Unreachable
            | Self::Refused
            | Self::Timeout
            | Self::NotSsh
            | Self::TooManySessions
            | Self::Penalty
            | Self::NoCommonAlgorithm
            | Self::HostKeyChanged
            | Self::MethodRefused
            | Self::Lost
            | Self::NoShell
            | Self::NoSpace
            | Self::ReadOnly
            | Self::Denied
            | Self::Checksum
            | Self::Unsupported
            | Self::Failed
            | Self::NotConnected
            | Self::Unknown => Kind::Node,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub cause: Cause,
    /// Where it is Ground Control itself that failed: of which kind that is.
    pub own: Option<Kind>,
    /// What failed.
    pub detail: String,
    /// What to do next.
    pub hint: String,
}

impl Fault {
    pub fn new(cause: Cause, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            cause,
            own: None,
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
        match fault.own {
            Some(kind) => Self::new(kind, fault.detail, fault.hint),
            None => {
                Self::new(fault.cause.kind(), fault.detail, fault.hint).cause(fault.cause.name())
            }
        }
    }
}

/// What fails on Ground Control's own side of work on a node. What nobody but its
/// operator may read goes to the log.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let shown = match error.kind.http_status() {
            500 => {
                log::error(&error.message);
                Error::internal()
            }
            _ => error,
        };
        Self {
            cause: Cause::Failed,
            own: Some(shown.kind),
            detail: printable(&shown.message),
            hint: shown.hint,
        }
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
