//! Reads the clocks, keeps the agreed time in the database, and tells of doubts.
//! Looked at by the writer's thread; API workers ask it, and bring a person's word.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use serde::Serialize;
use serde_json::json;

use super::reading::{MINUTE_MS, Reading};
use super::{Clock, DRIFT_MS, How, Kept, News, Voices, Why};
use crate::batch::NodeBatch;
use stardust_base::clock;
use stardust_model::describe;
use stardust_model::event::{CLOCK_DOUBTED, CLOCK_SETTLED, NewEvent};
use stardust_store::{Store, StoreError};

/// In the table `meta`.
const KEY: &str = "history_clock";
/// How often it is written there.
const KEEP_MS: i64 = MINUTE_MS;
/// How often it is looked at.
const LOOK_MS: i64 = 1_000;

/// Where the time comes from.
#[derive(Clone)]
pub enum Source {
    /// The clocks of this machine.
    System,
    /// Whoever calls says what they show: benchmarks write years in seconds.
    Told(Arc<dyn Fn() -> Reading + Send + Sync>),
    /// Tests write samples of any time: now is a day after the newest one.
    #[cfg(any(test, feature = "testing"))]
    Samples,
}

impl Source {
    fn read(&self) -> Reading {
        match self {
            Self::Told(read) => read(),
            _ => Reading {
                wall_ms: clock::wall_ms(),
                boot_ms: clock::boot_ms(),
            },
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}

/// What the operator sees of it.
#[derive(Clone, Debug, Serialize)]
pub struct ClockStatus {
    /// `ok`; `doubted`: what is too old is told by `agreed`, not by the wall clock; or
    /// `waiting`: the same in the first minutes after a start, until the fleet is there.
    pub state: &'static str,
    pub wall: i64,
    pub agreed: i64,
    /// In agreed time.
    pub since: Option<i64>,
    /// How far the wall clock is ahead of `agreed`; negative: behind it.
    pub jump_ms: i64,
    pub why: Option<String>,
}

#[derive(Debug)]
struct State {
    clock: Clock,
    voices: Voices,
    looked_boot_ms: Option<i64>,
    kept_boot_ms: Option<i64>,
    #[cfg(any(test, feature = "testing"))]
    newest_ms: i64,
}

#[derive(Debug)]
pub struct Keeper {
    source: Source,
    boot_id: String,
    state: Mutex<State>,
}

impl Keeper {
    pub fn load(connection: &Connection, source: Source) -> rusqlite::Result<Self> {
        let boot_id = clock::boot_id();
        let now = source.read();
        let kept = kept(connection)?;
        let samples_ms = match kept {
            Some(_) => None,
            None => median_ms(connection)?,
        };
        let clock = Clock::start(kept.as_ref(), samples_ms, &boot_id, now);
        if clock.doubt().is_some() {
            let jump_ms = now.wall_ms.saturating_sub(clock.agreed_ms(now));
            stardust_base::log::info(&format!(
                "history: the clock is {} the last run; nothing is deleted by age for that until \
                 the fleet's clocks agree",
                describe::jump(jump_ms)
            ));
        }
        Ok(Self {
            source,
            boot_id,
            state: Mutex::new(State {
                clock,
                voices: Voices::new(now.boot_ms),
                looked_boot_ms: None,
                kept_boot_ms: None,
                #[cfg(any(test, feature = "testing"))]
                newest_ms: newest_ms(connection)?,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These have been committed.
    pub fn hear(&self, nodes: &[NodeBatch]) {
        let boot_ms = self.source.read().boot_ms;
        let mut state = self.state();
        for node in nodes {
            #[cfg(any(test, feature = "testing"))]
            for block in &node.blocks {
                state.newest_ms = state.newest_ms.max(block.time_max_ms);
            }
            if let Some(newest) = node.progress.last() {
                let elsewhere = *newest.boot_id != *self.boot_id;
                state.voices.hear(node.node, elsewhere, boot_ms);
            }
            if node.seen.is_some() {
                state.voices.greet(node.node, node.clock_at_boot_ms);
            }
        }
    }

    pub fn forget(&self, node: i64) {
        self.state().voices.forget(node);
    }

    /// Brings the agreed time up to now, keeps it, and tells what there is to tell.
    ///
    /// # Errors
    /// The database can't be read or written.
    pub fn look(&self, store: &Store, connection: &Connection) -> Result<(), StoreError> {
        let now = self.source.read();
        let (news, kept) = {
            let mut state = self.state();
            let state = &mut *state;
            if state
                .looked_boot_ms
                .is_some_and(|looked| now.boot_ms - looked < LOOK_MS)
            {
                return Ok(());
            }
            state.looked_boot_ms = Some(now.boot_ms);
            let quorum = state
                .voices
                .quorum(now, || nodes_with_samples(connection))?;
            let news = state.clock.look(now, quorum);
            let is_due = state
                .kept_boot_ms
                .is_none_or(|kept| now.boot_ms - kept >= KEEP_MS);
            if is_due {
                state.kept_boot_ms = Some(now.boot_ms);
            }
            (news, is_due.then(|| state.clock.keep(&self.boot_id)))
        };
        if let Some(kept) = kept {
            keep(store, &kept)?;
        }
        match news {
            Some(news) => self.tell(store, news, now, None),
            None => Ok(()),
        }
    }

    /// A person says that it is `time_ms` now, and so that the wall clock is right. False
    /// when it says something else.
    ///
    /// # Errors
    /// The database can't be written.
    pub fn confirm(&self, store: &Store, time_ms: i64, by: &str) -> Result<bool, StoreError> {
        let now = self.source.read();
        if now.wall_ms.saturating_sub(time_ms).saturating_abs() > DRIFT_MS {
            return Ok(false);
        }
        let (news, kept) = {
            let mut state = self.state();
            let news = state.clock.confirm(now);
            (news, state.clock.keep(&self.boot_id))
        };
        keep(store, &kept)?;
        if let Some(news) = news {
            self.tell(store, news, now, Some(by))?;
        }
        Ok(true)
    }

    fn tell(
        &self,
        store: &Store,
        news: News,
        now: Reading,
        by: Option<&str>,
    ) -> Result<(), StoreError> {
        let agreed_ms = self.state().clock.agreed_ms(now);
        let jump_ms = now.wall_ms.saturating_sub(agreed_ms);
        let (kind, detail) = match news {
            News::Doubted(why) => {
                stardust_base::log::error(&format!("history: {}", in_words(why, jump_ms)));
                let detail = json!({
                    "why": name(why),
                    "wall": now.wall_ms,
                    "agreed": agreed_ms,
                    "jump_ms": jump_ms,
                });
                (CLOCK_DOUBTED, detail)
            }
            News::Settled(how) => {
                let how = match how {
                    How::Returned => "returned",
                    How::Fleet => "fleet",
                    How::Steady => "steady",
                    How::Person => "person",
                };
                let detail = json!({"how": how, "by": by, "wall": now.wall_ms});
                (CLOCK_SETTLED, detail)
            }
        };
        let event = NewEvent {
            time_ms: now.wall_ms,
            node: None,
            node_name: None,
            kind,
            detail,
        };
        if kind == CLOCK_SETTLED {
            let said = describe::clock_settled(&event.detail);
            stardust_base::log::info(&format!("history: {said}"));
        }
        store.add_events(&[event])
    }

    /// The time by which samples are old.
    pub fn time_ms(&self) -> i64 {
        let now = self.source.read();
        let state = self.state();
        #[cfg(any(test, feature = "testing"))]
        if matches!(self.source, Source::Samples) {
            return state.newest_ms + 24 * 60 * MINUTE_MS;
        }
        state.clock.time_ms(now)
    }

    pub fn status(&self) -> ClockStatus {
        let now = self.source.read();
        let state = self.state();
        let agreed = state.clock.agreed_ms(now);
        let jump_ms = now.wall_ms.saturating_sub(agreed);
        let doubt = state.clock.doubt();
        ClockStatus {
            state: match doubt {
                None => "ok",
                Some(_) if state.clock.is_waiting() => "waiting",
                Some(_) => "doubted",
            },
            wall: now.wall_ms,
            agreed,
            since: doubt.map(|(_, since_ms)| since_ms),
            jump_ms,
            why: doubt.map(|(why, _)| in_words(why, jump_ms)),
        }
    }
}

fn name(why: Why) -> &'static str {
    match why {
        Why::Jumped => "jumped",
        Why::Restarted => "restarted",
        Why::FirstStart => "first_start",
    }
}

fn in_words(why: Why, jump_ms: i64) -> String {
    let ahead = describe::jump(jump_ms);
    let what = match why {
        Why::Jumped => format!(
            "the clock of Ground Control's machine has jumped: it is {ahead} the time that has \
             passed."
        ),
        Why::Restarted => {
            format!("the clock of Ground Control's machine is {ahead} the time of the last run.")
        }
        Why::FirstStart => {
            format!("the clock of Ground Control's machine is {ahead} the newest samples.")
        }
    };
    format!(
        "{what} Nothing is deleted by age for that. Set the clock right (`timedatectl` shows \
         it), or say in the settings that it is."
    )
}

fn kept(connection: &Connection) -> rusqlite::Result<Option<Kept>> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    let mut rows = statement.query([KEY])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let value: Vec<u8> = row.get(0)?;
    // What can't be read is as good as none: the samples say about as much.
    Ok(serde_json::from_slice(&value).ok())
}

fn keep(store: &Store, kept: &Kept) -> Result<(), StoreError> {
    let value = serde_json::to_vec(kept).unwrap_or_default();
    store.set_meta(&[(KEY, &value)])
}

fn nodes_with_samples(connection: &Connection) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(
        "SELECT COUNT(DISTINCT node) FROM progress WHERE node IN (SELECT id FROM nodes)",
    )?;
    statement.query_row([], |row| row.get::<_, i64>(0).map(|count| count as usize))
}

/// The median of the nodes' newest samples: what one clock says moves nothing.
fn median_ms(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare(
        "SELECT MAX(time_ms) FROM
           (SELECT node, time_ms FROM durable
            UNION ALL SELECT node, MAX(time_max_ms) FROM blocks GROUP BY node)
         GROUP BY node",
    )?;
    let times = statement.query_map([], |row| row.get(0))?;
    let mut times: Vec<i64> = times.collect::<Result<_, _>>()?;
    times.sort_unstable();
    Ok(times.get(times.len().saturating_sub(1) / 2).copied())
}

#[cfg(any(test, feature = "testing"))]
fn newest_ms(connection: &Connection) -> rusqlite::Result<i64> {
    let newest = "SELECT coalesce(max(time_max_ms), 0) FROM
                  (SELECT time_max_ms FROM blocks UNION ALL SELECT time_max_ms FROM fresh)";
    connection.query_row(newest, [], |row| row.get(0))
}
