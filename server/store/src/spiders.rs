//! The `spiders` table: what Major Tom has installed, and where.

use rusqlite::{OptionalExtension, params};

use stardust_model::installation::SpiderRecord;

use super::{Store, StoreError};

impl Store {
    /// None when nothing was installed, or by a release that wrote it otherwise.
    pub fn spider(&self, node: i64) -> Result<Option<SpiderRecord>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(
            "SELECT place, arch, version, sha256, server_url, pin, installed_ms \
             FROM spiders WHERE node = ?1",
        )?;
        let row = statement
            .query_row([node], |row| {
                let place: String = row.get(0)?;
                let Ok(place) = serde_json::from_str(&place) else {
                    return Ok(None);
                };
                Ok(Some(SpiderRecord {
                    place,
                    arch: row.get(1)?,
                    version: row.get(2)?,
                    sha256: row.get(3)?,
                    server_url: row.get(4)?,
                    pin: row.get(5)?,
                    installed_ms: row.get(6)?,
                }))
            })
            .optional()?;
        Ok(row.flatten())
    }

    /// Nodes that something was installed on.
    pub fn nodes_with_spiders(&self) -> Result<Vec<i64>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached("SELECT node FROM spiders")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub fn put_spider(&self, node: i64, spider: &SpiderRecord) -> Result<(), StoreError> {
        // A few texts: serialising them can't fail.
        let place = serde_json::to_string(&spider.place).unwrap_or_default();
        self.writer().execute(
            "INSERT INTO spiders (node, place, arch, version, sha256, server_url, pin, installed_ms) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE EXISTS (SELECT 1 FROM nodes WHERE id = ?1) \
             ON CONFLICT (node) DO UPDATE SET place = ?2, arch = ?3, version = ?4, sha256 = ?5, \
             server_url = ?6, pin = ?7, installed_ms = ?8",
            params![
                node,
                place,
                spider.arch,
                spider.version,
                spider.sha256,
                spider.server_url,
                spider.pin,
                spider.installed_ms
            ],
        )?;
        Ok(())
    }
}
