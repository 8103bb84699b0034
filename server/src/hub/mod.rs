//! The live state of the fleet, in memory.
//!
//! The gate writes it, one short lock a frame; API workers read copies of it.
//! Nothing here does I/O. Bounded by the number of nodes and by the series
//! limit of the wire.

mod audience;
mod fleet;
mod latest;
mod live;
mod node;
mod spark;
mod summary;
mod view;

#[cfg(test)]
mod tests;

pub use audience::Audience;
pub use fleet::Fleet;
pub use live::{Changes, bye_message, job_message, layout_message, output_message, sample_message};
pub use node::{Changed, LastHello, Node};
pub use stardust_model::node::{Status, TokenHash};
pub use summary::Summary;
pub use view::{Exported, NodeView, SeriesView, StatsView};
