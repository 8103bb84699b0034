//! `stardust-server rekey`: another STARDUST_SECRET for a database.

use std::path::Path;

use crate::auth::keys::{self, Keys};
use crate::auth::seal::{self, PURPOSE};
use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::store::Store;
use crate::store::lock::{DatabaseLock, Work};
use crate::store::look::resolve;
use crate::store::open::require_file;

/// Opens the database with `old` and leaves it with `new`: all of it, or nothing
/// was changed. Answers how many stored values were sealed anew.
pub fn run(db: &Path, old: &Secret, new: &Secret) -> Result<usize, Error> {
    require_file(db)?;
    let db = &resolve(db);
    let _alone = DatabaseLock::alone(db, Work::Rekey)?;
    let store = Store::open(db)?;
    let sealed = rekey(&store, old, new, keys::ROUNDS, || Ok(()))?;
    // What is in the log alone is as good: only a copy of the one file would miss it.
    let _ = store.close();
    Ok(sealed)
}

pub(super) fn rekey(
    store: &Store,
    old: &Secret,
    new: &Secret,
    rounds: u32,
    before_commit: impl FnOnce() -> Result<(), Error>,
) -> Result<usize, Error> {
    if old == new {
        return Err(Error::new(
            Kind::Config,
            "STARDUST_SECRET_NEW is the secret that the database has already.",
            "Make a new one with `openssl rand -hex 32`.",
        ));
    }
    if !Keys::made(store)? {
        return Err(Error::new(
            Kind::Database,
            "This database has no secret yet.",
            "Start Ground Control on it once; rekey is for changing a secret.",
        ));
    }
    let before = Keys::open(store, old)?.derive(PURPOSE);
    let (keys, meta) = Keys::fresh(new, rounds)?;
    let after = keys.derive(PURPOSE);
    store.reseal(
        &meta,
        |node, field, blob| {
            let plain = seal::open(&before, node, field, blob)?;
            seal::seal(&after, node, field, plain.expose().as_bytes())
        },
        before_commit,
    )
}
