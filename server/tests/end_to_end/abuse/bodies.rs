//! Bodies that are announced and don't come, or come slowly: small ones never wait
//! for them.

use std::io::Write;

use serde_json::json;

use super::door::{Door, Stream};
use super::{NOISE_KB, many};
use crate::common::ADMIN_PASSWORD;

/// What requests without a login may hold, all together.
const POOL_KB: u64 = 32 << 10;

fn announce(door: &Door, from: [u8; 4], bytes: usize) -> Box<dyn Stream> {
    let mut stream = door.connect_from(from);
    let head = format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {bytes}\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn announced_bodies_take_nothing_and_large_ones_give_way() {
    Door::each(|door| {
        let before = door.memory_kb();
        // From the address of the honest ones, and from many.
        let mut held: Vec<_> = (0..100)
            .map(|n| announce(&door, [127, 0, 0, 1 + (n % 50) as u8], 1 << 20))
            .collect();
        door.assert_serves();
        // Now nearly all of them come, more than may be held.
        let part = vec![b' '; 900 << 10];
        for stream in held.iter_mut().take(many(100).max(40)) {
            // Those that gave way are answered and cut.
            let _ = stream
                .tcp()
                .set_write_timeout(Some(std::time::Duration::from_secs(5)));
            let _ = stream.write_all(&part);
        }
        let body = json!({"user": "admin", "password": ADMIN_PASSWORD}).to_string();
        let (first, rest) = body.split_at(10);
        let mut slow = door.connect_from([127, 0, 0, 1]);
        let head = format!(
            "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{first}",
            body.len()
        );
        slow.write_all(head.as_bytes()).unwrap();
        door.assert_serves();
        slow.write_all(rest.as_bytes()).unwrap();
        let answer = crate::common::read_answer(&mut std::io::BufReader::new(slow)).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let grown = door.memory_kb().saturating_sub(before);
        // With TLS the library holds some of what is under way too.
        assert!(grown < POOL_KB * 2 + NOISE_KB, "it cost {grown} KB");
        door.assert_nobody_noticed();
        drop(held);
    });
}
