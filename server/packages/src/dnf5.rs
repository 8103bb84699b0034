//! dnf 5: Fedora from release 41.

use std::collections::HashSet;

use super::Manager;
use super::backend::{Backend, Phase, Question, phase};
use super::dnf::{
    arguments, complete, found, hold, info, piped, reboot_reasons, refused, row, unlisted,
};
use super::limits::WORDS_BYTES_MAX;
use super::model::{Details, Found, Installed, Listing, Outcome, Preview, Refused, Track};
use super::request::{Action, Grammar, PackageRequest, Spec};
use super::sections::Sections;
use super::text::{clip, counted, field, lines, size};
use super::{lock, rpm};
use stardust_shell::Fault;

pub struct Dnf5;

/// Its --qf ends no line by itself; -C is the cache alone.
const SURVEY: &str = r#"
quiet list dnf5 -q -C repoquery --upgrades --qf '%{name}|%{evr}|%{arch}|%{repoid}\n'
# What is locked is not listed, and nothing tells dnf5 to list it: so it is asked once
# more where it sees an empty list of locks, and nobody else does.
if [ -s /etc/dnf/versionlock.toml ] && has unshare; then
  quiet unlocked unshare -m sh -c 'mount -t tmpfs tmpfs /mnt &&
    printf "version = \"1.0\"\npackages = []\n" >/mnt/empty && mount --bind /mnt/empty /etc/dnf/versionlock.toml &&
    exec dnf5 -q -C repoquery --upgrades --qf "%{name}|%{evr}|%{arch}|%{repoid}\n"'
fi
quiet security dnf5 -q -C advisory list --security --updates
quiet advisories dnf5 -q -C advisory list --updates
held() { sed -n 's/^[[:space:]]*name *= *"\([^"]*\)".*/\1/p' /etc/dnf/versionlock.toml; }
quiet held held
quiet reboot dnf5 -q -C needs-restarting -r
"#;

const PREVIEW: &str = r#"
action=$1; shift
run sim dnf5 --assumeno --setopt=metadata_expire=-1 "$action" "$@"
"#;
const DOWNLOAD: &str = r#"
action=$1; shift
exec dnf5 -y '--setopt=*.gpgkey=file:///trusted-by-people-only' --setopt=metadata_expire=-1 "$action" --downloadonly "$@"
"#;
const RUN: &str = r#"
action=$1; shift
exec dnf5 -y '--setopt=*.gpgkey=file:///trusted-by-people-only' --setopt=metadata_expire=-1 "$action" "$@"
"#;
const REFRESH: &str =
    "exec dnf5 --assumeno --setopt=skip_if_unavailable=False makecache --refresh\n";
const SEARCH: &str = "\nquiet found dnf5 -q -C search \"$@\"\n";
const DETAILS: &str = r#"
run show dnf5 -q -C info "$1"
quiet changelog rpm -q --changelog -- "$1"
quiet requires rpm -q --requires -- "$1"
"#;

impl Backend for Dnf5 {
    fn manager(&self) -> Manager {
        Manager::Dnf5
    }

