//! Traffic of each network interface but loopback: /proc/net/dev.
//!
//! `net.kind{iface=…,kind=…}` says what an interface is, since most of them pass
//! on what another one has counted ([`kind`]); `net.up` and `net.speed_mbit` say
//! how it does. These are looked at now and then only.

pub mod kind;
mod state;

use std::rc::Rc;

use super::collector::{Collector, Context};
use super::limits::INTERFACES_MAX;
use super::rules::{Label, Rules};
use super::table::{Judged, Kind, Look, Table};
use super::text::{Words, find_last, lines, trim};
use crate::root::{KeptFile, Root, Shape};
use state::Interface;
pub use state::{parse_operstate, parse_speed};

/// What moves stands apart from what hardly ever does.
pub const SERIES: [&str; 8] = [
    "net.rx_bytes",
    "net.rx_packets",
    "net.tx_bytes",
    "net.tx_packets",
    "net.rx_errors",
    "net.rx_dropped",
    "net.tx_errors",
    "net.tx_dropped",
];
/// Columns of [`SERIES`].
const COLUMNS: [usize; 8] = [0, 1, 8, 9, 2, 3, 10, 11];
const COLUMNS_MIN: usize = 12;

/// In the order of [`SERIES`].
pub type Traffic = [Option<i64>; SERIES.len()];

/// Calls `each` with the name and traffic of every interface.
pub fn parse_net_dev(bytes: &[u8], mut each: impl FnMut(&[u8], &Traffic)) {
    for line in lines(bytes) {
        // Names of old alias interfaces hold a colon (eth0:1); numbers never do.
        let Some(colon) = find_last(line, b':') else {
            continue;
        };
        let name = trim(&line[..colon]);
        let mut columns = [None; 16];
        let mut count = 0;
        let mut words = Words(&line[colon + 1..]);
        while let Some(column) = columns.get_mut(count)
            && let Some(value) = words.value()
        {
            *column = value;
            count += 1;
        }
        if name.is_empty() || count < COLUMNS_MIN {
            continue;
        }
        each(name, &COLUMNS.map(|column| columns[column]));
    }
}

pub struct Network {
    root: Root,
    file: KeptFile,
    table: Table<{ SERIES.len() }, Option<Interface>>,
    /// When the next interface is to be looked at.
    due_ms: i64,
}

impl Network {
    pub fn new(root: &Root, rules: &Rc<Rules>) -> Self {
        Self {
            root: root.clone(),
            // A container's own network namespace, where there is one.
            file: KeptFile::new(root.net("dev"), Shape::Records),
            table: Table::new(
                Kind {
                    label: Label::Iface,
                    names: &SERIES,
                    counters: SERIES.len(),
                    shown_max: INTERFACES_MAX,
                    subjects: ["net", "net_rule", "net_summed", "net_new"],
                },
                rules,
            ),
            due_ms: i64::MIN,
        }
    }
}

impl Collector for Network {
    fn collect(&mut self, context: &mut Context<'_>) {
        let Some(bytes) = self.file.read(context.buffer) else {
            return;
        };
        let sample = &mut *context.sample;
        let root = &self.root;
        self.table.begin();
        parse_net_dev(bytes, |name, traffic| {
            if name == b"lo" {
                return;
            }
            let judge = |look| {
                let kind = match look {
                    Look::Thorough => kind::of(root, name),
                    Look::Brief => kind::by_name(name),
                };
                Some(Judged {
                    rank: kind.rank(),
                    // What enters and leaves the machine is told as it is.
                    sums: !kind.is_hardware(),
                    kind: Some(kind.name()),
                })
            };
            if let Some(row) = self.table.put(name, traffic, sample, judge)
                && let Some(interface) = &row.extra
            {
                interface.set(sample);
            }
        });
        let now_ms = sample.boot_ms();
        // Whoever came or went may have changed what the others are.
        let changed = self.table.has_changed();
        if changed || now_ms >= self.due_ms {
            self.due_ms = i64::MAX;
            for (name, row) in self.table.shown() {
                if changed && Interface::may_change(&row.extra) {
                    Interface::look(&mut row.extra, root, name, sample);
                }
                if let Some(interface) = &mut row.extra {
                    interface.turn(now_ms, context.buffer);
                    interface.set(sample);
                    self.due_ms = self.due_ms.min(interface.due_ms());
                }
            }
        }
        self.table.end(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<(String, Traffic)> {
        let mut out = Vec::new();
        parse_net_dev(bytes, |name, traffic| {
            out.push((String::from_utf8_lossy(name).into_owned(), *traffic));
        });
        out
    }

    #[test]
    fn columns_and_names_with_colons() {
        let got = all(b"Inter-|   Receive    |  Transmit\n \
            face |bytes    packets errs drop\n  \
            eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n\
            eth0:1:100 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
        let traffic = [1, 2, 9, 10, 3, 4, 11, 12].map(Some);
        assert_eq!(got[0], ("eth0".into(), traffic));
        assert_eq!(got[1].0, "eth0:1");
        assert_eq!(got[1].1[0], Some(100));
        assert_eq!(got.len(), 2);
    }

    #[test]
    fn hostile_lines_are_left_out_and_hostile_numbers_absent() {
        let got = all(b"eth0: 1 2 3\n: 1 2 3 4 5 6 7 8 9 10 11 12\n\xff\0: -1 \
            18446744073709551615 3 4 5 6 7 8 9 10 11 12\neth1: 1 2 3 4 5 6 7 8 9 10 11 12 13");
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].0, "\u{fffd}");
        assert_eq!(got[0].1[..3], [None, None, Some(9)]);
    }
}
