//! The real process: how it ends, what outlives it, and that it does not grow.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use stardust_shared::SeriesDef;
use stardust_shared::message::Identity;
use stardust_spider::clock;
use stardust_spider::link::random::Random;
use stardust_spider::link::{Driver, Settings};

use crate::ground::Ground;
use crate::spider::settings;
use crate::{SECOND, wait};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let unique = format!("stardust-process-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn spider(url: &str, interval_ms: &str, more: &[&Path]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_stardust-spider"))
        .args(["--server", url, "--interval", interval_ms])
        .args(more)
        .env("STARDUST_TOKEN", "t0ken")
        .env_remove("http_proxy")
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Ends with 0, soon.
fn end(mut child: Child, signal: libc::c_int) {
    let start = Instant::now();
    // SAFETY: a signal to our own child, which was not waited for yet.
    assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{status:?}");
    assert!(start.elapsed() < 4 * SECOND, "{:?}", start.elapsed());
}

#[test]
fn a_signal_ends_the_process_and_the_server_is_told() {
    // Where the tests run without a terminal it may be ignored, which is inherited.
    // SAFETY: the action of one signal of this process; no handler of ours is set.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_DFL) };
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let ground = Ground::start("127.0.0.1:0");
        // No event comes for an hour but the signal.
        let child = spider(&ground.url(), "3600000", &[]);
        wait("the hello", 20 * SECOND, || !ground.hellos().is_empty());
        std::thread::sleep(SECOND / 5);
        end(child, signal);
        wait("the good-bye", 5 * SECOND, || !ground.closes().is_empty());
        assert_eq!(
            ground.closes(),
            [(1001, "the Spider was stopped".to_owned())]
        );
    }
    // Nobody to tell, and in the middle of a try.
    let child = spider("ws://192.0.2.1:9", "3600000", &[]);
    std::thread::sleep(SECOND);
    end(child, libc::SIGTERM);
}

#[test]
fn what_waits_outlives_the_process() {
    let folder = Folder::new("ring");
    let file = folder.0.join("ring");
    let flags = [Path::new("--ring-file"), &file];
    // An address where nobody listens, for now.
    let address = Ground::start("127.0.0.1:0").address();
    let url = format!("ws://{address}/ws");
    for starts in 1..=2 {
        let child = spider(&url, "200", &flags);
        std::thread::sleep(2 * SECOND);
        end(child, libc::SIGTERM);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "after {starts}");
    }

    let ground = Ground::start(&address);
    let child = spider(&url, "200", &flags);
    wait("three runs", 30 * SECOND, || {
        ground.runs().len() == 3 && ground.durable() >= 10
    });
    let (runs, hellos) = (ground.runs(), ground.hellos());
    assert!(runs.iter().all(|(_, samples)| *samples >= 8), "{runs:?}");
    for (hello, (run, samples)) in hellos.iter().zip(&runs).take(2) {
        assert_eq!((&hello.run, hello.oldest_seq), (run, 1));
        assert_eq!(hello.newest_seq, *samples, "all of it, and nothing more");
    }
    let closes: Vec<u16> = ground.closes().iter().map(|(code, _)| *code).collect();
    assert_eq!(
        closes,
        [1000, 1000],
        "an earlier run's session ends when it is delivered"
    );
    end(child, libc::SIGTERM);
    // At most what was not acknowledged at the end.
    let left = std::fs::read(&file).map_or(0, |bytes| {
        let kept = stardust_spider::link::ring_format::decode(&bytes).unwrap();
        assert_eq!(kept.len(), 1);
        kept[0].ring.newest_seq() + 1 - kept[0].ring.oldest_seq()
    });
    assert!(left < 20, "{left} samples are kept that were delivered");
}

#[test]
fn a_file_that_is_not_ours_is_set_aside_and_a_bad_place_is_told() {
    let folder = Folder::new("aside");
    let file = folder.0.join("ring");
    std::fs::write(&file, "precious").unwrap();
    let ground = Ground::start("127.0.0.1:0");
    for path in [&file, &folder.0.join("no/such/ring")] {
        let child = spider(&ground.url(), "200", &[Path::new("--ring-file"), path]);
        let before = ground.hellos().len();
        wait("a session", 20 * SECOND, || ground.hellos().len() > before);
        end(child, libc::SIGTERM);
    }
    let aside = std::fs::read_to_string(folder.0.join("ring.bad")).unwrap();
    assert_eq!(aside, "precious");
}

