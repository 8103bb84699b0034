//! TCP connections by state.
//!
//! A walk over the sockets costs as much as everything else together, and more
//! with each socket and each bucket of the kernel's hash. So in each sample the
//! counts are read that the kernel keeps anyway:
//! - no label: all sockets, from sockstat and sockstat6;
//! - `established`: snmp's CurrEstab, which counts CLOSE_WAIT too (RFC 1213) in
//!   kernels since 6.10 and stable ones of that time, and does not before;
//! - `time_wait`: sockstat's `tw`, in which late FIN_WAIT2 is contained;
//! - `listen`: a dump of listening sockets only, which is short, and at most
//!   every five seconds.
//!
//! Now and then [`split`] walks over all of them. The states that have no count
//! of their own (`close_wait`, `fin_wait1`, …) stay as the last walk found them,
//! and what it found to be contained in the counts above is taken off those. So
//! established + close_wait is right at every moment, and how it divides is as
//! old as `tcp.split_age_ms` says. Where no walk is possible (another root, no
//! netlink) there is no such series, and the counts are the kernel's own.

mod diag;
mod split;

use stardust_shared::ABSENT;

use super::collector::{Collector, Context};
use super::text::{Words, lines, number};
use crate::root::{KeptFile, Root, Shape};
use crate::sample::{Sample, Slot};
use diag::{CLOSE_WAIT, Counts, Dump, ESTABLISHED, FIN_WAIT2, LISTEN, TIME_WAIT};
use split::Walk;

/// Listening sockets seldom change: a count is good for this long.
const LISTEN_AGE_MS_MAX: i64 = 4_900;
/// A machine with more listeners than fit in these answers gets no count.
const LISTEN_ANSWERS_MAX: usize = 512;
/// The age is told in seconds, and samples are not taken on the dot.
const SECOND_MS: i64 = 1000;

/// By the kernel's number of the state; 0 is that of all sockets, and a socket
/// that is closed is none.
const STATES: [&str; 12] = [
    "",
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
];
const TOTAL: usize = 0;
const CLOSED: usize = 7;

/// What a walk found to be contained in the counts that the kernel keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contained {
    close_wait: i64,
    fin_wait2: i64,
}

impl Contained {
    /// `established` and `time_wait` are the kernel's counts at the end of the walk.
    fn of(split: &Counts, established: Option<i64>, time_wait: Option<i64>) -> Self {
        // Whichever is nearer: connections come and go during the walk.
        let extra = established.map_or(0, |count| count - split[ESTABLISHED]);
        let with = (extra - split[CLOSE_WAIT]).abs() <= extra.abs();
        let late = time_wait.map_or(0, |count| count - split[TIME_WAIT]);
        Self {
            close_wait: if with { split[CLOSE_WAIT] } else { 0 },
            fin_wait2: late.clamp(0, split[FIN_WAIT2]),
        }
    }
}

/// Sockets in use and in TIME_WAIT: the line `TCP:` or `TCP6:` of sockstat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sockstat {
    pub in_use: Option<i64>,
    pub time_wait: Option<i64>,
}

pub fn parse_sockstat(bytes: &[u8], protocol: &[u8]) -> Sockstat {
    let mut found = Sockstat::default();
    let Some(rest) = lines(bytes).find_map(|line| line.strip_prefix(protocol)) else {
        return found;
    };
    let mut words = Words(rest);
    while let Some(name) = words.next() {
        let value = words.number();
        match name {
            b"inuse" => found.in_use = value,
            b"tw" => found.time_wait = value,
            _ => {}
        }
    }
    found
}

/// `CurrEstab` of the two `Tcp:` lines of snmp, names first and then values.
pub fn parse_curr_estab(bytes: &[u8]) -> Option<i64> {
    let mut tcp = lines(bytes).filter_map(|line| line.strip_prefix(b"Tcp:"));
    let column = Words(tcp.next()?).position(|name| name == b"CurrEstab")?;
    number(Words(tcp.next()?).nth(column)?)
}

pub struct Tcp {
    sockstat: KeptFile,
    sockstat6: KeptFile,
    snmp: KeptFile,
    /// The kernel's answers are about this machine, whatever the root.
    is_host: bool,
    listeners: Dump,
    /// What was counted last, and when.
    listening: Option<i64>,
    listening_boot_ms: i64,
    walk: Walk,
    contained: Contained,
    slots: [Option<Slot>; STATES.len()],
    age: Option<Slot>,
}

impl Tcp {
    pub fn new(root: &Root) -> Self {
        let kept = |path| KeptFile::new(root.net(path), Shape::Whole);
        Self {
            sockstat: kept("sockstat"),
            sockstat6: kept("sockstat6"),
            snmp: kept("snmp"),
            is_host: root.is_host(),
            listeners: Dump::default(),
            listening: None,
            listening_boot_ms: i64::MIN,
            walk: Walk::default(),
            contained: Contained::default(),
            slots: Default::default(),
            age: None,
        }
    }

    /// Until the first walk is complete its series are there, and absent.
    fn set_split(&mut self, now_ms: i64, sample: &mut Sample) {
        let split = self.walk.counts().copied();
        for state in 0..STATES.len() {
            if !matches!(state, TOTAL | CLOSED | ESTABLISHED | TIME_WAIT | LISTEN) {
                let count = split.map_or(ABSENT, |split| split[state]);
                self.set(state, Some(count), sample);
            }
        }
        let age_ms = self.walk.age_ms(now_ms);
        let age_ms = age_ms.map(|ms| (ms + SECOND_MS / 2) / SECOND_MS * SECOND_MS);
        let slot = self
            .age
            .get_or_insert_with(|| sample.slot("tcp.split_age_ms", &[]));
        sample.set(slot, age_ms);
    }

