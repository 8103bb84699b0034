//! What is told of waves: how far each is, and why there is no further one. Pure.

use serde_json::{Value, json};

use super::super::vitals::RULES;
use stardust_model::intent::LeftOut;

/// Why there is no further wave.
pub struct Stop {
    pub node: i64,
    pub rule: &'static str,
    pub detail: String,
}

/// How it goes with the wave that it has come to.
pub enum Now<'a> {
    Running,
    Stopped(&'a Stop),
    Cancelled,
}

/// `at`: the wave that it has come to, or how many there are.
pub fn result(
    nodes: &[i64],
    sizes: &[usize],
    watch: bool,
    left_out: &[LeftOut],
    at: usize,
    now: &Now<'_>,
) -> Value {
    let mut left = nodes;
    let parts: Vec<_> = sizes
        .iter()
        .enumerate()
        .map(|(number, &size)| {
            let (nodes, rest) = left.split_at(size);
            left = rest;
            let state = match (number.cmp(&at), now) {
                (std::cmp::Ordering::Less, _) => "done",
                (std::cmp::Ordering::Equal, Now::Running) => "running",
                (std::cmp::Ordering::Equal, Now::Stopped(_)) => "failed",
                (std::cmp::Ordering::Equal, Now::Cancelled) => "cancelled",
                (std::cmp::Ordering::Greater, Now::Running) => "waiting",
                (std::cmp::Ordering::Greater, _) => "not_begun",
            };
            json!({"nodes": nodes, "state": state})
        })
        .collect();
    let rules = if watch { &RULES[..] } else { &RULES[..1] };
    let stop = match now {
        Now::Stopped(stop) => Some(stop),
        _ => None,
    };
    json!({
        "waves": parts,
        "rules": rules,
        "left_out": left_out,
        "stopped": stop.map(|stop| json!({
            "node": stop.node,
            "rule": stop.rule,
            "detail": stop.detail,
        })),
    })
}

/// What to do about a wave that stops the rest.
pub fn hint(left: usize) -> String {
    match left {
        0 => "Look at that node.".to_owned(),
        1 => "1 node was not begun. Look at that node first.".to_owned(),
        left => format!("{left} nodes were not begun. Look at that node first."),
    }
}

pub fn done(size: usize, total: usize) -> String {
    match (size, total) {
        (1, 1) => "The node is done and well.".to_owned(),
        (1, total) => format!("1 of {total} nodes is done and well."),
        (size, total) => format!("{size} of {total} nodes are done and well."),
    }
}

/// `first`: a node on which it failed, and why.
pub fn failed(failed: usize, size: usize, first: &str, why: &str) -> String {
    match failed {
        1 => format!("It failed on {first}: {why}"),
        many => format!("{many} of {size} failed, the first on {first}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_that_failed_is_not_called_cancelled() {
        let nodes = [4, 2, 3];
        let states = |at, now: &Now<'_>| -> Vec<String> {
            let told = result(&nodes, &[1, 1, 1], false, &[], at, now);
            let waves = told["waves"].as_array().unwrap().iter();
            waves
                .map(|wave| wave["state"].as_str().unwrap().to_owned())
                .collect()
        };
        let stop = Stop {
            node: 2,
            rule: "failed",
            detail: "d".into(),
        };
        assert_eq!(states(1, &Now::Running), ["done", "running", "waiting"]);
        assert_eq!(
            states(1, &Now::Stopped(&stop)),
            ["done", "failed", "not_begun"]
        );
        assert_eq!(
            states(0, &Now::Cancelled),
            ["cancelled", "not_begun", "not_begun"]
        );
        assert_eq!(states(3, &Now::Running), ["done", "done", "done"]);
        let told = result(&nodes, &[1, 2], false, &[], 1, &Now::Stopped(&stop));
        assert_eq!(told["stopped"]["node"], 2);
        assert_eq!(told["waves"][0]["nodes"], json!([4]));
    }

    #[test]
    fn one_is_one_and_more_are_more() {
        assert!(hint(1).starts_with("1 node was not begun"));
        assert!(hint(2).starts_with("2 nodes were not begun"));
        assert_eq!(hint(0), "Look at that node.");
        assert_eq!(done(1, 4), "1 of 4 nodes is done and well.");
        assert_eq!(done(1, 1), "The node is done and well.");
        assert_eq!(done(3, 4), "3 of 4 nodes are done and well.");
        assert_eq!(failed(1, 1, "pi", "no room"), "It failed on pi: no room");
        assert!(failed(2, 3, "pi", "no room").starts_with("2 of 3 failed, the first on pi"));
    }
}
