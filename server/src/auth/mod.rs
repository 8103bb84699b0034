//! Who may come in: passwords, sessions, tokens, and how often one may try.
//!
//! [`Auth::authenticate`] works in memory alone and is called on the gate thread
//! too; everything that hashes or writes is called from API workers only.

mod clock;
pub mod cookies;
pub mod device;
mod failures;
mod index;
mod jwt;
pub mod keys;
pub mod node_token;
pub mod origin;
mod password;
pub mod reset;
mod scrape_token;
pub mod seed;
pub mod strength;
mod throttle;
mod work;

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use serde_json::json;

use crate::clock::wall_ms;
use crate::error::{Error, Kind};
use crate::events::{CHANGE, NewEvent, SIGN_IN_FAILED};
use crate::secret::{Secret, equal};
use crate::store::{SessionRecord, Store, UserRecord};

pub use crate::store::SessionId;
pub use scrape_token::ScrapeToken;
pub use seed::{ADMIN_PASSWORD_DEFAULT, AdminSeed};

use clock::SessionClock;
use failures::{Door, Failures};
use index::Index;
use keys::{Key, Keys};
use stardust_shared::base64;
use throttle::{Attempt, Permit, Throttle};
use work::Work;

/// Cookies of the session's name that are tried: other pages of the domain, and other
/// paths, may have set some.
const SESSION_COOKIES_MAX: usize = 16;
/// Longest name of a user, in characters.
pub const USER_CHARS_MAX: usize = 64;
/// Longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// How long a login lasts.
pub const SESSION_MS: i64 = 7 * 24 * 3_600_000;

/// Told of sessions that ended, so that their open sockets end too.
pub type OnEnd = Arc<dyn Fn(Vec<SessionId>) + Send + Sync>;

pub struct Auth {
    store: Arc<Store>,
    keys: Keys,
    jwt_key: Key,
    csrf_key: Key,
    device_key: Key,
    cost: Cost,
    /// Verified for users that do not exist: the answer takes as long.
    nobody: String,
    index: RwLock<Index>,
    /// Held over a change in the database and then in the index, so that both
    /// see changes in one order. Never taken by `authenticate`.
    changes: Mutex<()>,
    throttle: Mutex<Throttle>,
    /// Tells one password that was tried from another, and nothing more of it.
    passwords: RandomState,
    failures: Mutex<Failures>,
    work: Work,
    started: Instant,
    clock: SessionClock,
    on_end: OnEnd,
}

/// Rounds of hashing; only tests lower them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    #[cfg(test)]
    pub keys: Option<u32>,
    pub password: u32,
}

/// What a request shows of who it is from, as the headers have it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// The Authorization header.
    pub authorization: Option<&'a str>,
    /// The whole Cookie header.
    pub cookie: Option<&'a str>,
    /// It came by HTTPS, to us or to a trusted proxy.
    pub https: bool,
}

/// A login that is good now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub user_id: i64,
    pub user: String,
    pub expires_ms: i64,
    /// Nothing but changing the password is allowed.
    pub must_change_password: bool,
    /// A browser sent it by itself: whatever changes something needs `csrf` too.
    pub via_cookie: bool,
    pub csrf: String,
}

/// No session: there is no token, or it is not ours, or it has ended. Which one
/// is nobody's business outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthError;

impl From<AuthError> for Error {
    fn from(_: AuthError) -> Self {
        Self::new(
            Kind::Unauthenticated,
            "There is no login, or it has ended.",
            "Log in with POST /api/auth/login, or send Authorization: Bearer <token>.",
        )
    }
}

/// A try to log in.
pub struct Login<'a> {
    pub user: &'a str,
    pub password: &'a Secret,
    pub address: IpAddr,
    /// The whole Cookie header.
    pub cookie: Option<&'a str>,
}

/// A session that has just begun.
pub struct LoggedIn {
    pub session: Session,
    pub token: Secret,
    /// Value of the device cookie, when the browser had none that is good.
    pub device: Option<String>,
}

