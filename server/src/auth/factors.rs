//! Second factors: setting them up, asking for them at the login, and proving once more to
//! be there for what is dangerous. API workers only.

use std::net::IpAddr;

use stardust_model::access::Role;

use super::accounts::FACTOR_FOR;
use super::failures::Door;
use super::index::Factors;
use super::passkeys::{Answer, Site};
use super::{Auth, Login, Session, keys, recovery, seal, totp};
use crate::clock::wall_ms;
use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::store::{PasskeyRecord, UserRecord};
use stardust_shared::base64;

/// In what is sealed for a user.
const FIELD: &str = "user.totp";
/// After so long what is dangerous asks again.
pub const PROOF_MS: i64 = 10 * 60_000;
/// What an authenticator app calls it.
const ISSUER: &str = "Stardust";

/// Codes by time that are being set up: shown this once.
pub struct NewTotp {
    pub secret: Secret,
    pub uri: Secret,
}

/// What whoever is signed in shows to prove to be there.
pub struct Proof<'a> {
    pub password: Option<&'a Secret>,
    pub code: Option<&'a Secret>,
    pub passkey: Option<(&'a Answer<'a>, Site<'a>)>,
    pub address: IpAddr,
}

impl Auth {
    pub fn factors(&self, user_id: i64) -> Factors {
        self.read().factors(user_id)
    }

    pub fn recovery_left(&self, user_id: i64) -> Result<usize, Error> {
        Ok(self.store.recovery_left(user_id)?)
    }

    /// The user's passkeys, as a list shows them.
    pub fn passkeys_of(&self, user_id: i64) -> Result<Vec<PasskeyRecord>, Error> {
        Ok(self.store.passkeys_of(user_id)?)
    }

    pub fn factor_for(&self) -> Option<Role> {
        self.read().factor_for()
    }

    /// Roles from this one on have to have a second factor; `None` asks for none.
    pub fn set_factor_for(&self, role: Option<Role>) -> Result<(), Error> {
        let _changes = self.changes();
        let value = role.map_or(serde_json::Value::Null, |role| role.name().into());
        self.store.set_setting(FACTOR_FOR, &value)?;
        self.reload()
    }

