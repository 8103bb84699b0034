//! What a WebSocket's connection has read and not looked at yet.
//!
//! Frames are read into memory that all connections share and looked at there; one
//! keeps memory of its own only while a frame of it is half there. Whatever comes
//! counts: each frame is told to the caller, message or not, and of one turn the reads
//! and bytes are bounded, so that no peer can keep the loop to itself.

use std::io::{self, Read};
use std::ops::Range;
use std::time::Instant;

use stardust_shared::limits::FRAGMENTS_MAX;
use tungstenite::Message;

use super::frame::{HEAD_BYTES_MAX, Head, Kind, unmask};
use super::limits::{BYTES_PER_TURN, INBOX_BYTES, READS_PER_TURN};
use super::socket::{Ending, Incoming, Socket, code};

/// The next message.
pub enum Next {
    /// Where its text is in [`Inbox::bytes`]; not known to be UTF-8.
    Text(Range<usize>),
    /// Where its bytes are.
    Binary(Range<usize>),
    /// One that tungstenite has read, as the control frames.
    Other(Message),
    /// A part of a message with more to follow.
    Part,
    /// Something behind a violation, which nobody looks at.
    Discarded,
    Nothing,
    /// There may be more, for another turn.
    Later,
}

/// What is kept of a connection between its turns.
#[derive(Debug, Default)]
pub struct Rest {
    /// Read already: what follows the last message that was looked at.
    bytes: Vec<u8>,
    /// Parts that have come of a message that is not all there.
    parts: u32,
}

/// The same in its turn, in the shared memory where there is nothing to keep.
#[derive(Debug)]
pub struct Inbox {
    bytes: Vec<u8>,
    /// Not looked at: from `at` to `end`.
    at: usize,
    end: usize,
    parts: u32,
    /// The shared memory, while `bytes` are its own.
    shared: Option<Vec<u8>>,
    /// Of this turn.
    reads_left: u32,
    bytes_read: usize,
}

impl Rest {
    /// Of a connection of which so much has been read.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, parts: 0 }
    }

    /// Begins a turn with the memory that all share.
    pub fn open(&mut self, mut shared: Vec<u8>) -> Inbox {
        let own = std::mem::take(&mut self.bytes);
        let end = own.len();
        // It is not there after a fault in another connection's turn.
        shared.resize(INBOX_BYTES, 0);
        let (bytes, shared) = if end == 0 {
            (shared, None)
        } else {
            (own, Some(shared))
        };
        Inbox {
            bytes,
            at: 0,
            end,
            parts: self.parts,
            shared,
            reads_left: READS_PER_TURN,
            bytes_read: 0,
        }
    }

    /// Ends it. Answers the memory that all share.
    pub fn close(&mut self, mut inbox: Inbox) -> Vec<u8> {
        inbox.keep();
        self.parts = inbox.parts;
        match inbox.shared {
            None => inbox.bytes,
            Some(shared) => {
                self.bytes = inbox.bytes;
                shared
            }
        }
    }
}

impl Inbox {
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    /// Bytes that were read in this turn.
    pub fn bytes_read(&self) -> usize {
        self.bytes_read
    }

