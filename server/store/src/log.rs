//! The write-ahead log as a start finds it. Pure but for the reading.
//!
//! SQLite takes the log up to the first frame whose checksum is wrong, and what
//! follows as never written: right after a crash, when the last transaction was
//! half on the disk. Where whole transactions follow, the log is damaged, and
//! what was durable goes without a word. So it is looked at first, told, and kept.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

pub(super) const HEADER_BYTES: usize = 32;
pub(super) const FRAME_HEADER_BYTES: usize = 24;
/// Of the log's index, with what was moved into the file.
pub(super) const INDEX_BYTES: usize = 132;
const INDEX_HEAD_BYTES: usize = 48;
const INDEX_VERSION: u32 = 3_007_000;
/// The lowest bit tells the byte order of the checksums.
const MAGIC: u32 = 0x377f_0682;
const PAGE_BYTES_MAX: usize = 1 << 16;

/// Says so when transactions of the log are lost, and keeps a copy of it beside
/// the database. To be called before SQLite opens that.
pub fn look(db: &Path) {
    let log = with(db, "-wal");
    let file = File::open(&log).ok();
    let found = file.and_then(|file| scan(&mut BufReader::new(file)));
    if let Some(missing) = missing_frames(db, found.as_ref()) {
        stardust_base::log::error(&format!(
            "the write-ahead log {} was cut off or replaced: its index knows of {missing} pages \
             more, which are lost, the newest samples among them. Nothing but SQLite may change \
             or copy the files of a database that is open; `stardust-server backup` makes copies.",
            log.display()
        ));
    }
    let Some(lost) = found.map(|found| found.lost).filter(|lost| *lost > 0) else {
        return;
    };
    let kept = with(db, ".damaged-log");
    let aside = match std::fs::copy(&log, &kept) {
        Ok(_) => format!("It is kept as {}.", kept.display()),
        Err(error) => format!("It can't be kept: {error}."),
    };
    stardust_base::log::error(&format!(
        "the write-ahead log {} is damaged: {lost} transactions after the damaged place are lost, \
         the newest samples among them. {aside} The disk may be failing.",
        log.display()
    ));
}

pub(super) fn with(db: &Path, end: &str) -> PathBuf {
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

/// How many pages the log's index has that the log has not. The index outlives a kill, and
/// says what the salts of its log were; after a power cut it may be older, never newer.
fn missing_frames(db: &Path, found: Option<&Found>) -> Option<u64> {
    let mut index = [0; INDEX_BYTES];
    File::open(with(db, "-shm"))
        .and_then(|mut file| file.read_exact(&mut index))
        .ok()?;
    missing_by(&index, found)
}

/// What the head of an index says of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexHead {
    pub salts: [u8; 8],
    pub frames: u64,
    pub page_bytes: u64,
    /// So many of them were moved into the file.
    pub in_file: u64,
    /// And so many were to be: more while that goes on.
    pub into_file: u64,
}

impl IndexHead {
    /// The head is there twice, in the byte order of the machine (wal.c of SQLite,
    /// `WalIndexHdr` and `WalCkptInfo`). `None`: it is being written, or is none.
    pub fn of(index: &[u8; INDEX_BYTES]) -> Option<Self> {
        let number = |at: usize| {
            u32::from_ne_bytes([index[at], index[at + 1], index[at + 2], index[at + 3]])
        };
        let is_whole = index[..INDEX_HEAD_BYTES] == index[INDEX_HEAD_BYTES..2 * INDEX_HEAD_BYTES];
        if !is_whole || number(0) != INDEX_VERSION || index[12] != 1 {
            return None;
        }
        let page_bytes = match u16::from_ne_bytes([index[14], index[15]]) {
            1 => PAGE_BYTES_MAX as u64,
            bytes => u64::from(bytes),
        };
        let mut salts = [0; 8];
        salts.copy_from_slice(&index[32..40]);
        Some(Self {
            salts,
            frames: u64::from(number(16)),
            page_bytes,
            in_file: u64::from(number(96)),
            into_file: u64::from(number(128)),
        })
    }
}

fn missing_by(index: &[u8; INDEX_BYTES], found: Option<&Found>) -> Option<u64> {
    let head = IndexHead::of(index)?;
    let has = match found {
        // Another log, or one that was begun anew without its index.
        Some(found) if found.salts != head.salts => 0,
        Some(found) => found.sound,
        None => 0,
    };
    let missing = head.frames.saturating_sub(has.max(head.in_file));
    (missing > 0).then_some(missing)
}

/// How many whole transactions of this log follow after a frame that is not what
/// was written. `None` when there are none, or the log can't be read.
#[cfg(test)]
fn lost_transactions(log: &mut impl Read) -> Option<u64> {
    let lost = scan(log)?.lost;
    (lost > 0).then_some(lost)
}

/// What a log holds.
#[derive(Default)]
struct Found {
    salts: [u8; 8],
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
    let mut found = Found::default();
    found.salts.copy_from_slice(&header[16..24]);
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
    use crate::Store;
    use stardust_base::testing::Folder;

    #[test]
    fn a_log_that_was_cut_off_or_replaced_is_told_by_its_index() {
        let folder = Folder::new();
        let db = folder.join("a.db");
        let store = Store::open(&db).unwrap();
        for number in 0..40u8 {
            let name = format!("node {number}");
            store.insert_node(&name, &[], [number; 32], 1).unwrap();
        }
        let log = std::fs::read(folder.join("a.db-wal")).unwrap();
        let index: [u8; INDEX_BYTES] = std::fs::read(folder.join("a.db-shm")).unwrap()
            [..INDEX_BYTES]
            .try_into()
            .unwrap();
        let missing = |log: &[u8]| missing_by(&index, scan(&mut &log[..]).as_ref());
        assert_eq!(missing(&log), None);
        let frame = FRAME_HEADER_BYTES + 4_096;
        assert_eq!(missing(&log[..log.len() - frame]), Some(1));
        assert_eq!(missing(&log[..log.len() - 10]), Some(1));
        let frames = ((log.len() - HEADER_BYTES) / frame) as u64;
        assert_eq!(missing(&[]), Some(frames));
        // Another database's.
        let other = Store::open(&folder.join("b.db")).unwrap();
        other.insert_node("other", &[], [1; 32], 1).unwrap();
        let other_log = std::fs::read(folder.join("b.db-wal")).unwrap();
        assert_eq!(missing(&other_log), Some(frames));
        // More than the index knows: killed between the two.
        let longer = [&log[..], &log[log.len() - frame..]].concat();
        assert_eq!(missing(&longer), None);
        // Moved into the file: nothing is missed, with the log or without.
        store.empty_log().unwrap();
        let index: [u8; INDEX_BYTES] = std::fs::read(folder.join("a.db-shm")).unwrap()
            [..INDEX_BYTES]
            .try_into()
            .unwrap();
        assert_eq!(missing_by(&index, None), None);
        let mut odd = index;
        odd[3] ^= 1;
        assert_eq!(missing_by(&odd, None), None);
    }

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
