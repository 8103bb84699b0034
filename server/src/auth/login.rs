//! Signing in and out, and another password of one's own.

use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::PoisonError;

use serde_json::json;
use stardust_model::session::AGENT_CHARS_MAX;

use super::failures::{self, Door};
use super::throttle::{Attempt, Permit};
use super::{
    Auth, AuthError, LoggedIn, Login, SESSION_MS, Session, cookies, device, keys, node_token,
    password, strength,
};
use crate::clock::wall_ms;
use crate::error::{Error, Kind};
use crate::events::{CHANGE, NewEvent, SIGN_IN_FAILED};
use crate::secret::Secret;
use crate::store::{SessionId, SessionRecord, UserRecord};

impl Auth {
    /// Hashes: takes about a tenth of a second. API workers only.
    pub fn login(&self, login: &Login<'_>, now_ms: i64) -> Result<LoggedIn, Error> {
        let device = cookies::values(login.cookie.unwrap_or(""), device::COOKIE)
            .take(4)
            .find_map(|cookie| device::verify(&self.device_key, login.user, cookie));
        let permit = self.permit(login.user, login.password, login.address, device)?;
        let user = self.read().user_named(login.user).cloned();
        // One that is disabled takes as long, and is told the same.
        let stored = user.as_ref().map_or(&self.nobody, |u| &u.password_hash);
        let right = self.verify(permit, login.password, stored)?;
        let Some(user) = user.filter(|user| right && !user.disabled) else {
            self.note_failure(Door::SignIn, login.user, login.address, now_ms);
            return Err(Error::new(
                Kind::BadCredentials,
                "The user name or the password is wrong.",
                "Check both and try again.",
            ));
        };
        let factor = self.second_factor(&user, login, device)?;
        let mut done = self.begin_for(&user, login.address, login.agent, factor, now_ms)?;
        self.make_hash_better(&user, login.password);
        done.device = match device {
            Some(_) => None,
            None => {
                let mut number = [0u8; 16];
                keys::random(&mut number)?;
                Some(device::sign(&self.device_key, &user.name, number))
            }
        };
        Ok(done)
    }

    /// A session of somebody who has shown who it is.
    pub(super) fn begin_for(
        &self,
        user: &UserRecord,
        address: IpAddr,
        agent: &str,
        factor: &str,
        now_ms: i64,
    ) -> Result<LoggedIn, Error> {
        let record = new_record(user.id, address, agent, factor, now_ms)?;
        let session = self.begin(user, record, now_ms)?;
        Ok(LoggedIn {
            token: self.token(&session),
            session: self.described(&session, user)?,
            device: None,
        })
    }

    /// A session that has just begun.
    fn described(&self, record: &SessionRecord, user: &UserRecord) -> Result<Session, Error> {
        let may = self.read().what_may(record).ok_or(AuthError)?;
        Ok(self.describe(record, user, may, true))
    }

    /// The password is known at this moment alone.
    fn make_hash_better(&self, user: &UserRecord, password: &Secret) {
        if !password::is_weaker(&user.password_hash, self.cost.password) {
            return;
        }
        let Ok(hash) = password::hash(password, self.cost.password) else {
            return;
        };
        let _changes = self.changes();
        // Where it can't be written the old one stays good.
        if self
            .store
            .rehash(user.id, &user.password_hash, &hash)
            .is_ok()
        {
            self.write().set_hash(user.id, &user.password_hash, hash);
        }
    }

    /// A line in the log and an event, of so many in a minute.
    pub(super) fn note_failure(&self, door: Door, user: &str, address: IpAddr, now_ms: i64) {
        let told = self
            .failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(now_ms);
        if let Some(more) = told.line {
            crate::log::warn(&failures::words(door, user, address, more));
        }
        if let Some(more) = told.event {
            let mut detail = json!({
                "user": failures::shown_name(user),
                "address": address.to_string(),
                "more": more,
            });
            if door == Door::Change {
                detail["at"] = json!(CHANGE);
            }
            let event = NewEvent {
                time_ms: wall_ms(),
                node: None,
                node_name: None,
                kind: SIGN_IN_FAILED,
                detail,
            };
            // A disk that takes nothing is told of elsewhere.
            let _ = self.store.add_events(&[event]);
        }
    }

    /// Ends one session.
    pub fn logout(&self, session: &Session) -> Result<(), Error> {
        let _changes = self.changes();
        self.store.delete_sessions(&[session.id])?;
        self.write().replace(&[session.id], None);
        (self.on_end)(vec![session.id]);
        Ok(())
    }

