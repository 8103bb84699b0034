//! Through HTTP proxies: one made for the occasion, and tinyproxy where it is installed.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use stardust_spider::config::proxy;
use stardust_spider::link::Settings;

use crate::ground::Ground;
use crate::left_out::left_out;
use crate::spider::{Spider, settings};
use crate::{SECOND, wait};

/// Tunnels, or gives a fixed answer; remembers every request's head.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(answer: Option<&'static [u8]>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        // Ends with the test's process, as its listener does.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || serve(client, answer, &seen));
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn serve(mut client: TcpStream, answer: Option<&[u8]>, heads: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if client.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap().to_owned();
    heads.lock().unwrap().push(head);
    if let Some(answer) = answer {
        let _ = client.write_all(answer);
        return;
    }
    let Ok(mut server) = TcpStream::connect(target) else {
        let _ = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    // In two parts, as slow networks deliver.
    client.write_all(b"HTTP/1.1 200 Connection ").unwrap();
    std::thread::sleep(SECOND / 20);
    client
        .write_all(b"established\r\nVia: test\r\n\r\n")
        .unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}

fn through(address: &str, settings: Settings) -> Spider {
    Spider::with(Settings {
        proxy: Some(proxy::parse(address).unwrap()),
        ..settings
    })
}

#[test]
fn samples_go_through_a_proxy_with_a_password() {
    let ground = Ground::start("127.0.0.1:0");
    let proxy = Proxy::start(None);
    let address = format!("http://user:pass%20word@{}", proxy.address);
    let spider = through(&address, settings(&ground.url(), 20, 64 << 10));
    wait("samples by the proxy", 20 * SECOND, || {
        ground.durable() >= 50
    });
    ground.check(&spider.stop().sampled);
    let server = ground.address();
    assert_eq!(
        proxy.heads(),
        [format!(
            "CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n\
             Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n\r\n"
        )]
    );
    assert_eq!(ground.upgrades(), ["Bearer t0ken stardust.v1"]);
}

#[cfg(feature = "tls")]
#[test]
fn tls_goes_through_a_proxy_that_sees_no_token() {
    let authority = crate::wss::authority("Ours");
    let ca = crate::wss::file("proxy", &authority.pem);
    let version = &rustls::version::TLS13;
    let ground = crate::wss::server(&authority, "127.0.0.1", (2020, 2100), version);
    let proxy = Proxy::start(None);
    let settings = Settings {
        ca_file: Some(ca.clone()),
        ..settings(&ground.url(), 20, 64 << 10)
    };
    let spider = through(&proxy.address.to_string(), settings);
    wait("samples by the proxy", 20 * SECOND, || {
        ground.durable() >= 50
    });
    ground.check(&spider.stop().sampled);
    assert!(!proxy.heads().concat().contains("t0ken"));
    std::fs::remove_file(ca).unwrap();
}

#[test]
fn a_proxy_that_refuses_or_talks_nonsense_gets_no_token() {
    let ground = Ground::start("127.0.0.1:0");
    for (answer, again) in [
        (&b"HTTP/1.1 502 Bad Gateway\r\n\r\n"[..], true),
        (b"SSH-2.0-x\r\n", true),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", true),
        (b"", true),
        // Only a person can change these: tried every 30 to 60 s.
        (b"HTTP/1.1 407 Who\r\n\r\n", false),
        (b"HTTP/1.1 403 No\r\n\r\n", false),
    ] {
        let proxy = Proxy::start(Some(answer));
        let address = proxy.address.to_string();
        let spider = through(&address, settings(&ground.url(), 20, 64 << 10));
        if again {
            wait("a second try", 20 * SECOND, || proxy.heads().len() >= 2);
        } else {
            wait("the first try", 20 * SECOND, || proxy.heads().len() == 1);
            std::thread::sleep(3 * SECOND);
            assert_eq!(proxy.heads().len(), 1);
        }
        assert!(!proxy.heads().concat().contains("t0ken"));
        assert_eq!(spider.stop().dropped, 0);
    }
    assert_eq!(ground.tries(), 0);
}

struct Tinyproxy(Child, std::path::PathBuf);

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = std::fs::remove_file(&self.1);
    }
}

#[test]
fn samples_go_through_tinyproxy() {
    if Command::new("tinyproxy").arg("-v").output().is_err() {
        return left_out("tinyproxy is not installed (Debian: apt-get install tinyproxy-bin)");
    }
    let ground = Ground::start("127.0.0.1:0");
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let unique = format!("stardust-tinyproxy-{}.conf", std::process::id());
    let conf = std::env::temp_dir().join(unique);
    let text = format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 600\nBasicAuth user s3cr3t\nLogLevel Error\n"
    );
    std::fs::write(&conf, text).unwrap();
    let child = Command::new("tinyproxy")
        .args(["-d", "-c"])
        .arg(&conf)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _tinyproxy = Tinyproxy(child, conf);
    wait("tinyproxy", 10 * SECOND, || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });

    let address = format!("http://user:wrong@127.0.0.1:{port}");
    let spider = through(&address, settings(&ground.url(), 20, 64 << 10));
    std::thread::sleep(SECOND);
    assert_eq!(ground.tries(), 0);
    spider.stop();

    let address = format!("http://user:s3cr3t@127.0.0.1:{port}");
    let spider = through(&address, settings(&ground.url(), 20, 64 << 10));
    wait("samples by tinyproxy", 20 * SECOND, || {
        ground.durable() >= 50
    });
    ground.check(&spider.stop().sampled);
}
