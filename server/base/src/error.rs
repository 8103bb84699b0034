//! What failed, whose side it is on and what to do next.
//!
//! Everything that a person or a script gets to see as a failure is an
//! [`Error`]: the API writes it as JSON, `main` prints it and exits with
//! [`Kind::exit_code`]. This is the one place that maps kinds to either.

use std::fmt;

/// What went wrong, as a word that scripts can match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    // At start.
    /// A flag or its value is wrong.
    Usage,
    /// An environment variable or a file that was named is missing or wrong.
    Config,
    /// STARDUST_SECRET is not the one that this database was made with.
    WrongSecret,
    /// The database can't be opened or is not ours.
    Database,
    /// A port, a socket or a file of the system is not to be had.
    System,
    // In the API.
    Invalid,
    WeakPassword,
    Unauthenticated,
    BadCredentials,
    Csrf,
    PasswordChangeRequired,
    /// The password was right, and a second factor is wanted too.
    FactorNeeded,
    /// A second factor must be set up before anything else.
    FactorRequired,
    /// Whoever asks has to prove once more to be there.
    ProofNeeded,
    /// Signed in, and not allowed to.
    Forbidden,
    /// It was changed since it was looked at.
    PreconditionFailed,
    NotFound,
    MethodNotAllowed,
    NameTaken,
    /// SSH keys and passwords were forgotten or never given.
    CredentialsNeeded,
    /// The node has a job already that must end first.
    Conflict,
    /// What was given does not work on the node.
    CheckFailed,
    /// The node, or the way to it, does not do its part.
    Node,
    TooLarge,
    UnsupportedMediaType,
    Throttled,
    Busy,
    /// Nothing can be written at present: the disk is full, or the file was taken away.
    Storage,
    Internal,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Config => "config",
            Self::WrongSecret => "wrong_secret",
            Self::Database => "database",
            Self::System => "system",
            Self::Invalid => "invalid",
            Self::WeakPassword => "weak_password",
            Self::Unauthenticated => "unauthenticated",
            Self::BadCredentials => "bad_credentials",
            Self::Csrf => "csrf",
            Self::FactorNeeded => "factor_needed",
            Self::FactorRequired => "factor_required",
            Self::ProofNeeded => "proof_needed",
            Self::Forbidden => "forbidden",
            Self::PreconditionFailed => "precondition_failed",
            Self::PasswordChangeRequired => "password_change_required",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NameTaken => "name_taken",
            Self::CredentialsNeeded => "credentials_needed",
            Self::Conflict => "conflict",
            Self::CheckFailed => "check_failed",
            Self::Node => "node",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Throttled => "throttled",
            Self::Busy => "busy",
            Self::Storage => "storage",
            Self::Internal => "internal",
        }
    }

    /// The status of an answer with this error. `bad_credentials` is 401 at
    /// login; where a session exists already the handler says 403 itself.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Invalid | Self::WeakPassword => 400,
            Self::Unauthenticated | Self::BadCredentials | Self::FactorNeeded => 401,
            Self::Csrf
            | Self::PasswordChangeRequired
            | Self::FactorRequired
            | Self::ProofNeeded
            | Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NameTaken | Self::CredentialsNeeded | Self::Conflict => 409,
            Self::PreconditionFailed => 412,
            Self::CheckFailed => 422,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Throttled => 429,
            Self::Node => 502,
            Self::Busy => 503,
            Self::Storage => 507,
            Self::Usage
            | Self::Config
            | Self::WrongSecret
            | Self::Database
            | Self::System
            | Self::Internal => 500,
        }
    }

    /// What the process ends with when this stopped it: 2 for a mistake on the
    /// command line, 78 (EX_CONFIG) for what must be configured otherwise, so
    /// that a supervisor can tell it from a crash and need not try again.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Config | Self::WrongSecret => 78,
            _ => 1,
        }
    }
}

/// A failure in words for people, with a kind for scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    /// What failed.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// Of what happened on a node or on the way to it: one word more that scripts can match
    /// on, as jobs have it.
    pub cause: Option<&'static str>,
    /// For [`Kind::Throttled`] and [`Kind::Busy`]: when to try again.
    pub retry_after_s: Option<u64>,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: hint.into(),
            cause: None,
            retry_after_s: None,
        }
    }

    pub fn retry_after_s(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    pub fn cause(mut self, cause: &'static str) -> Self {
        self.cause = Some(cause);
        self
    }

    pub fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message, hint)
    }

    /// The system refused something that must work.
    pub fn system(what: &str, error: &std::io::Error) -> Self {
        Self::new(
            Kind::System,
            format!("Can't {what}: {error}."),
            "Check the limits of this user and the free memory and disk of this machine.",
        )
    }

    /// Our own fault. The cause goes to the log, never into an answer.
    pub fn internal() -> Self {
        Self::new(
            Kind::Internal,
            "Ground Control could not do this because of a fault of its own.",
            "Try again; if it stays, look at the log of the server.",
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\n  hint: {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_and_what_next() {
        let error = Error::invalid("The name is empty.", "Give the node a name.");
        assert_eq!(
            error.to_string(),
            "The name is empty.\n  hint: Give the node a name."
        );
        assert_eq!(error.kind.http_status(), 400);
        assert_eq!(Kind::Usage.exit_code(), 2);
    }
}
