//! The numbered list of series that samples refer to.

use crate::WireError;
use crate::limits::{KEY_BYTES_MAX, LAYOUT_KEYS_BYTES_MAX, SCALE_MAX, SERIES_MAX};
use crate::series::{Kind, Role, SeriesDef, Unit};
use crate::varint::{Reader, put};

mod change;
mod keys;

use keys::check_keys;

pub use change::{Change, KIND_CHANGE};

/// First byte of a binary message: a layout.
pub const KIND_LAYOUT: u8 = 1;

const FLAG_COUNTER: u8 = 1;
pub(crate) const FLAG_STEADY: u8 = 2;
pub(crate) const FLAG_PART: u8 = 4;
pub(crate) const FLAG_SUM: u8 = 8;
pub(crate) const FLAG_RISING: u8 = 16;

/// A list of series in a fixed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    id: u64,
    series: Vec<SeriesDef>,
    /// How many are steady.
    steady: usize,
    /// What the codec needs of each series, close together: with ten thousand
    /// nodes the definitions are in no cache when a record comes.
    flags: Box<[u8]>,
    /// Of each eight series, those that change also when nothing of them is sent.
    moving: Box<[u8]>,
}

impl Layout {
    /// `id` grows with every layout of one run of the Spider.
    pub fn new(id: u64, series: Vec<SeriesDef>) -> Self {
        let flags: Box<[u8]> = series.iter().map(flags).collect();
        let moves = |flags: &u8| flags & (FLAG_STEADY | FLAG_SUM) != 0;
        let moving = flags.chunks(8).map(|eight| {
            let bits = eight.iter().enumerate();
            bits.fold(0, |all, (bit, flags)| all | u8::from(moves(flags)) << bit)
        });
        Self {
            id,
            steady: series.iter().filter(|series| series.steady).count(),
            moving: moving.collect(),
            flags,
            series,
        }
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn series(&self) -> &[SeriesDef] {
        &self.series
    }

    pub fn len(&self) -> usize {
        self.series.len()
    }

    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// About what it takes of memory: its list, and the keys with what the allocator
    /// adds to each.
    pub fn memory_bytes(&self) -> usize {
        const BESIDES_KEY: usize = size_of::<SeriesDef>() + 2 + 16;
        let keys: usize = self.series.iter().map(|series| series.key.len()).sum();
        size_of::<Self>() + keys + self.series.len() * BESIDES_KEY
    }

    pub(crate) fn steady(&self) -> usize {
        self.steady
    }

    /// `FLAG_…` of each series.
    pub(crate) fn flags(&self) -> &[u8] {
        &self.flags
    }

    pub(crate) fn moving(&self) -> &[u8] {
        &self.moving
    }

    /// Appends the whole message, kind byte included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(KIND_LAYOUT);
        put(out, self.id);
        self.encode_series(out);
    }

    /// Appends the list without kind and number: equal lists give equal bytes.
    pub fn encode_series(&self, out: &mut Vec<u8>) {
        put(out, self.series.len() as u64);
        let mut before: &str = "";
        for series in &self.series {
            put_after(out, before, &series.key);
            out.push(flags(series));
            out.push(series.unit.0);
            put(out, u64::from(series.scale));
            before = &series.key;
        }
    }

    /// Reads what follows the kind byte.
    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let id = reader.varint()?;
        let layout = Self::read(id, reader.rest(), LAYOUT_KEYS_BYTES_MAX)?;
        check_keys(&layout.series, &[])?;
        Ok(layout)
    }

    /// Reads what [`Self::encode_series`] wrote. Bytes after it are ignored: a
    /// later minor version may append fields there. What was stored before the keys
    /// together had a bound, or before each had to be there once, is read too.
    pub fn decode_series(id: u64, body: &[u8]) -> Result<Self, WireError> {
        Self::read(id, body, SERIES_MAX * KEY_BYTES_MAX)
    }

    fn read(id: u64, body: &[u8], keys_bytes_max: usize) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let mut keys_bytes = 0;
        let count = reader.varint()?;
        if count > SERIES_MAX as u64 {
            return Err(WireError::OutOfRange("series count"));
        }
        // A series takes five bytes at the least: no reservation beyond what was sent.
        let mut series = Vec::with_capacity((count as usize).min(reader.rest().len() / 5 + 1));
        let mut key: Vec<u8> = Vec::new();
        for _ in 0..count {
            series.push(read_series(&mut reader, &mut key)?);
            keys_bytes += key.len();
            if keys_bytes > keys_bytes_max {
                return Err(WireError::OutOfRange("size of all series keys together"));
            }
        }
        Ok(Self::new(id, series))
    }
}

