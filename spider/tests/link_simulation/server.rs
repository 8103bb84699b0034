//! A model of Ground Control: takes samples in, commits them late, crashes.

use std::collections::{BTreeMap, BTreeSet};

use stardust_shared::layout::{Change, KIND_CHANGE, KIND_LAYOUT};
use stardust_shared::limits::{TIME_AHEAD_MS_MAX, TIME_MS_MIN};
use stardust_shared::message::{Control, Hello};
use stardust_shared::samples::KIND_SAMPLES;
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, State};

use crate::truth::Truths;

/// Runs whose progress is remembered, as in the real one.
const RUNS_KEPT: usize = 4;

#[derive(Default)]
pub struct Server {
    pub runs: BTreeMap<String, Run>,
    /// Newest first; of others nothing is known any more.
    remembered: Vec<String>,
    session: Option<Session>,
    /// Stretches without samples that were noticed by their times.
    pub silences: Vec<(i64, i64)>,
    silences_pending: Vec<(i64, i64)>,
    last_ms: Option<i64>,
    pub duplicates: u64,
    pub crash_lost: u64,
    pub outages: u64,
    pub changes: u64,
}

#[derive(Default)]
pub struct Run {
    /// Sequence → wall time. What a crash leaves.
    pub durable: BTreeMap<u64, i64>,
    /// Taken in, not committed.
    memory: BTreeMap<u64, i64>,
    pub gaps: BTreeSet<u64>,
}

#[derive(Default)]
struct Session {
    /// Empty until the welcome.
    run: String,
    opening: bool,
    interval_ms: i64,
    layout: Option<Layout>,
    takes_changes: bool,
    state: State,
}

impl Run {
    fn durable_seq(&self) -> u64 {
        self.durable.last_key_value().map_or(0, |(&seq, _)| seq)
    }

    fn taken_seq(&self) -> u64 {
        let memory = self.memory.last_key_value().map_or(0, |(&seq, _)| seq);
        self.durable_seq().max(memory)
    }

    fn name_gap(&mut self, next_seq: u64) {
        self.gaps.extend(self.taken_seq() + 1..next_seq);
    }
}

impl Server {
    pub fn connected(&mut self) {
        self.session = Some(Session::default());
    }

    pub fn disconnected(&mut self) {
        self.session = None;
    }

    pub fn crash(&mut self) {
        for run in self.runs.values_mut() {
            self.crash_lost += run.memory.len() as u64;
            run.memory.clear();
        }
        let durable = self.runs.values().flat_map(|run| run.durable.values());
        self.last_ms = durable.max().copied();
        self.silences_pending.clear();
        self.session = None;
    }

    pub fn is_durable(&self, run: &str, seq: u64) -> bool {
        self.runs
            .get(run)
            .is_some_and(|run| run.durable.contains_key(&seq))
    }

    pub fn text(
        &mut self,
        text: &str,
        now_ms: i64,
        interval_ms: Option<u64>,
        takes_changes: bool,
    ) -> String {
        let hello = Hello::decode(text).expect("a valid hello");
        if let Some(outage) = &hello.outage {
            assert!(["server_down", "link_down"].contains(&outage.as_str()));
            self.outages += 1;
        }
        let session = self.session.as_mut().expect("hello without a connection");
        assert!(session.run.is_empty(), "a second hello");
        let known = self.remembered.iter().position(|run| *run == hello.run);
        let new_run = known.is_none();
        if let Some(at) = known {
            self.remembered.remove(at);
        }
        self.remembered.insert(0, hello.run.clone());
        self.remembered.truncate(RUNS_KEPT);
        session.run.clone_from(&hello.run);
        session.opening = new_run;
        session.takes_changes = takes_changes;
        session.interval_ms = hello.interval_ms as i64;
        let run = self.runs.entry(hello.run).or_default();
        // Of a run that was forgotten it would ask for everything again.
        let durable_seq = if new_run { 0 } else { run.durable_seq() };
        let mut welcome = Control::welcome(durable_seq, now_ms, interval_ms);
        welcome.layout_changes = takes_changes.then_some(true);
        welcome.encode()
    }