    fn actions(&self) -> &'static [Action] {
        &Action::ALL
    }

    fn grammar(&self) -> &'static Grammar {
        &rpm::GRAMMAR
    }

    fn repairs(&self) -> &'static [&'static str] {
        &["rpm_database"]
    }

    fn has_changelog(&self) -> bool {
        true
    }

    fn argument(&self, spec: &Spec) -> String {
        super::dnf::argument(spec)
    }

    fn lock_files(&self) -> &'static str {
        "/run/dnf/rpmtransaction.lock /var/lib/rpm/.rpm.lock /usr/lib/sysimage/rpm/.rpm.lock"
    }

    fn survey(&self) -> &'static [&'static str] {
        &[SURVEY, rpm::ALL]
    }

    fn read_survey(&self, said: &Sections) -> Result<Listing, Refused> {
        if said.code("list") != Some(0) {
            return rpm::unreadable(said).ok_or_else(|| unlisted(Manager::Dnf5, said.text("list")));
        }
        let mut upgradable = piped(said.text("list"));
        let mut held: Vec<String> = lines(said.text("held")).map(field).collect();
        held.sort();
        held.dedup();
        let unlocked = piped(said.text("unlocked"));
        upgradable.extend(unlocked.into_iter().filter(|u| held.contains(&u.name)));
        upgradable.dedup_by(|a, b| (&a.name, &a.arch) == (&b.name, &b.arch));
        complete(&mut upgradable, said);
        hold(&mut upgradable, &held);
        Ok(Listing {
            upgradable,
            held,
            installed_count: Some(rpm::installed(said).len()),
            repair: rpm::repairs(said),
            reboot_reasons: reboot_reasons(said),
            full_advised: None,
        })
    }

    fn preview(&self, request: &PackageRequest) -> Question {
        Question::of(&[PREVIEW, rpm::ALL], &arguments(request))
    }

    fn read_preview(&self, said: &Sections, _: &PackageRequest) -> Preview {
        let text = said.text("sim");
        let mut preview = table(text, &rpm::Versions::of(said));
        if preview.changes() == 0 && !preview.nothing && said.code("sim") != Some(0) {
            preview.refused = Some(refused(text));
        }
        preview.text = clip(text, WORDS_BYTES_MAX).to_owned();
        preview
    }

    fn restarts(&self) -> Option<&'static str> {
        Some(super::restarts::RPM)
    }

    fn phases(&self, request: &PackageRequest) -> Result<Vec<Phase>, Fault> {
        let all = arguments(request);
        let names = request.arguments();
        Ok(match request.action {
            Action::Refresh => vec![phase("refresh", true, REFRESH, &[])?],
            Action::Upgrade | Action::FullUpgrade | Action::Install => vec![
                phase("download", true, DOWNLOAD, &all)?,
                phase("install", false, RUN, &all)?,
            ],
            Action::Remove | Action::Autoremove => vec![phase("remove", false, RUN, &all)?],
            Action::Hold => vec![phase(
                "hold",
                false,
                "exec dnf5 -y '--setopt=*.gpgkey=file:///trusted-by-people-only' versionlock add \"$@\"\n",
                &names,
            )?],
            Action::Unhold => {
                vec![phase(
                    "unhold",
                    false,
                    "exec dnf5 -y '--setopt=*.gpgkey=file:///trusted-by-people-only' versionlock delete \"$@\"\n",
                    &names,
                )?]
            }
            Action::Clean => vec![phase("clean", true, "exec dnf5 clean packages\n", &[])?],
            Action::Repair => vec![phase("repair", false, rpm::REBUILD, &[])?],
        })
    }

    fn ledger(&self) -> &'static [&'static str] {
        &[rpm::LEDGER]
    }

    fn installed(&self) -> &'static str {
        rpm::ALL
    }

    fn read_installed(&self, said: &Sections) -> Vec<Installed> {
        rpm::installed(said)
    }

    fn search(&self, query: &str) -> Question {
        let words: Vec<String> = query.split_whitespace().map(str::to_owned).collect();
        Question::new(SEARCH, &words)
    }

    fn read_search(&self, said: &Sections) -> Vec<Found> {
        found(said)
    }

    fn details(&self, spec: &Spec) -> Question {
        Question::new(DETAILS, &[self.argument(spec)])
    }

    fn read_details(&self, said: &Sections, spec: &Spec) -> Option<Details> {
        info(said, spec)
    }

    fn progress(&self, line: &str, track: &mut Track) {
        if let Some((done, total, what)) = counted(line)
            && acting(what).is_some()
        {
            track.at(done, total);
        }
    }

    fn outcome(&self, text: &str) -> Outcome {
        let mut outcome = Outcome::default();
        let (mut new, mut upgraded, mut removed) = (HashSet::new(), HashSet::new(), HashSet::new());
        let mut current = "";
        for line in lines(text) {
            if let Some((_, _, what)) = counted(line)
                && let Some((verb, nevra)) = acting(what)
            {
                current = rpm::name_of(nevra);
                match verb {
                    "Installing" => new.insert(current),
                    "Upgrading" | "Downgrading" => upgraded.insert(current),
                    _ => removed.insert(current),
                };
            }
            if let Some(said) = line.trim_start().strip_prefix(">>> ")
                && (said.contains("scriptlet failed") || said.starts_with("Error in "))
            {
                let name = said
                    .rsplit_once(": ")
                    .map(|(_, nevra)| rpm::name_of(nevra.trim()))
                    .filter(|name| !name.contains(' '));
                outcome.fail(name.unwrap_or(current), said);
            }
            if line.starts_with("Error: ")
                || line.starts_with("Failed to ")
                || line.starts_with("Transaction failed")
            {
                outcome.error(line.trim_start_matches("Error: "));
            }
            if let Some(lock) = lock::holder(line) {
                outcome.held_by = Some(lock);
            }
        }
        for failure in &outcome.failed {
            new.remove(failure.name.as_str());
            upgraded.remove(failure.name.as_str());
        }
        // The old version of what was upgraded is removed too.
        let removed = removed
            .iter()
            .filter(|name| !upgraded.contains(*name) && !new.contains(*name));
        outcome.removed = removed.count() as u32;
        outcome.upgraded = upgraded.len() as u32;
        outcome.installed = new.len() as u32;
        outcome
    }
}

/// `Upgrading name-0:1.0-1.noarch   100% | …`
fn acting(what: &str) -> Option<(&str, &str)> {
    let (verb, rest) = what.split_once(' ')?;
    let known = [
        "Installing",
        "Upgrading",
        "Downgrading",
        "Removing",
        "Reinstalling",
    ];
    let nevra = rest.split_whitespace().next()?;
    known.contains(&verb).then_some((verb, nevra))
}

/// Headings at the left, rows with one space, what is replaced with more.
fn table(text: &str, versions: &rpm::Versions) -> Preview {
    let mut preview = Preview::default();
    let mut list: Option<&str> = None;
    for line in lines(text) {
        if line.starts_with("Transaction Summary") {
            list = None;
        } else if let Some(rest) = line.strip_prefix("Total size of inbound packages is ") {
            preview.download_bytes = rest
                .split_once("Need to download ")
                .and_then(|(_, bytes)| size(bytes.trim_end_matches('.'), false));
        } else if let Some(rest) = line.strip_prefix("After this operation, ") {
            let bytes = rest
                .split_once(" will be")
                .or_else(|| rest.split_once(" extra"));
            let bytes = bytes
                .and_then(|(bytes, _)| size(bytes, false))
                .map(|b| b as i64);
            preview.disk_bytes = if rest.contains("freed") {
                bytes.map(|b| -b)
            } else {
                bytes
            };
        } else if !line.starts_with(' ') {
            let heading = line.trim_end();
            let named = heading.ends_with(':') && !heading.starts_with("Updating and loading");
            list = named.then_some(heading);
        } else if let Some(list) = list
            && !line.starts_with("  ")
        {
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.len() >= 4 {
                row(list, &words, versions, &mut preview);
            }
        }
    }
    preview.nothing = preview.changes() == 0 && text.contains("Nothing to do");
    preview
}
