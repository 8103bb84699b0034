//! How often passwords may be tried. Pure: time comes in, a verdict goes out.
//!
//! Three kinds of bucket, each letting a burst through and then one try every
//! so often, so that no wait is ever long:
//! - an address (IPv6: its /64) that is no known device,
//! - an account, for all unknown devices together: a guesser with many addresses,
//!   An address without a failure in the last hour is not held up by it: else whoever
//!   guesses from many addresses would keep the owner out. It has one try so, and then
//!   is one of the others.
//! - a device: a browser that has logged in to this account before and shows its
//!   signed cookie. It is held up by its own failures alone, so whatever others
//!   try, the owner gets in.
//!
//! A try takes from its buckets before the password is looked at and is given
//! back when it was right, so tries in parallel can't outrun the count.
//!
//! Where more come than can be looked at, who has tried the fewest passwords in the last
//! hour goes first, then who has waited longest with the same one; and an address whose
//! last password was right before all others. Of addresses that have not failed a guesser
//! may have thousands, but each of them has another password with each try. The owner,
//! refused for want of time, comes back with the same one.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

/// A bucket: how many tries at once, and how often another one comes back.
#[derive(Clone, Copy, Debug)]
struct Rate {
    burst: u64,
    every_ms: u64,
}

const ADDRESS: Rate = Rate {
    burst: 10,
    every_ms: 20_000,
};
const ACCOUNT: Rate = Rate {
    burst: 50,
    every_ms: 10_000,
};
const DEVICE: Rate = Rate {
    burst: 10,
    every_ms: 20_000,
};
/// How long it is remembered that a network has failed.
const FAILED_KEPT_MS: u64 = 3_600_000;
/// Networks of which that is known.
const FAILED_MAX: usize = 1 << 16;
/// Networks whose last password was right: only who knows one fills this.
const RIGHT_MAX: usize = 1 << 10;
/// Most buckets of each kind; past it the one nearest to full is forgotten.
const BUCKETS_MAX: usize = 4096;

/// Who tries.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    pub address: IpAddr,
    /// SHA-256 of the name that was given: as long for a long one as for a short one.
    pub account: [u8; 32],
    /// The number in a device cookie whose signature was right for this account.
    pub device: Option<[u8; 16]>,
    /// Tells one password from another: a hash of it with a key of this process.
    pub password: u64,
}

/// Whose turn it is within a rank: the smaller one's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// That its network has tried in the last hour; none where the last one was right.
    passwords: u32,
    /// When it came first with this one.
    since_ms: u64,
}

#[cfg(test)]
impl Turn {
    pub fn of(passwords: u32) -> Self {
        Self {
            passwords,
            since_ms: 0,
        }
    }
}

/// Who goes first where not all can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Its address has failed before.
    Stranger,
    /// Its address has not.
    Fresh,
    /// A browser that has logged in before.
    Device,
}

/// What a try has taken from; handed back by [`Throttle::give_back`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Permit {
    attempt: Attempt,
    rank: Rank,
    turn: Turn,
}

impl Permit {
    pub fn rank(&self) -> Rank {
        self.rank
    }

    pub fn turn(&self) -> Turn {
        self.turn
    }
}

/// What is known of a network that has tried in the last hour.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    last_ms: u64,
    /// With which password, and how many there were.
    password: u64,
    turn: Turn,
    /// A password was wrong, or is being looked at.
    failed: bool,
}

#[derive(Debug, Default)]
pub struct Throttle {
    addresses: Buckets<[u8; 16]>,
    accounts: Buckets<[u8; 32]>,
    devices: Buckets<[u8; 16]>,
    seen: HashMap<[u8; 16], Seen>,
    /// When a password of theirs was right, and none was wrong since.
    right_ms: HashMap<[u8; 16], u64>,
}

