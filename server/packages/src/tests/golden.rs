//! Recorded output of the real tools, as the parsers get to see it.

use std::path::Path;

/// The words of a recording: its first line is the command, its last one the
/// status; lines that were timed lose their stamp.
pub fn sample(name: &str) -> String {
    recorded(name).0
}

/// The words and the status.
pub fn recorded(name: &str) -> (String, i32) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    let mut out = String::new();
    let mut code = 0;
    for line in text.lines() {
        if line.starts_with("$ ") {
            continue;
        }
        if let Some(rest) = line.strip_prefix("rc=") {
            code = rest.trim().parse().unwrap();
            continue;
        }
        let stamped = line.strip_prefix('[').and_then(|rest| {
            let (stamp, rest) = rest.split_once(']')?;
            let timed =
                stamp.ends_with(" out") || stamp.ends_with(" err") || stamp.parse::<f64>().is_ok();
            timed.then(|| rest.strip_prefix(' ').unwrap_or(rest))
        });
        out.push_str(&stamped.unwrap_or(line).replace("<CR>", "\r"));
        out.push('\n');
    }
    (out, code)
}
