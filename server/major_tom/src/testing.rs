//! Real SSH servers for tests: OpenSSH and dropbear, one process a connection on
//! a socket of the test's own, so that no port is guessed and nothing is left.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "only tests use it"
)]

use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stardust_base::secret::Secret;
use stardust_base::testing::Folder;
use stardust_model::credentials::SshAuth;

use super::connector::Connector;
use super::hostkey::Pin;
use super::session::Session;
use super::target::Target;
use super::{Cause, Fault};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    OpenSsh,
    Dropbear,
}

/// Whether there is a server of this kind to test with. In CI there must be.
pub fn there_is(kind: Kind) -> bool {
    let (path, package) = match kind {
        Kind::OpenSsh => ("/usr/sbin/sshd", "openssh-server"),
        Kind::Dropbear => ("/usr/sbin/dropbear", "dropbear-bin"),
    };
    // Without root there is no mount namespace to put a home into.
    let rootless = kind == Kind::Dropbear && user() != "root";
    if Path::new(path).exists() && !rootless {
        return true;
    }
    if rootless {
        eprintln!("left out: dropbear is tested as root only");
        return false;
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{path} is missing: install {package}"
    );
    eprintln!("left out: {path} is missing (Debian: apt-get install {package})");
    false
}

/// The login of whoever runs the tests.
pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub struct Server {
    pub kind: Kind,
    pub folder: Folder,
    pub address: SocketAddr,
    /// More lines for sshd's configuration.
    pub extra: Arc<Mutex<String>>,
    children: Arc<Mutex<Vec<Child>>>,
    stop: Arc<AtomicBool>,
    acceptor: Option<std::thread::JoinHandle<()>>,
}

pub fn keygen(arguments: &[&str]) {
    let output = Command::new("ssh-keygen")
        .arg("-q")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "ssh-keygen {arguments:?}: {output:?}"
    );
}

impl Server {
    pub fn start(kind: Kind) -> Self {
        let folder = Folder::new();
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(folder.path(), private).unwrap();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        keygen(&["-t", "ed25519", "-N", "", "-f", &path("login")]);
        std::fs::copy(folder.join("login.pub"), folder.join("authorized_keys")).unwrap();
        // The folder as a home: its .ssh is itself.
        std::os::unix::fs::symlink(".", folder.join(".ssh")).unwrap();
        for kind_of_key in ["ed25519", "ecdsa"] {
            make_host_key(kind, kind_of_key, &folder);
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut server = Self {
            kind,
            address: listener.local_addr().unwrap(),
            folder,
            extra: Arc::default(),
            children: Arc::default(),
            stop: Arc::default(),
            acceptor: None,
        };
        server.accept(listener);
        server
    }

    fn accept(&mut self, listener: TcpListener) {
        let (kind, folder) = (self.kind, self.folder.path().to_owned());
        let (extra, children) = (Arc::clone(&self.extra), Arc::clone(&self.children));
        let stop = Arc::clone(&self.stop);
        let acceptor = move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let extra = extra.lock().unwrap().clone();
                let child = serve(kind, &folder, &extra, stream.unwrap());
                children.lock().unwrap().push(child);
            }
        };
        self.acceptor = Some(std::thread::spawn(acceptor));
    }

    pub fn target(&self) -> Target {
        Target::new("127.0.0.1", self.address.port(), &user()).unwrap()
    }

    pub fn read(&self, name: &str) -> Secret {
        Secret::new(std::fs::read_to_string(self.folder.join(name)).unwrap())
    }

    pub fn auth(&self) -> SshAuth {
        SshAuth::Key {
            private_key: self.read("login"),
            passphrase: None,
            certificate: None,
            password: None,
        }
    }

    /// The public key of a new key is one of those that may log in.
    pub fn authorize(&self, name: &str) {
        let path = self.folder.join("authorized_keys");
        let mut all = std::fs::read_to_string(&path).unwrap();
        all += &std::fs::read_to_string(self.folder.join(&format!("{name}.pub"))).unwrap();
        std::fs::write(path, all).unwrap();
    }

    /// What the server said; waits until it holds `part`.
    pub fn log_with(&self, part: &str) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let log = self.log();
            if log.contains(part) || Instant::now() > until {
                return log;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    pub fn pin(&self) -> Pin {
        let greeted = Connector::default()
            .greet(&self.target(), None, None, soon())
            .unwrap();
        Pin::Key(greeted.host_key().clone())
    }

    pub fn login(&self) -> Session {
        self.login_with(&self.auth()).unwrap()
    }

    pub fn login_with(&self, auth: &SshAuth) -> Result<Session, Fault> {
        let pin = self.pin();
        Connector::default()
            .greet(&self.target(), Some(&pin), None, soon())?
            .trust(Some(&pin))?
            .login(auth, soon())
    }

    /// The cause of a login's failure.
    pub fn refused(&self, auth: &SshAuth) -> Cause {
        self.login_with(auth).err().expect("refused").cause
    }

    /// Ends the processes of all connections, as a crash would.
    pub fn kill_connections(&self) {
        for child in self.children.lock().unwrap().iter_mut() {
            // It may have ended by itself. A group of its own: an ordinary user's
            // sshd serves a login by a child, which would go on.
            if let Ok(None) = child.try_wait() {
                let group = i32::try_from(child.id()).expect("a pid");
                // SAFETY: no memory is touched; the group is ours while its leader is not waited for.
                unsafe { libc::kill(-group, libc::SIGKILL) };
            }
        }
    }
}

