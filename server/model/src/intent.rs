//! What a job is to do, as it is kept in the database. Never a secret.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Intent {
    /// Puts a Spider on the node, or puts right the one that is there.
    Deploy {
        /// Where the Spider is to connect to.
        server_url: String,
        /// `sha256/…` of the server's public key, for certificates of its own.
        pin: Option<String>,
        /// What was installed stays when the Spider does not connect.
        keep_on_failure: bool,
        /// Keys and passwords stay in the vault afterwards.
        remember: bool,
        /// A service of the login's own, for nodes where it can't become root.
        without_root: bool,
        /// Also when the host is another node already.
        #[serde(default)]
        replace: bool,
    },
    /// Another version of the Spider.
    Upgrade,
    Remove {
        /// Also when the node can't be reached.
        force: bool,
    },
    RotateToken,
    /// Ends when the Spider is back with another boot id.
    Reboot,
    /// Upgrades many nodes, in waves.
    UpgradeFleet {
        nodes: Vec<i64>,
    },
    /// Work on the node's packages.
    Packages(PackageOrder),
    /// The packages of many nodes, in waves.
    PackagesFleet {
        /// In the order of the waves.
        nodes: Vec<i64>,
        order: PackageOrder,
        waves: Vec<Size>,
        /// What the preview of a node said, for those of which one was looked at.
        #[serde(default)]
        plans: Vec<(i64, String)>,
        /// Nodes that were asked for and are not worked on, with the reason.
        #[serde(default)]
        left_out: Vec<LeftOut>,
    },
}

/// What is to be done with packages, as it was asked for; checked again by the
/// node's own manager before it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PackageOrder {
    /// As in addresses: `full-upgrade`.
    pub action: String,
    pub packages: Vec<String>,
    pub purge: bool,
    pub what: Option<String>,
    /// What the preview said would be done.
    pub plan: Option<String>,
    /// How many seconds a manager that is in use is waited for.
    pub wait_s: Option<u32>,
    /// Of all upgrades those for security, as the node's own look finds them.
    pub security: bool,
    /// Of many nodes: each by its own setting whether upgrades are full ones.
    pub by_setting: bool,
}

impl Intent {
    /// The same once more. What it will do is looked at anew: what a preview has said
    /// of the first time is not so any more, for that has changed something or failed.
    pub fn again(mut self) -> Self {
        match &mut self {
            Self::Packages(order) => order.plan = None,
            Self::PackagesFleet { plans, .. } => plans.clear(),
            _ => {}
        }
        self
    }
}

impl PackageOrder {
    fn kind(&self) -> &'static str {
        match self.action.as_str() {
            "refresh" => "packages_refresh",
            "upgrade" => "packages_upgrade",
            "full-upgrade" => "packages_full_upgrade",
            "install" => "packages_install",
            "remove" => "packages_remove",
            "autoremove" => "packages_autoremove",
            "hold" => "packages_hold",
            "unhold" => "packages_unhold",
            "clean" => "packages_clean",
            "repair" => "packages_repair",
            _ => "packages",
        }
    }

    fn title(&self, node: &str) -> String {
        let names = match self.packages.len() {
            0 => "packages".to_owned(),
            1..=3 => self.packages.join(", "),
            many => format!("{many} packages"),
        };
        match self.action.as_str() {
            "refresh" => format!("Look for updates of {node}"),
            "upgrade" if self.security => format!("Upgrade {node} for security"),
            "upgrade" if self.packages.is_empty() => format!("Upgrade the packages of {node}"),
            "upgrade" => format!("Upgrade {names} on {node}"),
            "full-upgrade" => format!("Upgrade all of {node}"),
            "install" => format!("Install {names} on {node}"),
            "remove" => format!("Remove {names} from {node}"),
            "autoremove" => format!("Remove what nothing needs from {node}"),
            "hold" => format!("Hold {names} on {node}"),
            "unhold" => format!("Hold {names} on {node} no longer"),
            "clean" => format!("Clean the package cache of {node}"),
            "repair" => format!("Repair the packages of {node}"),
            _ => format!("Work on the packages of {node}"),
        }
    }
}

