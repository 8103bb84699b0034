//! Users, groups, sessions and tokens in memory, so that checking who asks needs no disk.

use std::collections::HashMap;
use std::sync::Arc;

use stardust_model::access::{Grant, Principal, Role};

use crate::store::{
    ApiTokenRecord, GroupRecord, PasskeyRecord, SessionId, SessionRecord, TotpRecord, UserRecord,
};

/// Sessions of one user at a time; the oldest ends when another one begins.
pub const SESSIONS_PER_USER_MAX: usize = 32;

#[derive(Default)]
pub struct Index {
    users: HashMap<i64, UserRecord>,
    groups: Vec<GroupRecord>,
    sessions: HashMap<SessionId, SessionRecord>,
    /// By what is shown, hashed.
    tokens: HashMap<[u8; 32], ApiTokenRecord>,
    /// What each user may, by number.
    principals: HashMap<i64, Arc<Principal>>,
    /// Who has a second factor: codes by time, and how many passkeys.
    factors: HashMap<i64, Factors>,
    /// Roles from this one on have to have one.
    factor_for: Option<Role>,
    /// The same of each token.
    token_principals: HashMap<i64, Arc<Principal>>,
}

/// What the database has of them.
#[derive(Default)]
pub struct Accounts {
    pub users: Vec<UserRecord>,
    pub groups: Vec<GroupRecord>,
    pub tokens: Vec<ApiTokenRecord>,
    pub totps: Vec<TotpRecord>,
    pub passkeys: Vec<PasskeyRecord>,
    pub factor_for: Option<Role>,
}

/// The second factors of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Factors {
    pub totp: bool,
    pub passkeys: usize,
}

impl Factors {
    pub fn any(self) -> bool {
        self.totp || self.passkeys > 0
    }
}

impl Index {
    pub fn new(accounts: Accounts, sessions: Vec<SessionRecord>) -> Self {
        let mut index = Self::default();
        index.set_accounts(accounts);
        index.sessions = sessions
            .into_iter()
            .map(|session| (session.id, session))
            .collect();
        index
    }

    /// Takes what the database has now. Sessions of users that are gone go too, which is
    /// answered; what nobody has changed stays the very same principal.
    pub fn set_accounts(&mut self, accounts: Accounts) -> Vec<SessionId> {
        self.users = by_id(accounts.users, |user| user.id);
        self.groups = accounts.groups;
        let principals = self.users.values().map(|user| {
            let now = Principal::of_user(self.grants(user));
            (user.id, kept(self.principals.get(&user.id), now))
        });
        self.principals = principals.collect();
        let of_tokens = accounts.tokens.iter().filter_map(|token| {
            let owner = self.principals.get(&token.user_id)?;
            let now = owner.narrowed(token.grant.clone(), token.read_only);
            Some((token.id, kept(self.token_principals.get(&token.id), now)))
        });
        self.token_principals = of_tokens.collect();
        self.tokens = accounts
            .tokens
            .into_iter()
            .map(|token| (token.sha256, token))
            .collect();
        self.factor_for = accounts.factor_for;
        self.factors = HashMap::new();
        for totp in accounts.totps.iter().filter(|totp| totp.confirmed) {
            self.factors.entry(totp.user_id).or_default().totp = true;
        }
        for passkey in &accounts.passkeys {
            self.factors.entry(passkey.user_id).or_default().passkeys += 1;
        }
        let users = &self.users;
        let ended: Vec<SessionId> = self
            .sessions
            .values()
            .filter(|session| {
                let user = users.get(&session.user_id);
                user.is_none_or(|user| user.disabled)
            })
            .map(|session| session.id)
            .collect();
        self.replace(&ended, None);
        ended
    }

    fn grants(&self, user: &UserRecord) -> Vec<Grant> {
        if user.disabled {
            return Vec::new();
        }
        let of_groups = self
            .groups
            .iter()
            .filter(|group| user.groups.contains(&group.id))
            .map(|group| group.grant.clone());
        std::iter::once(user.grant.clone())
            .chain(of_groups)
            .collect()
    }

    pub fn user(&self, id: i64) -> Option<&UserRecord> {
        self.users.get(&id)
    }

    pub fn user_named(&self, name: &str) -> Option<&UserRecord> {
        self.users.values().find(|user| user.name == name)
    }

    /// By number.
    pub fn users(&self) -> Vec<UserRecord> {
        let mut users: Vec<_> = self.users.values().cloned().collect();
        users.sort_by_key(|user| user.id);
        users
    }

    pub fn groups(&self) -> &[GroupRecord] {
        &self.groups
    }

    pub fn principal(&self, user_id: i64) -> Option<&Arc<Principal>> {
        self.principals.get(&user_id)
    }

