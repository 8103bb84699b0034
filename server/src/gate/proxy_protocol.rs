//! The PROXY protocol, versions 1 and 2: what a proxy that only passes bytes on says
//! of its client before the first byte. Pure.
//!
//! <https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Version 1 is one line of text of at most so many bytes (section 2.1).
const LINE_BYTES_MAX: usize = 107;
const LINE_START: &[u8] = b"PROXY ";
/// What version 2 begins with (section 2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const FIXED_BYTES: usize = 16;
/// Addresses and what else a proxy says. The longest addresses have 216 bytes, and
/// the document asks proxies for no more than 536 in all.
const REST_BYTES_MAX: usize = 1_024;

/// Bytes that say whether there is a header, and which client it names.
pub const HEADER_BYTES_MAX: usize = FIXED_BYTES + REST_BYTES_MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// These bytes begin with something else.
    Absent,
    /// It goes on.
    More,
    /// A whole one of so many bytes; no client where the proxy speaks for itself or
    /// can't say.
    Whole {
        client: Option<IpAddr>,
        bytes: usize,
    },
    /// It breaks the rules: what.
    Broken(&'static str),
}

/// Looks at the first bytes of a connection.
pub fn read(bytes: &[u8]) -> Header {
    if bytes.starts_with(SIGNATURE) {
        return version_2(bytes);
    }
    if bytes.starts_with(LINE_START) {
        return version_1(bytes);
    }
    let begins = |all: &[u8]| all.starts_with(bytes);
    if begins(SIGNATURE) || begins(LINE_START) {
        Header::More
    } else {
        Header::Absent
    }
}

/// Whether these first bytes are of a header, whole or not.
pub fn begins(bytes: &[u8]) -> bool {
    bytes.len() >= LINE_START.len() && read(bytes) != Header::Absent
}

fn version_1(bytes: &[u8]) -> Header {
    let within = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = within.windows(2).position(|pair| pair == b"\r\n") else {
        return match within.len() {
            LINE_BYTES_MAX => Header::Broken("its line has no end"),
            _ => Header::More,
        };
    };
    let Ok(line) = std::str::from_utf8(&within[LINE_START.len()..end]) else {
        return Header::Broken("its line is no text");
    };
    let mut words = line.split(' ');
    let client = match words.next() {
        Some("UNKNOWN") => None,
        Some(family @ ("TCP4" | "TCP6")) => {
            let client = words.next().and_then(|word| word.parse::<IpAddr>().ok());
            let client = client.filter(|client| client.is_ipv4() == (family == "TCP4"));
            let rest = words.count();
            if client.is_none() || rest != 3 {
                return Header::Broken("its line names no client");
            }
            client
        }
        _ => return Header::Broken("its family is not known"),
    };
    Header::Whole {
        client: client.map(|client| client.to_canonical()),
        bytes: end + 2,
    }
}

fn version_2(bytes: &[u8]) -> Header {
    let Some(fixed) = bytes.first_chunk::<FIXED_BYTES>() else {
        return Header::More;
    };
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > REST_BYTES_MAX {
        return Header::Broken("it is longer than any that is of use");
    }
    let (version, command) = (fixed[12] >> 4, fixed[12] & 15);
    if version != 2 || command > 1 {
        return Header::Broken("its version or command is not known");
    }
    let Some(rest) = bytes.get(FIXED_BYTES..FIXED_BYTES + length) else {
        return Header::More;
    };
    let client = match (command, fixed[13]) {
        // LOCAL: the proxy itself, which looks whether we are well.
        (0, _) => None,
        // TCP over IPv4 and IPv6: source, destination, ports.
        (_, 0x11) if length >= 12 => rest
            .first_chunk::<4>()
            .map(|octets| IpAddr::V4(Ipv4Addr::from(*octets))),
        (_, 0x21) if length >= 36 => rest
            .first_chunk::<16>()
            .map(|octets| IpAddr::V6(Ipv6Addr::from(*octets)).to_canonical()),
        (_, 0x11 | 0x21) => return Header::Broken("its addresses are cut off"),
        // Unix sockets, datagrams, or nothing said: no address for us in it.
        _ => None,
    };
    Header::Whole {
        client,
        bytes: FIXED_BYTES + length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(client: Option<&str>, bytes: usize) -> Header {
        Header::Whole {
            client: client.map(|text| text.parse().unwrap()),
            bytes,
        }
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0x20 | command, family]);
        bytes.extend((rest.len() as u16).to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn lines_of_version_1() {
        for (line, header) in [
            (
                "PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\nGET /",
                whole(Some("192.0.2.7"), 41),
            ),
            (
                "PROXY TCP6 2001:db8::7 ::1 1 2\r\n",
                whole(Some("2001:db8::7"), 32),
            ),
            (
                "PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n",
                whole(Some("192.0.2.7"), 37),
            ),
            ("PROXY UNKNOWN\r\n", whole(None, 15)),
            ("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", whole(None, 35)),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 5", Header::More),
            ("PRO", Header::More),
            ("", Header::More),
            ("POST / HTTP/1.1\r\n", Header::Absent),
            ("PROXYING / HTTP/1.1", Header::Absent),
            ("GET / HTTP/1.1", Header::Absent),
        ] {
            assert_eq!(read(line.as_bytes()), header, "{line:?}");
        }
        for broken in [
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP4 192.0.2.7\r\n",
            "PROXY TCP4  192.0.2.7 10.0.0.1 1 2\r\n",
            "PROXY TCP4 a b c d\r\n",
            "PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n",
            "PROXY \r\n",
            &format!("PROXY TCP4 {}", "1".repeat(200)),
        ] {
            assert!(
                matches!(read(broken.as_bytes()), Header::Broken(_)),
                "{broken:?}"
            );
        }
    }

    #[test]
    fn headers_of_version_2() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0, 1, 0, 2];
        let mut v6 = [0u8; 36];
        v6[15] = 7;
        let mut with_more = v4.to_vec();
        with_more.extend([3, 0, 4, 1, 2, 3, 4]);
        for (bytes, header) in [
            (version_2(1, 0x11, &v4), whole(Some("192.0.2.7"), 28)),
            (version_2(1, 0x21, &v6), whole(Some("::7"), 52)),
            (version_2(1, 0x11, &with_more), whole(Some("192.0.2.7"), 35)),
            (version_2(0, 0x00, &[]), whole(None, 16)),
            (version_2(0, 0x11, &v4), whole(None, 28)),
            (version_2(1, 0x31, &[0; 216]), whole(None, 232)),
        ] {
            assert_eq!(read(&bytes), header);
            for end in 0..bytes.len() {
                assert_eq!(read(&bytes[..end]), Header::More, "{end}");
            }
        }
        for broken in [
            version_2(1, 0x11, &v4[..11]),
            version_2(1, 0x21, &v6[..35]),
            version_2(2, 0x11, &v4),
            version_2(1, 0x11, &[0; REST_BYTES_MAX + 1]),
        ] {
            assert!(matches!(read(&broken), Header::Broken(_)));
        }
        let mut third = version_2(1, 0x11, &v4);
        third[12] = 0x31;
        assert!(matches!(read(&third), Header::Broken(_)));
    }
}
