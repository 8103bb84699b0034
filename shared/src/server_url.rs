//! The address under which Spiders reach Ground Control.

use std::fmt;

use crate::SPIDER_PATH;

/// Where Ground Control listens when nobody says otherwise.
pub const PORT_DEFAULT: u16 = 8933;

/// Longest name of an interface (IFNAMSIZ of the kernel, without its NUL).
const ZONE_BYTES_MAX: usize = 15;
/// Longest URL that is read.
const URL_BYTES_MAX: usize = 2048;
/// Longest host name of DNS, plus a port.
const AUTHORITY_BYTES_MAX: usize = 253 + 6;

/// `ws://host[:port]` or `wss://host[:port]`, and the path behind it.
///
/// What [`parse_origin`](Self::parse_origin) and [`from_authority`](Self::from_authority)
/// gave has no zone and no path of its own, and nothing in it that a shell would take for
/// more than text: its `Display` may stand in a command between single quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    pub tls: bool,
    /// Name or address; an IPv6 address is without its brackets and its zone.
    pub host: String,
    /// The interface that leads to a link-local address: its name or number.
    pub zone: Option<String>,
    /// As it was written, if it was.
    pub written_port: Option<u16>,
    /// Path and query, at least `/`.
    pub path: String,
}

impl ServerUrl {
    /// Reads `ws://HOST[:PORT][/PATH]` or `wss://…`, as a Spider takes it. The error
    /// says what is wrong, in words that follow "--server: ".
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
        let written_port = port.map(parse_port).transpose()?;
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
            written_port,
            path,
        })
    }

    /// Reads where Ground Control is, as people say it: `http://`, `https://`, `ws://` or
    /// `wss://` with a host and maybe a port.
    pub fn parse_origin(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("it has no scheme such as https://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return Err("its scheme is not http, https, ws or wss"),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        // As a Spider's address is often written: that is where it connects to anyhow.
        let authority = authority.strip_suffix(SPIDER_PATH).unwrap_or(authority);
        if authority.contains(['/', '?', '#']) {
            return Err("it has a path: Spiders connect to /ws at the root of the host");
        }
        Self::from_authority(tls, authority).ok_or("its host or port is not valid")
    }

    /// From a `host[:port]` as a Host header carries it; `None` when it is not sane.
    pub fn from_authority(tls: bool, authority: &str) -> Option<Self> {
        if authority.len() > AUTHORITY_BYTES_MAX {
            return None;
        }
        let (host, port) = split_port(authority).ok()?;
        let (host, zone) = split_zone(host).ok()?;
        if zone.is_some() || !(host.contains(':') || is_dns_name(host)) {
            return None;
        }
        Some(Self {
            tls,
            host: host.to_ascii_lowercase(),
            zone: None,
            written_port: port.map(parse_port).transpose().ok()?,
            path: SPIDER_PATH.to_owned(),
        })
    }

    /// The default address, for when nothing else is known.
    pub fn loopback() -> Self {
        Self {
            tls: false,
            host: "127.0.0.1".to_owned(),
            zone: None,
            written_port: Some(PORT_DEFAULT),
            path: SPIDER_PATH.to_owned(),
        }
    }

    /// The port, also where it is not written.
    pub fn port(&self) -> u16 {
        self.written_port.unwrap_or(self.default_port())
    }

    fn default_port(&self) -> u16 {
        if self.tls { 443 } else { 80 }
    }

    /// `host[:port]`: brackets around IPv6, the port if it was written.
    pub fn authority(&self) -> String {
        self.host_and(self.written_port)
    }

    /// The value of the `Host` header: as [`authority`](Self::authority), but no default
    /// port.
    pub fn host_header(&self) -> String {
        self.host_and(
            self.written_port
                .filter(|&port| port != self.default_port()),
        )
    }

    fn host_and(&self, port: Option<u16>) -> String {
        let mut out = String::with_capacity(self.host.len() + 8);
        let bracketed = self.host.contains(':');
        if bracketed {
            out.push('[');
        }
        out.push_str(&self.host);
        if bracketed {
            out.push(']');
        }
        if let Some(port) = port {
            out.push(':');
            out.push_str(&port.to_string());
        }
        out
    }

    /// As a program that speaks HTTP takes it: `http://…` or `https://…`, no path.
    pub fn http(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }
}

/// As a Spider takes it: `ws://…` or `wss://…`, with a path where it is not the usual one.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "wss" } else { "ws" };
        let authority = self.authority();
        match (&self.zone, authority.split_once(']')) {
            (Some(zone), Some((address, port))) => write!(f, "{scheme}://{address}%{zone}]{port}")?,
            _ => write!(f, "{scheme}://{authority}")?,
        }
        match self.path.as_str() {
            SPIDER_PATH => Ok(()),
            path => f.write_str(path),
        }
    }
}

