//! One subject a file: each reads its few files and sets its series.

pub mod cpu;
pub mod disk;
pub mod filesystem;
pub mod limits;
pub mod load;
pub mod memory;
pub mod mounts;
pub mod network;
pub mod statfs;
pub mod table;
pub mod tcp;
pub mod temperature;
pub mod text;
pub mod uptime;

use crate::root::{Buffer, Root};
use crate::sample::Sample;

/// What a collector works with.
pub struct Context<'a> {
    pub sample: &'a mut Sample,
    pub buffer: &'a mut Buffer,
}

/// One subject. What it can't read this time it leaves absent.
pub trait Collector {
    fn collect(&mut self, context: &mut Context<'_>);
}

/// Reads the whole machine.
pub struct Sampler {
    sample: Sample,
    buffer: Buffer,
    collectors: Vec<Box<dyn Collector>>,
}

impl Sampler {
    pub fn new(root: Root) -> Self {
        Self {
            sample: Sample::default(),
            buffer: Buffer::default(),
            collectors: vec![
                Box::new(uptime::Uptime::new(&root)),
                Box::new(load::LoadCollector::new(&root)),
                Box::new(cpu::Cpu::new(&root)),
                Box::new(memory::MemoryCollector::new(&root)),
                Box::new(disk::Disk::new(&root)),
                Box::new(filesystem::Filesystem::new(&root)),
                Box::new(network::Network::new(&root)),
                Box::new(temperature::Temperature::new(&root)),
                Box::new(tcp::Tcp::new(&root)),
            ],
        }
    }

    /// Takes one sample. Allocates only when the set of series changes.
    pub fn collect(&mut self) -> &Sample {
        self.sample.begin();
        let mut context = Context {
            sample: &mut self.sample,
            buffer: &mut self.buffer,
        };
        for collector in &mut self.collectors {
            collector.collect(&mut context);
        }
        self.sample.end();
        &self.sample
    }

    /// The sample that was taken last.
    pub fn sample(&self) -> &Sample {
        &self.sample
    }
}
