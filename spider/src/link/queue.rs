//! A byte queue of entries in one circular buffer.
//!
//! Under [`super::ring::Ring`], which knows what the entries mean. The buffer
//! grows when needed, up to its bound, and gives memory back when it has run
//! empty again, so a Spider whose server is up holds a few kilobytes only.
//! Positions count bytes since the start of the run and never come back.

/// Smallest buffer, and how far it shrinks.
const CAPACITY_MIN: usize = 4 << 10;
/// Entries start with `len << 2 | kind` as a varint of at most this many bytes.
const HEAD_BYTES_MAX: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Delta = 0,
    Keyframe = 1,
    Layout = 2,
    /// Of the layout, to the one before.
    Change = 3,
}

#[derive(Debug)]
pub struct Queue {
    buffer: Vec<u8>,
    bytes_max: usize,
    /// Position of the oldest byte, and one past the newest.
    start: u64,
    end: u64,
    /// The position that sits at `buffer[0]`, or a multiple of the buffer ago.
    origin: u64,
}

impl Queue {
    pub fn new(bytes_max: usize) -> Self {
        Self {
            buffer: Vec::new(),
            // An entry's length must fit its head.
            bytes_max: bytes_max.min(1 << 30),
            start: 0,
            end: 0,
            origin: 0,
        }
    }

    /// Entries that another queue gave with [`Self::copy_from`]. What they say of
    /// themselves is not checked: [`Self::peek`] may tell of one past the end.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self {
            buffer: bytes.to_vec(),
            bytes_max: bytes.len(),
            start: 0,
            end: bytes.len() as u64,
            origin: 0,
        }
    }

    pub fn start(&self) -> u64 {
        self.start
    }

    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Bytes from `position` to the end.
    pub fn len_from(&self, position: u64) -> usize {
        self.end.saturating_sub(position.max(self.start)) as usize
    }

    /// Appends all entries from `position` on, as they lie here.
    pub fn copy_from(&self, position: u64, out: &mut Vec<u8>) {
        let len = self.len_from(position);
        if len > 0 {
            let from = self.index(position);
            let first = len.min(self.buffer.len() - from);
            out.extend_from_slice(&self.buffer[from..from + first]);
            out.extend_from_slice(&self.buffer[..len - first]);
        }
    }

    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// What an entry of `len` bytes takes up.
    pub fn entry_len(len: usize) -> usize {
        head(Kind::Delta, len).1 + len
    }

    pub fn fits(&self, need: usize) -> bool {
        self.len() + need <= self.bytes_max
    }

    /// Appends an entry that [`Self::fits`].
    pub fn push(&mut self, kind: Kind, bytes: &[u8]) {
        let (head, head_len) = head(kind, bytes.len());
        debug_assert!(self.fits(head_len + bytes.len()));
        self.grow(self.len() + head_len + bytes.len());
        self.write(&head[..head_len]);
        self.write(bytes);
    }

    /// Kind and length of the entry at `position`, `None` at the end.
    pub fn peek(&self, position: u64) -> Option<(Kind, usize)> {
        self.head_at(position).map(|(kind, len, _)| (kind, len))
    }

    /// Appends the entry at `position` to `out`; returns where the next one is.
    pub fn copy(&self, position: u64, out: &mut Vec<u8>) -> u64 {
        let Some((_, len, head_len)) = self.head_at(position) else {
            return position;
        };
        let from = self.index(position + head_len as u64);
        let first = len.min(self.buffer.len() - from);
        out.extend_from_slice(&self.buffer[from..from + first]);
        out.extend_from_slice(&self.buffer[..len - first]);
        position + (head_len + len) as u64
    }

    /// Drops the oldest entry.
    pub fn pop(&mut self) {
        if let Some((_, len, head_len)) = self.head_at(self.start) {
            self.start += (head_len + len) as u64;
        }
    }

    /// Drops everything; who has read to the end goes on from there.
    pub fn pop_all(&mut self) {
        self.start = self.end;
    }

    /// Drops everything, and makes every position taken until now an old one.
    pub fn clear(&mut self) {
        self.end += 1;
        self.start = self.end;
        self.shrink();
    }

    /// Gives memory back when little of it is used.
    pub fn shrink(&mut self) {
        let capacity = self.buffer.len();
        if capacity > 4 * CAPACITY_MIN && self.len() < capacity / 8 {
            self.straighten();
            let keep = (self.len() * 2).max(CAPACITY_MIN);
            self.buffer.truncate(keep);
            self.buffer.shrink_to_fit();
        }
    }

    fn head_at(&self, position: u64) -> Option<(Kind, usize, usize)> {
        let mut value = 0usize;
        for byte_index in 0..HEAD_BYTES_MAX {
            let at = position + byte_index as u64;
            if at < self.start || at >= self.end {
                return None;
            }
            let byte = self.buffer[self.index(at)];
            value |= usize::from(byte & 0x7f) << (7 * byte_index);
            if byte < 0x80 {
                let kind = match value & 3 {
                    0 => Kind::Delta,
                    1 => Kind::Keyframe,
                    2 => Kind::Layout,
                    _ => Kind::Change,
                };
                return Some((kind, value >> 2, byte_index + 1));
            }
        }
        None
    }

    fn index(&self, position: u64) -> usize {
        ((position - self.origin) % self.buffer.len() as u64) as usize
    }

    fn write(&mut self, bytes: &[u8]) {
        let at = self.index(self.end);
        let first = bytes.len().min(self.buffer.len() - at);
        self.buffer[at..at + first].copy_from_slice(&bytes[..first]);
        self.buffer[..bytes.len() - first].copy_from_slice(&bytes[first..]);
        self.end += bytes.len() as u64;
    }

    fn grow(&mut self, need: usize) {
        if need <= self.buffer.len() {
            return;
        }
        self.straighten();
        let len = need
            .max(self.buffer.len() * 2)
            .max(CAPACITY_MIN)
            .min(self.bytes_max);
        self.buffer.reserve_exact(len - self.buffer.len());
        self.buffer.resize(len, 0);
    }

    /// Moves the oldest byte to the front of the buffer.
    fn straighten(&mut self) {
        if !self.buffer.is_empty() {
            let at = self.index(self.start);
            self.buffer.rotate_left(at);
        }
        self.origin = self.start;
    }
}

fn head(kind: Kind, len: usize) -> ([u8; HEAD_BYTES_MAX], usize) {
    let mut value = len << 2 | kind as usize;
    let mut head = [0; HEAD_BYTES_MAX];
    let mut used = 0;
    while value >= 0x80 {
        head[used] = value as u8 | 0x80;
        value >>= 7;
        used += 1;
    }
    head[used] = value as u8;
    (head, used + 1)
}
