//! The Ground Control under load: a child process in a temporary folder.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::ServerName;
use serde_json::{Value, json};

use crate::Failure;
use crate::options::Options;

const PASSWORD: &str = "only for this measurement";

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    folder: Folder,
    /// How clients trust it, where it speaks TLS.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    pub login: String,
    is_floor: bool,
}

/// Removed when the measurement is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let folder = std::env::temp_dir().join(format!("stardust-swarm-{run}"));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Adds the nodes, then starts afresh, as after a restart.
    pub fn with_nodes(
        options: &Options,
        nodes: usize,
        tls: bool,
    ) -> Result<(Self, Vec<String>), Failure> {
        let folder = Folder::new()?;
        let (mut child, address) = start(options, &folder.0, &[])?;
        let added = add_nodes(address, nodes);
        terminate(&mut child)?;
        let (tokens, login) = added?;
        let trusted = tls.then(|| certificate(&folder.0)).transpose()?;
        let files = ["tls.crt", "tls.key"].map(|name| folder.0.join(name).display().to_string());
        let flags = ["--tls-cert", &files[0], "--tls-key", &files[1]];
        let flags: &[&str] = if tls { &flags } else { &[] };
        let (child, address) = start(options, &folder.0, flags)?;
        let server = Self {
            child,
            address,
            folder,
            tls: trusted,
            login,
            is_floor: false,
        };
        Ok((server, tokens))
    }

    /// One that only takes frames off its sockets, from whoever comes.
    pub fn floor(nodes: usize) -> Result<(Self, Vec<String>), Failure> {
        let folder = Folder::new()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(crate::floor::FLAG);
        let (child, address) = listening(command, &folder.0)?;
        let server = Self {
            child,
            address,
            folder,
            tls: None,
            login: String::new(),
            is_floor: true,
        };
        Ok((server, (0..nodes).map(|n| format!("{n:032}")).collect()))
    }

    pub fn is_floor(&self) -> bool {
        self.is_floor
    }

    pub fn server_name() -> ServerName<'static> {
        ServerName::try_from("localhost").expect("a name")
    }

    fn proc_file(&self, name: &str) -> Result<String, Failure> {
        Ok(std::fs::read_to_string(format!(
            "/proc/{}/{name}",
            self.child.id()
        ))?)
    }

    /// CPU time of all its threads.
    pub fn cpu_ns(&self) -> Result<u64, Failure> {
        let mut sum = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            sum += text.split(' ').next().ok_or("schedstat")?.parse::<u64>()?;
        }
        Ok(sum)
    }

    /// Memory that is its own.
    pub fn memory_kb(&self) -> Result<u64, Failure> {
        field_kb(&self.proc_file("smaps_rollup")?, "Private_Dirty:")
    }

    /// What is resident, the program's own pages included.
    pub fn resident_kb(&self) -> Result<u64, Failure> {
        field_kb(&self.proc_file("smaps_rollup")?, "Rss:")
    }

    /// The most that was ever resident.
    pub fn peak_kb(&self) -> Result<u64, Failure> {
        field_kb(&self.proc_file("status")?, "VmHWM:")
    }

    /// What its log says more than once a minute, and what it closed connections for.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.0.join("log")).unwrap_or_default()
    }

    pub fn database_bytes(&self) -> u64 {
        let size = |name| std::fs::metadata(self.folder.0.join(name)).map_or(0, |meta| meta.len());
        size("s.db") + size("s.db-wal")
    }
}

fn field_kb(text: &str, name: &str) -> Result<u64, Failure> {
    let line = text.lines().find(|line| line.starts_with(name));
    let kb = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kb.ok_or("a field of /proc is missing")?.parse()?)
}

fn start(options: &Options, folder: &Path, flags: &[&str]) -> Result<(Child, SocketAddr), Failure> {
    let mut command = Command::new(&options.server);
    command
        .args(["--port", "0", "--db"])
        .arg(folder.join("s.db"))
        .args(flags)
        .env("STARDUST_SECRET", "only for this measurement")
        .env("STARDUST_ADMIN_PASS", PASSWORD)
        .env("TMPDIR", folder);
    listening(command, folder)
}

/// A child that says in its first line where it listens.
fn listening(mut command: Command, folder: &Path) -> Result<(Child, SocketAddr), Failure> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(folder.join("log"))?)
        .spawn()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let mut line = String::new();
    let stdout = child.stdout.take().ok_or("no output")?;
    BufReader::new(stdout).read_line(&mut line)?;
    let address = line.rsplit("://").next().map(str::trim).unwrap_or_default();
    match address.parse() {
        Ok(address) => Ok((child, address)),
        Err(_) => {
            let _ = child.kill();
            Err(format!("the server did not start: {line}").into())
        }
    }
}

fn terminate(child: &mut Child) -> Result<(), Failure> {
    let pid = i32::try_from(child.id())?;
    // SAFETY: kill takes plain numbers, and the child was not waited for.
    unsafe { libc::kill(pid, libc::SIGTERM) };
    child.wait()?;
    Ok(())
}

/// One HTTP request; the server ends the connection after its answer.
fn call(server: SocketAddr, path: &str, bearer: &str, body: &Value) -> Result<Value, Failure> {
    let body = body.to_string();
    let mut stream = TcpStream::connect(server)?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nAuthorization: Bearer {bearer}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    if !head.starts_with("HTTP/1.1 20") {
        return Err(format!("{path}: {body}").into());
    }
    Ok(serde_json::from_str(body)?)
}

/// The nodes' tokens, and that of the login.
fn add_nodes(server: SocketAddr, nodes: usize) -> Result<(Vec<String>, String), Failure> {
    let login = json!({"user": "admin", "password": PASSWORD});
    let session = call(server, "/api/auth/login", "none", &login)?;
    let bearer = session["token"].as_str().ok_or("no token")?;
    let tokens = (0..nodes)
        .map(|n| {
            let body = json!({"name": format!("swarm-{n}"), "tags": ["swarm"]});
            let node = call(server, "/api/nodes", bearer, &body)?;
            Ok(node["token"].as_str().ok_or("no node token")?.to_string())
        })
        .collect::<Result<_, Failure>>()?;
    Ok((tokens, bearer.to_string()))
}

/// A self-signed certificate in the folder, and a client that trusts it alone.
fn certificate(folder: &Path) -> Result<Arc<rustls::ClientConfig>, Failure> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()])?;
    std::fs::write(folder.join("tls.crt"), made.cert.pem())?;
    std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem())?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
