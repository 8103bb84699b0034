//! Flags and environment → [`Config`]. A pure function of both, called once by `main`.

mod command_line;
mod given_oidc;
mod values;
mod verbs;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use stardust_shared::ServerUrl;
use stardust_shared::server_url::PORT_DEFAULT;

use crate::address_range::AddressRange;
use crate::auth::AdminSeed;
use crate::history;
use crate::listen::Listen;
use crate::log;
use crate::log_level::LogLevel;
use crate::major_tom::limits::THREADS_DEFAULT as SSH_THREADS_DEFAULT;
use crate::oidc;
use crate::package_jobs::schedule;
use crate::secret::Secret;
use crate::tls::TlsFiles;

pub use command_line::parse;
pub use values::{SECRET_BYTES_MAX, SECRET_CHARS_MIN, SECRET_DIFFERENT_MIN};
pub use verbs::{Backup, Command, Rekey, ResetPassword, Salvage, Users, UsersDeed};

pub const DB_DEFAULT: &str = "stardust.db";
pub const COMMIT_INTERVAL_MS_DEFAULT: u64 = 10_000;
pub const COMMIT_INTERVAL_MS_MIN: u64 = 100;
pub const COMMIT_INTERVAL_MS_MAX: u64 = 600_000;
/// Two years.
pub const KEEP_AUDIT_MS_DEFAULT: i64 = 2 * 365 * 24 * 3_600_000;
pub const HELP: &str = "\
Ground Control of Stardust: takes in what the Spiders see, keeps it and shows it.

