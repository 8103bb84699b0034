//! Users, groups and tokens of programs: made, changed, ended.
//!
//! The database decides (two requests at once come to it one after the other); what it
//! then has is taken into memory, and sessions that may no more are ended. API workers
//! only.

use std::sync::atomic::Ordering;

use stardust_model::access::{Grant, Role};

use super::index::Accounts;
use super::{Auth, Session, api_token, password, strength};
use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::store::{
    ApiTokenRecord, GroupRecord, NewUser, Store, StoreError, UserChange, UserRecord,
};

/// Users that there may be; all are held in memory.
const USERS_MAX: usize = 10_000;
const GROUPS_MAX: usize = 1_000;
/// In the settings: roles from this one on have to have a second factor.
pub(super) const FACTOR_FOR: &str = "second_factor_for";
/// Tokens of one user.
const TOKENS_PER_USER_MAX: usize = 100;

/// A user to be made.
pub struct NewAccount<'a> {
    pub name: &'a str,
    pub password: &'a Secret,
    pub must_change: bool,
    pub grant: Grant,
    pub groups: Vec<i64>,
}

/// What is to be changed of a user; `None` leaves it.
#[derive(Default)]
pub struct UserEdit {
    pub name: Option<String>,
    pub password: Option<Secret>,
    pub must_change: Option<bool>,
    pub grant: Option<Grant>,
    pub disabled: Option<bool>,
    pub groups: Option<Vec<i64>>,
}

/// A token to be made.
pub struct NewToken {
    pub name: String,
    pub grant: Grant,
    pub read_only: bool,
    pub expires_ms: Option<i64>,
}

impl Auth {
    pub fn users(&self) -> Vec<UserRecord> {
        self.read().users()
    }

    pub fn user(&self, id: i64) -> Option<UserRecord> {
        self.read().user(id).cloned()
    }

    pub fn user_named(&self, name: &str) -> Option<UserRecord> {
        self.read().user_named(name).cloned()
    }

    pub fn groups(&self) -> Vec<GroupRecord> {
        self.read().groups().to_vec()
    }

    /// Hashes.
    ///
    /// # Errors
    /// When the password is weak, the name is taken, or a group is not there.
    pub fn add_user(&self, new: &NewAccount<'_>, now_ms: i64) -> Result<UserRecord, Error> {
        strength::check(new.password, new.name)?;
        self.room("users", self.read().users().len(), USERS_MAX)?;
        self.know_groups(&new.groups)?;
        let hash = self.hashed(new.password)?;
        let _changes = self.changes();
        let made = self.store.add_user(&NewUser {
            name: new.name,
            password_hash: &hash,
            must_change: new.must_change,
            grant: &new.grant,
            groups: &new.groups,
            now_ms,
        })?;
        self.reload()?;
        Ok(made)
    }

    /// With another password, or one that must be changed, the user's sessions end; their
    /// tokens go on.
    ///
    /// # Errors
    /// When there is no such user, somebody else changed it meanwhile, or nobody would be
    /// left who may everything.
    pub fn change_user(
        &self,
        id: i64,
        edit: UserEdit,
        if_version: Option<i64>,
        now_ms: i64,
    ) -> Result<UserRecord, Error> {
        let before = self.user(id).ok_or(StoreError::Missing)?;
        let name = edit.name.as_deref().unwrap_or(&before.name);
        if let Some(password) = &edit.password {
            strength::check(password, name)?;
        }
        self.know_groups(edit.groups.as_deref().unwrap_or_default())?;
        let hash = edit.password.as_ref().map(|new| self.hashed(new));
        let change = UserChange {
            password_hash: hash.transpose()?,
            name: edit.name,
            must_change: edit.must_change,
            grant: edit.grant,
            disabled: edit.disabled,
            groups: edit.groups,
        };
        let ends_sessions = change.password_hash.is_some()
            || change.disabled == Some(true)
            || change.must_change == Some(true);
        let _changes = self.changes();
        let changed = self
            .store
            .change_user(id, &change, if_version, ends_sessions, now_ms)?;
        if ends_sessions {
            self.end_of_user(id);
        }
        self.reload()?;
        Ok(changed)
    }

    /// # Errors
    /// As of [`Self::change_user`].
    pub fn delete_user(&self, id: i64, if_version: Option<i64>) -> Result<UserRecord, Error> {
        let _changes = self.changes();
        let gone = self.store.delete_user(id, if_version)?;
        self.end_of_user(id);
        self.reload()?;
        Ok(gone)
    }

    pub fn add_group(&self, name: &str, grant: &Grant, now_ms: i64) -> Result<GroupRecord, Error> {
        self.room("groups", self.read().groups().len(), GROUPS_MAX)?;
        let _changes = self.changes();
        let made = self.store.add_group(name, grant, now_ms)?;
        self.reload()?;
        Ok(made)
    }

