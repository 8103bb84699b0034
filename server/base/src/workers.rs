//! Threads for work that comes now and then: few where there is little of it.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Up to so many threads, of which one waits for work: whoever takes some, and
/// leaves nobody waiting, starts the next one.
pub struct Crew<W> {
    name: &'static str,
    most: usize,
    work: Box<dyn Fn() -> Option<W> + Send + Sync>,
    run: Box<dyn Fn(W) + Send + Sync>,
    waiting: AtomicUsize,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl<W: 'static> Crew<W> {
    /// `work` waits for the next piece and answers `None` when there will be no
    /// more; `run` must not panic.
    ///
    /// # Errors
    /// When not even one thread can be started.
    pub fn start(
        name: &'static str,
        most: usize,
        work: impl Fn() -> Option<W> + Send + Sync + 'static,
        run: impl Fn(W) + Send + Sync + 'static,
    ) -> io::Result<Arc<Self>> {
        let crew = Arc::new(Self {
            name,
            most: most.max(1),
            work: Box::new(work),
            run: Box::new(run),
            waiting: AtomicUsize::new(0),
            threads: Mutex::default(),
        });
        crew.grow()?;
        Ok(crew)
    }

    fn grow(self: &Arc<Self>) -> io::Result<()> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.len() < self.most {
            let crew = Arc::clone(self);
            let thread = std::thread::Builder::new()
                .name(format!("{}-{}", self.name, threads.len()))
                .spawn(move || while crew.one() {})?;
            threads.push(thread);
        }
        Ok(())
    }

    /// One piece of work; false when there will be no more.
    fn one(self: &Arc<Self>) -> bool {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let work = (self.work)();
        let last = self.waiting.fetch_sub(1, Ordering::SeqCst) == 1;
        let Some(work) = work else { return false };
        if last && let Err(error) = self.grow() {
            // Those that there are go on.
            crate::log::warn(&format!(
                "No more than these threads can be started: {error}"
            ));
        }
        (self.run)(work);
        true
    }

    /// Waits for all threads, when there will be no more work.
    pub fn join(&self) {
        loop {
            let thread = self
                .threads
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let Some(thread) = thread else { return };
            // One that panicked was reported by the hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    #[test]
    fn it_grows_with_the_work_up_to_its_limit_and_ends_with_it() {
        let (give, work) = channel::<Receiver<()>>();
        let (tell, told) = channel();
        let (work, tell) = (Mutex::new(work), Mutex::new(tell));
        let crew = Crew::start(
            "test",
            3,
            move || work.lock().unwrap().recv().ok(),
            move |until: Receiver<()>| {
                let _ = tell.lock().unwrap().send(());
                let _ = until.recv();
            },
        )
        .unwrap();
        let size = |crew: &Crew<_>| crew.threads.lock().unwrap().len();
        assert_eq!(size(&crew), 1);
        let mut ends = Vec::new();
        let begin = |ends: &mut Vec<_>| {
            let (end, until) = channel();
            ends.push(end);
            give.send(until).unwrap();
        };
        for at_once in 1..=3 {
            begin(&mut ends);
            told.recv_timeout(Duration::from_secs(30)).unwrap();
            assert_eq!(size(&crew), (at_once + 1).min(3));
        }
        // A fourth has to wait until one of them has ended.
        begin(&mut ends);
        assert!(told.recv_timeout(Duration::from_millis(100)).is_err());
        ends.remove(1);
        told.recv_timeout(Duration::from_secs(30)).unwrap();
        drop((give, ends));
        crew.join();
        assert_eq!(size(&crew), 0);
    }
}
