//! CPU time by mode, of the whole machine and of each core: /proc/stat.
//!
//! Time in guests is contained in `user` and `nice`, as the kernel counts it.
//! A core that is offline has no line, so its series are absent.
//!
//! In a container without lxcfs these are the times of the whole machine. A CPU
//! quota of the container is not applied to them: time that a quota withholds
//! is in none of the modes, and cores can be shared by several.

use super::collector::{Collector, Context};
use super::limits::CORES_MAX;
use super::table::LeftOut;
use super::text::{Words, lines, times};
use crate::root::{KeptFile, Root, Shape};
use crate::sample::Slot;

/// In the order of the columns.
pub const MODES: [&str; 8] = [
    "cpu.user_ms",
    "cpu.nice_ms",
    "cpu.system_ms",
    "cpu.idle_ms",
    "cpu.iowait_ms",
    "cpu.irq_ms",
    "cpu.softirq_ms",
    "cpu.steal_ms",
];

/// The kernel shows ticks of 1/100 s whatever its own tick is.
const TICK_MS: i64 = 10;

/// Milliseconds by mode; a kernel before 2.6.11 has fewer columns.
pub type Times = [Option<i64>; MODES.len()];

/// Calls `each` with the core (`None`: the whole machine) and its times.
pub fn parse_stat(bytes: &[u8], mut each: impl FnMut(Option<usize>, &Times)) {
    // The lines of CPUs come first; what follows may be a hundred times longer.
    for line in lines(bytes) {
        let Some(rest) = line.strip_prefix(b"cpu") else {
            break;
        };
        let mut words = Words(rest);
        let core = match rest.first() {
            Some(b' ') => None,
            _ => match words.number() {
                Some(core) => usize::try_from(core).ok(),
                None => continue,
            },
        };
        if core.is_none() && rest.first() != Some(&b' ') {
            continue;
        }
        let mut modes: Times = [None; MODES.len()];
        for mode in &mut modes {
            match words.value() {
                Some(value) => *mode = times(value, TICK_MS),
                None => break,
            }
        }
        each(core, &modes);
    }
}

#[derive(Default)]
struct Core {
    slots: Option<[Slot; MODES.len()]>,
    seen: u64,
}

pub struct Cpu {
    file: KeptFile,
    machine: Option<[Slot; MODES.len()]>,
    /// By number of the core.
    cores: Vec<Core>,
    /// Counts samples, for telling a second line of a core from its first.
    now: u64,
    left_out: LeftOut,
}

impl Cpu {
    pub fn new(root: &Root) -> Self {
        Self {
            file: KeptFile::new(root.proc("stat"), Shape::Whole),
            machine: None,
            cores: Vec::new(),
            now: 0,
            left_out: LeftOut::default(),
        }
    }
}

impl Collector for Cpu {
    fn collect(&mut self, context: &mut Context<'_>) {
        let Some(bytes) = self.file.read(context.buffer) else {
            return;
        };
        let sample = &mut *context.sample;
        let mut over = 0;
        let mut found = false;
        self.now += 1;
        parse_stat(bytes, |core, times| {
            found = true;
            let slots = match core {
                None => self
                    .machine
                    .get_or_insert_with(|| MODES.map(|name| sample.slot(name, &[]))),
                Some(core) if core < CORES_MAX => {
                    if core >= self.cores.len() {
                        self.cores.resize_with(core + 1, Core::default);
                    }
                    let row = &mut self.cores[core];
                    if std::mem::replace(&mut row.seen, self.now) == self.now {
                        return;
                    }
                    row.slots.get_or_insert_with(|| {
                        let label = core.to_string();
                        MODES.map(|name| sample.slot(name, &[("core", &label)]))
                    })
                }
                Some(_) => {
                    over += 1;
                    return;
                }
            };
            for (slot, &time) in slots.iter().zip(times) {
                sample.set(slot, time);
            }
        });
        if !found {
            self.file.complain();
        }
        self.left_out.set("cpu", over, sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<(Option<usize>, Times)> {
        let mut out = Vec::new();
        parse_stat(bytes, |core, times| out.push((core, *times)));
        out
    }

    #[test]
    fn machine_and_cores_with_one_offline() {
        let stat = b"cpu  10 2 30 400 5 6 7 8 9 1\n\
            cpu0 5 1 15 200 2 3 3 4 9 1\n\
            cpu2 5 1 15 200 3 3 4 4 0 0\n\
            intr 12345 1 2 3\nctxt 5\nbtime 1\ncpu9 1 1 1 1 1 1 1 1\n";
        let got = all(stat);
        assert_eq!(got.len(), 3);
        let times = [100, 20, 300, 4000, 50, 60, 70, 80].map(Some);
        assert_eq!(got[0], (None, times));
        assert_eq!((got[1].0, got[2].0), (Some(0), Some(2)));
    }

    #[test]
    fn old_kernels_have_fewer_columns() {
        let got = all(b"cpu  1 2 3 4\n");
        assert_eq!(got[0].1[..4], [Some(10), Some(20), Some(30), Some(40)]);
        assert_eq!(got[0].1[4..], [None; 4]);
    }

    #[test]
    fn hostile_lines_are_absent_not_zero() {
        let got = all(b"cpu  -5 18446744073709551615 9223372036854775807 x 1 \0 7 8\n");
        let expected = [None, None, None, None, Some(10), None, Some(70), Some(80)];
        assert_eq!(got, [(None, expected)]);
        assert_eq!(all(b"cpu"), []);
        assert_eq!(all(b"cpu0 1 2 3"), []);
        assert_eq!(all(b"cpux 1 2\ncpu-1 3\ncpu\n"), []);
        assert_eq!(all(b"cpu99999999999999999999 1\n"), []);
        assert_eq!(all(b""), []);
    }
}
