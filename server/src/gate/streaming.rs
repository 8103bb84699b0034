//! A Spider that is streaming: its layouts and samples, and what is wrong with them.

use std::sync::Arc;
use std::time::Instant;

use stardust_shared::limits::{
    LAYOUT_MS, LAYOUTS_AT_ONCE, RECORDS_PER_MESSAGE_MAX, TIME_AHEAD_MS_MAX, TIME_MS_MIN,
};
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, Record, WireError, layout, samples};

use super::acks::Acks;
use super::core::Core;
use super::layouts::Unusable;
use super::pace::{Allowance, Pace, Rates};
use super::socket::{Ending, code};
use crate::history::PushResult;
use crate::hub;
use crate::slots::SlotKey;
use stardust_model::describe;

/// Where its node is in the live fleet, and where its samples go.
#[derive(Clone, Copy)]
pub struct Where {
    pub live: SlotKey,
    pub intake: SlotKey,
}

/// What the hello has told.
pub struct Session {
    pub places: Where,
    pub run: String,
    pub rates: Rates,
}

pub struct Streaming {
    session: Session,
    layout: Option<Arc<Layout>>,
    /// The next record is the first of its layout.
    anew: bool,
    /// Sequence of the last record of this session.
    last_seq: u64,
    /// Some samples were not taken in: the Spider must send them again.
    missed: bool,
    acks: Acks,
    pace: Pace,
    /// For samples that are not stored.
    unstored: Allowance,
    pace_taken: bool,
}

/// Why the connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    Wire(WireError),
    /// A sample of so far ahead of the server's clock, or of before there were any.
    Time(i64),
    /// More samples than the node can have taken.
    Samples(Rates),
    /// More changes of the list of series than are taken.
    Layouts,
    Records,
    /// Not its fault: no room for its list of series.
    NoRoom,
}

impl From<Unusable> for Wrong {
    fn from(error: Unusable) -> Self {
        match error {
            Unusable::Wire(error) => Self::Wire(error),
            Unusable::Full => Self::NoRoom,
        }
    }
}

impl From<WireError> for Wrong {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl Wrong {
    pub fn ending(self) -> Ending {
        let reason = match self {
            Self::Wire(error) => error.to_string(),
            Self::Time(ahead_ms @ 0..) => format!(
                "samples are {} Ground Control's clock: one of both machines' clocks is wrong, \
                 set it (timedatectl)",
                describe::jump(ahead_ms)
            ),
            Self::Time(_) => "samples are of before 2020: a clock was not set when they were \
                              taken; set it (timedatectl)"
                .to_owned(),
            Self::Samples(rates) => format!(
                "more samples than the interval of {} ms and the time away explain",
                rates.interval_ms()
            ),
            Self::Layouts => format!(
                "the list of series changes more often than every {LAYOUT_MS} ms \
                 ({LAYOUTS_AT_ONCE} at once)"
            ),
            Self::Records => {
                format!("more than {RECORDS_PER_MESSAGE_MAX} records in one message")
            }
            Self::NoRoom => {
                let reason = "no memory for one more list of series; too many nodes differ";
                return Ending::close(code::FRESH_SESSION, reason);
            }
        };
        Ending::close(code::VIOLATION, reason)
    }
}

impl Streaming {
    /// `again`: samples of the node that are not durable and may come again.
    pub fn new(session: Session, pace: Pace, again: u64, now: Instant) -> Self {
        Self {
            unstored: pace.unstored(session.rates, again),
            session,
            layout: None,
            anew: true,
            last_seq: 0,
            missed: false,
            acks: Acks::new(now),
            pace,
            pace_taken: false,
        }
    }

    pub fn places(&self) -> Where {
        self.session.places
    }

    pub fn run(&self) -> &str {
        &self.session.run
    }

    pub fn missed(&self) -> bool {
        self.missed
    }

    pub fn acks(&mut self) -> &mut Acks {
        &mut self.acks
    }

    pub fn layout(&self) -> Option<&Arc<Layout>> {
        self.layout.as_ref()
    }

    pub fn take_pace(&mut self) -> Option<Pace> {
        (!std::mem::replace(&mut self.pace_taken, true)).then_some(self.pace)
    }

    /// A binary message. False: it says nothing, or is of a kind that is not known.
    pub fn binary(&mut self, node: i64, bytes: &[u8], core: &mut Core) -> Result<bool, Wrong> {
        match bytes.split_first() {
            Some((&layout::KIND_LAYOUT, body)) => self.new_layout(node, body, core)?,
            Some((&layout::KIND_CHANGE, body)) => self.changed_layout(node, body, core)?,
            // None of the bounds of samples would see it.
            Some((&samples::KIND_SAMPLES, [])) => return Ok(false),
            Some((&samples::KIND_SAMPLES, body)) => self.samples(node, body, core)?,
            Some(_) => return Ok(false),
            None => return Err(WireError::Truncated.into()),
        }
        Ok(true)
    }

