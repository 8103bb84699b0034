//! `https_proxy` and its family, as curl reads them.

use std::net::IpAddr;

use stardust_shared::{Secret, ServerUrl};

/// Longest value that is read of one variable.
const VALUE_BYTES_MAX: usize = 4096;

/// The HTTP proxy that stands between us and Ground Control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Name or address; an IPv6 address is without its brackets.
    pub host: String,
    pub port: u16,
    /// `user:password`, as Basic authorization sends it.
    pub login: Option<Secret>,
}

/// The proxy for `url`, if the environment names one. An error says what is
/// wrong with which variable, without its value: that may hold a password.
pub fn choose(
    url: &ServerUrl,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, String> {
    // Not HTTP_PROXY: a web server sets that one from a request's header.
    let names: &[&str] = if url.tls {
        &["https_proxy", "HTTPS_PROXY"]
    } else {
        &["http_proxy"]
    };
    // One that is set and empty turns the proxy off.
    let first = |names: &[&'static str]| {
        names
            .iter()
            .find_map(|&name| env(name).map(|value| (name, value)))
    };
    let Some((name, value)) = first(names).filter(|(_, value)| !value.trim().is_empty()) else {
        return Ok(None);
    };
    if let Some((_, list)) = first(&["no_proxy", "NO_PROXY"])
        && is_direct(&list, &url.host)
    {
        return Ok(None);
    }
    match parse(value.trim()) {
        Ok(proxy) => Ok(Some(proxy)),
        Err(why) => Err([
            name,
            ": ",
            why,
            "; correct or unset it, or name the server in no_proxy",
        ]
        .concat()),
    }
}

/// `[http://][USER[:PASSWORD]@]HOST[:PORT][/]`
pub fn parse(text: &str) -> Result<Proxy, &'static str> {
    if text.len() > VALUE_BYTES_MAX {
        return Err("the proxy's address is longer than 4096 bytes");
    }
    let rest = match text.split_once("://") {
        None => text,
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
        Some(_) => return Err("only http:// proxies are known here"),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (login, authority) = match rest.rsplit_once('@') {
        Some((login, authority)) => (Some(login), authority),
        None => (None, rest),
    };
    // The rules of --server's own host and port.
    let url = ServerUrl::parse(&["ws://", authority].concat())
        .map_err(|_| "the proxy must be given as http://HOST:PORT")?;
    if authority.contains(['/', '?']) {
        return Err("a proxy's address ends after its port");
    }
    // curl takes 1080 when none is given.
    let port = url.written_port.unwrap_or(1080);
    let login = match login {
        None => None,
        Some(login) => {
            let mut login = percent_decoded(login).ok_or(
                "the user or password of the proxy is not percent-encoded as it should be",
            )?;
            if !login.contains(':') {
                login.push(':');
            }
            Some(Secret::new(login))
        }
    };
    Ok(Proxy {
        host: url.host,
        port,
        login,
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        out.push((digit()? * 16 + digit()?) as u8);
    }
    let text = String::from_utf8(out).ok()?;
    (!text.chars().any(char::is_control)).then_some(text)
}

/// Whether `list` (commas or spaces between) names `host`.
pub fn is_direct(list: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let address: Option<IpAddr> = host.parse().ok();
    list.split([',', ' ', '\t'])
        .map(|entry| entry.trim_end_matches('.'))
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            if entry == "*" {
                return true;
            }
            if let Some(address) = address {
                return covers(entry, address);
            }
            // A domain stands for all below it, with its dot or without.
            let domain = entry.strip_prefix('.').unwrap_or(entry);
            match host.len().checked_sub(domain.len()) {
                _ if domain.is_empty() => false,
                Some(0) => host.eq_ignore_ascii_case(domain),
                Some(at) => {
                    host.as_bytes()[at - 1] == b'.'
                        && host.as_bytes()[at..].eq_ignore_ascii_case(domain.as_bytes())
                }
                None => false,
            }
        })
}

