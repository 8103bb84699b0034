//! A peer that speaks WebSocket by hand, as fast as it can.

use std::io::Write;
use std::time::{Duration, Instant};

use stardust_shared::layout::Change;
use stardust_shared::message::Hello;
use stardust_shared::{Layout, SeriesDef, State, samples};

use super::door::{Door, Stream, frame};
use crate::common::{PATIENCE, hello};

/// Why the server ended a connection, by its close frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed {
    pub code: u16,
    pub reason: String,
}

/// A masked frame of any size whose mask is zero.
pub fn long_frame(first: u8, body: &[u8]) -> Vec<u8> {
    if body.len() <= usize::from(u16::MAX) {
        return frame(first, body);
    }
    let mut bytes = vec![first, 0xff];
    bytes.extend_from_slice(&(body.len() as u64).to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(body);
    bytes
}

/// Reads until the server has closed; what it said. `None`: it went without a word.
pub fn closed(stream: &mut dyn Stream) -> Option<Closed> {
    let _ = stream.tcp().set_read_timeout(Some(PATIENCE));
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4_096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..count]);
    }
    let mut rest = &bytes[..];
    while let [first, length, after @ ..] = rest {
        let (length, after) = match length {
            126 => (
                usize::from(u16::from_be_bytes(*after.first_chunk()?)),
                &after[2..],
            ),
            127 => (
                u64::from_be_bytes(*after.first_chunk()?) as usize,
                &after[8..],
            ),
            length => (usize::from(*length), after),
        };
        let payload = after.get(..length)?;
        if *first == 0x88 {
            let (code, reason) = payload.split_first_chunk()?;
            return Some(Closed {
                code: u16::from_be_bytes(*code),
                reason: String::from_utf8_lossy(reason).into_owned(),
            });
        }
        rest = &after[length..];
    }
    None
}

/// Writes what `next` gives until the other side ends it. True: it did.
pub fn flood(stream: &mut dyn Stream, mut next: impl FnMut() -> Vec<u8>) -> bool {
    let until = Instant::now() + PATIENCE;
    let _ = stream
        .tcp()
        .set_write_timeout(Some(Duration::from_secs(20)));
    while Instant::now() < until {
        if stream.write_all(&next()).is_err() {
            return true;
        }
    }
    false
}

/// A session by hand, of a sample a second.
pub fn open(door: &Door, token: &str, run: &str) -> Box<dyn Stream> {
    open_with(door, token, &hello(run))
}

pub fn open_with(door: &Door, token: &str, hello: &Hello) -> Box<dyn Stream> {
    let mut stream = door.upgrade(token);
    let bytes = frame(0x81, hello.encode().as_bytes());
    stream.write_all(&bytes).unwrap();
    stream
}

/// Writes what a Spider sends.
#[derive(Default)]
pub struct Pen {
    state: State,
    pub seq: u64,
}

impl Pen {
    /// The next sample as a record: a keyframe after a new layout.
    pub fn record(&mut self, layout: &Layout, anew: bool, time_ms: i64, out: &mut Vec<u8>) {
        self.seq += 1;
        let values = vec![self.seq as i64; layout.len()];
        if anew {
            self.state.start(layout, self.seq, time_ms, &values);
            self.state.encode_keyframe(layout, 0, out);
        } else {
            self.state
                .encode_delta(layout, self.seq, time_ms, &values, out);
        }
    }

    /// A sample after a change of the layout, which is not among them, as a frame.
    pub fn changed_sample(
        &mut self,
        layout: &mut Layout,
        change: &Change,
        time_ms: i64,
    ) -> Vec<u8> {
        self.state.change(layout, change);
        *layout = change.apply(layout);
        let mut message = vec![samples::KIND_SAMPLES];
        self.record(layout, false, time_ms, &mut message);
        long_frame(0x82, &message)
    }

    /// A layout, and a sample of it, as frames.
    pub fn layout_and_sample(&mut self, layout: &Layout, time_ms: i64) -> Vec<u8> {
        let mut message = Vec::new();
        layout.encode(&mut message);
        let mut bytes = long_frame(0x82, &message);
        message.clear();
        message.push(samples::KIND_SAMPLES);
        self.record(layout, true, time_ms, &mut message);
        bytes.extend(long_frame(0x82, &message));
        bytes
    }
}

/// `count` keys of `key_bytes`, others for each number.
pub fn keys(number: u64, count: usize, key_bytes: usize) -> Layout {
    let series = (0..count).map(|n| {
        let mut series = SeriesDef::new("x", &[]);
        // What they share comes first, so that little of them is on the wire.
        let key = format!("{number:08}.{n:08}");
        series.key = format!("{key:a>key_bytes$}").into();
        series
    });
    Layout::new(number, series.collect())
}
