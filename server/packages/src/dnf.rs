//! dnf 4, and yum 3 where there is no dnf yet: Fedora, RHEL and what comes from
//! them.

use super::Manager;
use super::backend::{Backend, Phase, Question, phase};
use super::limits::WORDS_BYTES_MAX;
use super::model::{Details, Found, Installed, Listing, Outcome, Preview, Refused, Track};
use super::request::{Action, Grammar, PackageRequest, Spec};
use super::rpm;
use super::sections::Sections;
use super::text::clip;
use stardust_shell::Fault;

#[path = "dnf/read.rs"]
mod read;

use read::{columns, table};
pub(super) use read::{
    complete, found, hold, info, locked, piped, reboot_reasons, refused, row, unlisted,
};

pub struct Dnf {
    pub yum: bool,
}

/// From the cache alone: a look fetches nothing. For a lock that was left behind dnf
/// would wait for ever.
const SURVEY: &str = r#"
busy=
[ -z "$(left_behind /var/cache/dnf/metadata_lock.pid)" ] || busy=--setopt=exit_on_lock=True
# Without the plugin what is locked is listed too.
run list dnf -q -C $busy --disableplugin=versionlock repoquery --upgrades --qf '%{name}|%{evr}|%{arch}|%{repoid}'
quiet security dnf -q -C $busy updateinfo list --security --updates
quiet advisories dnf -q -C $busy updateinfo list --updates
quiet held dnf -q -C $busy versionlock list
quiet reboot dnf -q -C $busy needs-restarting -r
"#;

const YUM_SURVEY: &str = r#"
run list yum -q -C --disableplugin=versionlock check-update
quiet security yum -q -C updateinfo list security
quiet advisories yum -q -C updateinfo list
quiet held yum -q -C versionlock list
reboot() { needs-restarting -r; }
quiet reboot reboot
"#;

/// $1 the command; what was fetched last is what counts, so that the job does
/// what the preview says.
const PREVIEW: &str = r#"
action=$1; shift
run sim dnf --assumeno --setopt=metadata_expire=-1 '--setopt=*.metadata_expire=-1' "$action" "$@"
"#;

const YUM_PREVIEW: &str = r#"
action=$1; shift
run sim yum --assumeno "$action" "$@"
"#;

/// `-y` also takes each key that a repository names, whoever has written that down
/// there. With another one in its place, which is not to be had, what is signed by a
/// key that the node does not know is refused. (With none, dnf prints all that is
/// known of the repository, its password too.) When refreshing, `--assumeno` says no
/// to keys and to nothing else.
const DOWNLOAD: &str = r#"
action=$1; shift
exec dnf -y --downloadonly '--setopt=*.gpgkey=file:///trusted-by-people-only' --setopt=metadata_expire=-1 '--setopt=*.metadata_expire=-1' "$action" "$@"
"#;

const RUN: &str = r#"
action=$1; shift
exec dnf -y '--setopt=*.gpgkey=file:///trusted-by-people-only' --setopt=metadata_expire=-1 '--setopt=*.metadata_expire=-1' "$action" "$@"
"#;

const YUM_RUN: &str = r#"
action=$1; shift
exec yum -y '--setopt=*.gpgkey=file:///trusted-by-people-only' "$action" "$@"
"#;

const REFRESH: &str =
    "exec dnf --assumeno --setopt=skip_if_unavailable=False makecache --refresh\n";
/// A dnf that goes by the name of yum knows no `fast`.
const YUM_REFRESH: &str = r#"
case $(yum --version 2>/dev/null | head -n 1) in 3.*) fast=fast ;; *) fast= ;; esac
yum -q clean expire-cache
exec yum --assumeno makecache $fast
"#;
const CLEAN: &str = "exec dnf clean packages\n";
const YUM_CLEAN: &str = "exec yum clean packages\n";

const SEARCH: &str = r#"
quiet found dnf -q -C search -- "$@"
"#;
const YUM_SEARCH: &str = r#"
quiet found yum -q -C search -- "$@"
"#;

const DETAILS: &str = r#"
run show dnf -q -C info -- "$1"
quiet changelog rpm -q --changelog -- "$1"
quiet requires rpm -q --requires -- "$1"
"#;
const YUM_DETAILS: &str = r#"
run show yum -q -C info -- "$1"
quiet changelog rpm -q --changelog -- "$1"
quiet requires rpm -q --requires -- "$1"
"#;

impl Dnf {
    fn pick(&self, dnf: &'static str, yum: &'static str) -> &'static str {
        if self.yum { yum } else { dnf }
    }
}

/// What dnf calls an action.
pub(super) fn verb(action: Action) -> &'static str {
    match action {
        Action::Upgrade => "upgrade",
        Action::FullUpgrade => "distro-sync",
        Action::Remove => "remove",
        Action::Autoremove => "autoremove",
        _ => "install",
    }
}

pub(super) fn arguments(request: &PackageRequest) -> Vec<String> {
    let mut all = vec![verb(request.action).to_owned()];
    all.extend(request.arguments());
    all
}

/// dnf takes `name-version`.
pub(super) fn argument(spec: &Spec) -> String {
    match &spec.version {
        Some(version) => format!("{}-{version}", spec.name),
        None => spec.name.clone(),
    }
}

