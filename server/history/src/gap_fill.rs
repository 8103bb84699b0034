//! Samples that came late lie where a gap was noted: the gap gives way to them.
//!
//! A ring file that is delivered after a newer run, a second machine on the same token,
//! a clock that was ahead for a while. Stretches of late samples are gathered by the
//! intake and taken out of the table by the commit that writes the samples.

use rusqlite::{Transaction, params};

use super::batch::{Filled, Gap};
use stardust_model::gap::GapCause;

/// Stretches in one batch; more are noted as gaps that are larger than they are.
const FILLED_MAX: usize = 64;
/// Gaps of one node that wait to be written; more are not cut further.
const PENDING_MAX: usize = 64;

/// Adds a late sample to the stretches of a batch.
pub fn note(filled: &mut Vec<Filled>, sample: Filled) {
    let beside = filled.iter().position(|one| {
        sample.from_ms.saturating_sub(one.to_ms) <= sample.usual_ms
            && one.from_ms.saturating_sub(sample.to_ms) <= sample.usual_ms
    });
    match beside {
        Some(at) => {
            let one = &mut filled[at];
            one.from_ms = one.from_ms.min(sample.from_ms);
            one.to_ms = one.to_ms.max(sample.to_ms);
        }
        None if filled.len() < FILLED_MAX => filled.push(sample),
        None => {}
    }
}

/// The same for gaps that are not written yet.
pub fn fill_pending(gaps: &mut Vec<Gap>, sample: Filled) {
    for at in (0..gaps.len()).rev() {
        if !overlaps(&gaps[at], sample) || gaps.len() >= PENDING_MAX {
            continue;
        }
        let [first, second] = rest(&gaps[at], sample);
        match (first, second) {
            (Some(first), second) => {
                gaps[at] = first;
                gaps.extend(second);
            }
            (None, Some(second)) => gaps[at] = second,
            (None, None) => {
                gaps.remove(at);
            }
        }
    }
}

/// Takes stretches of late samples out of the gaps of a node.
pub fn fill(transaction: &Transaction<'_>, node: i64, filled: &[Filled]) -> rusqlite::Result<()> {
    for &filled in filled {
        let mut statement = transaction.prepare_cached(
            "SELECT rowid, from_ms, to_ms, cause, lost FROM gaps
             WHERE node = ?1 AND to_ms > ?2 AND from_ms < ?3",
        )?;
        let of = params![node, filled.from_ms, filled.to_ms];
        let found = statement.query_map(of, |row| {
            let gap = Gap {
                from_ms: row.get(1)?,
                to_ms: row.get(2)?,
                cause: GapCause::from_name(&row.get::<_, String>(3)?),
                lost: row.get::<_, i64>(4)? as u64,
            };
            Ok((row.get::<_, i64>(0)?, gap))
        })?;
        for (row, gap) in found.collect::<Result<Vec<_>, _>>()? {
            // What is damaged is so whatever lies beside it.
            if gap.cause == GapCause::Damaged || !overlaps(&gap, filled) {
                continue;
            }
            let [first, second] = rest(&gap, filled);
            let (Some(kept), more) = (first.clone().or(second.clone()), first.and(second)) else {
                transaction
                    .prepare_cached("DELETE FROM gaps WHERE rowid = ?1")?
                    .execute([row])?;
                continue;
            };
            transaction
                .prepare_cached(
                    "UPDATE gaps SET from_ms = ?2, to_ms = ?3, lost = ?4 WHERE rowid = ?1",
                )?
                .execute(params![row, kept.from_ms, kept.to_ms, kept.lost as i64])?;
            if let Some(more) = more {
                split_off(transaction, node, &more)?;
            }
        }
    }
    Ok(())
}

/// Whether a gap lies in one that was noted before: a run that begins where nothing was.
/// Of the very same one this run knows more.
pub fn is_known(transaction: &Transaction<'_>, node: i64, gap: &Gap) -> rusqlite::Result<bool> {
    if gap.lost > 0 {
        return Ok(false);
    }
    transaction
        .prepare_cached(
            "UPDATE gaps SET cause = ?4 WHERE node = ?1 AND to_ms = ?3 AND from_ms = ?2",
        )?
        .execute(params![node, gap.from_ms, gap.to_ms, gap.cause.name()])?;
    transaction
        .prepare_cached(
            "SELECT 1 FROM gaps WHERE node = ?1 AND to_ms >= ?3 AND from_ms <= ?2 LIMIT 1",
        )?
        .exists(params![node, gap.from_ms, gap.to_ms])
}

