//! Whether a request comes from a page of this server. Pure.

/// Whether `origin` is a page of the host that was asked.
pub fn is_own(origin: &str, host: &str) -> bool {
    let Some((scheme, page)) = origin.split_once("://") else {
        return false;
    };
    if scheme != "http" && scheme != "https" {
        return false;
    }
    let default = if scheme == "https" { ":443" } else { ":80" };
    let plain = |host: &str| {
        host.strip_suffix(default)
            .unwrap_or(host)
            .to_ascii_lowercase()
    };
    plain(host) == plain(page)
}

/// Whether a browser says that a page of ours asks, or the person (Fetch Metadata).
/// What says nothing is no browser, or an old one.
pub fn is_own_site(sec_fetch_site: Option<&str>) -> bool {
    sec_fetch_site.is_none_or(|site| matches!(site, "same-origin" | "none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_host_and_port_are_our_own() {
        for (origin, host, own) in [
            ("https://a", "a", true),
            ("https://A", "a:443", true),
            ("http://a:80", "a", true),
            ("http://a:8933", "a:8933", true),
            ("http://a:8933", "a", false),
            ("https://evil.example", "a", false),
            ("null", "null", false),
            ("", "", false),
            ("file://a", "a", false),
        ] {
            assert_eq!(is_own(origin, host), own, "{origin} {host}");
        }
        assert!(is_own_site(None) && is_own_site(Some("same-origin")));
        assert!(!is_own_site(Some("same-site")) && !is_own_site(Some("cross-site")));
    }
}
