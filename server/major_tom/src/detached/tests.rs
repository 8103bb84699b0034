//! The follower and the stream alone, then the scripts over real SSH servers.

use std::time::{Duration, Instant};

use super::super::fault::Fault;
use super::super::output::Output;
use super::super::remote::{Remote as _, Stdin};
use super::super::session::Session;
use super::super::shell::Command;
use super::super::testing::{Kind, Server, there_is, user};
use super::follower::{Act, Follower};
use super::run::{Node, Watcher, follow, follow_some, start};
use super::script::Fetched;
use super::stream::Stream;
use super::{End, Part, Seen, Work};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn the_follower_waits_longer_each_time_and_goes_on_where_it_was() {
    let mut follower = Follower::new(0, 0, HOUR);
    let from = |follower: &Follower, now| match follower.next(now) {
        Act::Follow { from, .. } => from,
        other => panic!("{other:?}"),
    };
    assert_eq!(from(&follower, 0), 0);
    let seen = Seen {
        phase: "install".into(),
        safe: false,
    };
    follower.reached(700, Some(&seen));
    let mut now = 0;
    let mut before = 0;
    for _ in 0..12 {
        follower.lost(now, u64::MAX);
        let Act::Wait { until_ms } = follower.next(now) else {
            panic!("it waits");
        };
        let pause = until_ms - now;
        assert!(pause >= before.min(30_000) && pause <= 60_000, "{pause}");
        before = pause;
        now = until_ms;
        assert_eq!(from(&follower, now), 700);
    }
    // Once it answers, the next loss is a first one again.
    follower.reached(900, Some(&seen));
    follower.lost(now, 0);
    assert!(matches!(follower.next(now), Act::Wait { until_ms } if until_ms - now <= 1000));
    // An answer that was already had takes nothing back.
    follower.reached(100, None);
    assert_eq!(follower.offset(), 900);
    assert_eq!(follower.next(u64::MAX), Act::GiveUp);
    follower.ended(End::Missing);
    assert_eq!(follower.next(u64::MAX), Act::Done(End::Missing));
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let whole: &[u8] = b"[sudo] words\n@m 5 running - download safe\n@m 1\n\n@m 3 running - install unsafe\nabc\n@m 0 exit 100 install unsafe\n\n";
    for at in 0..=whole.len() {
        let mut seen = Vec::new();
        let mut stream = Stream::new("m", 10);
        stream.take(&whole[..at], &mut |bytes| seen.extend_from_slice(bytes));
        // What has come counts, also when no more comes.
        assert_eq!(stream.offset(), 10 + seen.len() as u64);
        stream.take(&whole[at..], &mut |bytes| seen.extend_from_slice(bytes));
        assert_eq!(seen, b"@m 1\nabc");
        let end = End::Exit {
            code: 100,
            phase: "install".into(),
        };
        assert_eq!(stream.end(), Some(&end));
        assert_eq!(stream.offset(), 18);
        assert!(!stream.is_broken());
    }
}

/// Found by fuzzing: in one piece such a line was taken.
#[test]
fn a_line_that_is_too_long_is_one_in_any_pieces() {
    let mut line = b"@m 0 missing".to_vec();
    line.resize(300, b' ');
    line.extend_from_slice(b"\n\n");
    for size in [1, 7, 256, line.len()] {
        let mut stream = Stream::new("m", 0);
        for piece in line.chunks(size) {
            stream.take(piece, &mut |_| {});
        }
        assert!(stream.is_broken(), "{size}");
        assert_eq!(stream.end(), None);
    }
}

#[test]
fn a_stream_that_makes_no_sense_is_not_believed() {
    for bytes in [
        &b"@m 5 running - a safe\nab\n@m 0 exit 0 a safe\n\n"[..],
        b"@m x running - a safe\n\n",
        b"@m 99999999 running - a safe\n",
        b"@m 0 odd - a safe\n\n",
        b"@m 0 exit x a safe\n\n",
        b"@m 0 running - a safe\n\nsomething\n@m 0 exit 0 a safe\n\n",
        b"@m 0 running - a safe 18446744073709551615\n\n@m 1 running - a safe\nx\n",
    ] {
        let mut stream = Stream::new("m", 0);
        stream.take(bytes, &mut |_| {});
        assert!(stream.is_broken(), "{}", String::from_utf8_lossy(bytes));
        assert_eq!(stream.end(), None);
    }
    // An end with output behind it is none yet.
    let mut stream = Stream::new("m", 0);
    stream.take(b"@m 2 exit 0 a safe\nab\n", &mut |_| {});
    assert_eq!((stream.end(), stream.offset()), (None, 2));
    let mut stream = Stream::new("m", 0);
    stream.take(&vec![b'x'; 10_000], &mut |_| panic!("no output"));
    assert!(stream.is_broken());
}

