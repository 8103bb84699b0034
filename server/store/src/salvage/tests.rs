use super::*;
use stardust_base::testing::{Folder, overwrite};
use stardust_model::gap::GapCause;

const BLOCKS: i64 = 500;

fn made(db: &Path) -> Store {
    let store = Store::open(db).unwrap();
    for number in 0..200u8 {
        let name = format!("node {number}");
        store.insert_node(&name, &[], [number; 32], 1).unwrap();
    }
    let writer = store.writer();
    writer
        .execute_batch(&format!(
            "INSERT INTO series VALUES (1, 1, 'mem.free_bytes', 0, 1, 4096);
             INSERT INTO layouts (id, node, hash, list) VALUES (1, 1, zeroblob(16), x'0201');
             WITH RECURSIVE n(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < {BLOCKS})
             INSERT INTO blocks (id, node, tier, level, layout, format, time_min_ms,
                                 time_max_ms, rows, bytes, data)
             SELECT n, 1, 0, 2, 1, 4, n * 1000, n * 1000 + 900, 10, 20000, randomblob(20000)
             FROM n;
             INSERT INTO progress (id, node, run, boot_id, seq, time_ms) VALUES (1, 1, 'run', 'boot', 5000, {BLOCKS} * 1000 + 900);
             INSERT INTO users (name, password_hash, must_change, created_ms, changed_ms)
             VALUES ('admin', '', 0, 0, 0);
             INSERT INTO sessions (id, user_id, created_ms, expires_ms) VALUES (zeroblob(16), 1, 0, 9000000000000);
             PRAGMA wal_checkpoint(TRUNCATE);"
        ))
        .unwrap();
    drop(writer);
    store
}

fn verdict(file: &Path) -> String {
    let connection = Connection::open(file).unwrap();
    let found = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    found.unwrap_or_else(|error| error.to_string())
}

fn number(file: &Path, sql: &str) -> i64 {
    let connection = Connection::open(file).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Pages of a table or an index, as SQLite counts them from 1.
fn pages_of(db: &Path, name: &str) -> Vec<usize> {
    let root = number(
        db,
        &format!("SELECT rootpage FROM sqlite_schema WHERE name = '{name}'"),
    ) as usize;
    let bytes = std::fs::read(db).unwrap();
    let mut pages = vec![root];
    let page = &bytes[(root - 1) * 4_096..root * 4_096];
    // Interior pages have their children's numbers where their cells begin.
    if page[0] == 2 || page[0] == 5 {
        let count = usize::from(u16::from_be_bytes([page[3], page[4]]));
        for cell in 0..count {
            let at = 12 + 2 * cell;
            let at = usize::from(u16::from_be_bytes([page[at], page[at + 1]]));
            pages.push(u32::from_be_bytes(page[at..at + 4].try_into().unwrap()) as usize);
        }
        pages.push(u32::from_be_bytes(page[8..12].try_into().unwrap()) as usize);
    }
    pages
}

#[test]
fn a_sound_database_comes_out_whole_but_for_its_sessions() {
    let folder = Folder::new();
    let (db, file) = (folder.join("a.db"), folder.join("b.db"));
    drop(made(&db));
    let salvage = run(&db, &file).unwrap();
    assert_eq!((salvage.nodes, salvage.orphans), (200, 0));
    assert!(salvage.damaged.is_empty(), "{salvage:?}");
    for table in ["nodes", "blocks", "events", "meta", "progress", "users"] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(number(&db, &count), number(&file, &count), "{table}");
    }
    assert_eq!(number(&file, "SELECT count(*) FROM sessions"), 0);
    let triggers = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'";
    assert_eq!(number(&db, triggers), number(&file, triggers));
    assert!(run(&db, &file).unwrap_err().message.contains("already"));
    let nothing = run(&folder.join("none.db"), &folder.join("c.db")).unwrap_err();
    assert!(nothing.message.contains("no database"), "{nothing}");
}

