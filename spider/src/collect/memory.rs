//! Memory and swap: /proc/meminfo.
//!
//! Kernels before 3.14 don't tell MemAvailable, and an old lxcfs tells that of
//! its machine, which is more than the container has at all: then it is what is
//! free, and what can be dropped. Memory in ZFS's cache (the ARC) is in use as
//! far as the kernel knows, though it is given back like other caches: it has a
//! series of its own, and what can be given back is available ([`arc`]).
//! What a container with a limit of its own has is told in [`limit`].

mod arc;
mod limit;
mod meminfo;

use super::collector::{Collector, Context};
use crate::root::{Buffer, KeptFile, Root, Shape, read_small};
use crate::sample::Slot;
use arc::Arc;
pub use arc::parse_arcstats;
use limit::Limit;
pub use limit::parse_cgroup;
pub use meminfo::parse_meminfo;
use meminfo::{FIELDS, TOTAL, complete};

/// Memory that the machine, or the container, may use at most.
pub fn total_bytes(root: &Root) -> Option<i64> {
    let mut memory = parse_meminfo(&read_small(&root.proc("meminfo"))?);
    Limit::new(root).apply(&mut memory, &mut Buffer::default());
    memory[TOTAL]
}

pub struct MemoryCollector {
    file: KeptFile,
    arc: Arc,
    limit: Limit,
    slots: [Option<Slot>; FIELDS.len()],
}

impl MemoryCollector {
    pub fn new(root: &Root) -> Self {
        Self {
            file: KeptFile::new(root.proc("meminfo"), Shape::Whole),
            arc: Arc::new(root),
            limit: Limit::new(root),
            slots: Default::default(),
        }
    }
}

impl Collector for MemoryCollector {
    fn collect(&mut self, context: &mut Context<'_>) {
        let Some(bytes) = self.file.read(context.buffer) else {
            return;
        };
        let sample = &mut *context.sample;
        let mut memory = parse_meminfo(bytes);
        if memory == [None; FIELDS.len()] {
            self.file.complain();
        }
        complete(&mut memory, bytes);
        self.arc.apply(&mut memory, context.buffer, sample);
        self.limit.apply(&mut memory, context.buffer);
        for ((slot, (_, name)), value) in self.slots.iter_mut().zip(FIELDS).zip(memory) {
            if value.is_some() {
                let slot = slot.get_or_insert_with(|| sample.slot(name, &[]));
                sample.set(slot, value);
            }
        }
    }
}
