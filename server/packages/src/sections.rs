//! Several answers of a node in one: scripts print each between two lines that
//! hold a mark of chance, so that no tool's output can pass for another's.

use super::limits::ANSWER_BYTES_MAX;
use stardust_shell::Fault;
use stardust_shell::shell::Command;

/// Before every script: `$1` is the mark. `run NAME COMMAND…` prints the
/// command's whole output as a section, `quiet` only what it says on stdout.
pub const PRELUDE: &str = r#"
M=$1; shift
exec </dev/null
LC_ALL=C; LANG=C; LANGUAGE=; PAGER=cat; NO_COLOR=1; TERM=dumb
export LC_ALL LANG LANGUAGE PAGER NO_COLOR TERM
has() { command -v "$1" >/dev/null 2>&1; }
run() { name=$1; shift; printf '@%s %s\n' "$M" "$name"; "$@" 2>&1; printf '\n@%s . %s\n' "$M" "$?"; }
quiet() { name=$1; shift; printf '@%s %s\n' "$M" "$name"; "$@" 2>/dev/null; printf '\n@%s . %s\n' "$M" "$?"; }
"#;

/// A script of sections. `arguments` are its `$1`, `$2`, …
pub fn command(mark: &str, parts: &[&'static str], arguments: &[&[u8]]) -> Result<Command, Fault> {
    let mut all = vec![PRELUDE];
    all.extend_from_slice(parts);
    let mut given: Vec<&[u8]> = vec![mark.as_bytes()];
    given.extend_from_slice(arguments);
    Command::scripts(&all, &given)
}

/// One section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    pub name: String,
    pub text: String,
    /// None: it was cut off.
    pub code: Option<i32>,
}

#[derive(Clone, Debug, Default)]
pub struct Sections {
    all: Vec<Section>,
}

impl Sections {
    pub fn read(mark: &str, bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(ANSWER_BYTES_MAX)];
        let text = String::from_utf8_lossy(bytes);
        let start = format!("@{mark} ");
        let mut all: Vec<Section> = Vec::new();
        let mut open = false;
        for line in text.split('\n') {
            match line.strip_prefix(&start) {
                Some(rest) => match rest.strip_prefix(". ") {
                    Some(code) => {
                        if let (true, Some(last)) = (open, all.last_mut()) {
                            last.code = code.trim().parse().ok();
                            // The line break before the mark is ours.
                            last.text.pop();
                        }
                        open = false;
                    }
                    None => {
                        all.push(Section {
                            name: rest.trim().to_owned(),
                            ..Section::default()
                        });
                        open = true;
                    }
                },
                None if open => {
                    if let Some(last) = all.last_mut() {
                        last.text.push_str(line);
                        last.text.push('\n');
                    }
                }
                None => {}
            }
        }
        Self { all }
    }

    /// For what comes from one place only, as in tests.
    pub fn single(name: &str, text: &str, code: i32) -> Self {
        Self {
            all: vec![Section {
                name: name.to_owned(),
                text: text.to_owned(),
                code: Some(code),
            }],
        }
    }

    pub fn and(mut self, name: &str, text: &str, code: i32) -> Self {
        self.all.extend(Self::single(name, text, code).all);
        self
    }

    pub fn get(&self, name: &str) -> Option<&Section> {
        self.all.iter().find(|section| section.name == name)
    }

    /// The text of a section, empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).map_or("", |section| &section.text)
    }

    pub fn code(&self, name: &str) -> Option<i32> {
        self.get(name)?.code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_can_not_pass_for_another_section() {
        let text = "noise\n@m list\na\n@other list\n@m\nb\n@m . 100\nbetween\n@m more\ncut";
        let sections = Sections::read("m", text.as_bytes());
        assert_eq!(sections.text("list"), "a\n@other list\n@m\nb");
        assert_eq!(sections.code("list"), Some(100));
        assert_eq!(sections.text("more"), "cut\n");
        assert_eq!(sections.code("more"), None);
        assert!(sections.get("other").is_none());
        assert_eq!(sections.text("absent"), "");
    }

    #[test]
    fn the_prelude_runs() {
        let command = command(
            "m",
            &["run a printf '%s|' \"$1\"\nrun b sh -c 'echo x >&2; exit 7'\nquiet c false\n"],
            &[b"it's"],
        )
        .unwrap();
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(String::from_utf8(command.text().to_vec()).unwrap())
            .output()
            .unwrap();
        let sections = Sections::read("m", &output.stdout);
        assert_eq!((sections.text("a"), sections.code("a")), ("it's|", Some(0)));
        assert_eq!((sections.text("b"), sections.code("b")), ("x\n", Some(7)));
        assert_eq!((sections.text("c"), sections.code("c")), ("", Some(1)));
    }
}