#[test]
fn the_number_of_a_removed_node_does_not_come_back() {
    let folder = Folder::new();
    let (db, file) = (folder.join("a.db"), folder.join("b.db"));
    let store = made(&db);
    store
        .writer()
        .execute("DELETE FROM nodes WHERE id = 200", [])
        .unwrap();
    drop(store);
    run(&db, &file).unwrap();
    let store = Store::open(&file).unwrap();
    let node = store.insert_node("new", &[], [250; 32], 1).unwrap();
    assert_eq!(node.id, 201);
}

#[test]
fn overwritten_pages_cost_what_was_on_them_and_the_gaps_say_so() {
    let folder = Folder::new();
    let (db, file) = (folder.join("a.db"), folder.join("b.db"));
    drop(made(&db));
    let pages = std::fs::metadata(&db).unwrap().len() as usize / 4_096;
    assert!(pages > 2_000);
    overwrite(&db, (pages / 2..pages).step_by(100));
    assert_ne!(verdict(&db), "ok");
    let salvage = run(&db, &file).unwrap();
    assert_eq!(salvage.nodes, 200);
    assert_eq!(verdict(&file), "ok");
    let blocks = number(&file, "SELECT count(*) FROM blocks");
    // A dozen pages are gone; a leaf takes a few blocks with it.
    assert!((BLOCKS - 60..BLOCKS).contains(&blocks), "{blocks}");
    let lost = number(
        &file,
        &format!(
            "SELECT SUM(to_ms - from_ms) / 1000 FROM gaps WHERE cause = '{}'",
            GapCause::Damaged.name()
        ),
    );
    // Each hole is a little wider than the blocks that were in it.
    assert!(
        (BLOCKS - blocks..=BLOCKS - blocks + salvage.gaps as i64).contains(&lost),
        "{lost} of {blocks}, {salvage:?}"
    );
    assert!(number(&file, "SELECT count(*) FROM events WHERE kind = 'gap'") > 0);
    Store::open(&file).unwrap();
}

#[test]
fn nodes_come_back_from_their_indexes() {
    let folder = Folder::new();
    let db = folder.join("a.db");
    drop(made(&db));
    let table = pages_of(&db, "nodes");
    assert!(table.len() > 2, "{table:?}");
    let sound = std::fs::read(&db).unwrap();
    // A leaf with some of the nodes, and the root, without which none is found.
    for (file, page) in [("leaf.db", table[1]), ("root.db", table[0])] {
        let file = folder.join(file);
        std::fs::write(&db, &sound).unwrap();
        overwrite(&db, std::iter::once(page - 1));
        let salvage = run(&db, &file).unwrap();
        assert_eq!(salvage.damaged, ["nodes"]);
        assert_eq!(salvage.nodes, 200);
        assert!(salvage.from_indexes > 0, "{salvage:?}");
        let store = Store::open(&file).unwrap();
        for node in store.nodes().unwrap() {
            let number = (node.id - 1) as u8;
            assert_eq!(node.name, format!("node {number}"));
            assert_eq!(node.token_sha256, [number; 32]);
        }
        assert_eq!(verdict(&file), "ok");
    }
    // An index is made anew of the table.
    std::fs::write(&db, &sound).unwrap();
    let index = pages_of(&db, "sqlite_autoindex_nodes_2");
    overwrite(&db, index.into_iter().map(|page| page - 1));
    let file = folder.join("index.db");
    let salvage = run(&db, &file).unwrap();
    assert_eq!((salvage.nodes, salvage.from_indexes), (200, 0));
    assert_eq!(verdict(&file), "ok");
}

