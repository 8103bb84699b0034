//! Whether a node is worse off after a job than in the hour before it. Pure but
//! for [`measure`], which asks the history.

use crate::history::{Answer, History, HistoryError, Query};

/// What is compared with.
pub const BEFORE_MS: i64 = 3_600_000;
/// What is looked at afterwards.
pub const AFTER_MS: i64 = 60_000;

/// Small enough buckets that little is lost at the edge.
const POINTS: usize = 60;

/// Busier than before by more percentage points than this, and busy at all.
const CPU_MORE_PERCENT: f64 = 30.0;
const CPU_BUSY_PERCENT: f64 = 80.0;
/// Less than half of the memory that was available, and little at all.
const MEMORY_LOW_PERCENT: f64 = 10.0;
/// Twice the load and one more, and more than this for each core.
const LOAD_PER_CORE: f64 = 2.0;

const SERIES: [&str; 11] = [
    "cpu.user_ms",
    "cpu.nice_ms",
    "cpu.system_ms",
    "cpu.irq_ms",
    "cpu.softirq_ms",
    "cpu.idle_ms",
    "cpu.iowait_ms",
    "mem.available_bytes",
    "mem.total_bytes",
    "load.1m_milli",
    "tcp.connections{state=listen}",
];

/// The rules in words, as they are shown before and after.
pub const RULES: [&str; 6] = [
    "A node on which it fails stops the rest.",
    "A node whose Spider is not heard within two minutes afterwards stops the rest.",
    "A CPU that is over 80 % busy, and 30 points busier than in the hour before, stops the rest.",
    "Available memory under 10 %, and under half of what it was, stops the rest.",
    "A load over 2 for each core, and over twice what it was, stops the rest.",
    "A network service that no longer listens stops the rest.",
];

/// Averages over a stretch of time; None is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vitals {
    pub cpu_percent: Option<f64>,
    pub mem_available_percent: Option<f64>,
    pub load_1m: Option<f64>,
    pub cores: Option<f64>,
    /// Listening TCP sockets: the most that there were.
    pub listening: Option<f64>,
}

/// Reads them from the history.
pub fn measure(
    history: &History,
    node: i64,
    cores: Option<u32>,
    from_ms: i64,
    to_ms: i64,
) -> Result<Vitals, HistoryError> {
    let answer = history.query(&Query {
        node,
        selectors: SERIES.iter().map(|key| (*key).to_owned()).collect(),
        from_ms,
        to_ms,
        points: POINTS,
    })?;
    Ok(vitals(&answer, cores, from_ms))
}

fn vitals(answer: &Answer, cores: Option<u32>, from_ms: i64) -> Vitals {
    // Buckets are aligned: one that begins earlier has samples of before the job,
    // which would make what comes after look like it.
    let early = answer.times.partition_point(|start| *start < from_ms);
    let average = |key: &str| {
        let series = answer.series.iter().find(|series| series.key == key)?;
        let (mut sum, mut count) = (0.0, 0.0);
        for (value, samples) in series.avg.iter().zip(&series.count).skip(early) {
            if let Some(value) = value {
                sum += value * f64::from(*samples);
                count += f64::from(*samples);
            }
        }
        (count > 0.0).then(|| sum / count)
    };
    let most = |key: &str| {
        let series = answer.series.iter().find(|series| series.key == key)?;
        series.max.iter().skip(early).flatten().reduce(f64::max)
    };
    let busy: Option<f64> = SERIES[..5].iter().map(|key| average(key)).sum();
    let idle = average("cpu.idle_ms").map(|idle| idle + average("cpu.iowait_ms").unwrap_or(0.0));
    let percent = |part: f64, whole: f64| (whole > 0.0).then(|| part * 100.0 / whole);
    Vitals {
        cpu_percent: busy
            .zip(idle)
            .and_then(|(busy, idle)| percent(busy, busy + idle)),
        mem_available_percent: average("mem.available_bytes")
            .zip(average("mem.total_bytes"))
            .and_then(|(available, total)| percent(available, total)),
        load_1m: average("load.1m_milli").map(|milli| milli / 1000.0),
        cores: cores.map(f64::from),
        listening: most("tcp.connections{state=listen}"),
    }
}

