use super::act::{Actor, Who};
use super::*;
use stardust_base::testing::Folder;

fn act(action: &str, time_ms: i64) -> Act {
    Act {
        time_ms,
        who: Who {
            kind: Actor::User,
            name: "ziggy".into(),
            user_id: Some(1),
            via: "session 4f".into(),
            address: "203.0.113.9".into(),
        },
        action: action.into(),
        ..Act::default()
    }
}

fn store(folder: &Folder) -> Store {
    Store::open(&folder.join("a.db")).unwrap()
}

fn run(store: &Store, sql: &str) {
    store.writer().execute_batch(sql).unwrap();
}

#[test]
fn a_line_is_written_with_its_act_or_not_at_all() {
    let folder = Folder::new();
    let store = store(&folder);
    let acting = act::begin(act("node.change", 5));
    act::on_node(7, Some("pi"));
    let failed: Result<(), _> = store.transact(|transaction| {
        transaction.execute("INSERT INTO meta (key, value) VALUES ('a', x'00')", [])?;
        Err(StoreError::NameTaken)
    });
    assert!(failed.is_err());
    assert_eq!(store.audit(&AuditFilter::default(), 10).unwrap(), []);
    assert_eq!(store.meta("a").unwrap(), None);
    let set = |transaction: &Transaction<'_>| {
        transaction.execute("INSERT INTO meta (key, value) VALUES ('a', x'00')", [])?;
        act::detail("to", "b");
        Ok(())
    };
    store.transact(set).unwrap();
    // The second transaction of one act writes no second line.
    store.transact(|_| Ok(())).unwrap();
    let (_, written) = acting.finish().unwrap();
    assert!(written);
    let found = store.audit(&AuditFilter::default(), 10).unwrap();
    assert_eq!(found.len(), 1);
    let line = &found[0];
    assert_eq!(
        (line.action.as_str(), line.outcome.as_str()),
        ("node.change", "done")
    );
    assert_eq!(
        (line.node, line.node_name.as_deref()),
        (Some(7), Some("pi"))
    );
    assert_eq!(line.detail["to"], "b");
    assert_eq!(
        (line.actor.as_str(), line.via.as_str()),
        ("user", "session 4f")
    );
    // Outside of an act nothing is written.
    store.transact(|_| Ok(())).unwrap();
    assert_eq!(store.audit(&AuditFilter::default(), 10).unwrap().len(), 1);
}

#[test]
fn whatever_is_altered_afterwards_breaks_the_chain() {
    let filled = |folder: &Folder| {
        let store = store(folder);
        for n in 0..5 {
            store.add_audit(&act("auth.login", n), "done").unwrap();
        }
        store
    };
    let folder = Folder::new();
    assert!(matches!(
        filled(&folder).verify_audit().unwrap(),
        Verdict::Whole {
            rows: 5,
            head: Some(_)
        }
    ));
    for (sql, expected) in [
        (
            "UPDATE audit SET outcome = 'x' WHERE id = 3",
            Verdict::Broken { id: 3 },
        ),
        (
            "UPDATE audit SET time_ms = 9 WHERE id = 1",
            Verdict::Broken { id: 1 },
        ),
        (
            "UPDATE audit SET detail = '{ }' WHERE id = 2",
            Verdict::Broken { id: 2 },
        ),
        (
            "UPDATE audit SET node = 1 WHERE id = 2",
            Verdict::Broken { id: 2 },
        ),
        ("DELETE FROM audit WHERE id = 2", Verdict::Broken { id: 2 }),
        ("DELETE FROM audit WHERE id = 1", Verdict::Broken { id: 1 }),
        (
            "DELETE FROM audit WHERE id >= 4",
            Verdict::CutOff { newest: 5 },
        ),
        ("DELETE FROM audit", Verdict::CutOff { newest: 5 }),
        (
            "UPDATE audit SET hash = zeroblob(32) WHERE id = 5",
            Verdict::Broken { id: 5 },
        ),
    ] {
        let folder = Folder::new();
        let store = filled(&folder);
        run(&store, sql);
        assert_eq!(store.verify_audit().unwrap(), expected, "{sql}");
    }
}

#[test]
fn old_lines_go_from_the_front_and_the_chain_holds() {
    let folder = Folder::new();
    let store = store(&folder);
    for n in 0..10 {
        store.add_audit(&act("auth.login", n * 10), "done").unwrap();
    }
    assert!(!store.trim_audit(35).unwrap());
    let kept = store.audit(&AuditFilter::default(), 100).unwrap();
    assert_eq!((kept.len(), kept.last().unwrap().id), (6, 5));
    assert!(matches!(
        store.verify_audit().unwrap(),
        Verdict::Whole { rows: 6, .. }
    ));
    // All of them, and it goes on after the last.
    assert!(!store.trim_audit(i64::MAX).unwrap());
    assert_eq!(store.audit(&AuditFilter::default(), 100).unwrap(), []);
    store.add_audit(&act("auth.logout", 1), "done").unwrap();
    assert_eq!(store.audit(&AuditFilter::default(), 100).unwrap()[0].id, 11);
    assert!(matches!(
        store.verify_audit().unwrap(),
        Verdict::Whole { rows: 1, .. }
    ));
}

#[test]
fn lines_are_found_by_what_they_say() {
    let folder = Folder::new();
    let store = store(&folder);
    for (n, action) in ["auth.login", "node.add", "node.change"].iter().enumerate() {
        let mut act = act(action, n as i64);
        act.node = Some(n as i64);
        store.add_audit(&act, "done").unwrap();
    }
    let count = |filter: AuditFilter| store.audit(&filter, 10).unwrap().len();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        count(AuditFilter {
            action: text("node."),
            ..AuditFilter::default()
        }),
        2
    );
    assert_eq!(
        count(AuditFilter {
            action: text("%"),
            ..AuditFilter::default()
        }),
        0
    );
    assert_eq!(
        count(AuditFilter {
            name: text("ziggy"),
            ..AuditFilter::default()
        }),
        3
    );
    assert_eq!(
        count(AuditFilter {
            name: text("' OR 1 --"),
            ..AuditFilter::default()
        }),
        0
    );
    assert_eq!(
        count(AuditFilter {
            node: Some(1),
            ..AuditFilter::default()
        }),
        1
    );
    assert_eq!(
        count(AuditFilter {
            from_ms: Some(1),
            ..AuditFilter::default()
        }),
        2
    );
    assert_eq!(
        count(AuditFilter {
            below: Some(2),
            ..AuditFilter::default()
        }),
        1
    );
}

#[test]
fn a_detail_without_end_is_cut_off() {
    let folder = Folder::new();
    let store = store(&folder);
    let mut long = act("node.add", 1);
    long.detail.insert("x".into(), "ä".repeat(100_000).into());
    store.add_audit(&long, "done").unwrap();
    let line = store.audit(&AuditFilter::default(), 1).unwrap().remove(0);
    assert!(line.detail["cut"].as_str().unwrap().len() <= DETAIL_BYTES);
    assert!(matches!(
        store.verify_audit().unwrap(),
        Verdict::Whole { .. }
    ));
}

const DETAIL_BYTES: usize = 16 << 10;
