//! The address of Ground Control, as `--server` gives it.

use stardust_shared::SPIDER_PATH;

/// Longest name of an interface (IFNAMSIZ of the kernel, without its NUL).
const ZONE_BYTES_MAX: usize = 15;
/// Longest URL that is read.
const URL_BYTES_MAX: usize = 2048;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    pub tls: bool,
    /// Name or address; an IPv6 address is without its brackets and its zone.
    pub host: String,
    /// The interface that leads to a link-local address: its name or number.
    pub zone: Option<String>,
    pub port: u16,
    /// Path and query, at least `/`.
    pub path: String,
}

impl ServerUrl {
    /// Reads `ws://HOST[:PORT][/PATH]` or `wss://…`. The error says what is
    /// wrong, in words that follow "--server: ".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > URL_BYTES_MAX {
            return Err("the URL is longer than 2048 bytes");
        }
        if text.bytes().any(|b| b <= b' ' || b == 0x7f) {
            return Err("the URL contains a space or a control character; remove it");
        }
        let (tls, rest) = if let Some(rest) = strip_scheme(text, "ws://") {
            (false, rest)
        } else if let Some(rest) = strip_scheme(text, "wss://") {
            (true, rest)
        } else if strip_scheme(text, "http://").is_some() {
            return Err("use ws:// in place of http://");
        } else if strip_scheme(text, "https://").is_some() {
            return Err("use wss:// in place of https://");
        } else {
            return Err("the URL must begin with ws:// or wss://");
        };
        if rest.contains('#') {
            return Err("a fragment (#…) has no meaning here; remove it");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(
                "a user or password in the URL is not accepted; give the token by --token-file",
            );
        }
        let (host, port) = split_port(authority)?;
        let (host, zone) = split_zone(host)?;
        let port = match port {
            None => {
                if tls {
                    443
                } else {
                    80
                }
            }
            Some(text) => parse_port(text)?,
        };
        if !path.is_ascii() {
            return Err("the path contains characters that must be percent-encoded");
        }
        let path = match path {
            "" | "/" => SPIDER_PATH.to_owned(),
            query if query.starts_with('?') => {
                let mut path = SPIDER_PATH.to_owned();
                path.push_str(query);
                path
            }
            path => path.to_owned(),
        };
        Ok(Self {
            tls,
            host: host.to_owned(),
            zone: zone.map(str::to_owned),
            port,
            path,
        })
    }

    /// The value of the `Host` header: brackets around IPv6, no default port.
    pub fn host_header(&self) -> String {
        let mut out = String::with_capacity(self.host.len() + 8);
        let bracketed = self.host.contains(':');
        if bracketed {
            out.push('[');
        }
        out.push_str(&self.host);
        if bracketed {
            out.push(']');
        }
        if self.port != if self.tls { 443 } else { 80 } {
            out.push(':');
            out.push_str(&self.port.to_string());
        }
        out
    }
}

fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let head = text.get(..scheme.len())?;
    head.eq_ignore_ascii_case(scheme)
        .then(|| &text[scheme.len()..])
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or("the IPv6 address lacks its closing ]")?;
        if !host.contains(':') {
            return Err("what is between [ and ] is not an IPv6 address");
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("after ] only :PORT or a path may follow"),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => {
            return Err("put an IPv6 address in brackets, such as ws://[::1]:8933");
        }
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if host.is_empty() {
        return Err("the URL names no host");
    }
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if host.len() > 253 || !host.bytes().all(valid) {
        return Err("the host name holds characters that no host name has");
    }
    Ok((host, port))
}

/// `fe80::1%eth0`, or with the `%` as URLs have it: `fe80::1%25eth0`. What comes
/// with a `%` or a `:` was between brackets.
fn split_zone(host: &str) -> Result<(&str, Option<&str>), &'static str> {
    if !host.contains([':', '%']) {
        return Ok((host, None));
    }
    let (address, zone) = match host.split_once('%') {
        Some((address, zone)) => {
            let plain = zone.strip_prefix("25").filter(|rest| !rest.is_empty());
            (address, Some(plain.unwrap_or(zone)))
        }
        None => (host, None),
    };
    let Ok(parsed) = address.parse::<std::net::Ipv6Addr>() else {
        return Err("what is between [ and ] is not an IPv6 address");
    };
    if let Some(zone) = zone {
        let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'~');
        if !(1..=ZONE_BYTES_MAX).contains(&zone.len()) || !zone.bytes().all(valid) {
            return Err("what is behind the % is not an interface's name");
        }
        if !parsed.is_unicast_link_local() {
            return Err(
                "only a link-local address (fe80::…) has a zone; remove the % and what follows it",
            );
        }
    }
    Ok((address, zone))
}

