//! Commands for a POSIX shell, built from parts and never by pasting text.
//!
//! The login shell may be fish or csh and may print a greeting. So all that it
//! gets to read is `exec sh -c '…' '…'` with nothing between the quotes that any
//! of them takes for special: quotes, backslashes before quotes, exclamation
//! marks and line breaks travel as octal for `printf %b`. stderr joins stdout on
//! the node: two streams would come in an order of chance.

use super::fault::{Cause, Fault};

/// What the real exit status is combined with on its way: libssh2 says 0 also
/// when the server sent no status at all, and so 0 must not mean success.
pub const STATUS_MASK: i32 = 90;

/// A longer line travels on the command's input: dropbear ends the connection at
/// 9000 bytes.
const LINE_BYTES_MAX: usize = 4096;

/// A command and its arguments, quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    text: Vec<u8>,
}

impl Command {
    /// A program to be found in PATH.
    pub fn program(name: &'static str) -> Self {
        Self {
            text: name.as_bytes().to_vec(),
        }
    }

    /// A script of ours that finds `arguments` in `$1`, `$2`, …
    pub fn script(text: &'static str, arguments: &[&[u8]]) -> Result<Self, Fault> {
        Self::scripts(&[text], arguments)
    }

    /// Several scripts of ours, one after the other in one shell.
    pub fn scripts(texts: &[&'static str], arguments: &[&[u8]]) -> Result<Self, Fault> {
        let mut out = b"set --".to_vec();
        for argument in arguments {
            out.push(b' ');
            quote(argument, &mut out)?;
        }
        for text in texts {
            out.push(b'\n');
            out.extend_from_slice(text.as_bytes());
        }
        Ok(Self { text: out })
    }

    pub fn arg(mut self, argument: impl AsRef<[u8]>) -> Result<Self, Fault> {
        self.text.push(b' ');
        quote(argument.as_ref(), &mut self.text)?;
        Ok(self)
    }

    /// This command as the argument of `sh -c` behind `before`, such as sudo.
    pub fn behind(&self, before: Command) -> Result<Self, Fault> {
        before.arg("sh")?.arg("-c")?.arg(&self.text)
    }

    /// The same, with nothing to read.
    pub fn without_input(&self) -> Self {
        let mut text = b"exec </dev/null\n".to_vec();
        text.extend_from_slice(&self.text);
        Self { text }
    }

    /// As a shell reads it.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// For the login shell; `mark` is printed before the command's own output begins.
    pub fn spoken(&self, mark: &str) -> Spoken {
        let mut inner = b"printf '\\n%s%s\\n' stardust- ".to_vec();
        inner.extend_from_slice(mark.as_bytes());
        inner.extend_from_slice(
            b"\nPATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
        );
        inner.extend_from_slice(&self.text);
        let mut line =
            String::from("exec sh -c '( eval \"$(printf %b \"$0\")\" ) 2>&1; exit $(($? ^ 90))' '");
        for byte in &inner {
            if byte.is_ascii_alphanumeric() || b" _-./:=,+@".contains(byte) {
                line.push(char::from(*byte));
            } else {
                line.push_str(&format!("\\0{byte:03o}"));
            }
        }
        line.push('\'');
        if line.len() <= LINE_BYTES_MAX {
            return Spoken {
                line,
                input: Vec::new(),
            };
        }
        // Byte by byte, so that nothing behind it is swallowed; and the end must
        // have come, since half a script is worse than none.
        inner.extend_from_slice(format!("\n# {mark}").as_bytes());
        let line = format!(
            "exec sh -c '( t=\"$(dd bs=1 count=\"$0\" 2>/dev/null)\"; case \"$t\" in *\"# {mark}\") \
             eval \"$t\" ;; *) exit 126 ;; esac ) 2>&1; exit $(($? ^ 90))' '{}'",
            inner.len()
        );
        Spoken { line, input: inner }
    }
}

/// How a command is told to a login shell.
pub struct Spoken {
    pub line: String,
    /// What the line reads before the command reads its own input.
    pub input: Vec<u8>,
}

/// Single quotes, and `'\''` for each one inside.
fn quote(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    if text.contains(&0) {
        return Err(Fault::new(
            Cause::BadTarget,
            "A text for the node has a NUL in it.",
            "Remove it.",
        ));
    }
    out.push(b'\'');
    for &byte in text {
        if byte == b'\'' {
            out.extend_from_slice(b"'\\''");
        } else {
            out.push(byte);
        }
    }
    out.push(b'\'');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::path::Path;
    use std::process::{Command as Process, Stdio};

    fn run(shell: &str, command: &Command) -> (i32, Vec<u8>) {
        run_with(shell, command, b"")
    }

    fn run_with(shell: &str, command: &Command, input: &[u8]) -> (i32, Vec<u8>) {
        let spoken = command.spoken("m4rk");
        let mut child = Process::new(shell)
            .arg("-c")
            .arg(&spoken.line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&spoken.input).unwrap();
        stdin.write_all(input).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let mark = b"\nstardust-m4rk\n";
        let at = output
            .stdout
            .windows(mark.len())
            .position(|part| part == mark)
            .unwrap_or_else(|| panic!("{output:?}"));
        let status = output.status.code().unwrap() ^ STATUS_MASK;
        (status, output.stdout[at + mark.len()..].to_vec())
    }

    #[test]
    fn any_bytes_but_nul_arrive_as_they_are() {
        let every: Vec<u8> = (1..=255).collect();
        let there = |shell: &&&str| Path::new("/usr/bin").join(shell).exists();
        for shell in ["sh", "bash", "zsh", "fish", "tcsh"].iter().filter(there) {
            for text in [
                &b""[..],
                b"'",
                b"''\\''",
                b"$(id)`id`$HOME!!*?[a]~",
                b"a\nb\n",
                b"\\",
                b"-n",
                b"%s\\0101",
                &every,
            ] {
                let command = Command::program("printf")
                    .arg("%s")
                    .unwrap()
                    .arg(text)
                    .unwrap();
                assert_eq!(run(shell, &command), (0, text.to_vec()));
                let script = Command::script("printf %s \"$2\"", &[b"x y", text]).unwrap();
                assert_eq!(run(shell, &script), (0, text.to_vec()));
                let nested = command.behind(Command::program("env")).unwrap();
                assert_eq!(run(shell, &nested), (0, text.to_vec()));
            }
        }
        assert!(Command::program("x").arg(b"a\0b").is_err());
        assert!(Command::script("x", &[b"\0"]).is_err());
    }

    /// Of any length that a shell can hold.
    fn long(text: &'static str) -> Command {
        let filler = b"'x' ".repeat(3_000);
        Command::script(text, &[&filler]).unwrap()
    }

    #[test]
    fn a_long_one_leaves_the_input_to_the_command() {
        let there = |shell: &&&str| Path::new("/usr/bin").join(shell).exists();
        for shell in ["sh", "bash", "zsh", "fish", "tcsh"].iter().filter(there) {
            let command = long("printf '%s ' ${#1}; cat; exit 5");
            assert!(command.spoken("m").line.len() < 300);
            let all = (5, b"12000 'and' \\0 the rest\n".to_vec());
            assert_eq!(run_with(shell, &command, b"'and' \\0 the rest\n"), all);
            let nested = command.behind(Command::program("env")).unwrap();
            assert_eq!(run_with(shell, &nested, b"'and' \\0 the rest\n"), all);
        }
    }

    #[test]
    fn half_of_a_long_one_is_not_run() {
        let spoken = long("echo it ran").spoken("m4rk");
        for length in [0, 1, 5_000, spoken.input.len() - 1] {
            let mut child = Process::new("sh")
                .arg("-c")
                .arg(&spoken.line)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(&spoken.input[..length]).unwrap();
            drop(stdin);
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.stdout, b"");
            assert_ne!(output.status.code(), Some(STATUS_MASK));
        }
    }

    #[test]
    fn the_status_comes_through() {
        for status in [0, 1, 3, 90, 126, 127, 255] {
            let command = Command::script("exit \"$1\"", &[status.to_string().as_bytes()]);
            assert_eq!(run("sh", &command.unwrap()).0, status);
        }
    }

    #[test]
    fn the_line_has_nothing_that_other_shells_read_otherwise() {
        let command = Command::program("printf").arg("!a\\'\n\u{e9}").unwrap();
        let line = command.spoken("m").line;
        let word = line
            .rsplit_once(" '")
            .unwrap()
            .1
            .strip_suffix('\'')
            .unwrap();
        assert!(!word.contains(['\'', '!', '\n', '"', '$', '`']));
        assert!(word.is_ascii());
        // A backslash only before an octal number: fish leaves it alone there.
        for part in word.split('\\').skip(1) {
            assert!(part.starts_with('0'), "{word}");
        }
    }
}
