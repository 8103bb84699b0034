//! Clients that hold things up: they are dropped, and nobody else waits.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::common::{
    FakeSpider, GroundControl, Live, LiveEvent, PATIENCE, Session, Spider, eventually, gauges,
    wall_ms,
};

/// Changes of the fleet are told twice a second. Who held them up would do so until
/// it is cut, for ten seconds and more; a busy machine alone does not take this long.
const LATE: Duration = Duration::from_secs(5);
/// A request head may take 10 s.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Listens to `/live` and notes the longest silence.
struct Watcher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(Duration, usize)>,
}

impl Watcher {
    fn start(ground_control: &GroundControl, session: &Session) -> Self {
        let (mut live, _) = Live::open(ground_control.address, session);
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut longest, mut messages) = (Duration::ZERO, 0);
            let mut last = Instant::now();
            while !told.load(Ordering::Relaxed) {
                match live.next(Duration::from_millis(100)) {
                    LiveEvent::Json(message) if message["type"] == "changes" => {
                        longest = longest.max(last.elapsed());
                        last = Instant::now();
                        messages += 1;
                    }
                    LiveEvent::Closed(why) => panic!("/live was closed: {why:?}"),
                    _ => {}
                }
            }
            (longest.max(last.elapsed()), messages)
        });
        Self { stop, thread }
    }

    fn assert_never_late(self) {
        self.stop.store(true, Ordering::Relaxed);
        let (longest, messages) = self.thread.join().expect("the watcher");
        assert!(messages > 5, "only {messages} messages");
        assert!(longest < LATE, "silent for {longest:?}");
    }
}

fn with_a_spider() -> (GroundControl, Session, Spider) {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let node = session.add_node("live");
    let spider = Spider::start(&ground_control.url(), &node.token, 200, &[]);
    eventually("the node is online", || {
        (session.status(node.id) == "online").then_some(())
    });
    (ground_control, session, spider)
}

#[test]
fn a_hundred_half_heads_are_closed_in_time_while_live_goes_on() {
    let (ground_control, session, _spider) = with_a_spider();
    let watcher = Watcher::start(&ground_control, &session);
    let opened = Instant::now();
    let mut half: Vec<TcpStream> = (0..100)
        .map(|n| {
            let mut stream = TcpStream::connect(ground_control.address).unwrap();
            let start = [
                "",
                "G",
                "GET / HTTP/1.1\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
            ];
            stream.write_all(start[n % start.len()].as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    let mut ends: Vec<Duration> = Vec::new();
    let mut seen = vec![0u8; 4_096];
    let mut next_drip = opened + Duration::from_secs(1);
    while !half.is_empty() {
        let drips = Instant::now() >= next_drip;
        if drips {
            next_drip += Duration::from_secs(1);
            // Others are served meanwhile.
            assert_eq!(ground_control.get("/healthz").status, 200);
        }
        half.retain_mut(|stream| {
            // A byte now and then does not buy more time.
            let alive = !drips || stream.write_all(b"x").is_ok();
            let ended = match stream.read(&mut seen) {
                Ok(0) => true,
                Ok(count) => {
                    let text = String::from_utf8_lossy(&seen[..count]).into_owned();
                    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
                    false
                }
                Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
            };
            let over = ended || !alive;
            if over {
                ends.push(opened.elapsed());
            }
            !over
        });
        assert!(
            opened.elapsed() < PATIENCE,
            "{} half requests are still open",
            half.len()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let first = ends.iter().min().unwrap();
    let last = ends.iter().max().unwrap();
    assert!(
        *first >= HEAD_TIME - Duration::from_secs(1),
        "closed after {first:?} already"
    );
    assert!(
        *last <= HEAD_TIME + Duration::from_secs(8),
        "closed after {last:?} only"
    );
    watcher.assert_never_late();
}

#[test]
fn a_browser_that_stops_reading_is_dropped_and_holds_nobody_up() {
    let (ground_control, session, _spider) = with_a_spider();
    // A node with so many series that its samples fill any buffer soon.
    const SERIES: usize = 8_000;
    let node = session.add_node("chatty");
    let (mut chatty, _) = FakeSpider::open(ground_control.address, &node.token, "run");
    let layout = gauges(1, SERIES);
    chatty.layout(&layout);

    let before = open_sockets(&ground_control);
    let (mut stuck, _) = Live::open(ground_control.address, &session);
    small_receive_buffer(stuck.socket.stream());
    stuck.watch(&[node.id]);
    stuck.message("layout");
    let watcher = Watcher::start(&ground_control, &session);
    assert_eq!(open_sockets(&ground_control), before + 2);

    let start = Instant::now();
    let time_ms = wall_ms();
    let mut seq = 0;
    while open_sockets(&ground_control) >= before + 2 {
        seq += 1;
        let values: Vec<i64> = (0..SERIES as i64)
            .map(|n| i64::MAX / 3 - n * 7 - seq as i64)
            .collect();
        assert!(
            chatty.sample(&layout, seq, time_ms + seq as i64, &values),
            "the Spider was cut"
        );
        assert!(
            start.elapsed() < PATIENCE,
            "the stuck browser is still there after {seq} samples"
        );
        std::thread::sleep(Duration::from_millis(50));
        // The Spider's own answers are taken.
        chatty.idle(Duration::from_millis(1));
    }
    assert_eq!(ground_control.get("/healthz").status, 200);
    watcher.assert_never_late();
    let (_, snapshot) = Live::open(ground_control.address, &session);
    assert_eq!(snapshot["nodes"].as_array().map(Vec::len), Some(2));
}

fn open_sockets(ground_control: &GroundControl) -> usize {
    let path = format!("/proc/{}/fd", ground_control.process.pid());
    // Connections of finished requests linger for a moment.
    let mut last = usize::MAX;
    loop {
        let count = std::fs::read_dir(&path)
            .unwrap()
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .filter(|target| target.to_string_lossy().starts_with("socket:"))
            .count();
        if count == last {
            return count;
        }
        last = count;
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn small_receive_buffer(stream: &TcpStream) {
    let bytes: libc::c_int = 4 << 10;
    // SAFETY: the descriptor is open, and the option takes a pointer to an int and its size.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUF,
            (&raw const bytes).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    assert_eq!(result, 0);
}
