//! One database, one server: whoever comes second is refused, by whatever name, and
//! says which process is there already.

use std::os::unix::fs::symlink;
use std::process::{Command, Output};

use crate::common::{FakeSpider, gauges};
use crate::common::{Process, Setup, eventually, stored, wall_ms};

fn verb(setup: &Setup, args: &[&str]) -> (Output, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stardust-server"));
    command.args(args).arg("--db").arg(setup.database());
    command
        .env("STARDUST_SECRET", crate::common::SECRET)
        .env("STARDUST_SECRET_NEW", "this is a new secret of this one")
        .env("STARDUST_PASS_NEW", "planet earth is blue");
    let output = command.output().unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    (output, String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_second_server_is_refused_by_every_name_and_the_first_loses_nothing() {
    let setup = Setup::new();
    let mut first = setup.clone().start();
    let pid = format!("process {}", first.process.pid());
    let session = first.login();
    let node = session.add_node("one of one");
    let (mut spider, _) = FakeSpider::open(first.address, &node.token, "a-run");
    let layout = gauges(1, 2);
    spider.layout(&layout);
    let start = wall_ms() - 100_000;
    let database = setup.database();
    let folder = database.parent().unwrap();
    let names = [
        database.clone(),
        folder.join("./stardust.db"),
        folder.join("symbolic.db"),
        folder.join("hard.db"),
    ];
    symlink("stardust.db", &names[2]).unwrap();
    std::fs::hard_link(&database, &names[3]).unwrap();
    for (number, name) in (1u64..).zip(&names) {
        assert!(spider.sample(&layout, number, start + number as i64 * 1_000, &[1, 2]));
        let other = setup.clone().args(&["--db", name.to_str().unwrap()]);
        let (status, said) = other.refused();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("runs on") && said.contains(&pid), "{said}");
    }
    for args in [
        &["rekey"][..],
        &["salvage"],
        &["salvage", "/nonexistent/out.db"],
        &["reset-password", "admin"],
    ] {
        let (output, said) = verb(&setup, args);
        assert!(!output.status.success(), "{args:?}: {said}");
        assert!(said.contains("runs on") && said.contains(&pid), "{said}");
    }
    let copy = folder.join("copy.db");
    let (output, said) = verb(&setup, &["backup", copy.to_str().unwrap()]);
    assert!(output.status.success(), "{said}");
    eventually("all that was sent is durable", || {
        (stored(&database, node.id).last_seq() == 4).then_some(())
    });
    stored(&database, node.id).assert_complete();

    // A kill leaves no lock.
    first.kill();
    let mut again = setup.clone().start();
    again.stop();
}

#[test]
fn of_two_that_start_at_once_one_serves() {
    let setup = Setup::new();
    let starting: Vec<_> = (0..4)
        .map(|_| Process::start("Ground Control", &mut setup.command()))
        .collect();
    let mut starting = starting;
    let ended = eventually("all but one have ended", || {
        let ended = starting.iter_mut().filter_map(Process::ended).count();
        let is_serving = |process: &&Process| process.output().contains("listens on");
        let serving = starting.iter().filter(is_serving).count();
        (ended + serving == 4).then_some(ended)
    });
    assert_eq!(ended, 3);
    for process in &mut starting {
        if process.ended().is_some() {
            let said = process.output();
            assert!(
                said.contains("runs on") && said.contains("process "),
                "{said}"
            );
        }
    }
}
