//! `stardust-server users` and `audit verify`: accounts and the audit for whoever owns the
//! database file.

use std::path::Path;

use stardust_model::access::{Grant, Role};

use super::password::{self, COST};
use super::reset::{checked, random_password};
use crate::clock::wall_ms;
use crate::error::{Error, Kind};
use crate::secret::{Secret, hex};
use crate::store::audit::act::{self, Act, Who};
use crate::store::audit::{self, Verdict};
use crate::store::lock::{DatabaseLock, Work};
use crate::store::look::resolve;
use crate::store::open::{open_connection, require_file};
use crate::store::{NewUser, Store, StoreError, UserChange, UserRecord, users};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    List,
    Add {
        name: String,
        role: Role,
        password: Option<Secret>,
    },
    Disable(String),
    Enable(String),
    /// To an admin of everything.
    Promote(String),
}

impl Deed {
    fn action(&self) -> &'static str {
        match self {
            Self::List => "",
            Self::Add { .. } => "user.add",
            Self::Disable(_) | Self::Enable(_) | Self::Promote(_) => "user.change",
        }
    }
}

/// Does it, and answers what to say.
///
/// # Errors
/// When a server runs on the database (but for the list), there is no such user, the name
/// is taken, the password is weak, or nobody would be left who may everything.
pub fn run(db: &Path, deed: &Deed) -> Result<String, Error> {
    require_file(db)?;
    let db = &resolve(db);
    if *deed == Deed::List {
        let connection = open_connection(db).map_err(StoreError::from)?;
        return Ok(listed(&users::all(&connection).map_err(StoreError::from)?));
    }
    let _alone = DatabaseLock::alone(db, Work::Users)?;
    let store = Store::open(db)?;
    let acting = act::begin(Act {
        time_ms: wall_ms(),
        who: Who {
            name: "users on the host".into(),
            ..Who::default()
        },
        action: deed.action().into(),
        ..Act::default()
    });
    let done = change(&store, deed);
    drop(acting);
    // What is in the log alone is as good: only a copy of the one file would miss it.
    let _ = store.close();
    done
}

fn change(store: &Store, deed: &Deed) -> Result<String, Error> {
    let now_ms = wall_ms();
    let (name, change, words) = match deed {
        Deed::List => return Err(Error::internal()),
        Deed::Add {
            name,
            role,
            password,
        } => return add(store, name, *role, password.as_ref(), now_ms),
        Deed::Disable(name) => {
            let change = UserChange {
                disabled: Some(true),
                ..UserChange::default()
            };
            (name, change, "is disabled, and all its sessions have ended")
        }
        Deed::Enable(name) => {
            let change = UserChange {
                disabled: Some(false),
                ..UserChange::default()
            };
            (name, change, "may sign in again")
        }
        Deed::Promote(name) => {
            let known = found(store, name)?;
            let change = UserChange {
                grant: Some(Grant {
                    rights: known.grant.rights,
                    ..Grant::admin()
                }),
                ..UserChange::default()
            };
            (name, change, "is an admin of everything")
        }
    };
    let user = found(store, name)?;
    act::detail("username", user.name.as_str());
    act::detail("now", words);
    let ends = change.disabled == Some(true);
    store.change_user(user.id, &change, None, ends, now_ms)?;
    Ok(format!("The user {name} {words}."))
}

fn add(
    store: &Store,
    name: &str,
    role: Role,
    given: Option<&Secret>,
    now_ms: i64,
) -> Result<String, Error> {
    let name = name.trim();
    let is_good = (1..=super::USER_CHARS_MAX).contains(&name.chars().count());
    if !is_good || crate::hidden::find(name).is_some() {
        return Err(Error::new(
            Kind::Config,
            "This can't be the name of a user.",
            format!(
                "Use 1 to {} characters, all of which can be seen.",
                super::USER_CHARS_MAX
            ),
        ));
    }
    let one_time = match given {
        Some(given) => {
            checked(given, name)?;
            None
        }
        None => Some(random_password()?),
    };
    let Some(password) = given.or(one_time.as_ref()) else {
        return Err(Error::internal());
    };
    act::detail("username", name);
    act::detail("role", role.name());
    store.add_user(&NewUser {
        name,
        password_hash: &password::hash(password, COST)?,
        must_change: one_time.is_some(),
        grant: &Grant {
            role,
            ..Grant::default()
        },
        groups: &[],
        now_ms,
    })?;
    Ok(match &one_time {
        None => format!("The user {name} may sign in, as {}.", role.name()),
        Some(password) => format!(
            "The user {name} may sign in, as {}. The password is good for one login, at which it \
             must be changed: {}",
            role.name(),
            password.expose()
        ),
    })
}

fn found(store: &Store, name: &str) -> Result<UserRecord, Error> {
    store.user_by_name(name)?.ok_or_else(|| {
        Error::new(
            Kind::Config,
            "The database has no user of that name.",
            "stardust-server users list names them.",
        )
    })
}

/// A line for each.
fn listed(users: &[UserRecord]) -> String {
    if users.is_empty() {
        return "There is no user yet: the next start makes the first login.".into();
    }
    let lines: Vec<String> = users.iter().map(line).collect();
    lines.join("\n")
}

fn line(user: &UserRecord) -> String {
    let mut line = format!("{}  {}", user.name.escape_debug(), user.grant.role.name());
    if !user.grant.tags.is_empty() {
        let tags: Vec<_> = user.grant.tags.iter().cloned().collect();
        line.push_str(&format!(", on nodes tagged {}", tags.join(" or ")));
    }
    if !user.grant.rights.is_empty() {
        let rights: Vec<_> = user.grant.rights.iter().map(|right| right.name()).collect();
        line.push_str(&format!(", with {}", rights.join(" and ")));
    }
    if !user.groups.is_empty() {
        line.push_str(&format!(", in {} of the groups", user.groups.len()));
    }
    if user.disabled {
        line.push_str(", disabled");
    }
    if user.must_change {
        line.push_str(", must change the password");
    }
    line
}

/// Goes through the audit of a database, also while a server runs on it.
///
/// # Errors
/// When a line was altered or is missing, or the database can't be read.
pub fn verify_audit(db: &Path) -> Result<String, Error> {
    require_file(db)?;
    let db = &resolve(db);
    let connection = open_connection(db).map_err(StoreError::from)?;
    let hint = "Somebody has changed the database by other means than Ground Control. Compare it \
                with a backup, or with an export of the audit.";
    match audit::verify(&connection)? {
        Verdict::Whole { rows, head } => {
            let head = head.map_or_else(String::new, |hash| {
                format!(" The hash of the last is {}.", hex(&hash))
            });
            Ok(format!(
                "All {rows} lines of the audit follow from each other.{head}"
            ))
        }
        Verdict::Broken { id } => Err(Error::new(
            Kind::Database,
            format!("Line {id} of the audit was altered, or is missing."),
            hint,
        )),
        Verdict::CutOff { newest } => Err(Error::new(
            Kind::Database,
            format!("The audit ends too early: line {newest} was written and is not there."),
            hint,
        )),
    }
}
