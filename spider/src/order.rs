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
        "mem.free_bytes" | "mem.available_bytes" | "system.uptime_ms" => 0,
        "proc.running" | "proc.total" => 1,
        "net.rx_bytes" | "net.tx_bytes" | "net.rx_packets" | "net.tx_packets" => 2,
        "cpu.user_ms" | "cpu.system_ms" | "cpu.idle_ms" => 3,
        // Often.
        "mem.cached_bytes" | "mem.active_bytes" | "mem.inactive_bytes" => 4,
        "load.1m_milli" | "load.5m_milli" | "load.15m_milli" => 4,
        "disk.writes" | "disk.written_bytes" | "disk.io_ms" => 5,
        "cpu.iowait_ms" | "cpu.softirq_ms" | "cpu.irq_ms" | "cpu.steal_ms" if !labelled => 6,
        "mem.buffers_bytes" => 6,
        "fs.free_bytes" | "fs.available_bytes" => 7,
        "temp.celsius_milli" | "tcp.connections" => 8,
        // Now and then.
        "cpu.iowait_ms" | "cpu.softirq_ms" | "cpu.irq_ms" | "cpu.steal_ms" => 9,
        "disk.reads" | "disk.read_bytes" | "disk.in_flight" => 10,
        "fs.files_free" => 11,
        "swap.free_bytes" | "cpu.nice_ms" => 12,
        // Hardly ever.
        "net.rx_dropped" | "net.tx_dropped" => 13,
        "net.rx_errors" | "net.tx_errors" => 14,
        _ => 15,
    }
}
