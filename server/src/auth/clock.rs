//! The time by which logins end. No step of the wall clock ends one: it goes on with
//! the time since boot, also from one run of the server to the next.
//!
//! Tokens say when they were made and when they end in this time, which is the wall
//! clock's unless that was set since.

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::store::{SessionRecord, Store};

/// In the table `meta`.
const KEY: &str = "session_clock";

/// What outlives the process: good within one boot of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    boot_id: String,
    at_boot_ms: i64,
}

/// What it showed when this machine booted.
#[derive(Clone, Copy, Debug)]
pub struct SessionClock {
    at_boot_ms: i64,
}

impl SessionClock {
    /// Goes on where the last run left off. A database that can't be written makes no
    /// difference now.
    pub fn open(store: &Store, sessions: &[SessionRecord]) -> Self {
        let boot_id = clock::boot_id();
        let kept = store.meta(KEY).ok().flatten();
        let kept: Option<Kept> = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        let known = kept.filter(|kept| !boot_id.is_empty() && kept.boot_id == boot_id);
        if let Some(kept) = known.filter(|_| !sessions.is_empty()) {
            return Self {
                at_boot_ms: kept.at_boot_ms,
            };
        }
        let newest_ms = sessions.iter().map(|session| session.created_ms).max();
        let begun = Self::begin(newest_ms, clock::wall_ms(), clock::boot_ms());
        let kept = Kept {
            boot_id,
            at_boot_ms: begun.at_boot_ms,
        };
        let value = serde_json::to_vec(&kept).unwrap_or_default();
        let _ = store.set_meta(&[(KEY, &value)]);
        begun
    }

    /// On another boot: by the wall clock, but no login is from the future.
    fn begin(newest_ms: Option<i64>, wall_ms: i64, boot_ms: i64) -> Self {
        let now_ms = newest_ms.map_or(wall_ms, |newest_ms| newest_ms.max(wall_ms));
        Self {
            at_boot_ms: now_ms.saturating_sub(boot_ms),
        }
    }

    pub fn now_ms(&self) -> i64 {
        self.at_boot_ms.saturating_add(clock::boot_ms())
    }

    /// The wall clock's time of one of ours, for people.
    pub fn shown_ms(&self, time_ms: i64) -> i64 {
        let left_ms = time_ms.saturating_sub(self.now_ms());
        clock::wall_ms().saturating_add(left_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::SESSION_MS;
    use crate::store::SessionId;
    use stardust_base::testing::Folder;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn after_a_boot_no_login_is_from_the_future() {
        let now =
            |newest_ms, wall_ms| SessionClock::begin(newest_ms, wall_ms, 700).at_boot_ms + 700;
        assert_eq!(now(None, 5_000), 5_000);
        assert_eq!(now(Some(4_000), 5_000), 5_000);
        // An hour back, or in 1970: the newest login has just been made.
        assert_eq!(now(Some(9 * HOUR_MS), 8 * HOUR_MS), 9 * HOUR_MS);
        assert_eq!(now(Some(9 * HOUR_MS), 0), 9 * HOUR_MS);
        assert_eq!(now(Some(i64::MAX), i64::MIN), i64::MAX);
    }

    #[test]
    fn within_a_boot_it_goes_on_whatever_the_wall_clock_says() {
        let folder = Folder::new();
        let store = Store::open(&folder.join("s.db")).unwrap();
        let first = SessionClock::open(&store, &[]);
        let off_ms = (first.now_ms() - clock::wall_ms()).abs();
        assert!(off_ms < 5_000, "{off_ms}");
        // As a run kept it when the wall clock was twelve years ahead.
        let ahead = Kept {
            boot_id: clock::boot_id(),
            at_boot_ms: first.at_boot_ms + 12 * 365 * 24 * HOUR_MS,
        };
        let value = serde_json::to_vec(&ahead).unwrap();
        store.set_meta(&[(KEY, &value)]).unwrap();
        let created_ms = ahead.at_boot_ms + clock::boot_ms() - HOUR_MS;
        let session = SessionRecord {
            id: SessionId([7; 16]),
            user_id: 1,
            created_ms,
            expires_ms: created_ms + SESSION_MS,
            ..SessionRecord::default()
        };
        let second = SessionClock::open(&store, std::slice::from_ref(&session));
        assert_eq!(second.at_boot_ms, ahead.at_boot_ms);
        assert!(second.now_ms() < session.expires_ms);
        let shown_ms = second.shown_ms(session.expires_ms) - clock::wall_ms();
        assert!(
            (shown_ms - (SESSION_MS - HOUR_MS)).abs() < 5_000,
            "{shown_ms}"
        );
        // Where nobody is signed in it begins anew.
        let third = SessionClock::open(&store, &[]);
        assert!((third.now_ms() - clock::wall_ms()).abs() < 5_000);
    }
}
