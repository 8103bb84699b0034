//! Base64, as pins and Basic authorization are written.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three
            .iter()
            .zip([16, 8, 0])
            .fold(0, |bits, (&byte, shift)| bits | u32::from(byte) << shift);
        for digit in 0..4 {
            out.push(if digit > three.len() {
                '='
            } else {
                ALPHABET[(bits >> (18 - 6 * digit)) as usize & 63].into()
            });
        }
    }
    out
}

/// Reads `digits`, which are without their padding, to exactly `N` bytes.
pub fn decode<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != (N * 8).div_ceil(6) {
        return None;
    }
    let (mut bytes, mut at) = ([0; N], 0);
    let (mut bits, mut held) = (0u32, 0);
    for digit in digits {
        let value = ALPHABET.iter().position(|known| known == digit)?;
        bits = (bits << 6 | value as u32) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes[at] = (bits >> held) as u8;
            at += 1;
        }
    }
    // What is left over is zero: another spelling of the same bytes is a typo.
    (bits & ((1 << held) - 1) == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(plain.as_bytes()), text);
        }
        assert_eq!(decode(b"Zm9vYg"), Some(*b"foob"));
        assert_eq!(decode::<4>(b"Zm9vYh"), None);
        assert_eq!(decode::<4>(b"Zm9vY"), None);
        assert_eq!(decode::<4>(b"Zm9v=g"), None);
    }
}
