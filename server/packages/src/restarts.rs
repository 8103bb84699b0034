//! Which running services an upgrade will restart, as far as the packages tell:
//! those whose unit a package ships and whose scripts restart it. Pure; the
//! questions are asked by `look`.
//!
//! dpkg runs the new package's script, which is not there yet: the installed one's
//! stands for it. rpm runs the script that comes with the installed package after
//! the upgrade, so what it says is what happens. pacman restarts nothing.

use super::limits::NOTES_MAX;
use super::model::Preview;
use super::sections::Sections;
use super::text::{field, lines};

/// Names that are asked for; `$@` in the scripts.
const NAMES_MAX: usize = 400;
const NAMES_BYTES_MAX: usize = 16 << 10;

/// Units of services that run, one a line; before both scripts.
pub const RUNNING: &str = r#"
running() {
  [ -d /run/systemd/system ] || return 0
  systemctl list-units --type=service --state=active,reloading --no-legend --plain --no-pager --full |
    sed 's/^\([^ ]*\).*/\1/'
}
quiet running running
"#;

pub const DPKG: &str = r#"
units() {
  for name in "$@"; do
    for script in "/var/lib/dpkg/info/$name.postinst" "/var/lib/dpkg/info/$name":*.postinst; do
      [ -f "$script" ] || continue
      grep -qE 'deb-systemd-invoke|systemctl[^|]*restart|invoke-rc\.d|service [^ ]* restart' "$script" || continue
      list=${script%.postinst}.list
      sed -n 's#^.*/systemd/system/\([^/]*\.service\)$#\1#p' "$list"
      # Where there is a script alone, systemd makes a unit of it.
      sed -n 's#^/etc/init\.d/\([^/]*\)$#\1.service#p' "$list"
    done
  done | sort -u
}
quiet units units "$@"
"#;

pub const RPM: &str = r#"
units() {
  rpm -q --qf '[%{=NAME}|%{FILENAMES}\n]' -- "$@" |
    sed -n 's#^\([^|]*\)|.*/systemd/system/\([^/]*\.service\)$#\1 \2#p' | sort -u |
    while read -r name unit; do
      rpm -q --qf '%{POSTUN}\n%{POSTTRANS}\n' -- "$name" |
        grep -qE 'systemctl[^|]*restart|mark-restart|service_del_postun|service [^ ]* (cond|try-)?restart' && echo "$unit"
    done | sort -u
}
quiet units units "$@"
"#;

/// The packages that are asked for: those that are replaced by others.
pub fn names(preview: &Preview) -> Vec<String> {
    let mut bytes = 0;
    preview
        .upgraded
        .iter()
        .chain(&preview.downgraded)
        .map(|upgrade| upgrade.name.clone())
        .take_while(|name| {
            bytes += name.len();
            bytes <= NAMES_BYTES_MAX
        })
        .take(NAMES_MAX)
        .collect()
}

/// The units of the packages that run now, and the running ones that were made
/// from a template of theirs.
pub fn read(said: &Sections) -> Vec<String> {
    let units: Vec<&str> = lines(said.text("units")).map(str::trim).collect();
    let mut out: Vec<String> = lines(said.text("running"))
        .map(str::trim)
        .filter(|running| {
            units.iter().any(|unit| {
                unit == running
                    || unit.strip_suffix("@.service").is_some_and(|template| {
                        running
                            .strip_prefix(template)
                            .is_some_and(|rest| rest.starts_with('@'))
                    })
            })
        })
        .map(field)
        .take(NOTES_MAX)
        .collect();
    out.sort();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::super::model::Upgrade;
    use super::*;

    #[test]
    fn what_runs_and_is_shipped() {
        let said = Sections::single(
            "running",
            "nginx.service\ngetty@tty1.service\nssh.service\n",
            0,
        )
        .and("units", "nginx.service\nold.service\ngetty@.service\n", 0);
        assert_eq!(read(&said), ["getty@tty1.service", "nginx.service"]);
        assert!(read(&Sections::default()).is_empty());
    }

    #[test]
    fn the_question_is_bounded() {
        let upgrade = |name: String| Upgrade {
            name,
            ..Upgrade::default()
        };
        let many = Preview {
            upgraded: (0..5000).map(|n| upgrade(format!("p{n}"))).collect(),
            ..Preview::default()
        };
        assert_eq!(names(&many).len(), NAMES_MAX);
        let long = Preview {
            upgraded: (0..5000).map(|_| upgrade("x".repeat(300))).collect(),
            ..Preview::default()
        };
        assert!(names(&long).concat().len() <= NAMES_BYTES_MAX);
    }
}