impl Throttle {
    /// Takes one try, or says in how many milliseconds the next one is free.
    pub fn attempt(&mut self, attempt: Attempt, now_ms: u64) -> Result<Permit, u64> {
        if let Some(device) = attempt.device
            && self.devices.take(device, DEVICE, now_ms).is_ok()
        {
            return Ok(Permit {
                attempt,
                rank: Rank::Device,
                turn: Turn::default(),
            });
        }
        // A device that failed too often is a stranger like any other.
        let address = network(attempt.address);
        self.addresses.take(address, ADDRESS, now_ms)?;
        let seen = self.seen_lately(attempt.address, now_ms);
        let rank = match seen.failed {
            true => Rank::Stranger,
            false => Rank::Fresh,
        };
        if rank == Rank::Stranger
            && let Err(wait_ms) = self.accounts.take(attempt.account, ACCOUNT, now_ms)
        {
            // It was not tried: the address keeps its try.
            self.addresses.give_back(address, ADDRESS);
            return Err(wait_ms);
        }
        let was_right = self.right_ms.contains_key(&holder(attempt.address));
        // Counted before it is looked at: of many at once from there the first is the one
        // that is fresh.
        let now = Seen {
            last_ms: now_ms,
            password: attempt.password,
            turn: match seen.turn.passwords > 0 && seen.password == attempt.password {
                true => seen.turn,
                false => Turn {
                    passwords: seen.turn.passwords.saturating_add(1),
                    since_ms: now_ms,
                },
            },
            failed: true,
        };
        self.note(attempt.address, now);
        Ok(Permit {
            attempt,
            rank,
            turn: match was_right {
                true => Turn::default(),
                false => now.turn,
            },
        })
    }

    fn seen_lately(&self, address: IpAddr, now_ms: u64) -> Seen {
        let seen = self.seen.get(&holder(address)).copied();
        seen.filter(|seen| seen.last_ms + FAILED_KEPT_MS > now_ms)
            .unwrap_or_default()
    }

    fn note(&mut self, address: IpAddr, now: Seen) {
        let now_ms = now.last_ms;
        if self.seen.len() >= FAILED_MAX {
            self.seen
                .retain(|_, seen| seen.last_ms + FAILED_KEPT_MS > now_ms);
        }
        if self.seen.len() >= FAILED_MAX {
            // More than can be told apart: the older half is forgotten.
            let mut times: Vec<u64> = self.seen.values().map(|seen| seen.last_ms).collect();
            let (_, middle, _) = times.select_nth_unstable(FAILED_MAX / 2);
            let middle = *middle;
            self.seen.retain(|_, seen| seen.last_ms > middle);
        }
        self.seen.insert(holder(address), now);
    }

    /// The password was right.
    pub fn right(&mut self, permit: Permit, now_ms: u64) {
        self.give_back(permit);
        let holder = holder(permit.attempt.address);
        match permit.rank {
            Rank::Device => return,
            // Nothing is known of it again, but this.
            Rank::Fresh => {
                self.seen.remove(&holder);
            }
            Rank::Stranger => {}
        }
        if self.right_ms.len() >= RIGHT_MAX && !self.right_ms.contains_key(&holder) {
            let oldest = self.right_ms.iter().min_by_key(|(_, at_ms)| **at_ms);
            if let Some(oldest) = oldest.map(|(oldest, _)| *oldest) {
                self.right_ms.remove(&oldest);
            }
        }
        self.right_ms.insert(holder, now_ms);
    }

    /// The password was wrong.
    pub fn wrong(&mut self, permit: Permit) {
        self.right_ms.remove(&holder(permit.attempt.address));
    }

    /// The password was never looked at.
    pub fn give_back(&mut self, permit: Permit) {
        let Permit { attempt, rank, .. } = permit;
        if rank == Rank::Device {
            if let Some(device) = attempt.device {
                self.devices.give_back(device, DEVICE);
            }
            return;
        }
        self.addresses.give_back(network(attempt.address), ADDRESS);
        match rank {
            // It has not failed; that it has tried stays.
            Rank::Fresh => {
                if let Some(seen) = self.seen.get_mut(&holder(attempt.address)) {
                    seen.failed = false;
                }
            }
            _ => self.accounts.give_back(attempt.account, ACCOUNT),
        }
    }
}

