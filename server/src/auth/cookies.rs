//! Reading a Cookie header and writing Set-Cookie.

const SESSION: &str = "stardust_session";
/// Over HTTPS: the prefix keeps pages of other hosts under the same domain, and whoever
/// can answer for this host without TLS, from setting one (RFC 6265bis, section 4.1.3.2).
const SESSION_SECURE: &str = "__Host-stardust_session";

/// What the session's cookie is called.
pub fn session_name(https: bool) -> &'static str {
    if https { SESSION_SECURE } else { SESSION }
}
/// Cookies looked at in one header; a browser sends ours among the first.
const COOKIES_MAX: usize = 64;

/// The values of all cookies called `name`, in the order they came.
pub fn values<'a>(header: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    header
        .split(';')
        .take(COOKIES_MAX)
        .filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='))
        .filter(move |(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A Set-Cookie value that only HTTP sees and only our own pages send.
pub fn set(name: &str, value: &str, max_age_s: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_cookie_is_found_among_others() {
        let header = "a=b; stardust_session=one;stardust_session=two; xstardust_session=no; =; ;";
        let found: Vec<_> = values(header, SESSION).collect();
        assert_eq!(found, ["one", "two"]);
        assert_eq!(values("stardust_sessio=x", SESSION).next(), None);
        assert_eq!(values("", SESSION).next(), None);
        let flood = format!("{}stardust_session=late", "a=b;".repeat(100_000));
        assert_eq!(values(&flood, SESSION).next(), None);
    }

    #[test]
    fn over_https_only_the_host_itself_can_have_set_it() {
        let header = "stardust_session=tossed; __Host-stardust_session=own";
        let found = |https| values(header, session_name(https)).collect::<Vec<_>>();
        assert_eq!((found(true), found(false)), (vec!["own"], vec!["tossed"]));
    }

    #[test]
    fn secure_only_over_https() {
        assert_eq!(
            set(SESSION, "x", 60, false),
            "stardust_session=x; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"
        );
        assert!(set(SESSION, "x", 60, true).ends_with("; Secure"));
    }
}
