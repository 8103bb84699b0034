//! Load averages and process counts: /proc/loadavg.

use super::collector::{Collector, Context};
use super::text::{Words, find, first_line, fixed, number, times};
use crate::root::{KeptFile, Root, Shape};
use crate::sample::Slot;

const NAMES: [&str; 5] = [
    "load.1m_milli",
    "load.5m_milli",
    "load.15m_milli",
    "proc.running",
    "proc.total",
];

/// In the order of [`NAMES`].
pub type Load = [Option<i64>; NAMES.len()];

pub fn parse_loadavg(bytes: &[u8]) -> Load {
    let mut load: Load = [None; NAMES.len()];
    let Some(line) = first_line(bytes) else {
        return load;
    };
    let mut words = Words(line);
    for average in &mut load[..3] {
        *average = times(words.next().and_then(|word| fixed(word, 2)), 10);
    }
    if let Some(counts) = words.next()
        && let Some(slash) = find(counts, b'/')
    {
        load[3] = number(&counts[..slash]);
        load[4] = number(&counts[slash + 1..]);
    }
    load
}

pub struct LoadCollector {
    file: KeptFile,
    slots: Option<[Slot; NAMES.len()]>,
}

impl LoadCollector {
    pub fn new(root: &Root) -> Self {
        Self {
            file: KeptFile::new(root.proc("loadavg"), Shape::Whole),
            slots: None,
        }
    }
}

impl Collector for LoadCollector {
    fn collect(&mut self, context: &mut Context<'_>) {
        let Some(bytes) = self.file.read(context.buffer) else {
            return;
        };
        let sample = &mut *context.sample;
        let slots = self
            .slots
            .get_or_insert_with(|| NAMES.map(|name| sample.slot(name, &[])));
        let load = parse_loadavg(bytes);
        if load == [None; NAMES.len()] {
            self.file.complain();
        }
        for (slot, value) in slots.iter().zip(load) {
            sample.set(slot, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_and_counts() {
        assert_eq!(
            parse_loadavg(b"0.52 1.05 12.00 3/457 12345\n"),
            [520, 1050, 12000, 3, 457].map(Some)
        );
    }

    #[test]
    fn hostile_lines_are_absent() {
        for bytes in [
            &b""[..],
            b"0.52 1.05",
            b"\n",
            b"a b c d\n",
            b"-1.00 1 1.5 /\n",
        ] {
            assert_eq!(parse_loadavg(bytes), [None; 5], "{bytes:?}");
        }
        assert_eq!(
            parse_loadavg(b"99999999999999999999.00 1.00 1.00 -3/4\n"),
            [None, Some(1000), Some(1000), None, Some(4)]
        );
    }
}
