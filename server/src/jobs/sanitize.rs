//! Bytes that a node's programs print → text that is safe to show. Pure.
//!
//! Kept: printable characters, line ends, tabs, and the escape sequences that
//! set colours. A carriage return means that the line begins anew; of a flood of
//! those (progress bars) only the last state goes on. All other control
//! sequences are dropped: they could move the cursor, set titles, or ask a
//! terminal to answer.

use crate::hidden::is_hidden;

/// Parameters of one colour sequence.
const SGR_BYTES_MAX: usize = 32;

/// The text alone. Of escape sequences a [`Sanitizer`] lets those pass that set colours.
pub fn without_colours(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.strip_prefix('[').and_then(|part| {
            let end = part.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
            part[end..].strip_prefix('m')
        });
        out.push_str(rest.unwrap_or(part));
    }
    // A line that was written over shows its last state.
    let lines = out
        .split('\n')
        .map(|line| line.rsplit('\r').next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[derive(Debug, Default)]
pub struct Sanitizer {
    state: State,
    /// Bytes of a character that is not complete yet.
    partial: Vec<u8>,
    /// A carriage return that may be half of a line end.
    returned: bool,
    /// Something of the current line has gone out in an earlier push.
    line_open: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and intermediate bytes such as `(`: one more ends it.
    EscapeMore,
    /// Within ESC [.
    Control(String),
    /// Within ESC ] and its like: to BEL or ESC \.
    Words,
    WordsEscape,
}

impl Sanitizer {
    /// Takes the next bytes of the stream; they may end anywhere.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        let mut out = String::with_capacity(bytes.len());
        // Where the current line begins in `out`.
        let mut line = 0;
        let mut pending = std::mem::take(&mut self.partial);
        pending.extend_from_slice(bytes);
        let mut rest = pending.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    text.chars().for_each(|c| self.take(c, &mut out, &mut line));
                    break;
                }
                Err(error) => {
                    let (good, bad) = rest.split_at(error.valid_up_to());
                    let text = std::str::from_utf8(good).unwrap_or_default();
                    text.chars().for_each(|c| self.take(c, &mut out, &mut line));
                    match error.error_len() {
                        Some(length) => {
                            self.take('\u{fffd}', &mut out, &mut line);
                            rest = &bad[length..];
                        }
                        None => {
                            self.partial = bad.to_vec();
                            break;
                        }
                    }
                }
            }
        }
        self.line_open = if line == 0 {
            self.line_open || !out.is_empty()
        } else {
            out.len() > line
        };
        out
    }

    /// What was held back, at the end of the stream.
    pub fn finish(&mut self) -> String {
        let broken = !std::mem::take(&mut self.partial).is_empty();
        *self = Self::default();
        if broken {
            "\u{fffd}".into()
        } else {
            String::new()
        }
    }

    fn take(&mut self, c: char, out: &mut String, line: &mut usize) {
        match std::mem::take(&mut self.state) {
            State::Text => self.text(c, out, line),
            State::Escape => match c {
                '[' => self.state = State::Control(String::new()),
                ']' | 'P' | 'X' | '^' | '_' => self.state = State::Words,
                ' '..='/' => self.state = State::EscapeMore,
                // A second ESC begins anew; anything else ends it.
                '\u{1b}' => self.state = State::Escape,
                _ => {}
            },
            State::EscapeMore => {
                if (' '..='/').contains(&c) {
                    self.state = State::EscapeMore;
                }
            }
            State::Control(mut parameters) => match c {
                'm' if parameters.len() <= SGR_BYTES_MAX
                    && parameters
                        .bytes()
                        .all(|b| b.is_ascii_digit() || b == b';' || b == b':') =>
                {
                    self.begin_anew(out, *line);
                    out.push_str("\u{1b}[");
                    out.push_str(&parameters);
                    out.push('m');
                }
                ' '..='?' => {
                    if parameters.len() <= SGR_BYTES_MAX {
                        parameters.push(c);
                    }
                    self.state = State::Control(parameters);
                }
                '\u{1b}' => self.state = State::Escape,
                // A line end inside of one: a broken sequence must not swallow lines.
                '\n' => self.text(c, out, line),
                _ => {}
            },
            State::Words => match c {
                '\u{7}' | '\u{9c}' => {}
                '\u{1b}' => self.state = State::WordsEscape,
                '\n' => self.text(c, out, line),
                _ => self.state = State::Words,
            },
            State::WordsEscape => {
                if c != '\\' {
                    self.state = State::Escape;
                    self.take(c, out, line);
                }
            }
        }
    }

    fn text(&mut self, c: char, out: &mut String, line: &mut usize) {
        match c {
            '\u{1b}' => self.state = State::Escape,
            '\r' => self.returned = true,
            '\n' => {
                self.returned = false;
                out.push('\n');
                *line = out.len();
            }
            '\t' => {
                self.begin_anew(out, *line);
                out.push('\t');
            }
            c if is_hidden(c) => {}
            c => {
                self.begin_anew(out, *line);
                out.push(c);
            }
        }
    }

    /// After a carriage return: what this line said so far is replaced.
    fn begin_anew(&mut self, out: &mut String, line: usize) {
        if !std::mem::take(&mut self.returned) {
            return;
        }
        out.truncate(line);
        if line == 0 && self.line_open {
            out.push('\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(parts: &[&[u8]]) -> String {
        let mut sanitizer = Sanitizer::default();
        let mut out: String = parts.iter().map(|part| sanitizer.push(part)).collect();
        out.push_str(&sanitizer.finish());
        out
    }

    #[test]
    fn text_colours_and_line_ends_stay() {
        assert_eq!(clean(&[b"a\tb\r\nc\n"]), "a\tb\nc\n");
        assert_eq!(
            clean(&[b"\x1b[1;31mred\x1b[0m\n"]),
            "\u{1b}[1;31mred\u{1b}[0m\n"
        );
        assert_eq!(clean(&["zwölf €\n".as_bytes()]), "zwölf €\n");
    }

    #[test]
    fn plain_text_has_no_escape_codes() {
        for (text, plain) in [
            ("", ""),
            ("a\n\u{1b}[1;31mred\u{1b}[0m\n", "a\nred\n"),
            ("\u{1b}[38:5:1mx\u{1b}[m", "x"),
            ("x\n 5%\r10%\r\u{1b}[32m11%\u{1b}[0m\n", "x\n11%\n"),
            // Cut in the middle where the output was shortened.
            ("[0mx \u{1b}", "[0mx "),
        ] {
            assert_eq!(without_colours(text), plain, "{text:?}");
        }
    }

    #[test]
    fn a_stream_may_be_cut_anywhere() {
        let all = "a\r\nb \u{1b}[32mö€\u{1b}[0m\u{1b}]0;title\u{7}c\r\n".as_bytes();
        let whole = clean(&[all]);
        assert_eq!(whole, "a\nb \u{1b}[32mö€\u{1b}[0mc\n");
        for at in 0..all.len() {
            assert_eq!(clean(&[&all[..at], &all[at..]]), whole, "{at}");
        }
    }

    #[test]
    fn progress_is_folded() {
        assert_eq!(clean(&[b" 5%\r 50%\r100%\ndone\n"]), "100%\ndone\n");
        // What has gone out already is replaced by the reader.
        assert_eq!(
            clean(&[b"x\n 5%", b"\r 9%\r10%", b"\r11%\n"]),
            "x\n 5%\r10%\r11%\n"
        );
        // A return before a line end changes nothing.
        assert_eq!(clean(&[b"abc\r", b"\r\nd"]), "abc\nd");
    }

    #[test]
    fn nothing_else_reaches_the_reader() {
        for bytes in [
            &b"\x1b[2J\x1b[H\x1b[6n"[..],
            b"\x1b]0;owned\x07",
            b"\x1b]8;;http://x\x1b\\",
            b"\x1bP1$r\x1b\\",
            b"\x1b(B\x1b=\x1b7\x1bc",
            b"\x07\x08\x00\x0e\x7f",
            b"\x1b[?25l\x1b[1;1H\x1b[38;2;1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16m",
            "\u{202e}\u{200b}\u{9b}".as_bytes(),
        ] {
            assert_eq!(clean(&[bytes]), "", "{bytes:?}");
        }
        assert_eq!(clean(&[b"a\xffb\xc3"]), "a\u{fffd}b\u{fffd}");
        // A sequence that never ends does not swallow the lines after it.
        assert_eq!(clean(&[b"\x1b]0;t\nnext\n"]), "\nnext\n");
        assert_eq!(clean(&[b"\x1b[3\nnext\n"]), "\nnext\n");
    }
}
