//! Passkeys of users: taken in, shown beside a password or instead of one. API workers only.

use std::net::IpAddr;

use stardust_shared::base64;

use super::challenge::{self, GOOD_MS};
use super::failures::Door;
use super::webauthn::{self, Assertion, Expected, Wrong};
use super::{Auth, LoggedIn, Session};
use crate::clock::wall_ms;
use crate::error::{Error, Kind};
use crate::store::{PasskeyRecord, UserRecord};

/// Passkeys of one user.
const PER_USER_MAX: usize = 20;

/// The page that asks, as its browser says it.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// `https://stardust.example:8933`
    pub origin: &'a str,
    /// The name in it, which keys are bound to.
    pub name: &'a str,
}

/// A question to a browser.
pub struct Question {
    pub challenge: String,
    pub timeout_ms: i64,
    /// Keys that may answer, or (of a new one) that are there already.
    pub credentials: Vec<String>,
}

/// The answer of a browser that has a key.
pub struct Answer<'a> {
    pub challenge: &'a [u8],
    pub credential: &'a [u8],
    pub client_data: &'a [u8],
    pub authenticator_data: &'a [u8],
    pub signature: &'a [u8],
}

impl Auth {
    /// What a new key of whoever is signed in is made with.
    pub fn ask_new_passkey(&self, session: &Session) -> Result<Question, Error> {
        let own = self.passkeys_of(session.user_id)?;
        if own.len() >= PER_USER_MAX {
            return Err(Error::new(
                Kind::Conflict,
                format!("There are {PER_USER_MAX} passkeys already."),
                "Remove one first.",
            ));
        }
        self.question(&[b"register", &session.id.0], &own)
    }

    /// # Errors
    /// When the answer is none to what was asked, or the key is known already.
    pub fn add_passkey(
        &self,
        session: &Session,
        name: &str,
        challenge: &[u8],
        (client_data, attestation): (&[u8], &[u8]),
        site: Site<'_>,
    ) -> Result<PasskeyRecord, Error> {
        let purpose: [&[u8]; 2] = [b"register", &session.id.0];
        self.spend(&purpose, challenge)?;
        let expected = Expected {
            challenge,
            origin: site.origin,
            rp_id: site.name,
        };
        let new = webauthn::register(client_data, attestation, &expected).map_err(refused)?;
        let _changes = self.changes();
        let mut record = PasskeyRecord {
            id: 0,
            user_id: session.user_id,
            credential: new.credential,
            name: name.to_owned(),
            algorithm: new.algorithm,
            public_key: new.public_key,
            uses: new.uses,
            created_ms: wall_ms(),
            used_ms: None,
        };
        record.id = self.store.add_passkey(&record)?;
        self.proved(session, "passkey")?;
        self.reload()?;
        Ok(record)
    }

    /// # Errors
    /// When whoever is signed in has none of that number.
    pub fn remove_passkey(&self, session: &Session, id: i64) -> Result<(), Error> {
        let own = self.passkeys_of(session.user_id)?;
        if !own.iter().any(|passkey| passkey.id == id) {
            return Err(Error::new(
                Kind::NotFound,
                "You have no passkey with this number.",
                "GET /api/auth/factors lists yours.",
            ));
        }
        let _changes = self.changes();
        self.store.delete_passkey(id)?;
        self.reload()
    }

    /// What anybody may be asked who wants to sign in by a passkey alone.
    pub fn ask_login(&self) -> Result<Question, Error> {
        self.question(&[b"login"], &[])
    }

    /// What a user is asked whose password was right, or who has to prove to be there.
    pub fn ask_factor(&self, user: i64) -> Result<Question, Error> {
        self.question(&[b"login"], &self.passkeys_of(user)?)
    }

    /// A login by a passkey alone: the key says whose it is, and the browser that it has
    /// made sure who uses it.
    pub fn login_by_passkey(
        &self,
        answer: &Answer<'_>,
        site: Site<'_>,
        (address, agent): (IpAddr, &str),
        now_ms: i64,
    ) -> Result<LoggedIn, Error> {
        let known = self.store.passkey_named(answer.credential)?;
        let user = known.as_ref().and_then(|known| self.user(known.user_id));
        let checked = match (known, user) {
            (Some(known), Some(user)) if !user.disabled => {
                self.use_passkey(&known, answer, site, true).map(|()| user)
            }
            _ => Err(refused(Wrong("the key is not known here"))),
        };
        let user = checked.inspect_err(|_| {
            self.note_failure(Door::SignIn, "", address, now_ms);
        })?;
        self.begin_for(&user, address, agent, "passkey", now_ms)
    }

    /// A passkey of this user.
    pub(super) fn passkey_of(
        &self,
        user: &UserRecord,
        answer: &Answer<'_>,
        site: Site<'_>,
        address: IpAddr,
    ) -> Result<&'static str, Error> {
        let own = self.passkeys_of(user.id)?;
        let known = own
            .iter()
            .find(|passkey| passkey.credential == answer.credential);
        let checked = match known {
            Some(known) => self.use_passkey(known, answer, site, false),
            None => Err(refused(Wrong("it is not a key of this user"))),
        };
        checked.inspect_err(|_| {
            self.note_failure(Door::Factor, &user.name, address, self.now_ms());
        })?;
        Ok("passkey")
    }

    fn use_passkey(
        &self,
        known: &PasskeyRecord,
        answer: &Answer<'_>,
        site: Site<'_>,
        alone: bool,
    ) -> Result<(), Error> {
        self.spend(&[b"login"], answer.challenge)?;
        let expected = Expected {
            challenge: answer.challenge,
            origin: site.origin,
            rp_id: site.name,
        };
        let assertion = Assertion {
            client_data: answer.client_data,
            authenticator_data: answer.authenticator_data,
            signature: answer.signature,
        };
        let shown = webauthn::check(&assertion, &expected, known.algorithm, &known.public_key)
            .map_err(refused)?;
        if alone && !shown.verified {
            return Err(refused(Wrong("the browser has not made sure who uses it")));
        }
        if !self.store.use_passkey(known.id, shown.uses, wall_ms())? {
            crate::log::warn(&format!(
                "passkey {} of user {} has counted less than before: there may be a copy of it",
                known.id, known.user_id
            ));
            return Err(refused(Wrong("it has counted less than before")));
        }
        Ok(())
    }

    fn question(&self, purpose: &[&[u8]], keys: &[PasskeyRecord]) -> Result<Question, Error> {
        let challenge = challenge::make(&self.challenge_key, purpose, self.now_ms())?;
        let names = keys.iter().map(|key| base64::URL.encode(&key.credential));
        Ok(Question {
            challenge: base64::URL.encode(&challenge),
            timeout_ms: GOOD_MS,
            credentials: names.collect(),
        })
    }

    /// Each question is answered once.
    fn spend(&self, purpose: &[&[u8]], challenge: &[u8]) -> Result<(), Error> {
        let now_ms = self.now_ms();
        let is_ours = challenge::is_ours(&self.challenge_key, purpose, challenge, now_ms);
        let mut spent = self
            .spent
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match is_ours && spent.spend(challenge, now_ms) {
            true => Ok(()),
            false => Err(refused(Wrong(
                "the question was answered before, or is over",
            ))),
        }
    }
}

/// Says why: whoever made a mistake is helped, and nobody else learns a thing.
fn refused(why: Wrong) -> Error {
    Error::new(
        Kind::BadCredentials,
        format!("The passkey was not taken: {}.", why.0),
        "Try again; if it goes on, sign in with the password and set the passkey up anew.",
    )
}
