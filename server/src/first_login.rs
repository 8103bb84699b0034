//! The password of the first start: chosen by whoever starts it, the default one
//! where only this machine is served, or a random one that is told once.

use crate::auth::{Auth, keys};
use crate::config::{AdminSeed, Config};
use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::store::Store;

/// Without the letters and digits that are easily taken for others.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const GROUPS: usize = 4;
const GROUP_CHARS: usize = 4;

/// Makes a password for a database without users that others than this machine will
/// reach, when nobody gave one: the default one is known to all of them.
pub fn prepare(config: &mut Config, store: &Store) -> Result<(), Error> {
    let chosen = config.admin.given || config.bind.is_loopback();
    if !chosen && store.users()?.is_empty() {
        config.admin.password = one_time()?;
        config.admin.one_time = true;
    }
    Ok(())
}

/// What is said at the start about the first login, while it is still to come.
///
/// # Errors
/// Whoever reaches the port would own the fleet.
pub fn check(config: &Config, auth: &Auth) -> Result<Option<String>, Error> {
    if !auth.first_password_in_use() {
        return Ok(None);
    }
    let AdminSeed { user, password, .. } = &config.admin;
    if config.admin.one_time {
        return Ok(Some(format!(
            "Nobody has signed in yet. The first login is {user} with the password {}, which must \
             be changed at once.",
            password.expose()
        )));
    }
    if !auth.default_password_in_use() {
        return Ok(Some(
            "The one-time password of the first start still holds: sign in with it and choose \
             another one."
                .to_owned(),
        ));
    }
    if config.bind.is_loopback() {
        return Ok(Some(
            "The login is still the default one: sign in on this machine as admin with the \
             password admin (or the name in STARDUST_ADMIN_USER), and change it."
                .to_owned(),
        ));
    }
    Err(Error::new(
        Kind::Config,
        format!(
            "The password is still the default one, so --bind {} is refused.",
            config.bind
        ),
        "Start without --bind, sign in on this machine and change the password. Before the very \
         first start STARDUST_ADMIN_PASS sets another one; without it a random one is made.",
    ))
}

fn one_time() -> Result<Secret, Error> {
    let mut random = [0; GROUPS * GROUP_CHARS];
    keys::random(&mut random)?;
    let mut text = String::with_capacity(random.len() + GROUPS);
    for (at, byte) in random.iter().enumerate() {
        if at > 0 && at % GROUP_CHARS == 0 {
            text.push('-');
        }
        text.push(char::from(LETTERS[usize::from(byte % 32)]));
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;

    fn prepared(bind: &str, given: bool, has_user: bool) -> AdminSeed {
        let folder = Folder::new();
        let store = Store::open(&folder.join("first.db")).unwrap();
        if has_user {
            store.insert_user("admin", "$", true, 1).unwrap();
        }
        let mut config = Config {
            bind: bind.parse().unwrap(),
            ..Config::default()
        };
        config.admin.given = given;
        prepare(&mut config, &store).unwrap();
        config.admin
    }

    #[test]
    fn a_password_is_made_only_where_the_default_one_would_be_open() {
        for (bind, given, has_user, made) in [
            ("0.0.0.0", false, false, true),
            ("::", false, false, true),
            ("192.0.2.7", false, false, true),
            ("127.0.0.1", false, false, false),
            ("::1", false, false, false),
            ("0.0.0.0", true, false, false),
            ("0.0.0.0", false, true, false),
        ] {
            let seed = prepared(bind, given, has_user);
            assert_eq!(seed.one_time, made, "{bind} {given} {has_user}");
            assert_eq!(seed.password.expose() != "admin", made);
        }
        let (first, second) = (one_time().unwrap(), one_time().unwrap());
        assert_ne!(first.expose(), second.expose());
        assert_eq!(first.expose().len(), 19);
        assert!(first.expose().chars().filter(|c| *c == '-').count() == 3);
    }
}
