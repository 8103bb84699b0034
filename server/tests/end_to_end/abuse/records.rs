//! TLS records that hold nothing, without end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit, Nonce};
use rustls::ConnectionTrafficSecrets;

use super::door::{Door, ends};
use crate::common::PATIENCE;

/// A connection whose handshake is over, and what its records are sealed with.
struct Sealed {
    tcp: TcpStream,
    ours: Keys,
    theirs: Keys,
}

/// Of one direction.
struct Keys {
    cipher: Aes256Gcm,
    iv: [u8; 12],
    seq: u64,
}

impl Keys {
    fn new((seq, secrets): (u64, ConnectionTrafficSecrets)) -> Self {
        let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else {
            panic!("another cipher suite");
        };
        Self {
            cipher: Aes256Gcm::new_from_slice(key.as_ref()).unwrap(),
            iv: iv.as_ref().try_into().unwrap(),
            seq,
        }
    }

    fn nonce(&mut self) -> Nonce<Aes256Gcm> {
        let mut nonce = self.iv;
        for (byte, seq) in nonce[4..].iter_mut().zip(self.seq.to_be_bytes()) {
            *byte ^= seq;
        }
        self.seq += 1;
        Nonce::<Aes256Gcm>::try_from(&nonce[..]).unwrap()
    }
}

impl Sealed {
    fn open(door: &Door) -> Self {
        let browser = door.browser.as_ref().unwrap();
        let mut config = (*browser.config).clone();
        config.enable_secret_extraction = true;
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let mut session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut tcp = TcpStream::connect(door.address()).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut tcp).unwrap();
        }
        while session.wants_write() {
            session.write_tls(&mut tcp).unwrap();
        }
        let secrets = session.dangerous_extract_secrets().unwrap();
        Self {
            tcp,
            ours: Keys::new(secrets.tx),
            theirs: Keys::new(secrets.rx),
        }
    }

    /// A record of TLS 1.3 (RFC 8446 section 5.2) with this content and its type.
    fn record(&mut self, content: &[u8], kind: u8) -> Vec<u8> {
        let length = u16::try_from(content.len() + 1 + 16).unwrap().to_be_bytes();
        let head = [0x17, 3, 3, length[0], length[1]];
        let mut bytes = [content, &[kind]].concat();
        let nonce = self.ours.nonce();
        let cipher = &self.ours.cipher;
        cipher.encrypt_in_place(&nonce, &head, &mut bytes).unwrap();
        [&head[..], &bytes].concat()
    }

    /// All that comes until the end, tickets left out.
    fn read(&mut self) -> String {
        let mut sealed = Vec::new();
        let _ = self.tcp.read_to_end(&mut sealed);
        let (mut rest, mut content) = (&sealed[..], Vec::new());
        while let [0x17, _, _, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let mut record = after[..length].to_vec();
            let nonce = self.theirs.nonce();
            let cipher = &self.theirs.cipher;
            let opened = cipher.decrypt_in_place(&nonce, &rest[..5], &mut record);
            opened.unwrap();
            if record.pop() == Some(0x17) {
                content.extend_from_slice(&record);
            }
            rest = &after[length..];
        }
        String::from_utf8(content).unwrap()
    }
}

#[test]
fn records_without_content_end_their_connection() {
    let Some(door) = Door::open(true) else { return };
    // As it should be: the records are understood, also when some are empty.
    let mut fine = Sealed::open(&door);
    let mut bytes = fine.record(
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
        0x17,
    );
    (0..10).for_each(|_| bytes.extend(fine.record(b"", 0x17)));
    bytes.extend(fine.record(b"\r\n", 0x17));
    fine.tcp.write_all(&bytes).unwrap();
    let answer = fine.read();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");

    for (what, content, kind) in [
        ("empty records", &b""[..], 0x17),
        ("warnings", &[1, 90], 0x15),
    ] {
        let mut endless = Sealed::open(&door);
        let until = Instant::now() + PATIENCE;
        loop {
            let mut bytes = Vec::new();
            (0..1_000).for_each(|_| bytes.extend(endless.record(content, kind)));
            if endless.tcp.write_all(&bytes).is_err() {
                break;
            }
            assert!(Instant::now() < until, "{what} are taken for ever");
        }
        assert!(ends(&mut endless.tcp, PATIENCE));
        assert_eq!(door.request("GET", "/healthz", None).status, 200);
    }
    door.assert_nobody_noticed();
}

/// Each asks for new keys of the server too, and so for an answer.
#[test]
fn new_keys_without_end_end_their_connection() {
    let Some(door) = Door::open(true) else { return };
    let mut stream = door.browser.as_ref().unwrap().connect();
    let head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for _ in 0..3 {
        // Now and then is as it should be.
        stream.write_all(head).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        while stream
            .conn
            .reader()
            .read(&mut [0; 512])
            .is_ok_and(|count| count > 0)
        {}
        stream.conn.refresh_traffic_keys().unwrap();
    }
    let until = Instant::now() + PATIENCE;
    loop {
        let mut bytes = Vec::new();
        for _ in 0..1_000 {
            stream.conn.refresh_traffic_keys().unwrap();
            while stream.conn.wants_write() {
                stream.conn.write_tls(&mut bytes).unwrap();
            }
        }
        if stream.sock.write_all(&bytes).is_err() {
            break;
        }
        assert!(Instant::now() < until, "they are taken for ever");
    }
    assert!(ends(&mut stream.sock, PATIENCE));
    assert_eq!(door.request("GET", "/healthz", None).status, 200);
    door.assert_nobody_noticed();
}
