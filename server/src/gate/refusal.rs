//! What the gate answers by itself: always an error, and the connection ends.

/// Why a request went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Malformed(&'static str),
    Version,
    /// It asks for another host.
    Host,
    /// It comes from where nobody may ask.
    Network,
    HeadTooLarge,
    HeadTimeout,
    BodyTimeout,
    BodyTooLarge,
    LengthRequired,
    TlsOnPlain,
    PlainOnTls,
    /// The PROXY protocol from who is not believed.
    ProxyProtocol,
    NotAnUpgrade,
    WebSocketVersion,
    Subprotocol,
    /// The node token is unknown or was revoked.
    Token,
    /// No session, or one that has ended.
    Session,
    /// The password must be changed first.
    PasswordChange,
    /// The page that asks is of another site.
    Origin,
    /// Too many live views of one session.
    ManyLive,
    Busy,
    NoAnswer,
    SlowAnswer,
}

impl Refusal {
    /// Status line, kind, what failed, what to do next.
    fn parts(self) -> (&'static str, &'static str, String, &'static str) {
        let own = |text: &str| text.to_string();
        match self {
            Self::Malformed(what) => (
                "400 Bad Request",
                "malformed_request",
                format!("The request was refused: {what}."),
                "Check the client, or the proxy in front of Ground Control.",
            ),
            Self::Version => (
                "505 HTTP Version Not Supported",
                "http_version",
                own("Only HTTP/1.1 and HTTP/1.0 are spoken here."),
                "Let the proxy in front speak HTTP/1.1 to Ground Control.",
            ),
            Self::Host => (
                "421 Misdirected Request",
                "foreign_host",
                own("This server does not go by the name in the Host header."),
                "Ask for its address or localhost; or start Ground Control with --allowed-host NAME \
                 (where Spiders use that name too: --server-url URL), NAME being the host in the \
                 browser's address bar, or what the proxy in front sends as Host.",
            ),
            Self::Network => (
                "403 Forbidden",
                "foreign_network",
                own("This server does not answer to the network that you come from."),
                "Come from one of those that --allow-from (for Spiders: --allow-spiders-from) names; \
                 a proxy in front has to be named with --trusted-proxy.",
            ),
            Self::HeadTooLarge => (
                "431 Request Header Fields Too Large",
                "head_too_large",
                own("The request head is larger than 16 KiB or has more than 64 headers."),
                "Delete the cookies of this site, or check the proxy in front.",
            ),
            Self::HeadTimeout => (
                "408 Request Timeout",
                "head_timeout",
                own("The request head did not arrive in time (10 s, with TLS 30 s)."),
                "Try again; a slow link may need a proxy near the client.",
            ),
            Self::BodyTimeout => (
                "408 Request Timeout",
                "body_timeout",
                own("The request body did not arrive within 30 s."),
                "Try again with a smaller body or over a faster link.",
            ),
            Self::BodyTooLarge => (
                "413 Content Too Large",
                "body_too_large",
                own("The request body is larger than 1 MiB."),
                "Send less in one request.",
            ),
            Self::LengthRequired => (
                "411 Length Required",
                "length_required",
                own("Bodies need a Content-Length; chunked bodies are not taken."),
                "Send Content-Length, or let the proxy buffer requests.",
            ),
            Self::TlsOnPlain => (
                "400 Bad Request",
                "tls_on_plain_port",
                own("This port speaks plain HTTP and got a TLS handshake."),
                "Use http:// or ws://, or put TLS in front.",
            ),
            Self::PlainOnTls => (
                "400 Bad Request",
                "plain_on_tls_port",
                own("This port speaks TLS and got plain HTTP."),
                "Use https:// or wss://.",
            ),
            Self::ProxyProtocol => (
                "400 Bad Request",
                "proxy_protocol",
                own(
                    "The connection begins with the PROXY protocol, which is taken from trusted \
                     proxies alone.",
                ),
                "Start Ground Control with --trusted-proxy and the proxy's address.",
            ),
            Self::NotAnUpgrade => (
                "426 Upgrade Required",
                "upgrade_required",
                own("This path is for WebSockets."),
                "A proxy in front must pass Upgrade and Connection on, with HTTP/1.1.",
            ),
            Self::WebSocketVersion => (
                "426 Upgrade Required",
                "websocket_version",
                own("Only version 13 of the WebSocket protocol is spoken here."),
                "Send Sec-WebSocket-Version: 13.",
            ),
            Self::Subprotocol => (
                "400 Bad Request",
                "subprotocol",
                own("The Spider does not offer the subprotocol stardust.v1."),
                "Install a Spider of the same major version as Ground Control.",
            ),
            Self::Token => (
                "401 Unauthorized",
                "bad_token",
                own("The node token is missing, unknown or was revoked."),
                "Add the node in the Capsule and start its Spider with the new token.",
            ),
            Self::Session => (
                "401 Unauthorized",
                "unauthenticated",
                own("There is no session, or it has ended."),
                "Sign in again.",
            ),
            Self::PasswordChange => (
                "403 Forbidden",
                "password_change_required",
                own("The first password must be changed before anything else."),
                "Sign in and choose a password.",
            ),
            Self::Origin => (
                "403 Forbidden",
                "origin",
                own("The page that opened this WebSocket is of another site."),
                "Open the Capsule under the address that it is served from; a proxy must pass the Host header on.",
            ),
            Self::ManyLive => (
                "429 Too Many Requests",
                "many_live_views",
                own("This login has 32 live views open, which is the most."),
                "Close some of them.",
            ),
            Self::Busy => (
                "503 Service Unavailable",
                "busy",
                own("Ground Control has all the requests that it can take."),
                "Try again in a moment.",
            ),
            Self::NoAnswer => (
                "502 Bad Gateway",
                "no_answer",
                own("The API did not answer."),
                "Try again; if it stays, look at Ground Control's log.",
            ),
            Self::SlowAnswer => (
                "504 Gateway Timeout",
                "slow_answer",
                own("The API took longer than 60 s."),
                "Ask for less at once.",
            ),
        }
    }

    /// The whole answer. It holds no text of the client, so JSON needs no escapes.
    pub fn response(self) -> Vec<u8> {
        let (status, kind, message, hint) = self.parts();
        let body =
            format!(r#"{{"error":{{"kind":"{kind}","message":"{message}","hint":"{hint}"}}}}"#);
        let more = match self {
            Self::Busy => "Retry-After: 2\r\n",
            Self::Token | Self::Session => "WWW-Authenticate: Bearer\r\n",
            Self::NotAnUpgrade | Self::WebSocketVersion => {
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            }
            _ => "",
        };
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{more}Connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_whole_and_their_bodies_are_json() {
        for refusal in [
            Refusal::Malformed("a line ends without CR"),
            Refusal::Token,
            Refusal::Network,
            Refusal::Busy,
            Refusal::NotAnUpgrade,
        ] {
            let text = String::from_utf8(refusal.response()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}", body.len())));
            assert!(head.contains("Connection: close"));
            let json: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(json["error"]["kind"], refusal.parts().1);
            assert!(
                json["error"]["hint"]
                    .as_str()
                    .is_some_and(|hint| !hint.is_empty())
            );
        }
    }
}
