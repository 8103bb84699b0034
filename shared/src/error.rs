use std::fmt;

use crate::series::cut_at;

/// How much of a key an error tells.
const KEY_SHOWN_BYTES: usize = 72;

/// Why bytes from the other side were refused. Always the sender's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The message ends in the middle of a field.
    Truncated,
    /// A varint is longer than ten bytes or over 64 bits.
    BadVarint,
    /// A number is outside of the range that `limits` gives for it.
    OutOfRange(&'static str),
    /// Something that must be UTF-8 is not.
    NotUtf8,
    /// A layout has two series of this key.
    KeyTwice(Box<str>),
    /// Samples came before any layout, or for another layout.
    UnknownLayout,
    /// A delta came before the keyframe that it counts from.
    NoKeyframe,
    /// A text message is not the JSON that the protocol asks for.
    BadJson,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("message ends in the middle of a field"),
            Self::BadVarint => f.write_str("malformed variable-length integer"),
            Self::OutOfRange(what) => write!(f, "{what} is out of range"),
            Self::NotUtf8 => f.write_str("text is not UTF-8"),
            // It is a stranger's text, and long ones fit no close frame.
            Self::KeyTwice(key) => {
                let key = cut_at(key, KEY_SHOWN_BYTES);
                write!(f, "a layout has the series {key:?} twice")
            }
            Self::UnknownLayout => f.write_str("samples for a layout that was not announced"),
            Self::NoKeyframe => f.write_str("delta sample before a keyframe"),
            Self::BadJson => f.write_str("text message is not the expected JSON"),
        }
    }
}

impl std::error::Error for WireError {}