impl Intent {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Deploy { .. } => "deploy",
            Self::Upgrade => "upgrade",
            Self::Remove { .. } => "remove",
            Self::RotateToken => "rotate_token",
            Self::Reboot => "reboot",
            Self::UpgradeFleet { .. } => "upgrade_fleet",
            Self::Packages(order) => order.kind(),
            Self::PackagesFleet { order, .. } if order.action == "refresh" => {
                "packages_refresh_fleet"
            }
            Self::PackagesFleet { .. } => "packages_upgrade_fleet",
        }
    }

    pub fn title(&self, node: &str) -> String {
        match self {
            Self::Deploy { .. } => format!("Deploy the Spider to {node}"),
            Self::Upgrade => format!("Upgrade the Spider on {node}"),
            Self::Remove { force: false } => format!("Remove the Spider from {node}"),
            Self::Remove { force: true } => format!("Remove {node}, also when it can't be reached"),
            Self::RotateToken => format!("Give {node} a new token"),
            Self::Reboot => format!("Reboot {node}"),
            Self::UpgradeFleet { nodes } if nodes.len() == 1 => {
                "Upgrade the Spider of one node".into()
            }
            Self::UpgradeFleet { nodes } => format!("Upgrade the Spiders of {} nodes", nodes.len()),
            Self::Packages(order) => order.title(node),
            Self::PackagesFleet { nodes, order, .. } if order.action == "refresh" => {
                let one = nodes.len() == 1;
                let s = if one { "" } else { "s" };
                format!("Look for updates of {} node{s}", nodes.len())
            }
            Self::PackagesFleet { nodes, .. } if nodes.len() == 1 => {
                "Upgrade the packages of one node".into()
            }
            Self::PackagesFleet { nodes, .. } => {
                format!("Upgrade the packages of {} nodes", nodes.len())
            }
        }
    }

    /// The nodes of one that works through others.
    pub fn nodes(&self) -> &[i64] {
        match self {
            Self::UpgradeFleet { nodes } | Self::PackagesFleet { nodes, .. } => nodes,
            _ => &[],
        }
    }

    /// Works through others and touches no node itself.
    pub fn is_group(&self) -> bool {
        matches!(self, Self::UpgradeFleet { .. } | Self::PackagesFleet { .. })
    }
}

/// How many nodes the next wave has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Size {
    Nodes(u32),
    Share(Share),
}

/// `"25%"` of all nodes, or `"rest"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Share {
    Percent(u8),
    Rest,
}

impl TryFrom<String> for Share {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "rest" {
            return Ok(Self::Rest);
        }
        let percent = text
            .strip_suffix('%')
            .and_then(|number| number.parse().ok());
        percent
            .filter(|percent| (1..=100).contains(percent))
            .map(Self::Percent)
            .ok_or("a wave is a number of nodes, \"1%\" to \"100%\", or \"rest\"")
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        match share {
            Share::Percent(percent) => format!("{percent}%"),
            Share::Rest => "rest".into(),
        }
    }
}

/// One node, then a quarter of all, then the rest.
pub const SIZES_DEFAULT: [Size; 3] = [
    Size::Nodes(1),
    Size::Share(Share::Percent(25)),
    Size::Share(Share::Rest),
];

/// A node that was asked for and is not worked on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    pub node: i64,
    pub name: String,
    /// `unknown`, `unsupported`, `repair` or `busy`.
    pub why: String,
    pub message: String,
    pub hint: String,
}

impl LeftOut {
    pub fn new(node: i64, name: &str, why: &str, message: impl Into<String>, hint: &str) -> Self {
        Self {
            node,
            name: name.to_owned(),
            why: why.to_owned(),
            message: message.into(),
            hint: hint.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intents_survive_the_database() {
        for intent in [
            Intent::Deploy {
                server_url: "ws://a".into(),
                pin: None,
                keep_on_failure: true,
                remember: false,
                without_root: false,
                replace: false,
            },
            Intent::Upgrade,
            Intent::Remove { force: true },
            Intent::RotateToken,
            Intent::Reboot,
            Intent::UpgradeFleet { nodes: vec![1, 2] },
        ] {
            let text = serde_json::to_string(&intent).unwrap();
            assert!(
                text.contains(&format!("\"kind\":\"{}\"", intent.kind())),
                "{text}"
            );
            assert_eq!(serde_json::from_str::<Intent>(&text).unwrap(), intent);
            assert!(!intent.title("n").is_empty());
        }
        // Work on packages is told apart by what is done.
        let order = PackageOrder {
            action: "full-upgrade".into(),
            ..PackageOrder::default()
        };
        for (intent, kind) in [
            (Intent::Packages(order.clone()), "packages_full_upgrade"),
            (
                Intent::PackagesFleet {
                    nodes: vec![1],
                    order,
                    waves: SIZES_DEFAULT.to_vec(),
                    plans: vec![(1, "00ff".into())],
                    left_out: vec![LeftOut::new(2, "two", "busy", "m", "h")],
                },
                "packages_upgrade_fleet",
            ),
        ] {
            let text = serde_json::to_string(&intent).unwrap();
            assert_eq!(serde_json::from_str::<Intent>(&text).unwrap(), intent);
            assert_eq!(intent.kind(), kind);
        }
    }
}
