//! What all managers of RPM packages share: names, the database, versions.

use std::collections::HashMap;

use super::backend::{Phase, phase_of};
use super::model::{Installed, Listing, Repair};
use super::request::Grammar;
use super::sections::Sections;
use super::survey::HOLDERS;
use super::text::{field, lines, some, split_nvr};
use stardust_shell::Fault;

pub static GRAMMAR: Grammar = Grammar {
    first: |c| c.is_ascii_alphanumeric(),
    rest: |c| c.is_ascii_alphanumeric() || "+-._".contains(c),
    version: |c| c.is_ascii_alphanumeric() || ".+~^_:-".contains(c),
    arch: false,
    versions: true,
    example: "nginx, libstdc++, kernel-core, nginx=1:1.20.1-14.el9",
};

/// Names and versions of all that is installed, as the section `rpm`.
pub const ALL: &str = r#"
quiet rpm rpm -qa --qf '%{NAME}|%{EVR}|%{ARCH}|%{SIZE}\n'
"#;

pub const LEDGER: &str = r#"
ledger() { rpm -qa --qf '%{NAME}|%{EVR}|%{ARCH}|\n'; }
"#;

/// The database is made anew from the packages' headers. On an overlay rpm can't put
/// the new folder in the place of the old one, and asks for its files to be copied.
/// What zypper has cached of the old one would hide packages from it.
pub const REBUILD: &str = r#"
rm -rf /var/cache/zypp/solv/@System
rpm --rebuilddb && exit 0
code=$?
folder=$(rpm --eval '%{_dbpath}'); folder=${folder%/}
new=$(ls -td "$folder"rebuilddb.* 2>/dev/null | head -n 1)
[ -n "$new" ] && [ -n "$(rpm --dbpath "$new" -qa)" ] || exit "$code"
rm -f "$folder"/rpmdb.sqlite-wal "$folder"/rpmdb.sqlite-shm "$folder"/__db.* "$new"/rpmdb.sqlite-shm
cp -a "$new"/. "$folder"/ && rpm -qa >/dev/null || exit 1
rm -rf "$new"
echo "The new database was copied from $new."
"#;

/// `$@`: the files that are locked. Needs `HOLDERS` before it.
const UNLOCK: &str = r#"
all=$(left_behind "$@")
if [ -z "$all" ]; then echo 'There is no lock any more that was left behind.'; exit 0; fi
echo "$all" | while read -r pid file name; do
  rm -f "$file" && echo "Removed $file: process $pid is $name." || exit 1
done
"#;

pub fn unlock(lock_files: &str) -> Result<Phase, Fault> {
    let files: Vec<String> = lock_files.split(' ').map(str::to_owned).collect();
    phase_of("repair", false, &[HOLDERS, UNLOCK], &files)
}

pub fn installed(said: &Sections) -> Vec<Installed> {
    lines(said.text("rpm"))
        .filter_map(|line| {
            let mut fields = line.split('|');
            let (name, version) = (fields.next()?, fields.next()?);
            if name == "gpg-pubkey" {
                return None;
            }
            Some(Installed {
                name: field(name),
                version: field(version),
                arch: fields.next().and_then(some),
                automatic: None,
                size_bytes: fields.next().and_then(|size| size.trim().parse().ok()),
            })
        })
        .collect()
}

/// The installed version by name, and by name and architecture.
pub struct Versions(HashMap<String, String>);

impl Versions {
    pub fn of(said: &Sections) -> Self {
        let mut all = HashMap::new();
        for package in installed(said) {
            if let Some(arch) = &package.arch {
                all.insert(format!("{}.{arch}", package.name), package.version.clone());
            }
            all.insert(package.name, package.version);
        }
        Self(all)
    }

    pub fn get(&self, name: &str, arch: Option<&str>) -> Option<String> {
        arch.and_then(|arch| self.0.get(&format!("{name}.{arch}")))
            .or_else(|| self.0.get(name))
            .cloned()
    }
}

/// A database that can't be read is why nothing is listed: its repair is then all
/// that there is to say.
pub fn unreadable(said: &Sections) -> Option<Listing> {
    let repair = repairs(said);
    (!repair.is_empty()).then(|| Listing {
        repair,
        ..Listing::default()
    })
}

pub fn repairs(said: &Sections) -> Vec<Repair> {
    match said.get("rpm") {
        Some(section) if section.code.is_some_and(|code| code != 0) => vec![
            Repair::new(
                "rpm_database",
                "Build the RPM database anew (rpm --rebuilddb)",
                "rpm can't read its database.",
            )
            .blocking(),
        ],
        _ => Vec::new(),
    }
}

/// `name-[epoch:]version-release.arch`: the name.
pub fn name_of(nevra: &str) -> &str {
    let without_arch = nevra.rsplit_once('.').map_or(nevra, |(rest, _)| rest);
    split_nvr(without_arch).map_or(nevra, |(name, _)| name)
}

/// `0:1.0-1` is `1.0-1`.
pub fn evr(text: &str) -> String {
    field(text.strip_prefix("0:").unwrap_or(text))
}
