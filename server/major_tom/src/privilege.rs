//! How a login becomes root on its node, if at all.

use std::time::Duration;

use super::fault::{Cause, Fault, printable};
use super::output::Output;
use super::remote::{Remote, Stdin};
use super::shell::Command;
use stardust_base::secret::Secret;

const TIME_MAX: Duration = Duration::from_secs(15);

/// Who the login is.
const WHO: &str = r#"
say() { printf '%s %s\n' "$1" "$(printf %s "$2" | tr '\n\r' '  ')"; }
say uid "$(id -u 2>/dev/null || sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' /proc/self/status)"
"#;

/// `sudo -n` first: a password that is not asked for would end up in the input of
/// the command behind it. What is tried is what a deployment runs: sudo may allow
/// some commands and no shell, and then what it does allow is asked for.
const LOOK: &str = r#"
say name "$(id -un 2>/dev/null)"
if command -v sudo >/dev/null 2>&1; then
  out=$(LC_ALL=C sudo -n -- sh -c true 2>&1 </dev/null); code=$?; say sudo "$code $out"
  if [ "$code" != 0 ]; then
    say may "$(LC_ALL=C sudo -n -l 2>/dev/null </dev/null | sed -n '/may run the following/,$p' | sed 1d)"
  fi
fi
if command -v doas >/dev/null 2>&1; then
  out=$(doas -n sh -c true 2>&1 </dev/null); say doas "$? $out"
fi
if command -v run0 >/dev/null 2>&1; then say run0 there; fi
"#;

/// The way that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    Root,
    /// sudo asks for nothing.
    Sudo,
    /// sudo wants the password, once for each command.
    SudoPassword,
    Doas,
}

impl Privilege {
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Sudo => "sudo",
            Self::SudoPassword => "sudo_password",
            Self::Doas => "doas",
        }
    }

    /// `command` as root. With [`Privilege::SudoPassword`] it must be run with
    /// [`Stdin::Password`]; then it has no input of its own, so that no part of
    /// the password's line can reach it.
    pub fn command(self, command: &Command) -> Result<Command, Fault> {
        match self {
            Self::Root => Ok(command.clone()),
            Self::Sudo => command.behind(sudo().arg("-n")?.arg("--")?),
            Self::SudoPassword => {
                // -k: asked in any case, so that the line is read by sudo.
                let before = sudo().arg("-k")?.arg("-S")?.arg("-p")?.arg("")?.arg("--")?;
                command.without_input().behind(before)
            }
            Self::Doas => command.behind(Command::program("doas").arg("-n")?),
        }
    }
}

/// In English, since its words are read.
fn sudo() -> Command {
    Command::program("LC_ALL=C sudo")
}

/// What a first look says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Look {
    Works(Privilege),
    /// sudo asks for a password.
    Asks,
    /// Why not.
    No(String, &'static str),
}

const ALLOW: &str = "Allow the user in /etc/sudoers with visudo, or log in as root.";
const NO_TERMINAL: (&str, &str) = (
    "sudo wants a terminal (requiretty).",
    "Add `Defaults:USER !requiretty` for this user with visudo, or log in as root.",
);
const ONLY_SOME: &str = "A deployment runs a shell as root: allow the user all commands \
     (`USER ALL=(ALL) ALL`) in /etc/sudoers with visudo, or log in as root.";

/// A line of the look, without its name.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .map(str::trim)
}

fn read(text: &str) -> Look {
    if is_root(text) {
        return Look::Works(Privilege::Root);
    }
    let (status, said) = field(text, "sudo")
        .map(|found| found.split_once(' ').unwrap_or((found, "")))
        .unwrap_or(("", ""));
    if status == "0" {
        return Look::Works(Privilege::Sudo);
    }
    let doas = field(text, "doas").unwrap_or("");
    if doas.split(' ').next() == Some("0") {
        return Look::Works(Privilege::Doas);
    }
    if let Some(some) = only_some(field(text, "may").unwrap_or("")) {
        return Look::No(
            format!("sudo allows this user only some commands: {some}."),
            ONLY_SOME,
        );
    }
    // The second is sudo-rs, and sudo from 1.9.16 on.
    if said.contains("password is required") || said.contains("authentication is required") {
        return Look::Asks;
    }
    // Without a configuration nobody may use it, as if it were not there.
    if status.is_empty() && !doas.is_empty() && !doas.contains("not enabled") {
        return no_doas(doas);
    }
    if said.contains("must have a tty") {
        return Look::No(NO_TERMINAL.0.into(), NO_TERMINAL.1);
    }
    if status.is_empty() {
        let hint = if field(text, "run0").is_some() {
            "Log in as root, or install sudo or doas on the node and allow this user to use it: \
             run0 takes a password from a terminal alone."
        } else {
            "Log in as root, or install sudo or doas on the node and allow this user to use it."
        };
        return Look::No(
            "The login is not root, and the node has no sudo that works.".into(),
            hint,
        );
    }
    if is_refusal(said) {
        return Look::No("This user may not use sudo.".into(), ALLOW);
    }
    Look::No(
        format!("sudo refuses this user: {}.", printable(said)),
        ALLOW,
    )
}

