//! The dozen numbers of a node that the fleet view shows.
//!
//! Which series they come from is worked out once a layout ([`Plan`]); a
//! sample then costs a few additions.

mod choose;

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use stardust_shared::series::{label, name_of};
use stardust_shared::{ABSENT, Layout};

use stardust_shared::rates::{increase, per_second};

/// A struct whose fields can also be written as a row, without their names.
macro_rules! row {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        pub struct $name { $($(#[$doc])* pub $field: $kind,)* }

        impl $name {
            /// The names of a row's values, in their order.
            pub const FIELDS: &[&str] = &[$(stringify!($field)),*];

            fn row<S: SerializeSeq>(&self, row: &mut S) -> Result<(), S::Error> {
                $(row.serialize_element(&self.$field)?;)*
                Ok(())
            }
        }
    };
}

row! {
    /// A number that is `null` is not known: absent is not zero.
    #[derive(Clone, Debug, Default, Serialize)]
    pub struct Summary {
        pub time_ms: i64,
        pub cpu_percent: Option<f64>,
        pub cores: Option<u32>,
        pub mem_used_bytes: Option<i64>,
        pub mem_total_bytes: Option<i64>,
        pub swap_used_bytes: Option<i64>,
        pub swap_total_bytes: Option<i64>,
        /// The fullest filesystem.
        pub disk_mount: Option<String>,
        pub disk_used_bytes: Option<i64>,
        pub disk_total_bytes: Option<i64>,
        pub disk_percent: Option<f64>,
        pub disk_read_bytes_per_s: Option<f64>,
        pub disk_write_bytes_per_s: Option<f64>,
        pub net_rx_bytes_per_s: Option<f64>,
        pub net_tx_bytes_per_s: Option<f64>,
        pub load_1m: Option<f64>,
        pub load_5m: Option<f64>,
        pub load_15m: Option<f64>,
        pub procs: Option<i64>,
        pub temp_celsius: Option<f64>,
        pub temp_sensor: Option<String>,
        pub uptime_ms: Option<i64>,
        pub tcp_established: Option<i64>,
    }
}

/// A node's new sample for `/live`: its number, when it was last seen, and the
/// values of its summary. Names of fields are most of what a summary takes, and
/// every browser is sent thousands of them a second.
#[derive(Clone, Debug)]
pub struct SampleRow {
    pub node: i64,
    pub last_seen_ms: Option<i64>,
    pub summary: Option<Summary>,
}

impl SampleRow {
    /// What comes before the values of the summary.
    const LEADING: [&str; 2] = ["id", "last_seen_ms"];

    /// The names of a row's values, in their order.
    pub fn fields() -> Vec<&'static str> {
        [&Self::LEADING, Summary::FIELDS].concat()
    }
}

impl Serialize for SampleRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(None)?;
        row.serialize_element(&self.node)?;
        row.serialize_element(&self.last_seen_ms)?;
        if let Some(summary) = &self.summary {
            summary.row(&mut row)?;
        }
        row.end()
    }
}

/// Where in a layout the numbers of the summary are.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    cpu_busy: Vec<usize>,
    cpu_idle: Vec<usize>,
    cores: u32,
    mem_total: Option<usize>,
    mem_available: Option<usize>,
    /// Free memory, and what holds files and can be dropped.
    mem_free: Option<usize>,
    mem_droppable: Vec<usize>,
    swap_total: Option<usize>,
    swap_free: Option<usize>,
    load: [Option<usize>; 3],
    procs: Option<usize>,
    uptime: Option<usize>,
    tcp_established: Option<usize>,
    disk_read: Vec<usize>,
    disk_written: Vec<usize>,
    net_rx: Vec<usize>,
    net_tx: Vec<usize>,
    filesystems: Vec<Filesystem>,
    temperatures: Vec<Sensor>,
}

#[derive(Clone, Debug)]
struct Sensor {
    name: String,
    rank: u8,
    index: usize,
}

