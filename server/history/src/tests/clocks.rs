//! What a wrong wall clock does to a real database.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use super::*;
use crate::{Reading, Source};

const YEAR_2038_MS: i64 = 2_147_483_647_000;

/// Clocks that a test sets.
#[derive(Clone)]
struct Clocks {
    wall_ms: Arc<AtomicI64>,
    boot_ms: Arc<AtomicI64>,
}

impl Clocks {
    fn new(wall_ms: i64) -> Self {
        Self {
            wall_ms: Arc::new(AtomicI64::new(wall_ms)),
            boot_ms: Arc::new(AtomicI64::new(DAY_MS)),
        }
    }

    fn source(&self) -> Source {
        let clocks = self.clone();
        Source::Told(Arc::new(move || Reading {
            wall_ms: clocks.wall_ms.load(Relaxed),
            boot_ms: clocks.boot_ms.load(Relaxed),
        }))
    }

    fn go_on(&self, ms: i64) {
        self.wall_ms.fetch_add(ms, Relaxed);
        self.boot_ms.fetch_add(ms, Relaxed);
    }
}

impl Direct {
    fn reopen_at(&mut self, source: Source) {
        let store = Arc::clone(&self.store);
        self.history = History::open_at(store, Settings::default(), source).unwrap();
        self.writer = self.history.writer().unwrap();
    }

    /// Rows of all tiers, fresh ones included.
    fn rows(&self) -> [i64; 2] {
        [
            self.number("SELECT coalesce(SUM(rows), 0) FROM blocks WHERE tier = 0")
                + self.number("SELECT coalesce(SUM(rows), 0) FROM fresh"),
            self.number("SELECT coalesce(SUM(rows), 0) FROM blocks WHERE tier > 0"),
        ]
    }
}

#[test]
fn a_wall_clock_in_2038_for_hours_expires_nothing() {
    let folder = folder("clock");
    let mut direct = Direct::start(&folder, Settings::default());
    let clocks = Clocks::new(START_MS + 3 * HOUR_MS);
    direct.reopen_at(clocks.source());
    direct.run(&layout(1), 0, 1_280, 10, 1_000);
    let before = direct.rows();
    assert_eq!(before[0], 1_280);

    clocks.wall_ms.store(YEAR_2038_MS, Relaxed);
    let mut now = Instant::now();
    for round in 0..12 * 60 {
        clocks.go_on(60_000);
        now += Duration::from_secs(61);
        // A restart is no way round it.
        if round % 240 == 239 {
            direct.reopen_at(clocks.source());
        }
        direct.writer.settle_at(now);
    }
    assert_eq!(direct.rows(), before);
    let clock = direct.history.clock();
    assert_eq!(clock.state, "doubted");
    assert_eq!(clock.agreed, START_MS + 15 * HOUR_MS);
    assert_eq!(clock.wall - clock.agreed, clock.jump_ms);
    assert!(clock.why.unwrap().contains("11 y"));
    let events = "SELECT COUNT(*) FROM events WHERE kind = 'clock_doubted'";
    assert_eq!(direct.number(events), 1);

    // The person's word is good for the time that it says, and then it is 2038.
    let (wall, boot) = (clock.wall, clocks.boot_ms.load(Relaxed));
    assert!(!direct.history.confirm_clock(START_MS, "admin").unwrap());
    direct.writer.settle_at(now + Duration::from_secs(61));
    assert_eq!(direct.rows(), before);
    assert!(direct.history.confirm_clock(wall, "admin").unwrap());
    assert_eq!(direct.history.clock().state, "ok");
    let events = "SELECT COUNT(*) FROM events WHERE kind = 'clock_settled'";
    assert_eq!(direct.number(events), 1);
    assert_eq!(clocks.boot_ms.load(Relaxed), boot);
    direct.writer.settle_at(now + Duration::from_secs(122));
    assert_eq!(direct.rows(), [0, 0]);
}

#[test]
fn an_older_database_begins_with_the_median_of_its_nodes() {
    let folder = folder("clock-median");
    let mut direct = Direct::start(&folder, Settings::default());
    direct.run(&layout(1), 0, 100, 10, 1_000);
    // Of an earlier release: nothing was agreed; and one more node, whose clock is in 2038.
    let store = Arc::clone(&direct.store);
    let writer = rusqlite::Connection::open(folder.0.join("d.db")).unwrap();
    writer
        .execute("DELETE FROM meta WHERE key = 'history_clock'", [])
        .unwrap();
    let other = store.insert_node("m", &[], [8; 32], START_MS).unwrap().id;
    let run =
        "INSERT INTO progress (node, run, boot_id, seq, time_ms) VALUES (?1, 'x', 'y', 1, ?2)";
    writer.execute(run, [other, YEAR_2038_MS]).unwrap();
    let clocks = Clocks::new(YEAR_2038_MS);
    direct.reopen_at(clocks.source());
    assert_eq!(direct.history.clock().agreed, START_MS + 99_000);
    direct.writer.settle();
    assert_eq!(direct.rows(), [100, 0]);
    // What goes on is kept: the next start knows it without the samples.
    clocks.go_on(HOUR_MS);
    direct.writer.settle();
    let kept = "SELECT json_extract(CAST(value AS TEXT), '$.agreed_ms') FROM meta
                WHERE key = 'history_clock'";
    assert_eq!(direct.number(kept), START_MS + 99_000 + HOUR_MS);
    direct.reopen_at(clocks.source());
    assert_eq!(direct.history.clock().agreed, START_MS + 99_000 + HOUR_MS);
}
