//! What the benches share: CPU time of this thread, and results as text and JSON.

use std::path::PathBuf;

/// Files that any agent must read for the figures that the Spider sends.
pub const FLOOR_FILES: &[&str] = &[
    "/proc/stat",
    "/proc/meminfo",
    "/proc/loadavg",
    "/proc/diskstats",
    "/proc/net/dev",
    "/proc/uptime",
    "/proc/net/sockstat",
    "/proc/net/snmp",
];

/// CPU time that this thread has used, in nanoseconds (CLOCK_THREAD_CPUTIME_ID).
pub fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec for the call to fill.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Mean CPU nanoseconds of `work` over `rounds`, after a tenth as many to warm up.
pub fn mean_ns(rounds: u32, mut work: impl FnMut()) -> f64 {
    for _ in 0..rounds / 10 {
        work();
    }
    let start = thread_cpu_ns();
    for _ in 0..rounds {
        work();
    }
    (thread_cpu_ns() - start) as f64 / f64::from(rounds)
}

/// Named figures of one bench, printed as they come and kept as JSON.
pub struct Report {
    name: &'static str,
    figures: serde_json::Map<String, serde_json::Value>,
}

impl Report {
    pub fn new(name: &'static str) -> Self {
        println!("{name}");
        Self {
            name,
            figures: serde_json::Map::new(),
        }
    }

    pub fn figure(&mut self, what: &str, value: f64, unit: &str) {
        println!("  {what:44} {value:12.2} {unit}");
        self.figures
            .insert(format!("{what} ({unit})"), value.into());
    }

    /// Writes `target/bench/<name>.json`.
    pub fn write(self) -> std::io::Result<PathBuf> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
            PathBuf::from,
        );
        let folder = target.join("bench");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.json", self.name));
        std::fs::write(&path, serde_json::Value::Object(self.figures).to_string())?;
        Ok(path)
    }
}
