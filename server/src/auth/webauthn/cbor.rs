//! As much of CBOR (RFC 8949) as authenticators write: definite lengths, nothing nested
//! deep. Pure; what does not fit is refused.

/// Nested so deep at most.
const DEPTH_MAX: usize = 6;
/// Things in one list or map.
const ITEMS_MAX: u64 = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Number(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    List(Vec<Value<'a>>),
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// True, false, null and what else says nothing here.
    Simple(u8),
}

impl<'a> Value<'a> {
    /// What a map has under a number.
    pub fn at(&self, key: i64) -> Option<&Value<'a>> {
        self.find(&Value::Number(key))
    }

    /// What a map has under a text.
    pub fn named(&self, key: &str) -> Option<&Value<'a>> {
        self.find(&Value::Text(key))
    }

    fn find(&self, key: &Value<'_>) -> Option<&Value<'a>> {
        let Value::Map(pairs) = self else { return None };
        pairs
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }

    pub fn number(&self) -> Option<i64> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// The first value, and what follows it.
pub fn read(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    value(bytes, 0)
}

fn value(bytes: &[u8], depth: usize) -> Option<(Value<'_>, &[u8])> {
    if depth > DEPTH_MAX {
        return None;
    }
    let (&first, rest) = bytes.split_first()?;
    let (argument, rest) = argument(first & 0x1f, rest)?;
    let small = i64::try_from(argument).ok();
    match first >> 5 {
        0 => Some((Value::Number(small?), rest)),
        1 => Some((Value::Number(-1 - small?), rest)),
        2 => {
            let (bytes, rest) = rest.split_at_checked(usize::try_from(argument).ok()?)?;
            Some((Value::Bytes(bytes), rest))
        }
        3 => {
            let (text, rest) = rest.split_at_checked(usize::try_from(argument).ok()?)?;
            Some((Value::Text(std::str::from_utf8(text).ok()?), rest))
        }
        4 if argument <= ITEMS_MAX => {
            let (mut list, mut rest) = (Vec::new(), rest);
            for _ in 0..argument {
                let (one, after) = value(rest, depth + 1)?;
                list.push(one);
                rest = after;
            }
            Some((Value::List(list), rest))
        }
        5 if argument <= ITEMS_MAX => {
            let (mut map, mut rest) = (Vec::new(), rest);
            for _ in 0..argument {
                let (key, after) = value(rest, depth + 1)?;
                let (one, after) = value(after, depth + 1)?;
                map.push((key, one));
                rest = after;
            }
            Some((Value::Map(map), rest))
        }
        7 => Some((Value::Simple(first & 0x1f), rest)),
        _ => None,
    }
}

/// RFC 8949, section 3: what the first byte says of the number that follows it.
fn argument(short: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    let width = match short {
        0..=23 => return Some((u64::from(short), rest)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let (number, rest) = rest.split_at_checked(width)?;
    let number = number
        .iter()
        .fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_8949() {
        let whole = |bytes: &'static [u8]| {
            let (value, rest) = read(bytes).unwrap();
            assert!(rest.is_empty());
            value
        };
        assert_eq!(whole(&[0x17]), Value::Number(23));
        assert_eq!(whole(&[0x19, 0x03, 0xe8]), Value::Number(1000));
        assert_eq!(whole(&[0x38, 0x63]), Value::Number(-100));
        assert_eq!(whole(&[0x44, 1, 2, 3, 4]), Value::Bytes(&[1, 2, 3, 4]));
        assert_eq!(whole(b"\x64IETF"), Value::Text("IETF"));
        let map = whole(&[0xa2, 0x61, 0x61, 0x01, 0x20, 0x82, 0x02, 0x03]);
        assert_eq!(map.named("a").unwrap().number(), Some(1));
        assert_eq!(
            map.at(-1),
            Some(&Value::List(vec![Value::Number(2), Value::Number(3)]))
        );
        assert_eq!(whole(&[0xf6]), Value::Simple(22));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let deep = [0x81; 40];
        for wrong in [
            &[][..],
            &[0x19, 0x03],
            &[0x44, 1],
            &[0x5f],
            &[0x9f],
            &[0xa1, 0x01],
            &[0x1c],
            &[0xc0, 0x01],
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x62, 0xff, 0xff],
            &deep,
        ] {
            assert_eq!(read(wrong), None, "{wrong:02x?}");
        }
    }
}
