//! Networks of addresses: `10.0.0.0/8`, `fd00::/8`, or one address. Pure.

use std::fmt;
use std::net::IpAddr;

/// All addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// The bits that do not count are 0.
    first: IpAddr,
    bits: u8,
}

impl AddressRange {
    /// `address` or `address/bits`. Bits of the address that do not count are ignored,
    /// so that `10.1.2.3/8` is what it looks like.
    ///
    /// # Errors
    /// In words, when the text is neither.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (address, bits) = match text.split_once('/') {
            None => (text, None),
            Some((address, bits)) => (address, Some(bits)),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| "it is no IP address, and no network such as 10.0.0.0/8")?;
        let most = width(address);
        let bits = match bits {
            None => most,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|of| *of <= most && bits.bytes().all(|byte| byte.is_ascii_digit()))
                .ok_or(
                    "what follows the slash must be a number of bits: 0 to 32, of IPv6 to 128",
                )?,
        };
        Ok(Self::new(address, bits))
    }

    fn new(address: IpAddr, bits: u8) -> Self {
        // An IPv4 address inside IPv6 is the same address.
        let (address, bits) = match (address, address.to_canonical()) {
            (IpAddr::V6(_), IpAddr::V4(inner)) if bits >= 96 => (IpAddr::V4(inner), bits - 96),
            (given, _) => (given, bits),
        };
        Self {
            first: masked(address, bits),
            bits,
        }
    }

    /// It leaves nobody out.
    pub fn is_everybody(&self) -> bool {
        self.bits == 0
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.first) && masked(address, self.bits) == self.first
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        Self::new(address, width(address))
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == width(self.first) {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}/{}", self.first, self.bits)
        }
    }
}

/// Whether one of the ranges has the address.
pub fn any_contains(ranges: &[AddressRange], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(address))
}

fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_single_addresses() {
        for (text, inside, outside) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("127.0.0.1", "::ffff:127.0.0.1", "::1"),
            ("10.1.2.3/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.129", "192.0.2.127"),
            ("0.0.0.0/0", "255.1.2.3", "::1"),
            ("::1", "::1", "::2"),
            ("fd00::/8", "fdff:1::2", "fe00::"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
            ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.1"),
        ] {
            let range = AddressRange::parse(text).unwrap();
            assert!(range.contains(inside.parse().unwrap()), "{text} {inside}");
            assert!(
                !range.contains(outside.parse().unwrap()),
                "{text} {outside}"
            );
            assert_eq!(range.is_everybody(), text.ends_with("/0"), "{text}");
            // What is shown reads back.
            assert_eq!(AddressRange::parse(&range.to_string()), Ok(range));
        }
        assert_eq!(
            AddressRange::parse("10.1.2.3/8").unwrap().to_string(),
            "10.0.0.0/8"
        );
    }

    #[test]
    fn other_texts_are_refused_in_words() {
        for text in [
            "",
            "/",
            "/8",
            "a",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "::/129",
            "10.0.0/8",
            "10.0.0.0 /8",
            "10.0.0.0/256",
        ] {
            assert!(AddressRange::parse(text).is_err(), "{text:?}");
        }
    }
}