    /// What the login of somebody whose password is right takes besides, and shows.
    pub(super) fn second_factor(
        &self,
        user: &UserRecord,
        login: &Login<'_>,
        device: Option<[u8; 16]>,
    ) -> Result<&'static str, Error> {
        let factors = self.factors(user.id);
        if !factors.any() {
            return Ok("password");
        }
        match (login.code, login.passkey) {
            (Some(code), _) => self.code(user, code, login.address, device),
            (None, Some((answer, site))) => self.passkey_of(user, answer, site, login.address),
            (None, None) => Err(factor_needed()),
        }
    }

    /// A code of the user's, each good once; wrong ones count as wrong passwords do.
    fn code(
        &self,
        user: &UserRecord,
        code: &Secret,
        address: IpAddr,
        device: Option<[u8; 16]>,
    ) -> Result<&'static str, Error> {
        let permit = self.permit(&user.name, code, address, device)?;
        let found = self.factor_of_code(user.id, code)?;
        match found {
            Some(_) => self.throttle().right(permit, self.uptime_ms()),
            None => {
                self.throttle().wrong(permit);
                self.note_failure(Door::Factor, &user.name, address, self.now_ms());
            }
        }
        found.ok_or_else(|| {
            Error::new(
                Kind::BadCredentials,
                "The code is wrong, or was used already.",
                "Wait for the next code of the authenticator app, or use a recovery code. See \
                 that the clock of the phone is right.",
            )
        })
    }

    fn factor_of_code(&self, user: i64, code: &Secret) -> Result<Option<&'static str>, Error> {
        if let Some(hash) = recovery::hash(code.expose()) {
            let used = self.store.use_recovery(user, hash, wall_ms())?;
            return Ok(used.then_some("recovery"));
        }
        let Some(secret) = self.totp_secret(user)? else {
            return Ok(None);
        };
        let step = totp::step_of(&secret, code.expose(), wall_ms());
        let Some(step) = step.filter(|_| self.factors(user).totp) else {
            return Ok(None);
        };
        Ok(self.store.use_totp(user, step)?.then_some("totp"))
    }

    fn totp_secret(&self, user: i64) -> Result<Option<Vec<u8>>, Error> {
        let Some(blob) = self.store.sealed("user", user, "totp")? else {
            return Ok(None);
        };
        let text = seal::open(&self.keys.derive(seal::PURPOSE), user, FIELD, &blob)?;
        Ok(base64::URL.decode(text.expose()))
    }

    /// Makes a secret, which counts once a code of it was shown.
    ///
    /// # Errors
    /// When there is one that counts already.
    pub fn begin_totp(&self, session: &Session) -> Result<NewTotp, Error> {
        let mut bytes = [0u8; totp::SECRET_BYTES];
        keys::random(&mut bytes)?;
        let sealed = seal::seal(
            &self.keys.derive(seal::PURPOSE),
            session.user_id,
            FIELD,
            base64::URL.encode(&bytes).as_bytes(),
        )?;
        let begun = self.store.begin_totp(session.user_id, &sealed, wall_ms())?;
        if !begun {
            return Err(Error::new(
                Kind::Conflict,
                "There is an authenticator app already.",
                "Remove that one first: DELETE /api/auth/totp.",
            ));
        }
        Ok(NewTotp {
            secret: Secret::new(totp::base32(&bytes)),
            uri: Secret::new(totp::uri(&bytes, &session.user, ISSUER)),
        })
    }

    /// From here on codes are asked for at the login. Answers recovery codes.
    ///
    /// # Errors
    /// When the code is not one of the secret that was begun with.
    pub fn confirm_totp(&self, session: &Session, code: &Secret) -> Result<Vec<Secret>, Error> {
        let secret = self.totp_secret(session.user_id)?.ok_or_else(|| {
            Error::new(
                Kind::Conflict,
                "No authenticator app is being set up.",
                "Begin with POST /api/auth/totp.",
            )
        })?;
        let step = totp::step_of(&secret, code.expose(), wall_ms()).ok_or_else(|| {
            Error::invalid(
                "The code is not the one that the app shows now.",
                "See that the clocks of the phone and of this server are right, and try the next \
                 code.",
            )
        })?;
        let (codes, hashes) = recovery::generate()?;
        let _changes = self.changes();
        if !self.store.confirm_totp(session.user_id, step, &hashes)? {
            return Err(Error::new(
                Kind::Conflict,
                "The authenticator app is set up already.",
                "There is nothing more to confirm.",
            ));
        }
        self.proved(session, "totp")?;
        self.reload()?;
        Ok(codes)
    }

    /// # Errors
    /// When there is none.
    pub fn remove_totp(&self, session: &Session) -> Result<(), Error> {
        let _changes = self.changes();
        if !self.store.delete_totp(session.user_id)? {
            return Err(Error::new(
                Kind::NotFound,
                "There is no authenticator app.",
                "There is nothing to remove.",
            ));
        }
        self.reload()
    }

    /// New recovery codes; the old ones are good no more.
    pub fn new_recovery(&self, session: &Session) -> Result<Vec<Secret>, Error> {
        if !self.factors(session.user_id).any() {
            return Err(Error::new(
                Kind::Conflict,
                "There is no second factor that they could stand in for.",
                "Set one up first.",
            ));
        }
        let (codes, hashes) = recovery::generate()?;
        self.store.set_recovery(session.user_id, &hashes)?;
        Ok(codes)
    }

    /// Takes all second factors from a user who has lost them.
    pub fn remove_factors(&self, user: i64) -> Result<(), Error> {
        let _changes = self.changes();
        self.store.delete_factors(user)?;
        self.reload()
    }

    /// Whether the last proof is young enough for what is dangerous.
    pub fn is_fresh(&self, session: &Session) -> bool {
        session.token.is_some() || self.now_ms() - session.proof_ms <= PROOF_MS
    }

    /// Proves once more: by the second factor where there is one, else by the password.
    pub fn prove(&self, session: &Session, proof: &Proof<'_>) -> Result<(), Error> {
        let gone = || Error::from(super::AuthError);
        let user = self.user(session.user_id).ok_or_else(gone)?;
        let device = Some(session.id.0);
        let factor = match (self.factors(user.id).any(), proof.code, proof.password) {
            (true, Some(code), _) => self.code(&user, code, proof.address, device)?,
            (true, None, _) => match proof.passkey {
                Some((answer, site)) => self.passkey_of(&user, answer, site, proof.address)?,
                None => return Err(proof_needed(true)),
            },
            (false, _, None) => return Err(proof_needed(false)),
            (false, _, Some(password)) => {
                let permit = self.permit(&user.name, password, proof.address, device)?;
                if !self.verify(permit, password, &user.password_hash)? {
                    self.note_failure(Door::Change, &user.name, proof.address, self.now_ms());
                    return Err(Error::new(
                        Kind::BadCredentials,
                        "The password is wrong.",
                        "Type the password that you logged in with.",
                    ));
                }
                "password"
            }
        };
        let _changes = self.changes();
        self.proved(session, factor)
    }

    /// As if the last proof were so long ago.
    #[cfg(test)]
    pub fn age_proof(&self, session: super::SessionId, by_ms: i64) {
        let then_ms = self.now_ms() - by_ms;
        self.write().note_proof(session, "password", then_ms);
    }

    pub(super) fn proved(&self, session: &Session, factor: &str) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.store.note_proof(session.id, factor, now_ms)?;
        self.write().note_proof(session.id, factor, now_ms);
        Ok(())
    }
}

pub(super) fn factor_needed() -> Error {
    Error::new(
        Kind::FactorNeeded,
        "The password is right, and a second factor is wanted too.",
        "Send the code of the authenticator app, or a recovery code, as \"code\", or the answer of a \
         passkey as \"passkey\".",
    )
}

/// To whoever is signed in and asks for what is dangerous.
pub fn proof_needed(has_factor: bool) -> Error {
    let with = match has_factor {
        true => "{\"code\": \"…\"}",
        false => "{\"password\": \"…\"}",
    };
    Error::new(
        Kind::ProofNeeded,
        "This takes a proof that you are there, not older than ten minutes.",
        format!("POST /api/auth/proof {with}, and ask again."),
    )
}
