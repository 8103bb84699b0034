//! Contexts: what of the values before tells which bins are likely now. Pure.
//!
//! A bin's rank is how far it is from the usual one, in powers of two. The key
//! of a value is made of the ranks before it: how busy the last two were, or
//! the last one with its side (gauges return to where they were). Neighbouring
//! keys share a context, and with it the frequencies.

use stardust_shared::varint::Reader;

use super::bins::{Bin, log2, log2_of};
use crate::error::BlockError;

/// Ranks to one side: both ways and none, or two of them added, are 15 keys.
const RANK_MAX: u8 = 7;
/// Keys that there can be.
const KEYS: usize = 16;
/// Contexts of a column.
pub const CONTEXTS_MAX: usize = 6;
/// What a frequency takes in the tables, in bits, and what it takes more when it
/// is not nothing.
const TABLE_BITS: (f32, f32) = (4.0, 5.0);

/// What a key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// There is one context.
    Nothing = 0,
    /// The ranks of the last two, added.
    Busy = 1,
    /// The rank of the last one, and its side.
    Side = 2,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contexts {
    made: Made,
    /// The usual bin.
    centre: u8,
    /// Distances of so many bits have rank 0.
    near: u8,
    /// The first key of each context after the first.
    cuts: Vec<u8>,
}

impl Contexts {
    fn new(made: Made, centre: u8, near: u8) -> Self {
        let cuts = Vec::new();
        Self {
            made,
            centre,
            near,
            cuts,
        }
    }

    pub fn count(&self) -> usize {
        self.cuts.len() + 1
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.made as u8);
        if self.made != Made::Nothing {
            out.extend_from_slice(&[self.centre, self.near, self.cuts.len() as u8]);
            out.extend_from_slice(&self.cuts);
        }
    }

    pub fn read(reader: &mut Reader<'_>) -> Result<Self, BlockError> {
        let wrong = || BlockError::Corrupt("contexts of a column");
        let made = match reader.byte()? {
            0 => return Ok(Self::new(Made::Nothing, 0, 0)),
            1 => Made::Busy,
            2 => Made::Side,
            _ => return Err(wrong()),
        };
        let (centre, near) = (reader.byte()?, reader.byte()?);
        let cuts = usize::from(reader.byte()?);
        if cuts >= CONTEXTS_MAX {
            return Err(wrong());
        }
        let cuts = reader.bytes(cuts)?.to_vec();
        Ok(Self {
            cuts,
            ..Self::new(made, centre, near)
        })
    }

    /// What tells the context of each value.
    pub fn follow(&self, bins: &[Bin]) -> Follow {
        let (mut now, mut later) = ([0; 256], [0; 256]);
        let middle = |bin: &Bin| {
            let half = (1u128 << bin.bits >> 1) as i64;
            bin.least.wrapping_add(half)
        };
        let centre = bins.get(usize::from(self.centre)).map_or(0, middle);
        for (at, bin) in bins.iter().enumerate() {
            let distance = middle(bin).saturating_sub(centre);
            let bits = (64 - distance.unsigned_abs().leading_zeros()) as u8;
            let rank = bits.saturating_sub(self.near).min(RANK_MAX);
            (now[at], later[at]) = match self.made {
                Made::Nothing => (0, 0),
                Made::Busy => (rank, rank),
                Made::Side if distance < 0 => (RANK_MAX - rank, 0),
                Made::Side => (RANK_MAX + rank, 0),
            };
        }
        let mut context = [0; KEYS];
        for (key, context) in (0u8..).zip(&mut context) {
            *context = self.cuts.iter().filter(|cut| **cut <= key).count() as u8;
        }
        let start = Walk {
            key: if self.made == Made::Side { RANK_MAX } else { 0 },
            carried: 0,
        };
        Follow {
            start,
            context,
            now,
            later,
        }
    }
}

/// What is looked up on the way through a column.
pub struct Follow {
    pub start: Walk,
    context: [u8; KEYS],
    now: [u8; 256],
    later: [u8; 256],
}

/// Where on the way.
#[derive(Clone, Copy)]
pub struct Walk {
    key: u8,
    carried: u8,
}

