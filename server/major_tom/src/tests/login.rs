use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::super::connector::Connector;
use super::super::hostkey::{HostKey, Pin};
use super::super::patience::Patience;
use super::super::remote::Remote as _;
use super::super::shell;
use super::super::testing::{Kind, Server, keygen, make_host_key, soon, user};
use super::super::{Cause, Target};
use super::{openssh, servers};
use stardust_base::secret::Secret;
use stardust_model::credentials::SshAuth;

const PASSPHRASE: &str = "correct horse battery";

fn key(private_key: Secret, passphrase: Option<&str>) -> SshAuth {
    SshAuth::Key {
        private_key,
        passphrase: passphrase.map(|text| Secret::new(text.into())),
        certificate: None,
        password: None,
    }
}

/// Every type in every form that `ssh-keygen` writes, and whether it has a passphrase.
fn make_keys(servers: &[Server]) -> Vec<(String, bool)> {
    let server = &servers[0];
    let mut made = Vec::new();
    for (kind, bits, format) in [
        ("ed25519", None, None),
        ("rsa", Some("3072"), None),
        ("ecdsa", Some("256"), None),
        ("ecdsa", Some("384"), None),
        ("ecdsa", Some("521"), None),
        ("rsa", Some("3072"), Some("PEM")),
        ("rsa", Some("3072"), Some("PKCS8")),
        ("ecdsa", Some("256"), Some("PEM")),
        ("ecdsa", Some("256"), Some("PKCS8")),
    ] {
        for encrypted in [false, true] {
            let name = format!(
                "{kind}{}{}{encrypted}",
                bits.unwrap_or(""),
                format.unwrap_or("")
            );
            let path = server.folder.join(&name);
            let passphrase = if encrypted { PASSPHRASE } else { "" };
            let mut arguments = vec!["-t", kind, "-N", passphrase, "-f", path.to_str().unwrap()];
            if let Some(bits) = bits {
                arguments.extend(["-b", bits]);
            }
            if let Some(format) = format {
                arguments.extend(["-m", format]);
            }
            keygen(&arguments);
            for other in servers {
                if other.folder.path() != server.folder.path() {
                    for name in [name.clone(), format!("{name}.pub")] {
                        std::fs::copy(server.folder.join(&name), other.folder.join(&name)).unwrap();
                    }
                }
                other.authorize(&name);
            }
            made.push((name, encrypted));
        }
    }
    made
}

#[test]
fn every_type_and_form_of_key_logs_in() {
    let servers = servers();
    if servers.is_empty() {
        return;
    }
    let keys = make_keys(&servers);
    for server in servers {
        for (name, encrypted) in &keys {
            let encrypted = *encrypted;
            let text = server.read(name);
            let passphrase = encrypted.then_some(PASSPHRASE);
            let logged_in = server.login_with(&key(text.clone(), passphrase));
            assert!(
                logged_in.is_ok(),
                "{:?} {name}: {:?}",
                server.kind,
                logged_in.err()
            );
            if encrypted {
                let wrong = server.refused(&key(text.clone(), Some("not this one")));
                assert_eq!(wrong, Cause::PassphraseWrong, "{name}");
                for none in [None, Some("")] {
                    let missing = server.refused(&key(text.clone(), none));
                    assert_eq!(missing, Cause::PassphraseMissing, "{name}");
                }
            } else {
                let needless = server.refused(&key(text.clone(), Some("needless")));
                assert_eq!(needless, Cause::KeyUnreadable, "{name}");
            }
        }
        // As they come out of a browser or a Windows editor.
        let text = server.read("login").expose().to_owned();
        for changed in [
            text.replace('\n', "\r\n"),
            text.trim_end().to_owned(),
            format!("\u{feff}  {text}\n\n"),
        ] {
            assert!(server.login_with(&key(Secret::new(changed), None)).is_ok());
        }
        let cut = text.split_at(text.len() / 2).0.to_owned();
        assert_eq!(
            server.refused(&key(Secret::new(cut), None)),
            Cause::KeyUnreadable
        );
    }
}

