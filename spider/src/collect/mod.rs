//! One subject a file: each reads its few files and sets its series.

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
    pub fn new(_root: Root) -> Self {
        Self {
            sample: Sample::default(),
            buffer: Buffer::default(),
            collectors: Vec::new(),
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
