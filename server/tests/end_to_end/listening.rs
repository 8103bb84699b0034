//! Several addresses and a Unix socket at once.

use std::io::{BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;

use serde_json::json;

use crate::common::{
    ADMIN_PASSWORD, Folder, Setup, eventually, read_answer, request, request_bytes,
};

#[test]
fn both_families_and_a_unix_socket_are_served_by_one() {
    let folder = Folder::new("listening");
    let path = folder.join("gate.sock");
    let bind = format!("--bind=unix:{}", path.display());
    let setup = Setup::new().fixed_port();
    let mut ground_control = setup
        .args(&["--bind=127.0.0.1", "--bind=::1", &bind])
        .start();
    let port = ground_control.address.port();
    for address in ["127.0.0.1", "[::1]"] {
        let at: SocketAddr = format!("{address}:{port}").parse().unwrap();
        assert_eq!(
            request(at, "GET", "/healthz", &[], None).status,
            200,
            "{at}"
        );
    }
    // Who may write to the file is a proxy, and is believed about its clients.
    let ask = |password: &str| {
        let stream = UnixStream::connect(&path).unwrap();
        let body = json!({"user": "admin", "password": password});
        let headers = [("X-Forwarded-For", "203.0.113.9")];
        let host = format!("127.0.0.1:{port}");
        let bytes = request_bytes("POST", "/api/auth/login", &host, &headers, Some(&body));
        (&stream).write_all(&bytes).unwrap();
        read_answer(&mut BufReader::new(&stream)).unwrap().status
    };
    assert_eq!(ask(ADMIN_PASSWORD), 200);
    assert_eq!(ask("far above the world"), 401);
    eventually("the client is named", || {
        let said = ground_control.process.output();
        said.contains("from 203.0.113.9 failed").then_some(())
    });
    let file = std::fs::symlink_metadata(&path).unwrap().file_type();
    assert!(file.is_socket());
    // In order, it goes with the server.
    assert!(ground_control.stop().success());
    assert!(!path.exists(), "the socket was left");
}
