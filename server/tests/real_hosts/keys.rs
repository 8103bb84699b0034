//! The SSH keys that `build.sh` has made and every host but a stranger's knows.

use serde_json::{Value, json};

use crate::host::base;

pub const PASSPHRASE: &str = "key-pass";

/// Name, and whether it has a passphrase.
pub fn all() -> Vec<(String, bool)> {
    let mut names: Vec<String> = std::fs::read_dir(base().join("keys"))
        .unwrap()
        .filter_map(|entry| {
            Some(
                entry
                    .unwrap()
                    .file_name()
                    .to_str()?
                    .strip_suffix(".pub")?
                    .to_owned(),
            )
        })
        .filter(|name| name != "stranger")
        .collect();
    names.sort();
    assert!(names.len() >= 16, "{names:?}");
    names
        .into_iter()
        .map(|name| (name.clone(), name.ends_with("-locked")))
        .collect()
}

pub fn text(name: &str) -> String {
    std::fs::read_to_string(base().join("keys").join(name)).expect(name)
}

/// As the API takes it.
pub fn auth(name: &str) -> Value {
    json!({"key": text(name)})
}

pub fn auth_with(name: &str, passphrase: &str) -> Value {
    json!({"key": text(name), "passphrase": passphrase})
}
