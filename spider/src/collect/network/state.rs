//! What one interface is, whether it is up, and how fast.

use std::path::PathBuf;

use super::kind::{self, Kind};
use crate::collect::table::Extra;
use crate::collect::text::{number, trim};
use crate::root::{Buffer, Root, read_once};
use crate::sample::{Sample, Slot};

/// How often the state is looked at, and the speed, for which some drivers ask
/// their hardware.
const STATE_MS: i64 = 9_900;
const SPEED_MS: i64 = 59_900;
/// 100 terabits: more is a driver that does not know.
const SPEED_MBIT_MAX: i64 = 100_000_000;
/// Room for the longest file name, so that a path grows without being moved.
const FILE_BYTES_MAX: usize = 16;

pub struct Interface {
    kind: Kind,
    /// Its folder in sysfs; `None` where it has none.
    dir: Option<PathBuf>,
    is: Slot,
    up: Option<(Slot, Option<i64>)>,
    speed: Option<(Slot, Option<i64>)>,
    state_due_ms: i64,
    speed_due_ms: i64,
}

impl Extra for Option<Interface> {
    fn release(self, sample: &mut Sample) {
        let Some(interface) = self else { return };
        sample.release(interface.is);
        for (slot, _) in [interface.up, interface.speed].into_iter().flatten() {
            sample.release(slot);
        }
    }
}

impl Interface {
    /// Whether others that come or go may make it something else: hardware may get
    /// an interface above it that counts its bytes.
    pub fn may_change(known: &Option<Self>) -> bool {
        let kind = known.as_ref().map(|interface| interface.kind);
        matches!(kind, None | Some(Kind::Physical | Kind::Port))
    }

    /// Sees what the interface `name` is now.
    pub fn look(known: &mut Option<Self>, root: &Root, name: &[u8], sample: &mut Sample) {
        let kind = kind::of(root, name);
        if known
            .as_ref()
            .is_some_and(|interface| interface.kind == kind)
        {
            return;
        }
        known.take().release(sample);
        let text = String::from_utf8_lossy(name);
        let dir = kind::plain(name).map(|name| {
            let dir = root.sys("class/net").join(name);
            let mut roomy = PathBuf::with_capacity(dir.as_os_str().len() + FILE_BYTES_MAX);
            roomy.push(dir);
            roomy
        });
        let dir = dir.filter(|dir| dir.exists());
        let iface = [("iface", &*text)];
        let labels = [("iface", &*text), ("kind", kind.name())];
        *known = Some(Self {
            kind,
            is: sample.slot("net.kind", &labels),
            up: (dir.is_some() && kind.has_state()).then(|| (sample.slot("net.up", &iface), None)),
            speed: (dir.is_some() && kind.has_speed())
                .then(|| (sample.slot("net.speed_mbit", &iface), None)),
            dir,
            state_due_ms: i64::MIN,
            speed_due_ms: i64::MIN,
        });
    }

    pub fn set(&self, sample: &mut Sample) {
        sample.set(&self.is, Some(1));
        for (slot, value) in [&self.up, &self.speed].into_iter().flatten() {
            sample.set(slot, *value);
        }
    }

    pub fn due_ms(&self) -> i64 {
        match self.dir {
            Some(_) if self.up.is_some() => self.state_due_ms.min(self.speed_due_ms),
            _ => i64::MAX,
        }
    }

    /// Reads what is due. Allocates nothing.
    pub fn turn(&mut self, now_ms: i64, buffer: &mut Buffer) {
        let Some(dir) = &mut self.dir else { return };
        if let Some((_, up)) = &mut self.up
            && now_ms >= self.state_due_ms
        {
            self.state_due_ms = now_ms.saturating_add(STATE_MS);
            *up = read(dir, "operstate", buffer, parse_operstate).unwrap_or_else(|| {
                // Kinds that have no link of their own don't say; a carrier can't
                // be read of what is switched off.
                Some(read(dir, "carrier", buffer, |bytes| number(trim(bytes))).unwrap_or(0))
            });
        }
        if now_ms >= self.speed_due_ms {
            self.speed_due_ms = now_ms.saturating_add(SPEED_MS);
            if let Some((_, speed)) = &mut self.speed {
                *speed = read(dir, "speed", buffer, parse_speed);
            }
        }
    }
}

