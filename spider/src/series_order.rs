//! Which series come first in the layout: those that change most often.
//!
//! The wire marks changes in groups of eight series, so a delta is short when
//! what changes together stands together. Ranks were chosen by measuring the
//! mean record on ordinary machines; they change nothing but the size.

/// Rank of a series by its name; lower comes first. `labelled` tells a series
/// of one core or device from that of the whole machine.
pub fn rank(name: &str, labelled: bool) -> u8 {
    match name {
        // In nearly every sample, on an idle machine too.
        "mem.free_bytes" | "mem.available_bytes" | "mem.inactive_bytes" => 0,
        "mem.active_bytes" | "system.uptime_ms" => 0,
        "cpu.idle_ms" => 0,
        // The machine's time is expected to be the sum of its cores' before it.
        "cpu.user_ms" if labelled => 1,
        "cpu.user_ms" => 2,
        "cpu.system_ms" if labelled => 3,
        "cpu.system_ms" => 4,
        // Often; an interface that is idle leaves its group unchanged.
        "net.rx_bytes" | "net.tx_bytes" | "net.rx_packets" | "net.tx_packets" => 5,
        "mem.cached_bytes" | "mem.buffers_bytes" => 6,
        "load.1m_milli" | "load.5m_milli" | "load.15m_milli" => 6,
        "proc.running" | "proc.total" | "cpu.iowait_ms" if !labelled => 6,
        "disk.writes" | "disk.written_bytes" | "disk.io_ms" => 7,
        "fs.free_bytes" | "fs.available_bytes" | "fs.files_free" => 8,
        "temp.celsius_milli" | "tcp.connections" | "tcp.split_age_ms" => 9,
        // Now and then.
        "cpu.softirq_ms" | "cpu.irq_ms" | "cpu.steal_ms" if !labelled => 10,
        "cpu.iowait_ms" | "cpu.softirq_ms" => 11,
        "disk.reads" | "disk.read_bytes" | "disk.in_flight" => 12,
        "cpu.steal_ms" => 13,
        "swap.free_bytes" | "cpu.nice_ms" => 14,
        // Hardly ever.
        "net.rx_dropped" | "net.tx_dropped" => 15,
        "net.rx_errors" | "net.tx_errors" => 16,
        _ => 17,
    }
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn what_always_moves_comes_before_what_hardly_ever_does() {
        assert!(rank("cpu.user_ms", true) < rank("cpu.user_ms", false));
        assert!(rank("cpu.user_ms", false) < rank("cpu.system_ms", true));
        assert!(rank("net.rx_bytes", true) < rank("net.rx_errors", true));
        assert!(rank("disk.written_bytes", true) < rank("disk.read_bytes", true));
        assert_eq!(rank("fs.total_bytes", true), rank("anything new", false));
    }
}
