//! The modules of one crate, and which of its files names which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::source::{Names, names, tokens, without_tests};

/// A file below a crate's `src`, by its place in [`Crate::files`].
pub type File = usize;

#[derive(Debug, Default)]
pub struct Crate {
    /// Below `src`, as `a/b.rs`.
    pub files: Vec<String>,
    /// Of each file, those that it names.
    pub edges: Vec<BTreeSet<File>>,
    modules: BTreeMap<Vec<String>, File>,
    names: Vec<Names>,
    /// The module that each file is.
    homes: Vec<Vec<String>>,
}

/// Names that lead on to other names, at the most: re-exports are not that deep.
const STEPS_MAX: u32 = 16;

impl Crate {
    /// Reads the crate whose first file is `src/root`, all without its tests.
    pub fn read(src: &Path, root: &str) -> io::Result<Self> {
        let mut read = Self::default();
        read.file(src, PathBuf::from(root), Vec::new())?;
        read.edges = (0..read.files.len())
            .map(|file| read.edges_of(file))
            .collect();
        Ok(read)
    }

    /// The first part of a file's module: the top of its subsystem. Empty for the root.
    pub fn top(&self, file: File) -> &str {
        self.homes[file].first().map_or("", String::as_str)
    }

    fn file(&mut self, src: &Path, path: PathBuf, home: Vec<String>) -> io::Result<()> {
        let full = src.join(&path);
        let text = fs::read_to_string(&full)
            .map_err(|error| io::Error::other(format!("{}: {error}", full.display())))?;
        let file = self.files.len();
        self.files.push(path.to_string_lossy().into_owned());
        self.modules.insert(home.clone(), file);
        self.homes.push(home.clone());
        let names = names(&without_tests(&tokens(&text)));
        let (files, inline) = (names.files.clone(), names.inline.clone());
        self.names.push(names);
        for name in inline {
            self.modules
                .insert([home.as_slice(), &[name]].concat(), file);
        }
        // `a.rs` and `a/mod.rs` have their modules in `a/`, the root beside it.
        let is_folder = home.is_empty() || path.file_name().is_some_and(|name| name == "mod.rs");
        let folder = match path.parent() {
            Some(parent) if is_folder => parent.to_owned(),
            _ => path.with_extension(""),
        };
        for name in files {
            let beside = folder.join(format!("{name}.rs"));
            let inside = folder.join(&name).join("mod.rs");
            let path = if src.join(&beside).is_file() {
                beside
            } else {
                inside
            };
            self.file(src, path, [home.as_slice(), &[name]].concat())?;
        }
        Ok(())
    }

    fn edges_of(&self, file: File) -> BTreeSet<File> {
        let names = &self.names[file];
        let used = names.uses.iter().filter(|import| !import.is_handed_on);
        let uses = used.map(|import| &import.path);
        uses.chain(&names.paths)
            .filter_map(|path| self.resolve(&self.homes[file], path, STEPS_MAX))
            .filter(|&other| other != file)
            .collect()
    }

    /// The file in which that is which `path` names in the module `home`; `None` when it is
    /// not of this crate.
    fn resolve(&self, home: &[String], path: &[String], steps: u32) -> Option<File> {
        let mut module = home.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (module, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while let Some((_, after)) =
                    rest.split_first().filter(|(first, _)| *first == "super")
                {
                    module.pop()?;
                    rest = after;
                }
            }
            first => {
                let child = [home, &[first.to_owned()]].concat();
                if !self.modules.contains_key(&child) {
                    return None;
                }
            }
        }
        while let Some((next, after)) = rest.split_first() {
            module.push(next.clone());
            if !self.modules.contains_key(&module) {
                module.pop();
                let file = self.modules[&module];
                return match self.import(file, next) {
                    Some(path) => self.resolve(&self.homes[file], path, steps.checked_sub(1)?),
                    None => Some(file),
                };
            }
            rest = after;
        }
        Some(self.modules[&module])
    }

    /// What `file` calls `name`, when it has it from elsewhere.
    fn import(&self, file: File, name: &str) -> Option<&[String]> {
        let mut uses = self.names[file].uses.iter();
        Some(&uses.find(|import| import.name == name)?.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate of those files, and each edge as `a.rs -> b.rs`.
    fn edges(name: &str, files: &[(&str, &str)]) -> Vec<String> {
        let folder =
            std::env::temp_dir().join(format!("stardust-tidy-{}-{name}", std::process::id()));
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let read = Crate::read(&folder, "lib.rs").unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let arrows = read.edges.iter().enumerate().flat_map(|(file, others)| {
            let arrow = |other: &File| format!("{} -> {}", read.files[file], read.files[*other]);
            others.iter().map(arrow).collect::<Vec<_>>()
        });
        let mut arrows: Vec<String> = arrows.collect();
        arrows.sort();
        arrows
    }

    #[test]
    fn a_path_leads_to_the_file_that_has_the_name() {
        let found = edges(
            "paths",
            &[
                ("lib.rs", "mod a; pub mod b;"),
                (
                    "a.rs",
                    "use crate::b::{C, d}; fn f() { std::mem::swap(); d::e() }",
                ),
                ("b/mod.rs", "mod c; mod d; pub use c::C;"),
                ("b/c.rs", "use super::d::D; pub struct C;"),
                ("b/d.rs", "fn e() {}"),
            ],
        );
        // `C` is of c.rs, though b/mod.rs hands it on.
        let expected = ["a.rs -> b/c.rs", "a.rs -> b/d.rs", "b/c.rs -> b/d.rs"];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_a_module_itself_has_leads_to_the_module() {
        let found = edges(
            "own",
            &[
                ("lib.rs", "mod a; pub const X: u8 = 1; pub use a::missing;"),
                (
                    "a.rs",
                    "mod inline { pub fn g() {} } use super::X; use crate::unknown; fn f() { inline::g() }",
                ),
            ],
        );
        assert_eq!(found, ["a.rs -> lib.rs"]);
    }

    #[test]
    fn names_that_lead_to_each_other_end() {
        let found = edges(
            "endless",
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "pub use crate::b::X;"),
                ("b.rs", "pub use crate::a::X;"),
            ],
        );
        assert!(found.is_empty(), "{found:?}");
    }
}
