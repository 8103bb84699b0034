//! Files that are opened once and read in every sample, into one buffer.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// First size of the shared read buffer: all files of an ordinary machine fit.
const BUFFER_BYTES: usize = 8 << 10;
/// A longer file is read this far and no further (/proc/stat of a machine with
/// hundreds of cores is over 64 KiB).
pub const FILE_BYTES_MAX: usize = 4 << 20;
/// A file that is not there is looked for again after this many samples.
const RETRY_SAMPLES: u16 = 60;
/// The kernel fills one page at least per read of a file of many records, so a
/// read that leaves this much of a page unused has met the end of the file.
const RECORD_BYTES_MAX: usize = 512;
const PAGE_BYTES: usize = 4096;

/// The one buffer that all files are read into.
#[derive(Debug)]
pub struct Buffer {
    pub(super) bytes: Vec<u8>,
}

impl Default for Buffer {
    fn default() -> Self {
        Self {
            bytes: vec![0; BUFFER_BYTES],
        }
    }
}

impl Buffer {
    /// The whole buffer, for reading something else than a file into it.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

/// How a file gives its contents, which tells when a read has met the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Made by the kernel in one piece: a short read is all of it.
    Whole,
    /// Many records, none over 512 bytes (diskstats, net/dev).
    Records,
    /// Records of any length: read until nothing more comes.
    Unknown,
}

/// A file that is opened once and read in every sample.
#[derive(Debug)]
pub struct KeptFile {
    path: PathBuf,
    shape: Shape,
    file: Option<File>,
    /// Samples to wait before the next try to open it.
    wait: u16,
    reported: bool,
    /// Sensors that don't answer for the moment are ordinary.
    quiet: bool,
}

impl KeptFile {
    pub fn new(path: PathBuf, shape: Shape) -> Self {
        Self {
            path,
            shape,
            file: None,
            wait: 0,
            reported: false,
            quiet: false,
        }
    }

    /// A file whose reads may fail at any time without being worth a word.
    pub fn quiet(path: PathBuf) -> Self {
        Self {
            quiet: true,
            ..Self::new(path, Shape::Whole)
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, if it is open.
    pub fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Reads the file anew. `None` when it is not there or can't be read; the
    /// first failure other than absence is told on stderr.
    pub fn read<'b>(&mut self, buffer: &'b mut Buffer) -> Option<&'b [u8]> {
        match self.try_read(buffer) {
            Ok(length) => Some(&buffer.bytes[..length?]),
            // It may answer in the next sample.
            Err(_) if self.quiet && self.file.is_some() => None,
            Err(error) => {
                self.file = None;
                self.wait = RETRY_SAMPLES;
                self.report(&["can't be read: ", &error.to_string()]);
                None
            }
        }
    }

    /// Tells once that the contents are not what the kernel writes there.
    pub fn complain(&mut self) {
        self.report(&["holds nothing that this version understands"]);
    }

    fn report(&mut self, words: &[&str]) {
        if !self.quiet && !std::mem::replace(&mut self.reported, true) {
            let path = self.path.to_string_lossy();
            let words = words.concat();
            eprintln!("stardust-spider: {path} {words}; its series are left out");
        }
    }

    fn try_read(&mut self, buffer: &mut Buffer) -> io::Result<Option<usize>> {
        let mut fresh = false;
        if self.file.is_none() {
            if self.wait > 0 {
                self.wait -= 1;
                return Ok(None);
            }
            if !self.open()? {
                return Ok(None);
            }
            fresh = true;
        }
        loop {
            let Some(file) = &self.file else {
                return Ok(None);
            };
            let result = read_all(file, &mut buffer.bytes, self.shape, FILE_BYTES_MAX);
            let stale = match &result {
                // Files below /proc and /sys are not empty for long.
                Ok(0) if self.wait == 0 => true,
                Ok(_) => {
                    self.wait = self.wait.saturating_sub(1);
                    false
                }
                Err(error) => matches!(
                    error.raw_os_error(),
                    Some(libc::ESTALE | libc::ENODEV | libc::EBADF | libc::ENXIO | libc::ENOENT)
                ),
            };
            if !stale || fresh {
                if fresh && matches!(result, Ok(0)) {
                    // Empty in truth: don't open it anew for each sample.
                    self.wait = RETRY_SAMPLES;
                }
                return result.map(Some);
            }
            fresh = true;
            if !self.open()? {
                return Ok(None);
            }
        }
    }

