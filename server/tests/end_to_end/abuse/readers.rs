//! Clients that ask and never read: what they asked for costs them a connection for a
//! while, and nobody else anything.

use std::io::Write;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use socket2::{Domain, Socket, Type};

use super::door::{Door, Stream};
use crate::common::eventually;

/// Small segments and a window of next to nothing.
fn narrow(door: &Door) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let mss: libc::c_int = 536;
    // SAFETY: the descriptor is open, and the option takes a pointer to an int and its size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_MAXSEG,
            (&raw const mss).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    assert_eq!(result, 0);
    socket.set_recv_buffer_size(2 << 10).unwrap();
    socket.connect(&door.address().into()).unwrap();
    TcpStream::from(socket)
}

fn open_files(door: &Door) -> usize {
    let path = format!("/proc/{}/fd", door.ground_control.process.pid());
    std::fs::read_dir(path).unwrap().count()
}

#[test]
fn readers_that_never_read_hold_up_nobody_and_are_cut() {
    Door::each(|door| {
        let page = door.request("GET", "/", None).text();
        let script = page.split('"').find(|part| part.starts_with("/assets/"));
        let script = script.expect("a script").to_owned();
        let before = open_files(&door);
        let memory = door.memory_kb();
        // Files of the Capsule, and an answer of the API that everybody gets.
        let held: Vec<Box<dyn Stream>> = (0..128)
            .map(|n| {
                let target = if n % 2 == 0 {
                    script.as_str()
                } else {
                    "/api/openapi.json"
                };
                let mut stream = door.over(narrow(&door));
                let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
                stream.write_all(head.as_bytes()).unwrap();
                stream
            })
            .collect();
        // More of them are there than there are relays, and nobody waits.
        door.assert_serves();
        assert!(open_files(&door) > before + 64, "they are there still");
        for _ in 0..4 {
            door.assert_serves();
        }
        let grown = door.memory_kb().saturating_sub(memory);
        assert!(grown < (64 << 10), "it cost {grown} KB");
        eventually("all of them are cut", || {
            (open_files(&door) <= before + 8).then_some(())
        });
        door.assert_nobody_noticed();
        drop(held);
    });
}
