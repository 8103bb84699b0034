//! statfs on a thread of its own, for filesystems that may not answer.
//!
//! A suspended ZFS pool or a btrfs whose disk is gone can keep statfs waiting
//! for ever, and nothing ends a thread that waits in the kernel. So another
//! thread asks, now and then, and the sampling thread takes what was
//! answered meanwhile. A filesystem that has kept it waiting for ten seconds
//! hangs: it is left out and that thread is left to it until it answers, while
//! a new one asks the others. The thread is started with the first such mount.

use std::ffi::CStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, Thread};
use std::time::Duration;

use super::Figures;

/// Asks the kernel; tests put another in its place.
pub type Ask = fn(&CStr) -> Option<Figures>;

const HANG_MS: i64 = 10_000;
/// The first sample has answers too, if they come in this time.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// With so many threads lost to filesystems that hang, no more are started.
const STUCK_MAX: usize = 4;
const STACK_BYTES: usize = 64 << 10;

/// What one thread has to ask. Never locked while it waits for an answer.
#[derive(Default)]
struct Work {
    mounts: Vec<(Arc<CStr>, Option<Figures>)>,
    /// The mount that is asked; past the last one the round is over.
    at: usize,
    /// The thread shall end.
    ended: bool,
}

impl Work {
    fn is_over(&self) -> bool {
        self.at >= self.mounts.len()
    }
}

#[derive(Default)]
struct Board {
    work: Mutex<Work>,
    over: Condvar,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, ask: Ask) {
        loop {
            let mut work = self.lock();
            if work.ended {
                return;
            }
            let at = work.at;
            let Some(path) = work.mounts.get(at).map(|(path, _)| Arc::clone(path)) else {
                self.over.notify_all();
                drop(work);
                std::thread::park();
                continue;
            };
            drop(work);
            let figures = ask(&path);
            work = self.lock();
            work.mounts[at].1 = figures;
            work.at += 1;
        }
    }
}

/// A filesystem that hangs, and the thread that waits for it.
struct Stuck {
    path: Arc<CStr>,
    board: Arc<Board>,
    at: usize,
}

pub struct Helper {
    ask: Ask,
    round_ms: i64,
    thread: Option<(Arc<Board>, Thread)>,
    began_ms: i64,
    /// Whether the answers of this round were taken.
    taken: bool,
    stuck: Vec<Stuck>,
}

impl Helper {
    /// Asks all once in `round_ms`.
    pub fn new(ask: Ask, round_ms: i64) -> Self {
        Self {
            ask,
            round_ms,
            thread: None,
            began_ms: i64::MIN,
            taken: false,
            stuck: Vec::new(),
        }
    }

    /// Mounts that don't answer.
    pub fn hanging(&self) -> usize {
        self.stuck.len()
    }

