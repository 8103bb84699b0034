//! Contexts: what of the values before tells which bins are likely now. Pure.
//!
//! A bin's rank is how far it is from the usual one, in powers of two. The key
//! of a value is made of the ranks before it: how busy the last two were, or
//! the last one with its side (gauges return to where they were). Neighbouring
//! keys share a context, and with it the frequencies.

use stardust_shared::varint::Reader;

use super::bins::{Bin, log2};
use crate::history::block::BlockError;

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

    /// The context of each value, and how often each bin is in each context.
    pub fn of_each(&self, bins: &[Bin], numbers: &[u8]) -> (Vec<u8>, Vec<u32>) {
        let follow = self.follow(bins);
        let mut walk = follow.start;
        let mut counts = vec![0u32; self.count() * bins.len()];
        let contexts = numbers.iter().map(|&number| {
            let context = follow.context(walk);
            counts[usize::from(context) * bins.len() + usize::from(number)] += 1;
            follow.step(&mut walk, number);
            context
        });
        (contexts.collect(), counts)
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

/// The contexts with which these bins take the least.
pub fn choose(bins: &[Bin], numbers: &[u8]) -> Contexts {
    let mut counts = vec![0u32; bins.len()];
    for &number in numbers {
        counts[usize::from(number)] += 1;
    }
    let nothing = Contexts::new(Made::Nothing, 0, 0);
    if bins.len() < 2 {
        return nothing;
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
    let mut best = (cost(&counts), nothing);
    for made in [Made::Busy, Made::Side] {
        let mut contexts = Contexts::new(made, centre, near);
        let bits = cut(&mut contexts, bins, numbers);
        if bits < best.0 {
            best = (bits, contexts);
        }
    }
    best.1
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

/// Joins neighbouring keys while that is smaller. Answers the bits that it takes.
fn cut(contexts: &mut Contexts, bins: &[Bin], numbers: &[u8]) -> f32 {
    let follow = contexts.follow(bins);
    let mut of_key = vec![vec![0u32; bins.len()]; KEYS];
    let mut walk = follow.start;
    for &number in numbers {
        of_key[usize::from(walk.key) % KEYS][usize::from(number)] += 1;
        follow.step(&mut walk, number);
    }
    let sum = |a: &[u32], b: &[u32]| -> Vec<u32> { a.iter().zip(b).map(|(a, b)| a + b).collect() };
    let mut groups: Vec<(u8, Vec<u32>, f32)> = (0u8..)
        .zip(of_key)
        .filter(|(_, counts)| counts.iter().any(|count| *count > 0))
        .map(|(key, counts)| {
            let bits = cost(&counts);
            (key, counts, bits)
        })
        .collect();
    // joined[n]: what groups n and n + 1 take together.
    let mut joined: Vec<f32> = groups
        .windows(2)
        .map(|pair| cost(&sum(&pair[0].1, &pair[1].1)))
        .collect();
    while let Some((at, more)) = joined
        .iter()
        .enumerate()
        .map(|(at, bits)| (at, bits - groups[at].2 - groups[at + 1].2))
        .min_by(|a, b| a.1.total_cmp(&b.1))
    {
        if more > 0.0 && groups.len() <= CONTEXTS_MAX {
            break;
        }
        let (_, counts, _) = groups.remove(at + 1);
        groups[at].1 = sum(&groups[at].1, &counts);
        groups[at].2 = joined.remove(at);
        if at > 0 {
            joined[at - 1] = cost(&sum(&groups[at - 1].1, &groups[at].1));
        }
        if let Some(after) = groups.get(at + 1) {
            joined[at] = cost(&sum(&groups[at].1, &after.1));
        }
    }
    contexts.cuts = groups.iter().skip(1).map(|group| group.0).collect();
    groups.iter().map(|group| group.2).sum()
}

/// Bits of so many of each bin, and of their table.
fn cost(counts: &[u32]) -> f32 {
    let all = counts.iter().sum::<u32>() as f32;
    let mut bits = TABLE_BITS.0 * counts.len() as f32 + all * log2(all.max(1.0));
    for &count in counts {
        if count > 0 {
            let count = count as f32;
            bits += TABLE_BITS.1 - count * log2(count);
        }
    }
    bits
}
