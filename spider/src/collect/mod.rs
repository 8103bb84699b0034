//! One subject a file: each reads its few files and sets its series.

pub mod collector;
pub mod cpu;
pub mod disk;
pub mod filesystem;
pub mod limits;
pub mod load;
pub mod memory;
pub mod mounts;
pub mod network;
pub mod rules;
pub mod statfs;
pub mod table;
pub mod tcp;
pub mod temperature;
pub mod text;
pub mod throttle;
pub mod uptime;

use std::rc::Rc;

use stardust_shared::limits::SERIES_MAX;

pub use collector::{Collector, Context};
use rules::Rules;

use crate::root::{Buffer, Root};
use crate::sample::Sample;

/// Series of the whole machine, with room to spare.
const OTHER_SERIES: usize = 64;

const _: () = assert!(
    limits::CORES_MAX * cpu::MODES.len()
        // What it is, whether it is up, and how fast.
        + limits::INTERFACES_MAX * (network::SERIES.len() + 3)
        + limits::DISKS_MAX * disk::SERIES.len()
        + limits::MOUNTS_MAX * filesystem::SERIES.len()
        + limits::SENSORS_MAX
        + OTHER_SERIES
        <= SERIES_MAX
);

/// Every collector and the name of its subject, in the order in which they run.
pub fn all(root: &Root, rules: &Rc<Rules>) -> Vec<(&'static str, Box<dyn Collector>)> {
    vec![
        ("uptime", Box::new(uptime::Uptime::new(root))),
        ("load", Box::new(load::LoadCollector::new(root))),
        ("cpu", Box::new(cpu::Cpu::new(root))),
        ("memory", Box::new(memory::MemoryCollector::new(root))),
        ("disk", Box::new(disk::Disk::new(root, rules))),
        (
            "filesystem",
            Box::new(filesystem::Filesystem::new(root, rules)),
        ),
        ("network", Box::new(network::Network::new(root, rules))),
        ("temperature", Box::new(temperature::Temperature::new(root))),
        ("throttle", Box::new(throttle::Throttle::new(root))),
        ("tcp", Box::new(tcp::Tcp::new(root))),
    ]
}

/// Reads the whole machine.
pub struct Sampler {
    sample: Sample,
    buffer: Buffer,
    collectors: Vec<(&'static str, Box<dyn Collector>)>,
    /// Series that one sample has no room for, of whatever subject.
    left_out: table::LeftOut,
}

impl Sampler {
    /// With our own rules by name.
    pub fn new(root: Root) -> Self {
        Self::with(root, Rules::default())
    }

    pub fn with(root: Root, rules: Rules) -> Self {
        Self {
            sample: Sample::default(),
            buffer: Buffer::default(),
            collectors: all(&root, &Rc::new(rules)),
            left_out: table::LeftOut::default(),
        }
    }

    /// Takes one sample. Allocates only when the set of series changes.
    pub fn collect(&mut self) -> &Sample {
        self.sample.begin();
        let mut context = Context {
            sample: &mut self.sample,
            buffer: &mut self.buffer,
        };
        for (_, collector) in &mut self.collectors {
            collector.collect(&mut context);
        }
        let missing = u64::from(self.sample.missing());
        self.left_out.set("series", missing, &mut self.sample);
        self.sample.end();
        &self.sample
    }

    /// The sample that was taken last.
    pub fn sample(&self) -> &Sample {
        &self.sample
    }
}
