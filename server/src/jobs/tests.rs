//! The board: order, restarts and what browsers are told, with a real database.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Board, Given, Intent, Job, Order, State, StepState};
use crate::major_tom::steps::{Steps as _, step};
use crate::major_tom::{Cause, Fault};
use crate::store::{JobFilter, Store};
use stardust_base::testing::Folder;

struct Desk {
    folder: Folder,
    board: Arc<Board>,
}

impl Desk {
    fn new() -> Self {
        let folder = Folder::new();
        let board = open(&folder);
        Self { folder, board }
    }

    fn submit(&self, node: i64) -> Arc<Job> {
        self.board
            .submit(order(Intent::Upgrade, Some(node)))
            .unwrap()
    }

    /// As after a kill: what is in the database is all there is.
    fn reopen(self) -> Self {
        let Self { folder, board } = self;
        drop(board);
        let board = open(&folder);
        Self { folder, board }
    }
}

fn open(folder: &Folder) -> Arc<Board> {
    let store = Arc::new(Store::open(&folder.join("jobs.db")).unwrap());
    Board::open(store).unwrap()
}

fn order(intent: Intent, node: Option<i64>) -> Order {
    Order {
        intent,
        node,
        name: "pi4".into(),
        group: None,
        by: "ziggy".into(),
        given: Given::default(),
    }
}

fn fault() -> Fault {
    Fault::new(Cause::Timeout, "It did not answer.", "Try again.")
}

#[test]
fn one_job_a_node_and_many_nodes_at_once() {
    let desk = Desk::new();
    let (a1, a2, b1) = (desk.submit(1), desk.submit(1), desk.submit(2));
    let first = desk.board.next().unwrap();
    assert_eq!(first.id, a1.id);
    // The node's second one waits, another node's does not.
    assert_eq!(desk.board.next().unwrap().id, b1.id);
    let board = Arc::clone(&desk.board);
    let waiting = thread::spawn(move || board.next().map(|job| job.id));
    thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    desk.board.end(&first, State::Succeeded, None, None);
    assert_eq!(waiting.join().unwrap(), Some(a2.id));
}

#[test]
fn who_sees_the_end_finds_the_node_free() {
    let desk = Desk::new();
    for _ in 0..20 {
        let job = desk.submit(1);
        desk.board.next().unwrap();
        job.start();
        let (board, ending) = (Arc::clone(&desk.board), Arc::clone(&job));
        let end = thread::spawn(move || board.end(&ending, State::Succeeded, None, None));
        while !job.view().state.is_finished() {
            thread::yield_now();
        }
        assert!(desk.board.active_of_node(1).is_none());
        // And what the database says is the same.
        let view = desk.board.view(job.id).unwrap().unwrap();
        assert_eq!(view.state, State::Succeeded);
        end.join().unwrap();
    }
}

#[test]
fn a_job_is_written_down_step_by_step_and_found_again() {
    let desk = Desk::new();
    let job = desk.submit(1);
    assert_eq!(desk.board.next().unwrap().id, job.id);
    job.start();
    step(&*job, "reach", || Ok(((), "There it is.".into()))).unwrap();
    job.output(b"one\r\ntwo\n");
    let failed = step(&*job, "login", || Err::<((), String), _>(fault()));
    assert!(failed.is_err());
    job.output(b"not written down yet\n");

    let desk = desk.reopen();
    let view = desk.board.view(job.id).unwrap().unwrap();
    assert_eq!((view.state, view.by.as_str()), (State::Running, "ziggy"));
    assert_eq!(view.steps.len(), 2);
    assert_eq!(view.steps[0].detail, "There it is.");
    assert_eq!(view.steps[1].cause.as_deref(), Some("timeout"));
    assert_eq!((view.steps[1].from, view.steps[1].to), (8, 8));
    let again = desk.board.next().unwrap();
    assert!(again.resumed);
    assert_eq!(again.read(0).text, "one\ntwo\n");

    // Once it has ended it is not begun again, and all it said is there.
    again.output(b"three\n");
    desk.board.end(&again, State::Failed, None, Some(&fault()));
    let desk = desk.reopen();
    assert!(desk.board.active(job.id).is_none());
    let view = desk.board.view(job.id).unwrap().unwrap();
    assert_eq!(view.state, State::Failed);
    assert_eq!(view.error.unwrap().message, "It did not answer.");
    assert_eq!(view.output_bytes, 14);
    assert_eq!(
        desk.board.text(job.id).unwrap().whole(),
        "one\ntwo\nthree\n"
    );
}