impl Follow {
    /// Less than [`CONTEXTS_MAX`].
    #[inline]
    pub fn context(&self, walk: Walk) -> u8 {
        self.context[usize::from(walk.key) % KEYS]
    }

    #[inline]
    pub fn step(&self, walk: &mut Walk, bin: u8) {
        walk.key = self.now[usize::from(bin)] + walk.carried;
        walk.carried = self.later[usize::from(bin)];
    }

    /// Where one is behind these values: the last two tell.
    pub fn behind(&self, bins: &[u8]) -> Walk {
        let mut walk = self.start;
        for &bin in &bins[bins.len().saturating_sub(2)..] {
            self.step(&mut walk, bin);
        }
        walk
    }
}

impl Follow {
    /// The same for `bins` bins, each step a single look-up.
    pub fn next(&self, bins: usize) -> Next {
        let mut context = [[0; 256]; CARRIED];
        for (carried, of_bin) in (0u8..).zip(&mut context) {
            for (number, context) in (0u8..=255).zip(&mut of_bin[..bins]) {
                let key = self.now[usize::from(number)] + carried;
                *context = self.context(Walk { key, carried: 0 });
            }
        }
        Next {
            start: (self.start.carried, self.context(self.start)),
            context,
            carried: self.later,
        }
    }
}

/// What a value can carry over to the one after the next.
const CARRIED: usize = RANK_MAX as usize + 1;

/// Contexts by what was carried over and the bin.
pub struct Next {
    /// What is carried over to the first value, and its context.
    pub start: (u8, u8),
    context: [[u8; 256]; CARRIED],
    carried: [u8; 256],
}

impl Next {
    /// What is carried over, and the context after a value of this bin.
    #[inline(always)]
    pub fn after(&self, carried: u8, bin: u8) -> (u8, u8) {
        let bin = usize::from(bin);
        (
            self.carried[bin],
            self.context[usize::from(carried) % CARRIED][bin],
        )
    }
}

/// The contexts with which these bins take the least, and how often each bin is
/// in each of them. `counts` is how often each is there at all.
pub fn choose(bins: &[Bin], counts: Vec<u32>, numbers: &[u8]) -> (Contexts, Vec<u32>) {
    let nothing = Contexts::new(Made::Nothing, 0, 0);
    if bins.len() < 2 {
        return (nothing, counts);
    }
    let centre = median(counts.iter().copied()) as u8;
    // Rank 4 is where half of what is not usual lies.
    let mut by_bits = [0u32; 65];
    let wide = Contexts::new(Made::Busy, centre, 0);
    let middle = |bin: &Bin| bin.least.wrapping_add((1u128 << bin.bits >> 1) as i64);
    let usual = middle(&bins[usize::from(wide.centre)]);
    for (bin, &count) in bins.iter().zip(&counts) {
        let distance = middle(bin).saturating_sub(usual).unsigned_abs();
        if distance > 0 {
            by_bits[64 - distance.leading_zeros() as usize] += count;
        }
    }
    let near = (median(by_bits.into_iter()) as u8).saturating_sub(4);
    let made = [Made::Busy, Made::Side].map(|made| Contexts::new(made, centre, near));
    let of_keys = count_keys(
        made.each_ref().map(|made| made.follow(bins)),
        bins.len(),
        numbers,
    );
    let mut best = (cost(counts.iter().copied()), nothing, counts);
    for (mut contexts, mut of_key) in made.into_iter().zip(of_keys) {
        let bits = cut(&mut contexts, bins.len(), &mut of_key);
        if bits < best.0 {
            best = (bits, contexts, of_key);
        }
    }
    (best.1, best.2)
}

