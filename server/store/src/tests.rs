use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rusqlite::{Connection, StatementStatus};
use stardust_shared::message::Identity;

use super::*;
use stardust_base::testing::Folder;
use stardust_model::node::NodeHello;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_database_is_private_and_up_to_date() {
    let folder = Folder::new();
    let path = folder.join("new.db");
    let store = Store::open(&path).unwrap();
    store.set_meta(&[("a", b"1"), ("b", b"2")]).unwrap();
    store.set_meta(&[("a", b"3")]).unwrap();
    assert_eq!(store.meta("a").unwrap().as_deref(), Some(&b"3"[..]));
    assert_eq!(store.meta("b").unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(store.meta("c").unwrap(), None);
    for name in ["new.db", "new.db-wal", "new.db-shm"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    let version: i64 = store
        .writer()
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, migrations::latest());
    drop(store);
    let again = Store::open(&path).unwrap();
    assert_eq!(again.meta("a").unwrap().as_deref(), Some(&b"3"[..]));
}

#[test]
fn a_statement_is_planned_once_whatever_is_bound_to_it() {
    let folder = Folder::new();
    let path = folder.join("d.db");
    drop(Store::open(&path).unwrap());
    // Written once for each session: ten thousand of them come at once.
    let planned_again = |connection: &Connection| {
        let mut statement = connection
            .prepare(
                "DELETE FROM progress WHERE node = ?1 AND run NOT IN
                 (SELECT run FROM progress WHERE node = ?1 ORDER BY time_ms DESC LIMIT ?2)",
            )
            .unwrap();
        for node in 0..10 {
            statement.execute([node, 4]).unwrap();
        }
        statement.get_status(StatementStatus::RePrepare)
    };
    assert_eq!(planned_again(&open_connection(&path).unwrap()), 0);
    assert!(
        planned_again(&Connection::open(&path).unwrap()) > 0,
        "SQLite has changed: the setting can go"
    );
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_alone() {
    let folder = Folder::new();

    let text = folder.join("letter.db");
    std::fs::write(&text, "Dear Major Tom, this is no database at all.").unwrap();
    assert!(matches!(
        Store::open(&text),
        Err(StoreError::NotADatabase(_))
    ));
    assert_eq!(
        std::fs::read(&text).unwrap(),
        b"Dear Major Tom, this is no database at all."
    );

    let foreign = folder.join("foreign.db");
    Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE recipes (name TEXT)")
        .unwrap();
    assert!(matches!(Store::open(&foreign), Err(StoreError::Foreign(_))));

    assert!(matches!(
        Store::open(folder.path()),
        Err(StoreError::Path { .. })
    ));
    let nowhere = folder.join("missing/stardust.db");
    let error = Store::open(&nowhere).err().unwrap();
    assert!(
        error.to_string().contains("folder does not exist"),
        "{error}"
    );
    assert!(matches!(
        Store::open(Path::new("/dev/null")),
        Err(StoreError::Path { .. })
    ));
}

#[test]
fn a_newer_database_is_refused_with_both_versions() {
    let folder = Folder::new();
    let path = folder.join("newer.db");
    drop(Store::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 999)
        .unwrap();
    let error = Store::open(&path).err().unwrap();
    assert!(
        matches!(error, StoreError::Newer { found: 999, .. }),
        "{error}"
    );
    assert!(error.hint().contains("later release"));
}

#[test]
fn a_full_disk_lets_people_in_and_out() {
    let folder = Folder::new();
    let path = folder.join("full.db");
    let store = Store::open(&path).unwrap();
    let user = store.insert_user("ziggy", "hash", false, 1).unwrap();
    let session = |number: u8| SessionRecord {
        id: SessionId([number; 16]),
        user_id: user.id,
        created_ms: 1,
        expires_ms: i64::MAX,
        ..SessionRecord::default()
    };
    store.insert_session(&session(1), &[]).unwrap();
    let limit = |pages: i64| {
        let writer = store.writer();
        writer.pragma_update(None, "max_page_count", pages).unwrap();
    };
    let pages: i64 = store
        .writer()
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    limit(pages);
    let fill = "INSERT INTO events (time_ms, kind, detail) VALUES (1, 'test', zeroblob(100000))";
    assert!(
        store.writer().execute(fill, []).is_err(),
        "the disk is not full"
    );
    // As many as there is no room for.
    for number in 2..=255 {
        store.insert_session(&session(number), &[]).unwrap();
    }
    let stored = store.sessions().unwrap();
    assert!(stored.len() < 254, "there was room for all");
    store.delete_sessions(&[session(1).id]).unwrap();
    limit(1 << 20);
    // What has ended meanwhile does not come back.
    store.delete_sessions(&[]).unwrap();
    assert!(!store.sessions().unwrap().contains(&session(1)));
}

#[test]
fn a_failing_step_leaves_the_version_before_it() {
    let folder = Folder::new();
    let path = folder.join("step.db");
    drop(Store::open(&path).unwrap());
    let mut connection = open_connection(&path).unwrap();
    let now = migrations::latest();
    let mut steps = vec![("kept", ""); now as usize];
    steps.push((
        "broken",
        "CREATE TABLE half (x); SELECT nonsense FROM nowhere;",
    ));
    let error = migrations::apply_steps(&path, &mut connection, &steps).unwrap_err();
    assert!(error.to_string().contains("broken"), "{error}");
    let version: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, now);
    let half: i64 = connection
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'half'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(half, 0);
}

#[test]
fn nodes_come_back_as_they_were_put_in() {
    let folder = Folder::new();
    let store = Store::open(&folder.join("n.db")).unwrap();
    let hostile = "x'); DROP TABLE nodes; --<script>\u{202e}é";
    let tags = vec!["home".to_owned(), "a\"b\\".to_owned()];
    let node = store.insert_node(hostile, &tags, [7; 32], 1_000).unwrap();
    assert_eq!(store.node(node.id).unwrap(), Some(node.clone()));
    assert_eq!(store.nodes().unwrap(), std::slice::from_ref(&node));
    assert!(matches!(
        store.insert_node(hostile, &[], [8; 32], 1_000),
        Err(StoreError::NameTaken)
    ));
    let other = store.insert_node("other", &[], [8; 32], 1_000).unwrap();
    let update = |id, name, tags| {
        let mut now = None;
        let found = store.update_node(
            id,
            name,
            tags,
            |_, _| true,
            |name: &str, tags: &[String]| {
                now = Some((name.to_owned(), tags.to_vec()));
            },
        );
        found.map(|found| now.filter(|_| found))
    };
    assert!(matches!(
        update(other.id, Some(hostile), None),
        Err(StoreError::NameTaken)
    ));
    assert_eq!(
        update(other.id, None, Some(&tags[..])).unwrap(),
        Some(("other".to_owned(), tags.clone()))
    );
    assert_eq!(
        update(other.id, Some("third"), None).unwrap(),
        Some(("third".to_owned(), tags.clone()))
    );
    assert_eq!(update(99, Some("nobody"), None).unwrap(), None);

    let identity = Identity {
        hostname: Some("pi4".into()),
        cores: Some(4),
        ..Identity::default()
    };
    store
        .note_hellos(&[NodeHello {
            id: other.id,
            seen_ms: 5_000,
            address: "192.0.2.7".into(),
            spider_version: "0.1.0".into(),
            identity: identity.clone(),
        }])
        .unwrap();
    store.note_seen(&[(other.id, 6_000), (99, 6_000)]).unwrap();
    store.note_seen(&[(other.id, 2_000)]).unwrap();
    let seen = store.node(other.id).unwrap().unwrap();
    assert_eq!(seen.last_seen_ms, Some(6_000));
    assert_eq!(seen.identity, Some(identity));
    assert_eq!(seen.tags, tags);

    // The number of a removed node is not given out again.
    assert!(store.delete_node(other.id).unwrap());
    assert!(!store.delete_node(other.id).unwrap());
    let next = store.insert_node("next", &[], [9; 32], 1_000).unwrap();
    assert!(next.id > other.id);
}

#[test]
fn all_tokens_that_may_be_on_a_node_are_kept_until_one_is_settled() {
    let folder = Folder::new();
    let store = Store::open(&folder.join("t.db")).unwrap();
    let id = store.insert_node("pi4", &[], [1; 32], 1_000).unwrap().id;
    let tokens = || {
        let node = store.node(id).unwrap().unwrap();
        (node.token_sha256, node.next_tokens_sha256)
    };
    assert_eq!(tokens(), ([1; 32], vec![]));
    assert!(store.add_next_token(id, [2; 32], Some([1; 32])).unwrap());
    assert!(store.add_next_token(id, [3; 32], None).unwrap());
    assert_eq!(tokens(), ([1; 32], vec![[2; 32], [3; 32]]));
    assert!(store.drop_next_token(id, [3; 32]).unwrap());
    assert!(store.drop_next_token(id, [9; 32]).unwrap());
    assert_eq!(tokens(), ([1; 32], vec![[2; 32]]));
    // The Spider uses the second: however many come, that one stays.
    for number in 10..30 {
        store
            .add_next_token(id, [number; 32], Some([2; 32]))
            .unwrap();
    }
    let (own, next) = tokens();
    assert_eq!((own, next.len(), next[7]), ([2; 32], 8, [29; 32]));
    assert!(store.set_token(id, [29; 32]).unwrap());
    assert_eq!(tokens(), ([29; 32], vec![]));
    assert!(!store.add_next_token(id + 1, [2; 32], None).unwrap());
}

#[test]
fn readers_are_bounded_and_come_back() {
    let folder = Folder::new();
    let store = Arc::new(Store::open(&folder.join("r.db")).unwrap());
    let held: Vec<_> = (0..READERS_MAX).map(|_| store.reader().unwrap()).collect();
    let waiting = std::thread::spawn({
        let store = Arc::clone(&store);
        move || store.nodes().unwrap().len()
    });
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert!(!waiting.is_finished());
    drop(held);
    assert_eq!(waiting.join().unwrap(), 0);
    // A reader can't write.
    let reader = store.reader().unwrap();
    assert!(reader.execute("DELETE FROM nodes", []).is_err());
}
