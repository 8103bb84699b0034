//! Who may what: the one table of routes and messages ([`table`]), and whether whoever asks
//! may. What a principal is, and what its roles mean, is in `stardust_model::access`.

pub mod table;

pub use stardust_model::access::{Grant, Need, Principal, Right, Role, Scope};
pub use table::{Door, Rule, Subject};

use crate::error::{Error, Kind};

/// Refuses what takes more than whoever asks has.
pub fn forbidden(need: Need, principal: &Principal) -> Error {
    if principal.is_read_only() {
        return Error::new(
            Kind::Forbidden,
            "This token may only read.",
            "Use one that was made without \"read_only\".",
        );
    }
    Error::new(
        Kind::Forbidden,
        format!(
            "This takes {}, and you do not have that here.",
            need.words()
        ),
        "Ask an admin for it; GET /api/auth/session says what you may.",
    )
}

/// Refuses what is of Ground Control itself to whoever is bound to some nodes.
pub fn forbidden_everywhere(need: Need, principal: &Principal) -> Error {
    if principal.is_read_only() || !principal.may_somewhere(need) {
        return forbidden(need, principal);
    }
    Error::new(
        Kind::Forbidden,
        format!(
            "This is about all nodes: it takes {} without tags.",
            need.words()
        ),
        "Ask an admin who is not limited to tags.",
    )
}
