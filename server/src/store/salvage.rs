//! What can still be read of a damaged database, as a new one.
//!
//! Where SQLite itself finds pages that make no sense ("database disk image is
//! malformed"), a copy as a whole ends at the first of them. This goes table by
//! table and row by row, steps over what can't be read, and says where that was.
//! The damaged file is only read.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::Store;
use super::open::{check_owner, explain, open_connection, require_file};
use crate::error::{Error, Kind};

/// Rows in one transaction of the copy.
const ROWS_STEP: usize = 1_000;

/// What became of the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvage {
    pub rows: u64,
    pub nodes: u64,
    /// Tables of which something could not be read.
    pub damaged: Vec<String>,
    /// Rows without the row that they belong to, which were left out.
    pub orphans: u64,
}

/// Copies what can be read of `db` to `file`, which must not exist.
///
/// # Errors
/// When nothing can be read of the one, or the other can't be written.
pub fn run(db: &Path, file: &Path) -> Result<Salvage, Error> {
    require_file(db)?;
    if file.exists() {
        return Err(Error::new(
            Kind::System,
            format!("{} is there already.", file.display()),
            "Name a new file for what can be read.",
        ));
    }
    let source = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|error| explain(db, error))?;
    check_owner(db, &source)?;
    drop(Store::open(file)?);
    let made = copy_all(&source, file);
    made.map_err(|error| {
        Error::new(
            Kind::System,
            format!("{} can't be written: {error}.", file.display()),
            "See that its folder has room for another copy of the database.",
        )
    })
}

fn copy_all(source: &Connection, file: &Path) -> rusqlite::Result<Salvage> {
    let mut target = open_connection(file)?;
    target.pragma_update(None, "foreign_keys", false)?;
    let mut made = Salvage::default();
    let tables: Vec<(String, bool)> = target
        .prepare("SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (table, without_rowid) in tables {
        if table.starts_with("sqlite_") {
            continue;
        }
        let columns = shared_columns(source, &target, &table)?;
        if columns.is_empty() {
            continue;
        }
        let mut copy = Copy {
            source,
            target: &mut target,
            table: quoted(&table),
            columns,
            rows: 0,
        };
        let whole = if without_rowid {
            copy.both_ends()?
        } else {
            copy.by_rowid()?
        };
        made.rows += copy.rows;
        if !whole {
            made.damaged.push(table);
        }
    }
    made.orphans = remove_orphans(&target)?;
    made.nodes = target.query_row("SELECT count(*) FROM nodes", [], |row| {
        row.get::<_, i64>(0).map(|count| count as u64)
    })?;
    Ok(made)
}

/// An older schema has fewer columns; the new ones then have their defaults.
fn shared_columns(
    source: &Connection,
    target: &Connection,
    table: &str,
) -> rusqlite::Result<Vec<String>> {
    let names = |connection: &Connection| -> rusqlite::Result<Vec<String>> {
        connection
            .prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?
            .query_map([table], |row| row.get(0))?
            .collect()
    };
    let there = names(source).unwrap_or_default();
    let wanted = names(target)?;
    Ok(wanted
        .into_iter()
        .filter(|name| there.contains(name))
        .map(|name| quoted(&name))
        .collect())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

struct Copy<'a> {
    source: &'a Connection,
    target: &'a mut Connection,
    table: String,
    columns: Vec<String>,
    rows: u64,
}