/// Far enough away that a slow machine gets there.
pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(40)
}

pub fn make_host_key(kind: Kind, name: &str, folder: &Folder) {
    let path = folder.join(&format!("host_{name}"));
    match kind {
        Kind::OpenSsh => keygen(&["-t", name, "-N", "", "-f", path.to_str().unwrap()]),
        Kind::Dropbear => {
            let output = Command::new("dropbearkey")
                .args(["-t", name, "-f"])
                .arg(&path)
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
        }
    }
}

fn serve(kind: Kind, folder: &Path, extra: &str, stream: TcpStream) -> Child {
    let log: File = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    let mut command = match kind {
        Kind::OpenSsh => openssh(folder, extra),
        Kind::Dropbear => dropbear(folder),
    };
    let socket = OwnedFd::from(stream);
    command
        .stdin(Stdio::from(socket.try_clone().unwrap()))
        .stdout(Stdio::from(socket))
        .stderr(Stdio::from(log))
        .process_group(0)
        .spawn()
        .unwrap()
}

fn openssh(folder: &Path, extra: &str) -> Command {
    // Where sshd as root locks its child in.
    let _ = std::fs::create_dir_all("/run/sshd");
    let config: PathBuf = folder.join("sshd_config");
    // Made only where it is needed: that takes a second.
    let rsa = match folder.join("host_rsa") {
        path if path.exists() => format!("HostKey {}\n", path.display()),
        _ => String::new(),
    };
    let folder = folder.display();
    let text = format!(
        "{extra}\nHostKey {folder}/host_ed25519\nHostKey {folder}/host_ecdsa\n\
         {rsa}AuthorizedKeysFile {folder}/authorized_keys\n\
         StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nLogLevel DEBUG1\nUseDNS no\n\
         PidFile none\nPrintMotd no\n"
    );
    let sftp = if extra.contains("Subsystem") {
        ""
    } else {
        "Subsystem sftp internal-sftp\n"
    };
    let text = text + sftp;
    // Written whole and renamed: another connection may be reading it.
    let part = config
        .with_extension(format!("{:?}", Instant::now()).replace(|c: char| !c.is_ascii_digit(), ""));
    std::fs::write(&part, text).unwrap();
    std::fs::rename(&part, &config).unwrap();
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-i", "-e", "-f"]).arg(config);
    command
}

/// dropbear reads keys from the user's home alone: in a mount namespace of its
/// own the test's folder lies over it.
fn dropbear(folder: &Path) -> Command {
    const SCRIPT: &str = "mount --bind \"$1\" \"$HOME\" && \
        exec /usr/sbin/dropbear -i -s -r \"$1/host_ed25519\" -r \"$1/host_ecdsa\" $([ ! -e \"$1/host_rsa\" ] || echo -r \"$1/host_rsa\")";
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", SCRIPT, "sh"])
        .arg(folder)
        .env("HOME", "/root");
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.kill_connections();
        for child in self.children.lock().unwrap().iter_mut() {
            let _ = child.wait();
        }
    }
}