#[test]
fn what_waits_is_cancelled_at_once_and_what_runs_at_its_next_step() {
    let desk = Desk::new();
    let (runs, waits) = (desk.submit(1), desk.submit(1));
    desk.board.next().unwrap();
    runs.start();
    assert!(desk.board.cancel(waits.id));
    let view = desk.board.view(waits.id).unwrap().unwrap();
    assert_eq!(view.state, State::Cancelled);
    assert!(!desk.board.cancel(waits.id), "it has ended");

    assert!(desk.board.cancel(runs.id));
    assert!(runs.view().cancelling);
    assert_eq!(runs.begin("upload").unwrap_err().cause, Cause::Cancelled);
    // What puts things back still runs.
    assert!(runs.begin("rollback").is_ok());
}

#[test]
fn a_node_has_a_line_that_survives_a_restart() {
    let desk = Desk::new();
    let jobs: Vec<_> = (0..3).map(|_| desk.submit(1)).collect();
    let waits_for = |desk: &Desk| {
        let view = |job: &Arc<Job>| desk.board.view(job.id).unwrap().unwrap().waits_for;
        jobs.iter().map(view).collect::<Vec<_>>()
    };
    assert_eq!(waits_for(&desk), [None, Some(jobs[0].id), Some(jobs[1].id)]);
    let first = desk.board.next().unwrap();
    first.start();

    // One that leaves the line does not let the next one past what runs.
    desk.board.take_news();
    assert!(desk.board.cancel(jobs[1].id));
    assert_eq!(waits_for(&desk), [None, None, Some(jobs[0].id)]);
    let told: Vec<_> = desk
        .board
        .take_news()
        .jobs
        .iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(told, [jobs[1].id, jobs[2].id]);
    let board = Arc::clone(&desk.board);
    let waiting = thread::spawn(move || board.next().map(|job| job.id));
    thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    desk.board.stop();
    assert_eq!(waiting.join().unwrap(), None);

    drop(first);
    let desk = desk.reopen();
    assert_eq!(waits_for(&desk), [None, None, Some(jobs[0].id)]);
    let first = desk.board.next().unwrap();
    assert_eq!(first.id, jobs[0].id);
    desk.board.end(&first, State::Succeeded, None, None);
    assert_eq!(waits_for(&desk), [None; 3]);
    assert_eq!(desk.board.next().unwrap().id, jobs[2].id);
}

#[test]
fn a_group_that_waits_is_cancelled_at_once_too() {
    let desk = Desk::new();
    let group = order(Intent::UpgradeFleet { nodes: vec![1] }, None);
    let group = desk.board.submit(group).unwrap();
    assert!(desk.board.cancel(group.id));
    assert_eq!(group.view().state, State::Cancelled);
}

#[test]
fn a_cancelled_look_is_no_failure() {
    let desk = Desk::new();
    let job = desk.submit(1);
    desk.board.next().unwrap();
    job.start();
    let cut = step(&*job, "reach", || {
        desk.board.cancel(job.id);
        assert!(job.patience().is_over());
        // What the wait was ended by.
        Err::<((), String), _>(fault())
    });
    assert_eq!(cut.unwrap_err().cause, Cause::Cancelled);
    assert_eq!(job.view().steps[0].state, StepState::Cancelled);
    assert_eq!(
        job.check_cancelled().unwrap_err().hint,
        "Nothing had been changed on the node."
    );
    // What changes things says how that went.
    let failed = step(&*job, "rollback", || Err::<((), String), _>(fault()));
    assert_eq!(failed.unwrap_err().cause, Cause::Timeout);
}

#[test]
fn who_comes_later_is_told_what_failed() {
    let desk = Desk::new();
    let failed = desk.submit(1);
    desk.board.next().unwrap();
    desk.board.end(&failed, State::Failed, None, Some(&fault()));
    let shown = desk.board.snapshot();
    assert_eq!(shown.active, []);
    let told = |desk: &Desk| {
        let failed = desk.board.snapshot().failed;
        failed
            .into_iter()
            .map(|job| (job.node, job.id, job.message))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(&desk),
        [(1, failed.id, "It did not answer.".to_owned())]
    );
    // After a restart of a node that is still there; here there is none.
    let store = Store::open(&desk.folder.join("jobs.db")).unwrap();
    let mut found = 0;
    store.ended_jobs(|_| found += 1).unwrap();
    assert_eq!(found, 0);
    let node = store.insert_node("pi4", &[], [0; 32], 0).unwrap();
    assert_eq!(node.id, 1);
    store
        .ended_jobs(|ended| {
            assert_eq!(
                (ended.node, ended.id, ended.state),
                (1, failed.id, State::Failed)
            );
            assert_eq!(ended.message, "It did not answer.");
            found += 1;
        })
        .unwrap();
    assert_eq!(found, 1);
    let again = desk.submit(1);
    desk.board.next().unwrap();
    desk.board.end(&again, State::Succeeded, None, None);
    assert_eq!(told(&desk), []);
}