impl Copy<'_> {
    /// In the order of the row numbers. After a row that can't be read it goes on
    /// one further, then two, then four: pages that are gone held neighbours.
    /// False when there were such rows.
    fn by_rowid(&mut self) -> rusqlite::Result<bool> {
        let select = format!(
            "SELECT rowid, {} FROM {} NOT INDEXED WHERE rowid > ?1 ORDER BY rowid",
            self.columns.join(", "),
            self.table
        );
        let insert = self.insert(true);
        let (mut after, mut skip, mut whole) = (i64::MIN, 1i64, true);
        loop {
            let before = after;
            let read = self.read(&select, Some(&mut after), &insert)?;
            if read.done {
                return Ok(whole);
            }
            if after > before {
                skip = 1;
            }
            if read.failed {
                whole = false;
                // Row numbers begin at 1.
                let Some(next) = after.max(0).checked_add(skip) else {
                    return Ok(false);
                };
                after = next;
                skip = skip.saturating_mul(2);
            }
        }
    }

    /// Of a table whose rows have no numbers: from the one end and from the other,
    /// each up to the first page that can't be read.
    fn both_ends(&mut self) -> rusqlite::Result<bool> {
        let keys: Vec<String> = self
            .target
            .prepare(&format!(
                "SELECT name FROM pragma_table_info({}) WHERE pk > 0 ORDER BY pk",
                self.table.replace('"', "'")
            ))?
            .query_map([], |row| row.get::<_, String>(0))?
            .map(|name| name.map(|name| quoted(&name)))
            .collect::<Result<_, _>>()?;
        let insert = self.insert(false);
        for way in ["ASC", "DESC"] {
            let order: Vec<String> = keys.iter().map(|key| format!("{key} {way}")).collect();
            let select = format!(
                "SELECT {} FROM {} ORDER BY {}",
                self.columns.join(", "),
                self.table,
                order.join(", ")
            );
            let read = self.read(&select, None, &insert)?;
            if !read.failed {
                return Ok(way == "ASC");
            }
        }
        Ok(false)
    }

    fn insert(&self, with_rowid: bool) -> String {
        let rowid = if with_rowid { "rowid, " } else { "" };
        let count = self.columns.len() + usize::from(with_rowid);
        format!(
            "INSERT OR REPLACE INTO {} ({rowid}{}) VALUES ({})",
            self.table,
            self.columns.join(", "),
            vec!["?"; count].join(", ")
        )
    }

    /// Copies rows until the end, an error of the source, or enough for one
    /// transaction (only with `after`, from which it then goes on).
    fn read(
        &mut self,
        select: &str,
        mut after: Option<&mut i64>,
        insert: &str,
    ) -> rusqlite::Result<Read> {
        let width = self.columns.len() + usize::from(after.is_some());
        let transaction = self.target.transaction()?;
        let (mut count, mut read) = (0, Read::default());
        // Only what the source says is damage; what the target says is ours to tell.
        if let Ok(mut statement) = self.source.prepare(select) {
            let mut rows = match &after {
                Some(after) => statement.query([**after]),
                None => statement.query([]),
            };
            while let Ok(rows) = &mut rows {
                let row: Vec<Value> = match rows.next() {
                    Ok(Some(row)) => {
                        let values = (0..width).map(|at| row.get(at));
                        match values.collect::<rusqlite::Result<_>>() {
                            Ok(row) => row,
                            Err(_) => break,
                        }
                    }
                    Ok(None) => {
                        read.done = true;
                        break;
                    }
                    Err(_) => break,
                };
                if let (Some(after), Some(Value::Integer(rowid))) = (&mut after, row.first()) {
                    // Damage can put rows out of order; it must not go round for ever.
                    if *rowid <= **after && **after != i64::MIN {
                        break;
                    }
                    **after = *rowid;
                }
                match transaction
                    .prepare_cached(insert)?
                    .execute(params_from_iter(row))
                {
                    Ok(_) => self.rows += 1,
                    // A row that the schema does not allow was no row of ours.
                    Err(error) if is_constraint(&error) => {}
                    Err(error) => return Err(error),
                }
                count += 1;
                if count >= ROWS_STEP && after.is_some() {
                    transaction.commit()?;
                    return Ok(read);
                }
            }
        }
        transaction.commit()?;
        read.failed = !read.done;
        Ok(read)
    }
}

#[derive(Default)]
struct Read {
    done: bool,
    failed: bool,
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}

