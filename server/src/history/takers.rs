//! What each node takes of the history budget: the one that takes most gives first, so
//! that a node which sends more than others can't push out what these have.
//!
//! On the writer's thread. Sums are made anew only of nodes whose blocks have changed,
//! a bounded time at once: of those that changed last first, since what fills the
//! budget is among them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// Time for making sums in one step.
const LOOK_TIME: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub struct Takers {
    /// Bytes of each node's blocks, as far as they are known.
    bytes: HashMap<i64, u64>,
    /// Nodes whose sums are not true any more, the last that changed at the end. Some
    /// are there more than once.
    changed: Vec<i64>,
    /// So many of them are worth making them unique.
    crowded: usize,
}

impl Takers {
    /// At the start nothing is known of these.
    pub fn new(nodes: Vec<i64>) -> Self {
        Self {
            crowded: nodes.len() * 2,
            changed: nodes,
            bytes: HashMap::new(),
        }
    }

    /// Blocks of a node came or went.
    pub fn changed(&mut self, node: i64) {
        if self.changed.last() == Some(&node) {
            return;
        }
        self.changed.push(node);
        if self.changed.len() > self.crowded.max(1_024) {
            let mut newest = HashMap::new();
            for (at, node) in self.changed.iter().enumerate() {
                newest.insert(*node, at);
            }
            let mut at = 0;
            self.changed.retain(|node| {
                at += 1;
                newest.get(node) == Some(&(at - 1))
            });
            self.crowded = self.changed.len() * 2;
        }
    }

    /// The node that takes most, of those that have a block.
    pub fn largest(&mut self, connection: &Connection) -> rusqlite::Result<Option<i64>> {
        let begin = Instant::now();
        // Layouts that nodes share count for each: those of a fleet are few.
        let mut statement = connection.prepare_cached(
            "SELECT COALESCE(SUM(bytes), 0) + COALESCE((
                 SELECT SUM(length(series)) FROM layouts
                 WHERE id IN (SELECT layout FROM blocks WHERE node = ?1)), 0)
             FROM blocks WHERE node = ?1",
        )?;
        while let Some(node) = self.changed.last() {
            let bytes: i64 = statement.query_row([node], |row| row.get(0))?;
            if bytes > 0 {
                self.bytes.insert(*node, bytes as u64);
            } else {
                self.bytes.remove(node);
            }
            self.changed.pop();
            if begin.elapsed() >= LOOK_TIME && !self.bytes.is_empty() {
                break;
            }
        }
        let of_most = self
            .bytes
            .iter()
            .max_by_key(|(node, bytes)| (**bytes, -**node));
        Ok(of_most.map(|(node, _)| *node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_found_again_when_blocks_come_and_go() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE blocks (node INTEGER, bytes INTEGER, layout INTEGER);
                 CREATE TABLE layouts (id INTEGER PRIMARY KEY, series BLOB);
                 INSERT INTO layouts VALUES (1, zeroblob(7)), (2, zeroblob(500));",
            )
            .unwrap();
        let set = |node: i64, bytes: i64| {
            let delete = "DELETE FROM blocks WHERE node = ?1";
            connection.execute(delete, [node]).unwrap();
            let insert = "INSERT INTO blocks SELECT ?1, ?2, 1 WHERE ?2 > 0";
            connection.execute(insert, [node, bytes]).unwrap();
        };
        set(1, 100);
        set(2, 300);
        let mut takers = Takers::new(vec![1, 2]);
        let mut largest = |changed: &[i64]| {
            changed.iter().for_each(|node| takers.changed(*node));
            takers.largest(&connection).unwrap()
        };
        assert_eq!(largest(&[]), Some(2));
        set(2, 90);
        // Not told yet.
        assert_eq!(largest(&[]), Some(2));
        assert_eq!(largest(&[2]), Some(1));
        set(3, 101);
        assert_eq!(largest(&[3]), Some(3));
        // The lists of series that a node needs are its own too.
        connection
            .execute("INSERT INTO blocks VALUES (4, 1, 2), (4, 1, 2)", [])
            .unwrap();
        assert_eq!(largest(&[4]), Some(4));
        set(4, 0);
        assert_eq!(largest(&[4]), Some(3));
        // However often they change, each is remembered once or twice.
        let often: Vec<i64> = (0..100_000).map(|n| n % 3 + 1).collect();
        set(3, 0);
        assert_eq!(largest(&often), Some(1));
        set(1, 0);
        set(2, 0);
        assert_eq!(largest(&[1, 2]), None);
        often.iter().for_each(|node| takers.changed(*node));
        assert!(takers.changed.len() <= 1_025, "{}", takers.changed.len());
    }
}
