//! `--pin`: the one public key that the server may have.

use std::fmt;

use stardust_shared::base64;

/// Most pins: the key of today, the next one, and the same of a second server.
pub const PINS_MAX: usize = 4;
const PREFIX: &str = "sha256/";

/// SHA-256 of a certificate's SubjectPublicKeyInfo in DER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

impl Pin {
    /// Reads `sha256/BASE64`; curl's `sha256//BASE64` is the same.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let digits = rest.strip_suffix('=').unwrap_or(rest);
        // 43 digits are 32 bytes, and one of them may be a slash too.
        let digits = match digits.strip_prefix('/') {
            Some(after) if digits.len() == 44 => after,
            _ => digits,
        };
        base64::STANDARD.decode_array(digits).map(Self)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str(&base64::STANDARD.encode_padded(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_reads_back_as_it_is_written() {
        // From `printf '' | openssl dgst -sha256 -binary | base64`.
        let text = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let pin = Pin::parse(text).unwrap();
        assert_eq!((pin.0[0], pin.0[31]), (0xe3, 0x55));
        assert_eq!(pin.to_string(), text);
        assert_eq!(Pin::parse(&text.replace("sha256/", "sha256//")), Some(pin));
        assert_eq!(Pin::parse(text.trim_end_matches('=')), Some(pin));
        for bytes in [[0; 32], [0xff; 32], std::array::from_fn(|n| n as u8 * 7)] {
            assert_eq!(Pin::parse(&Pin(bytes).to_string()), Some(Pin(bytes)));
        }
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        let good = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        for text in [
            "",
            "sha256/",
            good,
            &format!("sha1/{good}"),
            &format!("sha256/{good}="),
            &format!("sha256/{}", &good[1..]),
            // Leftover bits, a character of another alphabet, a hash in hex.
            &format!("sha256/{}", good.replace("FU=", "FV=")),
            &format!("sha256/{}", good.replace('+', "-")),
            &format!("sha256/{}", "0f".repeat(32)),
            "sha256/é",
        ] {
            assert_eq!(Pin::parse(text), None, "{text}");
        }
    }
}
