//! Flags and environment → [`Config`]. A pure function of both, called once by `main`.

mod verbs;

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use stardust_shared::ServerUrl;
use stardust_shared::limits::{INTERVAL_MS_MAX, INTERVAL_MS_MIN};
use stardust_shared::server_url::PORT_DEFAULT;

use crate::address_range::AddressRange;
use crate::auth::strength;
use crate::auth::{AdminSeed, PASSWORD_BYTES_MAX, USER_CHARS_MAX};
use crate::error::{Error, Kind};
use crate::gate::{BINDS_MAX, host_name};
use crate::history;
use crate::listen::Listen;
use crate::log;
use crate::log_level::LogLevel;
use crate::major_tom::limits::{
    THREADS_DEFAULT as SSH_THREADS_DEFAULT, THREADS_MAX as SSH_THREADS_MAX,
};
use crate::package_jobs::keeper;
use crate::secret::Secret;
use crate::tls::TlsFiles;

pub use verbs::{Backup, Command, Rekey, ResetPassword, Salvage, Users, UsersDeed};

pub const DB_DEFAULT: &str = "stardust.db";
pub const COMMIT_INTERVAL_MS_DEFAULT: u64 = 10_000;
pub const COMMIT_INTERVAL_MS_MIN: u64 = 100;
pub const COMMIT_INTERVAL_MS_MAX: u64 = 600_000;
/// Two years.
pub const KEEP_AUDIT_MS_DEFAULT: i64 = 2 * 365 * 24 * 3_600_000;
/// Shortest STARDUST_SECRET, in characters.
pub const SECRET_CHARS_MIN: usize = 16;
/// Different characters that it has at the least: one again and again is no secret.
pub const SECRET_DIFFERENT_MIN: usize = 4;
/// Longest STARDUST_SECRET, in bytes.
pub const SECRET_BYTES_MAX: usize = 4096;
/// Most `--trusted-proxy` flags.
const TRUSTED_PROXIES_MAX: usize = 64;
/// Most `--allowed-host` flags.
const ALLOWED_HOSTS_MAX: usize = 64;

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
            allowed_hosts: Vec::new(),
            ssh_threads: SSH_THREADS_DEFAULT,
            packages_refresh_ms: Some(keeper::REFRESH_MS_DEFAULT),
            tls: None,
            metrics_token_file: None,
            log_format: log::Format::Plain,
            log_level: LogLevel::default(),
            secret: None,
            admin: AdminSeed::default(),
        }
    }
}

/// Reads `args` (without the program's name) and the environment through `env`.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Command, Error> {
    let mut config = Config::default();
    // What is given stands in the place of the default.
    let default = std::mem::take(&mut config.binds);
    let mut pair = (None, None);
    let mut args = args.into_iter().peekable();
    if let Some(verb) = verbs::parse(&mut args, &env)? {
        return Ok(verb);
    }
    while let Some(arg) = args.next() {
        let (flag, inline) = split_flag(&arg)?;
        match flag.as_str() {
            "--help" | "-h" => return no_value(&flag, inline).map(|()| Command::Help),
            "--version" | "-V" => return no_value(&flag, inline).map(|()| Command::Version),
            "--demo" => {
                no_value(&flag, inline)?;
                config.demo = true;
            }
            "--port"
            | "--bind"
            | "--db"
            | "--agent-binary"
            | "--agent-dir"
            | "--server-url"
            | "--commit-interval"
            | "--keep-raw"
            | "--keep-minute"
            | "--keep-hour"
            | "--keep-audit"
            | "--history-budget"
            | "--interval"
            | "--ssh-threads"
            | "--packages-refresh"
            | "--trusted-proxy"
            | "--allowed-host"
            | "--tls-cert"
            | "--tls-key"
            | "--metrics-token-file"
            | "--log-level"
            | "--log-format" => {
                let value = match inline {
                    Some(value) => value,
                    None => args.next().ok_or_else(|| {
                        usage(
                            format!("{flag} needs a value."),
                            &format!("Write {flag} VALUE."),
                        )
                    })?,
                };
                match flag.as_str() {
                    "--tls-cert" => pair.0 = Some(path(&flag, value)?),
                    "--tls-key" => pair.1 = Some(path(&flag, value)?),
                    _ => set(&mut config, &flag, value)?,
                }
            }
            _ => {
                return Err(usage(
                    format!("The flag {flag} is not known."),
                    "stardust-server --help lists all flags.",
                ));
            }
        }
    }
    config.tls = match pair {
        (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
        (None, None) => None,
        _ => {
            return Err(usage(
                "--tls-cert and --tls-key belong together.".into(),
                "Give both, or neither and put a proxy with TLS in front.",
            ));
        }
    };
    if !config.history.keep_ms.is_sorted() {
        return Err(usage(
            "A finer tier of history can't be kept for longer than a coarser one.".into(),
            "Let --keep-raw be the shortest and --keep-hour the longest.",
        ));
    }
    if config.binds.is_empty() {
        config.binds = default;
    }
    read_environment(&mut config, env)?;
    Ok(Command::Run(Box::new(config)))
}