impl Auth {
    /// With the keys of this database; seeds the first user; reads users and sessions.
    ///
    /// # Errors
    /// When the database can't be read, or a first user can't be written.
    pub fn open(
        store: Arc<Store>,
        keys: Keys,
        admin: &AdminSeed,
        on_end: OnEnd,
    ) -> Result<Self, Error> {
        let cost = Cost {
            #[cfg(test)]
            keys: None,
            password: password::ROUNDS,
        };
        Self::assemble(store, keys, admin, on_end, cost)
    }

    #[cfg(test)]
    pub(crate) fn open_with(
        store: Arc<Store>,
        secret: &Secret,
        admin: &AdminSeed,
        on_end: OnEnd,
        cost: Cost,
    ) -> Result<Self, Error> {
        let keys = match cost.keys {
            Some(rounds) => Keys::open_with(&store, secret, rounds)?,
            None => Keys::open(&store, secret)?,
        };
        Self::assemble(store, keys, admin, on_end, cost)
    }

    fn assemble(
        store: Arc<Store>,
        keys: Keys,
        admin: &AdminSeed,
        on_end: OnEnd,
        cost: Cost,
    ) -> Result<Self, Error> {
        let mut users = store.users()?;
        if users.is_empty() {
            let hash = password::hash(&admin.password, cost.password)?;
            let must_change = admin.one_time || seed::is_default(&admin.password);
            users.push(store.insert_user(&admin.user, &hash, must_change, wall_ms())?);
        }
        let sessions = store.sessions()?;
        let clock = SessionClock::open(&store, &sessions);
        let index = Index::new(users, sessions);
        Ok(Self {
            jwt_key: keys.derive("jwt"),
            csrf_key: keys.derive("csrf"),
            device_key: keys.derive("device cookie"),
            keys,
            cost,
            nobody: password::nobody(cost.password)?,
            index: RwLock::new(index),
            changes: Mutex::new(()),
            throttle: Mutex::default(),
            passwords: RandomState::new(),
            failures: Mutex::default(),
            work: Work::default(),
            started: Instant::now(),
            clock,
            on_end,
            store,
        })
    }

    /// The time by which logins are good: what [`Self::authenticate`] and the others are
    /// to be given. The wall clock may step.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// When that is, for people.
    pub fn shown_ms(&self, time_ms: i64) -> i64 {
        self.clock.shown_ms(time_ms)
    }

    /// For other parts that need a key of their own.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    #[cfg(test)]
    pub fn default_password_in_use(&self) -> bool {
        let users = self.store.users().unwrap_or_default();
        !seed::with_default(&users).is_empty()
    }

    /// The session of a request. Memory only: an HMAC and two look-ups.
    pub fn authenticate(&self, given: Credentials<'_>, now_ms: i64) -> Result<Session, AuthError> {
        // A proxy may add Basic of its own; only Bearer is meant for us, and
        // where it is given it alone counts.
        if let Some(token) = given.authorization.and_then(bearer) {
            return self.session_of(token, false, now_ms).ok_or(AuthError);
        }
        cookies::values(
            given.cookie.unwrap_or(""),
            cookies::session_name(given.https),
        )
        .take(SESSION_COOKIES_MAX)
        .find_map(|token| self.session_of(token, true, now_ms))
        .ok_or(AuthError)
    }

    fn session_of(&self, token: &str, via_cookie: bool, now_ms: i64) -> Option<Session> {
        let token = jwt::verify(&self.jwt_key, token, now_ms)?;
        let index = self.read();
        let (record, user) = index.live(token.session, now_ms)?;
        (record.user_id == token.user_id).then(|| self.describe(record, user, via_cookie))
    }

    fn describe(&self, record: &SessionRecord, user: &UserRecord, via_cookie: bool) -> Session {
        let csrf = keys::mac(&self.csrf_key, &[&record.id.0]);
        Session {
            id: record.id,
            user_id: user.id,
            user: user.name.clone(),
            expires_ms: record.expires_ms,
            must_change_password: user.must_change,
            via_cookie,
            csrf: base64::URL.encode(&csrf),
        }
    }

    /// Whether a change that came with `session` was meant by its page.
    pub fn check_csrf(&self, session: &Session, header: Option<&str>) -> Result<(), Error> {
        if !session.via_cookie {
            return Ok(());
        }
        match header {
            Some(found) if equal(session.csrf.as_bytes(), found.as_bytes()) => Ok(()),
            _ => Err(Error::new(
                Kind::Csrf,
                "The X-CSRF-Token header is missing or wrong.",
                "Send the csrf value of GET /api/auth/session, or use Authorization: Bearer.",
            )),
        }
    }