/// How often each of the bins is behind each key, key by key, by both ways to follow.
fn count_keys(follow: [Follow; 2], bins: usize, numbers: &[u8]) -> [Vec<u32>; 2] {
    // Halves beside each other: often a bin follows itself, and each counter waits
    // for what it was before.
    let (first, second) = numbers.split_at(numbers.len() / 2);
    let mut counts = [(); 4].map(|()| vec![0u32; KEYS * bins]);
    let [busy, side, busy_later, side_later] = &mut counts;
    let count = |counts: &mut [u32], follow: &Follow, walk: &mut Walk, bin: u8| {
        counts[usize::from(walk.key) % KEYS * bins + usize::from(bin)] += 1;
        follow.step(walk, bin);
    };
    let mut walks = follow.each_ref().map(|follow| follow.start);
    let mut walks_later = follow.each_ref().map(|follow| follow.behind(first));
    for (&bin, &later) in first.iter().zip(second) {
        count(busy, &follow[0], &mut walks[0], bin);
        count(side, &follow[1], &mut walks[1], bin);
        count(busy_later, &follow[0], &mut walks_later[0], later);
        count(side_later, &follow[1], &mut walks_later[1], later);
    }
    for &later in &second[first.len()..] {
        count(busy_later, &follow[0], &mut walks_later[0], later);
        count(side_later, &follow[1], &mut walks_later[1], later);
    }
    let [mut busy, mut side, busy_later, side_later] = counts;
    add(&mut busy, &busy_later);
    add(&mut side, &side_later);
    [busy, side]
}

fn add(to: &mut [u32], counts: &[u32]) {
    to.iter_mut()
        .zip(counts)
        .for_each(|(to, count)| *to += count);
}

/// Where half of the weight is.
fn median(weights: impl Iterator<Item = u32> + Clone) -> usize {
    let half = weights.clone().map(u64::from).sum::<u64>() / 2;
    let mut sum = 0;
    let mut upto = weights.take_while(|&weight| {
        sum += u64::from(weight);
        sum <= half
    });
    upto.by_ref().count()
}

/// Joins neighbouring keys while that is smaller: `of_key` becomes the counts of the
/// contexts. Answers the bits that it takes.
fn cut(contexts: &mut Contexts, bins: usize, of_key: &mut Vec<u32>) -> f32 {
    /// Keys with one context, and its bits.
    struct Group {
        first_key: u8,
        bits: f32,
    }
    let row = |key: u8| usize::from(key) * bins..(usize::from(key) + 1) * bins;
    let mut groups: Vec<Group> = (0u8..KEYS as u8)
        .filter(|key| of_key[row(*key)].iter().any(|count| *count > 0))
        .map(|first_key| Group {
            first_key,
            bits: cost(of_key[row(first_key)].iter().copied()),
        })
        .collect();
    let together = |of_key: &[u32], a: &Group, b: &Group| {
        let pairs = of_key[row(a.first_key)]
            .iter()
            .zip(&of_key[row(b.first_key)]);
        cost(pairs.map(|(a, b)| a + b))
    };
    // joined[n]: what groups n and n + 1 take together.
    let mut joined: Vec<f32> = groups
        .windows(2)
        .map(|pair| together(of_key, &pair[0], &pair[1]))
        .collect();
    while let Some((at, more)) = joined
        .iter()
        .enumerate()
        .map(|(at, bits)| (at, bits - groups[at].bits - groups[at + 1].bits))
        .min_by(|a, b| a.1.total_cmp(&b.1))
    {
        if more > 0.0 && groups.len() <= CONTEXTS_MAX {
            break;
        }
        let gone = groups.remove(at + 1);
        let (to, counts) = of_key.split_at_mut(row(gone.first_key).start);
        add(&mut to[row(groups[at].first_key)], &counts[..bins]);
        groups[at].bits = joined.remove(at);
        if at > 0 {
            joined[at - 1] = together(of_key, &groups[at - 1], &groups[at]);
        }
        if let Some(after) = groups.get(at + 1) {
            joined[at] = together(of_key, &groups[at], after);
        }
    }
    for (at, group) in groups.iter().enumerate() {
        of_key.copy_within(row(group.first_key), at * bins);
    }
    of_key.truncate(groups.len() * bins);
    contexts.cuts = groups.iter().skip(1).map(|group| group.first_key).collect();
    groups.iter().map(|group| group.bits).sum()
}

/// Bits of so many of each bin, and of their table.
fn cost(counts: impl Iterator<Item = u32> + Clone) -> f32 {
    let (mut all, mut bins) = (0, 0);
    for count in counts.clone() {
        all += count;
        bins += 1;
    }
    let all = all as f32;
    let mut bits = TABLE_BITS.0 * bins as f32 + all * log2(all.max(1.0));
    for count in counts {
        if count > 0 {
            bits += TABLE_BITS.1 - count as f32 * log2_of(count);
        }
    }
    bits
}
