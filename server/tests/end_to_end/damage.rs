//! A database that the disk has damaged: refused at the start, written to no more
//! while the server runs, and gone on with after `stardust-server salvage`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::common::{
    GroundControl, NewNode, PATIENCE, Session, Setup, Spider, eventually, stored, wall_ms,
};

const PAGE: u64 = 4_096;

/// Where the page is with which that table or index begins.
fn root_of(database: &Path, name: &str) -> u64 {
    let connection = Connection::open(database).unwrap();
    let root: i64 = connection
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?1",
            [name],
            |row| row.get(0),
        )
        .unwrap();
    (root as u64 - 1) * PAGE
}

fn overwrite(file: &Path, offset: u64, length: u64) {
    let file = File::options().write(true).open(file).unwrap();
    file.write_all_at(&vec![0xa5; length as usize], offset)
        .unwrap();
}

/// Puts the sound file back, without the log of another one.
fn restore(database: &Path, sound: &[u8]) {
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(beside(database, end));
    }
    std::fs::write(database, sound).unwrap();
}

fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn salvage(database: &Path) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_stardust-server"))
        .args(["salvage", "--db"])
        .arg(database)
        .output()
        .expect("the server's program");
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    (output, String::from_utf8_lossy(&said).into_owned())
}

/// Samples of a gauge, and gaps with their causes, as the API has them.
fn history(session: &Session, node: i64, from: i64) -> (u64, Vec<String>) {
    let answer = session.get_json(&format!(
        "/api/nodes/{node}/history?series=mem.free_bytes&parts=count&from={from}&to={}&points=200",
        wall_ms()
    ));
    let counts = answer["series"][0]["count"].as_array();
    let counts = counts.into_iter().flatten();
    let gaps = answer["gaps"].as_array().expect("gaps");
    let cause = |gap: &serde_json::Value| gap["cause"].as_str().expect("a cause").to_owned();
    (
        counts.filter_map(serde_json::Value::as_u64).sum(),
        gaps.iter().map(cause).collect(),
    )
}

/// A database that a Spider has filled, with blocks that were merged.
struct Filled {
    ground_control: GroundControl,
    node: NewNode,
    from: i64,
}

impl Filled {
    fn new() -> Self {
        let ground_control = Setup::new()
            .fixed_port()
            .args(&["--commit-interval", "200"])
            .start();
        let session = ground_control.login();
        let from = wall_ms() - 1_000;
        let node = session.add_node("filled");
        session.add_node("another");
        let spider = Spider::start(&ground_control.url(), &node.token, 200, &[]);
        let database = ground_control.setup.database();
        eventually("blocks are merged, and there are fresh ones", || {
            let stored = stored(&database, node.id);
            (stored.merged_rows > 0 && stored.samples.len() > 5).then_some(())
        });
        drop(spider);
        Self {
            ground_control,
            node,
            from,
        }
    }

    fn database(&self) -> PathBuf {
        self.ground_control.setup.database()
    }

