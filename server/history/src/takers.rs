//! What each node takes of the history budget: the one that takes most gives first, so
//! that a node which sends more than others can't push out what these have.
//!
//! On the writer's thread. Sums are made anew only of nodes whose blocks have changed,
//! a bounded time at once: of those that changed last first, since what fills the
//! budget is among them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::catalogue;

/// Time for making sums in one step.
const LOOK_TIME: Duration = Duration::from_millis(20);

/// What a node takes.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    blocks: u64,
    /// Its lists of series, and what they name.
    lists: u64,
}

#[derive(Debug, Default)]
pub struct Takers {
    /// Of each node, as far as it is known.
    taken: HashMap<i64, Taken>,
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
            taken: HashMap::new(),
        }
    }

    /// Blocks or lists of a node came or went.
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

    /// The node that takes most, and whether it has a block to give.
    pub fn largest(&mut self, connection: &Connection) -> rusqlite::Result<Option<(i64, bool)>> {
        self.look(connection)?;
        let taken = self.taken.iter();
        let most = taken.max_by_key(|(node, of)| (of.blocks + of.lists, -**node));
        Ok(most.map(|(node, of)| (*node, of.blocks > 0)))
    }

    /// The node that takes most, of those that have a block.
    pub fn largest_giver(&mut self, connection: &Connection) -> rusqlite::Result<Option<i64>> {
        self.look(connection)?;
        let taken = self.taken.iter().filter(|(_, of)| of.blocks > 0);
        let most = taken.max_by_key(|(node, of)| (of.blocks + of.lists, -**node));
        Ok(most.map(|(node, _)| *node))
    }

    fn look(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let begin = Instant::now();
        let mut statement = connection
            .prepare_cached("SELECT COALESCE(SUM(bytes), 0) FROM blocks WHERE node = ?1")?;
        while let Some(&node) = self.changed.last() {
            let blocks: i64 = statement.query_row([node], |row| row.get(0))?;
            let taken = Taken {
                blocks: blocks as u64,
                lists: catalogue::bytes_of(connection, node)?,
            };
            if taken.blocks + taken.lists > 0 {
                self.taken.insert(node, taken);
            } else {
                self.taken.remove(&node);
            }
            self.changed.pop();
            if begin.elapsed() >= LOOK_TIME && self.taken.values().any(|of| of.blocks > 0) {
                break;
            }
        }
        Ok(())
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
                "CREATE TABLE blocks (node INTEGER, bytes INTEGER);
                 CREATE TABLE layouts (node INTEGER, list BLOB);
                 CREATE TABLE series (node INTEGER, key TEXT);",
            )
            .unwrap();
        let set = |node: i64, bytes: i64| {
            let delete = "DELETE FROM blocks WHERE node = ?1";
            connection.execute(delete, [node]).unwrap();
            let insert = "INSERT INTO blocks SELECT ?1, ?2 WHERE ?2 > 0";
            connection.execute(insert, [node, bytes]).unwrap();
        };
        set(1, 100);
        set(2, 300);
        let mut takers = Takers::new(vec![1, 2]);
        let mut largest = |changed: &[i64]| {
            changed.iter().for_each(|node| takers.changed(*node));
            takers.largest_giver(&connection).unwrap()
        };
        assert_eq!(largest(&[]), Some(2));
        set(2, 90);
        // Not told yet.
        assert_eq!(largest(&[]), Some(2));
        assert_eq!(largest(&[2]), Some(1));
        set(3, 101);
        assert_eq!(largest(&[3]), Some(3));
        // The series that a node has are its own too.
        set(4, 1);
        connection
            .execute(
                "INSERT INTO series VALUES (4, 'net.rx_bytes{iface=eth0,machine=of-many}')",
                [],
            )
            .unwrap();
        assert_eq!(largest(&[4]), Some(4));
        set(4, 0);
        assert_eq!(largest(&[4]), Some(3));
        // It takes most all the same, and has nothing to give.
        assert_eq!(takers.largest(&connection).unwrap(), Some((4, false)));
        connection.execute("DELETE FROM series", []).unwrap();
        takers.changed(4);
        assert_eq!(takers.largest(&connection).unwrap(), Some((3, true)));
        let mut largest = |changed: &[i64]| {
            changed.iter().for_each(|node| takers.changed(*node));
            takers.largest_giver(&connection).unwrap()
        };
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
