//! A role, tags and rights, as requests and answers have them.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::nodes::checked_tags;
use crate::access::{Grant, Right, Role};
use crate::error::Error;

/// As an answer shows it.
#[derive(Serialize)]
pub struct GrantView {
    pub role: Role,
    pub tags: Vec<String>,
    pub rights: Vec<Right>,
}

impl From<&Grant> for GrantView {
    fn from(grant: &Grant) -> Self {
        Self {
            role: grant.role,
            tags: grant.tags.iter().cloned().collect(),
            rights: grant.rights.iter().copied().collect(),
        }
    }
}

/// What a body says of one; what it leaves out is as in `before`.
pub fn read(
    role: Option<&str>,
    tags: Option<&[String]>,
    rights: Option<&[String]>,
    before: &Grant,
) -> Result<Grant, Error> {
    Ok(Grant {
        role: role.map(checked_role).transpose()?.unwrap_or(before.role),
        tags: match tags {
            Some(tags) => checked_tags(tags)?.into_iter().collect(),
            None => before.tags.clone(),
        },
        rights: match rights {
            Some(rights) => checked_rights(rights)?,
            None => before.rights.clone(),
        },
    })
}

fn checked_role(text: &str) -> Result<Role, Error> {
    Role::parse(text).ok_or_else(|| {
        let names = Role::ALL.map(Role::name).join(", ");
        Error::invalid(
            format!("There is no role {}.", shown(text)),
            format!("Roles are {names}."),
        )
    })
}

fn checked_rights(texts: &[String]) -> Result<BTreeSet<Right>, Error> {
    let parse = |text: &String| {
        Right::parse(text).ok_or_else(|| {
            let names = Right::ALL.map(Right::name).join(", ");
            Error::invalid(
                format!("There is no right {}.", shown(text)),
                format!("Rights are {names}."),
            )
        })
    };
    texts.iter().map(parse).collect()
}

fn shown(text: &str) -> Value {
    text.chars().take(40).collect::<String>().into()
}
