//! Samples as JSON lines, for people and scripts.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use stardust_shared::ABSENT;
use stardust_shared::message::Identity;

use crate::clock;
use crate::collect::Sampler;
use crate::config::Mode;
use crate::sample::Sample;

/// Prints one sample and what the machine is, or one each interval until stdout
/// is closed.
pub fn run(
    sampler: &mut Sampler,
    mode: Mode,
    interval_ms: u64,
    identity: &impl Fn() -> Identity,
) -> ExitCode {
    let mut stdout = io::stdout().lock();
    let interval_ms = i64::try_from(interval_ms).unwrap_or(i64::MAX);
    let mut line = Vec::new();
    let mut due_ms = clock::boot_ms();
    loop {
        let sample = sampler.collect();
        line.clear();
        let identity = (mode == Mode::Once).then(identity);
        write_line(sample, clock::wall_ms(), identity.as_ref(), &mut line);
        match stdout.write_all(&line).and_then(|()| stdout.flush()) {
            Ok(()) => {}
            // Whoever read us has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("stardust-spider: can't write to stdout: {error}");
                return ExitCode::FAILURE;
            }
        }
        if mode == Mode::Once {
            return ExitCode::SUCCESS;
        }
        due_ms = next_deadline(due_ms, interval_ms, clock::boot_ms());
        sleep_until(due_ms);
    }
}

/// The next multiple of the interval after `due_ms` that is still to come, so
/// that a late sample moves none of those that follow it.
pub fn next_deadline(due_ms: i64, interval_ms: i64, now_ms: i64) -> i64 {
    let interval_ms = interval_ms.max(1);
    let missed = now_ms.saturating_sub(due_ms).max(0) / interval_ms;
    due_ms.saturating_add(interval_ms.saturating_mul(missed + 1))
}

fn sleep_until(due_ms: i64) {
    loop {
        let left_ms = due_ms - clock::boot_ms();
        match u64::try_from(left_ms) {
            Ok(left_ms) if left_ms > 0 => std::thread::sleep(Duration::from_millis(left_ms)),
            _ => return,
        }
    }
}

/// Appends `{"time_ms":…,"identity":{…},"series":{…}}` and a newline; absent values
/// are left out, and so is the identity where it is not asked for.
pub fn write_line(sample: &Sample, time_ms: i64, identity: Option<&Identity>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time_ms\":");
    write_number(time_ms, out);
    if let Some(identity) = identity {
        out.extend_from_slice(b",\"identity\":");
        let before = out.len();
        if serde_json::to_writer(&mut *out, identity).is_err() {
            out.truncate(before);
            out.extend_from_slice(b"null");
        }
    }
    out.extend_from_slice(b",\"series\":{");
    let mut first = true;
    for (series, &value) in sample.series().iter().zip(sample.values()) {
        if value == ABSENT {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_string(&series.key, out);
        out.push(b':');
        write_number(value, out);
    }
    out.extend_from_slice(b"}}\n");
}

fn write_number(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_with_what_is_present() {
        let mut sample = Sample::default();
        sample.begin();
        let hostile = "a\"b\\c\nd\u{1}é=,{}";
        let present = sample.slot("net.rx_bytes", &[("iface", hostile)]);
        let _absent = sample.slot("net.tx_bytes", &[("iface", hostile)]);
        let lowest = sample.slot("temp.celsius_milli", &[("sensor", "x")]);
        sample.set(&present, Some(i64::MAX));
        sample.set(&lowest, Some(i64::MIN + 1));
        sample.end();
        let mut line = Vec::new();
        write_line(&sample, 1_700_000_000_123, None, &mut line);
        assert!(line.ends_with(b"}}\n"));
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["time_ms"], 1_700_000_000_123i64);
        let series = value["series"].as_object().unwrap();
        assert_eq!(series.len(), 2);
        let (key, number) = series.iter().next().unwrap();
        assert_eq!(number, i64::MAX);
        let back = stardust_shared::series::label(key, "iface").unwrap();
        assert_eq!(back, hostile);
        assert_eq!(series["temp.celsius_milli{sensor=x}"], i64::MIN + 1);
    }

    #[test]
    fn an_empty_sample_is_an_empty_object() {
        let mut line = Vec::new();
        write_line(&Sample::default(), -1, None, &mut line);
        assert_eq!(line, b"{\"time_ms\":-1,\"series\":{}}\n");
        let identity = Identity {
            hostname: Some("a\"b".into()),
            ..Identity::default()
        };
        line.clear();
        write_line(&Sample::default(), 0, Some(&identity), &mut line);
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["identity"]["hostname"], "a\"b");
    }

    #[test]
    fn deadlines_do_not_drift() {
        assert_eq!(next_deadline(1000, 200, 1010), 1200);
        assert_eq!(next_deadline(1000, 200, 1199), 1200);
        assert_eq!(next_deadline(1000, 200, 1200), 1400);
        assert_eq!(next_deadline(1000, 200, 2050), 2200);
        assert_eq!(next_deadline(1000, 0, 1000), 1001);
        assert_eq!(next_deadline(1000, i64::MAX, 1000), i64::MAX);
    }
}
