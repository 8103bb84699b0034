//! The order of crates and modules, as ARCHITECTURE.md lists it. Pure.

/// Names by layer: a lower number is higher up.
#[derive(Debug, PartialEq, Eq)]
pub struct Layers(Vec<Vec<String>>);

impl Layers {
    /// The list between the lines `<!-- tidy: WHICH -->` and `<!-- end -->` of a document:
    /// a layer a line, its names between backquotes, the top first.
    pub fn read(document: &str, which: &str) -> Option<Self> {
        let (_, list) = document.split_once(&format!("<!-- tidy: {which} -->"))?;
        let (list, _) = list.split_once("<!-- end -->")?;
        let names = |line: &str| -> Vec<String> {
            line.split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        };
        let layers = list.lines().map(names).filter(|names| !names.is_empty());
        Some(Self(layers.collect()))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(String::as_str)
    }

    pub fn of(&self, name: &str) -> Option<usize> {
        self.0
            .iter()
            .position(|names| names.iter().any(|known| known == name))
    }

    /// Whether `user` may name `used`: itself, and what is in a layer below its own.
    pub fn allow(&self, user: &str, used: &str) -> bool {
        user == used
            || matches!((self.of(user), self.of(used)), (Some(user), Some(used)) if user < used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_may_name_what_is_below_and_neighbours_do_not_know_each_other() {
        let document = "x\n<!-- tidy: parts -->\n| `app` | starts |\n| --- |\n| `api`, `gate` | |\n| `store` | |\n<!-- end -->\n`y`";
        let layers = Layers::read(document, "parts").unwrap();
        assert_eq!(
            layers.names().collect::<Vec<_>>(),
            ["app", "api", "gate", "store"]
        );
        for (user, used, allowed) in [
            ("app", "store", true),
            ("gate", "store", true),
            ("gate", "gate", true),
            ("api", "gate", false),
            ("store", "app", false),
            ("store", "y", false),
            ("y", "store", false),
        ] {
            assert_eq!(layers.allow(user, used), allowed, "{user} {used}");
        }
        assert_eq!(Layers::read(document, "other"), None);
    }
}
