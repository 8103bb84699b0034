//! The first login of a new database, and the default one. Hashes: `main` at the
//! start only.

use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::store::UserRecord;

use super::{password, strength};

pub const ADMIN_USER_DEFAULT: &str = "admin";
pub const ADMIN_PASSWORD_DEFAULT: &str = "admin";

/// The first user; used only while the users table is empty.
#[derive(Clone, Debug)]
pub struct AdminSeed {
    pub user: String,
    pub password: Secret,
    /// Somebody chose it: it is not the default one.
    pub given: bool,
    /// Good for one login, which must change it.
    pub one_time: bool,
}

impl Default for AdminSeed {
    fn default() -> Self {
        Self {
            user: ADMIN_USER_DEFAULT.into(),
            password: Secret::new(ADMIN_PASSWORD_DEFAULT.into()),
            given: false,
            one_time: false,
        }
    }
}

/// Whether this is the password that everybody knows. It is let in for its change alone.
pub fn is_default(password: &Secret) -> bool {
    password.expose() == ADMIN_PASSWORD_DEFAULT
}

/// Whether the first login may be this one.
///
/// # Errors
/// When its password is one that is tried first, but for the default one, which must
/// be changed.
pub fn check(seed: &AdminSeed) -> Result<(), Error> {
    if is_default(&seed.password) {
        return Ok(());
    }
    match strength::weakness(seed.password.expose(), &seed.user) {
        None => Ok(()),
        Some(why) => Err(Error::new(
            Kind::Config,
            format!("The password in STARDUST_ADMIN_PASS is {why}."),
            strength::hint(),
        )),
    }
}

/// Users whose password is still the default one.
pub fn with_default(users: &[UserRecord]) -> Vec<i64> {
    let default = Secret::new(ADMIN_PASSWORD_DEFAULT.into());
    users
        .iter()
        .filter(|user| user.must_change && password::verify(&default, &user.password_hash))
        .map(|user| user.id)
        .collect()
}
