//! Abuse of the public port, plain and over TLS: the fleet stays online, memory
//! stays bounded, and the log says why once.
//!
//! Short rounds by default; `STARDUST_ABUSE=full` runs them as long as README
//! says.

mod bodies;
mod crowd;
mod door;
mod frames;
mod kept;
mod nodes;
mod peer;
mod readers;
mod records;

use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{PATIENCE, Process, Setup, Spider, eventually, hello};
use door::{Door, ends, frame, half_close};

fn is_full() -> bool {
    std::env::var("STARDUST_ABUSE").is_ok_and(|value| value == "full")
}

/// Connections of a round.
fn many(full: usize) -> usize {
    if is_full() { full } else { full.div_ceil(5) }
}

/// Memory that a connection without a session may cost, with TLS.
const HALF_OPEN_KB: u64 = 64;
/// What else may happen to be allocated meanwhile.
const NOISE_KB: u64 = 16 << 10;
/// The longest message of a Spider.
const MESSAGE_KB: u64 = 1 << 10;
/// A request head may take 10 s, with TLS 30; a busy machine adds to it.
const HEAD_TIME: Duration = Duration::from_secs(50);

#[test]
fn slow_lorises_are_bounded_and_go() {
    Door::each(|door| {
        let before = door.memory_kb();
        let count = many(1_000);
        let starts: [&[u8]; 4] = [
            b"",
            b"G",
            b"GET / HTTP/1.1\r\n",
            b"\x16\x03\x01\x02\x00\x01",
        ];
        let mut raw: Vec<TcpStream> = (0..count / 2)
            .map(|n| {
                let mut stream = TcpStream::connect(door.address()).unwrap();
                stream.write_all(starts[n % starts.len()]).unwrap();
                stream
            })
            .collect();
        // With TLS these have finished the handshake.
        let mut half: Vec<_> = (0..count / 2)
            .map(|_| {
                let mut stream = door.connect();
                stream.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").unwrap();
                stream
            })
            .collect();
        door.assert_nobody_noticed();
        let grown = door.memory_kb().saturating_sub(before);
        let bound = count as u64 * HALF_OPEN_KB + NOISE_KB;
        assert!(
            grown < bound,
            "{count} half-open connections cost {grown} KB"
        );
        let until = Instant::now() + HEAD_TIME;
        let left = || {
            until
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(1))
        };
        assert!(
            raw.iter_mut().all(|stream| ends(stream, left())),
            "one stays open"
        );
        assert!(
            half.iter_mut().all(|stream| ends(&mut **stream, left())),
            "one stays open"
        );
        door.assert_nobody_noticed();
        assert!(
            door.lines_with("") < 20,
            "{}",
            door.ground_control.process.output()
        );
    });
}