#[derive(Clone, Debug)]
struct Filesystem {
    mount: String,
    total: usize,
    free: Option<usize>,
    available: Option<usize>,
    readonly: Option<usize>,
    is_overlay: bool,
    /// Those of the machine itself come first.
    rank: u8,
}

/// Time of all processors together since the machine started, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuTime {
    pub busy_ms: i64,
    pub total_ms: i64,
}

impl CpuTime {
    /// Percent of the time between; `None` when there was none.
    pub fn percent_since(&self, before: &Self) -> Option<f64> {
        let total_ms = self.total_ms.saturating_sub(before.total_ms);
        let busy_ms = self.busy_ms.saturating_sub(before.busy_ms);
        (total_ms > 0).then(|| busy_ms as f64 * 100.0 / total_ms as f64)
    }
}

/// Plans at hand: a fleet has few kinds of machines.
const PLANS_KEPT: usize = 64;

thread_local! {
    /// By layout; one that nobody has any more gives its place up.
    static PLANS: RefCell<Vec<(Weak<Layout>, Weak<Plan>)>> = const { RefCell::new(Vec::new()) };
}

impl Plan {
    /// The plan of a layout, the same for all nodes that share it: one that stays
    /// in the processor's cache, where ten thousand copies would not.
    pub fn of(layout: &Arc<Layout>) -> Arc<Self> {
        PLANS.with_borrow_mut(|plans| {
            plans.retain(|(_, plan)| plan.strong_count() > 0);
            let known = plans
                .iter()
                .find(|(known, _)| std::ptr::eq(known.as_ptr(), Arc::as_ptr(layout)));
            if let Some(plan) = known.and_then(|(_, plan)| plan.upgrade()) {
                return plan;
            }
            let plan = Arc::new(Self::new(layout));
            if plans.len() < PLANS_KEPT {
                plans.push((Arc::downgrade(layout), Arc::downgrade(&plan)));
            }
            plan
        })
    }

    pub fn new(layout: &Layout) -> Self {
        let mut plan = Self::default();
        let (interfaces, disks) = (choose::interfaces(layout), choose::disks(layout));
        [plan.net_rx, plan.net_tx] = [0, 1].map(|place| interfaces.best(place));
        [plan.disk_read, plan.disk_written] = [0, 1].map(|place| disks.best(place));
        // Made when it is asked for: searching the list for each filesystem would take
        // a second for thousands of them.
        let mut places = None;
        for (index, series) in layout.series().iter().enumerate() {
            let key: &str = &series.key;
            let labelled = key.contains('{');
            match name_of(key) {
                "cpu.idle_ms" | "cpu.iowait_ms" if !labelled => plan.cpu_idle.push(index),
                "cpu.user_ms" | "cpu.nice_ms" | "cpu.system_ms" | "cpu.irq_ms"
                | "cpu.softirq_ms" | "cpu.steal_ms"
                    if !labelled =>
                {
                    plan.cpu_busy.push(index)
                }
                "cpu.user_ms" => plan.cores += 1,
                "mem.total_bytes" => plan.mem_total = Some(index),
                "mem.available_bytes" => plan.mem_available = Some(index),
                "mem.free_bytes" => plan.mem_free = Some(index),
                "mem.cached_bytes" | "mem.buffers_bytes" => plan.mem_droppable.push(index),
                "swap.total_bytes" => plan.swap_total = Some(index),
                "swap.free_bytes" => plan.swap_free = Some(index),
                "load.1m_milli" => plan.load[0] = Some(index),
                "load.5m_milli" => plan.load[1] = Some(index),
                "load.15m_milli" => plan.load[2] = Some(index),
                "proc.total" => plan.procs = Some(index),
                "system.uptime_ms" => plan.uptime = Some(index),
                "tcp.connections" if label(key, "state").as_deref() == Some("established") => {
                    plan.tcp_established = Some(index)
                }
                "fs.total_bytes" => {
                    let places = places.get_or_insert_with(|| places_of(layout));
                    plan.add_filesystem(places, key, index);
                }
                "temp.celsius_milli" => {
                    let name = shown(label(key, "sensor"));
                    let rank = choose::sensor_rank(&name);
                    plan.temperatures.push(Sensor { name, rank, index });
                }
                _ => {}
            }
        }
        plan
    }