#[test]
fn what_is_past_the_end_of_a_cut_file_is_lost_alone() {
    let folder = Folder::new();
    let (db, file) = (folder.join("a.db"), folder.join("b.db"));
    drop(made(&db));
    let bytes = std::fs::metadata(&db).unwrap().len();
    let cut = std::fs::File::options().write(true).open(&db).unwrap();
    cut.set_len(bytes / 2 + 100).unwrap();
    assert!(Store::open(&db).is_err());
    let salvage = run(&db, &file).unwrap();
    assert_eq!(salvage.nodes, 200);
    assert_eq!(verdict(&file), "ok");
    let blocks = number(&file, "SELECT count(*) FROM blocks");
    assert!((BLOCKS / 3..BLOCKS).contains(&blocks), "{blocks}");
}

#[test]
fn in_place_the_damaged_one_is_set_aside_with_its_log() {
    let folder = Folder::new();
    let (open, db) = (folder.join("a.db"), folder.join("killed.db"));
    let store = made(&open);
    let late = store.insert_node("in the log", &[], [255; 32], 1).unwrap();
    // As a kill leaves it: the log is not in the file.
    std::fs::copy(&open, &db).unwrap();
    std::fs::copy(folder.join("a.db-wal"), folder.join("killed.db-wal")).unwrap();
    overwrite(&db, std::iter::once(pages_of(&open, "blocks")[1] - 1));
    drop(store);
    let damaged = std::fs::read(&db).unwrap();
    std::fs::write(folder.join("killed.db.salvaging-wal"), "of a try before").unwrap();
    let server = DatabaseLock::serve(&db).unwrap();
    assert!(in_place(&db).unwrap_err().message.contains("runs on"));
    drop(server);

    let salvage = in_place(&db).unwrap();
    let aside = folder.join("killed.db.damaged");
    assert_eq!(salvage.aside.as_deref(), Some(&*aside));
    assert!(std::fs::read(&aside).unwrap() == damaged);
    assert!(folder.join("killed.db.damaged-wal").exists());
    let store = Store::open(&db).unwrap();
    let node = store.node(late.id).unwrap();
    assert_eq!(node.unwrap().name, "in the log");
    drop(store);
    // A second time, the first one is kept.
    let salvage = in_place(&db).unwrap();
    assert_eq!(salvage.aside, Some(folder.join("killed.db.damaged-2")));
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("salvaging"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_file_without_a_head_is_said_to_be_lost() {
    let folder = Folder::new();
    let (db, file) = (folder.join("a.db"), folder.join("b.db"));
    drop(made(&db));
    overwrite(&db, 0..1);
    let damaged = std::fs::read(&db).unwrap();
    let error = run(&db, &file).unwrap_err();
    assert!(error.hint.contains("backup"), "{error}");
    assert!(!file.exists());
    assert!(in_place(&db).is_err());
    assert!(std::fs::read(&db).unwrap() == damaged);
}

#[test]
fn series_come_back_from_their_index_and_what_has_no_list_is_left_out() {
    let folder = Folder::new();
    let db = folder.join("a.db");
    let store = made(&db);
    store
        .writer()
        .execute_batch(
            "WITH RECURSIVE n(n) AS (VALUES (2) UNION ALL SELECT n + 1 FROM n WHERE n < 900)
             INSERT INTO series SELECT n, 1, 'net.rx_bytes{iface=veth' || n || '}', 1, 1, 1 FROM n;
             UPDATE blocks SET layout = 7 WHERE id > 490;
             PRAGMA wal_checkpoint(TRUNCATE);",
        )
        .unwrap();
    drop(store);
    overwrite(
        &db,
        pages_of(&db, "series")
            .into_iter()
            .skip(1)
            .map(|page| page - 1),
    );
    let file = folder.join("b.db");
    let salvage = run(&db, &file).unwrap();
    assert_eq!(
        (&salvage.damaged[..], salvage.orphans),
        (&["series".to_owned()][..], 10)
    );
    assert_eq!(number(&file, "SELECT count(*) FROM series"), 900);
    assert_eq!(number(&file, "SELECT sum(id) FROM series"), 900 * 901 / 2);
    assert_eq!(number(&file, "SELECT count(*) FROM blocks"), 490);
    assert_eq!(verdict(&file), "ok");
}
