//! Rust's text as far as the rules need it: its words, and the paths that it names. Pure.

/// A piece of Rust's text that matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Word(String),
    /// `::`
    Colons,
    Mark(char),
}

/// The words and marks of `text`, without comments, and without what strings and
/// characters say.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    let starts = |at: usize, what: &str| {
        what.chars()
            .enumerate()
            .all(|(i, c)| chars.get(at + i) == Some(&c))
    };
    while let Some(&c) = chars.get(at) {
        if starts(at, "//") {
            while chars.get(at).is_some_and(|&c| c != '\n') {
                at += 1;
            }
        } else if starts(at, "/*") {
            at = after_comment(&chars, at);
        } else if c == '"' {
            at = after_string(&chars, at + 1);
        } else if c == '\'' {
            at = after_quote(&chars, at);
        } else if c.is_alphanumeric() || c == '_' {
            let mut word = String::new();
            while let Some(&c) = chars.get(at).filter(|c| c.is_alphanumeric() || **c == '_') {
                word.push(c);
                at += 1;
            }
            match raw_string(&word, &chars, at) {
                Some(end) => at = end,
                None => out.push(Token::Word(word)),
            }
        } else if starts(at, "::") {
            out.push(Token::Colons);
            at += 2;
        } else {
            if !c.is_whitespace() {
                out.push(Token::Mark(c));
            }
            at += 1;
        }
    }
    out
}

/// Comments nest.
fn after_comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn after_string(chars: &[char], mut at: usize) -> usize {
    while let Some(&c) = chars.get(at) {
        match c {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// Behind a character, or behind the `'` of a lifetime.
fn after_quote(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => {
            let rest = chars.iter().skip(at + 3);
            at + 4 + rest.take_while(|&&c| c != '\'').count()
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}

/// Where `r"…"`, `r#"…"#` and the like end, when `word` begins one and `at` is behind it.
fn raw_string(word: &str, chars: &[char], at: usize) -> Option<usize> {
    if !matches!(word, "r" | "br" | "cr") {
        return None;
    }
    let hashes = chars[at..].iter().take_while(|&&c| c == '#').count();
    if chars.get(at + hashes) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = ['"'].into_iter().chain(vec!['#'; hashes]).collect();
    let body = at + hashes + 1;
    let length = chars[body..]
        .windows(end.len())
        .position(|part| part == end);
    Some(length.map_or(chars.len(), |length| body + length + end.len()))
}

/// `tokens` without what is only for tests: an item under `#[cfg(test)]`, with its body.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !is_test_attribute(&tokens[at..]) {
            out.push(tokens[at].clone());
            at += 1;
            continue;
        }
        // Its other attributes, and the item to its `;` or the end of its body.
        while tokens.get(at) == Some(&Token::Mark('#')) {
            at = after_brackets(tokens, at + 1);
        }
        while at < tokens.len() {
            match tokens[at] {
                Token::Mark(';') => {
                    at += 1;
                    break;
                }
                Token::Mark('{') => {
                    at = after_brackets(tokens, at);
                    break;
                }
                _ => at += 1,
            }
        }
    }
    out
}

/// `#[cfg(test)]`, and `#[cfg(all(test, …))]`.
fn is_test_attribute(tokens: &[Token]) -> bool {
    let text: Vec<&str> = tokens.iter().take(8).map(Token::text).collect();
    text.starts_with(&["#", "[", "cfg", "(", "test"])
        || text.starts_with(&["#", "[", "cfg", "(", "all", "(", "test"])
}

/// Behind the brackets, of whatever kind, that open at `at`.
fn after_brackets(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0i32;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            Token::Mark('(' | '[' | '{') => depth += 1,
            Token::Mark(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth <= 0 {
            break;
        }
    }
    at
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Word(word) => word,
            Self::Colons => "::",
            Self::Mark(mark) => match mark {
                '#' => "#",
                '[' => "[",
                '(' => "(",
                _ => "",
            },
        }
    }
}

/// What one file says of modules.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// `mod x;`
    pub files: Vec<String>,
    /// `mod x { … }`
    pub inline: Vec<String>,
    pub uses: Vec<Use>,
    /// Paths of more than one word in the code.
    pub paths: Vec<Vec<String>>,
}

/// An import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub path: Vec<String>,
    /// What it is called here; `*` for all that is there.
    pub name: String,
    /// It is only handed on: a `pub use` of a name that the file does not use itself.
    pub is_handed_on: bool,
}