impl Backend for Dnf {
    fn manager(&self) -> Manager {
        if self.yum { Manager::Yum } else { Manager::Dnf }
    }

    fn actions(&self) -> &'static [Action] {
        &Action::ALL
    }

    fn grammar(&self) -> &'static Grammar {
        &rpm::GRAMMAR
    }

    fn repairs(&self) -> &'static [&'static str] {
        &["rpm_database", "stale_lock"]
    }

    fn has_changelog(&self) -> bool {
        true
    }

    fn argument(&self, spec: &Spec) -> String {
        argument(spec)
    }

    fn lock_files(&self) -> &'static str {
        self.pick(
            "/var/lib/rpm/.rpm.lock /usr/lib/sysimage/rpm/.rpm.lock /var/cache/dnf/metadata_lock.pid /var/lib/dnf/rpmdb_lock.pid",
            "/var/run/yum.pid /var/lib/rpm/.rpm.lock",
        )
    }

    fn survey(&self) -> &'static [&'static str] {
        if self.yum {
            &[YUM_SURVEY, rpm::ALL]
        } else {
            &[SURVEY, rpm::ALL]
        }
    }

    fn read_survey(&self, said: &Sections) -> Result<Listing, Refused> {
        let code = said.code("list");
        let good = if self.yum {
            matches!(code, Some(0 | 100))
        } else {
            code == Some(0)
        };
        if !good {
            return rpm::unreadable(said)
                .ok_or_else(|| unlisted(self.manager(), said.text("list")));
        }
        let mut upgradable = if self.yum {
            columns(said.text("list"))
        } else {
            piped(said.text("list"))
        };
        complete(&mut upgradable, said);
        let held = locked(said.text("held"));
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
        Question::of(
            &[self.pick(PREVIEW, YUM_PREVIEW), rpm::ALL],
            &arguments(request),
        )
    }

    fn read_preview(&self, said: &Sections, _: &PackageRequest) -> Preview {
        let text = said.text("sim");
        let mut preview = table(text, &rpm::Versions::of(said));
        // `--assumeno` ends with 1 in any case.
        if preview.changes() == 0 && !text.contains("Nothing to do") && said.code("sim") != Some(0)
        {
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
            Action::Refresh => {
                vec![phase(
                    "refresh",
                    true,
                    self.pick(REFRESH, YUM_REFRESH),
                    &[],
                )?]
            }
            Action::Upgrade | Action::FullUpgrade | Action::Install if !self.yum => vec![
                phase("download", true, DOWNLOAD, &all)?,
                phase("install", false, RUN, &all)?,
            ],
            Action::Upgrade | Action::FullUpgrade | Action::Install => {
                vec![phase("install", false, YUM_RUN, &all)?]
            }
            Action::Remove | Action::Autoremove => {
                vec![phase("remove", false, self.pick(RUN, YUM_RUN), &all)?]
            }
            Action::Hold => vec![phase(
                "hold",
                false,
                self.pick(
                    "exec dnf -y '--setopt=*.gpgkey=file:///trusted-by-people-only' versionlock add \"$@\"\n",
                    "exec yum -y '--setopt=*.gpgkey=file:///trusted-by-people-only' versionlock add \"$@\"\n",
                ),
                &names,
            )?],
            Action::Unhold => vec![phase(
                "unhold",
                false,
                self.pick(
                    "exec dnf -y '--setopt=*.gpgkey=file:///trusted-by-people-only' versionlock delete \"$@\"\n",
                    "exec yum -y '--setopt=*.gpgkey=file:///trusted-by-people-only' versionlock delete \"$@\"\n",
                ),
                &names,
            )?],
            Action::Clean => vec![phase("clean", true, self.pick(CLEAN, YUM_CLEAN), &[])?],
            Action::Repair if request.what.as_deref() == Some("stale_lock") => {
                vec![rpm::unlock(self.lock_files())?]
            }
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
        Question::new(self.pick(SEARCH, YUM_SEARCH), &words)
    }

    fn read_search(&self, said: &Sections) -> Vec<Found> {
        found(said)
    }

    fn details(&self, spec: &Spec) -> Question {
        Question::new(self.pick(DETAILS, YUM_DETAILS), &[argument(spec)])
    }

    fn read_details(&self, said: &Sections, spec: &Spec) -> Option<Details> {
        info(said, spec)
    }

    fn progress(&self, line: &str, track: &mut Track) {
        // `  Upgrading        : name-1-1.noarch                     2/15`
        let Some((what, rest)) = line.split_once(" : ") else {
            return;
        };
        let verb = what.trim();
        let known = [
            "Installing",
            "Upgrading",
            "Updating",
            "Running scriptlet",
            "Cleanup",
            "Erasing",
            "Removing",
            "Reinstalling",
            "Downgrading",
            "Obsoleting",
        ];
        if !known.contains(&verb) {
            return;
        }
        let counted = rest.trim_end().rsplit(' ').next().unwrap_or("");
        if let Some((done, total)) = counted.split_once('/')
            && let (Ok(done), Ok(total)) = (done.parse(), total.parse())
        {
            track.at(done, total);
        }
    }

    fn outcome(&self, text: &str) -> Outcome {
        read::outcome(text)
    }
}
