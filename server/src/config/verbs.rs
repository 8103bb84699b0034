//! What the command line asks for besides serving: verbs, and what follows them.

use std::ffi::OsString;
use std::path::PathBuf;

use super::values::{checked_secret, no_value, path, split_flag, usage};
use super::{Config, DB_DEFAULT};
use crate::access::Role;
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    Run(Box<Config>),
    Rekey(Rekey),
    Backup(Backup),
    /// What can be read of a damaged database, as a new one.
    Salvage(Salvage),
    ResetPassword(ResetPassword),
    Users(Users),
    VerifyAudit(PathBuf),
    /// A backup in the place of the database.
    Restore(Backup),
    Help,
    Version,
}

/// A copy of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub db: PathBuf,
    pub file: PathBuf,
}

/// A damaged database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvage {
    pub db: PathBuf,
    /// `None`: in its place.
    pub file: Option<PathBuf>,
}

/// Another password for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetPassword {
    pub db: PathBuf,
    pub user: String,
    /// From the environment; else it is asked for.
    pub password: Option<Secret>,
}

/// Another secret for a database.
#[derive(Clone, Debug)]
pub struct Rekey {
    pub db: PathBuf,
    pub old: Secret,
    pub new: Secret,
}

/// Users of a database, without a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    pub db: PathBuf,
    pub deed: UsersDeed,
}

pub use crate::auth::offline::Deed as UsersDeed;

/// The verb that the arguments begin with; none where they are flags of the server.
pub(super) fn parse<E: Fn(&str) -> Option<OsString>>(
    args: &mut std::iter::Peekable<impl Iterator<Item = OsString>>,
    env: &E,
) -> Result<Option<Command>, Error> {
    let Some(verb) = args.peek().and_then(|arg| arg.to_str()) else {
        return Ok(None);
    };
    let verb = match verb {
        "rekey" | "reset-password" | "backup" | "restore" | "salvage" | "users" | "audit" => {
            verb.to_owned()
        }
        _ => return Ok(None),
    };
    args.next();
    let command = match verb.as_str() {
        "rekey" => rekey(args, env),
        "reset-password" => reset_password(args, env),
        "users" => users(args, env),
        "audit" => audit(args),
        "salvage" => {
            let given = copy("salvage", args)?;
            Ok(given.map_or(Command::Help, |(db, file)| {
                Command::Salvage(Salvage { db, file })
            }))
        }
        verb => copied(verb, args),
    };
    command.map(Some)
}

/// What follows `backup` and `restore`.
fn copied(verb: &str, args: &mut impl Iterator<Item = OsString>) -> Result<Command, Error> {
    let Some((db, file)) = copy(verb, args)? else {
        return Ok(Command::Help);
    };
    let file = file.ok_or_else(|| {
        usage(
            format!("{verb} needs the name of a file."),
            &format!("Write: stardust-server {verb} FILE --db FILE."),
        )
    })?;
    Ok(match verb {
        "backup" => Command::Backup(Backup { db, file }),
        _ => Command::Restore(Backup { db, file }),
    })
}

const USERS_EXAMPLE: &str = "Write: stardust-server users list, or users add NAME, users disable \
                             NAME, users enable NAME, users promote NAME, each with --db FILE and \
                             add with --role viewer, operator or admin.";

/// What follows `users`.
fn users(
    args: &mut impl Iterator<Item = OsString>,
    env: &impl Fn(&str) -> Option<OsString>,
) -> Result<Command, Error> {
    let mut db = PathBuf::from(DB_DEFAULT);
    let mut words: Vec<String> = Vec::new();
    let mut role = None;
    while let Some(arg) = args.next() {
        if !arg.to_string_lossy().starts_with('-') && words.len() < 2 {
            let word = arg.into_string();
            words.push(
                word.map_err(|_| {
                    usage("The name of the user is not UTF-8.".into(), USERS_EXAMPLE)
                })?,
            );
            continue;
        }
        let (flag, inline) = split_flag(&arg)?;
        match flag.as_str() {
            "--help" | "-h" => return no_value(&flag, inline).map(|()| Command::Help),
            "--db" => db = path(&flag, inline.or_else(|| args.next()).unwrap_or_default())?,
            "--role" => {
                let text = inline.or_else(|| args.next()).unwrap_or_default();
                let known = text.to_str().and_then(Role::parse);
                role =
                    Some(known.ok_or_else(|| {
                        usage(format!("There is no role {text:?}."), USERS_EXAMPLE)
                    })?);
            }
            _ => return Err(usage(format!("users knows no flag {flag}."), USERS_EXAMPLE)),
        }
    }
    let mut words = words.into_iter();
    let (verb, name) = (words.next().unwrap_or_default(), words.next());
    let named = || {
        name.clone().ok_or_else(|| {
            usage(
                format!("users {verb} needs the name of a user."),
                USERS_EXAMPLE,
            )
        })
    };
    if role.is_some() && verb != "add" {
        return Err(usage(
            format!("users {verb} takes no --role."),
            USERS_EXAMPLE,
        ));
    }
    let deed = match verb.as_str() {
        "list" if name.is_none() => UsersDeed::List,
        "add" => UsersDeed::Add {
            name: named()?,
            role: role.unwrap_or_default(),
            password: new_password(env)?,
        },
        "disable" => UsersDeed::Disable(named()?),
        "enable" => UsersDeed::Enable(named()?),
        "promote" => UsersDeed::Promote(named()?),
        _ => {
            return Err(usage(
                format!("users does not know {verb:?}."),
                USERS_EXAMPLE,
            ));
        }
    };
    Ok(Command::Users(Users { db, deed }))
}

