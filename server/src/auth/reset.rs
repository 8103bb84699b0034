//! `stardust-server reset-password`: a way back in for whoever owns the database file.
//!
//! The new password comes from the environment, from a pipe, or is typed; where there is
//! nothing of it, a random one is made, which must be changed at the first login.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use stardust_shared::base64;
use zeroize::Zeroize as _;

use super::PASSWORD_BYTES_MAX;
use crate::clock::wall_ms;
use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::store::Store;
use crate::store::audit::act::{self, Act, Who};
use crate::store::lock::{DatabaseLock, Work};
use crate::store::look::resolve;
use crate::store::open::require_file;

use super::{keys, password, strength};

/// Bytes of a random password: 96 bits are 16 characters.
const RANDOM_BYTES: usize = 12;

/// What became of it.
#[derive(Debug)]
pub struct Reset {
    /// To be shown once: it was made here.
    pub one_time: Option<Secret>,
}

/// Sets the password of `user`, `given` or a random one, and ends the user's sessions.
///
/// # Errors
/// When a server runs on the database, there is no such user, or the password is weak.
pub fn run(db: &Path, user: &str, given: Option<Secret>) -> Result<Reset, Error> {
    require_file(db)?;
    let db = &resolve(db);
    let _alone = DatabaseLock::alone(db, Work::ResetPassword)?;
    let store = Store::open(db)?;
    let users = store.users()?;
    if !users.iter().any(|known| known.name == user) {
        let names: Vec<_> = users
            .iter()
            .map(|known| known.name.escape_debug())
            .collect();
        let names: Vec<_> = names
            .into_iter()
            .map(|name| format!("\"{name}\""))
            .collect();
        return Err(Error::new(
            Kind::Config,
            format!("{} has no user of that name.", db.display()),
            match names.is_empty() {
                true => "It has none at all: the next start makes the first login.".to_owned(),
                false => format!("There is {}.", names.join(" and ")),
            },
        ));
    }
    let one_time = match &given {
        Some(given) => {
            checked(given, user)?;
            None
        }
        None => Some(random_password()?),
    };
    let Some(new) = given.as_ref().or(one_time.as_ref()) else {
        return Err(Error::internal());
    };
    let hash = password::hash(new, password::COST)?;
    let mut act = Act {
        time_ms: wall_ms(),
        who: Who {
            name: "reset-password on the host".into(),
            ..Who::default()
        },
        action: "auth.reset".into(),
        ..Act::default()
    };
    act.detail.insert("username".into(), user.into());
    let _acting = act::begin(act);
    store.reset_password(user, &hash, one_time.is_some(), wall_ms())?;
    // What is in the log alone is as good: only a copy of the one file would miss it.
    let _ = store.close();
    Ok(Reset { one_time })
}

/// Refuses a weak one, as at the start.
pub(super) fn checked(given: &Secret, user: &str) -> Result<(), Error> {
    strength::check(given, user).map_err(|error| Error {
        kind: Kind::Config,
        ..error
    })
}

/// Good for one login, which must change it.
pub(super) fn random_password() -> Result<Secret, Error> {
    let mut random = [0; RANDOM_BYTES];
    keys::random(&mut random)?;
    let text = Secret::new(base64::URL.encode(&random));
    random.zeroize();
    Ok(text)
}

/// The new password as it is given to this process, if it is.
///
/// # Errors
/// When it was typed differently the second time, or can't be read.
pub fn ask(environment: Option<Secret>) -> Result<Option<Secret>, Error> {
    if environment.is_some() {
        return Ok(environment);
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return line(&mut stdin.lock());
    }
    let quiet = Quiet::new();
    let typed = |words: &str| {
        eprint!("{words}");
        let _ = std::io::stderr().flush();
        let line = line(&mut stdin.lock());
        if quiet.is_some() {
            eprintln!();
        }
        line
    };
    let Some(first) = typed("New password (nothing for a random one): ")? else {
        return Ok(None);
    };
    if typed("Once more: ")?.as_ref() == Some(&first) {
        return Ok(Some(first));
    }
    Err(Error::new(
        Kind::Config,
        "The two are not the same; nothing was changed.",
        "Try again.",
    ))
}

