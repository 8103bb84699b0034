use stardust_shared::{ABSENT, SeriesDef};

use super::*;
use crate::link::random::Random;
use crate::link::ring::{Chunk, Cursor};

const SHIFT_MS: i64 = 1_790_000_000_000;

fn ring(samples: i64, bytes_max: usize) -> Ring {
    let mut random = Random::new(5);
    let mut ring = Ring::new(bytes_max);
    for n in 0..samples {
        // The list of series changes once in a while: all of it, or some comes and goes.
        let mut names = ["cpu.idle_ms", "x", "net.rx_bytes"]
            .map(|name| SeriesDef::new(name, &[("n", &(n / 80).to_string())]))
            .to_vec();
        let mut values = vec![n * 10, ABSENT, random.bits() as i32 as i64];
        if n % 80 >= 40 {
            names.remove(1);
            names.push(SeriesDef::new("late", &[]));
            values.swap(1, 2);
        }
        ring.push(1_000 + n * 1_000, (n / 40) as u64, &names, &values);
    }
    ring
}

fn part<'a>(run: &'a str, ring: &'a Ring) -> Part<'a> {
    Part {
        run,
        boot_id: "b00t",
        began_ms: 900,
        shift_ms: SHIFT_MS,
        agreed: true,
        ring,
    }
}

fn messages(ring: &mut Ring) -> Vec<(Chunk, Vec<u8>)> {
    let mut all = messages_to(ring, Cursor::new(true));
    all.extend(messages_to(ring, Cursor::new(false)));
    all
}

fn messages_to(ring: &mut Ring, mut cursor: Cursor) -> Vec<(Chunk, Vec<u8>)> {
    let mut all = Vec::new();
    loop {
        let mut out = Vec::new();
        match ring.read(&mut cursor, SHIFT_MS, &mut out) {
            Some(chunk) => all.push((chunk, out)),
            None => return all,
        }
    }
}

#[test]
fn what_is_kept_is_sent_as_it_would_have_been() {
    for (samples, bytes_max, acked) in [
        (1, 1 << 20, 0),
        (300, 1 << 20, 0),
        (300, 1 << 20, 117),
        (300, 3_000, 0),
        (41, 1 << 20, 40),
    ] {
        let mut before = ring(samples, bytes_max);
        before.ack(acked);
        let file = encode(&[part("r", &before)], 1 << 20).unwrap();
        let mut kept = decode(&file).unwrap().remove(0);
        assert_eq!((&*kept.run, &*kept.boot_id), ("r", "b00t"));
        assert_eq!(
            (kept.began_ms, kept.shift_ms, kept.agreed),
            (900, SHIFT_MS, true)
        );
        assert_eq!(kept.ring.oldest_seq(), before.oldest_seq());
        assert_eq!(kept.ring.newest_seq(), before.newest_seq());
        assert_eq!(messages(&mut kept.ring), messages(&mut before));
        // Acknowledged by and by, and beyond what the file knows of.
        let middle = (before.oldest_seq() + before.newest_seq()) / 2;
        kept.ring.ack(middle);
        before.ack(middle);
        assert_eq!(messages(&mut kept.ring), messages(&mut before));
        assert!(kept.ring.may_have_taken(1 << 40) && !before.may_have_taken(1 << 40));
        kept.ring.ack(1 << 40);
        assert!(kept.ring.is_empty());
    }
}

#[test]
fn the_cap_holds_and_the_newest_samples_stay() {
    let (old, new) = (ring(500, 1 << 20), ring(700, 1 << 20));
    let empty = ring(0, 1 << 20);
    let whole = encode(
        &[part("old", &old), part("none", &empty), part("new", &new)],
        1 << 20,
    );
    let whole = whole.unwrap();
    assert_eq!(decode(&whole).unwrap().len(), 2);
    let mut most = 0;
    for bytes_max in (100..whole.len() + 300).step_by(97) {
        let Some(file) = encode(&[part("old", &old), part("new", &new)], bytes_max) else {
            assert!(bytes_max < 600, "{bytes_max}");
            continue;
        };
        assert!(file.len() <= bytes_max, "{} of {bytes_max}", file.len());
        let kept = decode(&file).unwrap();
        let newest = kept.last().unwrap();
        assert_eq!((&*newest.run, newest.ring.newest_seq()), ("new", 700));
        if kept.len() == 2 {
            assert_eq!(newest.ring.oldest_seq(), 1, "the older run goes first");
            assert_eq!(kept[0].ring.newest_seq(), 500);
        }
        let held = kept
            .iter()
            .map(|kept| kept.ring.newest_seq() + 1 - kept.ring.oldest_seq());
        let held: u64 = held.sum();
        assert!(held + 60 >= most, "{held} after {most}");
        most = most.max(held);
    }
    assert_eq!(most, 1200);
    assert!(encode(&[part("none", &empty)], 1 << 20).is_none());
}

#[test]
fn every_cut_and_every_flipped_bit_is_noticed() {
    let ring = ring(60, 1 << 20);
    let file = encode(&[part("r", &ring)], 1 << 20).unwrap();
    for end in 0..file.len() {
        assert!(decode(&file[..end]).is_err(), "cut at {end}");
    }
    for at in 0..file.len() {
        let mut bad = file.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(decode(&bad).is_err(), "bit flipped at {at}");
    }
    assert_eq!(decode(b"").unwrap_err(), Damage::Foreign);
    assert_eq!(decode(b"[section]\n").unwrap_err(), Damage::Foreign);
    assert_eq!(
        decode(b"stardust ring 3\nxxxx").unwrap_err(),
        Damage::OtherVersion
    );
}

#[test]
fn the_file_of_a_spider_before_changes_is_read() {
    let ring = ring(40, 1 << 20);
    let mut file = encode(&[part("r", &ring)], 1 << 20).unwrap();
    file[..MAGIC.len()].copy_from_slice(b"stardust ring 1\n");
    assert_eq!(decode(&file).unwrap()[0].ring.newest_seq(), 40);
}

#[test]
fn content_with_a_right_checksum_is_checked_all_the_same() {
    let ring = ring(60, 1 << 20);
    let file = encode(&[part("r", &ring)], 1 << 20).unwrap();
    let body = &file[MAGIC.len() + 4..];
    let (mut random, mut refused) = (Random::new(1), 0);
    for _ in 0..20_000 {
        let mut bad = body.to_vec();
        for _ in 0..1 + random.below(3) {
            let at = random.below(bad.len() as u64) as usize;
            bad[at] = random.bits() as u8;
        }
        // Never a panic; and what passes can be sent.
        match decode_body(&bad) {
            Err(_) => refused += 1,
            Ok(kept) => {
                for mut kept in kept {
                    messages(&mut kept.ring);
                    kept.ring.ack(u64::MAX);
                }
            }
        }
    }
    assert!(refused > 5_000, "{refused}");
}

#[test]
fn crc32_is_that_of_zlib() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}