    /// # Errors
    /// When there is no such group, somebody else changed it meanwhile, or nobody would be
    /// left who may everything.
    pub fn change_group(
        &self,
        id: i64,
        name: Option<&str>,
        grant: Option<&Grant>,
        if_version: Option<i64>,
    ) -> Result<GroupRecord, Error> {
        let _changes = self.changes();
        let changed = self.store.change_group(id, name, grant, if_version)?;
        self.reload()?;
        Ok(changed)
    }

    /// # Errors
    /// As of [`Self::change_group`].
    pub fn delete_group(&self, id: i64, if_version: Option<i64>) -> Result<GroupRecord, Error> {
        let _changes = self.changes();
        let gone = self.store.delete_group(id, if_version)?;
        self.reload()?;
        Ok(gone)
    }

    /// All tokens, with their last use as it is known now.
    pub fn tokens(&self) -> Vec<ApiTokenRecord> {
        let mut tokens = self.read().tokens();
        let uses = self.uses();
        for token in &mut tokens {
            if let Some(used) = uses.of_token(token.id) {
                token.used_ms = Some(used.used_ms);
                token.used_address = Some(used.address.clone());
            }
        }
        tokens
    }

    /// A token of whoever asks, and its text, which is shown this once.
    ///
    /// # Errors
    /// When it would be good for more than they are, or they have one of that name.
    pub fn add_token(
        &self,
        session: &Session,
        new: NewToken,
        now_ms: i64,
    ) -> Result<(ApiTokenRecord, Secret), Error> {
        if !session.principal.may_grant(&new.grant) {
            return Err(Error::new(
                Kind::Forbidden,
                "The token would be good for more than you are.",
                "Give it at most your own role, rights and tags; GET /api/auth/session says them.",
            ));
        }
        let own = self.read().tokens();
        let own = own.iter().filter(|token| token.user_id == session.user_id);
        self.room("tokens", own.count(), TOKENS_PER_USER_MAX)?;
        let (text, sha256) = api_token::generate()?;
        let _changes = self.changes();
        let made = self.store.add_api_token(&ApiTokenRecord {
            id: 0,
            user_id: session.user_id,
            name: new.name,
            sha256,
            grant: new.grant,
            read_only: new.read_only,
            created_ms: now_ms,
            expires_ms: new.expires_ms,
            used_ms: None,
            used_address: None,
        })?;
        self.reload()?;
        Ok((made, text))
    }

    /// # Errors
    /// When there is none of that number.
    pub fn delete_token(&self, id: i64) -> Result<(), Error> {
        let _changes = self.changes();
        self.store.delete_api_token(id)?;
        self.reload()
    }

    fn hashed(&self, password: &Secret) -> Result<String, Error> {
        password::hash(password, self.cost.password)
    }

    fn know_groups(&self, groups: &[i64]) -> Result<(), Error> {
        let index = self.read();
        let known = |id: &i64| index.groups().iter().any(|group| group.id == *id);
        match groups.iter().find(|id| !known(id)) {
            None => Ok(()),
            Some(id) => Err(Error::invalid(
                format!("There is no group {id}."),
                "GET /api/groups lists them.",
            )),
        }
    }

    fn room(&self, what: &str, there: usize, most: usize) -> Result<(), Error> {
        if there < most {
            return Ok(());
        }
        Err(Error::new(
            Kind::Conflict,
            format!("There are {most} {what} already."),
            "Remove some that are no longer needed first.",
        ))
    }

    /// The database has taken the user's sessions out already.
    fn end_of_user(&self, id: i64) {
        let ended = {
            let mut index = self.write();
            let ended = index.of_user(id);
            index.replace(&ended, None);
            ended
        };
        if !ended.is_empty() {
            (self.on_end)(ended);
        }
    }

    /// Takes what the database has now; called with the changes held.
    pub(super) fn reload(&self) -> Result<(), Error> {
        let accounts = read(&self.store)?;
        let tokens: std::collections::HashSet<i64> =
            accounts.tokens.iter().map(|token| token.id).collect();
        self.rates
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .keep(|token| tokens.contains(&token));
        let ended = self.write().set_accounts(accounts);
        self.generation.fetch_add(1, Ordering::AcqRel);
        (self.on_end)(ended);
        Ok(())
    }
}

/// What the database has of accounts.
pub(super) fn read(store: &Store) -> Result<Accounts, Error> {
    let factor_for = store.setting(FACTOR_FOR)?;
    Ok(Accounts {
        users: store.users()?,
        groups: store.groups()?,
        tokens: store.api_tokens()?,
        totps: store.totps()?,
        passkeys: store.passkeys()?,
        factor_for: factor_for.and_then(|role| role.as_str().and_then(Role::parse)),
    })
}