pub fn names(tokens: &[Token]) -> Names {
    let mut names = Names::default();
    let mut at = 0;
    while at < tokens.len() {
        let follows_path = at > 0 && matches!(tokens[at - 1], Token::Colons | Token::Mark('.'));
        match &tokens[at] {
            Token::Word(word) if word == "use" && !follows_path => {
                let is_public = at > 0 && is_public(&tokens[at - 1]);
                let mut branches = Vec::new();
                at = use_tree(tokens, at + 1, &[], &mut branches);
                names
                    .uses
                    .extend(branches.into_iter().map(|(path, name)| Use {
                        path,
                        is_handed_on: is_public && times(tokens, &name) == 1,
                        name,
                    }));
            }
            Token::Word(word) if word == "mod" && !follows_path => {
                match (tokens.get(at + 1), tokens.get(at + 2)) {
                    (Some(Token::Word(name)), Some(Token::Mark(';'))) => {
                        names.files.push(name.clone())
                    }
                    (Some(Token::Word(name)), Some(Token::Mark('{'))) => {
                        names.inline.push(name.clone())
                    }
                    _ => {}
                }
                at += 2;
            }
            Token::Word(word) if !follows_path => {
                let mut path = vec![word.clone()];
                at += 1;
                while let (Some(Token::Colons), Some(Token::Word(word))) =
                    (tokens.get(at), tokens.get(at + 1))
                {
                    path.push(word.clone());
                    at += 2;
                }
                if path.len() > 1 {
                    names.paths.push(path);
                }
            }
            _ => at += 1,
        }
    }
    names
}

/// `pub`, or the end of `pub(crate)`.
fn is_public(before: &Token) -> bool {
    matches!(before, Token::Mark(')')) || *before == Token::Word("pub".to_owned())
}

fn times(tokens: &[Token], word: &str) -> usize {
    let is_it = |token: &&Token| matches!(token, Token::Word(known) if known == word);
    tokens.iter().filter(is_it).count()
}

/// Reads one branch of an import from `at` on, and answers where it ends.
fn use_tree(
    tokens: &[Token],
    mut at: usize,
    before: &[String],
    uses: &mut Vec<(Vec<String>, String)>,
) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(at) {
            Some(Token::Word(word)) if word == "as" => {
                if let Some(Token::Word(name)) = tokens.get(at + 1) {
                    uses.push((path, name.clone()));
                }
                return at + 2;
            }
            Some(Token::Word(word)) => {
                path.push(word.clone());
                at += 1;
            }
            Some(Token::Colons) => at += 1,
            Some(Token::Mark('*')) => {
                uses.push((path, "*".to_owned()));
                return at + 1;
            }
            Some(Token::Mark('{')) => {
                at += 1;
                while !matches!(tokens.get(at), Some(Token::Mark('}')) | None) {
                    at = use_tree(tokens, at, &path, uses);
                    if tokens.get(at) == Some(&Token::Mark(',')) {
                        at += 1;
                    }
                }
                return at + 1;
            }
            _ => {
                // `{self, X}`: what is called so is the module before it.
                if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                    path.pop();
                }
                if let Some(last) = path.last().cloned() {
                    uses.push((path, last));
                }
                return at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Names {
        names(&without_tests(&tokens(text)))
    }

    fn path(text: &str) -> Vec<String> {
        text.split("::").map(str::to_owned).collect()
    }

    #[test]
    fn imports_are_read_with_their_branches_and_other_names() {
        let names = read("pub use a::{self, b::{C, d as E}, f::*};\nuse super::g;");
        let expected = [
            ("a", "a"),
            ("a::b::C", "C"),
            ("a::b::d", "E"),
            ("a::f", "*"),
            ("super::g", "g"),
        ];
        let expected = expected.map(|(text, name)| (path(text), name.to_owned()));
        let found = names.uses.iter();
        let found: Vec<_> = found
            .map(|import| (import.path.clone(), import.name.clone()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_name_that_is_only_handed_on_is_not_used() {
        let names =
            read("pub use a::B; pub(crate) use c::D; use e::F; pub use g::H; fn i(_: H) {}");
        let handed_on = names.uses.iter().map(|import| import.is_handed_on);
        assert_eq!(handed_on.collect::<Vec<_>>(), [true, true, false, false]);
    }

    #[test]
    fn modules_and_paths_are_told_apart_from_fields_and_methods() {
        let names = read("pub mod a; mod b { fn c() { super::d::e(1.f::<g>(), h.i::j) } }");
        assert_eq!(
            (names.files, names.inline),
            (vec!["a".to_owned()], vec!["b".to_owned()])
        );
        assert_eq!(names.paths, [path("super::d::e")]);
    }

    #[test]
    fn strings_comments_and_lifetimes_name_nothing() {
        let text = r####"
            // crate::a::b
            /* crate::c /* crate::d::e */ crate::f */
            const X: &'static str = "crate::g::h \" crate::i";
            const Y: &str = r#"crate::j::k " crate::l"#;
            const Z: [char; 3] = ['"', '\'', '\u{1f600}'];
            fn q<'a>(_: &'a crate::m::N) {}
        "####;
        assert_eq!(read(text).paths, [path("crate::m::N")]);
    }

    #[test]
    fn what_is_only_for_tests_is_left_out() {
        let text = "
            #[cfg(test)] mod tests;
            #[cfg(test)] #[path = \"x.rs\"] mod other;
            #[cfg(all(test, unix))] use a::b;
            #[cfg(test)] mod inside { use super::*; fn f() { crate::c::d() } }
            #[cfg(unix)] use e::f;
        ";
        let names = read(text);
        assert_eq!(names.files, [""; 0]);
        assert_eq!(names.uses.len(), 1);
        assert_eq!(names.uses[0].path, path("e::f"));
        assert_eq!(names.paths.len(), 0);
    }
}
