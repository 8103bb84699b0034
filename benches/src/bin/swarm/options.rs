//! Flags: each has a value.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::Failure;

pub struct Options {
    pub server: PathBuf,
    pub nodes: Vec<usize>,
    pub seconds: u64,
    pub interval_ms: u64,
    pub capsules: usize,
    /// What is measured, one after the other: plain, TLS, or both.
    pub tls: Vec<bool>,
    pub distinct: bool,
    /// Whether the floor is measured first.
    pub floor: bool,
    pub storm_minutes: Option<u64>,
    pub recording: PathBuf,
}

pub fn read() -> Result<Options, Failure> {
    let mut given: HashMap<String, String> = HashMap::new();
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let name = flag.strip_prefix("--").ok_or("flags begin with --")?;
        let value = args.next().ok_or("every flag has a value")?;
        given.insert(name.to_string(), value);
    }
    let mut take = |name: &str, default: &str| given.remove(name).unwrap_or(default.into());
    let options = Options {
        server: take("server", "target/release/stardust-server").into(),
        nodes: take("nodes", "100,1000,10000")
            .split(',')
            .map(str::parse)
            .collect::<Result<_, _>>()?,
        seconds: take("seconds", "30").parse()?,
        interval_ms: take("interval", "1000").parse::<u64>()?.max(200),
        capsules: take("capsules", "20").parse()?,
        tls: match take("tls", "no").as_str() {
            "no" => vec![false],
            "yes" => vec![true],
            "both" => vec![false, true],
            _ => return Err("--tls is no, yes or both".into()),
        },
        distinct: take("distinct", "no") == "yes",
        floor: take("floor", "yes") == "yes",
        storm_minutes: match take("storm", "").as_str() {
            "" => None,
            minutes => Some(minutes.parse()?),
        },
        recording: take("recording", "benches/recorded/machine.jsonl.zst").into(),
    };
    match given.keys().next() {
        Some(unknown) => Err(format!("--{unknown} is not known").into()),
        None => Ok(options),
    }
}
