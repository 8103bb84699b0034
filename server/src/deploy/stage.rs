//! Where on a node uploads wait for their place.

use crate::major_tom::fault::{Cause, Fault};
use crate::secret;

/// A folder for uploads that nobody else has or can guess.
pub fn stage_in(folder: &str) -> Result<String, Fault> {
    let random = secret::random_hex(8)
        .map_err(|error| Fault::new(Cause::Busy, format!("No random numbers: {error}."), ""))?;
    let folder = folder.trim_end_matches('/');
    Ok(format!("{folder}/.stardust-stage-{}", random.expose()))
}