Usage: stardust-server [FLAGS]
       stardust-server rekey [--db FILE]   change STARDUST_SECRET (the server must be stopped)
       stardust-server backup FILE [--db FILE]   copy the database, also while the server runs
       stardust-server reset-password USER [--db FILE]   a new password for a login: typed, from
                                             a pipe or STARDUST_PASS_NEW, or a random one (the
                                             server must be stopped)
       stardust-server users list|add|disable|enable|promote [NAME] [--role ROLE] [--db FILE]
                                             who may sign in (the server must be stopped, but for
                                             list); add makes a password as reset-password does
       stardust-server audit verify [--db FILE]   whether a line of the audit was altered
       stardust-server restore FILE [--db FILE]   put a backup in the place of the database (the
                                             server must be stopped)
       stardust-server salvage [FILE] [--db FILE]   put what can be read of a damaged database in
                                             its place (the server must be stopped), or in FILE

  --port PORT            port of the Capsule, the API and the Spiders (8933; 0 = any free one)
  --bind ADDRESS         address to listen on (127.0.0.1); 0.0.0.0 or :: for all, unix:PATH for a
                         proxy on this machine; may be repeated
  --db FILE              the database (stardust.db); made when it is missing
  --server-url URL       where Spiders reach this server, for example https://stardust.example
  --agent-binary FILE    the Spider to install on nodes, instead of the one that is built in
  --agent-dir DIR        folder with Spiders by architecture: stardust-spider-aarch64, …
  --interval MS          sampling interval that Spiders are told (200 to 3600000)
  --ssh-threads N        nodes that are worked on over SSH at the same time (8; 1 to 64)
  --packages-refresh TIME
                         how often nodes are looked at for updates of their packages (24h); minutes,
                         or with m, h, d, w; or never
  --commit-interval MS   how often samples are written to disk (10000; 100 to 600000)
  --keep-raw TIME        how long samples are kept as they came (7d); days, or with h, d, w, y
  --keep-minute TIME     how long minutes of them are kept (90d)
  --keep-hour TIME       how long hours of them are kept (5y)
  --keep-audit TIME      how long the audit is kept (2y); days, or with h, d, w, y
  --history-budget SIZE  most bytes of the database with its log, such as 500M or 20G (no limit);
                         the oldest goes first
  --tls-cert FILE        serve HTTPS and WSS with this certificate chain (PEM, leaf first);
  --tls-key FILE         and its private key; both are read again when they change
  --allowed-host NAME    a name that this server is asked for by, besides localhost, its addresses
                         and the host of --server-url; may be given more than once
  --trusted-proxy IP     a reverse proxy whose X-Forwarded-For and -Proto are believed;
                         may be given more than once
  --allow-from CIDR      a network from which the page and the API may be asked for; may be given
                         more than once (everywhere)
  --allow-spiders-from CIDR
                         the same for Spiders (everywhere)
  --oidc-issuer URL      let people sign in at this issuer of OpenID Connect (discovery); with
  --oidc-client-id ID    and, where the client has one, --oidc-client-secret-file FILE
  --oidc-role ROLE=GROUP a group of the issuer and the role that it brings: viewer, operator or
                         admin; may be given more than once. Groups of Stardust with the name of
                         one of the issuer's hold too
  --oidc-groups-claim NAME
                         where the groups are (groups)
  --oidc-label TEXT      what the button says (the issuer's host)
  --oidc-ca-file FILE    certificates that the issuer's is checked by, instead of the usual ones
  --no-password-login    no password lets in, but for those of reset-password
  --metrics-token-file FILE
                         a token with which a scraper may read /metrics, and nothing else
  --log-format FORMAT    plain lines, or json (plain)
  --log-level LEVEL      info, warn or error (info), or a file that holds one of them, which
                         is read again on SIGHUP: write it with a slash
  --demo                 try it: temporary data, a Spider of this machine, nothing to set up
  --help                 this text
  --version              the version

Environment:
  STARDUST_SECRET        at least 16 characters, required (not with --demo); keys are derived
                         from it. Make one: openssl rand -hex 32
  STARDUST_SECRET_NEW    with rekey: the secret that the database shall have from now on
  STARDUST_PASS_NEW      with reset-password and users add: the new password
  STARDUST_ADMIN_USER    first login, used when the database has no user yet (admin)
  STARDUST_ADMIN_PASS    its password; without it admin, or with --bind a random one that is printed,
                         either to be changed at the first login
";

#[derive(Clone, Debug)]
pub struct Config {
    /// 0: any free port.
    pub port: u16,
    /// All of them on the same port.
    pub binds: Vec<Listen>,
    pub db: PathBuf,
    pub agent_binary: Option<PathBuf>,
    pub agent_dir: Option<PathBuf>,
    pub server_url: Option<ServerUrl>,
    pub demo: bool,
    pub commit_interval_ms: u64,
    /// How long history is kept, and how much of it.
    pub history: history::Settings,
    /// How long lines of the audit are kept.
    pub keep_audit_ms: i64,
    /// What Spiders are told; None leaves it to them.
    pub interval_ms: Option<u64>,
    pub trusted_proxies: Vec<AddressRange>,
    /// From where the page and the API may be asked for; none for everywhere.
    pub allow_from: Vec<AddressRange>,
    /// The same of Spiders.
    pub allow_spiders_from: Vec<AddressRange>,
    /// Where people can sign in elsewhere.
    pub oidc: Option<oidc::Settings>,
    /// Whether a password lets in.
    pub password_login: bool,
    /// Names that requests may have as their Host.
    pub allowed_hosts: Vec<String>,
    /// Nodes that are worked on over SSH at the same time.
    pub ssh_threads: usize,
    /// How often each node's packages are looked at; None: only when somebody asks.
    pub packages_refresh_ms: Option<i64>,
    /// HTTPS and WSS on the public port.
    pub tls: Option<TlsFiles>,
    /// The token of a scraper.
    pub metrics_token_file: Option<PathBuf>,
    pub log_format: log::Format,
    pub log_level: LogLevel,
    /// None only with `--demo`, which makes its own.
    pub secret: Option<Secret>,
    pub admin: AdminSeed,
}

impl Config {
    /// Takes what systemd has brought (`LoadCredential=`), where no flag says otherwise.
    /// `find` answers where a credential is.
    pub fn take_credentials(&mut self, find: impl Fn(&str) -> Option<PathBuf>) {
        if self.metrics_token_file.is_none() {
            self.metrics_token_file = find("metrics-token");
        }
        if self.tls.is_none()
            && let (Some(cert), Some(key)) = (find("tls.crt"), find("tls.key"))
        {
            self.tls = Some(TlsFiles { cert, key });
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: PORT_DEFAULT,
            binds: vec![Listen::Address(IpAddr::V4(Ipv4Addr::LOCALHOST))],
            db: DB_DEFAULT.into(),
            agent_binary: None,
            agent_dir: None,
            server_url: None,
            demo: false,
            commit_interval_ms: COMMIT_INTERVAL_MS_DEFAULT,
            history: history::Settings::default(),
            keep_audit_ms: KEEP_AUDIT_MS_DEFAULT,
            interval_ms: None,
            trusted_proxies: Vec::new(),
            allow_from: Vec::new(),
            allow_spiders_from: Vec::new(),
            oidc: None,
            password_login: true,
            allowed_hosts: Vec::new(),
            ssh_threads: SSH_THREADS_DEFAULT,
            packages_refresh_ms: Some(schedule::REFRESH_MS_DEFAULT),
            tls: None,
            metrics_token_file: None,
            log_format: log::Format::Plain,
            log_level: LogLevel::default(),
            secret: None,
            admin: AdminSeed::default(),
        }
    }
}

#[cfg(test)]
mod tests;
