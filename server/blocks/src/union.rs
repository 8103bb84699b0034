//! Rows of different lists of series on their way into one block: a column has values of
//! those rows alone whose list has it. Pure.

use super::base::{self, Base, Segment};
use super::column::Effort;
use super::columns::{Block, Columns};
use super::error::BlockError;
use super::pack::{self, Part, Stretch};
use stardust_shared::ABSENT;

/// A column, and the rows that have it.
#[derive(Debug, Default)]
struct Sparse {
    stretches: Vec<Stretch>,
    /// Where the values of each stretch begin.
    starts: Vec<usize>,
    values: Vec<i64>,
}

impl Sparse {
    fn clear(&mut self) {
        self.stretches.clear();
        self.starts.clear();
        self.values.clear();
    }

    /// Rows from `row` on have what is appended to the values next.
    fn extend(&mut self, row: usize, count: usize) {
        if count == 0 {
            return;
        }
        let (row, count) = (row as u32, count as u32);
        match self.stretches.last_mut() {
            Some((first, length)) if *first + *length == row => *length += count,
            _ => {
                self.stretches.push((row, count));
                self.starts.push(self.values.len());
            }
        }
    }

    /// The values of those rows, in parts: the first row of each, and its values.
    fn within(
        &self,
        rows: std::ops::Range<usize>,
    ) -> impl DoubleEndedIterator<Item = (usize, &[i64])> {
        let from = self
            .stretches
            .partition_point(|(first, count)| (first + count) as usize <= rows.start);
        let to = self
            .stretches
            .partition_point(|(first, _)| (*first as usize) < rows.end);
        let to = to.max(from);
        let stretches = self.stretches[from..to].iter().zip(&self.starts[from..to]);
        stretches.map(move |(&(first, count), &at)| {
            let first = first as usize;
            let begin = rows.start.max(first);
            let end = rows.end.min(first + count as usize);
            (begin, &self.values[at + begin - first..at + end - first])
        })
    }

    fn first(&self, rows: std::ops::Range<usize>) -> Option<i64> {
        self.within(rows)
            .find_map(|(_, values)| base::first(values))
    }

    /// The last one, and its row.
    fn last(&self, rows: std::ops::Range<usize>) -> Option<(usize, i64)> {
        self.within(rows).rev().find_map(|(row, values)| {
            let at = values.iter().rposition(|value| *value != ABSENT)?;
            Some((row + at, values[at]))
        })
    }
}

#[derive(Debug, Default)]
pub struct Union {
    pub times: Vec<i64>,
    columns: Vec<Sparse>,
    /// From where counters go on; empty where nobody knows.
    segments: Vec<Segment>,
    width: usize,
    /// Columns from there on are those of counters, of rows that are samples.
    counters: usize,
    part: Vec<i64>,
}

impl Union {
    /// Empties it for rows of that many columns; the memory is used again. `counters` is
    /// the first one whose segments are to be joined.
    pub fn reset(&mut self, width: usize, counters: usize) {
        self.times.clear();
        self.segments.clear();
        self.columns.iter_mut().for_each(Sparse::clear);
        if self.columns.len() < width {
            self.columns.resize_with(width, Sparse::default);
        }
        (self.width, self.counters) = (width, counters);
    }

    pub fn rows(&self) -> usize {
        self.times.len()
    }

    /// First and last time, in the order of the clock.
    pub fn span_ms(&self) -> Option<(i64, i64)> {
        let min = self.times.iter().copied().min()?;
        Some((min, self.times.iter().copied().max()?))
    }

    /// What its bases take: how many there are, of so many columns each.
    pub fn base_values(&self) -> usize {
        self.segments.len() * self.width
    }

    /// Appends rows that were gathered; `at` says where each of their columns is in here.
    pub fn append(&mut self, rows: &Columns, at: &[usize]) {
        let begin = self.rows();
        self.times.extend_from_slice(&rows.times);
        for (values, &at) in rows.values.iter().zip(at) {
            self.columns[at].extend(begin, values.len());
            self.columns[at].values.extend_from_slice(values);
        }
        for segment in &rows.segments {
            self.begin_segment(begin + segment.row, &segment.base, at);
        }
    }

    /// Appends the rows of a block, samples or not. On an error some columns may have
    /// more rows than others.
    pub fn append_block(
        &mut self,
        block: &Block<'_, [u8]>,
        at: &[usize],
        samples: bool,
    ) -> Result<(), BlockError> {
        let begin = self.rows();
        let mut part = std::mem::take(&mut self.part);
        let done = self.append_columns(block, at, &mut part);
        self.part = part;
        done?;
        if samples {
            let bases = block.bases()?;
            let first = |number: usize, rows: std::ops::Range<usize>| {
                self.columns[at[number]].first(begin + rows.start..begin + rows.end)
            };
            for segment in bases.known(block.rows, first) {
                self.begin_segment(begin + segment.row, &segment.base, at);
            }
        }
        Ok(())
    }

    fn append_columns(
        &mut self,
        block: &Block<'_, [u8]>,
        at: &[usize],
        part: &mut Vec<i64>,
    ) -> Result<(), BlockError> {
        let begin = self.rows();
        block.times(part)?;
        self.times.extend_from_slice(part);
        for (number, &at) in at.iter().enumerate() {
            let column = &mut self.columns[at];
            let whole = [(0, block.rows as u32)];
            let stretches = block.there(number, part)?.unwrap_or(&whole);
            let mut rest = &part[..];
            for &(first, count) in stretches {
                let (here, later) = rest.split_at(count as usize);
                column.extend(begin + first as usize, here.len());
                column.values.extend_from_slice(here);
                rest = later;
            }
        }
        Ok(())
    }