/// `--flag=value` apart; a flag that is not UTF-8 or no flag at all is refused.
fn split_flag(arg: &OsStr) -> Result<(String, Option<OsString>), Error> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let bytes = arg.as_bytes();
    let (name, value) = match bytes.iter().position(|&b| b == b'=') {
        Some(at) => (
            &bytes[..at],
            Some(OsString::from_vec(bytes[at + 1..].to_vec())),
        ),
        None => (bytes, None),
    };
    match std::str::from_utf8(name) {
        Ok(name) if name.starts_with('-') => Ok((name.to_owned(), value)),
        _ => Err(usage(
            format!("{arg:?} is not a flag."),
            "stardust-server --help lists all flags.",
        )),
    }
}

fn no_value(flag: &str, value: Option<OsString>) -> Result<(), Error> {
    match value {
        None => Ok(()),
        Some(_) => Err(usage(
            format!("{flag} takes no value."),
            &format!("Write {flag} alone."),
        )),
    }
}

fn set(config: &mut Config, flag: &str, value: OsString) -> Result<(), Error> {
    // Paths may be any bytes; everything else is text.
    let text = |value: &OsStr| {
        value
            .to_str()
            .map(str::to_owned)
            .ok_or_else(|| usage(format!("The value of {flag} is not UTF-8."), ""))
    };
    match flag {
        "--port" => {
            config.port = number(
                flag,
                &text(&value)?,
                0,
                u64::from(u16::MAX),
                "0 (any) to 65535",
            )? as u16;
        }
        "--bind" => {
            let text = text(&value)?;
            let listen = Listen::parse(&text)
                .map_err(|(what, hint)| usage(format!("--bind {text:?} {what}."), hint))?;
            if config.binds.len() >= BINDS_MAX {
                return Err(usage(
                    format!("More than {BINDS_MAX} times --bind."),
                    "`0.0.0.0` and `::` are all addresses of this machine.",
                ));
            }
            if !config.binds.contains(&listen) {
                config.binds.push(listen);
            }
        }
        "--db" => config.db = path(flag, value)?,
        "--agent-binary" => config.agent_binary = Some(path(flag, value)?),
        "--agent-dir" => config.agent_dir = Some(path(flag, value)?),
        "--server-url" => {
            let url = text(&value)?;
            config.server_url = Some(ServerUrl::parse_origin(&url).map_err(|why| {
                usage(
                    format!("--server-url {url:?} can't be used: {why}."),
                    "Write it like https://stardust.example or http://192.0.2.7:8933.",
                )
            })?);
        }
        "--commit-interval" => {
            config.commit_interval_ms = number(
                flag,
                &text(&value)?,
                COMMIT_INTERVAL_MS_MIN,
                COMMIT_INTERVAL_MS_MAX,
                "100 to 600000 (milliseconds)",
            )?;
        }
        "--keep-raw" => config.history.keep_ms[0] = duration_ms(flag, &text(&value)?)?,
        "--keep-minute" => config.history.keep_ms[1] = duration_ms(flag, &text(&value)?)?,
        "--keep-hour" => config.history.keep_ms[2] = duration_ms(flag, &text(&value)?)?,
        "--keep-audit" => config.keep_audit_ms = duration_ms(flag, &text(&value)?)?,
        "--history-budget" => {
            config.history.budget_bytes = Some(budget_bytes(flag, &text(&value)?)?);
        }
        "--interval" => {
            config.interval_ms = Some(number(
                flag,
                &text(&value)?,
                INTERVAL_MS_MIN,
                INTERVAL_MS_MAX,
                "200 to 3600000 (milliseconds)",
            )?);
        }
        "--ssh-threads" => {
            config.ssh_threads =
                number(flag, &text(&value)?, 1, SSH_THREADS_MAX as u64, "1 to 64")? as usize;
        }
        "--packages-refresh" => {
            config.packages_refresh_ms = match text(&value)?.as_str() {
                "never" => None,
                time => Some(refresh_ms(flag, time)?),
            };
        }
        "--metrics-token-file" => config.metrics_token_file = Some(path(flag, value)?),
        "--log-format" => {
            config.log_format = match text(&value)?.as_str() {
                "plain" => log::Format::Plain,
                "json" => log::Format::Json,
                other => {
                    return Err(usage(
                        format!("--log-format {other:?} is not known."),
                        "Use plain or json.",
                    ));
                }
            };
        }
        "--log-level" => config.log_level = LogLevel::parse(flag, value)?,
        "--allowed-host" => {
            if config.allowed_hosts.len() >= ALLOWED_HOSTS_MAX {
                return Err(usage(
                    format!("More than {ALLOWED_HOSTS_MAX} allowed hosts."),
                    "Name only those that browsers and proxies ask for.",
                ));
            }
            let text = text(&value)?;
            config.allowed_hosts.push(host_name(&text).ok_or_else(|| {
                usage(
                    format!("{flag} {text:?} is not the name of a host."),
                    "Write it like stardust.example: without a scheme, a port or a path.",
                )
            })?);
        }
        "--trusted-proxy" => {
            if config.trusted_proxies.len() >= TRUSTED_PROXIES_MAX {
                return Err(usage(
                    format!("More than {TRUSTED_PROXIES_MAX} trusted proxies."),
                    "Name only the proxies that stand directly in front of this server.",
                ));
            }
            let text = text(&value)?;
            let bare = text.trim_matches(['[', ']']);
            let range = match bare {
                "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST).into()),
                _ => AddressRange::parse(bare),
            };
            config.trusted_proxies.push(range.map_err(|why| {
                usage(
                    format!("{flag} {text:?} can't be used: {why}."),
                    "Name the proxy's address, or the network that it comes from.",
                )
            })?);
        }
        _ => unreachable!("parse() passes only the flags above"),
    }
    Ok(())
}

