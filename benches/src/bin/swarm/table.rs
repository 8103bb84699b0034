//! The rows of the README's table, in Markdown.

use std::time::Duration;

/// One number of nodes, plain or over TLS.
pub struct Row {
    pub nodes: usize,
    pub tls: bool,
    pub cpu_us: f64,
    /// What as many nodes cost a server that only takes frames off its sockets.
    pub floor_us: Option<f64>,
    pub core_percent: f64,
    pub connection_kb: f64,
    pub resident_mb: f64,
    pub mean: Duration,
    pub longest: Duration,
    pub silence: Duration,
}

pub fn print(rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    println!(
        "\n| nodes | CPU a sample | × floor | of one core | memory a connection | resident in all | sample to \
         commit, mean | longest | longest silence of a Capsule |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    );
    for row in rows {
        println!(
            "| {}{} | {:.1} µs | {} | {:.1} % | {:.1} KB | {:.1} MB | {:.1} s | {:.1} s | {:.1} s |",
            thousands(row.nodes),
            if row.tls { ", TLS" } else { "" },
            row.cpu_us,
            row.floor_us
                .map_or_else(|| "–".into(), |floor| format!("{:.1}", row.cpu_us / floor)),
            row.core_percent,
            row.connection_kb,
            row.resident_mb,
            row.mean.as_secs_f64(),
            row.longest.as_secs_f64(),
            row.silence.as_secs_f64(),
        );
    }
}

fn thousands(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", number / 1_000, number % 1_000),
    }
}
