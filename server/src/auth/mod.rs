//! Who may come in: passwords, sessions, tokens, and how often one may try.
//!
//! [`Auth::authenticate`] works in memory alone and is called on the gate thread
//! too; everything that hashes or writes is called from API workers only.

mod accounts;
mod api_token;
mod challenge;
mod clock;
pub mod cookies;
pub mod device;
mod external;
mod factors;
pub mod failures;
mod index;
mod jwt;
pub mod keys;
mod lanes;
mod login;
pub mod node_token;
pub mod offline;
pub mod origin;
mod passkeys;
mod password;
pub mod rate;
mod recovery;
pub mod reset;
mod scrape_token;
pub mod seal;
pub mod seed;
mod sessions;
pub mod strength;
mod throttle;
pub(crate) mod totp;
mod uses;
pub(crate) mod webauthn;
mod work;

use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use stardust_model::access::Principal;

use crate::clock::wall_ms;
use crate::error::{Error, Kind};
use crate::secret::{Secret, equal};
use crate::store::{SessionRecord, Store, UserRecord};

pub use crate::store::SessionId;
pub use accounts::{NewAccount, NewToken, UserEdit};
pub use external::Visitor;
pub use factors::{NewTotp, Proof, proof_needed};
pub use index::Factors;
pub use passkeys::{Answer as PasskeyAnswer, Question, Site};
pub use scrape_token::ScrapeToken;
pub use seed::{ADMIN_PASSWORD_DEFAULT, AdminSeed};
pub use sessions::{SeenSession, session_name};
pub use webauthn::ALGORITHMS;

use clock::SessionClock;
use failures::Failures;
use index::{Accounts, Index};
use keys::{Key, Keys};
use stardust_shared::base64;
use throttle::Throttle;
use uses::Uses;
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
    challenge_key: Key,
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
    /// Questions to passkeys that were answered.
    spent: Mutex<challenge::Spent>,
    /// Of sessions and tokens.
    uses: Mutex<Uses>,
    /// How often tokens ask.
    rates: Mutex<rate::Rates>,
    /// Grows whenever somebody may do more or less than before.
    generation: AtomicU64,
    started: Instant,
    clock: SessionClock,
    on_end: OnEnd,
}

/// What hashing costs; only tests lower it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    #[cfg(test)]
    pub keys: Option<u32>,
    pub password: password::Cost,
}

#[cfg(test)]
impl Cost {
    pub const CHEAP: Self = Self {
        keys: Some(1),
        password: password::CHEAP,
    };
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
    /// Where it came from: to be noted with what it was used.
    pub address: Option<IpAddr>,
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
    /// What it may.
    pub principal: Arc<Principal>,
    /// It is a program's token, and which.
    pub token: Option<TokenName>,
    /// When whoever has it last proved to be there, by the clock of sessions.
    pub proof_ms: i64,
    /// Nothing but setting up a second factor is allowed.
    pub must_enrol: bool,
}

/// A token of a program, as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenName {
    pub id: i64,
    pub name: String,
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
    /// Of the second factor, where there is one: a code by time or a recovery code.
    pub code: Option<&'a Secret>,
    /// Or a passkey.
    pub passkey: Option<(&'a PasskeyAnswer<'a>, Site<'a>)>,
    pub address: IpAddr,
    /// The whole Cookie header.
    pub cookie: Option<&'a str>,
    /// What the browser or the program says that it is.
    pub agent: &'a str,
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
            password: password::COST,
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
        let accounts = Accounts {
            users,
            ..accounts::read(&store)?
        };
        let index = Index::new(accounts, sessions);
        Ok(Self {
            jwt_key: keys.derive("jwt"),
            csrf_key: keys.derive("csrf"),
            device_key: keys.derive("device cookie"),
            challenge_key: keys.derive("passkey challenge"),
            keys,
            cost,
            nobody: password::nobody(cost.password)?,
            index: RwLock::new(index),
            changes: Mutex::new(()),
            throttle: Mutex::default(),
            passwords: RandomState::new(),
            failures: Mutex::default(),
            work: Work::default(),
            spent: Mutex::default(),
            uses: Mutex::default(),
            rates: Mutex::default(),
            generation: AtomicU64::new(0),
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
        let session = match given.authorization.and_then(bearer) {
            Some(text) => match api_token::hash(text) {
                Some(sha256) => self.token_session(&sha256, now_ms),
                None => self.session_of(text, false, now_ms),
            },
            None => self.cookie_session(given, now_ms),
        };
        let session = session.ok_or(AuthError)?;
        if let Some(address) = given.address {
            let token = session.token.as_ref().map(|token| token.id);
            self.uses().note(session.id, token, address, wall_ms());
        }
        Ok(session)
    }

    fn cookie_session(&self, given: Credentials<'_>, now_ms: i64) -> Option<Session> {
        cookies::values(
            given.cookie.unwrap_or(""),
            cookies::session_name(given.https),
        )
        .take(SESSION_COOKIES_MAX)
        .find_map(|token| self.session_of(token, true, now_ms))
    }

    fn token_session(&self, sha256: &[u8; 32], now_ms: i64) -> Option<Session> {
        let index = self.read();
        let now = wall_ms();
        let (token, user, principal) = index.token(sha256, now)?;
        // Its end is by the wall clock, as whoever made it has said.
        let left_ms = token.expires_ms.map(|end_ms| end_ms - now);
        let mut id = [0; 16];
        id.copy_from_slice(&sha256[..16]);
        Some(Session {
            id: SessionId(id),
            user_id: user.id,
            user: user.name.clone(),
            expires_ms: left_ms.map_or(i64::MAX, |left_ms| now_ms.saturating_add(left_ms)),
            must_change_password: false,
            via_cookie: false,
            csrf: String::new(),
            principal: Arc::clone(principal),
            token: Some(TokenName {
                id: token.id,
                name: token.name.clone(),
            }),
            proof_ms: now_ms,
            must_enrol: false,
        })
    }

    /// One more request of a token.
    pub fn take_turn(&self, token: i64) -> rate::Left {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates.take(token, self.uptime_ms())
    }

    /// Another number when somebody may do more or less than before.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What a session or a token may now; none when it has ended.
    pub fn principal_of(&self, session: &Session) -> Option<Arc<Principal>> {
        let index = self.read();
        match &session.token {
            None => {
                index.live(session.id, self.now_ms())?;
                index.principal(session.user_id).cloned()
            }
            Some(token) => index.principal_of_token(token.id).cloned(),
        }
    }

    fn session_of(&self, token: &str, via_cookie: bool, now_ms: i64) -> Option<Session> {
        let token = jwt::verify(&self.jwt_key, token, now_ms)?;
        let index = self.read();
        let (record, user) = index.live(token.session, now_ms)?;
        let may = index.what_may(record)?;
        (record.user_id == token.user_id).then(|| self.describe(record, user, may, via_cookie))
    }

    fn describe(
        &self,
        record: &SessionRecord,
        user: &UserRecord,
        (principal, must_enrol): (Arc<Principal>, bool),
        via_cookie: bool,
    ) -> Session {
        let csrf = keys::mac(&self.csrf_key, &[&record.id.0]);
        Session {
            id: record.id,
            user_id: user.id,
            user: user.name.clone(),
            expires_ms: record.expires_ms,
            must_change_password: user.must_change,
            via_cookie,
            csrf: base64::URL.encode(&csrf),
            must_enrol,
            principal,
            token: None,
            proof_ms: record.proof_ms,
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

    fn uses(&self) -> std::sync::MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests;
