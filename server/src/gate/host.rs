//! Whether a request means this server, by the host that it names. Pure.
//!
//! A browser that was sent to a foreign page asks whatever address the name of that
//! page has at the moment, ours as well (DNS rebinding), and takes the answers for
//! that page's own. What it can't change is the name: it is not one of ours.

use std::net::IpAddr;

use stardust_shared::ServerUrl;

use super::head::Head;
use super::refusal::Refusal;

/// Paths that are of no use to a foreign page, since what they want no page has: a
/// node's token, a scraper's token. Spiders, scrapers and load balancers ask under
/// whatever name they were given.
const ANY_NAME: &[&str] = &[stardust_shared::SPIDER_PATH, "/healthz", "/metrics"];

/// The names that this server has, besides `localhost` and its addresses.
#[derive(Debug, Default)]
pub struct Hosts {
    names: Vec<String>,
}

impl Hosts {
    pub fn new(server_url: Option<&ServerUrl>, more: &[String]) -> Self {
        let own = server_url.map(|url| url.host.as_str());
        let names = more.iter().map(String::as_str).chain(own);
        Self {
            names: names.map(plain).collect(),
        }
    }

    /// # Errors
    /// What the client is told.
    pub fn check(&self, head: &Head) -> Result<(), Refusal> {
        let mut hosts = head.all("host");
        let (first, second) = (hosts.next(), hosts.next());
        if second.is_some() {
            return Err(Refusal::Malformed("it has more than one Host header"));
        }
        let any = ANY_NAME.contains(&head.path());
        match first {
            // Health checks of HTTP/1.0 know no Host.
            None if any && head.minor == 0 => Ok(()),
            None => Err(Refusal::Malformed("it has no Host header")),
            Some(authority) => match host_of(authority) {
                None => Err(Refusal::Malformed("its Host is not a host and a port")),
                Some(host) if any || self.is_ours(&host) => Ok(()),
                Some(_) => Err(Refusal::Host),
            },
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        host.parse::<IpAddr>().is_ok()
            || host == "localhost"
            || host.ends_with(".localhost")
            || self.names.iter().any(|name| name == host)
    }
}

/// A name of a host, as `--allowed-host` takes it.
pub fn name(text: &str) -> Option<String> {
    let host = host_of(text)?;
    // Without a port: a name counts on all of them.
    let bare = text.trim_matches(['[', ']']);
    (plain(bare) == host).then_some(host)
}

/// The host of a `host[:port]`: in lower case, without brackets and the last dot.
fn host_of(authority: &str) -> Option<String> {
    let url = ServerUrl::from_authority(false, authority)?;
    Some(plain(&url.host))
}

fn plain(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, hosts: &[&str]) -> Result<(), Refusal> {
        let url = ServerUrl::parse_origin("https://Stardust.Example:8443").unwrap();
        let ours = Hosts::new(Some(&url), &["gc.lan".to_owned()]);
        let mut text = format!("GET {target} HTTP/1.1\r\n");
        for host in hosts {
            text.push_str(&format!("Host: {host}\r\n"));
        }
        text.push_str("\r\n");
        ours.check(&super::super::head::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn addresses_and_names_of_ours_are_taken_with_any_port() {
        for host in [
            "127.0.0.1",
            "192.0.2.7:8933",
            "[::1]:8933",
            "[2001:db8::7]",
            "localhost",
            "LocalHost:1",
            "localhost.",
            "fleet.localhost:8933",
            "stardust.example",
            "STARDUST.example.:443",
            "gc.lan",
            "gc.lan:8933",
        ] {
            for target in ["/", "/api/auth/login", "/live", "/ws", "/metrics"] {
                assert_eq!(check(target, &[host]), Ok(()), "{host} {target}");
            }
        }
    }

    #[test]
    fn foreign_names_reach_nothing_that_a_page_could_use() {
        for host in [
            "evil.example",
            "evil.example:8933",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "notlocalhost",
            "stardust.example.evil.example",
            "sub.stardust.example",
            "x.gc.lan",
            "0x7f.1",
            "2130706433",
        ] {
            for target in ["/", "/api/auth/login", "/live", "/healthz/", "/wss"] {
                assert_eq!(check(target, &[host]), Err(Refusal::Host), "{host}");
            }
            for target in ["/ws", "/healthz", "/healthz?x", "/metrics"] {
                assert_eq!(check(target, &[host]), Ok(()), "{host} {target}");
            }
        }
    }

    #[test]
    fn one_host_that_is_one() {
        for target in ["/", "/healthz", "/ws"] {
            for hosts in [
                &[][..],
                &[""],
                &["127.0.0.1", "127.0.0.1"],
                &["localhost", "evil.example"],
                &["user@localhost"],
                &["localhost, evil.example"],
                &["localhost:"],
                &["[::1"],
                &["localhost:99999"],
                &["a b"],
            ] {
                assert!(
                    matches!(check(target, hosts), Err(Refusal::Malformed(_))),
                    "{target} {hosts:?}"
                );
            }
        }
        let old = |target: &str| {
            let text = format!("GET {target} HTTP/1.0\r\n\r\n");
            Hosts::default().check(&super::super::head::parse(text.as_bytes()).unwrap())
        };
        assert_eq!(old("/healthz"), Ok(()));
        assert!(old("/").is_err());
    }

    #[test]
    fn what_may_be_allowed_is_a_name_alone() {
        for (text, found) in [
            ("gc.lan", Some("gc.lan")),
            ("GC.Lan.", Some("gc.lan")),
            ("my_host", Some("my_host")),
            ("::1", None),
            ("[::1]", Some("::1")),
            ("gc.lan:8933", None),
            ("https://gc.lan", None),
            ("*.lan", None),
            ("", None),
        ] {
            assert_eq!(name(text).as_deref(), found, "{text:?}");
        }
    }
}