    pub fn factors(&self, user_id: i64) -> Factors {
        self.factors.get(&user_id).copied().unwrap_or_default()
    }

    /// What the user of a session may, and whether a second factor must be set up first.
    pub fn what_may(&self, session: &SessionRecord) -> Option<(Arc<Principal>, bool)> {
        let principal = self.principals.get(&session.user_id)?;
        let wants = self.factor_for.is_some_and(|role| principal.role() >= role);
        let has_proved = matches!(session.factor.as_str(), "passkey" | "oidc" | "proxy");
        let must_enrol = wants && !has_proved && !self.factors(session.user_id).any();
        Some((Arc::clone(principal), must_enrol))
    }

    pub fn factor_for(&self) -> Option<Role> {
        self.factor_for
    }

    pub fn note_proof(&mut self, id: SessionId, factor: &str, proof_ms: i64) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.proof_ms = proof_ms;
            session.factor = factor.to_owned();
        }
    }

    pub fn principal_of_token(&self, id: i64) -> Option<&Arc<Principal>> {
        self.token_principals.get(&id)
    }

    /// The session and its user, while neither has ended.
    pub fn live(&self, id: SessionId, now_ms: i64) -> Option<(&SessionRecord, &UserRecord)> {
        let session = self.sessions.get(&id).filter(|s| s.expires_ms > now_ms)?;
        let user = self.users.get(&session.user_id)?;
        (!user.disabled).then_some((session, user))
    }

    /// A token that is good now, by the wall clock, with its owner and what it may.
    pub fn token(
        &self,
        sha256: &[u8; 32],
        wall_ms: i64,
    ) -> Option<(&ApiTokenRecord, &UserRecord, &Arc<Principal>)> {
        let token = self.tokens.get(sha256)?;
        let user = self.users.get(&token.user_id)?;
        let over = token.expires_ms.is_some_and(|end_ms| end_ms <= wall_ms);
        if over || user.disabled || user.must_change {
            return None;
        }
        Some((token, user, self.token_principals.get(&token.id)?))
    }

    /// Tokens by number.
    pub fn tokens(&self) -> Vec<ApiTokenRecord> {
        let mut tokens: Vec<_> = self.tokens.values().cloned().collect();
        tokens.sort_by_key(|token| token.id);
        tokens
    }

    /// The newest first.
    pub fn sessions(&self, now_ms: i64) -> Vec<SessionRecord> {
        let live = |session: &&SessionRecord| session.expires_ms > now_ms;
        let mut sessions: Vec<_> = self.sessions.values().filter(live).cloned().collect();
        sessions.sort_by_key(|session| std::cmp::Reverse((session.created_ms, session.id)));
        sessions
    }

    /// Expired ones, and the oldest of `user_id` beyond what leaves room for one more.
    pub fn to_end(&self, user_id: i64, now_ms: i64) -> Vec<SessionId> {
        let (mut own, mut ended) = (Vec::new(), Vec::new());
        for session in self.sessions.values() {
            if session.expires_ms <= now_ms {
                ended.push(session.id);
            } else if session.user_id == user_id {
                own.push((session.created_ms, session.id));
            }
        }
        own.sort_unstable();
        let over = (own.len() + 1).saturating_sub(SESSIONS_PER_USER_MAX);
        ended.extend(own.into_iter().take(over).map(|(_, id)| id));
        ended
    }

    pub fn of_user(&self, user_id: i64) -> Vec<SessionId> {
        self.sessions
            .values()
            .filter(|session| session.user_id == user_id)
            .map(|session| session.id)
            .collect()
    }

    pub fn replace(&mut self, ended: &[SessionId], begun: Option<SessionRecord>) {
        for id in ended {
            self.sessions.remove(id);
        }
        if let Some(session) = begun {
            self.sessions.insert(session.id, session);
        }
    }

    pub fn set_password(&mut self, user_id: i64, password_hash: String) {
        if let Some(user) = self.users.get_mut(&user_id) {
            user.password_hash = password_hash;
            user.must_change = false;
        }
    }

    /// The same password, hashed in a better way.
    pub fn set_hash(&mut self, user_id: i64, before: &str, password_hash: String) {
        let user = self.users.get_mut(&user_id);
        if let Some(user) = user.filter(|user| user.password_hash == before) {
            user.password_hash = password_hash;
        }
    }
}

/// The one from before, where it is as good.
fn kept(before: Option<&Arc<Principal>>, now: Principal) -> Arc<Principal> {
    match before {
        Some(before) if **before == now => Arc::clone(before),
        _ => Arc::new(now),
    }
}

fn by_id<T>(all: Vec<T>, id: impl Fn(&T) -> i64) -> HashMap<i64, T> {
    all.into_iter().map(|one| (id(&one), one)).collect()
}
