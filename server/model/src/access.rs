//! Who may see and do what: roles, single rights, and the nodes that they are for. Pure.
//!
//! A [`Principal`] is whoever asks: a user's session, a program's token, or Ground Control
//! itself. What it may is a union of grants (its own and those of its groups); a token
//! narrows that of its owner and never widens it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Each may do what those before it may.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Nothing of its own: of who signs in elsewhere and has groups alone.
    None,
    /// Sees.
    #[default]
    Viewer,
    /// Works on nodes: jobs and packages.
    Operator,
    /// Adds and removes nodes, keeps credentials, users and settings.
    Admin,
}

impl Role {
    /// Those that can be given.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text)
    }
}

/// What no role brings by itself, but for `deploy`, which admins have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// A shell on the node.
    Terminal,
    /// A command of one's own on the node.
    Command,
    /// Spiders are put on nodes and upgraded.
    Deploy,
}

impl Right {
    pub const ALL: [Self; 3] = [Self::Terminal, Self::Command, Self::Deploy];

    pub fn name(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Command => "command",
            Self::Deploy => "deploy",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.name() == text)
    }
}

/// A role on some nodes, with rights on top.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grant {
    pub role: Role,
    /// Nodes with one of these; none stands for all nodes.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    #[serde(default)]
    pub rights: BTreeSet<Right>,
}

impl Grant {
    pub fn admin() -> Self {
        Self {
            role: Role::Admin,
            ..Self::default()
        }
    }

    fn covers(&self, tags: &[String]) -> bool {
        is_of(&self.tags, tags)
    }

    fn allows(&self, need: Need) -> bool {
        if self.role == Role::None {
            return false;
        }
        match need {
            Need::View => true,
            Need::Operate => self.role >= Role::Operator,
            Need::Deploy => self.role >= Role::Admin || self.rights.contains(&Right::Deploy),
            Need::Administer => self.role >= Role::Admin,
            Need::Terminal => self.rights.contains(&Right::Terminal),
            Need::Command => self.rights.contains(&Right::Command),
        }
    }

    /// Whether a token of somebody with `self` may have `other`.
    fn includes(&self, other: &Self) -> bool {
        let as_wide = self.tags.is_empty() || other.tags.is_subset(&self.tags);
        let deploys = self.allows(Need::Deploy);
        as_wide
            && self.role >= other.role
            && other
                .rights
                .iter()
                .all(|right| self.rights.contains(right) || (*right == Right::Deploy && deploys))
    }
}

/// What is asked for, of a node or in general.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    View,
    Operate,
    Deploy,
    Administer,
    Terminal,
    Command,
}

impl Need {
    /// Whether a token that may only read is good for it.
    fn is_read(self) -> bool {
        self == Self::View
    }

    /// What it takes, for a person who does not have it.
    pub fn words(self) -> &'static str {
        match self {
            Self::View => "the role viewer",
            Self::Operate => "the role operator",
            Self::Deploy => "the role admin, or the right deploy",
            Self::Administer => "the role admin",
            Self::Terminal => "the right terminal",
            Self::Command => "the right command",
        }
    }
}

/// Whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    grants: Vec<Grant>,
    /// A token's own bounds.
    limit: Option<Grant>,
    read_only: bool,
}

impl Principal {
    pub fn of_user(mut grants: Vec<Grant>) -> Self {
        grants.retain(|grant| grant.role != Role::None);
        Self {
            grants,
            limit: None,
            read_only: false,
        }
    }

    /// A token of somebody who may what `self` may.
    pub fn narrowed(&self, limit: Grant, read_only: bool) -> Self {
        Self {
            grants: self.grants.clone(),
            limit: Some(limit),
            read_only,
        }
    }

    /// Ground Control itself: what it shows goes to no person, or to one who may see all.
    pub fn server() -> Self {
        let rights = Right::ALL.into_iter().collect();
        Self::of_user(vec![Grant {
            rights,
            ..Grant::admin()
        }])
    }

