//! From where the page and the API, and from where Spiders, may be asked for. Pure.

use std::net::IpAddr;

use crate::address_range::{AddressRange, any_contains};

/// What `--allow-from` and `--allow-spiders-from` say; none stands for everywhere.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    pub people: Vec<AddressRange>,
    pub spiders: Vec<AddressRange>,
}

impl Networks {
    /// Whether a request for `path` may come from `client`.
    pub fn admit(&self, path: &str, client: IpAddr) -> bool {
        // Says nothing but that the server runs, and is asked for by what watches it.
        if path == "/healthz" {
            return true;
        }
        // A machine fetches the Spider and its script before it connects.
        let of_spiders = path == stardust_shared::SPIDER_PATH;
        let of_both = path.starts_with("/api/spiders/");
        let people = any(&self.people, client);
        match (of_spiders, of_both) {
            (true, _) => any(&self.spiders, client),
            (_, true) => people || any(&self.spiders, client),
            _ => people,
        }
    }
}

fn any(ranges: &[AddressRange], client: IpAddr) -> bool {
    ranges.is_empty() || any_contains(ranges, client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_spiders_come_from_their_own_networks() {
        let range = |text: &str| AddressRange::parse(text).unwrap();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let open = Networks::default();
        assert!(open.admit("/", address("203.0.113.9")));
        let bound = Networks {
            people: vec![range("10.0.0.0/8"), range("2001:db8::/32")],
            spiders: vec![range("192.0.2.0/24")],
        };
        for (path, client, expected) in [
            ("/", "10.1.2.3", true),
            ("/api/nodes", "192.0.2.7", false),
            ("/live", "203.0.113.9", false),
            ("/live", "2001:db8::7", true),
            ("/ws", "192.0.2.7", true),
            ("/ws", "10.1.2.3", false),
            ("/api/spiders/install.sh", "192.0.2.7", true),
            ("/api/spiders/x86_64", "10.1.2.3", true),
            ("/api/spiders/x86_64", "203.0.113.9", false),
            ("/healthz", "203.0.113.9", true),
            ("/metrics", "203.0.113.9", false),
            // An IPv4 address in the clothes of IPv6 is the same address.
            ("/", "::ffff:10.1.2.3", true),
        ] {
            assert_eq!(
                bound.admit(path, address(client)),
                expected,
                "{path} {client}"
            );
        }
    }
}