/// Adds the second part of a gap. It was told of as a whole: the event that the table
/// makes of each row goes again.
fn split_off(transaction: &Transaction<'_>, node: i64, gap: &Gap) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO gaps (node, from_ms, to_ms, cause, lost) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            node,
            gap.from_ms,
            gap.to_ms,
            gap.cause.name(),
            gap.lost as i64
        ])?;
    transaction
        .prepare_cached(
            "DELETE FROM events WHERE id = (SELECT max(id) FROM events)
             AND kind = 'gap' AND node = ?1",
        )?
        .execute([node])?;
    Ok(())
}

fn overlaps(gap: &Gap, filled: Filled) -> bool {
    gap.from_ms < filled.to_ms && filled.from_ms < gap.to_ms
}

/// What is left of a gap before and behind a stretch of samples in it.
fn rest(gap: &Gap, filled: Filled) -> [Option<Gap>; 2] {
    let part = |from_ms: i64, to_ms: i64| {
        let (part_ms, all_ms) = (to_ms.saturating_sub(from_ms), gap.to_ms - gap.from_ms);
        if part_ms <= filled.usual_ms || all_ms <= 0 {
            return None;
        }
        // Nobody knows where in it they were lost.
        let share = u128::from(gap.lost) * part_ms as u128 / all_ms as u128;
        let lost = u64::try_from(share).unwrap_or(u64::MAX);
        Some(Gap {
            from_ms,
            to_ms,
            lost: lost.max(gap.lost.min(1)),
            ..gap.clone()
        })
    };
    [
        part(gap.from_ms, filled.from_ms),
        part(filled.to_ms, gap.to_ms),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(from_ms: i64, to_ms: i64, lost: u64) -> Gap {
        Gap {
            from_ms,
            to_ms,
            cause: GapCause::NodeOff,
            lost,
        }
    }

    fn filled(from_ms: i64, to_ms: i64) -> Filled {
        Filled {
            from_ms,
            to_ms,
            usual_ms: 2_500,
        }
    }

    fn after(gap: &Gap, samples: &[i64]) -> Vec<(i64, i64, u64)> {
        let mut gaps = vec![gap.clone()];
        for &time_ms in samples {
            fill_pending(&mut gaps, filled(time_ms, time_ms));
        }
        gaps.sort_by_key(|gap| gap.from_ms);
        let told = gaps.iter().map(|gap| (gap.from_ms, gap.to_ms, gap.lost));
        told.collect()
    }

    #[test]
    fn what_is_left_is_before_and_behind() {
        let hour = gap(0, 3_600_000, 360);
        assert_eq!(rest(&hour, filled(0, 3_600_000)), [None, None]);
        assert_eq!(rest(&hour, filled(2_000, 3_598_000)), [None, None]);
        let [first, second] = rest(&hour, filled(900_000, 1_800_000));
        assert_eq!(first, Some(gap(0, 900_000, 90)));
        assert_eq!(second, Some(gap(1_800_000, 3_600_000, 180)));
        assert_eq!(rest(&hour, filled(-5, 5))[0], None);
    }

    #[test]
    fn sample_by_sample_it_comes_to_the_same() {
        let minute = gap(0, 60_000, 0);
        let all: Vec<i64> = (1..60).map(|second| second * 1_000).collect();
        assert_eq!(after(&minute, &all), []);
        let back: Vec<i64> = all.iter().rev().copied().collect();
        assert_eq!(after(&minute, &back), []);
        assert_eq!(after(&minute, &all[..29]), [(29_000, 60_000, 0)]);
        let middle = after(&minute, &all[20..30]);
        assert_eq!(middle, [(0, 21_000, 0), (30_000, 60_000, 0)]);
        // Its ends are samples that were there.
        assert_eq!(after(&minute, &[0, 60_000, 61_000]), [(0, 60_000, 0)]);
    }

    #[test]
    fn late_samples_are_stretches_and_few() {
        let mut all = Vec::new();
        for second in 0..100 {
            note(&mut all, filled(second * 1_000, second * 1_000));
        }
        assert_eq!(all, [filled(0, 99_000)]);
        for n in 0..1_000 {
            note(
                &mut all,
                filled(1_000_000 + n * 10_000, 1_000_000 + n * 10_000),
            );
        }
        assert_eq!(all.len(), FILLED_MAX);
        let mut gaps = vec![gap(0, 1 << 40, 0)];
        for n in 0..1_000 {
            fill_pending(
                &mut gaps,
                filled(1_000_000 + n * 10_000, 1_000_000 + n * 10_000),
            );
        }
        assert_eq!(gaps.len(), PENDING_MAX);
    }
}