#[test]
fn a_stream_may_go_on_further_down() {
    let mut seen = Vec::new();
    let mut stream = Stream::new("m", 0);
    let bytes =
        b"@m 2 running - a unsafe\nab\n@m 0 exit 1 a unsafe 1000\n\n@m 3 exit 1 a unsafe\nend\n";
    stream.take(bytes, &mut |bytes| seen.extend_from_slice(bytes));
    let seen = String::from_utf8(seen).unwrap();
    assert_eq!(seen, "ab\n[… 998 bytes of output were not fetched …]\nend");
    assert_eq!((stream.offset(), stream.end()), (1003, None));
    stream.take(b"@m 0 exit 1 a unsafe\n\n", &mut |_| panic!("no output"));
    let end = End::Exit {
        code: 1,
        phase: "a".into(),
    };
    assert_eq!(stream.end(), Some(&end));
    // It never goes back.
    let mut stream = Stream::new("m", 50);
    stream.take(b"@m 0 exit 1 a unsafe 10\n\n", &mut |_| panic!("no output"));
    assert_eq!(stream.offset(), 50);
}

/// A login that may be cut at any time.
struct Lab<'a> {
    server: &'a Server,
    session: Option<Session>,
    logins: usize,
}

impl Node for Lab<'_> {
    fn run(
        &mut self,
        command: &Command,
        time: Duration,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Output, Fault> {
        if self.session.is_none() {
            self.session = Some(self.server.login_with(&self.server.auth())?);
            self.logins += 1;
        }
        let session = self.session.as_ref().unwrap();
        session.run(command, Stdin::Nothing, time, on_output)
    }

    fn disconnect(&mut self) {
        self.session = None;
    }
}

type OnText<'a> = Box<dyn FnMut(&str) + 'a>;

#[derive(Default)]
struct Eyes<'a> {
    text: Vec<u8>,
    phases: Vec<String>,
    losses: usize,
    /// Called with all output so far.
    on_text: Option<OnText<'a>>,
    cancel: bool,
    late: bool,
    stop_at: Option<&'static str>,
}

impl Watcher for Eyes<'_> {
    fn output(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        let text = String::from_utf8_lossy(&self.text).into_owned();
        if let Some(act) = &mut self.on_text {
            act(&text);
        }
    }

    fn seen(&mut self, seen: &Seen) {
        self.phases.push(seen.phase.clone());
    }

    fn lost(&mut self, _: &Fault) {
        self.losses += 1;
    }

    fn is_stopping(&self) -> bool {
        let text = String::from_utf8_lossy(&self.text);
        self.stop_at.is_some_and(|at| text.contains(at))
    }

    fn wants_cancel(&self) -> bool {
        self.cancel
    }

    fn too_late(&mut self) {
        self.late = true;
    }
}

/// Only root has a folder for it; CI runs as root.
fn servers() -> Vec<Server> {
    if user() != "root" {
        eprintln!("left out: detached work is tested as root only");
        return Vec::new();
    }
    [Kind::OpenSsh, Kind::Dropbear]
        .into_iter()
        .filter(|kind| there_is(*kind))
        .map(Server::start)
        .collect()
}

fn part(name: &'static str, safe: bool, text: &'static str) -> Part {
    Part {
        name,
        safe,
        command: Command::script(text, &[]).unwrap(),
    }
}

fn work(parts: Vec<Part>) -> Work {
    Work {
        id: stardust_base::secret::random_hex(12)
            .unwrap()
            .expose()
            .to_owned(),
        parts,
        lock_files: "/nonexistent/lock",
        lock_wait_seconds: 30,
        good_codes: &[0],
    }
}

fn folder(work: &Work) -> String {
    format!("/var/lib/stardust-jobs/{}", work.id)
}