/// Labels of letters, digits, `-` and `_`; a last dot may follow.
fn is_dns_name(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    host.strip_suffix('.')
        .unwrap_or(host)
        .split('.')
        .all(is_label)
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

    fn url(
        tls: bool,
        host: &str,
        port: Option<u16>,
        path: &str,
    ) -> Result<ServerUrl, &'static str> {
        Ok(ServerUrl {
            tls,
            host: host.into(),
            zone: None,
            written_port: port,
            path: path.into(),
        })
    }

    #[test]
    fn the_parts_and_their_defaults() {
        let parse = ServerUrl::parse;
        assert_eq!(parse("ws://gc"), url(false, "gc", None, "/ws"));
        assert_eq!(
            parse("wss://gc.example/"),
            url(true, "gc.example", None, "/ws")
        );
        assert_eq!(parse("WS://gc:8933"), url(false, "gc", Some(8933), "/ws"));
        assert_eq!(
            parse("ws://10.0.0.1:1/a/b?c"),
            url(false, "10.0.0.1", Some(1), "/a/b?c")
        );
        assert_eq!(parse("wss://gc?x=1"), url(true, "gc", None, "/ws?x=1"));
        assert_eq!(
            parse("wss://[2001:db8::1]"),
            url(true, "2001:db8::1", None, "/ws")
        );
        assert_eq!(
            parse("ws://[::1]:8933/x"),
            url(false, "::1", Some(8933), "/x")
        );
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
            assert_eq!((&*url.host, url.port()), ("fe80::1", 8933), "{text}");
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

    #[test]
    fn the_port_has_a_default_and_what_is_shown_is_read_back() {
        for (text, port) in [
            ("ws://gc", 80),
            ("wss://gc", 443),
            ("wss://gc:443", 443),
            ("ws://[::1]:8933/a/b?c", 8933),
            ("ws://[fe80::1%eth0]:8933", 8933),
            ("wss://[fe80::1%2]/x", 443),
            ("ws://127.0.0.1:8933", PORT_DEFAULT),
        ] {
            let url = ServerUrl::parse(text).unwrap();
            assert_eq!((url.port(), url.to_string().as_str()), (port, text));
        }
        assert_eq!(ServerUrl::loopback().to_string(), "ws://127.0.0.1:8933");
    }

    #[test]
    fn schemes_become_websocket_ones() {
        for (text, expected) in [
            ("http://127.0.0.1:8933", "ws://127.0.0.1:8933"),
            ("https://Stardust.Example", "wss://stardust.example"),
            ("wss://stardust.example:443/", "wss://stardust.example:443"),
            ("WS://[::1]:8933", "ws://[::1]:8933"),
            ("https://my_host.lan.", "wss://my_host.lan."),
            ("ws://192.0.2.7:8933/ws", "ws://192.0.2.7:8933"),
            ("wss://stardust.example/ws/", "wss://stardust.example"),
        ] {
            assert_eq!(ServerUrl::parse_origin(text).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn host_and_port_are_apart_for_other_programs() {
        for (text, http, host, port) in [
            ("ws://a:81", "http://a:81", "a", 81),
            ("https://a", "https://a", "a", 443),
            ("http://a", "http://a", "a", 80),
            ("http://[::1]:8933", "http://[::1]:8933", "::1", 8933),
            ("wss://[::1]", "https://[::1]", "::1", 443),
        ] {
            let url = ServerUrl::parse_origin(text).unwrap();
            assert_eq!(
                (&*url.http(), (&*url.host, url.port())),
                (http, (host, port))
            );
        }
    }

    #[test]
    fn hostile_addresses_are_refused() {
        for text in [
            "",
            "stardust.example",
            "ftp://a",
            "http://",
            "http://a/b",
            "http://a/b/ws",
            "http://a/ws/ws",
            "http:///ws",
            "http://a/wss",
            "http://a?b",
            "http://user@a",
            "http://a b",
            "http://a'; rm -rf /;'",
            "http://$(id)",
            "http://a\n",
            "http://a:0",
            "http://a:",
            "http://a:65536",
            "http://a:+80",
            "http://a:80:80",
            "http://[::1",
            "http://[::1]80",
            "http://[::1%25eth0]",
            "http://[fe80::1%25eth0]",
            "http://[zz]",
            "http://-a.example",
            "http://a..b",
            "http://é.example",
            &format!("http://{}", "a.".repeat(200)),
        ] {
            assert!(ServerUrl::parse_origin(text).is_err(), "{text:?}");
        }
    }
}
