//! Child processes that never outlive their test.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::PATIENCE;

pub struct Process {
    name: String,
    child: Child,
    output: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; what it prints is kept, and shown when the test fails.
    pub fn start(name: &str, command: &mut Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Servers that have workers leave them behind when they are killed.
            .process_group(0);
        // SAFETY: between fork and exec only prctl is called, which is async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                // Also when the test program itself is killed.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let mut child = spawn(command);
        let output: Arc<Mutex<String>> = Arc::default();
        let stdout: Box<dyn Read + Send> = Box::new(child.stdout.take().expect("piped"));
        let stderr: Box<dyn Read + Send> = Box::new(child.stderr.take().expect("piped"));
        let readers = [stdout, stderr]
            .into_iter()
            .map(|stream| {
                let output = Arc::clone(&output);
                std::thread::spawn(move || {
                    for line in BufReader::new(stream).lines().map_while(Result::ok) {
                        let mut output = output.lock().unwrap();
                        output.push_str(&line);
                        output.push('\n');
                    }
                })
            })
            .collect();
        Self {
            name: name.to_owned(),
            child,
            output,
            readers,
            status: None,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has printed so far, both streams.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// The first line that holds `text`, as soon as there is one.
    pub fn line_with(&mut self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self
                .output()
                .lines()
                .find(|line| line.contains(text))
                .map(str::to_owned);
            if let Some(line) = found {
                return line;
            }
            if let Some(status) = self.ended() {
                panic!(
                    "{} ended ({status}) without saying {text:?}:\n{}",
                    self.name,
                    self.output()
                );
            }
            assert!(
                Instant::now() < until,
                "{} never said {text:?}:\n{}",
                self.name,
                self.output()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.pid()).expect("a pid");
        // SAFETY: kill takes plain numbers; the child was not waited for, so the pid is still its.
        unsafe {
            libc::kill(pid, signal);
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        self.kill_all();
        if let Ok(status) = self.child.wait() {
            self.status = Some(status);
        }
    }

    /// With all that it has started.
    fn kill_all(&mut self) {
        let group = i32::try_from(self.pid()).expect("a pid");
        // SAFETY: kill takes plain numbers; the child was not waited for, so the group is
        // still its.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            // Its last words first.
            for reader in self.readers.drain(..) {
                let _ = reader.join();
            }
            self.status = Some(status);
        }
        self.status
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let name = self.name.clone();
        eventually(&format!("{name} ends"), || self.ended())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.kill_all();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("---- {} said:\n{}", self.name, self.output());
        }
    }
}

fn spawn(command: &mut Command) -> Child {
    for _ in 0..100 {
        match command.spawn() {
            Ok(child) => return child,
            // A file that was just written is still open in a child that another
            // thread is about to exec.
            Err(error) if error.raw_os_error() == Some(libc::ETXTBSY) => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => panic!("{command:?} can't be started: {error}"),
        }
    }
    panic!("{command:?}: its file stays busy");
}

/// Asks again and again until there is an answer.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(
            Instant::now() < until,
            "not within {} s: {what}",
            PATIENCE.as_secs()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A port that is still free after a pause: below the range from which the
/// kernel takes ports for outgoing connections.
pub fn free_fixed_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 10_000) as u16;
    for _ in 0..1_000 {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port between 20000 and 30000 is free");
}
