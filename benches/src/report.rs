//! Named figures of one bench: printed as they come, kept as JSON, and beside
//! the recorded baseline when `--compare` is given.
//!
//! Only ratios are compared: both sides of a ratio were measured in one run, so
//! it means the same on a fast machine and on a busy one. Nothing fails by it.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// Unit of the figures that are compared.
pub const RATIO: &str = "x";

pub struct Report {
    name: &'static str,
    figures: Map<String, Value>,
    baseline: Option<Map<String, Value>>,
    record: bool,
}

impl Report {
    /// Takes `--compare` and `--record` from the command line:
    /// `cargo bench -p stardust-benches -- --compare`.
    pub fn new(name: &'static str) -> Self {
        println!("{name}");
        let has = |flag: &str| std::env::args().any(|arg| arg == flag);
        let baseline = has("--compare").then(|| of(name, &baseline()));
        if baseline.as_ref().is_some_and(Map::is_empty) {
            println!("  no baseline is recorded; --record writes one");
        }
        Self {
            name,
            figures: Map::new(),
            baseline,
            record: has("--record"),
        }
    }

    pub fn figure(&mut self, what: &str, value: f64, unit: &str) {
        let key = format!("{what} ({unit})");
        let before = self
            .baseline
            .as_ref()
            .and_then(|all| all.get(&key)?.as_f64());
        match before.filter(|before| unit == RATIO && *before > 0.0) {
            None => {
                let digits = if value.abs() < 1.0 { 3 } else { 2 };
                println!("  {what:44} {value:12.digits$} {unit}");
            }
            Some(before) => {
                let percent = (value / before - 1.0) * 100.0;
                println!("  {what:44} {value:12.2} {unit}  {percent:+.0} % ({before:.2} recorded)");
            }
        }
        let rounded = (value * 1000.0).round() / 1000.0;
        self.figures.insert(key, rounded.into());
    }

    /// Writes `target/bench/<name>.json`, and the baseline with `--record`.
    pub fn write(self) -> std::io::Result<()> {
        let folder = target_folder().join("bench");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.json", self.name));
        if self.record {
            let mut all = baseline();
            all.insert(self.name.into(), Value::Object(self.figures.clone()));
            write_json(&baseline_path(), &Value::Object(all))?;
            println!("  recorded in {}", baseline_path().display());
        }
        write_json(&path, &Value::Object(self.figures))?;
        println!("  written to {}", path.display());
        Ok(())
    }
}

fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    )
}

fn baseline_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.json")
}

/// Of all benches, by name; empty where none was recorded.
fn baseline() -> Map<String, Value> {
    let text = std::fs::read_to_string(baseline_path()).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn of(name: &str, all: &Map<String, Value>) -> Map<String, Value> {
    let figures = all.get(name).and_then(Value::as_object);
    figures.cloned().unwrap_or_default()
}

fn write_json(path: &Path, value: &Value) -> std::io::Result<()> {
    std::fs::write(path, format!("{value:#}\n"))
}