/// Appends `text` as what it shares with the one before, and the rest of it.
fn put_after(out: &mut Vec<u8>, before: &str, text: &str) {
    let shared = shared_prefix(before.as_bytes(), text.as_bytes());
    put(out, shared as u64);
    put(out, (text.len() - shared) as u64);
    out.extend_from_slice(&text.as_bytes()[shared..]);
}

/// Reads what [`put_after`] wrote into the one before.
fn read_after(reader: &mut Reader<'_>, text: &mut Vec<u8>) -> Result<(), WireError> {
    let shared = reader.varint()?;
    if shared > text.len() as u64 {
        return Err(WireError::OutOfRange("shared key prefix"));
    }
    let suffix = reader.varint()?;
    if shared + suffix.min(1 << 32) > KEY_BYTES_MAX as u64 {
        return Err(WireError::OutOfRange("series key length"));
    }
    text.truncate(shared as usize);
    text.extend_from_slice(reader.bytes(suffix as usize)?);
    Ok(())
}

/// Reads one series; `key` is that of the one before it, and then its own.
fn read_series(reader: &mut Reader<'_>, key: &mut Vec<u8>) -> Result<SeriesDef, WireError> {
    read_after(reader, key)?;
    let flags = reader.byte()?;
    let unit = Unit(reader.byte()?);
    let scale = reader.varint()?;
    let key = std::str::from_utf8(key).map_err(|_| WireError::NotUtf8)?;
    SeriesDef::from_parts(key, flags, unit, scale)
}

impl SeriesDef {
    /// Its kind, and what else there is to say of it but unit and scale, in one byte.
    pub fn flags(&self) -> u8 {
        flags(self)
    }

    /// What [`Self::flags`] and the others say.
    ///
    /// # Errors
    /// When they say what no series can be.
    pub fn from_parts(key: &str, flags: u8, unit: Unit, scale: u64) -> Result<Self, WireError> {
        if scale == 0 || scale > u64::from(SCALE_MAX) {
            return Err(WireError::OutOfRange("series scale"));
        }
        Ok(Self {
            key: key.into(),
            kind: if flags & FLAG_COUNTER != 0 {
                Kind::Counter
            } else {
                Kind::Gauge
            },
            unit,
            scale: scale as u32,
            steady: flags & FLAG_STEADY != 0,
            role: match flags & (FLAG_PART | FLAG_SUM) {
                0 => Role::Alone,
                FLAG_PART => Role::Part,
                FLAG_SUM => Role::Sum,
                _ => return Err(WireError::OutOfRange("series flags")),
            },
            rising: flags & FLAG_RISING != 0,
        })
    }
}

fn flags(series: &SeriesDef) -> u8 {
    let kind = match series.kind {
        Kind::Counter => FLAG_COUNTER,
        Kind::Gauge => 0,
    };
    let steady = if series.steady { FLAG_STEADY } else { 0 };
    let role = match series.role {
        Role::Alone => 0,
        Role::Part => FLAG_PART,
        Role::Sum => FLAG_SUM,
    };
    let rising = if series.rising { FLAG_RISING } else { 0 };
    kind | steady | role | rising
}

fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Layout {
        Layout::new(
            7,
            vec![
                SeriesDef::new("cpu.user_ms", &[]),
                SeriesDef::new("cpu.user_ms", &[("core", "0")]),
                SeriesDef::new("cpu.idle_ms", &[("core", "0")]),
                SeriesDef::new("fs.free_bytes", &[("mount", "/é"), ("type", "ext4")]),
                SeriesDef::new("fs.free_bytes", &[("mount", "/è"), ("type", "ext4")]),
            ],
        )
    }

    #[test]
    fn comes_back_the_same() {
        let layout = sample();
        let mut bytes = Vec::new();
        layout.encode(&mut bytes);
        assert_eq!(bytes[0], KIND_LAYOUT);
        assert_eq!(Layout::decode(&bytes[1..]), Ok(layout));
    }

    #[test]
    fn every_cut_is_refused_not_misread() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes);
        for end in 1..bytes.len() {
            assert!(Layout::decode(&bytes[1..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn limits_hold_at_the_bound_and_one_past_it() {
        let many = |count: usize| {
            let series = (0..count)
                .map(|n| SeriesDef::new(&format!("s{n}"), &[]))
                .collect();
            let mut bytes = Vec::new();
            Layout::new(1, series).encode(&mut bytes);
            Layout::decode(&bytes[1..])
        };
        assert_eq!(many(SERIES_MAX).unwrap().len(), SERIES_MAX);
        assert_eq!(
            many(SERIES_MAX + 1),
            Err(WireError::OutOfRange("series count"))
        );

        let long = |bytes: usize, scale: u32| {
            let mut def = SeriesDef::new("x", &[]);
            def.key = "k".repeat(bytes).into();
            def.scale = scale;
            let mut out = Vec::new();
            Layout::new(1, vec![def]).encode(&mut out);
            Layout::decode(&out[1..])
        };
        assert!(long(KEY_BYTES_MAX, SCALE_MAX).is_ok());
        assert_eq!(
            long(KEY_BYTES_MAX + 1, 1),
            Err(WireError::OutOfRange("series key length"))
        );
        assert_eq!(
            long(1, SCALE_MAX + 1),
            Err(WireError::OutOfRange("series scale"))
        );
        assert_eq!(long(1, 0), Err(WireError::OutOfRange("series scale")));
    }

    #[test]
    fn keys_of_one_layout_are_bounded_together() {
        let keys = |bytes: usize| {
            let (whole, rest) = (bytes / KEY_BYTES_MAX, bytes % KEY_BYTES_MAX);
            let mut def = SeriesDef::new("x", &[]);
            let mut series = Vec::new();
            for n in 0..=whole {
                let length = if n == whole { rest } else { KEY_BYTES_MAX };
                def.key = match length {
                    0..8 => "k".repeat(length).into(),
                    _ => format!("{}{n:08}", "k".repeat(length - 8)).into(),
                };
                series.push(def.clone());
            }
            Layout::new(1, series)
        };
        let decode = |layout: &Layout| {
            let mut bytes = Vec::new();
            layout.encode(&mut bytes);
            // Front coding makes little of them: what they take decoded counts.
            assert!(bytes.len() < LAYOUT_KEYS_BYTES_MAX / 8);
            Layout::decode(&bytes[1..])
        };
        let most = keys(LAYOUT_KEYS_BYTES_MAX);
        assert_eq!(decode(&most), Ok(most));
        let over = keys(LAYOUT_KEYS_BYTES_MAX + 1);
        assert_eq!(
            decode(&over),
            Err(WireError::OutOfRange("size of all series keys together"))
        );
        // One that a database holds already is still read.
        let mut stored = Vec::new();
        over.encode_series(&mut stored);
        assert_eq!(Layout::decode_series(1, &stored), Ok(over));
    }

    #[test]
    fn memory_is_told_as_it_is_taken() {
        let series = |n: usize| SeriesDef::new("net.rx_bytes", &[("iface", &format!("veth{n}"))]);
        let layout = |count: usize| Layout::new(1, (0..count).map(series).collect());
        let (few, many) = (layout(10).memory_bytes(), layout(1_010).memory_bytes());
        // A definition, its key, flags and what the allocator adds.
        assert!((60_000..120_000).contains(&(many - few)), "{few} {many}");
    }

    #[test]
    fn a_key_that_is_not_utf8_is_refused() {
        let bytes = [1, 1, 0, 1, 0xff, 0, 0, 1];
        assert_eq!(Layout::decode(&bytes), Err(WireError::NotUtf8));
        // A prefix that shares more than the key before it has.
        assert_eq!(
            Layout::decode(&[1, 1, 3, 0, 0, 0, 1]),
            Err(WireError::OutOfRange("shared key prefix"))
        );
    }
}
