//! History of the real server: killed over and over, out of space, copied and
//! restored.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::common::{
    Folder, GroundControl, NewNode, Session, Setup, Spider, eventually, stored, wall_ms,
};

fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// Samples of a gauge that the API counts.
fn counted(session: &Session, node: i64, from: i64, to: i64) -> u64 {
    let answer = session.get_json(&format!(
        "/api/nodes/{node}/history?series=mem.free_bytes&parts=count&from={from}&to={to}&points=200"
    ));
    let counts = answer["series"][0]["count"].as_array();
    let counts = counts.into_iter().flatten();
    counts.filter_map(serde_json::Value::as_u64).sum()
}

/// Rounds and Spiders of the full run: see README.
#[test]
fn killed_at_random_moments_every_sample_is_there_once() {
    let rounds = number("STARDUST_KILL_ROUNDS", 4);
    let count = number("STARDUST_KILL_SPIDERS", 10);
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut random = seed.as_nanos() as u64 | 1;
    println!("{rounds} rounds with {count} Spiders, seed {random}");
    let mut ground_control = Setup::new()
        .fixed_port()
        .args(&["--commit-interval", "200"])
        .start();
    let session = ground_control.login();
    let nodes: Vec<NewNode> = (0..count)
        .map(|n| session.add_node(&format!("node {n}")))
        .collect();
    // As many samples as one machine can take of itself that often.
    let interval_ms = if count > 50 { 1_000 } else { 200 };
    let url = ground_control.url();
    let _spiders: Vec<Spider> = nodes
        .iter()
        .map(|node| Spider::start(&url, &node.token, interval_ms, &[]))
        .collect();
    for round in 0..rounds {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(500 + random % 2_000));
        ground_control.kill();
        ground_control.start_again();
        if round % 10 == 9 {
            println!("{} kills", round + 1);
        }
    }
    // A Spider waits for up to a minute before it tries again.
    let database = ground_control.setup.database();
    let until = Instant::now() + Duration::from_secs(180);
    let back_ms = wall_ms();
    for node in &nodes {
        loop {
            let stored = stored(&database, node.id);
            let newest = stored.samples.iter().map(|(_, time)| *time).max();
            if newest.is_some_and(|newest| newest > back_ms) {
                break;
            }
            assert!(Instant::now() < until, "node {} is not back", node.id);
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    for node in &nodes {
        stored(&database, node.id).assert_whole();
    }
    println!("{count} histories are whole after {rounds} kills");
}

/// A file system of its own, small enough to be full.
struct SmallDisk {
    folder: Folder,
}

impl SmallDisk {
    /// `None` where this user may not mount anything.
    fn mount() -> Option<Self> {
        let folder = Folder::new("small-disk");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m,mode=0700", "stardust-test"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            assert!(std::env::var_os("CI").is_none(), "a tmpfs can't be mounted");
            println!("left out: only root can mount a tmpfs");
            return None;
        }
        Some(Self { folder })
    }

    /// Takes all the space there is.
    fn fill(&self) -> PathBuf {
        let path = self.folder.join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.folder.path()).status();
    }
}

#[test]
fn a_full_disk_acknowledges_nothing_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let database = disk.folder.join("full.db");
    let ground_control = Setup::new()
        .args(&["--db", database.to_str().unwrap()])
        .start();
    let session = ground_control.login();
    let node = session.add_node("full");
    let _spider = Spider::start(&ground_control.url(), &node.token, 200, &[]);
    eventually("something is durable", || {
        (stored(&database, node.id).last_seq() > 3).then_some(())
    });
    let status = || session.get_json("/api/history/status");
    assert_eq!(status()["writer"]["state"], "ok");

    let filler = disk.fill();
    let failing = eventually("the API says that the disk is full", || {
        let status = status();
        (status["writer"]["state"] == "failing").then_some(status)
    });
    let reason = failing["writer"]["reason"].as_str().unwrap();
    assert!(reason.contains("full"), "{failing}");
    let durable = stored(&database, node.id).last_seq();
    std::thread::sleep(Duration::from_secs(3));
    // Visible, and live, but not a sample further.
    assert_eq!(session.status(node.id), "online");
    assert_eq!(stored(&database, node.id).last_seq(), durable);

    // Whoever wants to see why gets in, and the log says once what that comes to.
    for _ in 0..3 {
        ground_control.login();
    }
    // What can't be kept is refused with the reason.
    let refused = session.call("POST", "/api/nodes", Some(&json!({"name": "late"})));
    assert_eq!(refused.status, 507, "{}", refused.text());
    let error = &refused.json()["error"];
    assert_eq!(error["kind"], "storage");
    assert!(error["message"].as_str().unwrap().contains("disk is full"));
    let said = ground_control.process.output();
    let times = said.matches("sessions are in memory alone").count();
    assert_eq!(times, 1, "{said}");

    std::fs::remove_file(filler).unwrap();
    eventually("it goes on by itself", || {
        (stored(&database, node.id).last_seq() > durable + 20).then_some(())
    });
    assert_eq!(status()["writer"]["state"], "ok");
    stored(&database, node.id).assert_whole();
}

fn backup(file: &Path, database: &Path) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_stardust-server"))
        .arg("backup")
        .arg(file)
        .arg("--db")
        .arg(database)
        .output()
        .expect("the server's program")
}

#[test]
fn a_backup_of_a_running_server_is_restored_with_all_that_it_had() {
    let mut ground_control = Setup::new().fixed_port().start();
    let session = ground_control.login();
    let node = session.add_node("kept");
    let from = wall_ms();
    let spider = Spider::start(&ground_control.url(), &node.token, 200, &[]);
    let database = ground_control.setup.database();
    eventually("something is durable", || {
        (stored(&database, node.id).last_seq() > 10).then_some(())
    });
    let before = stored(&database, node.id).last_seq();
    let folder = Folder::new("backup");
    let file = folder.join("copy.db");
    let made = backup(&file, &database);
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(made.status.success() && said.contains("1 node"), "{made:?}");
    let again = backup(&file, &database);
    assert!(!again.status.success(), "a backup was overwritten");
    // The server has gone on, and then it is lost, and all that it had with it.
    eventually("it goes on", || {
        (stored(&database, node.id).last_seq() > before + 5).then_some(())
    });
    ground_control.kill();
    drop(spider);
    let saved = stored(&file, node.id);
    assert!(saved.last_seq() >= before);
    saved.assert_whole();
    for suffix in ["", "-wal", "-shm"] {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        let _ = std::fs::remove_file(path);
    }
    std::fs::copy(&file, &database).unwrap();
    ground_control.start_again();
    let session: Session = GroundControl::login(&ground_control);
    let samples = counted(&session, node.id, from - 1_000, wall_ms());
    assert_eq!(samples, saved.last_seq());
    let _spider = Spider::start(&ground_control.url(), &node.token, 200, &[]);
    eventually("its Spider is known", || {
        (session.status(node.id) == "online").then_some(())
    });
}