    pub fn binary(&mut self, bytes: &[u8], now_ms: i64, truths: &Truths) {
        let mut session = self.session.take().expect("samples without a connection");
        assert!(!session.run.is_empty(), "samples before the welcome");
        match bytes[0] {
            KIND_LAYOUT => {
                let layout = Layout::decode(&bytes[1..]).expect("a valid layout");
                if let Some(known) = &session.layout {
                    assert!(layout.id() > known.id());
                }
                session.layout = Some(layout);
                // What follows must not count from values of another layout.
                let seq = session.state.seq;
                session.state = State::default();
                session.state.seq = seq;
            }
            KIND_CHANGE => {
                assert!(session.takes_changes, "a change that was not asked for");
                let base = session.layout.as_ref().expect("a change of a layout");
                let change = Change::decode(base, &bytes[1..]).expect("a valid change");
                session.state.change(base, &change);
                session.layout = Some(change.apply(base));
                self.changes += 1;
            }
            KIND_SAMPLES => {
                let layout = session.layout.take().expect("samples before a layout");
                let mut reader = Reader::new(&bytes[1..]);
                while !reader.is_empty() {
                    let before = session.state.seq;
                    session
                        .state
                        .apply(&layout, &mut reader)
                        .expect("a valid record");
                    assert!(session.state.seq > before, "sequences rise in a session");
                    let (seq, time_ms) = (session.state.seq, session.state.time_ms);
                    let taken_times = TIME_MS_MIN..=now_ms + TIME_AHEAD_MS_MAX;
                    assert!(taken_times.contains(&time_ms), "{seq} is at {time_ms}");
                    truths.check(&session.run, &layout, &session.state);
                    self.take(&mut session, seq, time_ms);
                }
                session.layout = Some(layout);
            }
            kind => panic!("unknown kind {kind}"),
        }
        self.session = Some(session);
    }

    fn take(&mut self, session: &mut Session, seq: u64, time_ms: i64) {
        let run = self.runs.get_mut(&session.run).expect("a run of a hello");
        if seq <= run.taken_seq() {
            assert!(
                run.durable.contains_key(&seq)
                    || run.memory.contains_key(&seq)
                    || run.gaps.contains(&seq),
                "{seq} came after a later one and is nowhere"
            );
            self.duplicates += 1;
            return;
        }
        run.name_gap(seq);
        run.memory.insert(seq, time_ms);
        let opening = std::mem::take(&mut session.opening);
        let last_ms = self.last_ms.unwrap_or(time_ms);
        let silence_ms = time_ms - last_ms;
        let missed = silence_ms > session.interval_ms * 5 / 2;
        if missed && (opening || silence_ms > session.interval_ms + 5_000) {
            self.silences_pending.push((last_ms, time_ms));
        }
        self.last_ms = Some(last_ms.max(time_ms));
    }

    /// Commits what is in memory; the ack for it, if there is anything new.
    pub fn commit(&mut self) -> Option<String> {
        self.silences.append(&mut self.silences_pending);
        let mut ack = None;
        for (id, run) in &mut self.runs {
            if run.memory.is_empty() {
                continue;
            }
            for (seq, time_ms) in std::mem::take(&mut run.memory) {
                let twice = run.durable.insert(seq, time_ms);
                assert_eq!(twice, None, "sequence {seq} became durable twice");
            }
            // The ack goes to whatever session is there now, if it is that run's.
            if self
                .session
                .as_ref()
                .is_some_and(|session| session.run == *id)
            {
                ack = Some(Control::ack(run.durable_seq()).encode());
            }
        }
        ack
    }

    pub fn is_streaming(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| !session.run.is_empty())
    }
}