    /// Refuses to start, says what it is about and what to do, and leaves the files alone.
    fn assert_refused(&self, words: &[&str]) {
        let before = std::fs::read(self.database()).unwrap();
        let (status, said) = self.ground_control.setup.refused();
        assert_eq!(status.code(), Some(1), "{said}");
        for word in words.iter().chain(&["stardust.db"]) {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
        assert!(before == std::fs::read(self.database()).unwrap(), "written");
    }

    /// A Spider with the node's token goes on where the history ends.
    fn assert_goes_on(&mut self) -> (u64, Vec<String>) {
        self.ground_control.start_again();
        let session = self.ground_control.login();
        assert_eq!(session.node(self.node.id)["name"], "filled");
        let found = history(&session, self.node.id, self.from);
        let _spider = Spider::start(&self.ground_control.url(), &self.node.token, 200, &[]);
        eventually("its Spider is online, and its samples are stored", || {
            let more = history(&session, self.node.id, self.from).0 > found.0 + 5;
            (session.status(self.node.id) == "online" && more).then_some(())
        });
        assert_eq!(
            session.get_json("/api/history/status")["writer"]["state"],
            "ok"
        );
        assert!(self.ground_control.stop().success());
        found
    }
}

#[test]
fn a_damaged_database_is_refused_named_and_salvaged() {
    let mut filled = Filled::new();
    let database = filled.database();
    assert!(filled.ground_control.stop().success());
    let all = {
        let stored = stored(&database, filled.node.id);
        stored.merged_rows + stored.samples.len() as u64
    };
    assert!(
        !beside(&database, "-wal").exists(),
        "the log is in the file"
    );
    let sound = std::fs::read(&database).unwrap();
    let damage = ["damaged", "salvage"];

    // The head: of that nothing can be read, which is said by both, and left as it is.
    overwrite(&database, 0, 512);
    filled.assert_refused(&["damaged", "backup"]);
    let (output, said) = salvage(&database);
    assert!(
        !output.status.success() && said.contains("backup"),
        "{said}"
    );
    filled.assert_refused(&["damaged", "backup"]);

    // The nodes: they come back from their indexes, and nothing else is lost.
    restore(&database, &sound);
    overwrite(&database, root_of(&database, "nodes"), PAGE);
    filled.assert_refused(&damage);
    let damaged = std::fs::read(&database).unwrap();
    let (output, said) = salvage(&database);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("2 nodes came back"), "{said}");
    let aside = beside(&database, ".damaged");
    assert!(said.contains(aside.to_str().unwrap()), "{said}");
    assert!(
        std::fs::read(&aside).unwrap() == damaged,
        "not kept as it was"
    );
    assert_eq!(filled.assert_goes_on(), (all, vec![]));

    // The blocks: what was not merged yet is there, and the rest has its gap.
    restore(&database, &sound);
    overwrite(&database, root_of(&database, "blocks"), PAGE);
    filled.assert_refused(&damage);
    let (output, said) = salvage(&database);
    assert!(output.status.success() && said.contains("blocks"), "{said}");
    let (found, gaps) = filled.assert_goes_on();
    assert!(0 < found && found < all, "{found} of {all}");
    // Before the first sample that is left there is nothing to tell a gap from.
    assert!(gaps.iter().all(|cause| cause == "damaged"), "{gaps:?}");

    // Cut short, within what is at its end: events.
    restore(&database, &sound);
    let connection = Connection::open(&database).unwrap();
    connection
        .execute_batch(
            "WITH RECURSIVE n(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < 30)
             INSERT INTO events (time_ms, kind, detail)
             SELECT n, 'test', json_quote(hex(zeroblob(1500))) FROM n",
        )
        .unwrap();
    drop(connection);
    let length = std::fs::metadata(&database).unwrap().len();
    let cut = File::options().write(true).open(&database).unwrap();
    cut.set_len(length - 3 * PAGE - 100).unwrap();
    filled.assert_refused(&damage);
    let (output, said) = salvage(&database);
    assert!(output.status.success(), "{said}");
    filled.assert_goes_on();
}

#[test]
fn a_damaged_log_is_told_and_kept_and_the_server_goes_on() {
    let mut filled = Filled::new();
    let database = filled.database();
    filled.ground_control.kill();
    let log = beside(&database, "-wal");
    let length = std::fs::metadata(&log).unwrap().len();
    // Behind the transactions with which everything began.
    overwrite(&log, length - length / 8, 100);
    let damaged = std::fs::read(&log).unwrap();
    filled.assert_goes_on();
    let said = filled.ground_control.process.output();
    assert!(said.contains("log") && said.contains("are lost"), "{said}");
    assert!(std::fs::read(beside(&database, ".damaged-log")).unwrap() == damaged);
}

