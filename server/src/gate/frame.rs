//! The head of a WebSocket frame (RFC 6455 section 5.2), as far as the gate looks
//! at it itself. Pure.
//!
//! A Spider's samples come as whole binary messages of one frame each, thousands a
//! second: those are taken from where they were read. Everything else is left to
//! tungstenite, frame by frame, and so is every word about what is wrong with it.

use tungstenite::Bytes;

/// Longest head in bytes.
pub const HEAD_BYTES_MAX: usize = 14;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    is_final: bool,
    /// Bits of extensions, of which there are none.
    reserved: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    /// Bytes of the head itself.
    pub bytes: usize,
    pub payload_bytes: u64,
}

/// Whole messages in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Binary,
}

impl Head {
    /// The head that `bytes` begin with; `None` when it is not all there yet.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (payload_bytes, rest) = match second & 0x7f {
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*length)), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*length), rest)
            }
            length => (u64::from(length), rest),
        };
        let (mask, rest) = if second & 0x80 != 0 {
            let (mask, rest) = rest.split_first_chunk()?;
            (Some(*mask), rest)
        } else {
            (None, rest)
        };
        Some(Self {
            is_final: first & 0x80 != 0,
            reserved: first & 0x70 != 0,
            opcode: first & 0x0f,
            mask,
            bytes: bytes.len() - rest.len(),
            payload_bytes,
        })
    }

    /// What it is, with its mask, when it is a message by itself and in order.
    /// Between the parts of another message nothing is.
    pub fn message(&self, in_parts: bool) -> Option<(Kind, [u8; 4])> {
        let kind = match self.opcode {
            TEXT => Kind::Text,
            BINARY => Kind::Binary,
            _ => return None,
        };
        let in_order = self.is_final && !self.reserved && !in_parts;
        self.mask.filter(|_| in_order).map(|mask| (kind, mask))
    }

    /// One more part of a message with others to follow.
    pub fn continues(&self) -> bool {
        self.opcode == CONTINUATION && !self.is_final
    }

    /// Whether it is a message, or a part of one.
    pub fn is_data(&self) -> bool {
        matches!(self.opcode, CONTINUATION | TEXT | BINARY)
    }

    /// Whether more parts of a message have to follow this frame.
    pub fn leaves_in_parts(&self, in_parts: bool) -> bool {
        match self.opcode {
            CONTINUATION | TEXT | BINARY => !self.is_final,
            _ => in_parts,
        }
    }
}

/// A message for browsers as it leaves: servers don't mask, so all of them are sent
/// the very same bytes, which are made once.
#[derive(Clone, Debug)]
pub struct TextFrame(pub Bytes);

impl From<String> for TextFrame {
    fn from(message: String) -> Self {
        let mut frame = Vec::with_capacity(HEAD_BYTES_MAX + message.len());
        frame.push(0x80 | TEXT);
        match (u8::try_from(message.len()), u16::try_from(message.len())) {
            (Ok(length @ ..126), _) => frame.push(length),
            (_, Ok(length)) => {
                frame.push(126);
                frame.extend_from_slice(&length.to_be_bytes());
            }
            _ => {
                frame.push(127);
                frame.extend_from_slice(&(message.len() as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(message.as_bytes());
        Self(frame.into())
    }
}

impl TextFrame {
    /// Bytes of it, head and all.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Takes the mask off a payload (section 5.3), or puts it on.
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from(u32::from_ne_bytes(mask)) * 0x1_0000_0001;
    let mut eights = payload.chunks_exact_mut(8);
    for eight in &mut eights {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(eight);
        eight.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
    }
    for (byte, mask) in eights.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tungstenite::protocol::frame::FrameHeader;
    use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

    #[test]
    fn a_text_is_framed_as_the_library_reads_it() {
        for length in [0, 1, 125, 126, 300, 65_535, 65_536, 200_000] {
            let frame = TextFrame::from("x".repeat(length));
            let head = Head::read(&frame.0).unwrap();
            assert_eq!(head.payload_bytes, length as u64);
            assert_eq!(head.bytes + length, frame.len());
            let mut library = tungstenite::WebSocket::from_raw_socket(
                std::io::Cursor::new(frame.0.to_vec()),
                tungstenite::protocol::Role::Client,
                None,
            );
            let read = library.read().unwrap();
            assert_eq!(read.into_text().unwrap().len(), length);
        }
    }

    #[test]
    fn heads_are_read_as_the_library_writes_them() {
        let opcodes = [
            OpCode::Data(Data::Continue),
            OpCode::Data(Data::Text),
            OpCode::Data(Data::Binary),
            OpCode::Control(Control::Ping),
        ];
        for opcode in opcodes {
            for mask in [None, Some([1, 2, 3, 0xff])] {
                for length in [0u64, 1, 125, 126, 65_535, 65_536, u64::MAX >> 1] {
                    for (is_final, rsv2) in [(true, false), (false, false), (true, true)] {
                        let header = FrameHeader {
                            is_final,
                            rsv2,
                            opcode,
                            mask,
                            ..FrameHeader::default()
                        };
                        let mut bytes = Vec::new();
                        header.format(length, &mut bytes).unwrap();
                        for end in 0..bytes.len() {
                            assert_eq!(Head::read(&bytes[..end]), None);
                        }
                        let whole = bytes.len();
                        assert!(whole <= HEAD_BYTES_MAX);
                        bytes.extend_from_slice(b"payload");
                        let head = Head::read(&bytes).unwrap();
                        assert_eq!((head.bytes, head.payload_bytes), (whole, length));
                        let ours = is_final
                            && !rsv2
                            && mask.is_some()
                            && matches!(opcode, OpCode::Data(Data::Text | Data::Binary));
                        assert_eq!(head.message(false).is_some(), ours);
                        assert_eq!(head.message(true), None);
                    }
                }
            }
        }
    }

    #[test]
    fn parts_end_with_their_last_and_not_with_a_ping_between_them() {
        let leaves = |first: u8, in_parts| {
            Head::read(&[first, 0x80, 0, 0, 0, 0])
                .unwrap()
                .leaves_in_parts(in_parts)
        };
        assert!(leaves(0x02, false));
        assert!(leaves(0x89, true));
        assert!(leaves(0x00, true));
        assert!(!leaves(0x80, true));
        assert!(!leaves(0x82, false));
        assert!(!leaves(0x89, false));
    }

    #[test]
    fn a_mask_comes_off_at_every_length() {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        for length in 0..40u8 {
            let plain: Vec<u8> = (0..length).map(|n| n.wrapping_mul(7)).collect();
            let mut masked: Vec<u8> = plain.clone();
            for (at, byte) in masked.iter_mut().enumerate() {
                *byte ^= mask[at % 4];
            }
            unmask(&mut masked, mask);
            assert_eq!(masked, plain);
        }
        // The example of section 5.7.
        let mut hello = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        unmask(&mut hello, mask);
        assert_eq!(&hello, b"Hello");
    }
}
