//! The rows of one table, as many as can be read.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

/// Rows in one transaction of the copy.
const ROWS_STEP: usize = 1_000;

/// Answers how many rows were copied, and whether those are all.
pub fn copy(
    source: &Connection,
    target: &mut Connection,
    table: &str,
) -> rusqlite::Result<(u64, bool)> {
    let columns = shared_columns(source, target, table)?;
    if columns.is_empty() {
        // The table is of a later schema than the database was.
        return Ok((0, true));
    }
    let mut copy = Copy {
        source,
        target,
        table: quoted(table),
        columns,
        rows: 0,
    };
    // As it was there: a later schema may have made it another kind.
    let without_rowid = "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1";
    let without_rowid = source.query_row(without_rowid, [table], |row| row.get(0));
    let whole = if without_rowid.unwrap_or(false) {
        copy.both_ends()?
    } else {
        copy.by_rowid()?
    };
    Ok((copy.rows, whole))
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

struct Copy<'a> {
    source: &'a Connection,
    target: &'a mut Connection,
    table: String,
    columns: Vec<String>,
    rows: u64,
}

impl Copy<'_> {
    /// In the order of the row numbers. False when some could not be read.
    fn by_rowid(&mut self) -> rusqlite::Result<bool> {
        let select = format!(
            "SELECT rowid, {} FROM {} NOT INDEXED WHERE rowid > ?1 ORDER BY rowid",
            self.columns.join(", "),
            self.table
        );
        let insert = self.insert(true);
        let (mut after, mut whole) = (i64::MIN, true);
        loop {
            let read = self.read(&select, Some(&mut after), &insert)?;
            if read.done {
                return Ok(whole);
            }
            if read.failed {
                whole = false;
                // Row numbers begin at 1.
                match self.next_readable(after.max(0)) {
                    Some(next) => after = next,
                    None => return Ok(false),
                }
            }
        }
    }

    /// The nearest row number after the bad one from which it can be read again:
    /// pages that are gone held neighbours, so steps double until there is
    /// something, and then go back by halves.
    fn next_readable(&self, bad: i64) -> Option<i64> {
        let probe = format!(
            "SELECT * FROM {} NOT INDEXED WHERE rowid > ?1 ORDER BY rowid LIMIT 1",
            self.table
        );
        // Also what is after the last row is readable: there is nothing.
        let good = |after: i64| {
            let found = self.source.prepare_cached(&probe).and_then(|mut probe| {
                let width = probe.column_count();
                let whole = |row: &rusqlite::Row<'_>| {
                    (0..width).try_for_each(|at| row.get::<_, Value>(at).map(drop))
                };
                probe.query_row([after], whole).optional()
            });
            found.is_ok()
        };
        let (mut bad, mut step) = (bad, 1i64);
        let mut next = loop {
            let next = bad.checked_add(step)?;
            if good(next) {
                break next;
            }
            bad = next;
            step = step.saturating_mul(2);
        };
        while next - bad > 1 {
            let middle = bad + (next - bad) / 2;
            if good(middle) {
                next = middle;
            } else {
                bad = middle;
            }
        }
        Some(next)
    }

    /// Of a table whose rows have no numbers: from the one end and from the other,
    /// each up to the first page that can't be read.
    fn both_ends(&mut self) -> rusqlite::Result<bool> {
        let keys: Vec<String> = self
            .source
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

pub fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}

/// The name of a table or column as SQL has it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
