//! The password of the first start: chosen by whoever starts it, the default one
//! where only this machine is served, or a random one that is told once.

use crate::auth::AdminSeed;
use crate::auth::{keys, seed};
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::listen::Listen;
use crate::secret::Secret;
use crate::store::Seen;

/// Without the letters and digits that are easily taken for others.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const GROUPS: usize = 4;
const GROUP_CHARS: usize = 4;

/// Makes a password for a database without users that others than this machine will
/// reach, when nobody gave one: the default one is known to all of them.
///
/// # Errors
/// When one was given that is as easily guessed.
pub fn prepare(config: &mut Config, is_new: bool) -> Result<(), Error> {
    let chosen = config.admin.given || open_to_others(config).is_none();
    if is_new && chosen {
        return seed::check(&config.admin);
    }
    if is_new {
        config.admin.password = one_time()?;
        config.admin.one_time = true;
    }
    Ok(())
}

/// What is said at the start about the first login, while it is still to come.
///
/// # Errors
/// Whoever reaches the port would own the fleet.
pub fn check(config: &Config, seen: &Seen) -> Result<Option<String>, Error> {
    let AdminSeed { user, password, .. } = &config.admin;
    if config.admin.one_time {
        return Ok(Some(format!(
            "Nobody has signed in yet. The first login is {user} with the password {}, which must \
             be changed at once.",
            password.expose()
        )));
    }
    let (must_change, is_default) = match seen.is_new() {
        true => (seed::is_default(password), seed::is_default(password)),
        false => (
            seen.users().iter().any(|user| user.must_change),
            !seed::with_default(seen.users()).is_empty(),
        ),
    };
    if !must_change {
        return Ok(None);
    }
    if !is_default {
        return Ok(Some(
            "A one-time password still holds: sign in with it and choose another one. If it is \
             lost, `stardust-server reset-password` makes another one."
                .to_owned(),
        ));
    }
    if config.admin.given && !seed::is_default(password) {
        crate::log::warn(
            "STARDUST_ADMIN_PASS is for a new database alone, and this one has the default login \
             still",
        );
    }
    let Some(open) = open_to_others(config) else {
        return Ok(Some(
            "The login is still the default one: sign in on this machine as admin with the \
             password admin (or the name in STARDUST_ADMIN_USER), and change it."
                .to_owned(),
        ));
    };
    Err(Error::new(
        Kind::Config,
        format!("The password is still the default one, so --bind {open} is refused."),
        match seen.is_new() {
            true => {
                "Give another one in STARDUST_ADMIN_PASS, or none: then a random one is made, for \
                 one login."
            }
            false => {
                "Start without --bind, sign in on this machine and change the password, or set \
                 one with `stardust-server reset-password USER --db FILE`. STARDUST_ADMIN_PASS is \
                 for a new database alone."
            }
        },
    ))
}

/// The first address that others than this machine reach.
fn open_to_others(config: &Config) -> Option<&Listen> {
    config.binds.iter().find(|listen| !listen.is_local())
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

    fn prepared(bind: &str, given: bool, has_user: bool) -> AdminSeed {
        let mut config = Config {
            binds: vec![Listen::parse(bind).unwrap()],
            ..Config::default()
        };
        config.admin.given = given;
        prepare(&mut config, !has_user).unwrap();
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