    fn new_layout(&mut self, node: i64, body: &[u8], core: &mut Core) -> Result<(), Wrong> {
        let layout = core.telemetry.layouts.decode(body)?;
        let known = self.layout.as_ref();
        if known.is_some_and(|known| layout.id() <= known.id()) {
            return Err(WireError::OutOfRange("layout number").into());
        }
        // A session begins with the list that the node had in the one before.
        let live = self.session.places.live;
        let same = core
            .services
            .fleet
            .at(live, |live| live.has_layout(&layout));
        if same != Some(true) && !self.pace.layout(core.turn.now) {
            return Err(Wrong::Layouts);
        }
        self.anew = true;
        self.use_layout(node, layout, core);
        Ok(())
    }

    /// The layout as the difference to the one before: the values of what stays go on.
    fn changed_layout(&mut self, node: i64, body: &[u8], core: &mut Core) -> Result<(), Wrong> {
        let base = self.layout.clone().ok_or(WireError::UnknownLayout)?;
        if !self.pace.layout(core.turn.now) {
            return Err(Wrong::Layouts);
        }
        let (layout, change) = core.telemetry.layouts.change(&base, body)?;
        let Where { live, intake } = self.session.places;
        // Where nothing came of the one before in this session, a keyframe has to.
        if !self.anew {
            let goes_on = core
                .services
                .fleet
                .at(live, |live| live.change_layout(&base, &layout, &change));
            self.anew = goes_on != Some(true);
        }
        core.telemetry.intakes.break_off(intake);
        self.use_layout(node, layout, core);
        Ok(())
    }

    fn use_layout(&mut self, node: i64, layout: Arc<Layout>, core: &mut Core) {
        if core.is_watched(node) {
            let message = hub::layout_message(node, &layout);
            core.tell_watchers(node, message);
        }
        self.layout = Some(layout);
    }

    fn samples(&mut self, node: i64, body: &[u8], core: &mut Core) -> Result<(), Wrong> {
        self.acks.came(body.len());
        let layout = self.layout.clone().ok_or(WireError::UnknownLayout)?;
        let fleet = Arc::clone(&core.services.fleet);
        let watched = core.is_watched(node);
        let mut reader = Reader::new(body);
        let samples_max = core.counters.samples + RECORDS_PER_MESSAGE_MAX;
        while !reader.is_empty() {
            if core.counters.samples >= samples_max {
                return Err(Wrong::Records);
            }
            let anew = std::mem::take(&mut self.anew);
            let told = fleet.at(self.session.places.live, |live| {
                let start = reader.rest();
                let record = live.apply(&layout, anew, &mut reader)?;
                let bytes = &start[..start.len() - reader.rest().len()];
                let news = self.take(live, &layout, record, bytes, core);
                if news.is_err() {
                    live.forget_latest();
                }
                let is_told = watched && news == Ok(true) && core.has_room_for_watchers();
                let state = live.state().filter(|_| is_told);
                news?;
                Ok(state.map(|state| hub::sample_message(node, &layout, state)))
            });
            match told {
                Some(Ok(None)) => {}
                Some(Ok(Some(message))) => core.tell_watchers(node, message),
                Some(Err(wrong)) => return Err(wrong),
                // The node was removed: its connection ends.
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Takes the record that was applied last to the history, and answers whether
    /// it is news to those who look: the live view has every sample, stored or not.
    fn take(
        &mut self,
        live: &mut hub::Node,
        layout: &Arc<Layout>,
        record: Record,
        bytes: &[u8],
        core: &mut Core,
    ) -> Result<bool, Wrong> {
        let state = live.state().ok_or(WireError::NoKeyframe)?;
        if state.seq <= self.last_seq {
            return Err(WireError::OutOfRange("sequence").into());
        }
        self.last_seq = state.seq;
        core.counters.samples += 1;
        let latest = core.turn.wall_ms.saturating_add(TIME_AHEAD_MS_MAX);
        if state.time_ms > latest {
            let ahead_ms = state.time_ms.saturating_sub(core.turn.wall_ms);
            return Err(Wrong::Time(ahead_ms));
        }
        if state.time_ms < TIME_MS_MIN {
            return Err(Wrong::Time(-1));
        }
        let (seq, rates) = (state.seq, self.session.rates);
        // A later sample must not become durable before a missed one.
        if self.missed {
            self.not_stored(seq, core.turn.now)?;
        } else {
            if !self.pace.sample(rates, seq, core.turn.now) {
                return Err(Wrong::Samples(rates));
            }
            let intakes = &mut core.telemetry.intakes;
            match intakes.push(self.session.places.intake, layout, state, record, bytes) {
                PushResult::Taken => self.pace.taken(core.turn.now),
                PushResult::Known => {
                    self.pace.give_back(rates, seq);
                    self.not_stored(seq, core.turn.now)?;
                    return Ok(false);
                }
                PushResult::Full => {
                    self.pace.give_back(rates, seq);
                    self.missed = true;
                    core.telemetry.overflowed = true;
                }
            }
        }
        live.sampled(core.turn.wall_ms);
        Ok(true)
    }

    fn not_stored(&mut self, seq: u64, now: Instant) -> Result<(), Wrong> {
        let rates = self.session.rates;
        if self.unstored.unstored(rates, seq, now) {
            Ok(())
        } else {
            Err(Wrong::Samples(rates))
        }
    }
}

#[cfg(test)]
mod churn;