/// One line without its end; `None` when there is nothing in it.
fn line(mut from: impl std::io::BufRead) -> Result<Option<Secret>, Error> {
    let mut text = String::new();
    from.by_ref()
        .take(PASSWORD_BYTES_MAX as u64 + 3)
        .read_line(&mut text)
        .map_err(|error| Error::system("read the new password", &error))?;
    let kept = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(kept);
    Ok((!text.is_empty()).then(|| Secret::new(text)))
}

/// A terminal that does not show what is typed, until this is dropped.
struct Quiet(libc::termios);

impl Quiet {
    fn new() -> Option<Self> {
        // SAFETY: a termios is plain numbers, for all of which zero is one; the call
        // gets a pointer to a whole one, which it fills.
        let before = unsafe {
            let mut before: libc::termios = std::mem::zeroed();
            (libc::tcgetattr(libc::STDIN_FILENO, &raw mut before) == 0).then_some(before)
        }?;
        let mut quiet = before;
        quiet.c_lflag &= !libc::ECHO;
        // SAFETY: the pointer is to a whole termios, which is only read.
        let set = unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, &raw const quiet) };
        (set == 0).then_some(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: the pointer is to a whole termios, which is only read.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &raw const self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_base::testing::Folder;

    fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    #[test]
    fn the_password_of_a_user_is_replaced_and_the_sessions_end() {
        let folder = Folder::new();
        let db = folder.join("a.db");
        let store = Store::open(&db).unwrap();
        let old = password::hash(&secret("forgotten long ago"), password::CHEAP).unwrap();
        let user = store.insert_user("ziggy", &old, false, 1).unwrap();
        let session = crate::store::SessionRecord {
            id: crate::store::SessionId([1; 16]),
            user_id: user.id,
            created_ms: 1,
            expires_ms: i64::MAX,
            ..crate::store::SessionRecord::default()
        };
        store.insert_session(&session, &[]).unwrap();
        drop(store);
        let read = || Store::open(&db).unwrap().users().unwrap().remove(0);

        let unknown = run(&db, "nobody", None).unwrap_err();
        assert!(unknown.hint.contains("\"ziggy\""), "{unknown}");
        let weak = run(&db, "ziggy", Some(secret("aaaaaaaaaa"))).unwrap_err();
        assert!(weak.message.contains("again and again"), "{weak}");
        assert_eq!(weak.kind.exit_code(), 78);
        assert_eq!(read().password_hash, old);
        let server = DatabaseLock::serve(&db).unwrap();
        let held = run(&db, "ziggy", None).unwrap_err();
        assert!(held.message.contains("runs on"), "{held}");
        drop(server);

        let made = run(&db, "ziggy", None).unwrap().one_time.unwrap();
        let user = read();
        assert!(user.must_change && password::verify(&made, &user.password_hash));
        assert_eq!(made.expose().len(), 16);
        assert_eq!(Store::open(&db).unwrap().sessions().unwrap(), []);

        let given = secret("watching his old friend");
        assert!(
            run(&db, "ziggy", Some(given.clone()))
                .unwrap()
                .one_time
                .is_none()
        );
        let user = read();
        assert!(!user.must_change && password::verify(&given, &user.password_hash));
        assert!(!std::fs::exists(folder.join("a.db-wal")).unwrap());
    }

    #[test]
    fn a_line_is_taken_without_its_end() {
        for (given, expected) in [
            ("a b\n", Some("a b")),
            ("a b\r\n", Some("a b")),
            ("a b", Some("a b")),
            ("a\nb\n", Some("a")),
            ("\n", None),
            ("", None),
        ] {
            let found = line(&mut given.as_bytes()).unwrap();
            assert_eq!(found, expected.map(secret), "{given:?}");
        }
        assert!(line(&mut &[0xff, b'\n'][..]).is_err());
    }
}