/// Rows whose parent was not readable: nothing could use them.
fn remove_orphans(target: &Connection) -> rusqlite::Result<u64> {
    let mut removed = 0;
    loop {
        let orphans: Vec<(String, Option<i64>)> = target
            .prepare("PRAGMA foreign_key_check")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut now = 0;
        for (table, rowid) in orphans {
            let sql = format!("DELETE FROM {} WHERE rowid = ?1", quoted(&table));
            if let Some(rowid) = rowid {
                now += target.execute(&sql, [rowid])?;
            }
        }
        if now == 0 {
            return Ok(removed);
        }
        removed += now as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;

    /// Writes over whole pages of the file, as a failing disk does.
    fn overwrite(file: &Path, pages: impl Iterator<Item = usize>) {
        let mut bytes = std::fs::read(file).unwrap();
        for page in pages {
            bytes[page * 4_096..(page + 1) * 4_096].fill(0xa5);
        }
        std::fs::write(file, bytes).unwrap();
    }

    fn made(db: &Path) -> Store {
        let store = Store::open(db).unwrap();
        for number in 0..200u8 {
            let name = format!("node {number}");
            store.insert_node(&name, &[], [number; 32], 1).unwrap();
        }
        let writer = store.writer();
        writer
            .execute_batch(
                "INSERT INTO layouts (id, sha256, series) VALUES (1, zeroblob(32), x'00');
                 WITH RECURSIVE n(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < 500)
                 INSERT INTO blocks (id, node, tier, level, layout, format, time_min_ms,
                                     time_max_ms, rows, bytes, data)
                 SELECT n, 1, 0, 2, 1, 4, n, n, 1, 20000, randomblob(20000) FROM n;
                 PRAGMA wal_checkpoint(TRUNCATE);",
            )
            .unwrap();
        drop(writer);
        store
    }

    #[test]
    fn a_sound_database_comes_out_whole() {
        let folder = Folder::new();
        let (db, file) = (folder.join("a.db"), folder.join("b.db"));
        drop(made(&db));
        let salvage = run(&db, &file).unwrap();
        assert_eq!((salvage.nodes, salvage.orphans), (200, 0));
        assert!(salvage.damaged.is_empty(), "{salvage:?}");
        assert!(salvage.rows >= 701);
        assert!(run(&db, &file).unwrap_err().message.contains("already"));
        let nothing = run(&folder.join("none.db"), &folder.join("c.db")).unwrap_err();
        assert!(nothing.message.contains("no database"), "{nothing}");
    }

    #[test]
    fn overwritten_pages_cost_what_was_on_them() {
        let folder = Folder::new();
        let (db, file) = (folder.join("a.db"), folder.join("b.db"));
        drop(made(&db));
        let pages = std::fs::metadata(&db).unwrap().len() as usize / 4_096;
        assert!(pages > 2_000);
        overwrite(&db, (pages / 2..pages).step_by(100));
        let verdict = |file: &Path| -> String {
            let connection = Connection::open(file).unwrap();
            let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
            found.unwrap_or_else(|error| error.to_string())
        };
        assert_ne!(verdict(&db), "ok");
        let salvage = run(&db, &file).unwrap();
        assert_eq!(salvage.nodes, 200);
        assert_eq!(verdict(&file), "ok");
        let kept = Connection::open(&file).unwrap();
        let blocks: i64 = kept
            .query_row("SELECT count(*) FROM blocks", [], |row| row.get(0))
            .unwrap();
        // A dozen pages are gone; a leaf takes a few blocks with it.
        assert!((350..=500).contains(&blocks), "{blocks}");
        drop(kept);
        Store::open(&file).unwrap();
    }

    #[test]
    fn a_file_without_a_head_is_said_to_be_lost() {
        let folder = Folder::new();
        let (db, file) = (folder.join("a.db"), folder.join("b.db"));
        drop(made(&db));
        overwrite(&db, 0..1);
        assert!(run(&db, &file).is_err());
        assert!(!file.exists());
    }
}
