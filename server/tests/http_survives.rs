//! The HTTP socket when the process has no file descriptors left: tiny_http stops
//! accepting for good then, and ours goes on. In a process of its own, since it
//! lowers the limit for all of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use stardust_server::http::{Request, Response, serve};

fn ask(socket: &Path) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn set_file_limit(files: u64) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls only read and write the rlimit that they are given.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = files;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
}

/// One run with `left` file descriptors left for the server, besides the one that
/// the client's end takes: with none accepting fails, with one its second half.
fn run_out_and_come_back(socket: &Path, left: usize) {
    // Ends of earlier connections are closed a moment after their answers.
    std::thread::sleep(Duration::from_millis(200));
    set_file_limit(64);
    let mut taken: Vec<File> = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    taken.truncate(taken.len() - 1 - left);
    let client = UnixStream::connect(socket).unwrap();
    std::thread::sleep(Duration::from_millis(700));
    drop((taken, client));
    set_file_limit(256);

    let asked = Instant::now();
    while !ask(socket).is_ok_and(|answer| answer.contains("still here")) {
        assert!(
            asked.elapsed() < Duration::from_secs(20),
            "it is served again"
        );
    }
    let asked = Instant::now();
    for _ in 0..20 {
        assert!(ask(socket).unwrap().contains("still here"));
    }
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "by all of its workers"
    );
}

#[test]
fn the_socket_is_served_again_after_file_descriptors_ran_out() {
    let folder = std::env::temp_dir().join(format!("stardust-survives-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let socket = folder.join("http.sock");
    let handler = |_: &Request| Response::new(200).with_body(&b"still here"[..]);
    let server = serve(&socket, 3, Box::new(handler)).unwrap();
    for left in [0, 1, 2, 0] {
        run_out_and_come_back(&socket, left);
    }
    server.stop();
    assert!(!socket.exists());
    std::fs::remove_dir_all(&folder).unwrap();
}
