//! Lists of numbers of series, as they are stored. Pure.
//!
//! Series that came together have numbers in a row, so that a list is a few runs: for
//! each one how far its first number is from the one that would follow the run before
//! (signed), and how many there are.

use stardust_shared::limits::SERIES_MAX;
use stardust_shared::varint::{Reader, put, put_signed};

/// Numbers in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: i64,
    length: usize,
    /// Where the first one is in the list.
    at: usize,
}

/// Numbers of series, in the order of the columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    runs: Vec<Run>,
    length: usize,
}

impl List {
    pub fn new(ids: impl IntoIterator<Item = i64>) -> Self {
        let mut list = Self::default();
        for id in ids {
            match list.runs.last_mut() {
                Some(run) if run.first + run.length as i64 == id => run.length += 1,
                _ => list.runs.push(Run {
                    first: id,
                    length: 1,
                    at: list.length,
                }),
            }
            list.length += 1;
        }
        list
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut next = 0i64;
        for run in &self.runs {
            put_signed(&mut out, run.first.wrapping_sub(next));
            put(&mut out, run.length as u64);
            next = run.first + run.length as i64;
        }
        out
    }

    /// `None` when the bytes are no list.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let mut list = Self::default();
        let mut next = 0i64;
        while !reader.is_empty() {
            let first = next.checked_add(reader.signed().ok()?)?;
            let length = usize::try_from(reader.varint().ok()?).ok()?;
            if length == 0 || length > SERIES_MAX - list.length {
                return None;
            }
            next = first.checked_add(length as i64)?;
            list.runs.push(Run {
                first,
                length,
                at: list.length,
            });
            list.length += length;
        }
        Some(list)
    }

    pub fn len(&self) -> usize {
        self.length
    }

    /// The numbers of each run, from and up to.
    pub fn runs(&self) -> impl Iterator<Item = std::ops::Range<i64>> {
        let runs = self.runs.iter();
        runs.map(|run| run.first..run.first + run.length as i64)
    }

    pub fn ids(&self) -> impl Iterator<Item = i64> {
        self.runs().flatten()
    }

    /// Where a series is.
    pub fn position(&self, id: i64) -> Option<usize> {
        let within = |run: &&Run| (run.first..run.first + run.length as i64).contains(&id);
        let run = self.runs.iter().find(within)?;
        Some(run.at + (id - run.first) as usize)
    }

    /// Which of some series it has, and where they are, in its own order; `sorted` are
    /// numbers from small to large.
    pub fn find<'a>(&'a self, sorted: &'a [i64]) -> impl Iterator<Item = (usize, i64)> + 'a {
        self.runs.iter().flat_map(move |run| {
            let from = sorted.partition_point(|id| *id < run.first);
            let end = run.first + run.length as i64;
            let here = sorted[from..].iter().take_while(move |id| **id < end);
            here.map(|id| (run.at + (*id - run.first) as usize, *id))
        })
    }

    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.runs.len() * size_of::<Run>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_and_damage_is_none() {
        let lists: [&[i64]; 5] = [
            &[],
            &[7],
            &[100, 101, 102, 5, 6, 103, 104],
            &[1 << 40, 3, 2, 1],
            &[9, 10, 12],
        ];
        for ids in lists {
            let list = List::new(ids.iter().copied());
            let bytes = list.encode();
            assert_eq!(List::decode(&bytes), Some(list.clone()));
            assert_eq!(list.ids().collect::<Vec<_>>(), ids);
            assert_eq!(list.len(), ids.len());
            let mut sorted = ids.to_vec();
            sorted.sort_unstable();
            let found: Vec<_> = list.find(&sorted).collect();
            let all: Vec<_> = ids.iter().copied().enumerate().collect();
            assert_eq!(found, all);
            for (at, id) in all {
                assert_eq!(list.position(id), Some(at));
            }
            assert_eq!(list.position(4), None);
            assert_eq!(list.find(&[4, 8]).count(), 0);
        }
        // What came together takes a few bytes.
        assert!(List::new(1_000_000..1_008_192).encode().len() <= 6);
        for damaged in [&[2u8][..], &[2, 0], &[0xff; 12], &[2, 0xff, 0xff, 0x7f]] {
            assert_eq!(List::decode(damaged), None);
        }
    }
}