/// What `sudo -l` says may be run, where that is not everything as root:
/// `(root) NOPASSWD: /usr/bin/apt-get, /usr/bin/less`. None where it says nothing.
fn only_some(list: &str) -> Option<String> {
    let mut rules = list.split('(').skip(1).peekable();
    rules.peek()?;
    let all = rules.any(|rule| {
        let (who, what) = rule.split_once(')').unwrap_or(("", rule));
        let who = who.split(':').next().unwrap_or_default();
        let as_root = who
            .split(',')
            .any(|name| matches!(name.trim(), "ALL" | "root"));
        as_root && what.split([' ', ',']).any(|word| word == "ALL")
    });
    (!all).then(|| printable(&list.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// sudo-rs says the same whether a user may do nothing or only not this.
fn is_refusal(said: &str) -> bool {
    [
        "not in the sudoers",
        "may not run",
        "afraid I can't do that",
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// It has no way to give a password but a terminal.
fn no_doas(said: &str) -> Look {
    if said.contains("uth") && said.contains("required") {
        return Look::No(
            "doas asks for a password, which it takes from a terminal alone.".into(),
            "Add `permit nopass USER` for this user to /etc/doas.conf, install sudo, or log in as \
             root.",
        );
    }
    let said = said.split_once(' ').map_or("", |(_, said)| said);
    Look::No(
        format!("doas refuses this user: {}.", printable(said)),
        "Add `permit nopass USER` for this user to /etc/doas.conf, or log in as root.",
    )
}

fn is_root(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "uid 0")
}

/// For work that wants to be no more than the login is.
pub fn login_is_root(remote: &dyn Remote) -> Result<bool, Fault> {
    let look = remote.ask(&Command::script(WHO, &[])?, TIME_MAX)?;
    Ok(is_root(&look.text()))
}

/// Finds the way that works; tries the password only where one is asked for.
pub fn find(remote: &dyn Remote, sudo_password: Option<&Secret>) -> Result<Privilege, Fault> {
    let look = remote.ask(&Command::scripts(&[WHO, LOOK], &[])?, TIME_MAX)?;
    let none = |detail: String, hint: &str| Err(Fault::new(Cause::NoPrivilege, detail, hint));
    match (read(&look.text()), sudo_password) {
        (Look::Works(privilege), _) => Ok(privilege),
        (Look::No(detail, hint), _) => none(detail, hint),
        (Look::Asks, None) => none(
            "sudo asks for a password.".into(),
            "Give the sudo password, allow the user NOPASSWD in /etc/sudoers, or log in as root.",
        ),
        (Look::Asks, Some(password)) => {
            let command = sudo()
                .arg("-k")?
                .arg("-S")?
                // Whose password it wants is known by nothing else.
                .arg("-p")?
                .arg(format!("{ASKS}%p:"))?
                .arg("--")?;
            let shell = Command::script(TRY, &[])?.without_input();
            let command = shell.behind(command)?;
            let tried = remote.run(&command, Stdin::Password(password), TIME_MAX, &mut |_| {})?;
            let text = look.text();
            read_try(&tried, field(&text, "name").unwrap_or(""))
                .map_err(|(detail, hint)| Fault::new(Cause::NoPrivilege, detail, hint))
        }
    }
}

/// A prompt may stand before it on its line.
const TRY: &str = "[ \"$(id -u)\" != 0 ] || echo is-now-root";
const ROOT: &str = "is-now-root";

/// In the prompt, before the name of the user whose password is wanted.
const ASKS: &str = "stardust-asks-";

fn read_try(output: &Output, name: &str) -> Result<Privilege, (String, &'static str)> {
    let text = output.text();
    if output.exit.is_success() && text.lines().any(|line| line.trim().ends_with(ROOT)) {
        return Ok(Privilege::SudoPassword);
    }
    let has = |part: &str| text.contains(part);
    if is_refusal(&text) {
        return Err(("This user may not use sudo.".into(), ALLOW));
    }
    if has("not allowed to") {
        return Err((
            "sudo does not allow this user a shell as root.".into(),
            ONLY_SOME,
        ));
    }
    let wrong = [
        "try again",
        "incorrect password",
        "no password was provided",
        // sudo-rs
        "Authentication failed",
        "incorrect authentication",
        "Authentication required but not attempted",
    ];
    if wrong.iter().any(|words| has(words)) {
        let wanted = text
            .split(ASKS)
            .nth(1)
            .and_then(|rest| rest.split(':').next());
        return Err(match wanted {
            Some(other) if !name.is_empty() && other != name && other != "%p" => (
                format!(
                    "sudo does not accept this password: it wants that of {} here (targetpw or rootpw \
                     in /etc/sudoers).",
                    printable(other)
                ),
                "Give that user's password as the sudo password, or log in as root.",
            ),
            _ => (
                "sudo does not accept this password.".into(),
                "It is the password of the user on the node, not of root and not of the key.",
            ),
        });
    }
    if has("must have a tty") {
        return Err((NO_TERMINAL.0.into(), NO_TERMINAL.1));
    }
    Err((
        format!("sudo failed: {}.", printable(&text)),
        "Try `sudo true` on the node.",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::output::Exit;
    use super::*;

    #[test]
    fn what_sudo_says_is_understood() {
        for (text, wanted) in [
            ("uid 0\nsudo 0 \n", Look::Works(Privilege::Root)),
            ("uid 1000\nsudo 0 \n", Look::Works(Privilege::Sudo)),
            (
                "uid 1000\nsudo 1 sudo: a password is required\n",
                Look::Asks,
            ),
            (
                "uid 1000\nsudo 1 sudo-rs: interactive authentication is required\n",
                Look::Asks,
            ),
            (
                "uid 1000\nsudo 1 sudo: interactive authentication is required\nmay (ALL) ALL\n",
                Look::Asks,
            ),
            (
                "uid 1000\nsudo 1 sudo: a password is required\ndoas 0 \n",
                Look::Works(Privilege::Doas),
            ),
        ] {
            assert_eq!(read(text), wanted, "{text}");
        }
        for text in [
            "",
            "uid 1000\n",
            "uid 1000\nsudo 1 sudo: sorry, you must have a tty to run sudo\n",
            "uid 1000\nsudo 1 ops is not in the sudoers file.\ndoas 1 doas: Operation not permitted\n",
            "uid 01\nsudo 10 x",
        ] {
            assert!(matches!(read(text), Look::No(..)), "{text}");
        }
    }

    #[test]
    fn what_doas_says_is_understood() {
        for (text, wanted) in [
            ("uid 1000\ndoas 0 \n", Look::Works(Privilege::Doas)),
            (
                "uid 1000\nsudo 1 sudo: a password is required\ndoas 1 doas: Authentication required\n",
                Look::Asks,
            ),
        ] {
            assert_eq!(read(text), wanted, "{text}");
        }
        for (text, part) in [
            (
                "uid 1000\ndoas 1 doas: Authentication required\n",
                "from a terminal",
            ),
            (
                "uid 1000\ndoas 1 doas: Authorization required\n",
                "from a terminal",
            ),
            (
                "uid 1000\ndoas 1 doas: Operation not permitted\n",
                "refuses this user: doas: Operation not permitted.",
            ),
            (
                "uid 1000\ndoas 1 doas: doas is not enabled, /etc/doas.conf: No such file or directory\n",
                "no sudo that works",
            ),
        ] {
            let Look::No(detail, hint) = read(text) else {
                panic!("{text}");
            };
            assert!(detail.contains(part) && hint.contains("doas"), "{detail}");
        }
    }

    #[test]
    fn a_tried_password_is_told_right_from_wrong() {
        let answer = |code, text: &str| {
            read_try(
                &Output {
                    exit: Exit::Code(code),
                    text: text.into(),
                    left_out: 0,
                },
                "ops",
            )
        };
        assert_eq!(answer(0, "is-now-root\n"), Ok(Privilege::SudoPassword));
        for before in [
            "lecture\n",
            "stardust-asks-ops:",
            "[sudo: stardust-asks-ops:] Password: ",
        ] {
            let text = format!("{before}is-now-root\n");
            assert_eq!(answer(0, &text), Ok(Privilege::SudoPassword), "{text}");
        }
        assert!(answer(0, "1000\n").is_err());
        assert!(answer(1, "is-now-root\n").is_err());
        let why = |text| answer(1, text).unwrap_err().0;
        assert!(why("Sorry, try again.\nsudo: no password was provided\n").contains("not accept"));
        assert!(why("plain is not in the sudoers file.\n").contains("may not"));
        assert!(why("sudo: sorry, you must have a tty to run sudo\n").contains("terminal"));
        assert!(
            why(
                "Sorry, user plain is not allowed to execute '/usr/bin/sh -c true' as root on vm.\n"
            )
            .contains("a shell as root")
        );
        // Insults in place of "Sorry, try again.".
        assert!(
            why("Wrong!  You cheating scum!\nsudo: 1 incorrect password attempt\n")
                .contains("not accept")
        );
        // As sudo-rs 0.2.5 says it.
        let rs = "[sudo: stardust-asks-ops:] Password: \nsudo: Authentication failed, try again.\n\
                  [sudo: stardust-asks-ops:] Password: \nsudo-rs: Maximum 3 incorrect authentication attempts\n";
        assert!(why(rs).contains("not accept this password."));
        assert!(why("sudo-rs: I'm sorry plain. I'm afraid I can't do that\n").contains("may not"));
    }

    #[test]
    fn whose_password_is_wanted_is_said() {
        for text in [
            "stardust-asks-root:Sorry, try again.\nstardust-asks-root:\nsudo: no password was provided\n",
            "[sudo: stardust-asks-root:] Password: \nsudo: Authentication failed, try again.\n",
        ] {
            let output = Output {
                exit: Exit::Code(1),
                text: text.into(),
                left_out: 0,
            };
            let (detail, hint) = read_try(&output, "ops").unwrap_err();
            assert!(detail.contains("that of root here"), "{detail}");
            assert!(hint.contains("that user's password"), "{hint}");
            let (detail, _) = read_try(&output, "root").unwrap_err();
            assert!(!detail.contains("targetpw"), "{detail}");
        }
    }

    #[test]
    fn a_sudo_that_allows_only_some_commands_is_seen() {
        for (list, some) in [
            ("(ALL) NOPASSWD: /usr/bin/apt-get", true),
            (
                "(root) NOPASSWD: /usr/bin/apt-get, /usr/bin/less   (www-data) ALL",
                true,
            ),
            ("(ALL : ALL) ALL", false),
            ("(ALL) NOPASSWD: ALL", false),
            ("(root) PASSWD: /bin/ls, ALL", false),
            ("(ALL) /bin/ls (root, web) NOPASSWD: SETENV: ALL", false),
            ("", false),
            ("nothing that is known", false),
        ] {
            assert_eq!(only_some(list).is_some(), some, "{list}");
        }
        for said in [
            "1 sudo: a password is required",
            "1 sudo-rs: I'm sorry plain. I'm afraid I can't do that",
        ] {
            let text = format!(
                "uid 1000\nname plain\nsudo {said}\nmay (ALL) NOPASSWD: /usr/bin/apt-get\n"
            );
            let Look::No(detail, hint) = read(&text) else {
                panic!("{text}");
            };
            assert!(
                detail.contains("only some commands: (ALL) NOPASSWD: /usr/bin/apt-get."),
                "{detail}"
            );
            assert!(hint.contains("shell as root"), "{hint}");
        }
    }

    #[test]
    fn the_password_is_in_no_command() {
        let command = Command::program("id").arg("-u").unwrap();
        let line = Privilege::SudoPassword.command(&command).unwrap();
        let text = String::from_utf8(line.text().to_vec()).unwrap();
        assert_eq!(
            text,
            "LC_ALL=C sudo '-k' '-S' '-p' '' '--' 'sh' '-c' 'exec </dev/null\nid '\\''-u'\\'''"
        );
    }
}
