//! Base64 (RFC 4648), as PEM, SSH and HTTP write it, and as URLs take it.

use zeroize::Zeroizing;

/// With `+` and `/`.
pub const STANDARD: Base64 = Base64(*b"+/");
/// With `-` and `_`, which mean nothing in a URL or a cookie.
pub const URL: Base64 = Base64(*b"-_");

const FIRST_DIGITS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// One way to write base64: what the digits 62 and 63 are.
#[derive(Clone, Copy, Debug)]
pub struct Base64([u8; 2]);

impl Base64 {
    /// Without padding.
    pub fn encode(self, bytes: &[u8]) -> String {
        let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
        for chunk in bytes.chunks(3) {
            let mut group = [0u8; 3];
            group[..chunk.len()].copy_from_slice(chunk);
            let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
            for at in 0..=chunk.len() {
                let six = (bits >> (18 - 6 * at)) as usize & 63;
                out.push(match FIRST_DIGITS.get(six) {
                    Some(&digit) => digit.into(),
                    None => self.0[six - FIRST_DIGITS.len()].into(),
                });
            }
        }
        out
    }

    /// With padding: a multiple of four characters.
    pub fn encode_padded(self, bytes: &[u8]) -> String {
        let mut out = self.encode(bytes);
        while !out.len().is_multiple_of(4) {
            out.push('=');
        }
        out
    }

    /// `None` for any other character, for padding, and for bits left over that are
    /// not zero: each bytes have one text, so an altered one never decodes to the same.
    pub fn decode(self, text: &str) -> Option<Vec<u8>> {
        let mut out = vec![0; text.len() / 4 * 3 + text.len() % 4 * 3 / 4];
        self.decode_into(text.as_bytes(), &mut out)?;
        Some(out)
    }

    /// As [`decode`](Self::decode), to exactly `N` bytes; it allocates nothing.
    pub fn decode_array<const N: usize>(self, text: &str) -> Option<[u8; N]> {
        let mut out = [0; N];
        self.decode_into(text.as_bytes(), &mut out)?;
        Some(out)
    }

    /// Padding and white space are passed over, as in files that people keep; `None` for
    /// any other character. Zeroed when dropped, since it may be a private key.
    pub fn decode_lenient(self, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
        let digits = text.bytes();
        let digits = digits.filter(|byte| !matches!(byte, b'=' | b'\n' | b'\r' | b' ' | b'\t'));
        self.each_byte(digits, |byte| out.push(byte))?;
        Some(out)
    }

    fn decode_into(self, digits: &[u8], out: &mut [u8]) -> Option<()> {
        if digits.len() != (out.len() * 4).div_ceil(3) {
            return None;
        }
        let mut places = out.iter_mut();
        let left_over = self.each_byte(digits.iter().copied(), |byte| {
            if let Some(place) = places.next() {
                *place = byte;
            }
        })?;
        (left_over == 0).then_some(())
    }

    /// Answers the bits that are left over.
    fn each_byte(self, digits: impl Iterator<Item = u8>, mut each: impl FnMut(u8)) -> Option<u32> {
        let (mut word, mut bits) = (0u32, 0);
        for digit in digits {
            word = (word << 6 | u32::from(self.value(digit)?)) & 0xffff;
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                each((word >> bits) as u8);
            }
        }
        Some(word & ((1 << bits) - 1))
    }

    fn value(self, digit: u8) -> Option<u8> {
        match digit {
            b'A'..=b'Z' => Some(digit - b'A'),
            b'a'..=b'z' => Some(digit - b'a' + 26),
            b'0'..=b'9' => Some(digit - b'0' + 52),
            _ if digit == self.0[0] => Some(62),
            _ if digit == self.0[1] => Some(63),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (plain, padded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let digits = padded.trim_end_matches('=');
            for way in [STANDARD, URL] {
                assert_eq!(way.encode(plain.as_bytes()), digits);
                assert_eq!(way.encode_padded(plain.as_bytes()), padded);
                assert_eq!(way.decode(digits).as_deref(), Some(plain.as_bytes()));
                assert_eq!(**way.decode_lenient(padded).unwrap(), *plain.as_bytes());
            }
        }
        assert_eq!(URL.encode(&[0xfb, 0xff]), "-_8");
        assert_eq!(STANDARD.encode(&[0xfb, 0xff]), "+/8");
        assert_eq!(URL.decode_array("-_8"), Some([0xfb, 0xff]));
    }

    #[test]
    fn every_byte_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        for start in 0..4 {
            for way in [STANDARD, URL] {
                let text = way.encode(&bytes[start..]);
                assert_eq!(way.decode(&text).unwrap(), &bytes[start..]);
                assert_eq!(**way.decode_lenient(&text).unwrap(), bytes[start..]);
            }
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "Zg==", "Zh", "Zm9", "Z", "Zm9vY", "Zm+v", "Zm/v", "Zm v", "Zg\n", "é",
        ] {
            assert_eq!(URL.decode(text), None, "{text:?}");
        }
        assert_eq!(STANDARD.decode("Zm-v"), None);
        assert_eq!(STANDARD.decode_array("Zm9vYg"), Some(*b"foob"));
        for text in ["Zm9vYh", "Zm9vY", "Zm9v=g", "Zm9v", "Zm9vYmE"] {
            assert_eq!(STANDARD.decode_array::<4>(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_people_keep_in_files_may_have_lines_and_padding() {
        let decode = |text| STANDARD.decode_lenient(text);
        assert_eq!(**decode("Zm9v\r\nYg==\n").unwrap(), *b"foob");
        assert_eq!(**decode(" Zm9v\tYg").unwrap(), *b"foob");
        assert!(decode("Zm9-").is_none());
        assert!(decode("Zm9\0").is_none());
    }
}