    fn add_filesystem(&mut self, places: &HashMap<&str, usize>, key: &str, total: usize) {
        let find = |name: &str| {
            let other = key.replacen("fs.total_bytes", name, 1);
            places.get(&*other).copied()
        };
        let fs_type = label(key, "type").unwrap_or_default();
        let Some(rank) = choose::filesystem_rank(&fs_type) else {
            return;
        };
        self.filesystems.push(Filesystem {
            rank,
            readonly: find("fs.readonly"),
            is_overlay: fs_type == "overlay",
            mount: shown(label(key, "mount")),
            total,
            free: find("fs.free_bytes"),
            available: find("fs.available_bytes"),
        });
    }

    /// The summary of `now`; rates need the sample before, `elapsed_ms` earlier.
    pub fn summary(
        &self,
        layout: &Layout,
        now: &[i64],
        before: Option<(&[i64], i64)>,
        time_ms: i64,
    ) -> Summary {
        let get = |index: usize| -> Option<i64> {
            let value = *now.get(index)?;
            let scale = layout.series().get(index)?.scale;
            (value != ABSENT).then(|| value.wrapping_mul(i64::from(scale)))
        };
        let at = |index: Option<usize>| index.and_then(get);
        let milli = |index: Option<usize>| at(index).map(|value| value as f64 / 1000.0);
        let rate = |indexes: &[usize]| {
            let (before, elapsed_ms) = before?;
            per_second(grown(layout, indexes, now, before, increase)?, elapsed_ms).map(round1)
        };

        let mut summary = Summary {
            time_ms,
            cores: (self.cores > 0).then_some(self.cores),
            mem_total_bytes: at(self.mem_total),
            swap_total_bytes: at(self.swap_total),
            disk_read_bytes_per_s: rate(&self.disk_read),
            disk_write_bytes_per_s: rate(&self.disk_written),
            net_rx_bytes_per_s: rate(&self.net_rx),
            net_tx_bytes_per_s: rate(&self.net_tx),
            load_1m: milli(self.load[0]),
            load_5m: milli(self.load[1]),
            load_15m: milli(self.load[2]),
            procs: at(self.procs),
            uptime_ms: at(self.uptime),
            tcp_established: at(self.tcp_established),
            ..Summary::default()
        };
        if let Some((before, _)) = before {
            summary.cpu_percent = self.cpu_percent(layout, now, before);
        }
        summary.mem_used_bytes = sub(summary.mem_total_bytes, self.unused_memory(&at));
        summary.swap_used_bytes = sub(summary.swap_total_bytes, at(self.swap_free));
        self.fullest(&at, &mut summary);
        self.hottest(&get, &mut summary);
        summary
    }

    /// What the processors have done so far.
    pub fn cpu(&self, layout: &Layout, now: &[i64]) -> Option<CpuTime> {
        let sum = |indexes: &[usize]| -> Option<i64> {
            let known = indexes.iter().filter_map(|&index| {
                let value = *now.get(index).filter(|value| **value != ABSENT)?;
                let scale = layout.series().get(index)?.scale;
                Some(value.saturating_mul(i64::from(scale)))
            });
            known.reduce(i64::saturating_add)
        };
        let busy_ms = sum(&self.cpu_busy)?;
        Some(CpuTime {
            busy_ms,
            total_ms: busy_ms.saturating_add(sum(&self.cpu_idle)?),
        })
    }

    /// Busy over busy and idle, and nothing where both stand still.
    fn cpu_percent(&self, layout: &Layout, now: &[i64], before: &[i64]) -> Option<f64> {
        let busy = grown(layout, &self.cpu_busy, now, before, time_increase)?;
        let idle = grown(layout, &self.cpu_idle, now, before, time_increase)?;
        let total = busy.saturating_add(idle);
        (total > 0).then(|| round1(busy as f64 * 100.0 / total as f64))
    }

