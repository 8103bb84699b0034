//! One request head: parsed strictly, then routed or refused. Pure.
//!
//! Stricter than browsers and proxies need, since what is let through here is
//! all that tiny_http ever sees: line ends are CR LF, no folded lines, one
//! Content-Length, no Transfer-Encoding.

use super::limits::{BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX};
use super::refusal::Refusal;

/// What to do with a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    /// A Spider: WebSocket with a node token.
    Spider(Upgrade),
    /// A browser's live view.
    Live(Upgrade),
    /// To the API: `body` bytes follow the head.
    Relay { body: usize, expects_continue: bool },
}

/// The parts of a WebSocket handshake that matter.
#[derive(Debug, PartialEq, Eq)]
pub struct Upgrade {
    pub key: String,
    pub protocols: Vec<String>,
}

/// A parsed head. Header names are kept as sent.
#[derive(Debug)]
pub struct Head {
    pub method: String,
    pub target: String,
    /// Of HTTP/1.
    pub minor: u8,
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether a comma-separated header holds `token`.
    fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .flat_map(|v| v.split(','))
            .any(|t| t.trim().eq_ignore_ascii_case(token))
    }

    /// Whether the client would send another request on this connection.
    pub fn keeps(&self) -> bool {
        self.minor == 1 && !self.has_token("connection", "close")
    }

    /// The path without its query.
    pub fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or("")
    }
}

/// Looks for the end of the head in `bytes`, of which `seen` were looked at before.
///
/// `Ok(None)`: more is needed. `Ok(Some(n))`: the head is the first `n` bytes.
pub fn find_end(bytes: &[u8], seen: usize) -> Result<Option<usize>, Refusal> {
    let from = seen.saturating_sub(3);
    let end = bytes[from..]
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .map(|at| from + at + 4);
    match end {
        Some(end) if end <= HEAD_BYTES_MAX => Ok(Some(end)),
        None if bytes.len() < HEAD_BYTES_MAX => {
            // The preface of HTTP/2 and TLS handshakes are told from HTTP by their first bytes.
            if bytes.first() == Some(&0x16) {
                return Err(Refusal::TlsOnPlain);
            }
            first_line(bytes, seen)?;
            Ok(None)
        }
        _ => Err(Refusal::HeadTooLarge),
    }
}

/// What is no request by its first line is told at once: who speaks another protocol
/// may wait for an answer before it goes on.
fn first_line(bytes: &[u8], seen: usize) -> Result<(), Refusal> {
    let end = |bytes: &[u8]| bytes.iter().position(|&byte| byte == b'\n');
    let Some(at) = end(&bytes[seen..]) else {
        return Ok(());
    };
    if end(&bytes[..seen]).is_some() {
        return Ok(());
    }
    let mut headers = [httparse::EMPTY_HEADER; 0];
    match httparse::Request::new(&mut headers).parse(&bytes[..=seen + at]) {
        Ok(_) => Ok(()),
        Err(error) => Err(refusal(error)),
    }
}

fn refusal(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => Refusal::HeadTooLarge,
        httparse::Error::Version => Refusal::Version,
        _ => Refusal::Malformed("it is not an HTTP/1.1 request"),
    }
}

/// Parses a whole head, its empty line included.
pub fn parse(bytes: &[u8]) -> Result<Head, Refusal> {
    check_lines(bytes)?;
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => {
            return Err(Refusal::Malformed("it is not an HTTP/1.1 request"));
        }
        Err(error) => return Err(refusal(error)),
    }
    // HTTP/1.0 is what nginx speaks to its upstreams by default.
    let (Some(method), Some(target), Some(minor @ (0 | 1))) =
        (request.method, request.path, request.version)
    else {
        return Err(Refusal::Version);
    };
    let headers = request
        .headers
        .iter()
        .map(|header| {
            // tiny_http drops requests with other characters without an answer.
            let value = std::str::from_utf8(header.value)
                .ok()
                .filter(|value| value.is_ascii());
            let value = value.ok_or(Refusal::Malformed("a header is not ASCII"))?;
            Ok((header.name.to_string(), value.trim().to_string()))
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    if !target.starts_with('/') {
        return Err(Refusal::Malformed("the target must be a path"));
    }
    // Browsers send others percent-encoded (RFC 3986); tiny_http knows none.
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::Malformed("the target is not ASCII"));
    }
    Ok(Head {
        method: method.to_string(),
        target: target.to_string(),
        minor,
        headers,
    })
}

