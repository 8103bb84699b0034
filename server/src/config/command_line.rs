//! What was typed and what the environment says, flag by flag.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr};

use stardust_shared::ServerUrl;
use stardust_shared::limits::{INTERVAL_MS_MAX, INTERVAL_MS_MIN};

use super::given_oidc::Given;
use super::values::{
    budget_bytes, checked_secret, duration_ms, no_value, number, path, refresh_ms, split_flag,
    usage,
};
use super::verbs::{self, Command};
use super::{COMMIT_INTERVAL_MS_MAX, COMMIT_INTERVAL_MS_MIN, Config};
use crate::address_range::AddressRange;
use crate::auth::{PASSWORD_BYTES_MAX, USER_CHARS_MAX};
use crate::error::{Error, Kind};
use crate::gate::{BINDS_MAX, host_name};
use crate::listen::Listen;
use crate::log;
use crate::log_level::LogLevel;
use crate::major_tom::limits::THREADS_MAX as SSH_THREADS_MAX;
use crate::secret::Secret;
use crate::tls::TlsFiles;

/// Most `--allow-from` flags.
const NETWORKS_MAX: usize = 64;
/// Most `--trusted-proxy` flags.
const TRUSTED_PROXIES_MAX: usize = 64;
/// Most `--allowed-host` flags.
const ALLOWED_HOSTS_MAX: usize = 64;

/// Reads `args` (without the program's name) and the environment through `env`.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Command, Error> {
    let mut config = Config::default();
    // What is given stands in the place of the default.
    let default = std::mem::take(&mut config.binds);
    let mut pair = (None, None);
    let mut oidc = Given::default();
    let mut args = args.into_iter().peekable();
    if let Some(verb) = verbs::parse(&mut args, &env)? {
        return Ok(verb);
    }
    while let Some(arg) = args.next() {
        let (flag, inline) = split_flag(&arg)?;
        match flag.as_str() {
            "--help" | "-h" => return no_value(&flag, inline).map(|()| Command::Help),
            "--version" | "-V" => return no_value(&flag, inline).map(|()| Command::Version),
            "--no-password-login" => {
                no_value(&flag, inline)?;
                config.password_login = false;
            }
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
            | "--allow-from"
            | "--allow-spiders-from"
            | "--oidc-issuer"
            | "--oidc-client-id"
            | "--oidc-client-secret-file"
            | "--oidc-role"
            | "--oidc-groups-claim"
            | "--oidc-label"
            | "--oidc-ca-file"
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
                    other if other.starts_with("--oidc-") => oidc.set(other, value)?,
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
    config.oidc = oidc.settings()?;
    if !config.password_login && config.oidc.is_none() {
        return Err(usage(
            "--no-password-login leaves no way in.".into(),
            "Give --oidc-issuer and --oidc-client-id too.",
        ));
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
        "--allow-from" => allow(&mut config.allow_from, flag, &text(&value)?)?,
        "--allow-spiders-from" => allow(&mut config.allow_spiders_from, flag, &text(&value)?)?,
        _ => unreachable!("parse() passes only the flags above"),
    }
    Ok(())
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

/// One more network from which something may be asked for.
fn allow(known: &mut Vec<AddressRange>, flag: &str, text: &str) -> Result<(), Error> {
    if known.len() >= NETWORKS_MAX {
        return Err(usage(
            format!("More than {NETWORKS_MAX} times {flag}."),
            "Name the networks that hold them.",
        ));
    }
    let range = AddressRange::parse(text.trim_matches(['[', ']'])).map_err(|why| {
        usage(
            format!("{flag} {text:?} can't be used: {why}."),
            "Name an address, or a network such as 10.0.0.0/8.",
        )
    })?;
    known.push(range);
    Ok(())
}
