//! TCP connections by state, without walking the socket table.
//!
//! A walk costs as much as everything else together, and more with each socket
//! (and each bucket of the kernel's hash). So the counts that the kernel keeps
//! anyway are read:
//! - no label: all sockets, from sockstat and sockstat6;
//! - `established`: snmp's CurrEstab, in which CLOSE_WAIT is contained;
//! - `time_wait`: sockstat's `tw`, in which late FIN_WAIT2 is contained;
//! - `listen`: counted by a dump of listening sockets only, which is short, and
//!   at most every five seconds.
//!
//! The other states, and the exact split, need a walk; [`Source`] is where one
//! would stand beside these.

mod listen;

use super::text::{Words, lines, number};
use super::{Collector, Context};
use crate::root::{KeptFile, Root, Shape};
use crate::sample::{Sample, Slot};

/// Listening sockets seldom change: a count is good for this long.
const LISTEN_AGE_MS_MAX: i64 = 4_900;

/// What one way of counting has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Total,
    Established,
    TimeWait,
    Listen,
}

impl Source {
    const ALL: [Self; 4] = [Self::Total, Self::Established, Self::TimeWait, Self::Listen];

    fn labels(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Total => &[],
            Self::Established => &[("state", "established")],
            Self::TimeWait => &[("state", "time_wait")],
            Self::Listen => &[("state", "listen")],
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
        let value = words.next().and_then(number);
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
    listen: Option<listen::Listeners>,
    /// What was counted last, and when.
    listening: Option<i64>,
    listening_boot_ms: i64,
    slots: [Option<Slot>; Source::ALL.len()],
}

impl Tcp {
    pub fn new(root: &Root) -> Self {
        let kept = |path| KeptFile::new(root.proc(path), Shape::Whole);
        Self {
            sockstat: kept("net/sockstat"),
            sockstat6: kept("net/sockstat6"),
            snmp: kept("net/snmp"),
            // The kernel's answer is about this machine, whatever the root.
            listen: root.is_host().then(listen::Listeners::default),
            listening: None,
            listening_boot_ms: i64::MIN,
            slots: Default::default(),
        }
    }

    fn set(&mut self, source: Source, value: Option<i64>, sample: &mut Sample) {
        if value.is_some() {
            let slot = self.slots[source as usize]
                .get_or_insert_with(|| sample.slot("tcp.connections", source.labels()));
            sample.set(slot, value);
        }
    }
}

impl Collector for Tcp {
    fn collect(&mut self, context: &mut Context<'_>) {
        let buffer = &mut *context.buffer;
        let sample = &mut *context.sample;
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
            self.set(Source::Total, total, sample);
            self.set(Source::TimeWait, v4.time_wait, sample);
        }
        if let Some(bytes) = self.snmp.read(buffer) {
            let established = parse_curr_estab(bytes);
            if established.is_none() {
                self.snmp.complain();
            }
            self.set(Source::Established, established, sample);
        }
        if let Some(listen) = &mut self.listen {
            let age_ms = sample.boot_ms().saturating_sub(self.listening_boot_ms);
            if age_ms >= LISTEN_AGE_MS_MAX {
                self.listening = listen.count(buffer);
                self.listening_boot_ms = sample.boot_ms();
            }
            self.set(Source::Listen, self.listening, sample);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
