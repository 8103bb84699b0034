//! What earlier runs of the Spider left undelivered, as a file's bytes and back.
//!
//! Pure; [`super::flush`] says when, [`super::ring_file`] does the I/O. Each run
//! keeps its own id and sequence numbers: what the server has of it already is
//! skipped exactly, even when the file is older than the last acknowledgement.
//! A run's times stay those of its own boot, with what turns them into wall time.

use stardust_shared::WireError;
use stardust_shared::limits::TIME_MS_MIN;
use stardust_shared::varint::{Reader, put, put_signed};

use super::clocks::TIME_MS_MAX;
use super::ring::Ring;

/// Names the format and its version; a checksum follows, then the runs.
const MAGIC: &[u8; 16] = b"stardust ring 2\n";
/// The same without changes of the list of series.
const MAGIC_1: &[u8; 16] = b"stardust ring 1\n";
/// Up to the digit.
const MAGIC_COMMON_BYTES: usize = 14;
const ID_BYTES_MAX: usize = 64;
/// A machine that restarts all day while the server is away leaves many.
pub const RUNS_MAX: usize = 64;
/// Boot times beyond this are none: a century.
const BOOT_MS_MAX: i64 = 100 * 366 * 86_400_000;

/// One earlier run.
#[derive(Debug)]
pub struct SavedRun {
    pub run: String,
    pub boot_id: String,
    /// When the run began, on its own boot's clock.
    pub began_ms: i64,
    /// Added to its times it makes wall time of them, as well as was known.
    pub shift_ms: i64,
    /// Ground Control agreed to that shift.
    pub agreed: bool,
    pub ring: Ring,
}

/// A run to be written.
pub struct Part<'a> {
    pub run: &'a str,
    pub boot_id: &'a str,
    pub began_ms: i64,
    pub shift_ms: i64,
    pub agreed: bool,
    pub ring: &'a Ring,
}

/// Why a file can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    Foreign,
    OtherVersion,
    Checksum,
    Content(WireError),
}

impl Damage {
    pub fn words(self) -> &'static str {
        match self {
            Self::Foreign => "it is not a ring file",
            Self::OtherVersion => "it is of another version of the Spider",
            Self::Checksum => "its checksum does not fit: it was cut off or altered",
            Self::Content(_) => "its content makes no sense",
        }
    }
}

impl SavedRun {
    /// Whether its wall times can be believed: a clock that was never set gives
    /// none, and no sample goes into the wrong year.
    pub fn has_wall_time(&self) -> bool {
        let wall = |boot_ms: i64| boot_ms.saturating_add(self.shift_ms);
        (TIME_MS_MIN..TIME_MS_MAX).contains(&wall(self.began_ms))
            && (TIME_MS_MIN..TIME_MS_MAX).contains(&wall(self.ring.newest_boot_ms()))
    }
}

/// The file for `parts`, oldest first; at most `bytes_max`, and then the newest
/// samples. `None` when there is nothing to keep.
pub fn encode(parts: &[Part<'_>], bytes_max: usize) -> Option<Vec<u8>> {
    let mut room = bytes_max.saturating_sub(MAGIC.len() + 16);
    let mut written: Vec<Vec<u8>> = Vec::new();
    for part in parts.iter().rev().take(RUNS_MAX) {
        let mut out = Vec::new();
        for text in [part.run, part.boot_id] {
            put(&mut out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        put_signed(&mut out, part.began_ms);
        put_signed(&mut out, part.shift_ms);
        out.push(u8::from(part.agreed));
        if part.ring.save(room.saturating_sub(out.len()), &mut out) {
            room = room.saturating_sub(out.len());
            written.push(out);
        }
    }
    if written.is_empty() {
        return None;
    }
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&[0; 4]);
    let body = file.len();
    put(&mut file, written.len() as u64);
    for part in written.iter().rev() {
        file.extend_from_slice(part);
    }
    let sum = crc32(&file[body..]).to_le_bytes();
    file[body - 4..body].copy_from_slice(&sum);
    Some(file)
}

/// The runs of a file, oldest first.
pub fn decode(file: &[u8]) -> Result<Vec<SavedRun>, Damage> {
    let known = [MAGIC, MAGIC_1];
    let Some(rest) = known.iter().find_map(|magic| file.strip_prefix(*magic)) else {
        let ours = file.get(..MAGIC_COMMON_BYTES) == Some(&MAGIC[..MAGIC_COMMON_BYTES]);
        return Err(if ours {
            Damage::OtherVersion
        } else {
            Damage::Foreign
        });
    };
    let (sum, body) = rest.split_first_chunk::<4>().ok_or(Damage::Checksum)?;
    if crc32(body) != u32::from_le_bytes(*sum) {
        return Err(Damage::Checksum);
    }
    decode_body(body).map_err(Damage::Content)
}

/// What follows the checksum.
pub fn decode_body(body: &[u8]) -> Result<Vec<SavedRun>, WireError> {
    let mut reader = Reader::new(body);
    let count = reader.varint()?;
    if count > RUNS_MAX as u64 {
        return Err(WireError::OutOfRange("number of runs"));
    }
    let runs = (0..count)
        .map(|_| run(&mut reader))
        .collect::<Result<_, _>>()?;
    if reader.is_empty() {
        Ok(runs)
    } else {
        Err(WireError::OutOfRange("file length"))
    }
}

fn run(reader: &mut Reader<'_>) -> Result<SavedRun, WireError> {
    let mut text = || {
        let len = reader.varint()?;
        if len > ID_BYTES_MAX as u64 {
            return Err(WireError::OutOfRange("id length"));
        }
        let text = std::str::from_utf8(reader.bytes(len as usize)?);
        text.map(str::to_owned).map_err(|_| WireError::NotUtf8)
    };
    let (run, boot_id) = (text()?, text()?);
    if run.is_empty() {
        return Err(WireError::OutOfRange("id length"));
    }
    let kept = SavedRun {
        run,
        boot_id,
        began_ms: reader.signed()?,
        shift_ms: reader.signed()?,
        agreed: reader.byte()? == 1,
        ring: Ring::restore(reader)?,
    };
    let times = [kept.began_ms, kept.ring.newest_boot_ms()];
    if kept.ring.is_empty() || !times.iter().all(|ms| (0..BOOT_MS_MAX).contains(ms)) {
        return Err(WireError::OutOfRange("sample time"));
    }
    Ok(kept)
}

/// CRC-32 as in zlib, four bits at a time: the table is small.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = {
        let (mut table, mut n) = ([0; 16], 0);
        while n < 16 {
            let (mut crc, mut bit) = (n as u32, 0);
            while bit < 4 {
                crc = if crc & 1 == 1 {
                    0xedb8_8320 ^ (crc >> 1)
                } else {
                    crc >> 1
                };
                bit += 1;
            }
            table[n] = crc;
            n += 1;
        }
        table
    };
    let mut crc = !0u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        crc = TABLE[crc as usize & 15] ^ (crc >> 4);
        crc = TABLE[crc as usize & 15] ^ (crc >> 4);
    }
    !crc
}

#[cfg(test)]
mod tests;
