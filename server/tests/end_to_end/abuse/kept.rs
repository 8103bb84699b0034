//! Connections that are kept for another request, and are asked for nothing more.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::behind_proxy::Kept;
use crate::common::Setup;

/// A connection over which one request was answered, from that address of this machine.
fn kept(from: [u8; 4], to: SocketAddr) -> Kept {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let mut kept = Kept {
        stream: socket.into(),
        host: to.to_string(),
    };
    assert_eq!(kept.get("/healthz", &[]).status, 200);
    kept
}

/// When it ends without a word, or that it has not in this time.
fn ended_after(stream: &mut TcpStream, begin: Instant, most: Duration) -> Option<Duration> {
    let left = most.saturating_sub(begin.elapsed());
    stream.set_read_timeout(Some(left)).unwrap();
    match stream.read(&mut [0; 1]) {
        Ok(0) => Some(begin.elapsed()),
        Ok(_) => panic!("something is said"),
        Err(_) => None,
    }
}

/// Those of browsers after 75 s, those of a trusted proxy after 150: it must be the one
/// that closes first, whatever its own time is.
#[test]
fn end_by_themselves_and_a_proxys_later_than_others() {
    let ground_control = Setup::new().args(&["--trusted-proxy", "127.0.0.2"]).start();
    let begin = Instant::now();
    let mut browser = kept([127, 0, 0, 1], ground_control.address);
    let mut proxy = kept([127, 0, 0, 2], ground_control.address);
    let seconds = Duration::from_secs;
    let ended = ended_after(&mut browser.stream, begin, seconds(95)).expect("it ends");
    assert!(ended >= seconds(74), "{ended:?}");
    // Used again it is kept again.
    assert_eq!(proxy.get("/healthz", &[]).status, 200);
    if !super::is_full() {
        return;
    }
    let again = Instant::now();
    let ended = ended_after(&mut proxy.stream, again, seconds(170)).expect("it ends");
    assert!(ended >= seconds(149), "{ended:?}");
}
