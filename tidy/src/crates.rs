//! What the `Cargo.toml` files say of each other. Pure.

/// The crate's name, and the crates of ours that it names in any table of dependencies.
pub fn dependencies(manifest: &str) -> Option<(String, Vec<String>)> {
    let (mut table, mut name) = ("", None);
    let mut ours = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_end_matches(']');
            // `[dependencies.stardust-x]`
            if let Some((of, named)) = table.rsplit_once('.')
                && of.ends_with("dependencies")
            {
                ours.extend(our(named));
            }
        } else if table == "package"
            && let Some(value) = line.strip_prefix("name = ")
        {
            name = our(value.trim_matches('"'));
        } else if table.ends_with("dependencies") {
            let key = line.split(['=', '.', ' ']).next().unwrap_or("");
            ours.extend(our(key));
        }
    }
    ours.sort();
    ours.dedup();
    Some((name?, ours))
}

/// The short name of a crate of ours.
fn our(name: &str) -> Option<String> {
    name.strip_prefix("stardust-").map(str::to_owned)
}

/// The folders of the crates: `members` of the workspace's `Cargo.toml`.
pub fn members(manifest: &str) -> Vec<String> {
    let Some((_, list)) = manifest.split_once("\nmembers = [") else {
        return Vec::new();
    };
    let list = list.split(']').next().unwrap_or("");
    list.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tables_of_dependencies_are_read() {
        let manifest = r#"
            [package]
            name = "stardust-server"
            [dependencies]
            serde.workspace = true
            stardust-shared.workspace = true
            [dev-dependencies]
            stardust-base = { path = "base", features = ["testing"] }
            [target.'cfg(unix)'.dependencies.stardust-model]
            path = "model"
            [features]
            stardust-x = []
        "#;
        let ours = ["base", "model", "shared"].map(str::to_owned).into();
        assert_eq!(dependencies(manifest), Some(("server".to_owned(), ours)));
        assert_eq!(dependencies("[workspace]"), None);
    }

    #[test]
    fn members_may_stand_on_many_lines() {
        let manifest =
            "[workspace]\nmembers = [\n  \"shared\",\n  \"server/base\",\n]\nexclude = [\"x\"]\n";
        assert_eq!(members(manifest), ["shared", "server/base"]);
        assert!(members("[package]").is_empty());
    }
}