const FLAT_SAMPLES: u64 = 100_000;
const FLAT_URL: &str = "STARDUST_FLAT_URL";
const FLAT_CA: &str = "STARDUST_FLAT_CA";
/// The ring's buffer is larger at one moment than at another; one byte a sample
/// would be eighty.
const OWN_KB_MAX: u64 = 48;
/// With the pages of code that come in when they first run.
const RSS_KB_MAX: u64 = 160;

/// A process of its own, so that only the Spider's memory is measured.
fn grows_by_nothing(ground: &Ground, ca: Option<&Path>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "process::flat_child",
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(FLAT_URL, ground.url());
    if let Some(ca) = ca {
        command.env(FLAT_CA, ca);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let figures = text.lines().find_map(|line| line.split_once("flat:"));
    let figures: Vec<u64> = figures
        .unwrap()
        .1
        .split(' ')
        .filter_map(|n| n.parse().ok())
        .collect();
    let [first_rss, first_own, last_rss, last_own] = figures[..] else {
        panic!("{text}")
    };
    println!(
        "RSS {first_rss} kB at 20 %, {last_rss} kB at the end; own {first_own}, {last_own} kB"
    );
    assert!(ground.durable() >= FLAT_SAMPLES);
    assert!(
        last_rss <= first_rss + RSS_KB_MAX,
        "RSS went from {first_rss} to {last_rss} kB"
    );
    assert!(
        last_own <= first_own + OWN_KB_MAX,
        "{first_own} to {last_own} kB"
    );
}

#[test]
fn a_hundred_thousand_samples_grow_the_process_by_nothing() {
    let ground = Ground::start("127.0.0.1:0");
    grows_by_nothing(&ground, None);
}

#[cfg(feature = "tls")]
#[test]
fn a_hundred_thousand_samples_over_tls_grow_the_process_by_nothing() {
    let authority = crate::wss::authority("Ours");
    let ca = crate::wss::file("flat", &authority.pem);
    let version = &rustls::version::TLS13;
    let ground = crate::wss::server(&authority, "127.0.0.1", (2020, 2100), version);
    grows_by_nothing(&ground, Some(&ca));
    std::fs::remove_file(ca).unwrap();
}

#[test]
#[ignore = "the other half of the tests above, which run it in a process of its own"]
fn flat_child() {
    let url = std::env::var(FLAT_URL).expect("the tests above say where to send");
    let settings = Settings {
        ca_file: std::env::var_os(FLAT_CA).map(PathBuf::from),
        // No pause between two samples.
        ..settings(&url, 0, 512 << 10)
    };
    let names: Vec<_> = (0..80)
        .map(|n| SeriesDef::new("net.rx_bytes", &[("iface", &n.to_string())]))
        .collect();
    let (mut values, mut random) = (vec![0; names.len()], Random::new(1));
    let mut driver = Driver::new(settings, Identity::default()).unwrap();
    let mut boot_ms = clock::boot_ms() - FLAT_SAMPLES as i64;
    let mut measured = Vec::new();
    // Reading this brings pages of code in, once.
    memory_kb();
    for mark in [FLAT_SAMPLES / 5, FLAT_SAMPLES] {
        let mut taken = 0;
        while taken < mark || !driver.link().ring().is_empty() {
            driver
                .turn(&mut |link| {
                    let ring = link.ring();
                    let waiting = ring.newest_seq() - ring.oldest_seq();
                    taken = ring.last_seq();
                    // The server, not the ring, is to take what there is.
                    if taken < mark && waiting < 500 {
                        boot_ms += 1;
                        for _ in 0..16 {
                            values[random.below(80) as usize] += random.below(200) as i64;
                        }
                        link.push(boot_ms, 1, &names, &values);
                    }
                })
                .unwrap();
        }
        measured.extend(memory_kb());
    }
    let ring = driver.link().ring();
    assert_eq!((ring.last_seq(), ring.dropped()), (FLAT_SAMPLES, 0));
    println!(
        "flat: {} {} {} {}",
        measured[0], measured[1], measured[2], measured[3]
    );
}

/// Resident in all, and what of it no file backs.
fn memory_kb() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    ["Rss:", "Anonymous:"].map(|name| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    })
}
