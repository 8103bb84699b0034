//! A Spider that somebody installs by hand: a script that does on the machine what
//! a deployment does over SSH, with the same files in the same places, and the lines
//! that fetch and check it. Pure; called by the API.

use stardust_shared::ServerUrl;

use super::files;
use super::installation::{Method, for_hand};
use super::script::Script;
use super::spider::Spider;
use crate::secret::Secret;

const SCRIPT: &str = include_str!("scripts/by_hand.sh");
/// Ends each text within the script; in none of them there is such a line.
const END: &str = "STARDUST_END";

/// Services that root can make.
const BY_HAND: [Method; 5] = [
    Method::Systemd,
    Method::Openrc,
    Method::Procd,
    Method::Sysvinit,
    Method::Runit,
];

/// The script. It holds no secret, and is the same for every node.
pub fn script(spiders: &[Spider]) -> String {
    let mut sums = String::new();
    for spider in spiders {
        let machines = match spider.arch.as_str() {
            "x86_64" => "x86_64 | amd64",
            "aarch64" => "aarch64 | arm64",
            "armv7" => "armv7* | armv8l",
            other => other,
        };
        sums.push_str(&format!(
            "  {machines}) arch={} sum={} ;;\n",
            spider.arch, spider.sha256
        ));
    }
    let mut texts = String::new();
    for (name, text) in [
        ("prepare", Script::Prepare.text()),
        ("install", Script::Install.text()),
        ("start", Script::Start.text()),
        ("settle", Script::Settle.text()),
    ] {
        texts.push_str(&file(&format!("$folder/{name}.sh"), text));
    }
    let mut units = String::new();
    for method in BY_HAND {
        let place = for_hand(method);
        let unit = file("$folder/up/unit", &files::unit(&place));
        units.push_str(&format!("  {})\n{unit}    ;;\n", method.name()));
    }
    SCRIPT
        .replace("@SUMS@\n", &sums)
        .replace("@TEXTS@\n", &texts)
        .replace("@UNITS@\n", &units)
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
}

/// Lines that write `text` into a file, as it is.
fn file(path: &str, text: &str) -> String {
    let line_end = if text.ends_with('\n') { "" } else { "\n" };
    format!("cat >\"{path}\" <<'{END}'\n{text}{line_end}{END}\n")
}

/// What is pasted into a root shell. Tokens are of letters, digits, `-` and `_`, and a
/// server's address has nothing in it either that a shell would take for more.
/// They get into files by `printf`, which is a part of the shell: no other user of
/// the machine sees them among the arguments of a program.
pub fn commands(token: &Secret, server: &ServerUrl, script_sha256: &str) -> Secret {
    let http = server.http();
    let token = token.expose();
    Secret::new(format!(
        "(
set -eu; umask 077
cd \"$(mktemp -d)\"; trap 'rm -rf \"$PWD\"' EXIT
printf '%s\\n' '{token}' >token
printf 'header = \"Authorization: Bearer %s\"\\n' '{token}' >curl.conf
curl -fsS -K curl.conf -o install.sh '{http}/api/spiders/install.sh'
echo '{script_sha256}  install.sh' | sha256sum -c -
sh install.sh '{http}' '{server}'
)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn spider(arch: &str, sum: &str) -> Spider {
        Spider {
            arch: arch.into(),
            bytes: Vec::new(),
            sha256: sum.into(),
            needs: Default::default(),
        }
    }

    fn is_shell(text: &str) -> bool {
        let checked = Command::new("sh").args(["-n", "-c", text]).status();
        checked.unwrap().success()
    }

    #[test]
    fn the_script_is_whole_and_shell() {
        let script = script(&[spider("x86_64", "5ca1ab1e"), spider("armv7", "decade")]);
        assert!(is_shell(&script), "{script}");
        for mark in ["@SUMS@", "@TEXTS@", "@UNITS@", "@VERSION@"] {
            assert!(!script.contains(mark), "{mark}");
        }
        assert!(script.contains("x86_64 | amd64) arch=x86_64 sum=5ca1ab1e ;;"));
        assert!(script.contains("armv7* | armv8l) arch=armv7 sum=decade ;;"));
        // Every text that it writes begins and ends once.
        assert_eq!(script.matches(&format!("<<'{END}'")).count(), 9);
        assert_eq!(script.lines().filter(|line| *line == END).count(), 9);
        for method in BY_HAND {
            assert!(script.contains(&files::unit(&for_hand(method))));
        }
    }

    #[test]
    fn the_commands_are_shell_and_show_the_token_to_nobody() {
        let server = ServerUrl::parse_origin("https://stardust.example:8933").unwrap();
        let text = commands(&Secret::new("T0K-_n".into()), &server, "5ca1ab1e");
        let text = text.expose();
        assert!(is_shell(text), "{text}");
        assert!(text.contains("'https://stardust.example:8933/api/spiders/install.sh'"));
        assert!(text.ends_with(
            "sh install.sh 'https://stardust.example:8933' 'wss://stardust.example:8933'\n)"
        ));
        // `printf` is the shell's own: nothing else has it among its arguments.
        for line in text.lines().filter(|line| line.contains("T0K-_n")) {
            assert!(line.starts_with("printf "), "{line}");
        }
    }
}