    /// Begins a round for `mounts` when one is due, and gives the answers that
    /// came to `told`: `None` for a mount that can't be asked.
    pub fn turn<'a>(
        &mut self,
        now_ms: i64,
        mounts: impl Iterator<Item = &'a Arc<CStr>> + Clone,
        mut told: impl FnMut(&Arc<CStr>, Option<Figures>),
    ) {
        if self.stuck.is_empty() && self.thread.is_none() && mounts.clone().next().is_none() {
            return;
        }
        let waited_ms = now_ms.saturating_sub(self.began_ms);
        if waited_ms < self.round_ms {
            self.take_early(told);
            return;
        }
        // Whoever answered after all is asked again.
        self.stuck.retain(|stuck| stuck.board.lock().at == stuck.at);
        if let Some((board, _)) = &self.thread {
            let mut work = board.lock();
            for (path, figures) in work.mounts.iter().take(work.at) {
                told(path, *figures);
            }
            if !work.is_over() {
                if waited_ms < HANG_MS {
                    return;
                }
                let (at, path) = (work.at, Arc::clone(&work.mounts[work.at].0));
                told(&path, None);
                let name = path.to_string_lossy();
                eprintln!("stardust-spider: {name} does not answer; its figures are left out");
                work.ended = true;
                drop(work);
                let board = Arc::clone(board);
                self.stuck.push(Stuck { path, board, at });
                self.thread = None;
            }
        }
        let mut first = false;
        if self.thread.is_none() {
            if self.stuck.len() >= STUCK_MAX {
                mounts.for_each(|path| told(path, None));
                return;
            }
            first = self.began_ms == i64::MIN;
            self.thread = self.start();
        }
        self.began_ms = now_ms;
        self.taken = false;
        let Some((board, thread)) = &self.thread else {
            return;
        };
        let hangs = |path: &Arc<CStr>| self.stuck.iter().any(|stuck| *stuck.path == **path);
        let mut work = board.lock();
        work.at = 0;
        work.mounts.clear();
        work.mounts.extend(
            mounts
                .filter(|path| !hangs(path))
                .map(|path| (Arc::clone(path), None)),
        );
        thread.unpark();
        if first {
            let waited = board
                .over
                .wait_timeout_while(work, FIRST_WAIT, |work| !work.is_over());
            let (work, _) = waited.unwrap_or_else(PoisonError::into_inner);
            for (path, figures) in work.mounts.iter().take(work.at) {
                told(path, *figures);
            }
        }
    }

    /// Answers of a round that is over and whose successor is not due.
    fn take_early(&mut self, mut told: impl FnMut(&Arc<CStr>, Option<Figures>)) {
        if self.taken {
            return;
        }
        let Some((board, _)) = &self.thread else {
            return;
        };
        let work = board.lock();
        if work.is_over() {
            self.taken = true;
            for (path, figures) in &work.mounts {
                told(path, *figures);
            }
        }
    }

    fn start(&self) -> Option<(Arc<Board>, Thread)> {
        let (board, ask) = (Arc::new(Board::default()), self.ask);
        let theirs = Arc::clone(&board);
        let builder = Builder::new().name("statfs".into()).stack_size(STACK_BYTES);
        let handle = builder.spawn(move || theirs.serve(ask)).ok()?;
        Some((board, handle.thread().clone()))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        if let Some((board, thread)) = &self.thread {
            board.lock().ended = true;
            thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    static HANGS: AtomicBool = AtomicBool::new(true);

    /// `/hang…` answers only when it is let, `/gone` can't be asked.
    fn ask(path: &CStr) -> Option<Figures> {
        let path = path.to_str().unwrap();
        while path.starts_with("/hang") && HANGS.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        (path != "/gone").then(|| Figures {
            blocks: Some(path.len() as i64),
            ..Figures::default()
        })
    }

    struct Machine {
        helper: Helper,
        mounts: Vec<Arc<CStr>>,
        now_ms: i64,
    }

    impl Machine {
        /// Answers of this round, after time enough for those that come at all.
        fn round(&mut self) -> Vec<(String, Option<i64>)> {
            let mut told = Vec::new();
            self.helper
                .turn(self.now_ms, self.mounts.iter(), |path, figures| {
                    let blocks = figures.and_then(|figures| figures.blocks);
                    told.push((path.to_str().unwrap().to_owned(), blocks));
                });
            self.now_ms += 5_000;
            std::thread::sleep(Duration::from_millis(50));
            told
        }
    }

    #[test]
    fn one_that_hangs_keeps_nobody_waiting() {
        let names = [c"/a", c"/hang", c"/gone", c"/b"];
        let mut machine = Machine {
            helper: Helper::new(ask, 4_900),
            mounts: names.map(Arc::from).to_vec(),
            now_ms: 1_000_000,
        };
        let a = ("/a".to_owned(), Some(2));
        let hang = ("/hang".to_owned(), None);
        let rest = [("/gone".to_owned(), None), ("/b".to_owned(), Some(2))];
        let began = std::time::Instant::now();
        // What answers before it is there at once.
        assert_eq!(machine.round(), std::slice::from_ref(&a));
        assert_eq!(machine.round(), std::slice::from_ref(&a));
        assert_eq!(machine.helper.hanging(), 0);
        assert_eq!(machine.round(), [a.clone(), hang]);
        assert_eq!(machine.helper.hanging(), 1);
        let others: Vec<_> = [std::slice::from_ref(&a), &rest[..]].concat();
        assert_eq!(machine.round(), others);
        assert!(began.elapsed() < Duration::from_secs(5));
        HANGS.store(false, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(machine.round(), others);
        assert_eq!(machine.helper.hanging(), 0);
        let all = machine.round();
        assert_eq!(all[1], ("/hang".to_owned(), Some(5)));
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn answers_are_there_before_the_next_round() {
        let mut machine = Machine {
            helper: Helper::new(ask, 3_600_000),
            mounts: vec![Arc::from(c"/a")],
            now_ms: 1_000_000,
        };
        let a = [("/a".to_owned(), Some(2))];
        // With the first round, and with one that nobody waited for.
        assert_eq!(machine.round(), a);
        machine.round();
        machine.now_ms += 3_600_000;
        assert_eq!(machine.round(), a);
        assert_eq!(machine.round(), a);
        assert_eq!(machine.round(), []);
    }

    #[test]
    fn without_mounts_there_is_no_thread() {
        let mut helper = Helper::new(ask, 4_900);
        helper.turn(5, [].iter(), |_, _| panic!("nothing was asked"));
        assert!(helper.thread.is_none());
    }
}