    /// Whether it may know of a node with these tags.
    pub fn sees(&self, tags: &[String]) -> bool {
        self.may_on(Need::View, tags)
    }

    pub fn may_on(&self, need: Need, tags: &[String]) -> bool {
        let limit = |limit: &Grant| limit.covers(tags) && limit.allows(need);
        self.is_writable(need)
            && self.limit.as_ref().is_none_or(limit)
            && self
                .grants
                .iter()
                .any(|grant| grant.covers(tags) && grant.allows(need))
    }

    /// Whether there may be a node on which it may: of what has no node yet.
    pub fn may_somewhere(&self, need: Need) -> bool {
        self.is_writable(need)
            && self.limit.as_ref().is_none_or(|limit| limit.allows(need))
            && self.grants.iter().any(|grant| grant.allows(need))
    }

    /// Whether it may for all nodes, and so for what is of none: users, settings.
    pub fn may_everywhere(&self, need: Need) -> bool {
        let unbound = |grant: &Grant| grant.tags.is_empty() && grant.allows(need);
        self.is_writable(need)
            && self.limit.as_ref().is_none_or(unbound)
            && self.grants.iter().any(unbound)
    }

    fn is_writable(&self, need: Need) -> bool {
        need.is_read() || !self.read_only
    }

    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether a token of its own may be good for `grant`. No tags stand for no bounds
    /// besides those that the owner has anyhow.
    pub fn may_grant(&self, grant: &Grant) -> bool {
        let within = |own: &Grant| own.includes(grant);
        self.grants.iter().any(within) && self.limit.as_ref().is_none_or(within)
    }

    /// Which nodes it may know of.
    pub fn scope(&self) -> Scope {
        let all = self.grants.iter().any(|grant| grant.tags.is_empty());
        let tags = self.grants.iter().flat_map(|grant| &grant.tags).cloned();
        Scope {
            nobody: self.grants.is_empty(),
            tags: if all { BTreeSet::new() } else { tags.collect() },
            limit: self
                .limit
                .as_ref()
                .map(|limit| limit.tags.clone())
                .unwrap_or_default(),
        }
    }

    /// The highest role that it has anywhere.
    pub fn role(&self) -> Role {
        let own = self.grants.iter().map(|grant| grant.role).max();
        let own = own.unwrap_or_default();
        self.limit.as_ref().map_or(own, |limit| own.min(limit.role))
    }

    /// What it may, for whoever is to be told.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    pub fn limit(&self) -> Option<&Grant> {
        self.limit.as_ref()
    }
}

/// Nodes that may be known of. Equal for all who see the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    nobody: bool,
    tags: BTreeSet<String>,
    limit: BTreeSet<String>,
}

impl Scope {
    pub fn is_all(&self) -> bool {
        !self.nobody && self.tags.is_empty() && self.limit.is_empty()
    }

    pub fn sees(&self, tags: &[String]) -> bool {
        !self.nobody && is_of(&self.tags, tags) && is_of(&self.limit, tags)
    }
}

