//! pacman: Arch Linux and what comes from it.
//!
//! A refreshed index with packages installed from it one by one is the way to
//! break an Arch system. So the index that a look reads is a copy of our own, and
//! whatever installs upgrades all else in the same transaction.

use super::Manager;
use super::backend::{Backend, Phase, Question, phase, phase_of};
use super::model::{Details, Found, Installed, Listing, Outcome, Preview, Refused, Track};
use super::request::{Action, Grammar, PackageRequest, Spec};
use super::sections::Sections;
use stardust_shell::Fault;

#[path = "pacman/read.rs"]
mod read;
#[path = "pacman/scripts.rs"]
mod scripts;

use scripts::{
    DETAILS, DOWNLOAD, HOLD, INSTALL, LEDGER, ORPHANS, PLACES, PREVIEW, PREVIEW_ORPHANS,
    PREVIEW_REMOVE, REFRESH, REINSTALL, REMOVE, SURVEY, TORN, UNHOLD, UNLOCK,
};

pub struct Pacman;

static GRAMMAR: Grammar = Grammar {
    first: |c| c.is_ascii_alphanumeric() || "@_+".contains(c),
    rest: |c| c.is_ascii_alphanumeric() || "@._+-".contains(c),
    version: |_| false,
    arch: false,
    versions: false,
    example: "nginx, gtk2+extra, python-requests",
};

fn removal(request: &PackageRequest) -> &'static str {
    if request.purge { "-Rns" } else { "-Rs" }
}

impl Backend for Pacman {
    fn manager(&self) -> Manager {
        Manager::Pacman
    }

    fn actions(&self) -> &'static [Action] {
        &[
            Action::Refresh,
            Action::Upgrade,
            Action::Install,
            Action::Remove,
            Action::Autoremove,
            Action::Hold,
            Action::Unhold,
            Action::Clean,
            Action::Repair,
        ]
    }

    fn grammar(&self) -> &'static Grammar {
        &GRAMMAR
    }

    fn repairs(&self) -> &'static [&'static str] {
        &["stale_lock", "torn"]
    }

    fn upgrades_selected(&self) -> bool {
        false
    }

    fn lock_files(&self) -> &'static str {
        // A file that is there or not; see `stale` and `busy`.
        "/var/lib/pacman/db.lck"
    }

    fn survey(&self) -> &'static [&'static str] {
        &[PLACES, TORN, SURVEY]
    }

    fn read_survey(&self, said: &Sections) -> Result<Listing, Refused> {
        read::survey(said)
    }

    fn preview(&self, request: &PackageRequest) -> Question {
        match request.action {
            Action::Autoremove => Question::of(&[PLACES, PREVIEW_ORPHANS], &[]),
            Action::Remove => {
                let mut all = vec![removal(request).to_owned()];
                all.extend(request.arguments());
                Question::of(&[PLACES, PREVIEW_REMOVE], &all)
            }
            _ => Question::of(&[PLACES, PREVIEW], &request.arguments()),
        }
    }

    fn read_preview(&self, said: &Sections, request: &PackageRequest) -> Preview {
        read::preview(said, request)
    }

    fn phases(&self, request: &PackageRequest) -> Result<Vec<Phase>, Fault> {
        let names = request.arguments();
        Ok(match request.action {
            Action::Refresh => vec![phase_of("refresh", true, &[PLACES, REFRESH], &[])?],
            Action::Upgrade | Action::FullUpgrade | Action::Install => vec![
                phase_of("download", true, &[PLACES, DOWNLOAD], &names)?,
                phase("install", false, INSTALL, &names)?,
            ],
            Action::Remove => {
                let mut all: Vec<String> = [
                    removal(request),
                    "--noconfirm",
                    "--noprogressbar",
                    "--color",
                    "never",
                    "--",
                ]
                .map(str::to_owned)
                .to_vec();
                all.extend(names);
                vec![phase("remove", false, REMOVE, &all)?]
            }
            Action::Autoremove => vec![phase("remove", false, ORPHANS, &[])?],
            Action::Hold => vec![phase("hold", false, HOLD, &names)?],
            Action::Unhold => vec![phase("unhold", false, UNHOLD, &names)?],
            Action::Clean => {
                vec![phase(
                    "clean",
                    false,
                    "exec pacman -Sc --noconfirm --color never\n",
                    &[],
                )?]
            }
            Action::Repair if request.what.as_deref() == Some("torn") => {
                vec![phase_of("repair", false, &[PLACES, TORN, REINSTALL], &[])?]
            }
            Action::Repair => vec![phase_of("repair", false, &[PLACES, UNLOCK], &[])?],
        })
    }

    fn ledger(&self) -> &'static [&'static str] {
        &[PLACES, TORN, LEDGER]
    }

    fn installed(&self) -> &'static str {
        "\nquiet all pacman -Q\nquiet automatic pacman -Qdq\n"
    }

    fn read_installed(&self, said: &Sections) -> Vec<Installed> {
        read::installed(said)
    }

    fn search(&self, query: &str) -> Question {
        let words: Vec<String> = query
            .split_whitespace()
            .map(|word| word.replace('.', "\\.").replace('+', "\\+"))
            .collect();
        Question::new("\nquiet found pacman -Ss -- \"$@\"\n", &words)
    }

    fn read_search(&self, said: &Sections) -> Vec<Found> {
        read::search(said)
    }

    fn details(&self, spec: &Spec) -> Question {
        Question::new(DETAILS, std::slice::from_ref(&spec.name))
    }

    fn read_details(&self, said: &Sections, spec: &Spec) -> Option<Details> {
        read::details(said, spec)
    }

    fn progress(&self, line: &str, track: &mut Track) {
        read::progress(line, track);
    }

    fn outcome(&self, text: &str) -> Outcome {
        read::outcome(text)
    }
}
