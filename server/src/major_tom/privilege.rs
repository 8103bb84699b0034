//! How a login becomes root on its node, if at all.

use std::time::Duration;

use super::fault::{Cause, Fault, printable};
use super::output::Output;
use super::remote::{Remote, Stdin};
use super::shell::Command;
use crate::secret::Secret;

const TIME_MAX: Duration = Duration::from_secs(15);

/// Who the login is.
const WHO: &str = r#"
say() { printf '%s %s\n' "$1" "$(printf %s "$2" | tr '\n\r' '  ')"; }
say uid "$(id -u 2>/dev/null || sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' /proc/self/status)"
"#;

/// `sudo -n` first: a password that is not asked for would end up in the input of
/// the command behind it.
const LOOK: &str = r#"
if command -v sudo >/dev/null 2>&1; then
  out=$(LC_ALL=C sudo -n true 2>&1 </dev/null); say sudo "$? $out"
fi
if command -v doas >/dev/null 2>&1; then
  out=$(doas -n true 2>&1 </dev/null); say doas "$? $out"
fi
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

fn read(text: &str) -> Look {
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
            .map(str::trim)
    };
    if is_root(text) {
        return Look::Works(Privilege::Root);
    }
    let (status, said) = field("sudo")
        .map(|found| found.split_once(' ').unwrap_or((found, "")))
        .unwrap_or(("", ""));
    if status == "0" {
        return Look::Works(Privilege::Sudo);
    }
    let doas = field("doas").unwrap_or("");
    if doas.split(' ').next() == Some("0") {
        return Look::Works(Privilege::Doas);
    }
    if said.contains("password is required") {
        return Look::Asks;
    }
    // Without a configuration nobody may use it, as if it were not there.
    if status.is_empty() && !doas.is_empty() && !doas.contains("not enabled") {
        return no_doas(doas);
    }
    if said.contains("must have a tty") {
        return Look::No(
            "sudo wants a terminal (requiretty).".into(),
            "Add `Defaults:USER !requiretty` for this user with visudo, or log in as root.",
        );
    }
    if status.is_empty() {
        return Look::No(
            "The login is not root, and the node has no sudo that works.".into(),
            "Log in as root, or install sudo or doas on the node and allow this user to use it.",
        );
    }
    Look::No(
        format!("sudo refuses this user: {}.", printable(said)),
        "Allow the user in /etc/sudoers with visudo, or log in as root.",
    )
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
            let command = Privilege::SudoPassword.command(&Command::program("id").arg("-u")?)?;
            let tried = remote.run(&command, Stdin::Password(password), TIME_MAX, &mut |_| {})?;
            read_try(&tried).map_err(|(detail, hint)| Fault::new(Cause::NoPrivilege, detail, hint))
        }
    }
}

fn read_try(output: &Output) -> Result<Privilege, (String, &'static str)> {
    let text = output.text();
    if output.exit.is_success() && text.lines().any(|line| line.trim() == "0") {
        return Ok(Privilege::SudoPassword);
    }
    let has = |part: &str| text.contains(part);
    if has("not in the sudoers") || has("not allowed to") || has("may not run") {
        return Err((
            "This user may not use sudo.".into(),
            "Allow the user in /etc/sudoers with visudo, or log in as root.",
        ));
    }
    if has("try again") || has("incorrect password") || has("no password was provided") {
        return Err((
            "sudo does not accept this password.".into(),
            "It is the password of the user on the node, not of root and not of the key.",
        ));
    }
    if has("must have a tty") {
        return Err((
            "sudo wants a terminal (requiretty).".into(),
            "Add `Defaults:USER !requiretty` for this user with visudo, or log in as root.",
        ));
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
            read_try(&Output {
                exit: Exit::Code(code),
                text: text.into(),
                left_out: 0,
            })
        };
        assert_eq!(answer(0, "0\n"), Ok(Privilege::SudoPassword));
        assert_eq!(answer(0, "lecture\n0\n"), Ok(Privilege::SudoPassword));
        assert!(answer(0, "1000\n").is_err());
        let why = |text| answer(1, text).unwrap_err().0;
        assert!(why("Sorry, try again.\nsudo: no password was provided\n").contains("not accept"));
        assert!(why("plain is not in the sudoers file.\n").contains("may not"));
        assert!(why("sudo: sorry, you must have a tty to run sudo\n").contains("terminal"));
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