    /// What programs can have. Older Spiders don't say so for kernels before 3.14,
    /// and in a container tell what its machine has.
    fn unused_memory(&self, at: &impl Fn(Option<usize>) -> Option<i64>) -> Option<i64> {
        let total = at(self.mem_total)?;
        let available = at(self.mem_available).filter(|&bytes| bytes <= total);
        available.or_else(|| {
            let droppable = self
                .mem_droppable
                .iter()
                .filter_map(|&index| at(Some(index)));
            let unused = droppable.fold(at(self.mem_free)?, i64::saturating_add);
            Some(unused.min(total))
        })
    }

    /// The processor's temperature, where it has a sensor: of its sensors the hottest.
    fn hottest(&self, get: &impl Fn(usize) -> Option<i64>, summary: &mut Summary) {
        let known = self.temperatures.iter();
        let known = known.filter_map(|sensor| Some((sensor, get(sensor.index)?)));
        let hottest = known.max_by_key(|(sensor, value)| (Reverse(sensor.rank), *value));
        if let Some((sensor, value)) = hottest {
            summary.temp_celsius = Some(round1(value as f64 / 1000.0));
            summary.temp_sensor = Some(sensor.name.clone());
        }
    }

    fn fullest(&self, at: &impl Fn(Option<usize>) -> Option<i64>, summary: &mut Summary) {
        let mut fullest = (u8::MAX, -1.0);
        for fs in &self.filesystems {
            let (Some(total), Some(free)) = (at(Some(fs.total)), at(fs.free)) else {
                continue;
            };
            // An overlay without any room is an image; older Spiders don't say so.
            let is_image = fs.is_overlay && fs.readonly.is_none() && free == 0;
            if at(fs.readonly) == Some(1) || is_image {
                continue;
            }
            let used = total.saturating_sub(free).max(0);
            // As `df` counts it: of what an ordinary user may fill.
            let usable = used.saturating_add(at(fs.available).unwrap_or(free));
            if usable <= 0 {
                continue;
            }
            let percent = used as f64 * 100.0 / usable as f64;
            if fs.rank < fullest.0 || (fs.rank == fullest.0 && percent > fullest.1) {
                fullest = (fs.rank, percent);
                summary.disk_mount = Some(fs.mount.clone());
                summary.disk_used_bytes = Some(used);
                summary.disk_total_bytes = Some(total);
                summary.disk_percent = Some(round1(percent));
            }
        }
    }
}

/// Where in a layout each key is; the first of equal ones.
fn places_of(layout: &Layout) -> HashMap<&str, usize> {
    let keys = layout.series().iter().map(|series| &*series.key);
    keys.enumerate().map(|(n, key)| (key, n)).rev().collect()
}

/// By how much counters grew together; `None` when none of them is known.
fn grown(
    layout: &Layout,
    indexes: &[usize],
    now: &[i64],
    before: &[i64],
    increase: fn(i64, i64) -> i64,
) -> Option<i64> {
    let mut sum = None;
    for &index in indexes {
        let (Some(&b), Some(&n)) = (before.get(index), now.get(index)) else {
            continue;
        };
        if b == ABSENT || n == ABSENT {
            continue;
        }
        let scale = i64::from(layout.series().get(index)?.scale);
        let grown = increase(b, n).saturating_mul(scale);
        sum = Some(sum.unwrap_or(0i64).saturating_add(grown));
    }
    sum
}

/// As [`increase`], for times of processors: those that a processor waited or was
/// idle fall by a little now and then (proc(5)), which is no new start.
fn time_increase(before: i64, now: i64) -> i64 {
    if now < before && now > before / 2 {
        return 0;
    }
    increase(before, now)
}

fn round1(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn sub(total: Option<i64>, unused: Option<i64>) -> Option<i64> {
    Some(total?.saturating_sub(unused?).max(0))
}

/// What a label says, for people: whoever can mount something can name it as a terminal
/// would act on.
fn shown(label: Option<Cow<'_, str>>) -> String {
    let visible = |c: char| match c.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    label.unwrap_or_default().chars().map(visible).collect()
}

#[cfg(test)]
mod tests;
