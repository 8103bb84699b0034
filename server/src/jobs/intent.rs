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
        }
    }

    /// Works through others and touches no node itself.
    pub fn is_group(&self) -> bool {
        matches!(self, Self::UpgradeFleet { .. })
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
    }
}
