use stardust_shared::{Secret, ServerUrl};

use super::*;

/// The example of RFC 6455, section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn head(change: impl Fn(&mut Vec<String>)) -> Vec<u8> {
    let mut lines = vec![
        "HTTP/1.1 101 Switching Protocols".to_owned(),
        "Upgrade: websocket".to_owned(),
        "Connection: Upgrade".to_owned(),
        format!("Sec-WebSocket-Accept: {ACCEPT}"),
        format!("Sec-WebSocket-Protocol: {SUBPROTOCOL}"),
    ];
    change(&mut lines);
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}

fn target(url: &str, token: &str) -> Target {
    Target {
        url: ServerUrl::parse(url).unwrap(),
        token: Secret::new(token.to_owned()),
        ca_file: None,
        pins: Vec::new(),
        proxy: None,
    }
}

#[test]
fn the_accept_key_is_that_of_the_standard() {
    assert_eq!(derive_accept_key(KEY.as_bytes()), ACCEPT);
}

#[test]
fn an_answer_is_read_when_it_is_whole() {
    let whole = head(|_| {});
    for end in 0..whole.len() {
        assert_eq!(read_answer(&whole[..end], ACCEPT), Ok(None), "{end}");
    }
    assert_eq!(read_answer(&whole, ACCEPT), Ok(Some(whole.len())));
    // A message may come along.
    let more = [&whole[..], b"\x81\x02{}"].concat();
    assert_eq!(read_answer(&more, ACCEPT), Ok(Some(whole.len())));
}

#[test]
fn names_and_lists_are_read_as_http_has_them() {
    let loose = head(|lines| {
        lines[1] = "UPGRADE:  WebSocket ".into();
        lines[2] = "connection: keep-alive, upgrade".into();
    });
    assert_eq!(read_answer(&loose, ACCEPT), Ok(Some(loose.len())));
}

#[test]
fn answers_that_open_no_websocket() {
    let line = |at: usize, text: &str| head(|lines| lines[at] = text.into());
    for (answer, expected) in [
        (line(0, "HTTP/1.0 101 x"), Answer::NotWebSocket),
        (line(1, "Upgrade: h2c"), Answer::NotWebSocket),
        (line(2, "Connection: close"), Answer::NotWebSocket),
        (line(3, "Sec-WebSocket-Accept: AAAA"), Answer::NotWebSocket),
        (
            head(|lines| lines.push(lines[3].clone())),
            Answer::NotWebSocket,
        ),
        (line(4, "X: y"), Answer::NotStardust),
        (line(4, "Sec-WebSocket-Protocol: chat"), Answer::NotStardust),
        (
            head(|lines| lines.push("Sec-WebSocket-Extensions: permessage-deflate".into())),
            Answer::NotStardust,
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), Answer::NotWebSocket),
        (
            b"HTTP/1.1 101 x\r\n\0: y\r\n\r\n".to_vec(),
            Answer::NotWebSocket,
        ),
    ] {
        assert_eq!(
            read_answer(&answer, ACCEPT),
            Err(expected),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
}

#[test]
fn a_refusal_says_where_and_when() {
    let answer = b"HTTP/1.0 503 Full\r\nRetry-After: 7\r\nLocation: /x\r\n\r\nbody";
    let expected = Answer::Refused {
        status: 503,
        location: Some("/x".into()),
        retry_after: Some("7".into()),
    };
    assert_eq!(read_answer(answer, ACCEPT), Err(expected));
}

#[test]
fn a_head_without_end_is_left() {
    let long = head(|lines| lines.push(format!("X: {}", "y".repeat(HEAD_BYTES_MAX))));
    assert_eq!(read_answer(&long[..HEAD_BYTES_MAX], ACCEPT), Ok(None));
    assert_eq!(
        read_answer(&long[..=HEAD_BYTES_MAX], ACCEPT),
        Err(Answer::Endless)
    );
    assert_eq!(read_answer(&long, ACCEPT), Err(Answer::Endless));
    let many = head(|lines| lines.extend((0..HEADERS_MAX).map(|n| format!("X-{n}: y"))));
    assert_eq!(read_answer(&many, ACCEPT), Err(Answer::NotWebSocket));
}

#[test]
fn the_request_is_one_that_any_server_reads() {
    let request = request(&target("wss://[2001:db8::1]:8933/a/ws?b=1", "t0ken"), KEY).unwrap();
    let text = String::from_utf8(request.clone()).unwrap();
    assert!(
        text.starts_with("GET /a/ws?b=1 HTTP/1.1\r\nHost: [2001:db8::1]:8933\r\n"),
        "{text}"
    );
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut parsed = httparse::Request::new(&mut headers);
    assert_eq!(
        parsed.parse(&request),
        Ok(httparse::Status::Complete(request.len()))
    );
    let value = |name| {
        let header = parsed.headers.iter().find(|header| header.name == name);
        header.map(|header| std::str::from_utf8(header.value).unwrap())
    };
    assert_eq!(value("Upgrade"), Some("websocket"));
    assert_eq!(value("Connection"), Some("Upgrade"));
    assert_eq!(value("Sec-WebSocket-Version"), Some("13"));
    assert_eq!(value("Sec-WebSocket-Key"), Some(KEY));
    assert_eq!(value("Sec-WebSocket-Protocol"), Some(SUBPROTOCOL));
    assert_eq!(value("Authorization"), Some("Bearer t0ken"));
}

#[test]
fn nothing_is_smuggled_into_the_head() {
    for token in ["a\r\nX: y", "a b", "tök", "\0"] {
        let fault = request(&target("ws://a.example", token), KEY).unwrap_err();
        assert!(fault.words.contains("token file"), "{}", fault.words);
    }
}