/// Gone with the test.
struct Tidy(String);

impl Drop for Tidy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn of_too_much_output_the_end_is_kept() {
    for server in servers() {
        let text = "n=0; while [ $n -lt 9000 ]; do n=$((n + 1)); echo \"line $n of much\"; done\n\
                    sleep 0.5; echo 'E: this is why' >&2; exit 100\n";
        let work = work(vec![part("install", false, text)]);
        let _tidy = Tidy(folder(&work));
        let mut lab = Lab {
            server: &server,
            session: None,
            logins: 0,
        };
        start(&mut lab, &work).unwrap();
        let mut eyes = Eyes::default();
        let fetched = Fetched {
            most: 16 << 10,
            end: 2 << 10,
        };
        let end = follow_some(&mut lab, &work.id, &mut eyes, fetched).unwrap();
        assert!(matches!(end, End::Exit { code: 100, .. }), "{end:?}");
        let text = String::from_utf8(eyes.text).unwrap();
        assert!(text.starts_with("line 1 of much\nline 2 of much\n"));
        assert!(
            text.ends_with("line 9000 of much\nE: this is why\n"),
            "{text}"
        );
        assert_eq!(text.matches("were not fetched").count(), 1);
        assert!(text.len() < 19 << 10, "{}", text.len());
    }
}

const COUNT: &str =
    "n=0; while [ $n -lt 30 ]; do n=$((n + 1)); echo \"line $n\"; sleep 0.1; done\n";

fn counted() -> String {
    (1..=30).map(|n| format!("line {n}\n")).collect()
}

