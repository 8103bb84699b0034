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
///
/// This and what it calls is most of the Spider's own work in a sample, and it
/// is compiled for size: hence plain loops, which stay loops then.
#[derive(Clone)]
pub struct Words<'a>(pub &'a [u8]);

impl Words<'_> {
    /// The next word as a number.
    pub fn number(&mut self) -> Option<i64> {
        self.value().flatten()
    }

    /// The next word as a number, `Some(None)` when it is none; `None` at the end.
    pub fn value(&mut self) -> Option<Option<i64>> {
        let bytes = self.0;
        let start = self.skip_blanks();
        let (mut end, mut digits) = (start, 0u8);
        let mut value: u64 = 0;
        while let Some(&byte) = bytes.get(end)
            && !is_blank(byte)
        {
            let digit = byte.wrapping_sub(b'0');
            // Above 9 once is above 9 for good.
            digits = digits.max(digit);
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            end += 1;
        }
        self.0 = &bytes[end..];
        match end - start {
            0 => None,
            _ if digits > 9 => Some(None),
            // As many nines are less than 2^63.
            1..=18 => Some(Some(value as i64)),
            _ => Some(number(&bytes[start..end])),
        }
    }

    fn skip_blanks(&self) -> usize {
        let mut start = 0;
        while self.0.get(start).is_some_and(|&byte| is_blank(byte)) {
            start += 1;
        }
        start
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let bytes = self.0;
        let start = self.skip_blanks();
        let mut end = start;
        while bytes.get(end).is_some_and(|&byte| !is_blank(byte)) {
            end += 1;
        }
        self.0 = &bytes[end..];
        (end > start).then(|| &bytes[start..end])
    }
}

#[inline(always)]
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Where `byte` is first: eight bytes at a time, since the C library of small
/// systems takes them one by one.
pub fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = ONES << 7;
    let pattern = ONES * u64::from(byte);
    let mut at = 0;
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        // A byte that is the one looked for becomes 0, and only a 0 borrows into
        // its top bit that was not set. Above the first one it may be a mistake.
        let word = u64::from_le_bytes(*word) ^ pattern;
        let hits = word.wrapping_sub(ONES) & !word & TOPS;
        if hits != 0 {
            return Some(at + hits.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    while at < bytes.len() {
        if bytes[at] == byte {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Where `byte` is last.
pub fn find_last(bytes: &[u8], byte: u8) -> Option<usize> {
    let mut last = find(bytes, byte)?;
    while let Some(next) = find(&bytes[last + 1..], byte) {
        last += 1 + next;
    }
    Some(last)
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
    fn a_byte_is_found_wherever_it_is() {
        for len in 0..40 {
            for at in 0..len {
                // What differs in one bit, and what borrows on the way.
                for other in [b'9', b';', b'\0', 0xff, b':' ^ 0x80, b':' - 1] {
                    let mut bytes = vec![other; len];
                    assert_eq!(find(&bytes, b':'), None);
                    bytes[at] = b':';
                    assert_eq!(find(&bytes, b':'), Some(at), "{len} {other}");
                    assert_eq!(find_last(&bytes, b':'), Some(at), "{len} {other}");
                    bytes[len - 1] = b':';
                    assert_eq!(find(&bytes, b':'), Some(at), "{len} {other}");
                    assert_eq!(find_last(&bytes, b':'), Some(len - 1), "{len} {other}");
                }
            }
        }
    }

    #[test]
    fn words_as_numbers_are_what_the_words_say() {
        let line = b" 7\t-1 9223372036854775807 9223372036854775808 x5 999999999999999999 \
            00000000000000000000012 5\xff 3";
        let mut words = Words(line);
        for word in Words(line) {
            assert_eq!(words.value(), Some(number(word)), "{word:?}");
        }
        assert_eq!((words.value(), words.number()), (None, None));
        assert_eq!(Words(b"").value(), None);
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
