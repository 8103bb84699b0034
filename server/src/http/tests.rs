use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::*;
use stardust_base::testing::Folder;

fn ask(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

fn handler(request: &Request) -> Response {
    match request.path.as_str() {
        "/panic" => panic!("a handler failed, as the test asked"),
        "/large" => Response::new(200).with_body(vec![b'x'; 1 << 20]),
        "/split" => Response::new(200).header("X-Bad", "a\r\nX-Injected: b"),
        _ => Response::json(
            200,
            &serde_json::json!({
                "method": request.method.name(),
                "path": request.path,
                "query": request.query,
                "client": request.client,
                "https": request.https,
                "body": request.body.len(),
            }),
        ),
    }
}

struct Running {
    server: Option<HttpServer>,
    socket: std::path::PathBuf,
    _folder: Folder,
}

impl Running {
    fn new() -> Self {
        let folder = Folder::new();
        let socket = folder.join("http.sock");
        let server = serve(&socket, 2, Box::new(handler)).unwrap();
        Self {
            server: Some(server),
            socket,
            _folder: folder,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.take().unwrap().stop();
        assert!(!self.socket.exists(), "the socket is removed at the end");
    }
}

#[test]
fn the_handler_gets_what_the_gate_says() {
    let running = Running::new();
    let answer = ask(
        &running.socket,
        "POST /a%2fb?c=d?e HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Stardust-Client: 192.0.2.7\r\n\
         X-Stardust-Scheme: https\r\nContent-Length: 5\r\n\r\nhello",
    );
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for part in [
        r#""path":"/a%2fb""#,
        r#""query":"c=d?e""#,
        r#""client":"192.0.2.7""#,
        r#""https":true"#,
        r#""body":5"#,
        "X-Frame-Options: DENY\r\n",
        "X-Content-Type-Options: nosniff\r\n",
        "frame-ancestors 'none'\r\n",
        "Connection: close\r\n",
        "Cache-Control: no-store\r\n",
    ] {
        assert!(answer.contains(part), "{part} in {answer}");
    }
    let mode = std::fs::metadata(&running.socket)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_panic_is_a_500_and_no_worker_dies() {
    let running = Running::new();
    for _ in 0..8 {
        let answer = ask(&running.socket, &get("/panic"));
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        assert!(answer.contains(r#""kind":"internal""#), "{answer}");
        assert!(
            !answer.contains("as the test asked"),
            "the cause stays inside"
        );
    }
    assert!(ask(&running.socket, &get("/")).starts_with("HTTP/1.1 200"));
}

#[test]
fn slow_readers_of_large_answers_do_not_hold_up_the_workers() {
    let running = Running::new();
    let slow: Vec<_> = (0..6)
        .map(|_| {
            let mut stream = UnixStream::connect(&running.socket).unwrap();
            stream.write_all(get("/large").as_bytes()).unwrap();
            stream
        })
        .collect();
    for _ in 0..4 {
        assert!(ask(&running.socket, &get("/")).starts_with("HTTP/1.1 200"));
    }
    for mut stream in slow {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.len() > 1 << 20);
    }
}

#[test]
fn large_bodies_line_breaks_and_head() {
    let running = Running::new();
    let body = "x".repeat(BODY_BYTES_MAX);
    let post = |body: &str| {
        format!(
            "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let answer = ask(&running.socket, &post(&body));
    assert!(
        answer.contains(&format!(r#""body":{BODY_BYTES_MAX}"#)),
        "{answer}"
    );
    let answer = ask(&running.socket, &post(&(body + "x")));
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    let answer = ask(&running.socket, &get("/split"));
    assert!(
        answer.starts_with("HTTP/1.1 200") && !answer.contains("Injected"),
        "{answer}"
    );

    let answer = ask(&running.socket, &get("/").replacen("GET", "HEAD", 1));
    assert!(
        answer.contains(r"Content-Length: ") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}
