//! The address of Ground Control, as `--server` gives it.

use stardust_shared::SPIDER_PATH;

/// Longest URL that is read.
const URL_BYTES_MAX: usize = 2048;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    pub tls: bool,
    /// Name or address; an IPv6 address is without its brackets.
    pub host: String,
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
        if host.parse::<std::net::Ipv6Addr>().is_err() {
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
