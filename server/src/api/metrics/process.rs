//! What this process takes of the machine, under Prometheus' standard names.

use super::text::Text;

/// Figures that can't be read are left out.
// The C types are of other sizes on 32-bit machines.
#[allow(clippy::useless_conversion)]
pub fn put(text: &mut Text, start_ms: i64) {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a whole rusage, of which all bytes are valid.
    let usage = unsafe {
        (libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) == 0).then(|| usage.assume_init())
    };
    if let Some(usage) = usage {
        let us = |time: libc::timeval| i64::from(time.tv_sec) * 1_000_000 + i64::from(time.tv_usec);
        let spent = us(usage.ru_utime) + us(usage.ru_stime);
        let help = "CPU time that Ground Control has used.";
        text.counter(
            "process_cpu_seconds_total",
            help,
            spent.unsigned_abs(),
            1_000_000,
        );
    }
    if let Some(pages) = resident_pages() {
        // SAFETY: sysconf only answers a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let help = "Memory of Ground Control that is resident.";
        text.gauge(
            "process_resident_memory_bytes",
            help,
            pages * i64::from(page),
            1,
        );
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        let open = i64::try_from(files.count()).unwrap_or(i64::MAX);
        text.gauge("process_open_fds", "Files that are open.", open, 1);
    }
    let max = i64::try_from(stardust_base::files::limit()).unwrap_or(i64::MAX);
    text.gauge("process_max_fds", "Files that may be open.", max, 1);
    let help = "When Ground Control was started.";
    text.gauge("process_start_time_seconds", help, start_ms, 1_000);
}

/// The second number of /proc/self/statm (man 5 proc).
fn resident_pages() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split(' ').nth(1)?.parse().ok()
}
