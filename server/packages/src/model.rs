//! What is known of packages, in the words of the API.

use serde::{Deserialize, Serialize};

/// A package of which there is a newer version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    pub name: String,
    pub arch: Option<String>,
    pub installed: Option<String>,
    pub new: String,
    pub repo: Option<String>,
    /// None: this manager can't tell.
    pub security: Option<bool>,
    pub held: bool,
    /// Only a full upgrade brings it: others must come or go for it.
    #[serde(default)]
    pub full_only: bool,
}

/// An installed package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Installed {
    pub name: String,
    pub version: String,
    pub arch: Option<String>,
    pub automatic: Option<bool>,
    pub size_bytes: Option<u64>,
}

/// What a search finds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    pub name: String,
    pub version: Option<String>,
    pub summary: String,
    pub installed: Option<bool>,
}

/// All that is told of one package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Details {
    pub name: String,
    pub version: Option<String>,
    pub arch: Option<String>,
    pub installed: Option<String>,
    pub repo: Option<String>,
    pub summary: Option<String>,
    pub description: Option<String>,
    pub homepage: Option<String>,
    pub license: Option<String>,
    pub size_bytes: Option<u64>,
    pub depends: Vec<String>,
    pub fields: Vec<(String, String)>,
    pub changelog: Option<String>,
    pub text: String,
}

/// What a manager lists when it is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub upgradable: Vec<Upgrade>,
    pub held: Vec<String>,
    pub installed_count: Option<usize>,
    pub repair: Vec<Repair>,
    pub reboot_reasons: Vec<String>,
    /// What the system is, where its makers want full upgrades only.
    pub full_advised: Option<String>,
}

/// A package that would be removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    pub name: String,
    pub arch: Option<String>,
    pub installed: Option<String>,
    pub essential: bool,
}

/// What would be done, by the manager's own dry run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Preview {
    pub upgraded: Vec<Upgrade>,
    pub installed: Vec<Upgrade>,
    pub removed: Vec<Removal>,
    pub downgraded: Vec<Upgrade>,
    pub kept_back: Vec<String>,
    pub download_bytes: Option<u64>,
    /// Needed when all is done; negative: freed.
    pub disk_bytes: Option<i64>,
    pub space: Vec<Space>,
    pub restarts: Vec<String>,
    pub refused: Option<Refused>,
    pub nothing: bool,
    pub text: String,
}

impl Preview {
    pub fn changes(&self) -> usize {
        self.upgraded.len() + self.installed.len() + self.removed.len() + self.downgraded.len()
    }

    pub fn of_nothing() -> Self {
        Self {
            nothing: true,
            ..Self::default()
        }
    }

    pub fn of_refusal(refused: Refused) -> Self {
        Self {
            refused: Some(refused),
            ..Self::default()
        }
    }

    pub fn counts(&self) -> PreviewCounts {
        let told = self.upgraded.is_empty() || self.upgraded.iter().any(|u| u.security.is_some());
        let security = self.upgraded.iter().filter(|u| u.security == Some(true));
        PreviewCounts {
            upgraded: self.upgraded.len(),
            security: told.then(|| security.count()),
            installed: self.installed.len(),
            removed: self.removed.len(),
            downgraded: self.downgraded.len(),
            kept_back: self.kept_back.len(),
        }
    }
}

/// How much it is. `security` is a part of `upgraded`; None: it can't be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PreviewCounts {
    pub upgraded: usize,
    pub security: Option<usize>,
    pub installed: usize,
    pub removed: usize,
    pub downgraded: usize,
    pub kept_back: usize,
}

/// Whether a filesystem has room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Space {
    pub path: String,
    pub need_bytes: u64,
    pub free_bytes: u64,
    pub ok: bool,
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub kind: &'static str,
    pub message: String,
    pub hint: String,
    /// What is to be done first, and is offered.
    pub repair: Option<Box<Repair>>,
}

impl Refused {
    pub fn new(kind: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: hint.into(),
            repair: None,
        }
    }
}

/// What is broken and can be repaired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    pub what: String,
    pub title: String,
    pub detail: String,
    /// The manager does nothing else before it.
    #[serde(default)]
    pub blocks: bool,
}

impl Repair {
    pub fn new(what: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            title: title.to_owned(),
            detail: detail.into(),
            blocks: false,
        }
    }

    pub fn blocking(self) -> Self {
        Self {
            blocks: true,
            ..self
        }
    }
}

/// Who holds a manager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    pub pid: Option<u32>,
    pub process: Option<String>,
    /// Left by a process that is gone.
    #[serde(default)]
    pub stale: bool,
}

/// A package that could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub name: String,
    pub why: String,
}

/// What the end of a manager's output says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub upgraded: u32,
    pub installed: u32,
    pub removed: u32,
    /// Set up to the end, of what was half-way before.
    pub finished: u32,
    /// What could be upgraded and was left as it is, by name.
    pub kept_back: Vec<String>,
    pub failed: Vec<Failure>,
    /// What stopped it, in the manager's words.
    pub errors: Vec<String>,
    pub held_by: Option<Lock>,
}

impl Outcome {
    pub fn changed(&self) -> bool {
        self.upgraded + self.installed + self.removed + self.finished > 0
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let mut parts = vec![
            format!("{} upgraded", self.upgraded),
            format!("{} newly installed", self.installed),
            format!("{} removed", self.removed),
        ];
        if self.finished > 0 {
            parts.push(format!("{} set up", self.finished));
        }
        if !self.kept_back.is_empty() {
            parts.push(format!("{} kept back", self.kept_back.len()));
        }
        if !self.failed.is_empty() {
            parts.push(format!("{} failed", self.failed.len()));
        }
        parts.join(", ")
    }

    pub fn keep(&mut self, names: impl IntoIterator<Item = String>) {
        for name in names {
            if self.kept_back.len() < super::limits::UPGRADABLE_MAX
                && !self.kept_back.contains(&name)
            {
                self.kept_back.push(name);
            }
        }
    }

    pub fn fail(&mut self, name: &str, why: &str) {
        let known = self.failed.iter().any(|failure| failure.name == name);
        if !known && self.failed.len() < super::limits::NOTES_MAX {
            self.failed.push(Failure {
                name: super::text::field(name),
                why: super::text::field(why),
            });
        }
    }

    pub fn error(&mut self, line: &str) {
        if self.errors.len() < 20 {
            self.errors.push(super::text::field(line));
        }
    }
}

/// How far a running manager is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Track {
    pub done: u32,
    pub total: u32,
}

impl Track {
    pub fn at(&mut self, done: u32, total: u32) {
        if total > 0 && done <= total {
            *self = Self { done, total };
        }
    }

    /// How much is through while the manager runs: it names what it begins with, and the
    /// last script of all may take its time.
    pub fn under_way(self) -> (u32, u32) {
        (self.done.min(self.total.saturating_sub(1)), self.total)
    }

    pub fn step(&mut self) {
        self.done = (self.done + 1).min(self.total);
    }
}