#[test]
fn work_survives_a_cut_link_and_its_output_has_no_hole() {
    for server in servers() {
        let work = work(vec![
            part("download", true, "echo got it\n"),
            part("install", false, COUNT),
        ]);
        let _tidy = Tidy(folder(&work));
        let mut lab = Lab {
            server: &server,
            session: None,
            logins: 0,
        };
        start(&mut lab, &work).unwrap();
        // Done again, it starts nothing again.
        assert!(start(&mut lab, &work).unwrap().contains("had been started"));
        let mut cuts = 0;
        let mut eyes = Eyes {
            on_text: Some(Box::new(|text: &str| {
                let due = (cuts == 0 && text.contains("line 5\n"))
                    || (cuts == 1 && text.contains("line 20\n"));
                if due {
                    cuts += 1;
                    server.kill_connections();
                }
            })),
            ..Eyes::default()
        };
        let end = follow(&mut lab, &work.id, &mut eyes).unwrap();
        assert_eq!(
            end,
            End::Exit {
                code: 0,
                phase: "install".into()
            }
        );
        assert_eq!(
            String::from_utf8_lossy(&eyes.text),
            format!("got it\n{}", counted())
        );
        assert!(eyes.losses >= 1 && eyes.phases.last().unwrap() == "install");
        drop(eyes);
        assert!(
            cuts >= 1 && lab.logins >= 2,
            "{cuts} cuts, {} logins",
            lab.logins
        );
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata("/var/lib/stardust-jobs")
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[test]
fn work_is_followed_again_from_its_first_byte_by_another_follower() {
    for server in servers() {
        let work = work(vec![part("install", false, COUNT)]);
        let _tidy = Tidy(folder(&work));
        let mut lab = Lab {
            server: &server,
            session: None,
            logins: 0,
        };
        start(&mut lab, &work).unwrap();
        let mut first = Eyes {
            stop_at: Some("line 5\n"),
            ..Eyes::default()
        };
        // As when Ground Control is killed: nobody says good-bye.
        first.on_text = Some(Box::new(|text: &str| {
            if text.contains("line 5\n") {
                server.kill_connections();
            }
        }));
        assert!(follow(&mut lab, &work.id, &mut first).is_err());
        drop(first);
        let mut lab = Lab {
            server: &server,
            session: None,
            logins: 0,
        };
        let mut second = Eyes::default();
        let end = follow(&mut lab, &work.id, &mut second).unwrap();
        assert_eq!(
            end,
            End::Exit {
                code: 0,
                phase: "install".into()
            }
        );
        assert_eq!(String::from_utf8_lossy(&second.text), counted());
    }
}

#[test]
fn how_it_ended_is_told_as_it_was() {
    for server in servers().into_iter().take(1) {
        let mut lab = Lab {
            server: &server,
            session: None,
            logins: 0,
        };
        let mut run = |work: &Work| {
            start(&mut lab, work).unwrap();
            let mut eyes = Eyes::default();
            let end = follow(&mut lab, &work.id, &mut eyes).unwrap();
            (end, String::from_utf8_lossy(&eyes.text).into_owned())
        };
        // What fails is the last.
        let failing = work(vec![
            part("download", true, "echo no >&2; exit 100\n"),
            part("install", false, "echo never\n"),
        ]);
        let _tidy = Tidy(folder(&failing));
        let end = End::Exit {
            code: 100,
            phase: "download".into(),
        };
        assert_eq!(run(&failing), (end, "no\n".into()));
        // The runner itself is killed, and cannot say so.
        let killed = work(vec![part(
            "install",
            false,
            "echo here; kill -KILL $PPID; exit 0\n",
        )]);
        let _tidy = Tidy(folder(&killed));
        assert_eq!(
            run(&killed),
            (
                End::Killed {
                    phase: "install".into()
                },
                "here\n".into()
            )
        );
        // Another boot.
        let rebooted = work(vec![part("install", false, "sleep 300\n")]);
        let _tidy = Tidy(folder(&rebooted));
        start(&mut lab, &rebooted).unwrap();
        let pid_file = format!("{}/pid", folder(&rebooted));
        let until = Instant::now() + Duration::from_secs(20);
        while !std::path::Path::new(&pid_file).exists() {
            assert!(Instant::now() < until);
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::write(format!("{}/boot", folder(&rebooted)), "another\n").unwrap();
        let end = follow(&mut lab, &rebooted.id, &mut Eyes::default()).unwrap();
        assert!(matches!(end, End::Rebooted { .. }), "{end:?}");
        let pid: i32 = std::fs::read_to_string(&pid_file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        // SAFETY: the process group of the runner that this test started.
        unsafe { libc::kill(-pid, libc::SIGKILL) };
        // Nothing there.
        let nothing = work(Vec::new());
        let end = follow(&mut lab, &nothing.id, &mut Eyes::default()).unwrap();
        assert_eq!(end, End::Missing);
        let mut odd = work(Vec::new());
        odd.id = "../../etc".into();
        assert!(start(&mut lab, &odd).is_err());
    }
}

#[test]
fn only_what_is_harmless_is_cancelled() {
    for server in servers().into_iter().take(1) {
        let mut lab = Lab {
            server: &server,
            session: None,
            logins: 0,
        };
        let safe = work(vec![
            part("download", true, "echo begun; sleep 300\n"),
            part("install", false, "echo never\n"),
        ]);
        let _tidy = Tidy(folder(&safe));
        start(&mut lab, &safe).unwrap();
        let mut eyes = Eyes {
            cancel: true,
            ..Eyes::default()
        };
        let end = follow(&mut lab, &safe.id, &mut eyes).unwrap();
        assert!(matches!(end, End::Cancelled { .. }), "{end:?}");
        assert!(!String::from_utf8_lossy(&eyes.text).contains("never") && !eyes.late);

        let unsafe_one = work(vec![part(
            "install",
            false,
            "echo begun; sleep 3; echo done\n",
        )]);
        let _tidy = Tidy(folder(&unsafe_one));
        start(&mut lab, &unsafe_one).unwrap();
        let mut first = Eyes {
            stop_at: Some("begun"),
            ..Eyes::default()
        };
        let _ = follow(&mut lab, &unsafe_one.id, &mut first);
        let mut eyes = Eyes {
            cancel: true,
            ..Eyes::default()
        };
        let end = follow(&mut lab, &unsafe_one.id, &mut eyes).unwrap();
        assert_eq!(
            end,
            End::Exit {
                code: 0,
                phase: "install".into()
            }
        );
        assert_eq!(String::from_utf8_lossy(&eyes.text), "begun\ndone\n");
    }
}

fn ended(lab: &mut Lab<'_>, work: &Work) -> (End, String) {
    start(lab, work).unwrap();
    let mut eyes = Eyes::default();
    let end = follow(lab, &work.id, &mut eyes).unwrap();
    (end, String::from_utf8_lossy(&eyes.text).into_owned())
}

fn waits_no_more(code: i32) -> End {
    End::Exit {
        code,
        phase: "wait".into(),
    }
}

#[test]
fn a_number_that_is_another_process_by_now_is_not_waited_for() {
    use std::time::SystemTime;
    for server in servers().into_iter().take(1) {
        let mut lab = Lab {
            server: &server,
            session: None,
            logins: 0,
        };
        let path = server.folder.join("lab.pid");
        let by = |seconds_ago: u64, pid: u32| {
            std::fs::write(&path, pid.to_string()).unwrap();
            let written = SystemTime::now() - Duration::from_secs(seconds_ago);
            let file = std::fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(written).unwrap();
            let mut work = work(vec![part("install", false, "echo done\n")]);
            work.lock_files = Box::leak(path.to_str().unwrap().to_owned().into_boxed_str());
            work.lock_wait_seconds = 1;
            work
        };
        let mut other = std::process::Command::new("sleep")
            .arg("300")
            .spawn()
            .unwrap();
        // Written by it, as far as anybody can tell.
        let now = by(0, other.id());
        let _tidy = Tidy(folder(&now));
        let (end, text) = ended(&mut lab, &now);
        assert_eq!(end, waits_no_more(75), "{text}");
        // Written long before it began.
        let long_ago = by(100_000_000, other.id());
        let _tidy = Tidy(folder(&long_ago));
        let (end, text) = ended(&mut lab, &long_ago);
        assert_eq!(end, waits_no_more(76), "{text}");
        assert!(
            text.contains("lab.pid was left behind") && text.contains("sleep"),
            "{text}"
        );
        // One that is not there any more is the manager's own matter.
        other.kill().unwrap();
        other.wait().unwrap();
        let gone = by(0, other.id());
        let _tidy = Tidy(folder(&gone));
        let (end, text) = ended(&mut lab, &gone);
        assert_eq!(text, "done\n", "{end:?}");
    }
}

#[test]
fn who_holds_the_lock_is_named_and_waited_for() {
    use std::os::fd::AsRawFd as _;
    for server in servers().into_iter().take(1) {
        let mut lab = Lab {
            server: &server,
            session: None,
            logins: 0,
        };
        let path = server.folder.join("lock");
        let file = std::fs::File::create(&path).unwrap();
        let lock = |kind: i16| {
            // SAFETY: flock is plain data, and the descriptor is open.
            unsafe {
                let mut lock: libc::flock = std::mem::zeroed();
                lock.l_type = kind;
                assert_eq!(
                    libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock),
                    0
                );
            }
        };
        lock(libc::F_WRLCK as i16);
        let mut waiting = work(vec![part("install", false, "echo done\n")]);
        waiting.lock_files = Box::leak(path.to_str().unwrap().to_owned().into_boxed_str());
        let _tidy = Tidy(folder(&waiting));
        start(&mut lab, &waiting).unwrap();
        let mut released = false;
        let mut eyes = Eyes {
            on_text: Some(Box::new(|text: &str| {
                if text.contains("Waiting for ") && !released {
                    released = true;
                    lock(libc::F_UNLCK as i16);
                }
            })),
            ..Eyes::default()
        };
        let end = follow(&mut lab, &waiting.id, &mut eyes).unwrap();
        assert_eq!(
            end,
            End::Exit {
                code: 0,
                phase: "install".into()
            }
        );
        let text = String::from_utf8_lossy(&eyes.text).into_owned();
        let pid = format!("(process {})", std::process::id());
        assert!(text.contains(&pid) && text.ends_with("done\n"), "{text}");
        assert!(eyes.phases.iter().any(|phase| phase == "wait"));
        drop(eyes);

        // Not for longer than it was told.
        lock(libc::F_WRLCK as i16);
        let mut in_vain = work(vec![part("install", false, "echo done\n")]);
        in_vain.lock_files = waiting.lock_files;
        in_vain.lock_wait_seconds = 1;
        let _tidy = Tidy(folder(&in_vain));
        let (end, text) = ended(&mut lab, &in_vain);
        assert_eq!(end, waits_no_more(75));
        assert!(text.contains(&pid) && !text.contains("done"), "{text}");
    }
}
