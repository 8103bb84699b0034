//! A ring as bytes, and back: what outlives the process.

use stardust_shared::layout::{KIND_CHANGE, KIND_LAYOUT};

use super::*;

/// What comes before the entries takes up about this much besides its bytes.
const LENGTHS_BYTES: usize = 32;

impl Ring {
    /// Appends what is held, in about `bytes_max` bytes: the oldest samples are
    /// left out when there are more. False, and nothing, when none fits.
    pub fn save(&self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let mut walk = Walk {
            state: self.base.clone(),
            layout: Rc::clone(&self.base_layout),
            position: self.queue.start(),
            scratch: Vec::new(),
        };
        let (mut list, mut base) = (Vec::new(), Vec::new());
        loop {
            if walk.state.seq >= self.head.seq {
                return false;
            }
            list.clear();
            base.clear();
            if walk.state.seq > 0 {
                walk.layout.encode(&mut list);
                walk.state.encode_keyframe(&walk.layout, 0, &mut base);
            }
            let before = list.len() + base.len() + LENGTHS_BYTES;
            if before + self.queue.len_from(walk.position) <= bytes_max {
                break;
            }
            while before + self.queue.len_from(walk.position) > bytes_max {
                if walk.step(&self.queue).is_err() {
                    return false;
                }
            }
        }
        for part in [&list, &base] {
            put(out, part.len() as u64);
            out.extend_from_slice(part);
        }
        put(out, self.queue.len_from(walk.position) as u64);
        self.queue.copy_from(walk.position, out);
        true
    }

    /// Reads what [`Self::save`] wrote, every record of it. The ring gives its
    /// samples and takes no new ones.
    pub fn restore(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut part = || {
            let len = reader.varint()?;
            reader.bytes(usize::try_from(len).map_err(|_| WireError::Truncated)?)
        };
        let (list, base, entries) = (part()?, part()?, part()?);
        let mut ring = Self::new(entries.len());
        if let Some((_, list)) = list.split_first() {
            ring.base_layout = Rc::new(Layout::decode(list)?);
            let mut base = Reader::new(base);
            ring.base.apply(&ring.base_layout, &mut base)?;
        }
        ring.queue = Queue::from_bytes(entries);
        let mut walk = Walk {
            state: ring.base.clone(),
            layout: Rc::clone(&ring.base_layout),
            position: ring.queue.start(),
            scratch: Vec::new(),
        };
        while ring.queue.len_from(walk.position) > 0 {
            let before = walk.state.seq;
            walk.step(&ring.queue)?;
            if before.checked_add(1) != Some(walk.state.seq) {
                return Err(WireError::OutOfRange("sequence"));
            }
        }
        ring.head = walk.state;
        ring.head_layout = walk.layout;
        ring.restored = true;
        Ok(ring)
    }
}

/// Goes over the records as a session does that reads them all.
struct Walk {
    state: State,
    layout: Rc<Layout>,
    position: u64,
    scratch: Vec<u8>,
}

impl Walk {
    /// Over one sample, and over the layout before it.
    fn step(&mut self, queue: &Queue) -> Result<(), WireError> {
        let seq = self.state.seq;
        match self.next(queue)? {
            Kind::Layout => {
                if self.scratch.first() != Some(&KIND_LAYOUT) {
                    return Err(WireError::OutOfRange("message kind"));
                }
                let layout = Layout::decode(&self.scratch[1..])?;
                if layout.id() <= self.layout.id() {
                    return Err(WireError::OutOfRange("layout number"));
                }
                self.layout = Rc::new(layout);
                // Whatever comes next must not count from another list's values.
                self.state = State::default();
                if self.next(queue)? != Kind::Keyframe {
                    return Err(WireError::NoKeyframe);
                }
            }
            Kind::Change => {
                if self.scratch.first() != Some(&KIND_CHANGE) {
                    return Err(WireError::OutOfRange("message kind"));
                }
                let change = read_change(&self.layout, &self.scratch)?;
                self.state.change(&self.layout, &change);
                self.layout = Rc::new(change.apply(&self.layout));
                if self.next(queue)? != Kind::Delta {
                    return Err(WireError::OutOfRange("record after a change"));
                }
            }
            Kind::Keyframe | Kind::Delta => {}
        }
        self.apply()?;
        if self.state.seq > seq {
            Ok(())
        } else {
            Err(WireError::OutOfRange("sequence"))
        }
    }

    fn next(&mut self, queue: &Queue) -> Result<Kind, WireError> {
        let (kind, len) = queue.peek(self.position).ok_or(WireError::Truncated)?;
        if len > queue.len_from(self.position) {
            return Err(WireError::Truncated);
        }
        self.scratch.clear();
        self.position = queue.copy(self.position, &mut self.scratch);
        Ok(kind)
    }

    fn apply(&mut self) -> Result<(), WireError> {
        let mut reader = Reader::new(&self.scratch);
        self.state.apply(&self.layout, &mut reader)?;
        if reader.is_empty() {
            Ok(())
        } else {
            Err(WireError::OutOfRange("record length"))
        }
    }
}
