//! STARDUST_SECRET → one key for each purpose.
//!
//! bcrypt-pbkdf with a salt from the database, once at start, gives a master
//! key; HMAC-SHA256 over a label gives the key of a purpose. A check value in
//! the database tells a wrong secret before anything is served.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::{Error, Kind};
use crate::secret::{Secret, equal};
use crate::store::{Seen, Store, StoreError};

/// A key for one purpose; zeroed when dropped.
pub type Key = Zeroizing<[u8; 32]>;

/// Rounds of bcrypt-pbkdf for a new database: about 150 ms on a small server.
pub(crate) const ROUNDS: u32 = 48;
/// A database that asks for more was tampered with, or start would take minutes.
const ROUNDS_MAX: u32 = 1 << 14;
const SALT_BYTES: usize = 32;

const META_ROUNDS: &str = "secret.rounds";
const META_SALT: &str = "secret.salt";
const META_CHECK: &str = "secret.check";

/// A row of the `meta` table.
pub(crate) type MetaRow = (&'static str, Vec<u8>);

/// The master key, and through it all others.
pub struct Keys {
    master: Key,
}

impl Keys {
    /// Derives the keys for this database, or makes its salt and check value.
    pub fn open(store: &Store, secret: &Secret) -> Result<Self, Error> {
        Self::open_with(store, secret, ROUNDS)
    }

    pub(crate) fn open_with(store: &Store, secret: &Secret, rounds: u32) -> Result<Self, Error> {
        match Self::find(|key| store.meta(key), secret)? {
            Some(keys) => Ok(keys),
            None => Self::create(store, secret, rounds),
        }
    }

    /// The keys of a database that is only looked at; `None` when it has none yet.
    ///
    /// # Errors
    /// When the secret is not the one that it was made with.
    pub fn look(seen: &Seen, secret: &Secret) -> Result<Option<Self>, Error> {
        Self::find(|key| seen.meta(key), secret)
    }

    /// Keys for a database that has none yet.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn make(store: &Store, secret: &Secret) -> Result<Self, Error> {
        Self::create(store, secret, ROUNDS)
    }

    fn find(
        meta: impl Fn(&str) -> Result<Option<Vec<u8>>, StoreError>,
        secret: &Secret,
    ) -> Result<Option<Self>, Error> {
        match (meta(META_ROUNDS)?, meta(META_SALT)?, meta(META_CHECK)?) {
            (None, None, None) => Ok(None),
            (Some(rounds), Some(salt), Some(check)) => {
                let rounds = <[u8; 4]>::try_from(rounds)
                    .map(u32::from_be_bytes)
                    .ok()
                    .filter(|rounds| (1..=ROUNDS_MAX).contains(rounds))
                    .ok_or_else(damaged)?;
                let keys = Self {
                    master: stretch(secret, &salt, rounds)?,
                };
                if equal(&keys.check_value(), &check) {
                    Ok(Some(keys))
                } else {
                    Err(Error::new(
                        Kind::WrongSecret,
                        "STARDUST_SECRET is not the one that this database was made with.",
                        "Set the secret of the first start again, or name another database with --db FILE.",
                    ))
                }
            }
            _ => Err(damaged()),
        }
    }

    fn create(store: &Store, secret: &Secret, rounds: u32) -> Result<Self, Error> {
        let (keys, rows) = Self::fresh(secret, rounds)?;
        let rows: Vec<_> = rows.iter().map(|(key, value)| (*key, &value[..])).collect();
        store.set_meta(&rows)?;
        Ok(keys)
    }

    /// Keys from `secret` with a salt of their own, and the rows of `meta` that
    /// say so. They count once those are written.
    pub(crate) fn fresh(secret: &Secret, rounds: u32) -> Result<(Self, Vec<MetaRow>), Error> {
        let mut salt = [0u8; SALT_BYTES];
        random(&mut salt)?;
        let keys = Self {
            master: stretch(secret, &salt, rounds)?,
        };
        let rows = vec![
            (META_ROUNDS, rounds.to_be_bytes().to_vec()),
            (META_SALT, salt.to_vec()),
            (META_CHECK, keys.check_value().to_vec()),
        ];
        Ok((keys, rows))
    }

    /// Whether the database has been given a secret yet.
    pub(crate) fn made(store: &Store) -> Result<bool, Error> {
        Ok(store.meta(META_CHECK)?.is_some())
    }

    /// The key for `purpose`. Keys of different purposes say nothing of each other.
    pub fn derive(&self, purpose: &str) -> Key {
        Key::new(mac(&self.master, &[b"stardust v1: ", purpose.as_bytes()]))
    }

    fn check_value(&self) -> [u8; 32] {
        *self.derive("check of the secret")
    }
}

