//! Which series a query means.

use stardust_shared::series::name_of;

/// One selector: an exact key, a bare name, or a prefix that ends in `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Selector {
    Prefix(String),
    Exact(String),
}

#[derive(Clone, Debug, Default)]
pub struct Selectors(Vec<Selector>);

impl Selectors {
    /// Each text may hold several selectors with commas between them; a comma
    /// inside of braces belongs to the key.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut selectors = Vec::new();
        for text in texts {
            for one in split(text) {
                selectors.push(match one.strip_suffix('*') {
                    Some(prefix) => Selector::Prefix(prefix.to_string()),
                    None => Selector::Exact(one.to_string()),
                });
            }
        }
        Self(selectors)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that name one series, or all of one name.
    pub fn exact(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|selector| match selector {
            Selector::Exact(exact) => Some(exact.as_str()),
            Selector::Prefix(_) => None,
        })
    }

    /// Where in the order of keys those are that they may mean: from, and up to.
    pub fn ranges(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        // No key has such a byte.
        const ABOVE_ALL: u8 = 0xff;
        let behind = |text: &str, byte: u8| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.push(byte);
            bytes
        };
        self.0.iter().map(move |selector| match selector {
            Selector::Prefix(prefix) => (prefix.as_str(), behind(prefix, ABOVE_ALL)),
            Selector::Exact(exact) if exact.contains('{') => (exact.as_str(), behind(exact, 0)),
            // Also what has labels.
            Selector::Exact(exact) => (exact.as_str(), behind(exact, b'{' + 1)),
        })
    }

    /// Whether one of them is this very key.
    pub fn names(&self, key: &str) -> bool {
        let mut all = self.0.iter();
        all.any(|selector| matches!(selector, Selector::Exact(exact) if exact == key))
    }

    /// A bare name means the series without labels, or where there is none
    /// all series of that name.
    pub fn matches(&self, key: &str, bare_exists: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|selector| match selector {
            Selector::Prefix(prefix) => key.starts_with(prefix.as_str()),
            Selector::Exact(exact) => {
                key == exact
                    || (!exact.contains('{') && name_of(key) == exact && !bare_exists(exact))
            }
        })
    }
}

fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut braces, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => braces = true,
            b'}' => braces = false,
            b',' if !braces => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_inside_of_braces_belong_to_the_key() {
        assert_eq!(
            split("cpu.user_ms, fs.free_bytes{mount=/,type=ext4},x{a=b\\},c},"),
            [
                "cpu.user_ms",
                "fs.free_bytes{mount=/,type=ext4}",
                "x{a=b\\},c}"
            ]
        );
        assert!(Selectors::parse(["", " , "]).is_empty());
    }

    #[test]
    fn names_prefixes_and_keys_select() {
        let keys = [
            "cpu.user_ms",
            "cpu.user_ms{core=0}",
            "net.rx_bytes{iface=a}",
            "net.rx_bytes{iface=b}",
        ];
        let selected = |text: &str| -> Vec<&str> {
            let selectors = Selectors::parse([text]);
            let bare = |name: &str| keys.contains(&name);
            keys.into_iter()
                .filter(|key| selectors.matches(key, bare))
                .collect()
        };
        assert_eq!(selected("cpu.user_ms"), ["cpu.user_ms"]);
        assert_eq!(selected("cpu.user_ms{*"), ["cpu.user_ms{core=0}"]);
        assert_eq!(selected("cpu.*"), ["cpu.user_ms", "cpu.user_ms{core=0}"]);
        assert_eq!(
            selected("net.rx_bytes"),
            ["net.rx_bytes{iface=a}", "net.rx_bytes{iface=b}"]
        );
        assert_eq!(selected("net.rx_bytes{iface=b}"), ["net.rx_bytes{iface=b}"]);
        assert_eq!(selected("net.rx"), [] as [&str; 0]);
        assert_eq!(selected("*").len(), 4);
    }
}
