use std::os::unix::fs::PermissionsExt as _;

use mio::{Events, Poll, Token};
use stardust_shared::SeriesDef;

use super::*;
use crate::link::ring::Ring;
use crate::link::ring_format::{Part, encode};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let unique = format!("stardust-ring-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(unique);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn file() -> Vec<u8> {
    let mut ring = Ring::new(1 << 20);
    for n in 0..5 {
        ring.push(1_000 + n, 1, &[SeriesDef::new("x", &[])], &[n]);
    }
    let part = Part {
        run: "r",
        boot_id: "b",
        began_ms: 1,
        shift_ms: 0,
        agreed: false,
        ring: &ring,
    };
    encode(&[part], 1 << 20).unwrap()
}

fn perform_in(file: &mut RingFile, task: Task) -> Result<(), String> {
    let mut poll = Poll::new().unwrap();
    let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
    file.start(task, &waker)?;
    assert!(file.is_busy());
    let mut events = Events::with_capacity(4);
    loop {
        poll.poll(&mut events, Some(Duration::from_secs(10)))
            .unwrap();
        if let Some(done) = file.take() {
            return done;
        }
    }
}

#[test]
fn what_is_written_is_found_again_and_only_we_can_read_it() {
    let folder = Folder::new("written");
    let path = folder.0.join("ring");
    let mut ring_file = RingFile::new(path.clone());
    assert!(ring_file.load().kept.is_empty());
    assert_eq!(ring_file.check(), Ok(()));
    assert!(folder.names().is_empty());
    // Left by a crash in the middle of a write.
    fs::write(folder.0.join("ring.new"), b"half").unwrap();
    assert_eq!(perform_in(&mut ring_file, Task::Write(file())), Ok(()));
    assert_eq!(folder.names(), ["ring"]);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let found = ring_file.load();
    assert_eq!(found.kept[0].ring.newest_seq(), 5);
    assert_eq!(found.line, None);
    for _ in 0..2 {
        assert_eq!(perform_in(&mut ring_file, Task::Remove), Ok(()));
        assert!(folder.names().is_empty());
    }
}

#[test]
fn what_is_not_ours_or_damaged_is_set_aside() {
    let folder = Folder::new("bad");
    let path = folder.0.join("ring");
    let mut flipped = file();
    let at = flipped.len() - 3;
    flipped[at] ^= 1;
    for (bytes, words) in [
        (&b"precious"[..], "not a ring file"),
        (&flipped, "checksum"),
        (b"", "not a ring file"),
        (b"stardust ring 9\n....", "another version"),
    ] {
        fs::write(&path, bytes).unwrap();
        let found = RingFile::new(path.clone()).load();
        let line = found.line.unwrap();
        assert!(found.kept.is_empty());
        assert!(line.contains(words) && line.contains("ring.bad"), "{line}");
        assert_eq!(folder.names(), ["ring.bad"]);
        assert_eq!(fs::read(folder.0.join("ring.bad")).unwrap(), bytes);
    }
    fs::create_dir(&path).unwrap();
    fs::remove_file(folder.0.join("ring.bad")).unwrap();
    assert!(RingFile::new(path).load().line.unwrap().contains("no file"));
}

#[test]
fn a_place_that_can_not_be_written_is_told() {
    let folder = Folder::new("nowhere");
    let mut ring_file = RingFile::new(folder.0.join("no/such/folder/ring"));
    assert!(ring_file.check().unwrap_err().contains("--ring-file"));
    assert!(perform_in(&mut ring_file, Task::Write(file())).is_err());
    assert!(ring_file.load().line.is_none());
}