/// Shapes that parsers disagree on are refused outright.
fn check_lines(bytes: &[u8]) -> Result<(), Refusal> {
    let mut before = 0u8;
    for (at, &byte) in bytes.iter().enumerate() {
        let next = bytes.get(at + 1).copied().unwrap_or(b'\n');
        match byte {
            0 => return Err(Refusal::Malformed("it holds a NUL byte")),
            b'\n' if before != b'\r' => return Err(Refusal::Malformed("a line ends without CR")),
            b'\r' if next != b'\n' => return Err(Refusal::Malformed("a CR stands alone")),
            b'\n' if next == b' ' || next == b'\t' => {
                return Err(Refusal::Malformed("a header is folded over two lines"));
            }
            _ => {}
        }
        before = byte;
    }
    Ok(())
}

/// Decides where a request goes.
pub fn route(head: &Head) -> Result<Route, Refusal> {
    let upgrade = head.get("upgrade").is_some() && head.has_token("connection", "upgrade");
    match head.path() {
        "/ws" => return websocket(head, upgrade).map(Route::Spider),
        "/live" => return websocket(head, upgrade).map(Route::Live),
        _ => {}
    }
    if head.get("transfer-encoding").is_some() {
        return Err(Refusal::LengthRequired);
    }
    let mut lengths = head.all("content-length");
    let body = match (lengths.next(), lengths.next()) {
        (None, _) => 0,
        (Some(length), None)
            if length.bytes().all(|b| b.is_ascii_digit()) && !length.is_empty() =>
        {
            length.parse::<usize>().unwrap_or(usize::MAX)
        }
        _ => return Err(Refusal::Malformed("Content-Length is not one number")),
    };
    if body > BODY_BYTES_MAX {
        return Err(Refusal::BodyTooLarge);
    }
    Ok(Route::Relay {
        body,
        expects_continue: head.has_token("expect", "100-continue"),
    })
}

fn websocket(head: &Head, upgrade: bool) -> Result<Upgrade, Refusal> {
    if head.method != "GET" || !upgrade || !head.has_token("upgrade", "websocket") {
        return Err(Refusal::NotAnUpgrade);
    }
    if head.get("sec-websocket-version") != Some("13") {
        return Err(Refusal::WebSocketVersion);
    }
    let key = head.get("sec-websocket-key").unwrap_or("");
    // 16 bytes in base64 (RFC 6455 section 4.1).
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    if key.len() != 24 || !key.ends_with("==") || !key[..22].bytes().all(base64) {
        return Err(Refusal::Malformed(
            "Sec-WebSocket-Key is not 16 bytes in base64",
        ));
    }
    let protocols = head
        .all("sec-websocket-protocol")
        .flat_map(|value| value.split(','))
        .map(|protocol| protocol.trim().to_string())
        .collect();
    Ok(Upgrade {
        key: key.to_string(),
        protocols,
    })
}

/// Headers that end at the gate: hop by hop, or set by the gate alone.
fn ends_here(name: &str) -> bool {
    const ENDS: &[&str] = &[
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "content-length",
    ];
    let stardust = name
        .get(..11)
        .is_some_and(|start| start.eq_ignore_ascii_case("x-stardust-"));
    stardust || ENDS.iter().any(|end| name.eq_ignore_ascii_case(end))
}

