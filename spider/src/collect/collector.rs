//! What all collectors have in common.

use crate::root::Buffer;
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