/// The authority is known to the server, and none of the keys.
#[test]
fn a_certificate_beside_a_key_logs_in() {
    let Some(server) = openssh() else { return };
    let path = |name: &str| server.folder.join(name).to_str().unwrap().to_owned();
    keygen(&["-t", "ed25519", "-N", "", "-f", &path("ca")]);
    *server.extra.lock().unwrap() = format!("TrustedUserCAKeys {}\n", path("ca.pub"));
    for (kind, bits) in [
        ("ed25519", "256"),
        ("rsa", "3072"),
        ("ecdsa", "256"),
        ("ecdsa", "384"),
        ("ecdsa", "521"),
    ] {
        let name = format!("certified-{kind}{bits}");
        keygen(&["-t", kind, "-b", bits, "-N", PASSPHRASE, "-f", &path(&name)]);
        let public = path(&format!("{name}.pub"));
        let sign = |principal: &str| {
            keygen(&[
                "-s",
                &path("ca"),
                "-I",
                "test",
                "-n",
                principal,
                "-V",
                "-5m:+1h",
                &public,
            ]);
            SshAuth::Key {
                private_key: server.read(&name),
                passphrase: Some(Secret::new(PASSPHRASE.into())),
                certificate: Some(server.read(&format!("{name}-cert.pub"))),
                password: None,
            }
        };
        let good = sign(&user());
        let logged_in = server.login_with(&good);
        assert!(logged_in.is_ok(), "{name}: {:?}", logged_in.err());
        let fault = server.login_with(&sign("somebody-else")).err().unwrap();
        assert_eq!(fault.cause, Cause::KeyRefused, "{name}");
        assert!(
            fault.hint.contains("is for somebody-else"),
            "{name}: {fault}"
        );
        // The key alone is not known there.
        let alone = key(server.read(&name), Some(PASSPHRASE));
        assert_eq!(server.refused(&alone), Cause::KeyRefused);
    }
    // A certificate of another key is not even sent.
    let mut other = server.auth();
    if let SshAuth::Key { certificate, .. } = &mut other {
        *certificate = Some(server.read("certified-rsa3072-cert.pub"));
    }
    assert_eq!(server.refused(&other), Cause::CertificateUnusable);
}

#[test]
fn keys_that_openssl_writes_are_taken_or_told_how_to_convert() {
    let Some(server) = openssh() else { return };
    let path = server.folder.join("pkcs8_ed25519");
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(&path)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    // Whether libssh2 takes this form or not: it is not a refused key.
    let cause = server.refused(&key(server.read("pkcs8_ed25519"), None));
    assert!(
        matches!(cause, Cause::KeyRefused | Cause::KeyUnreadable),
        "{cause:?}"
    );
}

#[test]
fn a_key_that_may_not_log_in_is_refused_and_not_unreadable() {
    for server in servers() {
        let path = server.folder.join("stranger");
        keygen(&["-t", "ed25519", "-N", "", "-f", path.to_str().unwrap()]);
        assert_eq!(
            server.refused(&key(server.read("stranger"), None)),
            Cause::KeyRefused
        );
        let password = SshAuth::Password(Secret::new("no way".into()));
        assert_eq!(server.refused(&password), Cause::MethodRefused);
    }
}

#[test]
fn a_wrong_password_is_told_from_a_method_that_is_not_offered() {
    let Some(server) = openssh() else { return };
    *server.extra.lock().unwrap() = "PasswordAuthentication yes\n".into();
    let password = SshAuth::Password(Secret::new("certainly not this".into()));
    assert_eq!(server.refused(&password), Cause::PasswordRefused);
}

#[test]
fn the_first_contact_shows_the_fingerprint_that_ssh_keygen_shows() {
    for server in servers() {
        let greeted = Connector::default()
            .greet(&server.target(), None, None, soon())
            .unwrap();
        let found = greeted.host_key().clone();
        assert_eq!(found.kind(), "ssh-ed25519");
        let output = match server.kind {
            Kind::OpenSsh => Command::new("ssh-keygen")
                .arg("-lf")
                .arg(server.folder.join("host_ed25519.pub"))
                .output(),
            Kind::Dropbear => Command::new("dropbearkey")
                .args(["-y", "-f"])
                .arg(server.folder.join("host_ed25519"))
                .output(),
        };
        let shown = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(shown.contains(&found.sha256()), "{shown} {found:?}");
        // Unconfirmed: no login is possible from here.
        assert_eq!(greeted.trust(None).err().unwrap().cause, Cause::HostKeyNew);
    }
}