/// Whether `entry`, an address or a network in CIDR form, covers `address`.
fn covers(entry: &str, address: IpAddr) -> bool {
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network, bits.parse::<u32>().ok()),
        None => (entry, Some(128)),
    };
    let network = network.trim_start_matches('[').trim_end_matches(']');
    match (network.parse(), address, bits) {
        (Ok(IpAddr::V4(network)), IpAddr::V4(address), Some(bits)) => {
            let differ = network.to_bits() ^ address.to_bits();
            differ.leading_zeros() >= bits.min(32)
        }
        (Ok(IpAddr::V6(network)), IpAddr::V6(address), Some(bits)) => {
            let differ = network.to_bits() ^ address.to_bits();
            differ.leading_zeros() >= bits.min(128)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(url: &str, env: &[(&str, &str)]) -> Result<Option<Proxy>, String> {
        let url = ServerUrl::parse(url).unwrap();
        choose(&url, &|name| {
            let found = env.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        })
    }

    fn host(url: &str, env: &[(&str, &str)]) -> Option<String> {
        chosen(url, env).unwrap().map(|proxy| proxy.host)
    }

    #[test]
    fn each_scheme_has_its_variable() {
        let both = [("https_proxy", "http://a:1"), ("http_proxy", "http://b:2")];
        assert_eq!(host("wss://gc", &both).as_deref(), Some("a"));
        assert_eq!(host("ws://gc", &both).as_deref(), Some("b"));
        assert_eq!(
            host("wss://gc", &[("HTTPS_PROXY", "c")]).as_deref(),
            Some("c")
        );
        // What a CGI script would have of a header named Proxy.
        assert_eq!(host("ws://gc", &[("HTTP_PROXY", "http://evil")]), None);
        let off = [("https_proxy", ""), ("HTTPS_PROXY", "c")];
        assert_eq!(host("wss://gc", &off), None);
        assert_eq!(host("wss://gc", &[]), None);
    }

    #[test]
    fn addresses_in_all_their_spellings() {
        let proxy = |host: &str, port, login: Option<&str>| {
            let login = login.map(|login: &str| Secret::new(login.to_owned()));
            Ok(Proxy {
                host: host.into(),
                port,
                login,
            })
        };
        assert_eq!(parse("http://p:3128/"), proxy("p", 3128, None));
        assert_eq!(parse("p:80"), proxy("p", 80, None));
        assert_eq!(parse("HTTP://10.0.0.1"), proxy("10.0.0.1", 1080, None));
        assert_eq!(parse("http://[::1]:8"), proxy("::1", 8, None));
        assert_eq!(parse("http://[::1]"), proxy("::1", 1080, None));
        assert_eq!(parse("http://u:p%40w@p:1"), proxy("p", 1, Some("u:p@w")));
        assert_eq!(parse("http://u@x:@p:1"), proxy("p", 1, Some("u@x:")));
        assert_eq!(parse("http://u@p:1"), proxy("p", 1, Some("u:")));
        for text in [
            "",
            "http://",
            "https://p:443",
            "socks5://p",
            "http://p:0",
            "http://p:x",
            "http://p/path",
            "http://p?x",
            "http://u:%0a@p",
            "http://u:%4@p",
            "http://u:%zz@p",
            "p q",
            "p\r\nX: y",
            "é",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bad_value_is_told_by_name_and_without_its_password() {
        let error = chosen("wss://gc", &[("https_proxy", "https://u:s3cr3t@p")]).unwrap_err();
        assert!(error.starts_with("https_proxy: only http://"), "{error}");
        assert!(!error.contains("s3cr3t"));
        let shown = format!("{:?}", chosen("wss://gc", &[("https_proxy", "u:s3cr3t@p")]));
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }

    #[test]
    fn no_proxy_names_hosts_domains_addresses_and_networks() {
        for (list, host, direct) in [
            ("gc.example", "gc.example", true),
            ("GC.Example.", "gc.example", true),
            ("example", "gc.example", true),
            (".example", "gc.example", true),
            (".gc.example", "gc.example", true),
            ("c.example", "gc.example", false),
            ("gc.example", "example", false),
            ("x, y,gc", "gc", true),
            ("x y gc", "gc", true),
            ("*", "anything", true),
            ("*", "::1", true),
            ("", "gc", false),
            (".", "gc", false),
            (",,", "gc", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("0.0.1", "10.0.0.1", false),
            ("10.0.0.0/8", "10.200.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/0", "11.0.0.1", true),
            ("10.0.0.0/x", "10.0.0.0", false),
            ("10.0.0.0/99", "10.0.0.1", false),
            ("::1", "::1", true),
            ("[::1]", "::1", true),
            ("2001:db8::/32", "2001:db8:1::9", true),
            ("2001:db8::/32", "2001:db9::9", false),
            ("10.0.0.0/8", "::1", false),
        ] {
            assert_eq!(is_direct(list, host), direct, "{list} {host}");
        }
        let env = [("https_proxy", "p:1"), ("NO_PROXY", "other,.example")];
        assert_eq!(host("wss://gc.example", &env), None);
        assert!(host("wss://gc.test", &env).is_some());
    }
}
