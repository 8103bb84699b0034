//! The write-ahead log as a start finds it. Pure but for the reading.
//!
//! SQLite takes the log up to the first frame whose checksum is wrong, and what
//! follows as never written: right after a crash, when the last transaction was
//! half on the disk. Where whole transactions follow, the log is damaged, and
//! what was durable goes without a word. So it is looked at first, told, and kept.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The lowest bit tells the byte order of the checksums.
const MAGIC: u32 = 0x377f_0682;
const PAGE_BYTES_MAX: usize = 1 << 16;

/// Says so when transactions of the log are lost, and keeps a copy of it beside
/// the database. To be called before SQLite opens that.
pub fn look(db: &Path) {
    let log = with(db, "-wal");
    let Ok(file) = File::open(&log) else {
        return;
    };
    let Some(lost) = lost_transactions(&mut BufReader::new(file)) else {
        return;
    };
    let kept = with(db, ".damaged-log");
    let aside = match std::fs::copy(&log, &kept) {
        Ok(_) => format!("It is kept as {}.", kept.display()),
        Err(error) => format!("It can't be kept: {error}."),
    };
    crate::log::error(&format!(
        "the write-ahead log {} is damaged: {lost} transactions after the damaged place are lost, \
         the newest samples among them. {aside} The disk may be failing.",
        log.display()
    ));
}

fn with(db: &Path, end: &str) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// What a log is to a database that seems to be new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// There is none, or nothing in it.
    None,
    Readable,
    /// It holds something that SQLite would pass over without a word.
    Unreadable(String),
}

/// Looks at the log beside `db`.
pub fn state(db: &Path) -> State {
    let log = with(db, "-wal");
    let file = match File::open(&log) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return State::None,
        Err(error) => return State::Unreadable(error.to_string()),
    };
    match file.metadata() {
        Ok(meta) if meta.len() == 0 => return State::None,
        _ => {}
    }
    let Some(found) = scan(&mut BufReader::new(file)) else {
        return State::Unreadable("it has no head, or a damaged one".into());
    };
    match found {
        Found { lost, .. } if lost > 0 => State::Unreadable(format!(
            "it is damaged, and {lost} transactions are behind that"
        )),
        Found {
            frames, sound: 0, ..
        } if frames > 0 => State::Unreadable("it is damaged from its beginning on".into()),
        _ => State::Readable,
    }
}

/// How many whole transactions of this log follow after a frame that is not what
/// was written. `None` when there are none, or the log can't be read.
fn lost_transactions(log: &mut impl Read) -> Option<u64> {
    let lost = scan(log)?.lost;
    (lost > 0).then_some(lost)
}

/// What a log holds.
struct Found {
    frames: u64,
    /// Of them those that SQLite takes.
    sound: u64,
    /// Whole transactions after the first frame that is not what was written. The first
    /// of them may be the one that was being written when the power went.
    lost: u64,
}

/// `None`: it has no head that can be read.
fn scan(log: &mut impl Read) -> Option<Found> {
    let mut header = [0; HEADER_BYTES];
    log.read_exact(&mut header).ok()?;
    let is_big = word(&header, 0) & 1 == 1;
    let page_bytes = word(&header, 8) as usize;
    if word(&header, 0) & !1 != MAGIC || !(512..=PAGE_BYTES_MAX).contains(&page_bytes) {
        // Of a log without a head nothing can be told.
        return None;
    }
    let mut sums = checksum(is_big, (0, 0), &header[..24]);
    let mut is_sound = sums == (word(&header, 24), word(&header, 28));
    let mut found = Found {
        frames: 0,
        sound: 0,
        lost: 0,
    };
    let salts = &header[16..24];
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    while log.read_exact(&mut frame).is_ok() {
        let (head, page) = frame.split_at(FRAME_HEADER_BYTES);
        let is_ours = head[8..16] == *salts;
        found.frames += 1;
        if is_sound {
            // Of the log before this one, which is written over from its beginning.
            if !is_ours {
                return Some(found);
            }
            sums = checksum(is_big, checksum(is_big, sums, &head[..8]), page);
            is_sound = sums == (word(head, 16), word(head, 20));
            found.sound += u64::from(is_sound);
            continue;
        }
        // A frame with the size of the database ends a transaction.
        found.lost += u64::from(is_ours && word(head, 4) != 0);
    }
    Some(found)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// As SQLite has it: two sums over pairs of words.
fn checksum(is_big: bool, (mut a, mut b): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let (pairs, _) = bytes.as_chunks::<8>();
    for pair in pairs {
        let [w0, w1, w2, w3, x0, x1, x2, x3] = *pair;
        let (first, second) = ([w0, w1, w2, w3], [x0, x1, x2, x3]);
        let (first, second) = if is_big {
            (u32::from_be_bytes(first), u32::from_be_bytes(second))
        } else {
            (u32::from_le_bytes(first), u32::from_le_bytes(second))
        };
        a = a.wrapping_add(first).wrapping_add(b);
        b = b.wrapping_add(second).wrapping_add(a);
    }
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::testing::Folder;

    #[test]
    fn damage_is_told_from_a_torn_end() {
        let folder = Folder::new();
        let db = folder.join("a.db");
        let store = Store::open(&db).unwrap();
        for number in 0..40u8 {
            let name = format!("node {number}");
            store.insert_node(&name, &[], [number; 32], 1).unwrap();
        }
        let log = std::fs::read(folder.join("a.db-wal")).unwrap();
        let lost = |log: &[u8]| lost_transactions(&mut &log[..]);
        assert_eq!(lost(&log), None);
        let frame = FRAME_HEADER_BYTES + 4_096;
        let frames = (log.len() - HEADER_BYTES) / frame;
        assert!(frames > 80, "{frames}");
        for (at, least) in [(0, 39), (frames / 2, 10)] {
            let mut damaged = log.clone();
            damaged[HEADER_BYTES + at * frame + 2_000] ^= 1;
            let lost = lost(&damaged).unwrap();
            assert!((least..=50).contains(&lost), "{lost} after frame {at}");
        }
        // What a power cut leaves: the last transaction in part.
        let mut torn = log.clone();
        torn[HEADER_BYTES + (frames - 1) * frame + 2_000] ^= 1;
        assert_eq!(lost(&torn), None);
        for length in [0, 1, 31, 32, 40, log.len() - 5_000] {
            assert_eq!(lost(&log[..length]), None, "{length}");
        }
        let mut other = log;
        other[0] ^= 0xff;
        assert_eq!(lost(&other), None);
    }
}
