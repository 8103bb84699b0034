use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use stardust_base::testing::Folder;

const NOW_MS: i64 = 1_800_000_000_000;
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const CHEAP: Cost = Cost::CHEAP;

struct Fixture {
    auth: Auth,
    ended: Arc<Mutex<Vec<SessionId>>>,
    folder: Folder,
}

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

fn open(folder: &Folder, admin: &AdminSeed) -> (Auth, Arc<Mutex<Vec<SessionId>>>) {
    let store = Arc::new(Store::open(&folder.join("a.db")).unwrap());
    let ended = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&ended);
    let auth = Auth::open_with(
        store,
        &secret("0123456789abcdef"),
        admin,
        Arc::new(move |ids| sink.lock().unwrap().extend(ids)),
        CHEAP,
    )
    .unwrap();
    (auth, ended)
}

impl Fixture {
    fn new() -> Self {
        Self::seeded("ziggy", "played guitar")
    }

    fn seeded(user: &str, password: &str) -> Self {
        let folder = Folder::new();
        let seed = AdminSeed {
            user: user.into(),
            password: secret(password),
            ..AdminSeed::default()
        };
        let (auth, ended) = open(&folder, &seed);
        Self {
            auth,
            ended,
            folder,
        }
    }

    fn login(&self, user: &str, password: &str) -> Result<LoggedIn, Error> {
        self.login_from(user, password, HERE, None)
    }

    fn login_from(
        &self,
        user: &str,
        password: &str,
        address: IpAddr,
        cookie: Option<&str>,
    ) -> Result<LoggedIn, Error> {
        // Each login a second later than the one before it, as in life.
        static STEP: AtomicI64 = AtomicI64::new(0);
        let login = Login {
            user,
            password: &secret(password),
            address,
            cookie,
            agent: "",
            code: None,
            passkey: None,
        };
        self.auth
            .login(&login, NOW_MS + STEP.fetch_add(1, Ordering::Relaxed))
    }

    fn with_bearer(&self, token: &str) -> Result<Session, AuthError> {
        let header = format!("Bearer {token}");
        self.auth.authenticate(
            Credentials {
                authorization: Some(&header),
                cookie: None,
                https: false,
                address: None,
            },
            NOW_MS + 1000,
        )
    }

    fn with_cookie(&self, header: &str) -> Result<Session, AuthError> {
        self.auth.authenticate(
            Credentials {
                authorization: None,
                cookie: Some(header),
                https: false,
                address: None,
            },
            NOW_MS + 1000,
        )
    }
}

#[test]
fn a_login_is_good_by_header_and_by_cookie() {
    let fixture = Fixture::new();
    let login = fixture.login("ziggy", "played guitar").unwrap();
    let token = login.token.expose();
    let by_header = fixture.with_bearer(token).unwrap();
    assert!(!by_header.via_cookie && !by_header.must_change_password);
    assert_eq!(
        (by_header.user.as_str(), by_header.id),
        ("ziggy", login.session.id)
    );

    let by_cookie = fixture
        .with_cookie(&format!(
            "a=b; stardust_session=forged; stardust_session={token}"
        ))
        .unwrap();
    assert!(by_cookie.via_cookie);
    assert_eq!(by_cookie.csrf, login.session.csrf);

    assert_eq!(fixture.with_bearer(""), Err(AuthError));
    assert_eq!(fixture.with_cookie(""), Err(AuthError));
    // A bad Bearer is not rescued by a good cookie; Basic of a proxy is passed over.
    let cookie = format!("stardust_session={token}");
    for (authorization, good) in [
        ("Bearer nonsense", false),
        ("Basic dTpw", true),
        ("bearer", true),
    ] {
        let credentials = Credentials {
            authorization: Some(authorization),
            cookie: Some(&cookie),
            https: false,
            address: None,
        };
        let found = fixture.auth.authenticate(credentials, NOW_MS + 1000);
        assert_eq!(found.is_ok(), good, "{authorization}");
    }
}

#[test]
fn wrong_names_and_passwords_look_alike() {
    let fixture = Fixture::new();
    let wrong = fixture.login("ziggy", "played drums").err().unwrap();
    let nobody = fixture.login("weird", "played guitar").err().unwrap();
    assert_eq!(wrong, nobody);
    assert_eq!(wrong.kind, Kind::BadCredentials);
}

