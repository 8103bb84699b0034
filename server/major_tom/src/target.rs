//! Where to and as whom, checked so strictly that no part of it can be anything
//! but a name: not an option, not shell text, not a second line.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::fault::{Cause, Fault};

const HOST_BYTES_MAX: usize = 253;
const USER_BYTES_MAX: usize = 64;

/// A checked address of an SSH server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    host: String,
    port: u16,
    user: String,
}

impl Target {
    pub fn new(host: &str, port: u16, user: &str) -> Result<Self, Fault> {
        if port == 0 {
            return Err(bad("The port is 0.", "Use 1 to 65535; SSH has 22."));
        }
        Ok(Self {
            host: checked_host(host)?,
            port,
            user: checked_user(user)?,
        })
    }

    /// A name or an address, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn user(&self) -> &str {
        &self.user
    }
}

/// `host:port`, `[::1]:port`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn checked_host(given: &str) -> Result<String, Fault> {
    let wrong = || {
        bad(
            "The host is no name and no address.",
            "Use a DNS name such as pi4.example, or an address such as 192.0.2.7 or 2001:db8::7, \
             and put the port and the user into their own fields.",
        )
    };
    if given.len() > HOST_BYTES_MAX + 2 {
        return Err(wrong());
    }
    let bare = given
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(inner) = bare {
        return checked_v6(inner).ok_or_else(wrong);
    }
    if given.contains(':') {
        return checked_v6(given).ok_or_else(wrong);
    }
    if let Ok(address) = given.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let name = given.strip_suffix('.').unwrap_or(given);
    if name.len() > HOST_BYTES_MAX || !name.split('.').all(label) {
        return Err(wrong());
    }
    if ends_in_number(name) {
        return Err(bad(
            "The host is a number in disguise: resolvers take such for an address, and not all for \
             the same one.",
            "Write the address as four numbers without zeros before them, such as 192.0.2.7.",
        ));
    }
    Ok(given.to_ascii_lowercase())
}

/// `1.2.3`, `0177.1`, `2130706433` and `0x7f000001` are addresses to some resolvers,
/// by the last of their parts.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    match hex {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => last.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// An address, with a zone (`fe80::1%eth0`) where it is link-local.
fn checked_v6(text: &str) -> Option<String> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    let address: Ipv6Addr = address.parse().ok()?;
    match zone {
        None => Some(address.to_string()),
        Some(zone) => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            let good = (1..=15).contains(&zone.len())
                && !zone.starts_with('-')
                && zone.bytes().all(plain)
                && address.is_unicast_link_local();
            good.then(|| format!("{address}%{zone}"))
        }
    }
}

fn checked_user(given: &str) -> Result<String, Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@\\+".contains(&byte);
    let good = (1..=USER_BYTES_MAX).contains(&given.len())
        && given
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && given.bytes().all(plain);
    if good {
        return Ok(given.to_owned());
    }
    Err(bad(
        "The user can't be the name of a login.",
        format!(
            "Use 1 to {USER_BYTES_MAX} letters, digits and . _ - @ + \\, beginning with a letter, a digit or _."
        ),
    ))
}

fn bad(detail: &str, hint: impl Into<String>) -> Fault {
    Fault::new(Cause::BadTarget, detail, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_pass() {
        for (given, shown) in [
            ("pi4", "pi4:22"),
            ("Node-1.Example.COM.", "node-1.example.com.:22"),
            ("a_b.local", "a_b.local:22"),
            ("192.0.2.7", "192.0.2.7:22"),
            ("2001:DB8::7", "[2001:db8::7]:22"),
            ("[::1]", "[::1]:22"),
            ("fe80::1%eth0", "[fe80::1%eth0]:22"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example:22"),
            ("0xcafe.example", "0xcafe.example:22"),
            ("0x7g", "0x7g:22"),
            ("1a", "1a:22"),
        ] {
            assert_eq!(Target::new(given, 22, "root").unwrap().to_string(), shown);
        }
        for user in [
            "root",
            "ops",
            "a.b-c",
            "DOMAIN\\joe",
            "joe@realm",
            "_apt",
            "0x",
        ] {
            assert!(Target::new("h", 22, user).is_ok(), "{user}");
        }
        assert!(Target::new(&format!("{}.de", ["a"; 100].join(".")), 65535, "u").is_ok());
    }

    #[test]
    fn a_number_in_disguise_is_no_host() {
        for host in [
            "0x0a4d0102",
            "0X7F.1",
            "0x7f.0x1",
            "127.0.0.0x1",
            "0x",
            "012.1",
            "10.0.0.010",
            "2130706433",
            "2130706433.",
            "1.2.3",
            "example.7",
            "1.2.3.4.5",
            "256.1.1.1",
        ] {
            let refused = Target::new(host, 22, "root").unwrap_err();
            assert!(
                refused.detail.contains("number in disguise"),
                "{host}: {refused}"
            );
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let long = "a".repeat(64);
        let longer = ["abcdefghi"; 26].join(".");
        for host in [
            "",
            "-oProxyCommand=x",
            "-h",
            "h-",
            "a b",
            "a;b",
            "a|b",
            "$(id)",
            "`id`",
            "a\nb",
            "a\0b",
            "a/b",
            "user@host",
            "host:22",
            "[::1",
            "::1]",
            "[h]",
            "1.2.3",
            "0177.1",
            "2130706433",
            "a..b",
            ".",
            "..",
            "é.example",
            "a\u{202e}b",
            "::1%$(x)",
            "::1%eth0",
            "fe80::1%",
            "a,b",
            "*",
            "'",
            "\"",
            "\\",
            &long,
            &longer,
        ] {
            let refused = Target::new(host, 22, "root").unwrap_err();
            assert_eq!(refused.cause, Cause::BadTarget, "{host:?}");
        }
        let long = "u".repeat(65);
        for user in [
            "", "-l", "--", "a b", "a;b", "$(id)", "`id`", "a\nb", "a\0", "é", "a'b", "a\"b",
            "a|b", "a/b", "*", ".", "@a", &long,
        ] {
            assert!(Target::new("h", 22, user).is_err(), "{user:?}");
        }
        assert!(Target::new("h", 0, "root").is_err());
    }
}