#[test]
fn a_changed_key_stops_before_anything_is_sent() {
    let Some(server) = openssh() else { return };
    let Some(other) = openssh() else { return };
    let connector = Connector::default();
    for pin in [other.pin(), Pin::Fingerprint(other.pin().sha256())] {
        let greeted = connector
            .greet(&server.target(), Some(&pin), None, soon())
            .unwrap();
        let found = greeted.host_key().sha256();
        let fault = greeted.trust(Some(&pin)).err().unwrap();
        assert_eq!(fault.cause, Cause::HostKeyChanged);
        assert!(fault.detail.contains(&found) && fault.detail.contains(&pin.sha256()));
    }
    let log = server.log_with("Connection closed by");
    assert!(log.contains("KEX done"), "{log}");
    assert!(!log.contains("userauth-request"), "{log}");
    // The same server, asked properly.
    drop(server.login());
    assert!(
        server
            .log_with("userauth-request")
            .contains("userauth-request")
    );
}

#[test]
fn the_pinned_type_of_key_is_asked_for() {
    for server in servers() {
        make_host_key(server.kind, "rsa", &server.folder);
        for name in ["ecdsa", "rsa"] {
            let line = match server.kind {
                Kind::OpenSsh => {
                    std::fs::read_to_string(server.folder.join(&format!("host_{name}.pub")))
                        .unwrap()
                }
                Kind::Dropbear => {
                    let output = Command::new("dropbearkey")
                        .args(["-y", "-f"])
                        .arg(server.folder.join(&format!("host_{name}")))
                        .output()
                        .unwrap();
                    String::from_utf8(output.stdout).unwrap()
                }
            };
            let line = line
                .lines()
                .find(|l| l.starts_with("ssh-") || l.starts_with("ecdsa-"))
                .unwrap();
            let two: Vec<_> = line.split(' ').take(2).collect();
            let pin = Pin::Key(HostKey::from_text(&two.join(" ")).unwrap());
            let greeted = Connector::default()
                .greet(&server.target(), Some(&pin), None, soon())
                .unwrap();
            assert!(
                greeted.trust(Some(&pin)).is_ok(),
                "{name} at {:?}",
                server.kind
            );
        }
    }
}

#[test]
fn a_node_behind_a_jump_host_is_reached() {
    let (Some(jump), Some(node)) = (openssh(), openssh()) else {
        return;
    };
    let pin = node.pin();
    let session = Connector::default()
        .greet(&node.target(), Some(&pin), Some(jump.login()), soon())
        .unwrap()
        .trust(Some(&pin))
        .unwrap()
        .login(&node.auth(), soon())
        .unwrap();
    // Enough to fill every buffer on the way, in both directions.
    let data = vec![b'j'; 3 << 20];
    let command = shell::Command::program("cat");
    let mut seen = 0;
    let output = session
        .run(
            &command,
            super::super::remote::Stdin::Bytes(&data),
            std::time::Duration::from_secs(60),
            &mut |bytes| seen += bytes.len(),
        )
        .unwrap();
    assert!(output.exit.is_success());
    assert_eq!(seen, data.len());
    // What the jump host can't reach is told from what we can't reach.
    let closed = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let nowhere = Target::new("127.0.0.1", closed.port(), &user()).unwrap();
    let fault = Connector::default()
        .greet(&nowhere, None, Some(jump.login()), soon())
        .err()
        .unwrap();
    assert_eq!(fault.cause, Cause::Unreachable);
    assert!(fault.detail.contains("jump host"), "{fault}");
}

/// Answers every connection with `words` and closes it; counts them.
fn says(words: &'static [u8], times: usize) -> (Target, std::thread::JoinHandle<usize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let target = Target::new("127.0.0.1", listener.local_addr().unwrap().port(), "root").unwrap();
    let thread = std::thread::spawn(move || {
        let mut count = 0;
        while count < times {
            let (mut stream, _) = listener.accept().unwrap();
            count += 1;
            let _ = stream.write_all(words);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read(&mut [0; 256]);
        }
        count
    });
    (target, thread)
}