/// What got worse, in words. What is not known on either side is not judged.
pub fn worse(before: &Vitals, after: &Vitals) -> Option<String> {
    if let (Some(was), Some(is)) = (before.cpu_percent, after.cpu_percent)
        && is > CPU_BUSY_PERCENT
        && is > was + CPU_MORE_PERCENT
    {
        return Some(format!(
            "CPU {is:.0} %, against {was:.0} % in the hour before"
        ));
    }
    if let (Some(was), Some(is)) = (before.mem_available_percent, after.mem_available_percent)
        && is < MEMORY_LOW_PERCENT
        && is < was / 2.0
    {
        return Some(format!(
            "{is:.0} % of the memory is available, against {was:.0} % in the hour before"
        ));
    }
    if let (Some(was), Some(is)) = (before.load_1m, after.load_1m)
        && is > LOAD_PER_CORE * after.cores.unwrap_or(1.0).max(1.0)
        && is > was * 2.0 + 1.0
    {
        return Some(format!("load {is:.1}, against {was:.1} in the hour before"));
    }
    if let (Some(was), Some(is)) = (before.listening, after.listening)
        && is < was
    {
        return Some(format!(
            "{is:.0} network services listen, against {was:.0} in the hour before"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::SeriesAnswer;

    fn fine() -> Vitals {
        Vitals {
            cpu_percent: Some(12.0),
            mem_available_percent: Some(60.0),
            load_1m: Some(0.4),
            cores: Some(4.0),
            listening: Some(14.0),
        }
    }

    #[test]
    fn each_rule_has_its_bounds() {
        let was = fine();
        let is = |change: fn(&mut Vitals)| {
            let mut is = fine();
            change(&mut is);
            worse(&was, &is)
        };
        assert_eq!(is(|_| {}), None);
        assert_eq!(is(|v| v.cpu_percent = Some(80.0)), None);
        assert!(
            is(|v| v.cpu_percent = Some(91.0))
                .unwrap()
                .contains("CPU 91 %, against 12 %")
        );
        assert_eq!(is(|v| v.mem_available_percent = Some(20.0)), None);
        assert!(
            is(|v| v.mem_available_percent = Some(5.0))
                .unwrap()
                .contains("memory")
        );
        assert_eq!(is(|v| v.load_1m = Some(8.0)), None);
        assert!(is(|v| v.load_1m = Some(8.1)).unwrap().contains("load 8.1"));
        assert!(
            is(|v| v.listening = Some(13.0))
                .unwrap()
                .contains("13 network services")
        );
        assert_eq!(is(|v| v.listening = Some(15.0)), None);
    }

    #[test]
    fn what_was_before_does_not_count_as_after() {
        let answer = |at: i64| {
            let series = |key: &str, values: [f64; 3]| SeriesAnswer {
                key: key.to_owned(),
                unit: "",
                kind: "gauge",
                count: vec![1; 3],
                avg: values.map(Some).into_iter().collect(),
                min: values.map(Some).into_iter().collect(),
                max: values.map(Some).into_iter().collect(),
                increase: None,
                increase_unit: None,
            };
            let answer = Answer {
                from: at,
                to: 3_000,
                step_ms: 1_000,
                tier: "raw",
                partial: false,
                times: vec![0, 1_000, 2_000],
                series: vec![
                    series("tcp.connections{state=listen}", [9.0, 8.0, 8.0]),
                    series("load.1m_milli", [500.0, 2_000.0, 4_000.0]),
                ],
                gaps: Vec::new(),
            };
            vitals(&answer, None, at)
        };
        let (all, after) = (answer(0), answer(500));
        assert_eq!((all.listening, after.listening), (Some(9.0), Some(8.0)));
        assert_eq!(after.load_1m, Some(3.0));
    }

    #[test]
    fn a_node_that_was_always_busy_stops_nothing() {
        let was = Vitals {
            cpu_percent: Some(90.0),
            mem_available_percent: Some(6.0),
            load_1m: Some(20.0),
            ..fine()
        };
        let is = Vitals {
            cpu_percent: Some(99.0),
            mem_available_percent: Some(5.0),
            load_1m: Some(30.0),
            ..was
        };
        assert_eq!(worse(&was, &is), None);
    }

    #[test]
    fn what_is_not_known_is_not_judged() {
        let bad = Vitals {
            cpu_percent: Some(100.0),
            mem_available_percent: Some(0.0),
            load_1m: Some(99.0),
            cores: None,
            listening: Some(0.0),
        };
        assert_eq!(worse(&Vitals::default(), &bad), None);
        assert_eq!(worse(&fine(), &Vitals::default()), None);
    }
}