/// Whether a node with `tags` is one of those that `wanted` stands for.
fn is_of(wanted: &BTreeSet<String>, tags: &[String]) -> bool {
    wanted.is_empty() || tags.iter().any(|tag| wanted.contains(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(tags: &[&str]) -> BTreeSet<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    fn tags(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    fn grant(role: Role, on: &[&str], rights: &[Right]) -> Grant {
        Grant {
            role,
            tags: set(on),
            rights: rights.iter().copied().collect(),
        }
    }

    #[test]
    fn roles_include_those_below_and_rights_stand_beside_them() {
        for (role, rights, may) in [
            (Role::Viewer, &[][..], &[Need::View][..]),
            (Role::Operator, &[], &[Need::View, Need::Operate]),
            (
                Role::Operator,
                &[Right::Deploy],
                &[Need::View, Need::Operate, Need::Deploy],
            ),
            (
                Role::Admin,
                &[],
                &[Need::View, Need::Operate, Need::Deploy, Need::Administer],
            ),
            (
                Role::Viewer,
                &[Right::Terminal, Right::Command],
                &[Need::View, Need::Terminal, Need::Command],
            ),
        ] {
            let principal = Principal::of_user(vec![grant(role, &[], rights)]);
            for need in [
                Need::View,
                Need::Operate,
                Need::Deploy,
                Need::Administer,
                Need::Terminal,
                Need::Command,
            ] {
                let expected = may.contains(&need);
                assert_eq!(principal.may_on(need, &[]), expected, "{role:?} {need:?}");
                assert_eq!(principal.may_somewhere(need), expected);
                assert_eq!(principal.may_everywhere(need), expected);
            }
        }
    }

    #[test]
    fn tags_bound_what_is_seen_and_done() {
        let principal = Principal::of_user(vec![
            grant(Role::Viewer, &["web"], &[]),
            grant(Role::Admin, &["lab"], &[]),
        ]);
        assert!(principal.sees(&tags(&["web", "x"])) && principal.sees(&tags(&["lab"])));
        assert!(!principal.sees(&tags(&["db"])) && !principal.sees(&[]));
        assert!(principal.may_on(Need::Administer, &tags(&["lab"])));
        assert!(!principal.may_on(Need::Operate, &tags(&["web"])));
        assert!(principal.may_somewhere(Need::Administer));
        assert!(!principal.may_everywhere(Need::View));
        let scope = principal.scope();
        assert!(!scope.is_all() && scope.sees(&tags(&["web"])) && !scope.sees(&tags(&["db"])));
        let none = Principal::of_user(vec![grant(Role::None, &[], &[Right::Deploy])]);
        assert!(!none.sees(&[]) && !none.may_somewhere(Need::Deploy) && !none.scope().is_all());
        // Nobody has nothing, which is not the same as no bounds.
        let nobody = Principal::default();
        assert!(!nobody.sees(&[]) && !nobody.scope().is_all() && !nobody.scope().sees(&[]));
    }

    #[test]
    fn a_token_narrows_its_owner_and_never_widens() {
        let owner = Principal::of_user(vec![grant(Role::Operator, &["web"], &[])]);
        let token = owner.narrowed(grant(Role::Admin, &[], &[Right::Terminal]), false);
        assert!(token.may_on(Need::Operate, &tags(&["web"])));
        assert!(!token.may_on(Need::Administer, &tags(&["web"])));
        assert!(!token.may_on(Need::Terminal, &tags(&["web"])));
        assert!(!token.sees(&tags(&["db"])));
        let narrow = owner.narrowed(grant(Role::Operator, &["a"], &[]), true);
        assert!(narrow.sees(&tags(&["web", "a"])) && !narrow.sees(&tags(&["web"])));
        assert!(
            !narrow.may_on(Need::Operate, &tags(&["web", "a"])),
            "it only reads"
        );
        assert!(!narrow.scope().sees(&tags(&["a"])) && narrow.scope().sees(&tags(&["a", "web"])));
        assert_eq!(token.role(), Role::Operator);
    }

    #[test]
    fn nobody_hands_on_what_they_do_not_have() {
        let admin = Principal::of_user(vec![Grant::admin()]);
        assert!(admin.may_grant(&grant(Role::Operator, &["web"], &[Right::Deploy])));
        assert!(!admin.may_grant(&grant(Role::Viewer, &[], &[Right::Terminal])));
        let lab = Principal::of_user(vec![grant(Role::Admin, &["lab", "x"], &[])]);
        assert!(lab.may_grant(&grant(Role::Admin, &["lab"], &[])));
        assert!(
            lab.may_grant(&grant(Role::Viewer, &[], &[])),
            "all of its own"
        );
        assert!(!lab.may_grant(&grant(Role::Viewer, &["lab", "db"], &[])));
        let token = admin.narrowed(grant(Role::Viewer, &[], &[]), false);
        assert!(!token.may_grant(&grant(Role::Operator, &[], &[])));
    }
}
