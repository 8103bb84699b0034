//! `stardust-server rekey`, the real program on a real database.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

use std::path::PathBuf;
use std::process::{Command, Output};

use stardust_server::auth::keys::Keys;
use stardust_server::error::Kind;
use stardust_server::secret::Secret;
use stardust_server::store::Store;
use stardust_server::store::lock::DatabaseLock;

const OLD: &str = "the first secret of all";
const NEW: &str = "the second secret of all";

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn rekey(db: &std::path::Path, old: &str, new: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stardust-server"))
        .env_clear()
        .env("STARDUST_SECRET", old)
        .env("STARDUST_SECRET_NEW", new)
        .arg("rekey")
        .arg("--db")
        .arg(db)
        .output()
        .unwrap()
}

#[test]
fn the_secret_of_a_database_can_be_changed() {
    let name = format!("stardust-rekey-{}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    std::fs::create_dir(&folder.0).unwrap();
    let db = folder.0.join("stardust.db");
    let keys = |secret: &str| {
        Keys::open(&Store::open(&db).unwrap(), &Secret::new(secret.into())).map(|_| ())
    };
    keys(OLD).unwrap();

    let text = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let wrong = rekey(&db, "not the secret of this one", NEW);
    assert_eq!(wrong.status.code(), Some(78), "{}", text(&wrong));
    assert!(text(&wrong).contains("hint:"));
    {
        let _server = DatabaseLock::serve(&db).unwrap();
        let held = rekey(&db, OLD, NEW);
        assert_eq!(held.status.code(), Some(1));
        assert!(
            text(&held).contains("Ground Control runs on"),
            "{}",
            text(&held)
        );
    }
    keys(OLD).unwrap();

    let done = rekey(&db, OLD, NEW);
    assert!(done.status.success(), "{}", text(&done));
    let shown = String::from_utf8_lossy(&done.stdout).into_owned() + &text(&done);
    assert!(!shown.contains(OLD) && !shown.contains(NEW));
    keys(NEW).unwrap();
    assert_eq!(keys(OLD).unwrap_err().kind, Kind::WrongSecret);
}