fn stretch(secret: &Secret, salt: &[u8], rounds: u32) -> Result<Key, Error> {
    let mut master = Key::default();
    bcrypt_pbkdf::bcrypt_pbkdf(secret.expose(), salt, rounds, master.as_mut_slice())
        .map_err(|_| damaged())?;
    Ok(master)
}

fn damaged() -> Error {
    Error::new(
        Kind::Database,
        "The database's salt or its check value for STARDUST_SECRET is missing or damaged.",
        "Put back a copy of the database from before the damage.",
    )
}

/// HMAC-SHA256 over the parts one after the other.
#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
pub(super) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Fills `out` from the kernel's random generator.
pub(crate) fn random(out: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(out).map_err(|error| {
        Error::new(
            Kind::System,
            format!("The system gives no random numbers: {error}."),
            "Check that /dev/urandom or the getrandom system call is allowed here.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_base::testing::Folder;

    fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    #[test]
    fn the_same_secret_gives_the_same_keys_and_another_is_refused() {
        let folder = Folder::new();
        let store = Store::open(&folder.join("k.db")).unwrap();
        let first = Keys::open_with(&store, &secret("0123456789abcdef"), 2).unwrap();
        let again = Keys::open_with(&store, &secret("0123456789abcdef"), 9).unwrap();
        assert_eq!(first.derive("jwt"), again.derive("jwt"));
        assert_ne!(first.derive("jwt"), first.derive("csrf"));

        let error = Keys::open_with(&store, &secret("0123456789abcdeg"), 2)
            .err()
            .unwrap();
        assert_eq!(error.kind, Kind::WrongSecret);

        let other = Store::open(&folder.join("other.db")).unwrap();
        let elsewhere = Keys::open_with(&other, &secret("0123456789abcdef"), 2).unwrap();
        assert_ne!(
            first.derive("jwt"),
            elsewhere.derive("jwt"),
            "the salt is random"
        );
    }

    #[test]
    fn a_database_without_its_salt_is_not_given_a_new_one() {
        let folder = Folder::new();
        let store = Store::open(&folder.join("k.db")).unwrap();
        Keys::open_with(&store, &secret("0123456789abcdef"), 2).unwrap();
        store
            .writer()
            .execute("DELETE FROM meta WHERE key = ?1", [META_SALT])
            .unwrap();
        let error = Keys::open_with(&store, &secret("0123456789abcdef"), 2)
            .err()
            .unwrap();
        assert_eq!(error.kind, Kind::Database);
        store
            .set_meta(&[
                (META_SALT, &[1; 32]),
                (META_ROUNDS, &u32::MAX.to_be_bytes()),
            ])
            .unwrap();
        assert!(Keys::open_with(&store, &secret("0123456789abcdef"), 2).is_err());
    }

    #[test]
    fn the_key_has_nothing_of_the_secret_in_the_database() {
        let folder = Folder::new();
        let path = folder.join("k.db");
        let store = Store::open(&path).unwrap();
        let text = "a-very-recognisable-secret";
        let keys = Keys::open_with(&store, &secret(text), 2).unwrap();
        let master = *keys.master;
        drop((keys, store));
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
            assert!(!holds(text.as_bytes()) && !holds(&master));
        }
    }
}
