//! Who is asking: the peer itself, or whom a trusted proxy names. Pure.

use std::net::{IpAddr, SocketAddr};

use super::head::Head;
use crate::address_range::{AddressRange, any_contains};
use crate::auth::origin::is_own;

/// The client's address and the scheme that it used; `is_proxy` says that `peer` may
/// speak for others.
///
/// `X-Forwarded-For` is believed only from a trusted proxy, and only back to the
/// first address that is not one: everything before it the client may have made up.
pub fn client(
    head: &Head,
    (peer, is_proxy): (IpAddr, bool),
    own_scheme: &'static str,
    trusted: &[AddressRange],
) -> (IpAddr, &'static str) {
    let peer = peer.to_canonical();
    if !is_proxy {
        return (peer, own_scheme);
    }
    let forwarded: Vec<&str> = head
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"))
        .flat_map(|(_, value)| value.split(','))
        .map(str::trim)
        .collect();
    let mut client = peer;
    for text in forwarded.iter().rev() {
        let Some(address) = address(text) else {
            break;
        };
        client = address.to_canonical();
        if !any_contains(trusted, client) {
            break;
        }
    }
    let scheme = match head.get("x-forwarded-proto") {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
        Some(_) => "http",
        None => own_scheme,
    };
    (client, scheme)
}

/// Some proxies add the port, as those of IIS and Azure.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_matches(['[', ']']).parse();
    let address = bare.or_else(|_| text.parse::<SocketAddr>().map(|with_port| with_port.ip()));
    address.ok()
}

/// Whether a page of `origin` may open `/live` on this host.
///
/// A browser always sends Origin with a WebSocket; a script with a Bearer token
/// sends none and carries no cookie that a foreign page could borrow.
pub fn origin_allowed(head: &Head, has_bearer: bool) -> bool {
    let Some(origin) = head.get("origin") else {
        return has_bearer;
    };
    head.get("host").is_some_and(|own| is_own(origin, own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Head {
        let headers = headers
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect();
        Head {
            method: "GET".into(),
            target: "/".into(),
            minor: 1,
            headers,
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let spoofed = head(&[
            ("X-Forwarded-For", "6.6.6.6, 192.0.2.9"),
            ("X-Forwarded-Proto", "https"),
        ]);
        let client = |head: &Head, peer: IpAddr, own, trusted: &[AddressRange]| {
            client(head, (peer, any_contains(trusted, peer)), own, trusted)
        };
        assert_eq!(
            client(&spoofed, ip("192.0.2.1"), "http", &[]),
            (ip("192.0.2.1"), "http")
        );
        let trusted = ["127.0.0.1", "10.0.0.0/8"].map(|text| AddressRange::parse(text).unwrap());
        assert_eq!(
            client(&spoofed, ip("127.0.0.1"), "http", &trusted),
            (ip("192.0.2.9"), "https")
        );
        let chain = head(&[("X-Forwarded-For", "6.6.6.6, 192.0.2.9, 10.0.0.1")]);
        assert_eq!(
            client(&chain, ip("::ffff:127.0.0.1"), "http", &trusted),
            (ip("192.0.2.9"), "http")
        );
        for (text, address) in [
            ("192.0.2.9:51234", "192.0.2.9"),
            ("[2001:db8::7]:51234", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("::ffff:192.0.2.9", "192.0.2.9"),
            // What is no address is nobody's, and nothing before it is believed.
            ("192.0.2.9, unknown", "127.0.0.1"),
            ("192.0.2.9,", "127.0.0.1"),
        ] {
            let told = head(&[("X-Forwarded-For", text)]);
            let found = client(&told, ip("127.0.0.1"), "http", &trusted);
            assert_eq!(found, (ip(address), "http"), "{text}");
        }
        let junk = head(&[("X-Forwarded-For", "<script>")]);
        assert_eq!(
            client(&junk, ip("127.0.0.1"), "https", &trusted),
            (ip("127.0.0.1"), "https")
        );
    }

    #[test]
    fn foreign_pages_may_not_open_live() {
        let check = |origin: Option<&str>, host: &str, bearer: bool| {
            let mut headers = vec![("Host", host)];
            headers.extend(origin.map(|origin| ("Origin", origin)));
            origin_allowed(&head(&headers), bearer)
        };
        assert!(check(Some("http://a:8933"), "a:8933", false));
        assert!(check(Some("https://A"), "a:443", false));
        assert!(check(Some("https://a:443"), "a", false));
        assert!(!check(Some("http://a:8934"), "a:8933", false));
        assert!(!check(Some("https://evil.example"), "a", false));
        assert!(!check(Some("https://evil.example"), "a", true));
        assert!(!check(Some("null"), "a", false));
        assert!(!check(Some("file://a"), "a", false));
        assert!(!check(None, "a", false));
        assert!(check(None, "a", true));
    }
}
