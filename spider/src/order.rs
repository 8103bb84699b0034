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
        "cpu.user_ms" | "cpu.system_ms" | "cpu.idle_ms" if !labelled => 0,
        "mem.free_bytes" | "mem.available_bytes" | "mem.inactive_bytes" => 0,
        "mem.active_bytes" | "system.uptime_ms" => 0,
        "cpu.idle_ms" => 1,
        // Often; an interface or a core that is idle leaves its group unchanged.
        "cpu.user_ms" | "cpu.system_ms" => 2,
        "net.rx_bytes" | "net.tx_bytes" | "net.rx_packets" | "net.tx_packets" => 3,
        "mem.cached_bytes" | "mem.buffers_bytes" => 4,
        "load.1m_milli" | "load.5m_milli" | "load.15m_milli" => 4,
        "proc.running" | "proc.total" | "cpu.iowait_ms" if !labelled => 4,
        "disk.writes" | "disk.written_bytes" | "disk.io_ms" => 5,
        "fs.free_bytes" | "fs.available_bytes" | "fs.files_free" => 6,
        "temp.celsius_milli" | "tcp.connections" | "tcp.split_age_ms" => 7,
        // Now and then.
        "cpu.softirq_ms" | "cpu.irq_ms" | "cpu.steal_ms" if !labelled => 8,
        "cpu.iowait_ms" | "cpu.softirq_ms" => 9,
        "disk.reads" | "disk.read_bytes" | "disk.in_flight" => 10,
        "cpu.steal_ms" => 11,
        "swap.free_bytes" | "cpu.nice_ms" => 12,
        // Hardly ever.
        "net.rx_dropped" | "net.tx_dropped" => 13,
        "net.rx_errors" | "net.tx_errors" => 14,
        _ => 15,
    }
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn what_always_moves_comes_before_what_hardly_ever_does() {
        assert!(rank("cpu.idle_ms", false) < rank("cpu.idle_ms", true));
        assert!(rank("net.rx_bytes", true) < rank("net.rx_errors", true));
        assert!(rank("disk.written_bytes", true) < rank("disk.read_bytes", true));
        assert_eq!(rank("fs.total_bytes", true), rank("anything new", false));
    }
}
