//! What a Spider printed: one JSON object a line.

use std::io::{self, Read as _};
use std::path::Path;

use serde_json::Value;
use stardust_shared::series::name_of;
use stardust_shared::{ABSENT, Layout, SeriesDef};

/// One node's samples: times, and a row of scaled values for each.
#[derive(Clone, Debug)]
pub struct Recording {
    pub layout: Layout,
    pub times_ms: Vec<i64>,
    pub rows: Vec<Vec<i64>>,
}

impl Recording {
    /// One node for a file, one for each file of a folder.
    pub fn load(path: &Path) -> io::Result<Vec<Self>> {
        let mut files = vec![path.to_owned()];
        if path.is_dir() {
            files = std::fs::read_dir(path)?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<io::Result<_>>()?;
            files.retain(|file| file.is_file());
            files.sort();
        }
        files.iter().map(|file| Self::read(file)).collect()
    }

    /// A file of lines, as they are or compressed (`.zst`).
    fn read(path: &Path) -> io::Result<Self> {
        let mut text = String::new();
        let file = std::fs::File::open(path)?;
        if path.extension().is_some_and(|ext| ext == "zst") {
            zstd::Decoder::new(file)?.read_to_string(&mut text)?;
        } else {
            io::BufReader::new(file).read_to_string(&mut text)?;
        }
        Self::parse(&text).map_err(|why| io::Error::other(format!("{}: {why}", path.display())))
    }

    /// The series are those of the first line and what later ones add.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys: Vec<String> = Vec::new();
        let mut positions = std::collections::HashMap::new();
        let mut times_ms = Vec::new();
        let mut rows: Vec<Vec<i64>> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let wrong = |what: &str| format!("line {}: {what}", number + 1);
            let value: Value = serde_json::from_str(line).map_err(|e| wrong(&e.to_string()))?;
            let time = value["time_ms"]
                .as_i64()
                .ok_or_else(|| wrong("no time_ms"))?;
            let series = value["series"]
                .as_object()
                .ok_or_else(|| wrong("no series"))?;
            let mut row = vec![ABSENT; keys.len()];
            for (key, value) in series {
                let Some(value) = value.as_i64() else {
                    continue;
                };
                match positions.get(key) {
                    Some(&at) => row[at] = value,
                    None => {
                        positions.insert(key.clone(), keys.len());
                        keys.push(key.clone());
                        row.push(value);
                    }
                }
            }
            times_ms.push(time);
            rows.push(row);
        }
        let layout = Layout::new(1, keys.iter().map(|key| definition(key)).collect());
        for row in &mut rows {
            row.resize(keys.len(), ABSENT);
            for (value, series) in row.iter_mut().zip(layout.series()) {
                if *value != ABSENT {
                    *value = value.div_euclid(i64::from(series.scale));
                }
            }
        }
        Ok(Self {
            layout,
            times_ms,
            rows,
        })
    }

    pub fn values(&self) -> usize {
        self.rows.len() * self.layout.len()
    }
}

/// As the catalogue knows the name; the key stays as it was printed.
fn definition(key: &str) -> SeriesDef {
    let labels: &[(&str, &str)] = if key.contains('{') { &[("x", "")] } else { &[] };
    SeriesDef {
        key: key.into(),
        ..SeriesDef::new(name_of(key), labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_spider_are_read_and_scaled() {
        let recording = Recording::parse(
            "{\"time_ms\":1000,\"series\":{\"cpu.user_ms{core=0}\":120,\"mem.free_bytes\":8192}}\n\
             {\"time_ms\":2000,\"series\":{\"mem.free_bytes\":4096,\"x{a=b}\":7}}\n",
        )
        .unwrap();
        let keys: Vec<&str> = recording.layout.series().iter().map(|s| &*s.key).collect();
        assert_eq!(keys, ["cpu.user_ms{core=0}", "mem.free_bytes", "x{a=b}"]);
        assert_eq!(recording.times_ms, [1000, 2000]);
        assert_eq!(recording.rows, [[12, 2, ABSENT], [ABSENT, 1, 7]]);
        assert!(Recording::parse("{}").unwrap_err().contains("line 1"));
    }
}
