//! What bounds a block, in one place.

use stardust_shared::limits::SERIES_MAX;

/// Values in one block, all columns together, when it is merged; bounds the
/// memory of a merge. Layouts that are very wide get blocks of fewer rows.
pub const MERGE_VALUES_MAX: usize = 1 << 20;
/// Rows in one block at the most; bounds what a reader allocates.
pub const ROWS_MAX: usize = 1 << 16;
/// Columns of a block: those of its series (up to [`PARTS_MAX`] each in a tier) and the times.
pub const COLUMNS_MAX: usize = SERIES_MAX * PARTS_MAX + 1;
/// Columns that a series has in a tier.
pub const PARTS_MAX: usize = 6;