fn parse_port(text: &str) -> Result<u16, &'static str> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 && !text.starts_with('+') => Ok(port),
        _ => Err("the port must be a number from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(tls: bool, host: &str, port: u16, path: &str) -> Result<ServerUrl, &'static str> {
        Ok(ServerUrl {
            tls,
            host: host.into(),
            zone: None,
            port,
            path: path.into(),
        })
    }

    #[test]
    fn the_parts_and_their_defaults() {
        let parse = ServerUrl::parse;
        assert_eq!(parse("ws://gc"), url(false, "gc", 80, "/ws"));
        assert_eq!(
            parse("wss://gc.example/"),
            url(true, "gc.example", 443, "/ws")
        );
        assert_eq!(parse("WS://gc:8933"), url(false, "gc", 8933, "/ws"));
        assert_eq!(
            parse("ws://10.0.0.1:1/a/b?c"),
            url(false, "10.0.0.1", 1, "/a/b?c")
        );
        assert_eq!(parse("wss://gc?x=1"), url(true, "gc", 443, "/ws?x=1"));
        assert_eq!(
            parse("wss://[2001:db8::1]"),
            url(true, "2001:db8::1", 443, "/ws")
        );
        assert_eq!(parse("ws://[::1]:8933/x"), url(false, "::1", 8933, "/x"));
    }

    #[test]
    fn a_link_local_address_has_a_zone_and_no_header_has_it() {
        for (text, zone) in [
            ("ws://[fe80::1%eth0]:8933", "eth0"),
            ("ws://[fe80::1%25eth0]:8933/ws", "eth0"),
            ("ws://[fe80::1%2]:8933", "2"),
            ("ws://[fe80::1%25]:8933", "25"),
            ("ws://[fe80::1%br-lan.7]:8933", "br-lan.7"),
        ] {
            let url = ServerUrl::parse(text).unwrap();
            assert_eq!((&*url.host, url.port), ("fe80::1", 8933), "{text}");
            assert_eq!(url.zone.as_deref(), Some(zone), "{text}");
            assert_eq!(url.host_header(), "[fe80::1]:8933");
        }
    }

    #[test]
    fn hostile_urls_are_refused_with_a_reason() {
        for text in [
            "",
            "gc",
            "ws:",
            "ws://",
            "ws:///ws",
            "ftp://gc",
            "http://gc",
            "https://gc",
            "ws://user:pw@gc",
            "ws://gc/#x",
            "ws://gc:0",
            "ws://gc:65536",
            "ws://gc:+80",
            "ws://gc:",
            "ws://::1",
            "ws://[::1",
            "ws://[gc]",
            "ws://[]",
            "ws://[1.2.3.4]",
            "ws://[fe80::1%]",
            "ws://[fe80::1%a/b]",
            "ws://[fe80::1%0123456789abcdef]",
            "ws://[2001:db8::1%eth0]",
            "ws://[gc%eth0]",
            "ws://gc%eth0",
            "ws://[::1]x",
            "ws://g c",
            "ws://gc/\r\nX: 1",
            "ws://gc\0",
            "ws://gé",
            "ws://gc/é",
            "é",
            "wé://",
        ] {
            let error = ServerUrl::parse(text).unwrap_err();
            assert!(error.len() > 10, "{text}");
        }
        let long = format!("ws://gc/{}", "a".repeat(URL_BYTES_MAX));
        assert!(ServerUrl::parse(&long).is_err());
    }

    #[test]
    fn the_host_header_has_brackets_and_no_default_port() {
        let header = |text| ServerUrl::parse(text).unwrap().host_header();
        assert_eq!(header("ws://gc"), "gc");
        assert_eq!(header("wss://gc:80"), "gc:80");
        assert_eq!(header("wss://gc:443"), "gc");
        assert_eq!(header("ws://[::1]:8933"), "[::1]:8933");
    }
}
