//! A host that is booted for a test and gone after it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Condvar, Mutex, OnceLock};

use crate::common::eventually;

/// Where every host finds this machine.
pub const MACHINE: &str = "198.19.0.1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// systemd, OpenSSH, sudo, curl, fish.
    Debian,
    /// sysvinit with OpenRC, OpenSSH, sudo, wget.
    OpenRc,
    /// sysvinit alone, as Devuan and antiX have it.
    Sysvinit,
    /// runit as init.
    Runit,
    /// busybox and dropbear: no SFTP, bash, sudo or curl.
    Router,
}

pub const KINDS: [Kind; 3] = [Kind::Debian, Kind::OpenRc, Kind::Router];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::OpenRc => "openrc",
            Self::Sysvinit => "sysvinit",
            Self::Runit => "runit",
            Self::Router => "router",
        }
    }
}

/// Each systemd takes several of the 128 inotify instances that a kernel lets root
/// have; all hosts share them with this machine.
const SYSTEMDS_MAX: usize = 12;
static SYSTEMDS: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// Waits until another systemd may boot; counted until it is dropped.
struct Place;

impl Place {
    fn take() -> Self {
        let taken = SYSTEMDS.0.lock().unwrap();
        let mut taken = SYSTEMDS
            .1
            .wait_while(taken, |taken| *taken >= SYSTEMDS_MAX)
            .unwrap();
        *taken += 1;
        Self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *SYSTEMDS.0.lock().unwrap() -= 1;
        SYSTEMDS.1.notify_one();
    }
}

pub struct Host {
    pub kind: Kind,
    pub address: String,
    /// What `host.sh` says of it.
    run: PathBuf,
    /// Keeps the host until its standard input is closed, also by our own end.
    keeper: Child,
    _place: Option<Place>,
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts")
}

/// What the hosts boot from, and the keys; built by the first test that asks.
pub fn base() -> &'static Path {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    BASE.get_or_init(|| build(&[]))
}

/// One that few tests want, the same way.
pub fn built(name: &'static str) -> PathBuf {
    static BUILT: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    let mut built = BUILT.lock().unwrap();
    if !built.contains(&name) {
        base();
        build(&[name]);
        built.push(name);
    }
    base().join(name)
}

fn build(names: &[&str]) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let folder = target.expect("target/tmp has a parent").join("hosts");
    let status = Command::new("bash")
        .arg(scripts().join("build.sh"))
        .arg(&folder)
        .args(names)
        .stdin(Stdio::null())
        .status()
        .expect("bash is there");
    assert!(status.success(), "build.sh: {status}");
    folder
}

impl Host {
    pub fn boot(kind: Kind) -> Self {
        Self::boot_with(kind, &[])
    }

    /// With options of `host.sh`.
    pub fn boot_with(kind: Kind, options: &[&str]) -> Self {
        if matches!(kind, Kind::Sysvinit | Kind::Runit) {
            built(kind.name());
        }
        let place = (kind == Kind::Debian).then(Place::take);
        let mut keeper = Command::new("bash")
            .arg(scripts().join("host.sh"))
            .arg(base())
            .arg(kind.name())
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash is there");
        let mut line = String::new();
        let said = keeper.stdout.as_mut().expect("piped");
        BufReader::new(said).read_line(&mut line).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["ready", address, run] = words[..] else {
            let mut why = String::new();
            let stderr = keeper.stderr.as_mut().expect("piped");
            stderr.read_to_string(&mut why).unwrap();
            panic!("a {kind:?} host does not boot: {why}");
        };
        Self {
            kind,
            address: address.to_owned(),
            run: run.into(),
            keeper,
            _place: place,
        }
    }

