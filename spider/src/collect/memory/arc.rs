//! The ARC, ZFS's own cache, which the kernel counts as used memory.
//!
//! It shrinks when others want memory, down to `c_min`. In a container the file
//! is the machine's, while its memory is its own: there it says nothing.

use super::meminfo::{AVAILABLE, Memory, TOTAL};
use crate::collect::text::{Words, lines};
use crate::identify::container;
use crate::root::{Buffer, KeptFile, Root, Shape};
use crate::sample::{Sample, Slot};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub bytes: Option<i64>,
    pub bytes_min: Option<i64>,
}

impl Stats {
    /// What it gives back when it has to.
    fn reclaimable(self) -> Option<i64> {
        Some((self.bytes? - self.bytes_min?).max(0))
    }
}

/// Lines of `name type value` (arcstats of OpenZFS).
pub fn parse_arcstats(bytes: &[u8]) -> Stats {
    let mut stats = Stats::default();
    for line in lines(bytes) {
        let mut words = Words(line);
        let field = match words.next() {
            Some(b"size") => &mut stats.bytes,
            Some(b"c_min") => &mut stats.bytes_min,
            _ => continue,
        };
        words.next();
        *field = words.number();
    }
    stats
}

pub struct Arc {
    file: Option<KeptFile>,
    slot: Option<Slot>,
}

impl Arc {
    pub fn new(root: &Root) -> Self {
        let file = KeptFile::new(root.proc("spl/kstat/zfs/arcstats"), Shape::Whole);
        Self {
            file: container(root).is_none().then_some(file),
            slot: None,
        }
    }

    pub fn apply(&mut self, memory: &mut Memory, buffer: &mut Buffer, sample: &mut Sample) {
        let Some(bytes) = self.file.as_mut().and_then(|file| file.read(buffer)) else {
            return;
        };
        let stats = parse_arcstats(bytes);
        if stats.bytes.is_none() {
            return;
        }
        let slot = self
            .slot
            .get_or_insert_with(|| sample.slot("mem.zfs_arc_bytes", &[]));
        sample.set(slot, stats.bytes);
        let more = stats.reclaimable().unwrap_or(0);
        let most = memory[TOTAL].unwrap_or(i64::MAX);
        memory[AVAILABLE] = memory[AVAILABLE].map(|bytes| bytes.saturating_add(more).min(most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_given_back() {
        let text = b"13 1 0x01 147 39984 1 2\nname type data\nc_min 4 100\nsize 4 1500\n\
            c_max 4 9\nsize_x 4 7\n";
        let stats = parse_arcstats(text);
        assert_eq!((stats.bytes, stats.reclaimable()), (Some(1500), Some(1400)));
        let small = parse_arcstats(b"c_min 4 100\nsize 4 50\n");
        assert_eq!(small.reclaimable(), Some(0));
        for text in [&b""[..], b"size\nc_min 4\n", b"size 4 -1\n", b"c_min 4 7\n"] {
            assert_eq!(parse_arcstats(text).reclaimable(), None);
        }
    }
}
