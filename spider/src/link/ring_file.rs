//! The file that lets samples outlive this process, and the machine's power.
//!
//! Written beside its place and moved there, so that it is whole at any moment.
//! Disks take their time, above all SD cards, and a sample must not wait: each
//! write has a thread that lives for it, and there is one at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use mio::Waker;
use stardust_shared::limits::RING_BYTES_MAX;

use super::flush::Task;
use super::ring_format::{self, SavedRun};

const STACK_BYTES: usize = 64 << 10;
const FILE_BYTES_MAX: u64 = RING_BYTES_MAX as u64 + (1 << 20);

#[derive(Debug)]
pub struct RingFile {
    path: PathBuf,
    pending: Option<Receiver<io::Result<()>>>,
}

/// What was found at the start.
#[derive(Debug, Default)]
pub struct Found {
    pub kept: Vec<SavedRun>,
    /// For the operator.
    pub line: Option<String>,
}

impl RingFile {
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            pending: None,
        }
    }

    /// Reads what the last process left. A file that can't be used is set aside
    /// and never overwritten.
    pub fn load(&self) -> Found {
        let why = match read(&self.path) {
            Ok(None) => return Found::default(),
            Ok(Some(bytes)) => match ring_format::decode(&bytes) {
                Ok(kept) => return Found { kept, line: None },
                Err(damage) => damage.words().to_owned(),
            },
            Err(error) => error.to_string(),
        };
        let aside = beside(&self.path, ".bad");
        let path = self.path.display();
        let line = match fs::rename(&self.path, &aside) {
            Ok(()) => format!(
                "the samples in the ring file {path} can't be sent: {why}; it is set aside as {}",
                aside.display()
            ),
            Err(error) => format!(
                "the samples in the ring file {path} can't be sent: {why}; it can't be set aside either ({error}) and will be replaced"
            ),
        };
        Found {
            kept: Vec::new(),
            line: Some(line),
        }
    }

    /// Whether a file can be made there; what is wrong if not.
    pub fn check(&self) -> Result<(), String> {
        let new = beside(&self.path, ".new");
        create(&new)
            .and_then(|_| fs::remove_file(&new))
            .map_err(|error| self.words(&error))
    }

    pub fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    /// Begins `task`; `waker` tells when it is done. Not while busy.
    pub fn start(&mut self, task: Task, waker: &Arc<Waker>) -> Result<(), String> {
        let (sender, receiver) = channel();
        let (path, waker) = (self.path.clone(), Arc::clone(waker));
        thread::Builder::new()
            .name("ring-file".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let _ = sender.send(perform(&path, &task));
                let _ = waker.wake();
            })
            .map_err(|error| self.words(&error))?;
        self.pending = Some(receiver);
        Ok(())
    }

    /// What became of the task, once that is known.
    pub fn take(&mut self) -> Option<Result<(), String>> {
        let done = match self.pending.as_ref()?.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(io::Error::other("the thread broke off")),
            Ok(done) => done,
        };
        self.pending = None;
        Some(done.map_err(|error| self.words(&error)))
    }

    /// Waits for the task under way.
    pub fn wait(&mut self, at_most: Duration) -> Result<(), String> {
        let done = match self
            .pending
            .take()
            .map(|pending| pending.recv_timeout(at_most))
        {
            None => return Ok(()),
            Some(Ok(done)) => done,
            Some(Err(RecvTimeoutError::Timeout)) => Err(io::ErrorKind::TimedOut.into()),
            Some(Err(_)) => Err(io::Error::other("the thread broke off")),
        };
        done.map_err(|error| self.words(&error))
    }

    fn words(&self, error: &io::Error) -> String {
        format!(
            "the ring file {} can't be written: {error}; check --ring-file, its folder and the space there. Until then a restart loses the samples that wait",
            self.path.display()
        )
    }
}

fn perform(path: &Path, task: &Task) -> io::Result<()> {
    match task {
        Task::Write(bytes) => write(path, bytes),
        Task::Remove => match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = beside(path, ".new");
    let written = create(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&new, path)) {
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    // The new name too is to survive; some file systems can't sync a folder.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// A new file that nobody else reads. One of that name is left from a crash.
fn create(path: &Path) -> io::Result<File> {
    let _ = fs::remove_file(path);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // A pipe or a device would be waited for.
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_file() => return Err(io::Error::other("it is no file")),
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
            return Err(io::Error::other("it is larger than any ring"));
        }
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

#[cfg(test)]
mod tests;
