//! Reading the kernel's text formats, byte by byte and without assumptions.

/// The lines that are complete. The kernel ends every line with a newline, so
/// what comes after the last one was cut off and its numbers can't be trusted.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let end = find(rest, b'\n')?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        Some(line)
    })
}

/// The first complete line.
pub fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    lines(bytes).next()
}

/// Words between spaces and tabs.
#[derive(Clone)]
pub struct Words<'a>(pub &'a [u8]);

impl<'a> Words<'a> {
    /// The next word as a number.
    pub fn number(&mut self) -> Option<i64> {
        number(self.next()?)
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.0.iter().position(|&b| b != b' ' && b != b'\t')?;
        let rest = &self.0[start..];
        let end = rest.iter().position(|&b| b == b' ' || b == b'\t');
        let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.0 = rest;
        Some(word)
    }
}

pub fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    if bytes.is_empty() {
        return None;
    }
    // SAFETY: the pointer and length are those of a live slice, which memchr
    // only reads.
    let at = unsafe { libc::memchr(bytes.as_ptr().cast(), i32::from(byte), bytes.len()) };
    (!at.is_null()).then(|| at as usize - bytes.as_ptr() as usize)
}

/// A whole number from 0 to `i64::MAX`. A sign, anything that is not a digit,
/// or a number that is larger (2^64-1 of a driver that lost count) is nothing.
pub fn number(word: &[u8]) -> Option<i64> {
    if word.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for &byte in word {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(i64::from(digit))?;
    }
    Some(value)
}

/// A whole number that may be negative.
pub fn signed(word: &[u8]) -> Option<i64> {
    match word.strip_prefix(b"-") {
        Some(digits) => number(digits).map(|value| -value),
        None => number(word),
    }
}

/// A number with exactly `decimals` digits after its point, times 10^`decimals`.
pub fn fixed(word: &[u8], decimals: usize) -> Option<i64> {
    let point = find(word, b'.')?;
    let (whole, fraction) = (number(&word[..point])?, &word[point + 1..]);
    if fraction.len() != decimals {
        return None;
    }
    let scale = 10i64.checked_pow(decimals as u32)?;
    whole.checked_mul(scale)?.checked_add(number(fraction)?)
}

/// A value in the unit of its series, where the kernel counts in `unit`s.
pub fn times(value: Option<i64>, unit: i64) -> Option<i64> {
    value?.checked_mul(unit)
}

/// Without spaces, tabs, newlines and NULs at its ends.
pub fn trim(bytes: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0);
    let Some(start) = bytes.iter().position(|b| !blank(b)) else {
        return &[];
    };
    let end = bytes.iter().rposition(|b| !blank(b)).unwrap_or(start);
    &bytes[start..=end]
}

/// The octal escapes of /proc/self/mountinfo (`\040` is a space) undone.
pub fn unescape_octal(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&byte, after) = rest.split_first()?;
        if let (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) =
            (byte, after)
        {
            rest = tail;
            return Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
        }
        rest = after;
        Some(byte)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_lines_are_read() {
        let all: Vec<&[u8]> = lines(b"a\n\nb c\ncut").collect();
        assert_eq!(all, [&b"a"[..], b"", b"b c"]);
        assert_eq!(first_line(b"cut"), None);
        assert_eq!(lines(b"").count(), 0);
    }

    #[test]
    fn words_are_between_spaces_and_tabs() {
        let words: Vec<&[u8]> = Words(b"  a \tb\0c  ").collect();
        assert_eq!(words, [&b"a"[..], b"b\0c"]);
        assert_eq!(Words(b" \t").next(), None);
    }

    #[test]
    fn numbers_never_wrap() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"9223372036854775807"), Some(i64::MAX));
        for word in [
            &b"9223372036854775808"[..],
            b"18446744073709551615",
            b"99999999999999999999999",
            b"-1",
            b"+1",
            b"",
            b"1x",
            b"1.0",
            b"\xff",
            b"1\0",
        ] {
            assert_eq!(number(word), None, "{word:?}");
        }
        assert_eq!(signed(b"-12500"), Some(-12500));
        assert_eq!(signed(b"--1"), None);
        assert_eq!(times(Some(i64::MAX), 1024), None);
        assert_eq!(times(Some(2), 1024), Some(2048));
    }

    #[test]
    fn fixed_point_numbers() {
        assert_eq!(fixed(b"0.52", 2), Some(52));
        assert_eq!(fixed(b"35207.06", 2), Some(3_520_706));
        for word in [
            &b"1"[..],
            b"1.5",
            b"1.555",
            b".50",
            b"-1.00",
            b"1.-5",
            b"92233720368547758.08",
        ] {
            assert_eq!(fixed(word, 2), None, "{word:?}");
        }
    }

    #[test]
    fn octal_escapes() {
        let unescape_octal = |bytes: &[u8]| super::unescape_octal(bytes).collect::<Vec<u8>>();
        assert_eq!(unescape_octal(b"/a\\040b\\134\\011"), b"/a b\\\t");
        assert_eq!(unescape_octal(b"\\04"), b"\\04");
        assert_eq!(unescape_octal(b"\\777\\x\\"), b"\\777\\x\\");
        assert_eq!(unescape_octal(b"\\377"), [0xff]);
    }

    #[test]
    fn trimming() {
        assert_eq!(trim(b" Raspberry Pi\0\n"), b"Raspberry Pi");
        assert_eq!(trim(b" \0\n"), b"");
    }
}
