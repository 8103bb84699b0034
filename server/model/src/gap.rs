//! Why there are no samples for a while.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    ServerDown,
    LinkDown,
    SpiderRestarted,
    NodeOff,
    Suspended,
    /// The samples were stored, and the disk gave other bytes back.
    Damaged,
    Unknown,
}

impl GapCause {
    const ALL: [Self; 7] = [
        Self::ServerDown,
        Self::LinkDown,
        Self::SpiderRestarted,
        Self::NodeOff,
        Self::Suspended,
        Self::Damaged,
        Self::Unknown,
    ];

    /// As stored and as the API says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerDown => "server_down",
            Self::LinkDown => "link_down",
            Self::SpiderRestarted => "spider_restarted",
            Self::NodeOff => "node_off",
            Self::Suspended => "suspended",
            Self::Damaged => "damaged",
            Self::Unknown => "unknown",
        }
    }

    /// For a person.
    pub fn text(self) -> &'static str {
        match self {
            Self::ServerDown => {
                "Ground Control was down for longer than the Spider's ring holds samples"
            }
            Self::LinkDown => {
                "the link to the node was down for longer than the Spider's ring holds samples"
            }
            Self::SpiderRestarted => "the Spider was not running: it was stopped and started again",
            Self::NodeOff => "the node was off: it has booted since",
            Self::Suspended => "no samples were taken: the node was suspended or stalled",
            Self::Damaged => {
                "stored samples are damaged: the disk gave back other bytes than were written"
            }
            Self::Unknown => "samples are missing, and the Spider could not say why",
        }
    }

    /// A cause of a database or a Spider that this version does not know is `Unknown`.
    pub fn from_name(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|cause| cause.name() == name)
            .unwrap_or(Self::Unknown)
    }
}