#[test]
fn heads_without_measure_or_sense_end_their_connection() {
    let shapes: &[(&str, Vec<u8>)] = &[
        ("a megabyte of header", [&b"GET / HTTP/1.1\r\nX: "[..], &vec![b'a'; 1 << 20], b"\r\n\r\n"].concat()),
        ("a megabyte of headers", [&b"GET / HTTP/1.1\r\n"[..], &b"X: y\r\n".repeat(1 << 17), b"\r\n"].concat()),
        ("a megabyte of target", [&b"GET /"[..], &vec![b'a'; 1 << 20], b" HTTP/1.1\r\n\r\n"].concat()),
        ("HTTP/0.9", b"GET /\r\n\r\n".to_vec()),
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("two lengths", b"POST /api/auth/login HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_vec()),
        ("a length and chunks", b"POST /api/auth/login HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec()),
        ("chunks under another name", b"POST /api/auth/login HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n".to_vec()),
        ("a folded header", b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n".to_vec()),
        ("a space before the colon", b"GET / HTTP/1.1\r\nContent-Length : 5\r\n\r\n".to_vec()),
        ("a NUL", b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n".to_vec()),
        ("bare line feeds", b"GET / HTTP/1.1\nHost: a\r\n\r\n".to_vec()),
        ("a body of 2^60", b"POST /api/auth/login HTTP/1.1\r\nContent-Length: 1152921504606846976\r\n\r\n".to_vec()),
    ];
    Door::each(|door| {
        let before = door.memory_kb();
        for round in 0..many(50) {
            for (what, bytes) in shapes {
                let mut stream = door.connect();
                // The answer may come, and the connection end, before all is sent.
                let _ = stream.write_all(bytes);
                half_close(&*stream);
                let mut answer = Vec::new();
                let mut buffer = [0; 4_096];
                while let Ok(count @ 1..) = std::io::Read::read(&mut stream, &mut buffer) {
                    answer.extend_from_slice(&buffer[..count]);
                }
                let text = String::from_utf8_lossy(&answer);
                let refused = text.starts_with("HTTP/1.1 4") || text.starts_with("HTTP/1.1 505");
                // A reset may have taken the answer away from who sends on.
                let cut = answer.is_empty() && bytes.len() > 1 << 16;
                assert!(refused || cut, "{what}, round {round}: {text:?}");
                assert_eq!(
                    text.matches("Connection: close").count(),
                    usize::from(!cut),
                    "{what}: {text}"
                );
            }
        }
        // One that never ends, a line at a time.
        let mut endless = door.connect();
        endless.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        let until = Instant::now() + HEAD_TIME;
        while endless
            .write_all(b"X-Endless: and on and on and on\r\n")
            .is_ok()
        {
            assert!(Instant::now() < until, "an endless head is taken");
        }
        let grown = door.memory_kb().saturating_sub(before);
        assert!(grown < NOISE_KB, "it cost {grown} KB");
        door.assert_nobody_noticed();
    });
}

#[test]
fn frames_that_break_the_rules_end_their_connection() {
    let cases: &[(&str, Vec<u8>)] = &[
        ("an unmasked frame", b"\x82\x02hi".to_vec()),
        (
            "a frame of 2 MiB",
            [&b"\x82\xff\0\0\0\0\0\x20\0\0"[..], &[0; 4]].concat(),
        ),
        (
            "a frame of 2^63 bytes",
            [&b"\x82\xff\x80\0\0\0\0\0\0\0"[..], &[0; 4]].concat(),
        ),
        ("a ping in pieces", frame(0x09, b"")),
        ("a reserved bit", frame(0xf2, b"x")),
        (
            "a message in pieces without end",
            [frame(0x02, b""), frame(0x00, &[7; 65_000]).repeat(20)].concat(),
        ),
        ("a flood of pings", frame(0x89, &[1; 100]).repeat(2_000)),
        ("samples before a hello", frame(0x82, &[2, 3, 1])),
    ];
    Door::at_once(|door| {
        let (before, began) = (door.memory_kb(), Instant::now());
        let names: Vec<_> = (0..cases.len()).map(|n| format!("hostile {n}")).collect();
        let tokens: Vec<_> = names.iter().map(|name| door.add_node(name).1).collect();
        for _ in 0..many(10) {
            // All at once: each is given seconds to answer the close.
            let mut begun = Vec::new();
            for ((what, bytes), token) in cases.iter().zip(&tokens) {
                let mut stream = door.upgrade(token);
                if *what != "samples before a hello" {
                    let text = hello("run").encode();
                    stream.write_all(&frame(0x81, text.as_bytes())).unwrap();
                }
                let _ = stream.write_all(bytes);
                begun.push((*what, stream));
            }
            for (what, mut stream) in begun {
                assert!(ends(&mut *stream, PATIENCE), "{what} is taken");
            }
        }
        // Each may hold a message until that is too long.
        let bound = NOISE_KB + cases.len() as u64 * MESSAGE_KB;
        let grown = door.memory_kb().saturating_sub(before);
        assert!(grown < bound, "it cost {grown} KB");
        // Whatever they did, each node is spoken of once a minute at the most.
        let lines = door.lines_with("is offline");
        let minutes = began.elapsed().as_secs() as usize / 60;
        assert!(
            (1..=names.len() * (minutes + 2)).contains(&lines),
            "{}",
            door.ground_control.process.output()
        );
        door.assert_nobody_noticed();
    });
}

#[test]
fn a_spider_that_comes_back_for_ever_is_logged_once() {
    Door::each(|door| {
        let (id, token) = door.add_node("shared");
        let mut before = None;
        for round in 0..many(500) {
            let mut stream = door.upgrade(&token);
            let text = hello(&format!("run {round}")).encode();
            stream.write_all(&frame(0x81, text.as_bytes())).unwrap();
            before = Some(stream);
        }
        drop(before);
        let output = door.ground_control.process.output();
        assert_eq!(door.lines_with("a second Spider connected"), 1, "{output}");
        for _ in 0..many(500) {
            let mut stream = door.connect();
            let request = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                Sec-WebSocket-Protocol: stardust.v1\r\nAuthorization: Bearer wrong\r\n\r\n";
            stream.write_all(request).unwrap();
            assert!(ends(&mut *stream, PATIENCE));
        }
        let output = door.ground_control.process.output();
        assert_eq!(
            door.lines_with("token is unknown or revoked"),
            1,
            "{output}"
        );
        assert!(output.lines().count() < 20, "{output}");
        assert!(!output.contains(&token), "a token is in the log");
        eventually("it is offline", || {
            (door.node(id)["status"] == "offline").then_some(())
        });
        door.assert_nobody_noticed();
    });
}

#[test]
fn of_two_spiders_with_one_token_the_newer_wins_and_both_sides_say_so() {
    let mut door = Door::open(false).unwrap();
    let (id, token) = door.add_node("twins");
    let mut first = Spider::start(&door.url(), &token, 200, &[]);
    eventually("the first is online", || {
        (door.node(id)["status"] == "online").then_some(())
    });
    let _second = Spider::start(&door.url(), &token, 200, &[]);
    let line = first.process.line_with("same token");
    assert!(line.contains("give each its own"), "{line}");
    let line = door
        .ground_control
        .process
        .line_with("a second Spider connected");
    assert!(
        line.contains("127.0.0.1") && line.contains("token of its own"),
        "{line}"
    );
    assert_eq!(door.node(id)["status"], "online");
    door.assert_nobody_noticed();
}

#[test]
fn half_open_sockets_are_noticed() {
    Door::at_once(|door| {
        // The other side has closed its half: known at once.
        let (closed, token) = door.add_node("closed");
        let mut stream = door.upgrade(&token);
        stream
            .write_all(&frame(0x81, hello("run").encode().as_bytes()))
            .unwrap();
        eventually("it is online", || {
            (door.node(closed)["status"] == "online").then_some(())
        });
        half_close(&*stream);
        eventually("it is offline", || {
            (door.node(closed)["status"] == "offline").then_some(())
        });

        // It says nothing any more, as after a power cut: three pings later.
        let (silent, token) = door.add_node("silent");
        let mut stream = door.upgrade(&token);
        stream
            .write_all(&frame(0x81, hello("run").encode().as_bytes()))
            .unwrap();
        eventually("it is online", || {
            (door.node(silent)["status"] == "online").then_some(())
        });
        let since = Instant::now();
        while door.node(silent)["status"] == "online" {
            assert!(since.elapsed() < PATIENCE * 2, "it stays online");
            std::thread::sleep(Duration::from_millis(500));
        }
        assert!(
            since.elapsed() > Duration::from_secs(50),
            "cut after {:?}",
            since.elapsed()
        );
        let reason = door.node(silent)["reason"].clone();
        assert!(
            reason.as_str().unwrap().starts_with("no answer for"),
            "{reason}"
        );
        door.assert_nobody_noticed();
    });
}

#[test]
fn tls_that_makes_no_sense_is_logged_once() {
    let Some(door) = Door::open(true) else { return };
    let before = door.memory_kb();
    for n in 0..many(1_000) {
        let mut stream = TcpStream::connect(door.address()).unwrap();
        let bytes: &[u8] = match n % 5 {
            // Records of a handshake that is none, of another type, and too long.
            0 => &[0x16, 3, 1, 0, 4, 0xff, 0xff, 0xff, 0xff],
            1 => &[0x17, 3, 3, 0, 1, 0],
            2 => &[0x16, 3, 1, 0xff, 0xff, 1, 0, 0xff, 0xff],
            3 => &[0x16, 9, 9, 0, 1, 0],
            // Nothing more: it closes early.
            _ => &[0x16, 3, 1],
        };
        let _ = stream.write_all(bytes);
        if n % 5 < 4 {
            half_close(&stream);
            assert!(ends(&mut stream, PATIENCE), "kind {} stays open", n % 5);
        }
    }
    // Whole handshakes that end without a goodbye, some in the middle of a request.
    for n in 0..many(200) {
        let mut stream = door.connect();
        let bytes: &[u8] = if n % 2 == 0 {
            b"GET / HT"
        } else {
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        };
        stream.write_all(bytes).unwrap();
    }
    let grown = door.memory_kb().saturating_sub(before);
    assert!(grown < NOISE_KB, "it cost {grown} KB");
    let output = door.ground_control.process.output();
    assert_eq!(
        door.lines_with("the TLS of a connection failed"),
        1,
        "{output}"
    );
    door.assert_nobody_noticed();
}

#[test]
fn tls_is_not_renegotiated() {
    let Some(door) = Door::open(true) else { return };
    let mut client = Command::new("openssl");
    client
        .args([
            "s_client",
            "-tls1_2",
            "-connect",
            &door.address().to_string(),
        ])
        .args(["-CAfile", &door.ca_file()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut client = client.spawn().unwrap();
    let mut input = client.stdin.take().unwrap();
    // The line "R" asks for it (man openssl-s_client).
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(500));
        let _ = input.write_all(b"R\n");
    }
    drop(input);
    let said = client.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(text.contains("RENEGOTIATING"), "{text}");
    let refused =
        text.contains("no renegotiation") || text.contains("alert") || text.contains("closed");
    assert!(refused || !said.status.success(), "{text}");
    door.assert_nobody_noticed();
}

#[test]
fn a_storm_of_handshakes_does_not_stall_the_live_view() {
    let Some(door) = Door::open(true) else { return };
    let browser = door.browser.as_ref().unwrap();
    let watcher = {
        let token = door.token.clone();
        let (address, config) = (browser.address, std::sync::Arc::clone(&browser.config));
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
            let session = rustls::ClientConnection::new(config, name).unwrap();
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream);
            let bearer = format!("Bearer {token}");
            let headers = [
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("Authorization", bearer.as_str()),
            ];
            let bytes = crate::common::request_bytes("GET", "/live", "localhost", &headers, None);
            stream.write_all(&bytes).unwrap();
            let (mut longest, mut messages) = (Duration::ZERO, 0);
            let mut last = Instant::now();
            let mut buffer = [0; 64 << 10];
            let mut over = false;
            // A fast machine is through with the storm after a few of them.
            while !over || messages <= 5 {
                over |= stopped.try_recv().is_ok();
                assert!(std::io::Read::read(&mut stream, &mut buffer).unwrap() > 0);
                longest = longest.max(last.elapsed());
                last = Instant::now();
                messages += 1;
            }
            longest
        });
        (stop, thread)
    };
    let count = many(5_000);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            // No tickets: each is a whole handshake.
            let mut config = (*browser.config).clone();
            config.resumption = rustls::client::Resumption::disabled();
            let (config, address) = (std::sync::Arc::new(config), browser.address);
            std::thread::spawn(move || {
                for _ in 0..count / 4 {
                    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
                    let config = std::sync::Arc::clone(&config);
                    let mut session = rustls::ClientConnection::new(config, name).unwrap();
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    while session.is_handshaking() {
                        session.complete_io(&mut stream).unwrap();
                    }
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    watcher.0.send(()).unwrap();
    let longest = watcher.1.join().unwrap();
    // Twice a second is what it should be; the rest is for a machine that is busy.
    assert!(longest < Duration::from_secs(10), "silent for {longest:?}");
    door.assert_nobody_noticed();
}

#[test]
fn few_open_files_are_said_and_survived() {
    let setup = Setup::new().files(300);
    let mut process = Process::start("Ground Control", &mut setup.command());
    let line = process.line_with("files may be open");
    assert!(
        line.contains("300") && line.contains("LimitNOFILE"),
        "{line}"
    );
    let line = process.line_with("listens on");
    let address: std::net::SocketAddr = line.rsplit("://").next().unwrap().trim().parse().unwrap();
    let held: Vec<TcpStream> = (0..400)
        .filter_map(|_| TcpStream::connect(address).ok())
        .collect();
    process.line_with("connections are open, which is the most");
    drop(held);
    eventually("it serves again", || {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .ok()?;
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(())
    });
    let output = process.output();
    assert_eq!(output.matches("which is the most").count(), 1, "{output}");
    assert!(
        !output.contains("no more connections can be accepted"),
        "{output}"
    );
}

#[test]
fn logs_are_json_where_that_is_asked_for() {
    let mut ground_control = Setup::new().args(&["--log-format", "json"]).start();
    let node = ground_control.login().add_node("json");
    let spider = Spider::start(&ground_control.url(), &node.token, 200, &[]);
    let session = ground_control.login();
    eventually("it is online", || {
        (session.status(node.id) == "online").then_some(())
    });
    drop(spider);
    let line = ground_control.process.line_with("is offline");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(
        (&line["level"], &line["node"]),
        (&"info".into(), &node.id.into())
    );
    assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
    assert!(ground_control.stop().success());
}
