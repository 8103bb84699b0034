//! What every manager of packages can be asked for.

use super::Manager;
use super::ledger::State;
use super::model::{Details, Found, Installed, Listing, Outcome, Preview, Refused, Track};
use super::request::{Action, Grammar, PackageRequest, Spec};
use super::sections::Sections;
use stardust_shell::Fault;
use stardust_shell::detached::Part;
use stardust_shell::shell::Command;

/// A part of a job on the node, in the order of their doing.
pub type Phase = Part;

/// A phase from a script of ours; `$@` are `arguments`.
pub fn phase(
    name: &'static str,
    safe: bool,
    text: &'static str,
    arguments: &[String],
) -> Result<Phase, Fault> {
    phase_of(name, safe, &[text], arguments)
}

/// The same, of several scripts.
pub fn phase_of(
    name: &'static str,
    safe: bool,
    texts: &[&'static str],
    arguments: &[String],
) -> Result<Phase, Fault> {
    let arguments: Vec<&[u8]> = arguments.iter().map(|text| text.as_bytes()).collect();
    let mut all = vec![ENVIRONMENT];
    all.extend_from_slice(texts);
    Ok(Phase {
        name,
        safe,
        command: Command::scripts(&all, &arguments)?,
    })
}

/// Nothing may ask, and what is printed is parsed, so that it is in English.
/// Services are restarted by their packages alone: needrestart only lists.
const ENVIRONMENT: &str = r#"
LC_ALL=C; LANG=C; LANGUAGE=; PAGER=cat; GIT_PAGER=cat; SYSTEMD_PAGER=cat; NO_COLOR=1; TERM=dumb; COLUMNS=160
DEBIAN_FRONTEND=noninteractive; DEBIAN_PRIORITY=critical; APT_LISTCHANGES_FRONTEND=none
UCF_FORCE_CONFFOLD=1; NEEDRESTART_MODE=l; ZYPP_LOCK_TIMEOUT=300
export LC_ALL LANG LANGUAGE PAGER GIT_PAGER SYSTEMD_PAGER NO_COLOR TERM COLUMNS DEBIAN_FRONTEND DEBIAN_PRIORITY \
  APT_LISTCHANGES_FRONTEND UCF_FORCE_CONFFOLD NEEDRESTART_MODE ZYPP_LOCK_TIMEOUT
"#;

/// Scripts and the arguments they take behind the mark of their sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub scripts: Vec<&'static str>,
    pub arguments: Vec<String>,
}

impl Question {
    pub fn new(script: &'static str, arguments: &[String]) -> Self {
        Self::of(&[script], arguments)
    }

    pub fn of(scripts: &[&'static str], arguments: &[String]) -> Self {
        Self {
            scripts: scripts.to_vec(),
            arguments: arguments.to_vec(),
        }
    }
}

pub trait Backend: Sync {
    fn manager(&self) -> Manager;

    fn actions(&self) -> &'static [Action];

    fn grammar(&self) -> &'static Grammar;

    /// What may be repaired.
    fn repairs(&self) -> &'static [&'static str];

    /// Whether some packages can be upgraded without the others.
    fn upgrades_selected(&self) -> bool {
        true
    }

    /// Whether it can be told which upgrades are for security.
    fn tells_security(&self) -> bool {
        true
    }

    fn has_changelog(&self) -> bool {
        false
    }

    /// Exit codes of a manager that did what it was told.
    fn good_codes(&self) -> &'static [i32] {
        &[0]
    }

    /// What to do where an action is missing.
    fn instead(&self, action: Action) -> &'static str {
        match action {
            Action::FullUpgrade => "An upgrade does the same here.",
            _ => "It is not to be had with this manager.",
        }
    }

    /// A package as this manager takes it.
    fn argument(&self, spec: &Spec) -> String {
        let mut out = spec.name.clone();
        if let Some(arch) = &spec.arch {
            out.push(':');
            out.push_str(arch);
        }
        if let Some(version) = &spec.version {
            out.push('=');
            out.push_str(version);
        }
        out
    }

    /// Files that a process holds while it works on packages.
    fn lock_files(&self) -> &'static str;

    /// Sections that say what there is to do.
    fn survey(&self) -> &'static [&'static str];

    fn read_survey(&self, said: &Sections) -> Result<Listing, Refused>;

    fn preview(&self, request: &PackageRequest) -> Question;

    fn read_preview(&self, said: &Sections, request: &PackageRequest) -> Preview;

    /// Sections that say which services the packages in `$@` restart; see `restarts`.
    /// None: it can't be told, or none are.
    fn restarts(&self) -> Option<&'static str> {
        None
    }

    fn phases(&self, request: &PackageRequest) -> Result<Vec<Phase>, Fault>;

    /// Functions, of which `ledger` prints `name|version|arch|state` of all that the
    /// database has.
    fn ledger(&self) -> &'static [&'static str];

    /// What the state of one of them means.
    fn state(&self, state: &str) -> State {
        match state {
            "" => State::Whole,
            _ => State::Torn,
        }
    }

    /// Sections with what is installed.
    fn installed(&self) -> &'static str;

    fn read_installed(&self, said: &Sections) -> Vec<Installed>;

    fn search(&self, query: &str) -> Question;

    fn read_search(&self, said: &Sections) -> Vec<Found>;

    fn details(&self, spec: &Spec) -> Question;

    fn read_details(&self, said: &Sections, spec: &Spec) -> Option<Details>;

    /// A line of the running manager.
    fn progress(&self, line: &str, track: &mut Track);

    /// What the whole output of a job says.
    fn outcome(&self, text: &str) -> Outcome;
}
