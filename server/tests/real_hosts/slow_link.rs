//! A second way to a host, through this program: packets come late and some not
//! at all. The kernel's own netem is not everywhere; two TUN devices are.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::host::{Host, MACHINE, ip};

pub struct SlowLink {
    /// Where the host is found through it.
    pub address: String,
    shared: Arc<Shared>,
    pump: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    cut: AtomicBool,
    passed: AtomicU64,
    lost: AtomicU64,
}

/// `struct ifreq` as far as TUNSETIFF reads it.
#[repr(C)]
struct Request {
    name: [u8; 16],
    flags: libc::c_short,
    rest: [u8; 22],
}

const TUNSETIFF: libc::c_ulong = 0x4004_54ca;
const IFF_TUN: libc::c_short = 1;
const IFF_NO_PI: libc::c_short = 0x1000;

/// A TUN device in the network namespace of the thread that calls.
fn tun(name: &str) -> File {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/net/tun")
        .expect("slow links need /dev/net/tun: as root, modprobe tun");
    let mut request = Request {
        name: [0; 16],
        flags: IFF_TUN | IFF_NO_PI,
        rest: [0; 22],
    };
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    // SAFETY: the request is as large as the kernel's, and the descriptor is open.
    let done = unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFF, &raw mut request) };
    assert_eq!(done, 0, "{name}: {}", std::io::Error::last_os_error());
    file
}

/// The same in another namespace: a thread goes there and ends.
fn tun_in(netns: &str, name: &'static str) -> File {
    let there = File::open(format!("/run/netns/{netns}")).expect("a network namespace");
    let made = std::thread::spawn(move || {
        // SAFETY: it concerns this thread alone, and the descriptor is open.
        let done = unsafe { libc::setns(there.as_raw_fd(), libc::CLONE_NEWNET) };
        assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
        let file = tun(name);
        // SAFETY: the copy is a new descriptor that nobody else owns.
        unsafe { File::from_raw_fd(libc::dup(file.as_raw_fd())) }
    });
    made.join().expect("the device is made")
}

impl SlowLink {
    /// From now on the host finds Ground Control through it too. `delay` is one
    /// way's; of a thousand packets `lost` are lost.
    pub fn to(host: &Host, delay: Duration, lost: u64) -> Self {
        let number: u8 = host.address.split('.').nth(2).unwrap().parse().unwrap();
        let (here, there) = (format!("198.18.{number}.5"), format!("198.18.{number}.6"));
        let netns = host.netns();
        let device = format!("stardust{number}s");
        let ends = [tun(&device), tun_in(&netns, "slow0")];
        ip(&["addr", "add", &format!("{here}/30"), "dev", &device]);
        ip(&["addr", "add", &format!("{MACHINE}/32"), "dev", &device]);
        ip(&["link", "set", &device, "up"]);
        ip(&[
            "-n",
            &netns,
            "addr",
            "add",
            &format!("{there}/30"),
            "dev",
            "slow0",
        ]);
        ip(&["-n", &netns, "link", "set", "slow0", "up"]);
        ip(&["-n", &netns, "route", "replace", MACHINE, "via", &here]);
        let shared = Arc::<Shared>::default();
        let inside = Arc::clone(&shared);
        let pump = std::thread::spawn(move || pump(&ends, delay, lost, &inside));
        Self {
            address: there,
            shared,
            pump: Some(pump),
        }
    }

    /// While it is cut nothing comes through, and nobody is told.
    pub fn cut(&self, cut: bool) {
        self.shared.cut.store(cut, Ordering::Relaxed);
    }

    /// Packets that came through, and that did not.
    pub fn counts(&self) -> (u64, u64) {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        (count(&self.shared.passed), count(&self.shared.lost))
    }
}

impl Drop for SlowLink {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(pump) = self.pump.take() {
            // The devices go with their descriptors.
            let _ = pump.join();
        }
    }
}

fn pump(ends: &[File; 2], delay: Duration, lost: u64, shared: &Shared) {
    let mut under_way: [VecDeque<(Instant, Vec<u8>)>; 2] = Default::default();
    let mut buffer = [0; 2048];
    // Always the same packets of a run, as far as runs are the same.
    let mut random = 0x5eed_u64;
    while !shared.stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        for (from, queue) in under_way.iter_mut().enumerate() {
            while let Ok(length) = (&ends[from]).read(&mut buffer) {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                if (random >> 33) % 1000 < lost || shared.cut.load(Ordering::Relaxed) {
                    shared.lost.fetch_add(1, Ordering::Relaxed);
                } else {
                    queue.push_back((now + delay, buffer[..length].to_vec()));
                }
            }
            while queue.front().is_some_and(|(due, _)| *due <= now) {
                let (_, packet) = queue.pop_front().expect("looked at");
                // A device that is full loses it, as a cable does.
                let _ = (&ends[1 - from]).write(&packet);
                shared.passed.fetch_add(1, Ordering::Relaxed);
            }
        }
        wait(ends);
    }
}

fn wait(ends: &[File; 2]) {
    let mut fds = [0, 1].map(|end: usize| libc::pollfd {
        fd: ends[end].as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: two entries that live through the call.
    unsafe { libc::poll(fds.as_mut_ptr(), 2, 2) };
}