    /// The next message, read from the socket where need be.
    pub fn next(&mut self, socket: &mut Socket, now: Instant) -> Result<Next, Ending> {
        loop {
            if socket.is_broken() {
                (self.at, self.end) = (0, 0);
                return Ok(match socket.read(now)? {
                    Incoming::Message(_) | Incoming::Discarded => Next::Discarded,
                    Incoming::Nothing => Next::Nothing,
                });
            }
            let head = Head::read(&self.bytes[self.at..self.end]);
            let whole_bytes = head.map_or(HEAD_BYTES_MAX, |head| {
                let payload_bytes = usize::try_from(head.payload_bytes).unwrap_or(usize::MAX);
                payload_bytes.saturating_add(head.bytes)
            });
            if let Some(head) = head {
                let too_long = head.payload_bytes > socket.message_bytes_max() as u64;
                if too_long || whole_bytes <= self.end - self.at {
                    // Of one that is too long the head is enough to say so.
                    let taken = if too_long { head.bytes } else { whole_bytes };
                    let frame = self.at..self.at + taken;
                    self.at = frame.end;
                    return self.look_at(&head, frame, too_long, socket, now);
                }
            }
            if self.reads_left == 0 || self.bytes_read >= BYTES_PER_TURN {
                return Ok(Next::Later);
            }
            match self.read(socket.stream(), whole_bytes) {
                Ok(0) => {
                    // tungstenite finds the same, and has the words for it.
                    socket.read_on();
                    return Ok(match socket.read(now)? {
                        Incoming::Message(message) => Next::Other(message),
                        Incoming::Discarded | Incoming::Nothing => Next::Nothing,
                    });
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Next::Nothing);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Ending::gone(format!("the connection broke: {error}"))),
            }
        }
    }

    fn look_at(
        &mut self,
        head: &Head,
        frame: Range<usize>,
        too_long: bool,
        socket: &mut Socket,
        now: Instant,
    ) -> Result<Next, Ending> {
        if let Some((kind, mask)) = head.message(self.parts > 0).filter(|_| !too_long) {
            let payload = frame.start + head.bytes..frame.end;
            unmask(&mut self.bytes[payload.clone()], mask);
            socket.heard(now);
            return Ok(match kind {
                Kind::Text => Next::Text(payload),
                Kind::Binary => Next::Binary(payload),
            });
        }
        self.count_part(head, socket)?;
        socket.give(&self.bytes[frame]);
        Ok(match socket.read(now)? {
            Incoming::Message(message) => Next::Other(message),
            Incoming::Discarded => Next::Discarded,
            Incoming::Nothing => Next::Part,
        })
    }

    /// A message has so many parts at the most, and something in each of them that
    /// only says that more will come: else it would never end.
    fn count_part(&mut self, head: &Head, socket: &mut Socket) -> Result<(), Ending> {
        let is_empty = head.continues() && head.payload_bytes == 0;
        let mut wrong = None;
        if is_empty && self.parts > 0 {
            wrong = Some("an empty fragment in the middle of a message".to_owned());
        }
        if head.is_data() {
            self.parts += 1;
        }
        if self.parts > FRAGMENTS_MAX {
            wrong = Some(format!("a message in more than {FRAGMENTS_MAX} fragments"));
        }
        if !head.leaves_in_parts(self.parts > 0) {
            self.parts = 0;
        }
        match wrong {
            None => Ok(()),
            Some(reason) => {
                socket.break_off();
                Err(Ending::close(code::VIOLATION, reason))
            }
        }
    }

    /// Reads on, where a frame of `whole_bytes` is to be.
    fn read(&mut self, stream: &mut impl Read, whole_bytes: usize) -> io::Result<usize> {
        self.reads_left -= 1;
        // A frame that is half there must not be in the way of others.
        self.keep();
        let count = match &mut self.shared {
            None => stream.read(&mut self.bytes)?,
            Some(shared) => {
                let most = shared.len().min(whole_bytes - self.end);
                let count = stream.read(&mut shared[..most])?;
                self.bytes.extend_from_slice(&shared[..count]);
                count
            }
        };
        self.end += count;
        self.bytes_read += count;
        Ok(count)
    }

    /// Moves what was not looked at to the beginning of memory of its own.
    fn keep(&mut self) {
        if self.at == 0 && self.shared.is_some() && self.end > 0 {
            // There already: it may come a byte at a time.
            return;
        }
        let rest = self.at..self.end;
        (self.at, self.end) = (0, rest.len());
        match &mut self.shared {
            None if rest.is_empty() => {}
            None => {
                let own = self.bytes[rest].to_vec();
                self.shared = Some(std::mem::replace(&mut self.bytes, own));
            }
            Some(shared) if rest.is_empty() => {
                self.bytes = std::mem::take(shared);
                self.shared = None;
            }
            Some(_) => {
                self.bytes.copy_within(rest, 0);
                self.bytes.truncate(self.end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::stream::Stream;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;
    use tungstenite::protocol::frame::FrameHeader;
    use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

    const MESSAGE_BYTES_MAX: usize = 300_000;

    fn pair() -> (TcpStream, Socket) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_nodelay(true).unwrap();
        let (server, _) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        let stream = Stream::plain(mio::net::TcpStream::from_std(server));
        (
            client,
            Socket::of_frames(stream, MESSAGE_BYTES_MAX, Instant::now()),
        )
    }

    fn put(bytes: &mut Vec<u8>, opcode: OpCode, is_final: bool, payload: &[u8]) {
        let mask = [bytes.len() as u8, 0x91, 0x5a, 7];
        let header = FrameHeader {
            is_final,
            opcode,
            mask: Some(mask),
            ..FrameHeader::default()
        };
        header.format(payload.len() as u64, bytes).unwrap();
        let at = bytes.len();
        bytes.extend_from_slice(payload);
        unmask(&mut bytes[at..], mask);
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Got {
        Text(Vec<u8>),
        Binary(Vec<u8>),
        Ping(Vec<u8>),
    }

    /// One turn: what it gave, and how it ended.
    fn turn(
        rest: &mut Rest,
        shared: &mut Vec<u8>,
        socket: &mut Socket,
        (now, most): (Instant, usize),
    ) -> (Vec<Got>, Result<(), Ending>) {
        let mut got = Vec::new();
        let mut ended = Ok(());
        let mut inbox = rest.open(std::mem::take(shared));
        for _ in 0..most {
            match inbox.next(socket, now) {
                Ok(Next::Text(at)) => got.push(Got::Text(inbox.bytes(at).to_vec())),
                Ok(Next::Binary(at)) => got.push(Got::Binary(inbox.bytes(at).to_vec())),
                Ok(Next::Other(Message::Text(text))) => {
                    got.push(Got::Text(text.as_bytes().to_vec()));
                }
                Ok(Next::Other(Message::Binary(bytes))) => got.push(Got::Binary(bytes.to_vec())),
                Ok(Next::Other(Message::Ping(bytes))) => got.push(Got::Ping(bytes.to_vec())),
                Ok(Next::Other(other)) => panic!("{other}"),
                Ok(Next::Discarded) => panic!("discarded"),
                Ok(Next::Part) => {}
                Ok(Next::Nothing | Next::Later) => break,
                Err(ending) => {
                    ended = Err(ending);
                    break;
                }
            }
        }
        *shared = rest.close(inbox);
        assert_eq!(shared.len(), INBOX_BYTES);
        (got, ended)
    }

    #[test]
    fn all_messages_come_in_order_however_they_are_cut() {
        let mut state = 7u64;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            (state >> 33) as usize % below
        };
        for round in 0..30 {
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            for n in 0..60 {
                let length = [random(4), random(120), random(3_000), random(140_000)][random(4)];
                let payload: Vec<u8> = (0..length).map(|at| (at ^ n) as u8 & 0x7f).collect();
                match random(5) {
                    0 => {
                        put(&mut bytes, OpCode::Data(Data::Text), true, &payload);
                        expected.push(Got::Text(payload));
                    }
                    1 => {
                        let ping = &payload[..length.min(125)];
                        put(&mut bytes, OpCode::Control(Control::Ping), true, ping);
                        expected.push(Got::Ping(ping.to_vec()));
                    }
                    2 => {
                        // In three parts, with a ping between them.
                        let length = length.max(1);
                        let payload = [&payload[..], &[7]].concat()[..length].to_vec();
                        let (first, second) = payload.split_at(length / 2);
                        put(&mut bytes, OpCode::Data(Data::Binary), false, first);
                        put(&mut bytes, OpCode::Control(Control::Ping), true, b"!");
                        put(&mut bytes, OpCode::Data(Data::Continue), false, second);
                        put(&mut bytes, OpCode::Data(Data::Continue), true, b"");
                        expected.push(Got::Ping(b"!".to_vec()));
                        expected.push(Got::Binary(payload));
                    }
                    _ => {
                        put(&mut bytes, OpCode::Data(Data::Binary), true, &payload);
                        expected.push(Got::Binary(payload));
                    }
                }
            }
            let (mut client, mut socket) = pair();
            // Some of it came with the request, some in pieces of any size.
            let first = random(400).min(bytes.len());
            let mut rest = Rest::new(bytes[..first].to_vec());
            let mut shared = Vec::new();
            let mut got = Vec::new();
            let mut at = first;
            let mut now = Instant::now();
            while got.len() < expected.len() {
                let piece = [random(3), random(900), random(200_000)][random(3)];
                let piece = piece.min(bytes.len() - at).min(60_000);
                client.write_all(&bytes[at..at + piece]).unwrap();
                at += piece;
                socket.stream().readable();
                // So slowly that the pings are not too many.
                now += Duration::from_secs(1);
                let limits = (now, 1 + random(18));
                let (some, ended) = turn(&mut rest, &mut shared, &mut socket, limits);
                assert_eq!(ended, Ok(()), "round {round}");
                socket.flush().unwrap();
                got.extend(some);
            }
            assert!(got == expected, "round {round}");
            assert!(rest.bytes.is_empty() && rest.bytes.capacity() == 0);
        }
    }

    #[test]
    fn what_breaks_the_rules_is_named_and_nothing_behind_it_is_looked_at() {
        let unmasked = [0x82, 1, 7];
        let reserved = [0xc2, 0x81, 0, 0, 0, 0, 7];
        let mut long = Vec::new();
        let header = FrameHeader {
            opcode: OpCode::Data(Data::Binary),
            mask: Some([0; 4]),
            ..FrameHeader::default()
        };
        header
            .format(MESSAGE_BYTES_MAX as u64 + 1, &mut long)
            .unwrap();
        let mut huge = Vec::new();
        header.format(u64::MAX, &mut huge).unwrap();
        let mut between = Vec::new();
        put(&mut between, OpCode::Data(Data::Text), false, b"a");
        put(&mut between, OpCode::Data(Data::Binary), true, b"b");
        let mut continued = Vec::new();
        put(&mut continued, OpCode::Data(Data::Continue), true, b"a");
        let cases: [(&[u8], &str); 6] = [
            (&unmasked, "unmasked"),
            (&reserved, "Reserved bits"),
            (&long, "300001 bytes is over the limit of 300000"),
            (&huge, "over the limit of 300000"),
            (&between, "While waiting for more fragments"),
            (&continued, "Continue frame but nothing to continue"),
        ];
        for (bytes, words) in cases {
            let (mut client, mut socket) = pair();
            let (mut rest, mut shared) = (Rest::default(), Vec::new());
            let mut all = Vec::new();
            put(&mut all, OpCode::Data(Data::Binary), true, b"fine");
            all.extend_from_slice(bytes);
            put(&mut all, OpCode::Data(Data::Binary), true, b"not looked at");
            client.write_all(&all).unwrap();
            socket.stream().readable();
            let (got, ended) = turn(&mut rest, &mut shared, &mut socket, (Instant::now(), 9));
            assert_eq!(got, [Got::Binary(b"fine".to_vec())], "{words}");
            let reason = ended.unwrap_err().reason;
            assert!(reason.contains(words), "{words}: {reason}");
            client.write_all(&all).unwrap();
            socket.stream().readable();
            let mut inbox = rest.open(shared);
            loop {
                match inbox.next(&mut socket, Instant::now()) {
                    Ok(Next::Discarded) => {}
                    Ok(Next::Nothing) => break,
                    _ => panic!("{words}: what follows was looked at"),
                }
            }
        }
    }

    fn fragments(first: &[u8], middle: &[u8], count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, OpCode::Data(Data::Binary), false, first);
        for _ in 2..count {
            put(&mut bytes, OpCode::Data(Data::Continue), false, middle);
        }
        put(&mut bytes, OpCode::Data(Data::Continue), true, b"");
        bytes
    }

    #[test]
    fn a_message_has_so_many_fragments_and_none_of_them_says_only_that_there_are_more() {
        let most = FRAGMENTS_MAX as usize;
        let cases = [
            (fragments(b"a", b"b", most), None),
            (fragments(b"", b"b", 3), None),
            (
                fragments(b"a", b"b", most + 1),
                Some("more than 64 fragments"),
            ),
            (fragments(b"a", b"", 3), Some("an empty fragment")),
            (fragments(b"", b"", 9_000), Some("an empty fragment")),
        ];
        for (bytes, words) in cases {
            let (mut client, mut socket) = pair();
            let mut all = Vec::new();
            put(&mut all, OpCode::Data(Data::Binary), true, b"fine");
            // What was in parts does not count for the next that is.
            all.extend_from_slice(&fragments(b"a", b"b", most));
            all.extend_from_slice(&bytes);
            client.write_all(&all).unwrap();
            socket.stream().readable();
            let (mut rest, mut shared) = (Rest::default(), Vec::new());
            let limits = (Instant::now(), 10_000);
            let (got, ended) = turn(&mut rest, &mut shared, &mut socket, limits);
            assert_eq!(got.len(), 2 + usize::from(words.is_none()), "{words:?}");
            match words {
                None => assert_eq!(ended, Ok(())),
                Some(words) => {
                    let ending = ended.unwrap_err();
                    assert_eq!(ending.code, Some(code::VIOLATION));
                    assert!(ending.reason.contains(words), "{}", ending.reason);
                    assert!(socket.is_broken());
                }
            }
        }
    }

    #[test]
    fn every_frame_counts_and_so_do_reads_and_bytes() {
        let next = |inbox: &mut Inbox, socket: &mut Socket| inbox.next(socket, Instant::now());
        // A part of a message is told as well as one.
        let (mut client, mut socket) = pair();
        client.write_all(&fragments(b"a", b"b", 5)).unwrap();
        socket.stream().readable();
        let mut inbox = Rest::default().open(Vec::new());
        for _ in 0..4 {
            assert!(matches!(next(&mut inbox, &mut socket), Ok(Next::Part)));
        }
        let last = next(&mut inbox, &mut socket);
        assert!(matches!(last, Ok(Next::Other(Message::Binary(_)))));
        assert!(matches!(next(&mut inbox, &mut socket), Ok(Next::Nothing)));

        // A frame that comes a byte at a time has its turns, and comes.
        let (mut client, mut socket) = pair();
        let mut bytes = Vec::new();
        put(&mut bytes, OpCode::Data(Data::Binary), true, &[9; 300]);
        let (mut rest, mut shared) = (Rest::default(), Vec::new());
        let (mut got, mut turns) = (Vec::new(), 0);
        let mut sent = bytes.chunks(1);
        while got.is_empty() {
            let mut inbox = rest.open(std::mem::take(&mut shared));
            loop {
                if let Some(byte) = sent.next() {
                    client.write_all(byte).unwrap();
                }
                socket.stream().readable();
                match next(&mut inbox, &mut socket).unwrap() {
                    Next::Binary(at) => got.extend_from_slice(inbox.bytes(at)),
                    Next::Later => break,
                    Next::Nothing => continue,
                    _ => panic!("something else"),
                }
                break;
            }
            turns += 1;
            shared = rest.close(inbox);
        }
        assert_eq!(got, [9; 300]);
        assert!(turns >= 300 / READS_PER_TURN, "{turns}");

        // So many bytes of one turn, however fast they come.
        let (client, mut socket) = pair();
        let feeder = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            put(&mut bytes, OpCode::Data(Data::Binary), true, &[7; 60_000]);
            let mut client = client;
            while client.write_all(&bytes).is_ok() {}
        });
        let mut inbox = Rest::default().open(Vec::new());
        let mut count = 0;
        loop {
            socket.stream().readable();
            match next(&mut inbox, &mut socket).unwrap() {
                Next::Binary(_) => count += 1,
                Next::Nothing => std::thread::yield_now(),
                Next::Later => break,
                _ => panic!("something else"),
            }
        }
        assert!(count * 60_000 < BYTES_PER_TURN + 2 * INBOX_BYTES, "{count}");
        drop(socket);
        feeder.join().unwrap();
    }

    #[test]
    fn the_end_is_told_as_such() {
        let (client, mut socket) = pair();
        drop(client);
        let (mut rest, mut shared) = (Rest::new(vec![0x82, 0x85]), Vec::new());
        socket.stream().readable();
        let (got, ended) = turn(&mut rest, &mut shared, &mut socket, (Instant::now(), 9));
        assert!(got.is_empty());
        assert_eq!(ended, Err(Ending::gone("the connection broke")));
    }
}