    /// Opens the file; `false` when it is not there.
    fn open(&mut self) -> io::Result<bool> {
        self.file = None;
        match File::open(&self.path) {
            Ok(file) => {
                self.file = Some(file);
                self.wait = 0;
                Ok(true)
            }
            Err(error) if is_absence(&error) => {
                self.wait = RETRY_SAMPLES;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOENT | libc::ENOTDIR | libc::ENODEV | libc::ENXIO)
    )
}

/// Reads `file` from its start; the buffer grows to hold it, up to `bytes_max`.
pub(super) fn read_all(
    file: &File,
    bytes: &mut Vec<u8>,
    shape: Shape,
    bytes_max: usize,
) -> io::Result<usize> {
    let mut length = 0;
    loop {
        if length == bytes.len() {
            if length >= bytes_max {
                return Ok(length);
            }
            bytes.resize((length * 2).clamp(1, bytes_max), 0);
        }
        let space = bytes.len() - length;
        let read = match file.read_at(&mut bytes[length..], length as u64) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        length += read;
        let ended = match shape {
            Shape::Whole => read < space,
            Shape::Records => read < space && read <= PAGE_BYTES - RECORD_BYTES_MAX,
            Shape::Unknown => false,
        };
        if read == 0 || ended {
            return Ok(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("spider-root-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_long_file_makes_the_buffer_grow_up_to_the_bound() {
        let dir = scratch("long");
        for (shape, length) in [
            (Shape::Whole, 3 * BUFFER_BYTES + 5),
            (Shape::Records, BUFFER_BYTES),
            (Shape::Unknown, FILE_BYTES_MAX),
        ] {
            let path = dir.join("f");
            let content: Vec<u8> = (0..length).map(|n| n as u8).collect();
            std::fs::write(&path, &content).unwrap();
            let mut buffer = Buffer::default();
            let mut kept = KeptFile::new(path.clone(), shape);
            assert!(kept.read(&mut buffer) == Some(&content[..]), "{shape:?}");
            assert!(kept.read(&mut buffer) == Some(&content[..]), "{shape:?}");
        }
        std::fs::write(dir.join("f"), vec![1; FILE_BYTES_MAX + 9]).unwrap();
        let mut buffer = Buffer::default();
        let mut kept = KeptFile::new(dir.join("f"), Shape::Whole);
        assert_eq!(kept.read(&mut buffer).unwrap().len(), FILE_BYTES_MAX);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn an_absent_file_is_looked_for_again_only_now_and_then() {
        let dir = scratch("absent");
        let path = dir.join("f");
        let mut buffer = Buffer::default();
        let mut kept = KeptFile::new(path.clone(), Shape::Whole);
        assert_eq!(kept.read(&mut buffer), None);
        std::fs::write(&path, "here").unwrap();
        let misses = (0..200)
            .take_while(|_| kept.read(&mut buffer).is_none())
            .count();
        assert_eq!(misses, usize::from(RETRY_SAMPLES));
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn an_emptied_file_is_opened_anew() {
        let dir = scratch("empty");
        let path = dir.join("f");
        std::fs::write(&path, "old").unwrap();
        let mut buffer = Buffer::default();
        let mut kept = KeptFile::new(path.clone(), Shape::Whole);
        assert_eq!(kept.read(&mut buffer), Some(&b"old"[..]));
        File::create(&path).unwrap();
        std::fs::write(dir.join("g"), "new").unwrap();
        std::fs::rename(dir.join("g"), &path).unwrap();
        assert_eq!(kept.read(&mut buffer), Some(&b"new"[..]));
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_sensor_that_does_not_answer_is_asked_again_each_time() {
        // Address 0 of a process can't be read: EIO, as of a sensor.
        let path = PathBuf::from("/proc/self/mem");
        let mut buffer = Buffer::default();
        let mut quiet = KeptFile::quiet(path.clone());
        assert_eq!(quiet.read(&mut buffer), None);
        assert!(quiet.file.is_some() && quiet.wait == 0 && !quiet.reported);
        let mut loud = KeptFile::new(path, Shape::Whole);
        assert_eq!(loud.read(&mut buffer), None);
        assert!(loud.file.is_none() && loud.wait == RETRY_SAMPLES && loud.reported);
    }

    #[test]
    fn a_directory_in_place_of_a_file_is_a_failure_not_a_panic() {
        let dir = scratch("dir");
        let mut kept = KeptFile::new(dir.clone(), Shape::Whole);
        assert_eq!(kept.read(&mut Buffer::default()), None);
        assert!(kept.reported);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