#[test]
fn sessions_end_at_their_time_and_at_logout_and_survive_a_restart() {
    let fixture = Fixture::new();
    let login = fixture.login("ziggy", "played guitar").unwrap();
    let other = fixture.login("ziggy", "played guitar").unwrap();
    let header = format!("Bearer {}", login.token.expose());
    let at = |auth: &Auth, now_ms| {
        let credentials = Credentials {
            authorization: Some(&header),
            cookie: None,
            https: false,
            address: None,
        };
        auth.authenticate(credentials, now_ms).is_ok()
    };
    let expires_ms = login.session.expires_ms;
    assert!(at(&fixture.auth, expires_ms - 1));
    assert!(!at(&fixture.auth, expires_ms));

    // The seed changes nothing once there is a user.
    let (again, ended) = open(&fixture.folder, &AdminSeed::default());
    assert!(at(&again, NOW_MS));
    assert!(!again.default_password_in_use());
    again.logout(&login.session).unwrap();
    assert!(!at(&again, NOW_MS));
    assert_eq!(*ended.lock().unwrap(), [login.session.id]);

    let (third, _) = open(&fixture.folder, &AdminSeed::default());
    assert!(!at(&third, NOW_MS), "a logout is for good");
    let other_header = format!("Bearer {}", other.token.expose());
    let credentials = Credentials {
        authorization: Some(&other_header),
        cookie: None,
        https: false,
        address: None,
    };
    assert!(third.authenticate(credentials, NOW_MS).is_ok());
}

#[test]
fn tokens_of_another_database_are_worth_nothing() {
    let (here, there) = (Fixture::new(), Fixture::new());
    let login = there.login("ziggy", "played guitar").unwrap();
    assert_eq!(here.with_bearer(login.token.expose()), Err(AuthError));
}

#[test]
fn a_password_change_ends_every_other_session() {
    let fixture = Fixture::new();
    let first = fixture.login("ziggy", "played guitar").unwrap();
    let second = fixture.login("ziggy", "played guitar").unwrap();
    let change = |session: &Session, current: &str, new: &str| {
        let (current, new) = (secret(current), secret(new));
        fixture
            .auth
            .change_password(session, &current, &new, HERE, "", NOW_MS + 500)
    };
    let wrong = change(&second.session, "wrong", "the spiders from mars");
    assert_eq!(wrong.err().unwrap().kind, Kind::BadCredentials);
    let weak = change(&second.session, "played guitar", "short");
    assert_eq!(weak.err().unwrap().kind, Kind::WeakPassword);
    assert!(fixture.with_bearer(first.token.expose()).is_ok());

    let changed = change(&second.session, "played guitar", "the spiders from mars").unwrap();
    assert_eq!(fixture.with_bearer(first.token.expose()), Err(AuthError));
    assert_eq!(fixture.with_bearer(second.token.expose()), Err(AuthError));
    assert!(fixture.with_bearer(changed.token.expose()).is_ok());
    let mut ended = fixture.ended.lock().unwrap().clone();
    let mut expected = [first.session.id, second.session.id];
    ended.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ended, expected);

    assert!(fixture.login("ziggy", "played guitar").is_err());
    assert!(fixture.login("ziggy", "the spiders from mars").is_ok());
    // A session that has ended can't change anything any more.
    let late = change(
        &first.session,
        "the spiders from mars",
        "rock and roll suicide",
    );
    assert_eq!(late.err().unwrap().kind, Kind::Unauthenticated);
}

#[test]
fn the_default_password_is_marked_until_it_is_changed() {
    let fixture = Fixture::seeded("admin", "admin");
    assert!(fixture.auth.default_password_in_use());
    let login = fixture.login("admin", "admin").unwrap();
    assert!(login.session.must_change_password);
    let back = fixture.auth.change_password(
        &login.session,
        &secret("admin"),
        &secret("admin"),
        HERE,
        "",
        NOW_MS,
    );
    assert_eq!(back.err().unwrap().kind, Kind::WeakPassword);
    let changed = fixture
        .auth
        .change_password(
            &login.session,
            &secret("admin"),
            &secret("no more admin"),
            HERE,
            "",
            NOW_MS,
        )
        .unwrap();
    assert!(!changed.session.must_change_password);
    assert!(!fixture.auth.default_password_in_use());
    let (again, _) = open(&fixture.folder, &AdminSeed::default());
    assert!(!again.default_password_in_use());
}