    /// Sets a new password, ends every session of the user and begins a new one.
    /// Hashes twice: API workers only.
    pub fn change_password(
        &self,
        session: &Session,
        current: &Secret,
        new: &Secret,
        address: IpAddr,
        agent: &str,
        now_ms: i64,
    ) -> Result<LoggedIn, Error> {
        let gone = || Error::from(AuthError);
        let user = self
            .read()
            .user(session.user_id)
            .cloned()
            .ok_or_else(gone)?;
        strength::check(new, &user.name)?;
        // A session counts as a device: who tries from elsewhere can't hold it up,
        // and who stole it can't try for ever.
        let permit = self.permit(&user.name, current, address, Some(session.id.0))?;
        if !self.verify(permit, current, &user.password_hash)? {
            self.note_failure(Door::Change, &user.name, address, now_ms);
            return Err(Error::new(
                Kind::BadCredentials,
                "The current password is wrong.",
                "Type the password that you logged in with.",
            ));
        }
        let hash = password::hash(new, self.cost.password)?;

        let _changes = self.changes();
        // Another change may have come first, or this session may have ended meanwhile.
        let unchanged = self
            .read()
            .live(session.id, now_ms)
            .is_some_and(|(_, now)| now.password_hash == user.password_hash);
        if !unchanged {
            return Err(gone());
        }
        let record = new_record(user.id, address, agent, "password", now_ms)?;
        self.store.change_password(&hash, &record)?;
        let ended = {
            let mut index = self.write();
            let ended = index.of_user(user.id);
            index.replace(&ended, Some(record.clone()));
            index.set_password(user.id, hash);
            ended
        };
        (self.on_end)(ended);
        let user = self.read().user(user.id).cloned().ok_or_else(gone)?;
        let token = self.token(&record);
        Ok(LoggedIn {
            session: self.described(&record, &user)?,
            token,
            device: None,
        })
    }

    pub(super) fn permit(
        &self,
        user: &str,
        password: &Secret,
        address: IpAddr,
        device: Option<[u8; 16]>,
    ) -> Result<Permit, Error> {
        let attempt = Attempt {
            address,
            account: node_token::sha256(user),
            device,
            password: self.passwords.hash_one(password.expose()),
        };
        self.throttle().attempt(attempt, self.uptime_ms()).map_err(|wait_ms| {
            let seconds = wait_ms.div_ceil(1000).max(1);
            Error::new(
                Kind::Throttled,
                "Too many wrong passwords.",
                format!("Try again in {seconds} seconds. A browser that has logged in before is not held up by others."),
            )
            .retry_after_s(seconds)
        })
    }

    /// Compares with a bounded number of others at the same time.
    pub(super) fn verify(
        &self,
        permit: Permit,
        given: &Secret,
        stored: &str,
    ) -> Result<bool, Error> {
        let Some(place) = self.work.enter(permit.rank(), permit.turn()) else {
            self.throttle().give_back(permit);
            return Err(Error::new(
                Kind::Busy,
                "Too many logins are being checked at this moment.",
                "Try again in a second.",
            )
            .retry_after_s(1));
        };
        let right = password::verify(given, stored);
        drop(place);
        match right {
            true => self.throttle().right(permit, self.uptime_ms()),
            false => self.throttle().wrong(permit),
        }
        Ok(right)
    }

    pub(super) fn uptime_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Begins a session of `user`, whose password was just found right.
    fn begin(
        &self,
        user: &UserRecord,
        record: SessionRecord,
        now_ms: i64,
    ) -> Result<SessionRecord, Error> {
        let _changes = self.changes();
        let ended = {
            let index = self.read();
            // The password may have been changed while the old one was compared.
            let unchanged = index
                .user(user.id)
                .is_some_and(|now| now.password_hash == user.password_hash && !now.disabled);
            if !unchanged {
                return Err(AuthError.into());
            }
            index.to_end(user.id, now_ms)
        };
        self.store.insert_session(&record, &ended)?;
        self.write().replace(&ended, Some(record.clone()));
        if !ended.is_empty() {
            (self.on_end)(ended);
        }
        Ok(record)
    }
}

fn new_record(
    user_id: i64,
    address: IpAddr,
    agent: &str,
    factor: &str,
    now_ms: i64,
) -> Result<SessionRecord, Error> {
    let mut id = [0u8; 16];
    keys::random(&mut id)?;
    // Whole seconds, as the token has them.
    let expires_ms = (now_ms + SESSION_MS).div_euclid(1000) * 1000;
    Ok(SessionRecord {
        id: SessionId(id),
        user_id,
        created_ms: now_ms,
        expires_ms,
        address: address.to_string(),
        used_ms: wall_ms(),
        agent: failures::shown(agent, AGENT_CHARS_MAX),
        proof_ms: now_ms,
        factor: factor.to_owned(),
    })
}