#[test]
fn browsers_are_told_what_changed_and_of_new_output() {
    let desk = Desk::new();
    let job = desk.submit(1);
    let news = desk.board.take_news();
    assert_eq!(news.jobs.len(), 1);
    assert!(desk.board.take_news().jobs.is_empty());
    job.output(b"x");
    let news = desk.board.take_news();
    assert!(news.jobs.is_empty());
    assert_eq!(news.output[0].id, job.id);
    // The last words of a job that ends come with its end.
    job.output(b"y\n");
    desk.board.next().unwrap();
    desk.board.end(&job, State::Succeeded, None, None);
    let news = desk.board.take_news();
    assert_eq!(news.jobs[0].state, State::Succeeded);
    assert_eq!(news.output[0].read(0).text, "xy\n");
}

#[test]
fn a_stop_ends_the_waiting_and_no_further_step_begins() {
    let desk = Desk::new();
    let board = Arc::clone(&desk.board);
    let waiting = thread::spawn(move || board.next().is_none());
    let board = Arc::clone(&desk.board);
    let group = thread::spawn(move || board.next_group().is_none());
    desk.board.stop();
    assert!(waiting.join().unwrap() && group.join().unwrap());
    let job = desk.submit(1);
    assert_eq!(job.begin("reach").unwrap_err().cause, Cause::Stopping);
}

#[test]
fn lists_are_filtered_paged_and_pruned() {
    let folder = Folder::new();
    let store = Arc::new(Store::open(&folder.join("jobs.db")).unwrap());
    let board = Board::open(Arc::clone(&store)).unwrap();
    for node in [1, 2, 1] {
        board
            .submit(order(Intent::RotateToken, Some(node)))
            .unwrap();
    }
    let last = board
        .submit(order(Intent::UpgradeFleet { nodes: vec![1] }, None))
        .unwrap();
    let ids = |filter: JobFilter| -> Vec<i64> {
        let jobs = store.jobs(&filter, 10).unwrap();
        jobs.iter().map(|job| job.id).collect()
    };
    assert_eq!(ids(JobFilter::default()), [4, 3, 2, 1]);
    let below = Some(3);
    assert_eq!(
        ids(JobFilter {
            below,
            ..JobFilter::default()
        }),
        [2, 1]
    );
    let node = Some(1);
    assert_eq!(
        ids(JobFilter {
            node,
            ..JobFilter::default()
        }),
        [3, 1]
    );
    let kind = Some("upgrade_fleet".to_owned());
    assert_eq!(
        ids(JobFilter {
            kind,
            ..JobFilter::default()
        }),
        [4]
    );
    board.end(&last, State::Succeeded, None, None);
    let finished = Some(true);
    assert_eq!(
        ids(JobFilter {
            finished,
            ..JobFilter::default()
        }),
        [4]
    );
    // Only what has ended is forgotten, however old the rest is.
    let first = board.next().unwrap();
    board.end(&first, State::Succeeded, None, None);
    store.prune_jobs(1).unwrap();
    assert_eq!(ids(JobFilter::default()), [4, 3, 2]);
}

#[test]
fn what_has_gone_too_far_is_not_cancelled_and_what_was_cancelled_goes_no_further() {
    let desk = Desk::new();
    let (one, other) = (desk.submit(1), desk.submit(2));
    for job in [&one, &other] {
        desk.board.next().unwrap();
        job.start();
    }
    one.set_uncancellable().unwrap();
    assert!(!one.view().can_cancel);
    assert!(!desk.board.cancel(one.id));
    assert!(one.check_cancelled().is_ok());

    assert!(desk.board.cancel(other.id));
    assert_eq!(
        other.set_uncancellable().unwrap_err().cause,
        Cause::Cancelled
    );

    // A removal that was under way may have deleted half of it.
    let job = desk
        .board
        .submit(order(Intent::Remove { force: false }, Some(3)))
        .unwrap();
    desk.board.next().unwrap();
    job.start();
    assert!(job.view().can_cancel);
    let id = job.id;
    drop((one, other, job));
    let desk = desk.reopen();
    assert!(!desk.board.cancel(id));
    assert!(!desk.board.view(id).unwrap().unwrap().can_cancel);
}