/// What follows `audit`.
fn audit(args: &mut impl Iterator<Item = OsString>) -> Result<Command, Error> {
    let Some((db, verb)) = copy("audit", args)? else {
        return Ok(Command::Help);
    };
    match verb.as_deref().and_then(|verb| verb.to_str()) {
        Some("verify") => Ok(Command::VerifyAudit(db)),
        _ => Err(usage(
            "audit knows verify alone.".into(),
            "Write: stardust-server audit verify --db FILE.",
        )),
    }
}

/// What follows `backup` and `salvage`: the database and the other file. `None` asks for help.
fn copy(
    verb: &str,
    args: &mut impl Iterator<Item = OsString>,
) -> Result<Option<(PathBuf, Option<PathBuf>)>, Error> {
    let example = format!("stardust-server --help has an example of {verb}.");
    let mut db = PathBuf::from(DB_DEFAULT);
    let mut file = None;
    while let Some(arg) = args.next() {
        if file.is_none() && !arg.to_string_lossy().starts_with('-') {
            file = Some(path(verb, arg)?);
            continue;
        }
        let (flag, inline) = split_flag(&arg)?;
        match flag.as_str() {
            "--help" | "-h" => return no_value(&flag, inline).map(|()| None),
            "--db" => {
                let value = inline.or_else(|| args.next()).unwrap_or_default();
                db = path(&flag, value)?;
            }
            _ => {
                return Err(usage(format!("{verb} knows no flag {flag}."), &example));
            }
        }
    }
    Ok(Some((db, file)))
}

/// What follows `reset-password`.
fn reset_password(
    args: &mut impl Iterator<Item = OsString>,
    env: &impl Fn(&str) -> Option<OsString>,
) -> Result<Command, Error> {
    let Some((db, user)) = copy("reset-password", args)? else {
        return Ok(Command::Help);
    };
    let user = user.and_then(|user| user.into_os_string().into_string().ok());
    let user = user.ok_or_else(|| {
        usage(
            "reset-password needs the name of a user.".to_owned(),
            "Write: stardust-server reset-password USER --db FILE. The first one is called admin \
             unless STARDUST_ADMIN_USER said otherwise.",
        )
    })?;
    Ok(Command::ResetPassword(ResetPassword {
        db,
        user,
        password: new_password(env)?,
    }))
}

/// From the environment, where it is in no list of processes.
fn new_password(env: &impl Fn(&str) -> Option<OsString>) -> Result<Option<Secret>, Error> {
    let given = env("STARDUST_PASS_NEW").filter(|value| !value.is_empty());
    let password = given.map(OsString::into_string).transpose();
    let password = password.map_err(|_| {
        Error::new(
            Kind::Config,
            "STARDUST_PASS_NEW is not UTF-8 text.",
            "Set it to plain text.",
        )
    })?;
    Ok(password.map(Secret::new))
}

/// What follows `rekey`.
fn rekey(
    args: &mut impl Iterator<Item = OsString>,
    env: &impl Fn(&str) -> Option<OsString>,
) -> Result<Command, Error> {
    let mut db = PathBuf::from(DB_DEFAULT);
    while let Some(arg) = args.next() {
        let (flag, inline) = split_flag(&arg)?;
        match flag.as_str() {
            "--help" | "-h" => return no_value(&flag, inline).map(|()| Command::Help),
            "--db" => {
                let value = inline.or_else(|| args.next()).unwrap_or_default();
                db = path(&flag, value)?;
            }
            _ => {
                return Err(usage(
                    format!("rekey knows no flag {flag}."),
                    "Its only flag is --db FILE; the secrets come from the environment.",
                ));
            }
        }
    }
    let secret = |name: &str, what: &str| {
        let value = env(name).filter(|value| !value.is_empty());
        let text = value.and_then(|value| value.into_string().ok());
        let text = text.ok_or_else(|| {
            Error::new(
                Kind::Config,
                format!("{name} is not set, or is not UTF-8 text."),
                format!("Set it to {what}."),
            )
        })?;
        Ok::<_, Error>(Secret::new(text))
    };
    let old = secret("STARDUST_SECRET", "the secret that the database has now")?;
    let new = secret(
        "STARDUST_SECRET_NEW",
        "a new secret: `openssl rand -hex 32` makes one",
    )?;
    Ok(Command::Rekey(Rekey {
        db,
        old,
        new: checked_secret("STARDUST_SECRET_NEW", new)?,
    }))
}
