//! Short texts that the kernel or a file gives.

use std::path::Path;

use crate::collect::text::trim;
use crate::root::read_small;

/// A short text file, trimmed; what is not UTF-8 is replaced.
pub fn text(path: &Path) -> Option<String> {
    let bytes = read_small(path)?;
    let text = trim(&bytes);
    (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
}