fn number(flag: &str, text: &str, min: u64, max: u64, range: &str) -> Result<u64, Error> {
    // `parse` alone would take a leading plus sign.
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(number) if digits && (min..=max).contains(&number) => Ok(number),
        _ => Err(usage(
            format!("{flag} {text:?} is not a whole number in its range."),
            &format!("Use {range}."),
        )),
    }
}

/// A whole number with an optional letter for its unit.
fn with_unit(text: &str, units: &[(char, u64)], bare: u64) -> Option<u64> {
    let upper = text.to_ascii_uppercase();
    let (digits, unit) = match upper.chars().last() {
        Some(last) if last.is_ascii_alphabetic() => {
            let unit = units.iter().find(|(letter, _)| *letter == last)?.1;
            (&upper[..upper.len() - 1], unit)
        }
        _ => (upper.as_str(), bare),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn duration_ms(flag: &str, text: &str) -> Result<i64, Error> {
    const HOUR_MS: u64 = 3_600_000;
    const DAY_MS: u64 = 24 * HOUR_MS;
    let units = [
        ('H', HOUR_MS),
        ('D', DAY_MS),
        ('W', 7 * DAY_MS),
        ('Y', 365 * DAY_MS),
    ];
    with_unit(text, &units, DAY_MS)
        .filter(|ms| (HOUR_MS..=100 * 365 * DAY_MS).contains(ms))
        .and_then(|ms| i64::try_from(ms).ok())
        .ok_or_else(|| {
            usage(
                format!("{flag} {text:?} is not a time in its range."),
                "Use 1h to 100y: a whole number of days, or one with h, d, w or y after it.",
            )
        })
}

fn refresh_ms(flag: &str, text: &str) -> Result<i64, Error> {
    const MINUTE_MS: u64 = 60_000;
    let units = [
        ('M', MINUTE_MS),
        ('H', 60 * MINUTE_MS),
        ('D', 24 * 60 * MINUTE_MS),
        ('W', 7 * 24 * 60 * MINUTE_MS),
    ];
    with_unit(text, &units, MINUTE_MS)
        .filter(|ms| (MINUTE_MS..=52 * 7 * 24 * 60 * MINUTE_MS).contains(ms))
        .and_then(|ms| i64::try_from(ms).ok())
        .ok_or_else(|| {
            usage(
                format!("{flag} {text:?} is not a time in its range."),
                "Use 1m to 52w: a whole number of minutes, or one with m, h, d or w after it; \
                 or never.",
            )
        })
}

fn budget_bytes(flag: &str, text: &str) -> Result<u64, Error> {
    let units = [
        ('K', 1 << 10),
        ('M', 1 << 20),
        ('G', 1 << 30),
        ('T', 1 << 40),
    ];
    with_unit(text, &units, 1)
        .filter(|bytes| (history::BUDGET_BYTES_MIN..=1 << 60).contains(bytes))
        .ok_or_else(|| {
            usage(
                format!("{flag} {text:?} is not a size in its range."),
                "Use 32M or more: a whole number of bytes, or one with K, M, G or T after it.",
            )
        })
}

fn path(flag: &str, value: OsString) -> Result<PathBuf, Error> {
    use std::os::unix::ffi::OsStrExt;
    if value.is_empty() || value.as_bytes().contains(&0) {
        return Err(usage(
            format!("{flag} needs the name of a file or folder."),
            &format!("Write {flag} PATH."),
        ));
    }
    Ok(value.into())
}

fn read_environment(
    config: &mut Config,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<(), Error> {
    // An empty variable is an unset one: compose files can't leave one out.
    let variable = |name: &str| -> Result<Option<String>, Error> {
        match env(name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => value.into_string().map(Some).map_err(|_| {
                Error::new(
                    Kind::Config,
                    format!("{name} is not UTF-8 text."),
                    "Set it to plain text.",
                )
            }),
        }
    };
    match variable("STARDUST_SECRET")?.map(Secret::new) {
        Some(secret) => config.secret = Some(checked_secret("STARDUST_SECRET", secret)?),
        None if config.demo => {}
        None => {
            return Err(Error::new(
                Kind::Config,
                "STARDUST_SECRET is not set: it protects the logins and credentials in the database.",
                "Make one with `openssl rand -hex 32`, keep it, and set it in the environment at every start.",
            ));
        }
    }
    if let Some(user) = variable("STARDUST_ADMIN_USER")? {
        let chars = user.chars().count();
        if chars > USER_CHARS_MAX || crate::hidden::find(&user).is_some() || user.trim() != user {
            return Err(Error::new(
                Kind::Config,
                "STARDUST_ADMIN_USER can't be used as a name.",
                format!(
                    "Use 1 to {USER_CHARS_MAX} characters that can be seen, without spaces around it."
                ),
            ));
        }
        config.admin.user = user;
    }
    if let Some(password) = variable("STARDUST_ADMIN_PASS")? {
        let password = Secret::new(password);
        if password.expose().len() > PASSWORD_BYTES_MAX {
            return Err(Error::new(
                Kind::Config,
                "STARDUST_ADMIN_PASS is too long.",
                format!("Use at most {PASSWORD_BYTES_MAX} bytes."),
            ));
        }
        config.admin.password = password;
        config.admin.given = true;
    }
    Ok(())
}

fn checked_secret(name: &str, secret: Secret) -> Result<Secret, Error> {
    let text = secret.expose();
    let wrong = if text.chars().count() < SECRET_CHARS_MIN {
        format!("shorter than {SECRET_CHARS_MIN} characters")
    } else if text.len() > SECRET_BYTES_MAX {
        format!("longer than {SECRET_BYTES_MAX} bytes")
    } else if strength::different(text) < SECRET_DIFFERENT_MIN {
        format!("made of fewer than {SECRET_DIFFERENT_MIN} different characters")
    } else {
        return Ok(secret);
    };
    Err(Error::new(
        Kind::Config,
        format!("{name} is {wrong}."),
        "Make one with `openssl rand -hex 32`. A database that was made with such a secret gets \
         another one by `stardust-server rekey`.",
    ))
}

fn usage(message: String, hint: &str) -> Error {
    Error::new(Kind::Usage, message, hint)
}

#[cfg(test)]
mod tests;