    fn word(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.run.join(name)).expect(name);
        text.trim().to_owned()
    }

    pub fn netns(&self) -> String {
        self.word("netns")
    }

    /// The pid of its init, here.
    fn init(&self) -> String {
        let nspawn = self.word("nspawn");
        let children = std::fs::read_to_string(format!("/proc/{nspawn}/task/{nspawn}/children"));
        children.expect("nspawn is running").trim().to_owned()
    }

    /// Its files as its own processes see them, `/run` and `/tmp` too.
    pub fn root(&self) -> PathBuf {
        Path::new("/proc").join(self.init()).join("root")
    }

    /// A file of the host.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path.trim_start_matches('/'))).unwrap_or_default()
    }

    /// Gives it another name, which need not be one.
    pub fn is_called(&self, name: &'static [u8]) {
        let there = File::open(format!("/proc/{}/ns/uts", self.init())).expect("its names");
        let named = std::thread::spawn(move || {
            // SAFETY: it concerns this thread alone, and the descriptor is open.
            let entered = unsafe { libc::setns(there.as_raw_fd(), libc::CLONE_NEWUTS) };
            assert_eq!(entered, 0, "{}", std::io::Error::last_os_error());
            // SAFETY: as many bytes as there are.
            let done = unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) };
            assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
        });
        named.join().expect("it has a name");
    }

    /// Runs a script inside as root, past SSH.
    pub fn try_shell(&self, script: &str) -> Output {
        Command::new("nsenter")
            .args(["-t", &self.init(), "-m", "-u", "-i", "-n", "-p"])
            .args(["--", "/bin/sh", "-c", script])
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .stdin(Stdio::null())
            .output()
            .expect("nsenter is there")
    }

    /// The same where it must work; what it printed.
    pub fn shell(&self, script: &str) -> String {
        let output = self.try_shell(script);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{script}: {}\n{}{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Pulls the cable out.
    pub fn cut(&self) {
        ip(&["link", "set", &self.word("link"), "down"]);
    }

    /// Puts it in again.
    pub fn mend(&self) {
        ip(&["link", "set", &self.word("link"), "up"]);
    }

    /// Takes the way to this machine's common address away: SSH goes on, and
    /// Ground Control can't be reached.
    pub fn lose_ground_control(&self) {
        ip(&["-n", &self.netns(), "route", "del", MACHINE]);
    }

    /// And gives it back.
    pub fn find_ground_control(&self) {
        let number = self.address.split('.').nth(2).expect("an address");
        let gateway = format!("198.18.{number}.1");
        ip(&[
            "-n",
            &self.netns(),
            "route",
            "add",
            MACHINE,
            "via",
            &gateway,
        ]);
    }

    /// New keys of its SSH server, as after a new installation.
    pub fn new_host_keys(&self) {
        assert_eq!(self.kind, Kind::Debian);
        self.shell(
            "rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; \
             systemctl restart ssh",
        );
        self.await_ssh();
    }

    /// Restarts it as a power cut does that is short: nothing is stopped before.
    pub fn cut_power(&self) {
        let before = self.word("nspawn");
        self.try_shell("reboot --force --force");
        self.await_boot(&before);
    }

    fn await_boot(&self, before: &str) {
        eventually("the host boots again", || {
            (self.word("nspawn") != before).then_some(())
        });
        self.await_ssh();
    }

    pub fn await_ssh(&self) {
        eventually("its SSH server answers", || {
            let stream = std::net::TcpStream::connect((self.address.as_str(), 22)).ok()?;
            let mut banner = [0; 4];
            (&stream).read_exact(&mut banner).ok()?;
            (banner == *b"SSH-").then_some(())
        });
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        if std::thread::panicking() {
            eprintln!("---- that was host {} ({:?})", self.address, self.kind);
        }
    }
}

pub fn ip(arguments: &[&str]) {
    let output = Command::new("ip")
        .args(arguments)
        .output()
        .expect("ip is there");
    assert!(output.status.success(), "ip {arguments:?}: {output:?}");
}

/// A cable between two hosts, with the addresses `198.18.251.1` and `.2`.
pub fn cable(one: &Host, other: &Host) -> (&'static str, &'static str) {
    let (one, other) = (one.netns(), other.netns());
    ip(&[
        "link", "add", "cable", "netns", &one, "type", "veth", "peer", "name", "cable", "netns",
        &other,
    ]);
    for (netns, address) in [(&one, "198.18.251.1/30"), (&other, "198.18.251.2/30")] {
        ip(&["-n", netns, "addr", "add", address, "dev", "cable"]);
        ip(&["-n", netns, "link", "set", "cable", "up"]);
    }
    ("198.18.251.1", "198.18.251.2")
}
