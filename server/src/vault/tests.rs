use std::sync::Arc;

use super::*;
use crate::auth::seal;
use crate::error::Kind;
use crate::major_tom::hostkey::Pin;
use crate::secret::Secret;
use stardust_base::testing::Folder;

const OLD: &str = "the-old-secret-of-ours";
const NEW: &str = "the-new-secret-of-ours";

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

fn open(store: &Arc<Store>, text: &str) -> Result<Vault, Error> {
    Ok(Vault::open(
        Arc::clone(store),
        &Keys::open_with(store, &secret(text), 1)?,
    ))
}

fn store(folder: &Folder) -> Arc<Store> {
    let store = Arc::new(Store::open(&folder.join("v.db")).unwrap());
    for (name, token) in [("one", 1), ("two", 2)] {
        store.insert_node(name, &[], [token; 32], 0).unwrap();
    }
    store
}

fn full() -> Credentials {
    Credentials {
        node: Login {
            host: "pi.example".into(),
            port: 2222,
            user: "ops".into(),
            auth: Some(SshAuth::Key {
                private_key: secret("-----BEGIN recognisable key-----"),
                passphrase: Some(secret("recognisable passphrase")),
                certificate: Some(secret("recognisable certificate")),
                password: Some(secret("recognisable second password")),
            }),
            host_key: Pin::from_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHmP"),
        },
        sudo_password: Some(secret("recognisable sudo password")),
        jump: Some(Login {
            host: "2001:db8::7".into(),
            port: 22,
            user: "gate".into(),
            auth: Some(SshAuth::Password(secret("recognisable jump password"))),
            host_key: None,
        }),
        machine_id: Some("0123456789abcdef0123456789abcdef".into()),
    }
}

#[test]
fn credentials_come_back_and_can_be_forgotten() {
    let folder = Folder::new();
    let store = store(&folder);
    let vault = open(&store, OLD).unwrap();
    assert_eq!(vault.get(1).unwrap(), None);
    assert!(full().node.host_key.is_some());
    assert!(vault.put(1, &full(), 5).unwrap());
    assert_eq!(vault.get(1).unwrap(), Some(full()));
    assert_eq!(vault.get(2).unwrap(), None);
    assert!(!vault.put(99, &full(), 5).unwrap(), "there is no node 99");

    vault.forget_secrets(1).unwrap();
    let left = vault.get(1).unwrap().unwrap();
    assert_eq!((left.node.auth, left.sudo_password), (None, None));
    assert_eq!(left.node.host_key, full().node.host_key);
    assert_eq!(left.jump.unwrap().auth, None);

    // What is put replaces all that was there.
    let plain = Credentials {
        jump: None,
        sudo_password: None,
        ..full()
    };
    vault.put(1, &full(), 6).unwrap();
    vault.put(1, &plain, 7).unwrap();
    assert_eq!(vault.get(1).unwrap(), Some(plain));
    store.delete_node(1).unwrap();
    assert_eq!(vault.get(1).unwrap(), None);
}

#[test]
fn nothing_of_it_is_readable_in_the_files_or_in_debug() {
    let folder = Folder::new();
    let store = store(&folder);
    open(&store, OLD).unwrap().put(1, &full(), 5).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for needle in ["recognisable", "pi.example", "2001:db8::7"] {
            let found = bytes.windows(needle.len()).any(|w| w == needle.as_bytes());
            assert!(!found, "{needle}");
        }
    }
    assert!(!format!("{:?}", full()).contains("recognisable"));
}

#[test]
fn a_value_opens_only_where_it_was_put() {
    let folder = Folder::new();
    let store = store(&folder);
    let vault = open(&store, OLD).unwrap();
    vault.put(1, &full(), 5).unwrap();
    let blob = |field: &str| -> Vec<u8> {
        let all = store.credentials(1).unwrap();
        all.into_iter().find(|(f, _)| f == field).unwrap().1
    };
    let (password, passphrase) = (blob("sudo.password"), blob("ssh.passphrase"));
    let key = &vault.key;
    assert!(seal::open(key, 1, "sudo.password", &password).is_ok());
    for (node, field) in [
        (2, "sudo.password"),
        (1, "ssh.password"),
        (0x0100, "sudo.password"),
    ] {
        let error = seal::open(key, node, field, &password).unwrap_err();
        assert_eq!(error.kind, Kind::Database, "{node} {field}");
    }
    // Swapped within one node.
    store
        .writer()
        .execute(
            "UPDATE credentials SET blob = ?1 WHERE field = 'sudo.password'",
            [&passphrase],
        )
        .unwrap();
    assert!(vault.get(1).is_err());
    // Each bit counts, and so does the length.
    for at in 0..password.len() {
        let mut wrong = password.clone();
        wrong[at] ^= 1;
        assert!(seal::open(key, 1, "sudo.password", &wrong).is_err(), "{at}");
        assert!(seal::open(key, 1, "sudo.password", &password[..at]).is_err());
    }
}

