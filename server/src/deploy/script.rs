//! The scripts that run on nodes. Each begins with `common.sh` and gets the
//! place as its first arguments.

use super::installation::Installation;
use crate::major_tom::fault::Fault;
use crate::major_tom::shell::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    Prepare,
    Install,
    Start,
    Log,
    Rollback,
    Settle,
    ReplaceConfig,
    RestoreConfig,
    Switch,
    Confirm,
    GoBack,
    /// Not run by us: the node runs it.
    Guard,
    Stop,
    Remove,
    Look,
}

macro_rules! script {
    ($name:literal) => {
        concat!(
            include_str!("scripts/common.sh"),
            include_str!(concat!("scripts/", $name, ".sh"))
        )
    };
}

/// As the login, before anything else: a folder for uploads.
pub const STAGE: &str = include_str!("scripts/stage.sh");
/// The same, at the end of it all.
pub const UNSTAGE: &str = include_str!("scripts/unstage.sh");

impl Script {
    pub fn text(self) -> &'static str {
        match self {
            Self::Prepare => script!("prepare"),
            Self::Install => script!("install"),
            Self::Start => script!("start"),
            Self::Log => script!("log"),
            Self::Rollback => script!("rollback"),
            Self::Settle => script!("settle"),
            Self::ReplaceConfig => script!("replace_config"),
            Self::RestoreConfig => script!("restore_config"),
            Self::Switch => script!("switch"),
            Self::Confirm => script!("confirm"),
            Self::GoBack => script!("go_back"),
            Self::Guard => script!("guard"),
            Self::Stop => script!("stop"),
            Self::Remove => script!("remove"),
            Self::Look => script!("look"),
        }
    }

    pub fn command(
        self,
        place: &Installation,
        arguments: &[impl AsRef<str>],
    ) -> Result<Command, Fault> {
        let mut all: Vec<&[u8]> = place
            .arguments()
            .iter()
            .map(|text| text.as_bytes())
            .collect();
        all.extend(arguments.iter().map(|text| text.as_ref().as_bytes()));
        Command::script(self.text(), &all)
    }
}
