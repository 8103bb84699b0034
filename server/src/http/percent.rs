//! Percent-encoding (RFC 3986, section 2.1). Pure.

/// Percent-encoded, but for what RFC 3986, section 2.3 reserves for nothing.
pub fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes()
        .map(|b| match plain(b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn what_is_not_unreserved_is_encoded() {
        assert_eq!(encoded("aZ09-._~"), "aZ09-._~");
        assert_eq!(encoded("a b&c=ä/"), "a%20b%26c%3D%C3%A4%2F");
    }
}
