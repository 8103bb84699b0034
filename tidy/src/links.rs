//! Links of the documents, and what they lead to. Pure.

/// What the links of a document in Markdown lead to, as they are written; those to other
/// places than files and headings are left out.
pub fn links(document: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in text_lines(document) {
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            let Some(end) = rest.find(')') else { continue };
            // `[text](file "title")`
            let target = rest[..end].split(' ').next().unwrap_or("");
            let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty() && !is_elsewhere {
                links.push(target.to_owned());
            }
        }
    }
    links
}

/// The anchors that GitHub gives the headings of a document.
pub fn anchors(document: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for line in text_lines(document) {
        let text = line.trim_start_matches('#');
        if text.len() == line.len() || !text.starts_with(' ') {
            continue;
        }
        let plain = |c: char| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
            _ => None,
        };
        let anchor: String = text.trim().chars().filter_map(plain).collect();
        let same = anchors.iter().filter(|known| **known == anchor).count();
        anchors.push(if same == 0 {
            anchor
        } else {
            format!("{anchor}-{same}")
        });
    }
    anchors
}

/// Lines outside of blocks of code, with what is code in them blanked.
fn text_lines(document: &str) -> impl Iterator<Item = String> {
    let mut in_code = false;
    document.lines().filter_map(move |line| {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            return None;
        }
        if in_code {
            return None;
        }
        // A heading's code is part of its anchor.
        if line.starts_with('#') {
            return Some(line.replace('`', ""));
        }
        Some(line.split('`').step_by(2).collect::<Vec<_>>().join("`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_and_headings_are_found_but_not_those_in_code() {
        let document = "See [a](docs/a.md), [b](../b.md#part \"t\") and [c](#here).\n\
            [web](https://a.example/x) `[code](no.md)`\n```\n[block](no.md)\n```\n![p](p.png)";
        assert_eq!(
            links(document),
            ["docs/a.md", "../b.md#part", "#here", "p.png"]
        );
    }

    #[test]
    fn anchors_are_those_of_github() {
        let document =
            "# One picture\n## `--flag`: what it's for\n#no\n## One picture\n```\n# code\n```";
        assert_eq!(
            anchors(document),
            ["one-picture", "--flag-what-its-for", "one-picture-1"]
        );
    }
}