    /// Rows from `row` on go on from `base`, of the columns `at`. It is no new segment
    /// where the rows before end with that. A counter without a sample since the segment
    /// began may go on from anything.
    fn begin_segment(&mut self, row: usize, base: &Base, at: &[usize]) {
        let wanted = || {
            let counters = at.iter().enumerate();
            let counters = counters.filter(|(_, at)| **at >= self.counters);
            counters.map(|(number, at)| (*at, base.get(number).copied().flatten()))
        };
        let goes_on = self.segments.last().is_some_and(|last| {
            wanted().all(|(at, base)| {
                let ended = self.columns[at].last(last.row..row);
                ended.is_none_or(|(row, value)| base == Some((self.times[row], value)))
            })
        });
        let wanted: Vec<_> = wanted().collect();
        if !goes_on {
            let base = vec![None; self.width];
            self.segments.push(Segment { row, base });
        }
        let Some(last) = self.segments.last_mut() else {
            return;
        };
        for (at, base) in wanted {
            if !goes_on || self.columns[at].last(last.row..row).is_none() {
                last.base[at] = base;
            }
        }
    }

    /// Whether fewer than one in `share` of the rows have a column.
    pub fn is_rare(&self, at: usize, share: usize) -> bool {
        self.columns[at].values.len() < self.rows() / share
    }

    /// A block of some of its columns.
    pub fn encode(&self, at: &[usize], effort: Effort) -> std::io::Result<Vec<u8>> {
        let segments: Vec<Segment> = match at.len() == self.width {
            true => self.segments.clone(),
            false => {
                let segments = self.segments.iter();
                let segments = segments.map(|segment| Segment {
                    row: segment.row,
                    base: at.iter().map(|at| segment.base[*at]).collect(),
                });
                segments.collect()
            }
        };
        let first = |number: usize, rows| self.columns[at[number]].first(rows);
        let bases = base::encode(&segments, at.len(), self.rows(), first);
        let parts = at.iter().map(|at| Part {
            stretches: Some(&self.columns[*at].stretches),
            values: &self.columns[*at].values,
        });
        pack::encode(&self.times, &bases, parts, effort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(times: &[i64], values: &[&[i64]], base: &[Option<(i64, i64)>]) -> Columns {
        let mut columns = Columns::new(values.len());
        columns.times = times.to_vec();
        columns.values = values.iter().map(|values| values.to_vec()).collect();
        columns.go_on_from(base.to_vec());
        columns
    }

    /// Its segments and columns, as they come back from a block.
    fn back(union: &Union) -> (Vec<Segment>, Vec<Vec<i64>>) {
        let all: Vec<usize> = (0..union.width).collect();
        let data = union.encode(&all, Effort::Best).unwrap();
        let block = Block::open(&data[..]).unwrap();
        let mut columns = vec![Vec::new(); block.width()];
        for (number, column) in columns.iter_mut().enumerate() {
            block.values(number, column).unwrap();
        }
        let first = |at: usize, rows: std::ops::Range<usize>| base::first(&columns[at][rows]);
        let segments = block.bases().unwrap().known(block.rows, first);
        // The same again, by way of the block.
        let mut again = Union::default();
        again.reset(union.width, union.counters);
        again.append_block(&block, &all, true).unwrap();
        assert_eq!(again.encode(&all, Effort::Best).unwrap(), data);
        (segments, columns)
    }

    #[test]
    fn rows_of_different_lists_go_on_from_each_other_where_their_counters_do() {
        const NONE: i64 = ABSENT;
        let mut union = Union::default();
        union.reset(9, 0);
        // A gauge, then two counters.
        union.reset(3, 1);
        union.append(
            &rows(&[10, 20], &[&[1, 2], &[5, 6]], &[None, Some((0, 4))]),
            &[0, 1],
        );
        // The second counter comes, from a sample long ago: nobody else has gone on from it.
        union.append(
            &rows(&[30], &[&[7], &[40]], &[Some((20, 6)), Some((-90, 30))]),
            &[1, 2],
        );
        union.append(&rows(&[40], &[&[41]], &[Some((30, 40))]), &[2]);
        union.append(&rows(&[50], &[&[9]], &[Some((30, 7))]), &[1]);
        let (segments, columns) = back(&union);
        let first = Segment {
            row: 0,
            base: vec![None, Some((0, 4)), Some((-90, 30))],
        };
        assert_eq!(segments, std::slice::from_ref(&first));
        assert_eq!(
            columns,
            [
                vec![1, 2, NONE, NONE, NONE],
                vec![5, 6, 7, NONE, 9],
                vec![NONE, NONE, 40, 41, NONE]
            ]
        );
        // Another run: one counter goes on from elsewhere.
        union.append(
            &rows(&[60], &[&[50], &[60]], &[Some((50, 9)), Some((1, 2))]),
            &[1, 2],
        );
        let second = Segment {
            row: 5,
            base: vec![None, Some((50, 9)), Some((1, 2))],
        };
        assert_eq!(back(&union).0, [first, second]);
        assert!(!union.is_rare(2, 2) && union.is_rare(0, 2));
    }

    #[test]
    fn what_goes_on_from_nothing_is_not_what_goes_on_from_something() {
        let mut union = Union::default();
        union.reset(1, 0);
        union.append(&rows(&[10], &[&[1]], &[None]), &[0]);
        union.append(&rows(&[20], &[&[2]], &[None]), &[0]);
        let bases: Vec<_> = back(&union)
            .0
            .into_iter()
            .map(|one| (one.row, one.base))
            .collect();
        assert_eq!(bases, [(0, vec![None]), (1, vec![None])]);
    }
}