#[test]
fn blobs_of_short_values_are_of_one_size_and_never_the_same_twice() {
    let key = Key::new([7; 32]);
    let a = seal::seal(&key, 1, "f", b"").unwrap();
    let b = seal::seal(&key, 1, "f", &[b'x'; 60]).unwrap();
    assert_eq!(a.len(), b.len());
    assert_ne!(a, seal::seal(&key, 1, "f", b"").unwrap());
    assert_eq!(
        seal::open(&key, 1, "f", &b).unwrap().expose(),
        "x".repeat(60)
    );
    assert!(seal::seal(&key, 1, "f", &vec![b'x'; seal::PLAIN_BYTES_MAX]).is_ok());
    assert!(seal::seal(&key, 1, "f", &vec![b'x'; seal::PLAIN_BYTES_MAX + 1]).is_err());
}

#[test]
fn rekey_moves_everything_to_the_new_secret() {
    let folder = Folder::new();
    let store = store(&folder);
    let vault = open(&store, OLD).unwrap();
    vault.put(1, &full(), 5).unwrap();
    vault.put(2, &full(), 5).unwrap();
    let blobs: Vec<_> = store.credentials(1).unwrap();
    let done = rekey::rekey(&store, &secret(OLD), &secret(NEW), 1, || Ok(())).unwrap();
    assert_eq!(done, 2 * blobs.len());
    assert_eq!(open(&store, OLD).err().unwrap().kind, Kind::WrongSecret);
    let vault = open(&store, NEW).unwrap();
    assert_eq!(vault.get(1).unwrap(), Some(full()));
    assert_eq!(vault.get(2).unwrap(), Some(full()));
    // What the old secret opens is in none of the files any more.
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for (field, blob) in &blobs {
            let found = bytes.windows(blob.len()).any(|w| w == blob);
            assert!(!found, "{field} in {}", path.display());
        }
    }
}

#[test]
fn rekey_that_fails_before_its_end_changes_nothing() {
    let folder = Folder::new();
    let store = store(&folder);
    open(&store, OLD).unwrap().put(1, &full(), 5).unwrap();
    let before = store.credentials(1).unwrap();
    let failed = rekey::rekey(&store, &secret(OLD), &secret(NEW), 1, || {
        Err(Error::internal())
    });
    assert_eq!(failed.unwrap_err().kind, Kind::Internal);
    assert_eq!(store.credentials(1).unwrap(), before);
    assert_eq!(open(&store, NEW).err().unwrap().kind, Kind::WrongSecret);
    assert_eq!(
        open(&store, OLD).unwrap().get(1).unwrap(),
        Some(full()),
        "the old secret still opens it"
    );

    // A value that does not open stops it as well.
    store
        .writer()
        .execute(
            "UPDATE credentials SET node = 2 WHERE field = 'ssh.user'",
            [],
        )
        .unwrap();
    assert!(rekey::rekey(&store, &secret(OLD), &secret(NEW), 1, || Ok(())).is_err());
    assert!(open(&store, OLD).is_ok());
}

#[test]
fn rekey_refuses_a_wrong_secret_and_a_running_server() {
    let folder = Folder::new();
    let path = folder.join("v.db");
    let store = store(&folder);
    open(&store, OLD).unwrap().put(1, &full(), 5).unwrap();
    let before = store.credentials(1).unwrap();
    let kind = |result: Result<usize, Error>| result.unwrap_err().kind;
    let wrong = secret("not-the-secret-at-all");
    assert_eq!(
        kind(rekey::run(&path, &wrong, &secret(NEW))),
        Kind::WrongSecret
    );
    assert_eq!(
        kind(rekey::run(&path, &secret(OLD), &secret(OLD))),
        Kind::Config
    );
    assert_eq!(
        kind(rekey::run(&folder.join("none.db"), &wrong, &secret(NEW))),
        Kind::Database
    );
    assert!(!folder.join("none.db").exists());
    {
        let _server = crate::store::lock::DatabaseLock::serve(&path).unwrap();
        let error = rekey::run(&path, &secret(OLD), &secret(NEW)).unwrap_err();
        assert!(error.message.contains("runs on"), "{error}");
    }
    assert_eq!(store.credentials(1).unwrap(), before);
    assert!(rekey::run(&path, &secret(OLD), &secret(NEW)).is_ok());
}