/// One holder of an IPv6 network has 2^64 addresses and more: it counts as one.
fn network(address: IpAddr) -> [u8; 16] {
    let v6 = match address {
        IpAddr::V4(v4) => return v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6,
    };
    match v6.to_ipv4_mapped() {
        Some(v4) => v4.to_ipv6_mapped().octets(),
        None => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            octets
        }
    }
}

/// Who has an IPv6 address has a thousand networks of them more easily than another
/// IPv4 address: of those only the /48 tells who was here.
fn holder(address: IpAddr) -> [u8; 16] {
    let mut octets = network(address);
    if !octets.starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]) {
        octets[6..].fill(0);
    }
    octets
}

/// For each key the time at which its bucket is full again (GCRA: one number).
#[derive(Debug)]
struct Buckets<K> {
    full_at_ms: HashMap<K, u64>,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self {
            full_at_ms: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash + Copy> Buckets<K> {
    fn take(&mut self, key: K, rate: Rate, now_ms: u64) -> Result<(), u64> {
        let full_at_ms = self.full_at_ms.get(&key).copied().unwrap_or(0).max(now_ms);
        let next_ms = full_at_ms + rate.every_ms;
        let room_ms = rate.burst * rate.every_ms;
        if next_ms - now_ms > room_ms {
            return Err(next_ms - now_ms - room_ms);
        }
        if !self.full_at_ms.contains_key(&key) {
            self.make_room(now_ms);
        }
        self.full_at_ms.insert(key, next_ms);
        Ok(())
    }

    fn give_back(&mut self, key: K, rate: Rate) {
        if let Some(full_at_ms) = self.full_at_ms.get_mut(&key) {
            *full_at_ms = full_at_ms.saturating_sub(rate.every_ms);
        }
    }

    /// Forgets full buckets, and when all are in use the one nearest to full: a
    /// flood of fresh keys can't wash away the one that was tried most.
    fn make_room(&mut self, now_ms: u64) {
        if self.full_at_ms.len() < BUCKETS_MAX {
            return;
        }
        self.full_at_ms.retain(|_, full_at_ms| *full_at_ms > now_ms);
        if self.full_at_ms.len() < BUCKETS_MAX {
            return;
        }
        let nearest = self
            .full_at_ms
            .iter()
            .min_by_key(|(_, full_at_ms)| **full_at_ms)
            .map(|(key, _)| *key);
        if let Some(key) = nearest {
            self.full_at_ms.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Attempt {
        Attempt {
            address: address.parse().unwrap(),
            account: [1; 32],
            device: None,
            password: 0,
        }
    }

    fn fails(throttle: &mut Throttle, attempt: Attempt, now_ms: u64) -> bool {
        throttle.attempt(attempt, now_ms).is_ok()
    }

    #[test]
    fn an_address_is_slowed_down_and_never_for_long() {
        let mut throttle = Throttle::default();
        for _ in 0..ADDRESS.burst {
            assert!(fails(&mut throttle, from("192.0.2.1"), 0));
        }
        // Trying on while refused does not make the wait longer.
        for _ in 0..1000 {
            assert_eq!(
                throttle.attempt(from("192.0.2.1"), 0).unwrap_err(),
                ADDRESS.every_ms
            );
        }
        assert!(
            fails(&mut throttle, from("192.0.2.2"), 0),
            "others are not held up"
        );
        assert!(!fails(
            &mut throttle,
            from("192.0.2.1"),
            ADDRESS.every_ms - 1
        ));
        assert!(fails(&mut throttle, from("192.0.2.1"), ADDRESS.every_ms));
        assert!(!fails(&mut throttle, from("192.0.2.1"), ADDRESS.every_ms));
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let mut throttle = Throttle::default();
        for _ in 0..10_000 {
            let permit = throttle.attempt(from("192.0.2.1"), 0).unwrap();
            throttle.right(permit, 0);
        }
    }

    #[test]
    fn who_was_not_looked_at_waits_behind_those_who_have_tried_fewer_passwords() {
        let mut throttle = Throttle::default();
        let mut refused = |address: &str, password: u64, now_ms: u64| {
            let attempt = Attempt {
                password,
                ..from(address)
            };
            let permit = throttle.attempt(attempt, now_ms).unwrap();
            assert_eq!(permit.rank(), Rank::Fresh);
            throttle.give_back(permit);
            permit.turn()
        };
        let first = refused("192.0.2.1", 7, 0);
        let owner = refused("203.0.113.7", 5, 10);
        assert!(first < owner);
        // That one has another password by now, or comes later with its first.
        assert!(owner < refused("192.0.2.1", 8, 20));
        assert!(owner < refused("192.0.2.2", 8, 20));
        // However often the owner comes with the same one.
        for now_ms in 21..100 {
            assert_eq!(refused("203.0.113.7", 5, now_ms), owner);
        }
        assert!(owner < refused("203.0.113.7", 6, 100));
    }

    #[test]
    fn who_was_right_goes_before_those_who_come_for_the_first_time() {
        let mut throttle = Throttle::default();
        let owner = from("203.0.113.7");
        let permit = throttle.attempt(owner, 0).unwrap();
        let first = permit.turn();
        throttle.right(permit, 0);
        let permit = throttle.attempt(owner, 1).unwrap();
        assert_eq!(
            (permit.rank(), permit.turn()),
            (Rank::Fresh, Turn::default())
        );
        assert!(permit.turn() < first);
        throttle.give_back(permit);
        let permit = throttle.attempt(owner, 2).unwrap();
        assert_eq!(permit.turn(), Turn::default());
        // Until one is wrong.
        throttle.wrong(permit);
        let permit = throttle.attempt(owner, 3).unwrap();
        assert_eq!(permit.rank(), Rank::Stranger);
        assert!(permit.turn() > first);
        // An hour later nothing of it is known.
        let permit = throttle.attempt(owner, 3 + FAILED_KEPT_MS).unwrap();
        assert_eq!((permit.rank(), permit.turn().passwords), (Rank::Fresh, 1));
    }

    #[test]
    fn networks_that_were_right_are_remembered_within_a_bound() {
        let mut throttle = Throttle::default();
        for n in 0..3 * RIGHT_MAX as u32 {
            let attempt = Attempt {
                address: IpAddr::V4(std::net::Ipv4Addr::from(0x0c00_0000 + n)),
                ..from("::")
            };
            let permit = throttle.attempt(attempt, u64::from(n)).unwrap();
            throttle.right(permit, u64::from(n));
            assert!(throttle.right_ms.len() <= RIGHT_MAX);
            let again = throttle.attempt(attempt, u64::from(n)).unwrap();
            assert_eq!(again.turn(), Turn::default());
            throttle.give_back(again);
        }
    }

    #[test]
    fn many_addresses_share_the_account_after_their_first_try() {
        let mut throttle = Throttle::default();
        let mut round = || {
            let tries = (0..1000u32).filter(|n| {
                let address = IpAddr::V4(std::net::Ipv4Addr::from(0x0a00_0000 + n));
                let attempt = Attempt {
                    address,
                    ..from("::")
                };
                fails(&mut throttle, attempt, 0)
            });
            tries.count() as u64
        };
        assert_eq!(round(), 1000, "each is the owner's first, for all we know");
        assert_eq!(round(), ACCOUNT.burst);
        assert_eq!(round(), 0);
        // Whoever has not failed is let in all the same, and as often as it is right.
        for _ in 0..10 {
            let permit = throttle.attempt(from("198.51.100.7"), 0).unwrap();
            assert_eq!(permit.rank(), Rank::Fresh);
            throttle.right(permit, 0);
        }
        let _wrong = throttle.attempt(from("198.51.100.7"), 0).unwrap();
        assert!(throttle.attempt(from("198.51.100.7"), 0).is_err());
        // An hour later it is forgotten.
        let later = throttle
            .attempt(from("198.51.100.7"), FAILED_KEPT_MS)
            .unwrap();
        assert_eq!(later.rank(), Rank::Fresh);
        let other = Attempt {
            account: [2; 32],
            ..from("192.0.2.99")
        };
        assert!(
            fails(&mut throttle, other, 0),
            "another account is not held up"
        );
    }

    #[test]
    fn the_owner_with_a_known_device_gets_in_during_an_attack() {
        let mut throttle = Throttle::default();
        let owner = Attempt {
            device: Some([5; 16]),
            ..from("10.0.0.1")
        };
        for n in 0..100_000u32 {
            // From everywhere, and from the owner's own address as well.
            let address = if n % 2 == 0 {
                owner.address
            } else {
                IpAddr::V4(std::net::Ipv4Addr::from(0x0a00_0000 + n))
            };
            let _ = throttle.attempt(
                Attempt {
                    address,
                    ..from("::")
                },
                u64::from(n),
            );
            if n % 1000 == 0 {
                let permit = throttle.attempt(owner, u64::from(n)).unwrap();
                assert_eq!(permit.rank(), Rank::Device);
                throttle.right(permit, u64::from(n));
            }
        }
    }

    #[test]
    fn a_stolen_device_cookie_does_not_give_endless_tries() {
        let mut throttle = Throttle::default();
        let thief = Attempt {
            device: Some([5; 16]),
            ..from("192.0.2.1")
        };
        let let_through = (0..1000).filter(|_| fails(&mut throttle, thief, 0)).count() as u64;
        assert_eq!(let_through, DEVICE.burst + ADDRESS.burst);
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let mut throttle = Throttle::default();
        let let_through = (0..100)
            .filter(|n| fails(&mut throttle, from(&format!("2001:db8::{n:x}")), 0))
            .count() as u64;
        assert_eq!(let_through, ADDRESS.burst);
        assert!(fails(&mut throttle, from("2001:db8:0:1::1"), 0));
        // One IPv4 address in both of its spellings.
        let let_through = (0..100)
            .filter(|n| {
                let text = ["192.0.2.7", "::ffff:192.0.2.7"][n % 2];
                fails(&mut throttle, from(text), 0)
            })
            .count() as u64;
        assert_eq!(let_through, ADDRESS.burst);
    }

    #[test]
    fn memory_is_bounded_and_a_flood_does_not_reset_the_target() {
        let mut throttle = Throttle::default();
        // A first try each, and then what the account has.
        let tries =
            (0..1_000).filter(|n| fails(&mut throttle, from(&format!("10.0.0.{}", n % 200)), 0));
        assert_eq!(tries.count() as u64, 200 + ACCOUNT.burst);
        for n in 0..20_000u32 {
            let mut account = [0; 32];
            account[..4].copy_from_slice(&n.to_be_bytes());
            let address = IpAddr::V4(std::net::Ipv4Addr::from(0x0b00_0000 + n));
            let _ = throttle.attempt(
                Attempt {
                    address,
                    account,
                    device: Some(address_bytes(n)),
                    password: 0,
                },
                0,
            );
            let _ = throttle.attempt(
                Attempt {
                    address,
                    account,
                    device: None,
                    password: 0,
                },
                0,
            );
        }
        for size in [
            throttle.addresses.full_at_ms.len(),
            throttle.accounts.full_at_ms.len(),
            throttle.devices.full_at_ms.len(),
        ] {
            assert!(size <= BUCKETS_MAX, "{size}");
        }
        assert!(
            !fails(&mut throttle, from("10.0.0.1"), 0),
            "the target is still counted"
        );
    }

    #[test]
    fn networks_that_have_failed_are_remembered_within_a_bound() {
        let mut throttle = Throttle::default();
        // The buckets are another matter, and slow to fill.
        for n in 0..3 * FAILED_MAX as u32 {
            let address = IpAddr::V4(std::net::Ipv4Addr::from(0x0c00_0000 + n));
            let seen = Seen {
                last_ms: u64::from(n),
                ..Seen::default()
            };
            throttle.note(address, seen);
            assert!(throttle.seen.len() <= FAILED_MAX);
        }
        // One holder of many IPv6 networks has one first try.
        let networks = (0..50u32).filter(|n| {
            let attempt = from(&format!("2001:db8:7:{n:x}::1"));
            let permit = throttle.attempt(attempt, 200_000);
            permit.is_ok_and(|permit| permit.rank() == Rank::Fresh)
        });
        assert_eq!(networks.count(), 1);
    }

    fn address_bytes(n: u32) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        bytes
    }
}