fn read<T>(
    dir: &mut PathBuf,
    file: &str,
    buffer: &mut Buffer,
    parse: impl FnOnce(&[u8]) -> Option<T>,
) -> Option<T> {
    dir.push(file);
    let value = read_once(dir, buffer).and_then(parse);
    dir.pop();
    value
}

/// `None` where the interface does not say; then its carrier has to.
pub fn parse_operstate(bytes: &[u8]) -> Option<Option<i64>> {
    match trim(bytes) {
        b"up" => Some(Some(1)),
        b"down" | b"lowerlayerdown" | b"dormant" | b"testing" | b"notpresent" => Some(Some(0)),
        _ => None,
    }
}

/// Megabits a second. What is not connected says -1 or 2^32 - 1.
pub fn parse_speed(bytes: &[u8]) -> Option<i64> {
    number(trim(bytes)).filter(|speed| (1..=SPEED_MBIT_MAX).contains(speed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_speeds() {
        assert_eq!(parse_operstate(b"up\n"), Some(Some(1)));
        assert_eq!(parse_operstate(b"lowerlayerdown\n"), Some(Some(0)));
        assert_eq!(parse_operstate(b"unknown\n"), None);
        assert_eq!(parse_operstate(b"\xff"), None);
        assert_eq!(parse_speed(b"2500\n"), Some(2500));
        for bytes in [&b"-1\n"[..], b"4294967295\n", b"0\n", b"", b"fast\n"] {
            assert_eq!(parse_speed(bytes), None);
        }
    }

    #[test]
    fn one_that_changes_its_kind_changes_its_series() {
        let dir = std::env::temp_dir().join(format!("spider-iface-{}", std::process::id()));
        let net = dir.join("sys/class/net/x0");
        std::fs::create_dir_all(&net).unwrap();
        let (mut sample, mut buffer) = (Sample::default(), Buffer::default());
        let (root, mut known) = (Root::new(&dir), None);
        let mut values = |known: &mut Option<Interface>, now_ms| {
            sample.begin();
            Interface::look(known, &root, b"x0", &mut sample);
            let interface = known.as_mut().unwrap();
            interface.turn(now_ms, &mut buffer);
            interface.set(&mut sample);
            sample.end();
            let values = sample.series().iter().zip(sample.values());
            let mut values: Vec<_> = values
                .filter(|(_, value)| **value != stardust_shared::ABSENT)
                .map(|(series, value)| (series.key.to_string(), *value))
                .collect();
            values.sort();
            values
        };
        let is = |kind: &str| format!("net.kind{{iface=x0,kind={kind}}}");
        assert_eq!(values(&mut known, 0), [(is("virtual"), 1)]);
        std::fs::create_dir(net.join("device")).unwrap();
        std::fs::write(net.join("operstate"), "unknown\n").unwrap();
        std::fs::write(net.join("carrier"), "1\n").unwrap();
        std::fs::write(net.join("speed"), "1000\n").unwrap();
        let (up, speed) = ("net.up{iface=x0}", "net.speed_mbit{iface=x0}");
        let told = [(is("physical"), 1), (speed.into(), 1000), (up.into(), 1)];
        assert_eq!(values(&mut known, 0), told);
        std::fs::write(net.join("operstate"), "down\n").unwrap();
        std::fs::write(net.join("speed"), "-1\n").unwrap();
        assert_eq!(values(&mut known, STATE_MS - 1), told);
        let down = [(is("physical"), 1), (speed.into(), 1000), (up.into(), 0)];
        assert_eq!(values(&mut known, STATE_MS), down);
        assert_eq!(
            values(&mut known, SPEED_MS),
            [(is("physical"), 1), (up.into(), 0)]
        );
        std::fs::remove_dir_all(dir).unwrap();
    }
}