    /// Hashes: takes about a tenth of a second. API workers only.
    pub fn login(&self, login: &Login<'_>, now_ms: i64) -> Result<LoggedIn, Error> {
        let device = cookies::values(login.cookie.unwrap_or(""), device::COOKIE)
            .take(4)
            .find_map(|cookie| device::verify(&self.device_key, login.user, cookie));
        let permit = self.permit(login.user, login.password, login.address, device)?;
        let user = self.read().user_named(login.user).cloned();
        let stored = user.as_ref().map_or(&self.nobody, |u| &u.password_hash);
        let right = self.verify(permit, login.password, stored)?;
        let Some(user) = user.filter(|_| right) else {
            self.note_failure(Door::SignIn, login.user, login.address, now_ms);
            return Err(Error::new(
                Kind::BadCredentials,
                "The user name or the password is wrong.",
                "Check both and try again.",
            ));
        };
        let session = self.begin(&user, now_ms)?;
        let device = match device {
            Some(_) => None,
            None => {
                let mut number = [0u8; 16];
                keys::random(&mut number)?;
                Some(device::sign(&self.device_key, &user.name, number))
            }
        };
        let token = self.token(&session);
        Ok(LoggedIn {
            session: self.describe(&session, &user, true),
            token,
            device,
        })
    }

    /// A line in the log and an event, of so many in a minute.
    fn note_failure(&self, door: Door, user: &str, address: IpAddr, now_ms: i64) {
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
        let record = new_record(user.id, now_ms)?;
        self.store.change_password(&hash, &record)?;
        let ended = {
            let mut index = self.write();
            let ended = index.of_user(user.id);
            index.replace(&ended, Some(record));
            index.set_password(user.id, hash);
            ended
        };
        (self.on_end)(ended);
        let user = self.read().user(user.id).cloned().ok_or_else(gone)?;
        let token = self.token(&record);
        Ok(LoggedIn {
            session: self.describe(&record, &user, true),
            token,
            device: None,
        })
    }

    fn permit(
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
    fn verify(&self, permit: Permit, given: &Secret, stored: &str) -> Result<bool, Error> {
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

    fn uptime_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Begins a session of `user`, whose password was just found right.
    fn begin(&self, user: &UserRecord, now_ms: i64) -> Result<SessionRecord, Error> {
        let record = new_record(user.id, now_ms)?;
        let _changes = self.changes();
        let ended = {
            let index = self.read();
            // The password may have been changed while the old one was compared.
            let unchanged = index
                .user(user.id)
                .is_some_and(|now| now.password_hash == user.password_hash);
            if !unchanged {
                return Err(AuthError.into());
            }
            index.to_end(user.id, now_ms)
        };
        self.store.insert_session(&record, &ended)?;
        self.write().replace(&ended, Some(record));
        if !ended.is_empty() {
            (self.on_end)(ended);
        }
        Ok(record)
    }

    fn token(&self, record: &SessionRecord) -> Secret {
        Secret::new(jwt::sign(
            &self.jwt_key,
            &jwt::Token {
                user_id: record.user_id,
                session: record.id,
                issued_ms: record.created_ms,
                expires_ms: record.expires_ms,
            },
        ))
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn changes(&self) -> std::sync::MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn throttle(&self) -> std::sync::MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a name and a password are of a size that is worth looking at.
pub fn plausible(user: &str, password: &Secret) -> bool {
    user.chars().count() <= USER_CHARS_MAX && password.expose().len() <= PASSWORD_BYTES_MAX
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("Bearer")
        .then(|| token.trim_matches(' '))
}

fn new_record(user_id: i64, now_ms: i64) -> Result<SessionRecord, Error> {
    let mut id = [0u8; 16];
    keys::random(&mut id)?;
    // Whole seconds, as the token has them.
    let expires_ms = (now_ms + SESSION_MS).div_euclid(1000) * 1000;
    Ok(SessionRecord {
        id: SessionId(id),
        user_id,
        created_ms: now_ms,
        expires_ms,
    })
}

#[cfg(test)]
mod tests;