/// Overwrites a page of the running server's database, so that what is read next is that.
fn damage_while_running(database: &Path, name: &str) {
    let connection = Connection::open(database).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    let root = root_of(database, name);
    eventually("the log is empty for a moment", || {
        let empty = "PRAGMA wal_checkpoint(TRUNCATE)";
        connection.query_row(empty, [], |_| Ok(())).unwrap();
        // From here on nobody else writes, nor puts an older page over it.
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        let is_empty = std::fs::metadata(beside(database, "-wal")).unwrap().len() == 0;
        if is_empty {
            overwrite(database, root, PAGE);
            // A change of nothing: what other connections have read before is old.
            let version: i64 = connection
                .query_row("PRAGMA user_version", [], |row| row.get(0))
                .unwrap();
            connection
                .pragma_update(None, "user_version", version)
                .unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        is_empty.then_some(())
    });
}

#[test]
fn damage_while_it_runs_ends_the_writing_and_loses_nothing_after_it() {
    let mut filled = Filled::new();
    let database = filled.database();
    let node = filled.node.id;
    let session = filled.ground_control.login();
    let spider = Spider::start(&filled.ground_control.url(), &filled.node.token, 200, &[]);
    eventually("it is online", || {
        (session.status(node) == "online").then_some(())
    });
    damage_while_running(&database, "fresh");
    let status = eventually("the API says that the database is damaged", || {
        let status = session.get_json("/api/history/status");
        (status["writer"]["state"] == "failing").then_some(status)
    });
    let reason = status["writer"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("damaged") && reason.contains("salvage"),
        "{status}"
    );
    let said = filled.ground_control.process.line_with("is damaged");
    assert!(said.contains("salvage"), "{said}");

    // From here on not a byte is written, whatever is asked for.
    let files = || ["", "-wal"].map(|end| std::fs::read(beside(&database, end)).unwrap());
    let before = files();
    let other = filled.ground_control.login();
    let refused = other.call("POST", "/api/nodes", Some(&json!({"name": "late"})));
    assert_eq!(refused.status, 500, "{}", refused.text());
    assert!(refused.text().contains("salvage"), "{}", refused.text());
    let seen = |session: &Session| session.node(node)["last_seen_ms"].clone();
    let (since, from_ms) = (seen(&other), wall_ms());
    eventually("the fleet stays visible, and live", || {
        (other.status(node) == "online" && seen(&other) != since).then_some(())
    });
    std::thread::sleep(Duration::from_secs(2));
    assert!(before == files(), "something was written");
    assert!(filled.ground_control.stop().success());

    let (output, said) = salvage(&database);
    assert!(output.status.success() && said.contains("fresh"), "{said}");
    let durable = |database: &Path| {
        let runs = stored(database, node).runs.into_iter();
        runs.map(|(_, seq)| seq).collect::<Vec<_>>()
    };
    let durable_before = durable(&database);
    filled.ground_control.start_again();
    let session = filled.ground_control.login();
    // The Spider, which has run all the time, delivers what it has kept.
    eventually("the Spider goes on", || {
        let is_more = durable(&database) != durable_before;
        (session.status(node) == "online" && is_more).then_some(())
    });
    let to_ms = wall_ms();
    let samples = eventually("what was taken meanwhile is there", || {
        let stored = stored(&database, node);
        let newest = stored.samples.iter().map(|(_, time)| *time).max();
        (newest > Some(to_ms)).then_some(stored.samples)
    });
    let mut seqs: Vec<u64> = samples
        .iter()
        .filter(|(_, time)| *time > from_ms)
        .map(|(seq, _)| *seq)
        .collect();
    seqs.sort_unstable();
    assert!(!seqs.is_empty());
    assert!(
        seqs.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "not one after the other: {seqs:?}"
    );
    let first = samples
        .iter()
        .map(|(_, time)| *time)
        .filter(|time| *time > from_ms);
    assert!(
        first.min().unwrap() - from_ms < 5_000,
        "a hole after the damage"
    );
    let (_, gaps) = history(&session, node, filled.from);
    assert!(gaps.contains(&"damaged".to_owned()), "{gaps:?}");
    drop(spider);
}