    fn set(&mut self, state: usize, value: Option<i64>, sample: &mut Sample) {
        if value.is_some() {
            let labels = [("state", STATES[state])];
            let labels = if state == TOTAL { &[][..] } else { &labels };
            let slot =
                self.slots[state].get_or_insert_with(|| sample.slot("tcp.connections", labels));
            sample.set(slot, value);
        }
    }
}

impl Collector for Tcp {
    fn collect(&mut self, context: &mut Context<'_>) {
        let buffer = &mut *context.buffer;
        let sample = &mut *context.sample;
        let now_ms = sample.boot_ms();
        let walked = self.is_host && self.walk.advance(now_ms, buffer);
        let (mut time_wait, mut established) = (None, None);
        if let Some(bytes) = self.sockstat.read(buffer) {
            let v4 = parse_sockstat(bytes, b"TCP:");
            // Without IPv6 in the kernel there is no such file, and no sockets.
            let v6 = match self.sockstat6.read(buffer) {
                Some(bytes) => parse_sockstat(bytes, b"TCP6:").in_use,
                None => Some(0),
            };
            let sum = |a: Option<i64>, b: Option<i64>| a?.checked_add(b?);
            let total = sum(sum(v4.in_use, v6), v4.time_wait);
            if v4.in_use.is_none() {
                self.sockstat.complain();
            }
            self.set(TOTAL, total, sample);
            time_wait = v4.time_wait;
        }
        if let Some(bytes) = self.snmp.read(buffer) {
            established = parse_curr_estab(bytes);
            if established.is_none() {
                self.snmp.complain();
            }
        }
        if walked && let Some(split) = self.walk.counts() {
            self.contained = Contained::of(split, established, time_wait);
        }
        if self.walk.is_possible() {
            self.set_split(now_ms, sample);
        } else {
            self.contained = Contained::default();
        }
        let without = |count: Option<i64>, contained: i64| count.map(|n| (n - contained).max(0));
        time_wait = without(time_wait, self.contained.fin_wait2);
        established = without(established, self.contained.close_wait);
        self.set(TIME_WAIT, time_wait, sample);
        self.set(ESTABLISHED, established, sample);
        if self.is_host {
            if now_ms.saturating_sub(self.listening_boot_ms) >= LISTEN_AGE_MS_MAX {
                let found = self
                    .listeners
                    .advance(1 << LISTEN, LISTEN_ANSWERS_MAX, buffer);
                self.listening = found.ok().flatten().map(|counts| counts[LISTEN]);
                self.listening_boot_ms = now_ms;
            }
            self.set(LISTEN, self.listening, sample);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_walk_finds_contained_fits_both_kinds_of_kernels() {
        let mut split = Counts::default();
        split[ESTABLISHED] = 20;
        split[CLOSE_WAIT] = 7;
        split[TIME_WAIT] = 5;
        split[FIN_WAIT2] = 4;
        let of = |established, time_wait| {
            let found = Contained::of(&split, established, time_wait);
            (found.close_wait, found.fin_wait2)
        };
        // CurrEstab with and without CLOSE_WAIT; one more connection came meanwhile.
        assert_eq!(of(Some(27), Some(8)), (7, 3));
        assert_eq!(of(Some(28), Some(5)), (7, 0));
        assert_eq!(of(Some(20), Some(2)), (0, 0));
        assert_eq!(of(Some(21), Some(99)), (0, 4));
        assert_eq!(of(None, None), (0, 0));
    }

    #[test]
    fn sockstat_of_both_families() {
        let got = parse_sockstat(
            b"sockets: used 12\nTCP: inuse 10 orphan 0 tw 5 alloc 11 mem 3\nUDP: inuse 4 mem 0\n",
            b"TCP:",
        );
        assert_eq!((got.in_use, got.time_wait), (Some(10), Some(5)));
        assert_eq!(parse_sockstat(b"TCP6: inuse 7\n", b"TCP6:").in_use, Some(7));
        for bytes in [
            &b""[..],
            b"TCP:\n",
            b"TCP: inuse\n",
            b"TCP: inuse -1 tw x\n",
            b"TCP: inuse 3",
        ] {
            assert_eq!(parse_sockstat(bytes, b"TCP:"), Sockstat::default());
        }
    }

    #[test]
    fn snmp_is_read_by_the_name_of_its_column() {
        let snmp = b"Ip: Forwarding\nIp: 1\nTcp: RtoMin MaxConn CurrEstab InSegs\n\
            Tcp: 200 -1 42 7\nUdp: CurrEstab\nUdp: 9\n";
        assert_eq!(parse_curr_estab(snmp), Some(42));
        for bytes in [
            &b""[..],
            b"Tcp: CurrEstab\n",
            b"Tcp: A\nTcp: 1\n",
            b"Tcp: A CurrEstab\nTcp: 1\n",
            b"Tcp: CurrEstab\nTcp: 18446744073709551615\n",
        ] {
            assert_eq!(parse_curr_estab(bytes), None);
        }
    }
}
