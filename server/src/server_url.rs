//! The address under which Spiders reach Ground Control.

use std::fmt;

/// `ws://host[:port]` or `wss://host[:port]`, nothing else in it: safe to put
/// into a shell command between single quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    secure: bool,
    authority: String,
}

/// Longest host name of DNS, plus a port.
const AUTHORITY_BYTES_MAX: usize = 253 + 6;

impl ServerUrl {
    /// Reads `http://`, `https://`, `ws://` or `wss://` with a host and maybe a port.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("it has no scheme such as https://")?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return Err("its scheme is not http, https, ws or wss"),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        // As a Spider's address is often written: that is where it connects to anyhow.
        let authority = authority.strip_suffix("/ws").unwrap_or(authority);
        if authority.contains(['/', '?', '#']) {
            return Err("it has a path: Spiders connect to /ws at the root of the host");
        }
        Self::from_authority(secure, authority).ok_or("its host or port is not valid")
    }

    /// From a `host[:port]` as a Host header carries it; None when it is not sane.
    pub fn from_authority(secure: bool, authority: &str) -> Option<Self> {
        if authority.len() > AUTHORITY_BYTES_MAX {
            return None;
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']')?;
                address.parse::<std::net::Ipv6Addr>().ok()?;
                let port = match after {
                    "" => None,
                    after => Some(after.strip_prefix(':')?),
                };
                (None, port)
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (Some(host), Some(port)),
                None => (Some(authority), None),
            },
        };
        if let Some(port) = port {
            let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            if !digits || port.parse::<u16>().ok()? == 0 {
                return None;
            }
        }
        if let Some(host) = host {
            let label = |label: &str| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            };
            if !host.strip_suffix('.').unwrap_or(host).split('.').all(label) {
                return None;
            }
        }
        Some(Self {
            secure,
            authority: authority.to_ascii_lowercase(),
        })
    }

    /// The default address, for when nothing else is known.
    pub fn loopback() -> Self {
        Self {
            secure: false,
            authority: format!("127.0.0.1:{}", crate::config::PORT_DEFAULT),
        }
    }

    pub fn secure(&self) -> bool {
        self.secure
    }

    /// As a program that speaks HTTP takes it: `http://…` or `https://…`.
    pub fn http(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// The host, IPv6 without brackets, and the port, also where it is not written.
    pub fn host_and_port(&self) -> (&str, u16) {
        let default = if self.secure { 443 } else { 80 };
        let (host, port) = match self.authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']').unwrap_or((rest, "")),
            None => match self.authority.find(':') {
                Some(at) => self.authority.split_at(at),
                None => (self.authority.as_str(), ""),
            },
        };
        let port = port.strip_prefix(':').and_then(|port| port.parse().ok());
        (host, port.unwrap_or(default))
    }

    /// `host[:port]`.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// As a Spider takes it: `ws://…` or `wss://…`.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(ServerUrl::parse(text).unwrap().to_string(), expected);
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
            let url = ServerUrl::parse(text).unwrap();
            assert_eq!(
                (url.http().as_str(), url.host_and_port()),
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
            "http://[zz]",
            "http://-a.example",
            "http://a..b",
            "http://é.example",
            &format!("http://{}", "a.".repeat(200)),
        ] {
            assert!(ServerUrl::parse(text).is_err(), "{text:?}");
        }
    }
}
