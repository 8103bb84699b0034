//! As much XML as zypper prints: tags, attributes, and the text after a tag.
//! No entities but the five, no nesting kept; what is odd is passed over.

use super::limits::ENTRIES_MAX;

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// With `/` in front where it closes.
    pub name: &'a str,
    attributes: &'a str,
    /// What follows up to the next tag, as it is.
    text: &'a str,
}

pub fn tags(text: &str) -> impl Iterator<Item = Tag<'_>> {
    text.split('<')
        .skip(1)
        .take(ENTRIES_MAX * 8)
        .filter_map(|part| {
            let (inside, text) = part.split_once('>')?;
            let inside = inside.trim_end_matches('/').trim();
            let (name, attributes) = inside
                .split_once(|c: char| c.is_ascii_whitespace())
                .unwrap_or((inside, ""));
            Some(Tag {
                name,
                attributes,
                text,
            })
        })
}

impl Tag<'_> {
    pub fn text(&self) -> String {
        decode(self.text.trim())
    }

    pub fn get(&self, name: &str) -> Option<String> {
        let mut rest = self.attributes;
        loop {
            let (key, after) = rest.split_once('=')?;
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| *c == '"' || *c == '\'')?;
            let (value, after) = after[1..].split_once(quote)?;
            if key.trim() == name {
                return Some(decode(value));
            }
            rest = after;
        }
    }
}

fn decode(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_attributes() {
        let text = "<?xml version='1.0'?><a x=\"1\" y='it&apos;s'>t &amp; u<b/></a";
        let all: Vec<_> = tags(text).collect();
        assert_eq!(all.len(), 3);
        assert_eq!(all[1].get("y").as_deref(), Some("it's"));
        assert_eq!(all[1].get("x").as_deref(), Some("1"));
        assert_eq!(all[1].get("z"), None);
        assert_eq!(all[1].text(), "t & u");
        assert_eq!(all[2].name, "b");
        for odd in [
            "<",
            "<>",
            "< =>",
            "<a =\"",
            "<a x=>",
            "<a x='\u{e9}",
            "<a \u{e9}=\u{e9}>",
        ] {
            for tag in tags(odd) {
                assert!(tag.get("x").is_none());
            }
        }
    }
}
