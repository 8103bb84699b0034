//! What can still be read of a damaged database, as a new one.
//!
//! Where SQLite itself finds pages that make no sense ("database disk image is
//! malformed"), a copy as a whole ends at the first of them. This goes table by
//! table and row by row (`rows`), steps over what can't be read, says where that
//! was, and mends what belongs together (`mend`). The damaged file is only read,
//! and set aside with its log when the new one takes its place (`place`).

mod mend;
pub(super) mod place;
mod rows;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::Store;
use super::lock::{DatabaseLock, Work};
use super::look::resolve;
use super::open::{check_owner, explain, open_connection, require_file};
use stardust_base::error::{Error, Kind};

/// Who was signed in signs in again: what had ended must not come back.
const LEFT_OUT: &str = "sessions";

/// What became of the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvage {
    pub rows: u64,
    pub nodes: u64,
    /// Tables of which something could not be read.
    pub damaged: Vec<String>,
    /// Nodes whose row was gone, and whose name and token an index still had.
    pub from_indexes: u64,
    /// Rows without the row that they belong to, which were left out.
    pub orphans: u64,
    /// Stretches of time whose samples are gone, noted as gaps.
    pub gaps: u64,
    /// Where the damaged database is now.
    pub aside: Option<PathBuf>,
}

impl Salvage {
    /// In words for the operator, who named `file` or left the place to us.
    pub fn told(&self, db: &Path, file: Option<&Path>) -> String {
        let mut lines = vec![format!(
            "{} holds what can be read: {}, {} in all.",
            file.unwrap_or(db).display(),
            count(self.nodes, "node"),
            count(self.rows, "row"),
        )];
        if self.damaged.is_empty() {
            lines.push("All tables could be read whole.".to_owned());
        } else {
            lines.push(format!(
                "Not all could be read of: {}.",
                self.damaged.join(", ")
            ));
        }
        if self.from_indexes > 0 {
            lines.push(format!(
                "{} came back with name and token alone, without tags.",
                count(self.from_indexes, "node")
            ));
        }
        if self.orphans > 0 {
            lines.push(format!(
                "{} without what they belong to were left out.",
                count(self.orphans, "row")
            ));
        }
        if self.gaps > 0 {
            lines.push(format!(
                "The history has {} for samples that are gone.",
                count(self.gaps, "gap")
            ));
        }
        let is_gone = |table: &str| self.damaged.iter().any(|damaged| damaged == table);
        if is_gone("users") {
            lines.push(
                "Of the users something is lost: without any, the next start makes the first \
                 login anew, from STARDUST_ADMIN_PASS."
                    .to_owned(),
            );
        }
        if is_gone("meta") || is_gone("credentials") {
            lines.push(
                "Stored SSH credentials may have to be given again; the tokens of Spiders do not."
                    .to_owned(),
            );
        }
        lines.push(match &self.aside {
            Some(aside) => format!(
                "The damaged one is kept as {}. Start Ground Control with the same secret.",
                aside.display()
            ),
            None => format!(
                "{} was only read. To go on with the new one, stop Ground Control and put it in \
                 its place, without the old -wal and -shm; the secret is the same.",
                db.display()
            ),
        });
        lines.join("\n")
    }
}

fn count(number: u64, what: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {what}{end}")
}

/// Copies what can be read of `db` to `file`, which must not exist.
///
/// # Errors
/// When nothing can be read of the one, or the other can't be written, or a server
/// runs on it.
pub fn run(db: &Path, file: &Path) -> Result<Salvage, Error> {
    require_file(db)?;
    let _alone = DatabaseLock::alone(db, Work::Salvage)?;
    copy(db, file)
}

fn copy(db: &Path, file: &Path) -> Result<Salvage, Error> {
    if file.exists() {
        return Err(Error::new(
            Kind::System,
            format!("{} is there already.", file.display()),
            "Name a new file for what can be read.",
        ));
    }
    let source = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|error| explain(db, error))?;
    // Nothing is written; this lets SQLite begin with a file that was cut.
    source
        .pragma_update(None, "writable_schema", true)
        .map_err(|error| explain(db, error))?;
    check_owner(db, &source)?;
    let made = Store::open(file)
        .map_err(Error::from)
        .and_then(|_| copy_all(&source, file).map_err(|error| unwritable(file, &error)));
    if made.is_err() {
        place::remove(file);
    }
    made
}

/// The same, and the new database takes the place of the damaged one, which is
/// set aside. No server may run on it.
///
/// # Errors
/// As of [`run`], or when files can't be renamed; the damaged one is whole then.
pub fn in_place(db: &Path) -> Result<Salvage, Error> {
    require_file(db)?;
    let db = &resolve(db);
    let _alone = DatabaseLock::alone(db, Work::Salvage)?;
    let file = place::beside(db, "salvaging");
    // Of a salvage that was cut off.
    place::remove(&file);
    let mut made = copy(db, &file)?;
    place::adopt(&file, db);
    let moved = place::exchange(db, &file, "damaged");
    if moved.is_err() {
        place::remove(&file);
    }
    made.aside = moved?;
    Ok(made)
}

fn unwritable(file: &Path, error: &rusqlite::Error) -> Error {
    Error::new(
        Kind::System,
        format!("{} can't be written: {error}.", file.display()),
        "See that its folder has room for another copy of the database.",
    )
}

fn copy_all(source: &Connection, file: &Path) -> rusqlite::Result<Salvage> {
    let mut target = open_connection(file)?;
    target.pragma_update(None, "foreign_keys", false)?;
    let mut made = Salvage::default();
    // They would note again what is noted.
    let triggers = mend::take_triggers(&target)?;
    let tables: Vec<String> = target
        .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for table in &tables {
        if table.starts_with("sqlite_") || table == LEFT_OUT {
            continue;
        }
        let (rows, whole) = rows::copy(source, &mut target, table)?;
        made.rows += rows;
        if !whole {
            made.damaged.push(table.clone());
        }
    }
    if made.damaged.iter().any(|table| table == "nodes") {
        made.from_indexes = mend::nodes_from_indexes(source, &target)?;
    }
    if made.damaged.iter().any(|table| table == "series") {
        mend::series_from_index(source, &target)?;
    }
    for table in &tables {
        made.orphans += mend::remove_orphans(&target, table)?;
    }
    made.orphans += mend::remove_without_list(&target)?;
    mend::keep_numbers(source, &target)?;
    target.execute_batch(&triggers)?;
    let [blocks, fresh] =
        ["blocks", "fresh"].map(|name| made.damaged.iter().any(|table| table == name));
    if blocks || fresh {
        made.gaps = mend::note_gaps(&mut target, fresh)?;
    }
    made.nodes = target.query_row("SELECT count(*) FROM nodes", [], |row| {
        row.get::<_, i64>(0).map(|count| count as u64)
    })?;
    target.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()))?;
    Ok(made)
}

#[cfg(test)]
mod tests;