/// The head as tiny_http gets it: one request, then the connection closes.
pub fn rewrite(head: &Head, body: usize, client: &str, scheme: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let mut line = |parts: &[&str]| {
        for part in parts {
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    };
    line(&[&head.method, " ", &head.target, " HTTP/1.1"]);
    for (name, value) in head.headers.iter().filter(|(name, _)| !ends_here(name)) {
        line(&[name, ": ", value]);
    }
    if head.get("host").is_none() {
        line(&["Host: stardust"]);
    }
    if body > 0 || head.get("content-length").is_some() {
        line(&["Content-Length: ", &body.to_string()]);
    }
    line(&["X-Stardust-Client: ", client]);
    line(&["X-Stardust-Scheme: ", scheme]);
    line(&["Connection: close"]);
    line(&[]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Head, Refusal> {
        parse(text.as_bytes())
    }

    fn routed(text: &str) -> Result<Route, Refusal> {
        route(&head(text)?)
    }

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    #[test]
    fn the_end_is_found_however_the_bytes_come() {
        let whole = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        for cut in 0..=whole.len() {
            // Each byte alone, and all of them at once.
            for seen in [0, cut.saturating_sub(1)] {
                let found = find_end(&whole[..cut], seen).unwrap();
                if cut < 27 {
                    assert_eq!(found, None, "{cut} {seen}");
                } else if cut == 27 || seen == 0 {
                    assert_eq!(found, Some(27), "{cut} {seen}");
                }
            }
        }
        assert_eq!(find_end(whole, 0), Ok(Some(27)));
        assert_eq!(find_end(&vec![b'a'; HEAD_BYTES_MAX - 1], 0), Ok(None));
        assert_eq!(
            find_end(&vec![b'a'; HEAD_BYTES_MAX], 0),
            Err(Refusal::HeadTooLarge)
        );
        assert_eq!(find_end(&[0x16, 3, 1], 0), Err(Refusal::TlsOnPlain));
        // Other protocols are told by their first line, however it comes.
        let malformed = Err(Refusal::Malformed("it is not an HTTP/1.1 request"));
        let ssh = b"SSH-2.0-libssh2_1.11\r\n\0\0\x01";
        assert_eq!(find_end(ssh, 0), malformed);
        assert_eq!(find_end(&ssh[..22], 5), malformed);
        assert_eq!(find_end(&ssh[..21], 5), Ok(None));
        assert_eq!(find_end(b"GET / HTTP/2.0\r\n", 0), Err(Refusal::Version));
        let begun = b"POST /a?b=c HTTP/1.1\r\nHost: a\r\n";
        assert_eq!(find_end(begun, 0), Ok(None));
        assert_eq!(find_end(begun, 24), Ok(None));
    }

    #[test]
    fn smuggling_shapes_are_refused() {
        for text in [
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\0\r\n\r\n",
            "GET / HTTP/1.1\r\nA : b\r\n\r\n",
            "GET http://other/ HTTP/1.1\r\n\r\n",
            "GET  /  HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\n",
            "GET / HTTP/1.1\r\nA: é\r\n\r\n",
            "GET /\r\n\r\n",
        ] {
            assert!(head(text).is_err(), "{text:?}");
        }
        for text in [
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1,1\r\n\r\n",
        ] {
            assert!(
                matches!(routed(text), Err(Refusal::Malformed(_))),
                "{text:?}"
            );
        }
        let both = "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(routed(both), Err(Refusal::LengthRequired));
        let large = format!(
            "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
            BODY_BYTES_MAX + 1
        );
        assert_eq!(routed(&large), Err(Refusal::BodyTooLarge));
        let huge = "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n";
        assert_eq!(routed(huge), Err(Refusal::BodyTooLarge));
        let fits = format!("POST / HTTP/1.1\r\nContent-Length: {BODY_BYTES_MAX}\r\n\r\n");
        assert_eq!(
            routed(&fits),
            Ok(Route::Relay {
                body: BODY_BYTES_MAX,
                expects_continue: false
            })
        );
    }

    #[test]
    fn upgrades_are_routed_and_checked() {
        let ws = |path: &str, more: &str| {
            routed(&format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n{more}\r\n"
            ))
        };
        let good = format!(
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: a, stardust.v1\r\n"
        );
        let Ok(Route::Spider(upgrade)) = ws("/ws?x=1", &good) else {
            panic!()
        };
        assert_eq!(upgrade.key, KEY);
        assert_eq!(upgrade.protocols, ["a", "stardust.v1"]);
        assert!(matches!(ws("/live", &good), Ok(Route::Live(_))));
        assert!(matches!(
            ws("/other", &good),
            Ok(Route::Relay { body: 0, .. })
        ));
        assert_eq!(ws("/ws", ""), Err(Refusal::WebSocketVersion));
        assert!(matches!(
            ws(
                "/ws",
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n"
            ),
            Err(Refusal::Malformed(_))
        ));
        assert!(matches!(
            ws(
                "/ws",
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ?234567890123456789012==\r\n"
            ),
            Err(Refusal::Malformed(_))
        ));
        assert_eq!(
            routed("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n"),
            Err(Refusal::NotAnUpgrade)
        );
    }

    #[test]
    fn the_relayed_head_holds_nothing_of_the_hop() {
        let head = head(
            "POST /api/x?y=1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-A\r\nX-Stardust-Client: 6.6.6.6\r\n\
             x-STARDUST-scheme: https\r\nContent-Length: 2\r\nExpect: 100-continue\r\nCookie: c=d\r\n\r\n",
        )
        .unwrap();
        let text = String::from_utf8(rewrite(&head, 2, "192.0.2.1", "http")).unwrap();
        assert_eq!(
            text,
            "POST /api/x?y=1 HTTP/1.1\r\nHost: a\r\nCookie: c=d\r\nContent-Length: 2\r\n\
             X-Stardust-Client: 192.0.2.1\r\nX-Stardust-Scheme: http\r\nConnection: close\r\n\r\n"
        );
    }
}
