//! Who signs in elsewhere: at an issuer of OpenID Connect, or at a proxy in front. They are
//! known by issuer and subject, and what they may is set anew at every login. API workers only.

use std::net::IpAddr;

use stardust_model::access::{Grant, Role};

use super::failures::shown;
use super::{Auth, LoggedIn, USER_CHARS_MAX};
use crate::error::{Error, Kind};
use crate::store::External;

/// Somebody who was let in elsewhere.
pub struct Visitor<'a> {
    pub who: External,
    /// What they want to be called.
    pub name: &'a str,
    /// What their groups bring by themselves.
    pub role: Role,
    /// Groups of here with one of these names are theirs.
    pub groups: &'a [String],
    pub address: IpAddr,
    pub agent: &'a str,
    /// `oidc` or `proxy`.
    pub factor: &'static str,
}

impl Auth {
    /// # Errors
    /// When nothing of what they have lets them do anything here, or they are disabled.
    pub fn login_external(&self, visitor: &Visitor<'_>, now_ms: i64) -> Result<LoggedIn, Error> {
        let groups: Vec<i64> = self
            .groups()
            .iter()
            .filter(|group| visitor.groups.contains(&group.name))
            .map(|group| group.id)
            .collect();
        let is_known = self
            .users()
            .into_iter()
            .any(|user| user.external.as_ref() == Some(&visitor.who));
        let may_nothing = visitor.role == Role::None && groups.is_empty();
        if may_nothing && !is_known {
            return Err(nothing());
        }
        let name = shown(visitor.name.trim(), USER_CHARS_MAX - 4);
        let grant = Grant {
            role: visitor.role,
            ..Grant::default()
        };
        let user = {
            let _changes = self.changes();
            let user = self
                .store
                .sync_external(&visitor.who, &name, &grant, &groups, now_ms)?;
            self.reload()?;
            user
        };
        if user.disabled || may_nothing {
            return Err(nothing());
        }
        self.begin_for(
            &user,
            visitor.address,
            visitor.agent,
            visitor.factor,
            now_ms,
        )
    }
}

fn nothing() -> Error {
    Error::new(
        Kind::Forbidden,
        "You are known, and may do nothing here.",
        "Ask an admin: none of your groups brings a role, or the account is disabled.",
    )
}