#[test]
fn what_is_no_ssh_server_and_what_is_busy_are_told_apart() {
    let cause = |target: &Target| {
        Connector::default()
            .greet(target, None, None, soon())
            .err()
            .unwrap()
            .cause
    };
    for (words, wanted, tries) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Cause::NotSsh, 1),
        (b"220 mail.example ESMTP\r\n", Cause::NotSsh, 1),
        (b"what is this\r\n", Cause::NotSsh, 1),
        // Tried again, and a bounded number of times.
        (b"Exceeded MaxStartups\r\n", Cause::TooManySessions, 4),
        (b"", Cause::TooManySessions, 4),
        // Not tried again: each try makes it longer.
        (b"Not allowed at this time\r\n", Cause::Penalty, 1),
    ] {
        let (target, thread) = says(words, tries);
        let text = String::from_utf8_lossy(words);
        assert_eq!(cause(&target), wanted, "{text:?}");
        assert_eq!(thread.join().unwrap(), tries, "{text:?}");
    }
    let closed = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let closed = Target::new("127.0.0.1", closed.port(), "root").unwrap();
    assert_eq!(cause(&closed), Cause::Refused);
    let unknown = Target::new("no-such-host.invalid", 22, "root").unwrap();
    assert!(matches!(
        cause(&unknown),
        Cause::UnknownHost | Cause::Timeout
    ));
}

#[test]
fn who_waits_for_our_words_first_is_told_by_what_comes_then() {
    for (words, wanted) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "HTTP/1.1 400 Bad Request",
        ),
        (b"\x15\x03\x01\x00\x02\x02\x46", ""),
    ] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Target::new("127.0.0.1", port, "root").unwrap();
        // It may come before our next look, when libssh2 has read it: then it is asked again.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 256]);
                let _ = stream.write_all(words);
            }
        });
        let fault = Connector::default()
            .greet(&target, None, None, soon())
            .err()
            .unwrap();
        assert_eq!(fault.cause, Cause::NotSsh, "{wanted:?}: {fault:?}");
        assert!(fault.detail.contains(wanted), "{fault:?}");
    }
}

#[test]
fn who_changes_their_mind_waits_for_no_host() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    // One that takes the connection and says nothing, and one that does not answer.
    for (host, port) in [("127.0.0.1", port), ("198.51.100.1", 22)] {
        let target = Target::new(host, port, "root").unwrap();
        let cancelled = Arc::new(AtomicBool::new(false));
        let patience = Patience::until(Some(Arc::clone(&cancelled)));
        let connector = Connector::default().with_patience(patience);
        let (tell, told) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn(move || {
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(3600);
            let result = connector.greet(&target, None, None, deadline);
            tell.send(()).unwrap();
            result.err().unwrap()
        });
        let soon = std::time::Duration::from_millis(300);
        let early = told.recv_timeout(soon).is_ok();
        cancelled.store(true, std::sync::atomic::Ordering::SeqCst);
        let fault = waiting.join().unwrap();
        // A machine without a route says so before anybody changes their mind.
        if !early {
            assert!(
                matches!(fault.cause, Cause::Cancelled | Cause::Timeout),
                "{fault:?}"
            );
        }
    }
}

#[test]
fn a_host_that_says_nothing_costs_bounded_time() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = Target::new("127.0.0.1", port, "root").unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_millis(400);
    let fault = Connector::default()
        .greet(&target, None, None, deadline)
        .err()
        .unwrap();
    assert_eq!(fault.cause, Cause::Timeout);
}

#[test]
fn stopping_ends_what_waits_for_a_node() {
    let Some(server) = openssh() else { return };
    let connector = Connector::default();
    let pin = server.pin();
    let session = connector
        .greet(&server.target(), Some(&pin), None, soon())
        .unwrap()
        .trust(Some(&pin))
        .unwrap()
        .login(&server.auth(), soon())
        .unwrap();
    let command = shell::Command::script("echo begun; exec sleep 600", &[]).unwrap();
    let fault = session
        .run(
            &command,
            super::super::remote::Stdin::Nothing,
            std::time::Duration::from_secs(600),
            &mut |_| connector.stop(),
        )
        .unwrap_err();
    assert_eq!(fault.cause, Cause::Timeout);
}