#[test]
fn csrf_is_asked_of_cookies_alone() {
    let fixture = Fixture::new();
    let login = fixture.login("ziggy", "played guitar").unwrap();
    let other = fixture.login("ziggy", "played guitar").unwrap();
    let token = login.token.expose();
    let by_cookie = fixture
        .with_cookie(&format!("stardust_session={token}"))
        .unwrap();
    let auth = &fixture.auth;
    assert!(
        auth.check_csrf(&by_cookie, Some(&login.session.csrf))
            .is_ok()
    );
    for wrong in [None, Some(""), Some("x"), Some(other.session.csrf.as_str())] {
        assert_eq!(
            auth.check_csrf(&by_cookie, wrong).unwrap_err().kind,
            Kind::Csrf
        );
    }
    let by_header = fixture.with_bearer(token).unwrap();
    assert!(auth.check_csrf(&by_header, None).is_ok());
}

#[test]
fn a_guesser_is_slowed_down_and_the_owner_is_not_locked_out() {
    let fixture = Fixture::new();
    let owner = fixture.login("ziggy", "played guitar").unwrap();
    let device = format!("stardust_device={}", owner.device.unwrap());

    let mut throttled = None;
    for n in 0..200u32 {
        let address = IpAddr::V4(std::net::Ipv4Addr::from(0x0a00_0000 + n));
        for address in [address, HERE] {
            let error = fixture
                .login_from("ziggy", &format!("guess {n}"), address, None)
                .err()
                .unwrap();
            if error.kind == Kind::Throttled {
                throttled = Some(error);
            }
        }
    }
    let retry_after_s = throttled.unwrap().retry_after_s.unwrap();
    assert!((1..=20).contains(&retry_after_s), "{retry_after_s}");
    // Even the right password waits from where the guessing comes …
    let stranger = fixture.login("ziggy", "played guitar").err().unwrap();
    assert_eq!(stranger.kind, Kind::Throttled);
    // … but not in the owner's browser, which gets no second device cookie.
    let again = fixture
        .login_from("ziggy", "played guitar", HERE, Some(&device))
        .unwrap();
    assert!(again.device.is_none());
    // A cookie of another user, or a forged one, is a stranger's.
    let forged = device::sign(&Key::new([0; 32]), "ziggy", [1; 16]);
    let cookie = format!("stardust_device={forged}");
    let refused = fixture.login_from("ziggy", "played guitar", HERE, Some(&cookie));
    assert_eq!(refused.err().unwrap().kind, Kind::Throttled);
    // The session that is open can still change the password.
    assert!(
        fixture
            .auth
            .change_password(
                &again.session,
                &secret("played guitar"),
                &secret("the spiders from mars"),
                HERE,
                "",
                NOW_MS + 500
            )
            .is_ok()
    );
}

#[test]
fn sessions_of_a_user_are_bounded() {
    let fixture = Fixture::new();
    let logins: Vec<_> = (0..index::SESSIONS_PER_USER_MAX + 3)
        .map(|_| fixture.login("ziggy", "played guitar").unwrap())
        .collect();
    let (gone, kept) = logins.split_at(3);
    for login in gone {
        assert_eq!(fixture.with_bearer(login.token.expose()), Err(AuthError));
    }
    for login in kept {
        assert!(fixture.with_bearer(login.token.expose()).is_ok());
    }
    assert_eq!(fixture.ended.lock().unwrap().len(), 3);
    let stored = fixture.auth.store.sessions().unwrap();
    assert_eq!(stored.len(), index::SESSIONS_PER_USER_MAX);
}

#[test]
fn unknown_users_take_as_long_as_known_ones() {
    let folder = Folder::new();
    let store = Arc::new(Store::open(&folder.join("t.db")).unwrap());
    let seed = AdminSeed {
        user: "ziggy".into(),
        password: secret("played guitar"),
        ..AdminSeed::default()
    };
    let cost = Cost {
        keys: Some(1),
        password: password::Cost {
            memory_kib: 1024,
            passes: 2,
        },
    };
    let auth = Auth::open_with(
        store,
        &secret("0123456789abcdef"),
        &seed,
        Arc::new(|_| {}),
        cost,
    )
    .unwrap();
    // CPU time: what other programs do meanwhile does not count.
    let cpu_ns = || {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `time` is a valid timespec for the call to fill.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    };
    let fastest = |user: &str| {
        (0..4)
            .map(|_| {
                let started = cpu_ns();
                let login = Login {
                    user,
                    password: &secret("wrong"),
                    address: HERE,
                    cookie: None,
                    agent: "",
                    code: None,
                    passkey: None,
                };
                assert!(auth.login(&login, NOW_MS).is_err());
                cpu_ns() - started
            })
            .min()
            .unwrap()
    };
    // Without the hash an answer takes a thousandth of this.
    let (known, unknown) = (fastest("ziggy"), fastest("nobody"));
    assert!(
        unknown * 4 > known && known * 4 > unknown,
        "{known} ns {unknown} ns"
    );
}
