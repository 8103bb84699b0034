//! A model of Ground Control: takes samples in, commits them late, crashes.

use std::collections::{BTreeMap, BTreeSet};

use stardust_shared::layout::KIND_LAYOUT;
use stardust_shared::message::{Control, Hello};
use stardust_shared::samples::KIND_SAMPLES;
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, State};

use crate::truth::Truth;

#[derive(Default)]
pub struct Server {
    /// Sequence → wall time. What a crash leaves.
    pub durable: BTreeMap<u64, i64>,
    /// Taken in, not committed.
    memory: BTreeMap<u64, i64>,
    pub gaps: BTreeSet<u64>,
    session: Option<Session>,
    pub duplicates: u64,
    pub crash_lost: u64,
    pub outages: u64,
    run: Option<String>,
}

#[derive(Default)]
struct Session {
    welcomed: bool,
    layout: Option<Layout>,
    state: State,
}

impl Server {
    pub fn connected(&mut self) {
        self.session = Some(Session::default());
    }

    pub fn disconnected(&mut self) {
        self.session = None;
    }

    pub fn crash(&mut self) {
        self.crash_lost += self.memory.len() as u64;
        self.memory.clear();
        self.session = None;
    }

    fn durable_seq(&self) -> u64 {
        self.durable.last_key_value().map_or(0, |(&seq, _)| seq)
    }

    fn taken_seq(&self) -> u64 {
        let memory = self.memory.last_key_value().map_or(0, |(&seq, _)| seq);
        self.durable_seq().max(memory)
    }

    pub fn text(&mut self, text: &str, now_ms: i64, interval_ms: Option<u64>) -> String {
        let hello = Hello::decode(text).expect("a valid hello");
        let run = self.run.get_or_insert_with(|| hello.run.clone());
        assert_eq!(*run, hello.run, "one run of the Spider, one id");
        if let Some(outage) = &hello.outage {
            assert!(["server_down", "link_down"].contains(&outage.as_str()));
            self.outages += 1;
        }
        let session = self.session.as_mut().expect("hello without a connection");
        assert!(!session.welcomed, "a second hello");
        session.welcomed = true;
        if hello.oldest_seq > 0 {
            self.name_gap(hello.oldest_seq);
        }
        Control::welcome(self.durable_seq(), now_ms, interval_ms).encode()
    }

    fn name_gap(&mut self, next_seq: u64) {
        self.gaps.extend(self.taken_seq() + 1..next_seq);
    }

    pub fn binary(&mut self, bytes: &[u8], truth: &Truth) {
        let mut session = self.session.take().expect("samples without a connection");
        assert!(session.welcomed, "samples before the welcome");
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
            KIND_SAMPLES => {
                let layout = session.layout.as_ref().expect("samples before a layout");
                let mut reader = Reader::new(&bytes[1..]);
                while !reader.is_empty() {
                    let before = session.state.seq;
                    session
                        .state
                        .apply(layout, &mut reader)
                        .expect("a valid record");
                    assert!(session.state.seq > before, "sequences rise in a session");
                    truth.check(layout, &session.state);
                    self.take(session.state.seq, session.state.time_ms);
                }
            }
            kind => panic!("unknown kind {kind}"),
        }
        self.session = Some(session);
    }

    fn take(&mut self, seq: u64, time_ms: i64) {
        if seq <= self.taken_seq() {
            assert!(
                self.durable.contains_key(&seq)
                    || self.memory.contains_key(&seq)
                    || self.gaps.contains(&seq),
                "{seq} came after a later one and is nowhere"
            );
            self.duplicates += 1;
            return;
        }
        self.name_gap(seq);
        self.memory.insert(seq, time_ms);
    }

    /// Commits what is in memory; the ack for it, if there is anything new.
    pub fn commit(&mut self) -> Option<String> {
        if self.memory.is_empty() {
            return None;
        }
        for (seq, time_ms) in std::mem::take(&mut self.memory) {
            let twice = self.durable.insert(seq, time_ms);
            assert_eq!(twice, None, "sequence {seq} became durable twice");
        }
        Some(Control::ack(self.durable_seq()).encode())
    }

    pub fn is_streaming(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.welcomed)
    }
}
