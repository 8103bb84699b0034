//! Reading the flags, the environment and the config file: a pure function.

use std::path::{Path, PathBuf};

use stardust_shared::limits::{INTERVAL_MS_MAX, INTERVAL_MS_MIN, RING_BYTES_MAX, RING_BYTES_MIN};
use stardust_shared::{Secret, ServerUrl};

use crate::collect::rules::{NEW_AFTER_MS_MAX, Rules};

use super::{Config, FileText, Mode, PINS_MAX, Pin, TOKEN_VARIABLE, proxy};

/// Longest token.
const TOKEN_BYTES_MAX: usize = 512;

/// All that the outside gives.
pub struct Input<'a> {
    /// The arguments, without the program's name.
    pub args: &'a [String],
    /// The value of [`TOKEN_VARIABLE`].
    pub token: Option<String>,
    /// Other variables by name.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    pub read: &'a dyn Fn(&Path) -> std::io::Result<FileText>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Run(Box<Config>),
    Help,
    Version,
}

/// What is wrong with the command, and what to do: exit code 2.
#[derive(Debug, PartialEq, Eq)]
pub struct UsageError(pub String);

type Result<T> = std::result::Result<T, UsageError>;

fn fail<T>(parts: &[&str]) -> Result<T> {
    Err(UsageError(parts.concat()))
}

/// Settings as given, before they are put together.
#[derive(Default)]
struct Given {
    server: Option<ServerUrl>,
    token: Option<Secret>,
    token_file: Option<PathBuf>,
    interval_ms: Option<u64>,
    ring_bytes: Option<usize>,
    root: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    pins: Vec<Pin>,
    ring_file: Option<PathBuf>,
    ring_file_bytes: Option<usize>,
    /// In their order.
    families: Option<Rules>,
    new_after_ms: Option<u64>,
}

/// Puts flags, environment and config file together, in that order of weight.
pub fn parse(input: &Input<'_>) -> Result<Outcome> {
    let mut flags = Given::default();
    let mut config_file: Option<PathBuf> = None;
    let (mut stdout, mut once) = (false, false);
    let mut args = input.args.iter();
    while let Some(arg) = args.next() {
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (arg.as_str(), None),
        };
        match name {
            "--help" | "-h" if inline.is_none() => return Ok(Outcome::Help),
            "--version" | "-V" if inline.is_none() => return Ok(Outcome::Version),
            "--stdout" | "--once" | "--help" | "--version" if inline.is_some() => {
                return fail(&[name, " takes no value; write it alone"]);
            }
            "--stdout" => stdout = true,
            "--once" => once = true,
            "--token" => {
                return fail(&[
                    "--token is not accepted: every user of this machine can read a program's \
                     arguments. Put the token into a file (mode 0600) and give --token-file FILE, \
                     or set ",
                    TOKEN_VARIABLE,
                ]);
            }
            "--server" | "--token-file" | "--config" | "--ca-file" | "--pin" | "--interval"
            | "--root" | "--ring-bytes" | "--ring-file" | "--ring-file-bytes" | "--family"
            | "--new-after" => {
                let value = match inline {
                    Some(value) => value,
                    None => match args.next() {
                        Some(value) if !value.starts_with("--") => value,
                        _ => return fail(&[name, " needs a value, see --help"]),
                    },
                };
                if value.is_empty() {
                    return fail(&[name, ": the value is empty; give one, see --help"]);
                }
                if name == "--config" {
                    config_file = Some(PathBuf::from(value));
                } else {
                    let key = match name {
                        "--interval" => "interval_ms",
                        "--new-after" => "new_after_ms",
                        "--ring-bytes" => "ring_bytes",
                        "--token-file" => "token_file",
                        "--ca-file" => "ca_file",
                        "--ring-file" => "ring_file",
                        "--ring-file-bytes" => "ring_file_bytes",
                        other => &other[2..],
                    };
                    set(&mut flags, key, value, name)?;
                }
            }
            _ if name.starts_with('-') => {
                return fail(&["unknown flag ", &shown(name), "; --help lists them all"]);
            }
            _ => {
                return fail(&[
                    "unexpected argument ",
                    &shown(arg),
                    "; settings are given as --flag VALUE, see --help",
                ]);
            }
        }
    }
    let mut config = Config::default();
    let mut file = Given::default();
    if let Some(path) = &config_file {
        let text = read(input, "--config", path)?;
        read_config(&text.text, path, &mut file)?;
        if file.token.is_some() {
            warn_when_readable(&text, path, &mut config);
        }
    }
    config.token = token(input, flags.token_file, &mut file, &mut config)?;
    config.server = flags.server.or(file.server);
    config.ca_file = flags.ca_file.or(file.ca_file);
    config.pins = if flags.pins.is_empty() {
        file.pins
    } else {
        flags.pins
    };
    config.ring_file = flags.ring_file.or(file.ring_file);
    if let Some(interval_ms) = flags.interval_ms.or(file.interval_ms) {
        config.interval_ms = interval_ms;
    }
    if let Some(ring_bytes) = flags.ring_bytes.or(file.ring_bytes) {
        config.ring_bytes = ring_bytes;
    }
    config.ring_file_bytes = flags
        .ring_file_bytes
        .or(file.ring_file_bytes)
        .unwrap_or(config.ring_bytes);
    config.rules = flags.families.or(file.families).unwrap_or_default();
    if let Some(new_after_ms) = flags.new_after_ms.or(file.new_after_ms) {
        config.rules.new_after_ms = new_after_ms as i64;
    }
    if let Some(root) = flags.root.or(file.root) {
        config.root = root;
    }
    config.mode = match (once, stdout) {
        (true, _) => Mode::Once,
        (false, true) => Mode::Stdout,
        (false, false) => Mode::Link,
    };
    if config.mode == Mode::Link {
        if config.server.is_none() {
            return fail(&[
                "no server: give --server ws://HOST:PORT (or wss://…) of Ground Control, \
                 or --stdout to print samples here",
            ]);
        }
        if config.token.is_none() {
            return fail(&[
                "no node token: give --token-file FILE or set ",
                TOKEN_VARIABLE,
                "; Ground Control shows the token once, when the node is added",
            ]);
        }
        if let Some(url) = &config.server {
            if !url.tls && !config.pins.is_empty() {
                return fail(&["--pin needs wss://: without TLS a server shows no key to compare"]);
            }
            config.proxy = proxy::choose(url, input.env).map_err(UsageError)?;
        }
    }
    Ok(Outcome::Run(Box::new(config)))
}

/// Flag file, then environment, then what the config file says.
fn token(
    input: &Input<'_>,
    flag: Option<PathBuf>,
    file: &mut Given,
    config: &mut Config,
) -> Result<Option<Secret>> {
    if let Some(path) = flag {
        return token_file(input, "--token-file", &path, config).map(Some);
    }
    if let Some(token) = &input.token {
        return check_token(token, TOKEN_VARIABLE).map(Some);
    }
    if file.token.is_some() {
        return Ok(file.token.take());
    }
    match file.token_file.take() {
        Some(path) => token_file(input, "token_file", &path, config).map(Some),
        None => Ok(None),
    }
}

fn token_file(input: &Input<'_>, from: &str, path: &Path, config: &mut Config) -> Result<Secret> {
    let file = read(input, from, path)?;
    warn_when_readable(&file, path, config);
    check_token(&file.text, &path.to_string_lossy())
}

fn warn_when_readable(file: &FileText, path: &Path, config: &mut Config) {
    if file.mode & 0o044 != 0 {
        let path = path.to_string_lossy();
        let parts = [
            &*path,
            " holds the node token and others can read it; run: chmod 600 ",
            &*path,
        ];
        config.warnings.push(parts.concat());
    }
}

fn check_token(text: &str, from: &str) -> Result<Secret> {
    let token = text.trim();
    if token.is_empty() {
        return fail(&[from, ": the token is empty; put the node's token there"]);
    }
    // It becomes part of an HTTP header.
    if token.len() > TOKEN_BYTES_MAX || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return fail(&[
            from,
            ": this is not a node token (one line of letters and digits); \
             copy it again from Ground Control",
        ]);
    }
    Ok(Secret::new(token.to_owned()))
}

fn read(input: &Input<'_>, from: &str, path: &Path) -> Result<FileText> {
    (input.read)(path).map_err(|error| {
        let path = path.to_string_lossy();
        UsageError(
            [
                from,
                ": can't read ",
                &*path,
                ": ",
                &error.to_string(),
                "; check the path and who may read it",
            ]
            .concat(),
        )
    })
}

fn read_config(text: &str, path: &Path, given: &mut Given) -> Result<()> {
    for (number, line) in (1u32..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = || [&*path.to_string_lossy(), " line ", &number.to_string()].concat();
        let Some((key, value)) = line.split_once('=') else {
            return fail(&[
                &at(),
                ": not a `key = value` line; correct it or put # before it",
            ]);
        };
        let (key, value) = (key.trim(), unquote(value.trim()));
        if value.is_empty() {
            return fail(&[
                &at(),
                ": ",
                &shown(key),
                " has no value; give one or remove the line",
            ]);
        }
        set(given, key, value, &at())?;
    }
    Ok(())
}

fn unquote(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value)
}

/// Takes one setting; `from` names the flag, or the file and line.
fn set(given: &mut Given, key: &str, value: &str, from: &str) -> Result<()> {
    match key {
        "server" => match ServerUrl::parse(value) {
            Ok(url) => given.server = Some(url),
            Err(why) => return fail(&[from, ": ", why]),
        },
        "token" => given.token = Some(check_token(value, from)?),
        "token_file" => given.token_file = Some(PathBuf::from(value)),
        "ca_file" => given.ca_file = Some(PathBuf::from(value)),
        "root" => given.root = Some(PathBuf::from(value)),
        "pin" => match Pin::parse(value) {
            Some(_) if given.pins.len() >= PINS_MAX => {
                return fail(&[
                    from,
                    ": more than 4 pins; leave out those of keys not in use",
                ]);
            }
            Some(pin) => given.pins.push(pin),
            None => {
                return fail(&[
                    from,
                    ": a pin is sha256/ and 44 characters of base64. This prints a server's: \
                     openssl s_client -connect HOST:PORT </dev/null | openssl x509 -pubkey -noout | \
                     openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64",
                ]);
            }
        },
        "family" => {
            let rules = given.families.get_or_insert_default();
            if let Err(why) = rules.add(value) {
                return fail(&[from, ": ", &shown(value), ": ", why]);
            }
        }
        "new_after_ms" => given.new_after_ms = Some(number(value, 0, NEW_AFTER_MS_MAX, from)?),
        "ring_file" => given.ring_file = Some(PathBuf::from(value)),
        "interval_ms" => {
            given.interval_ms = Some(number(value, INTERVAL_MS_MIN, INTERVAL_MS_MAX, from)?);
        }
        "ring_bytes" => {
            let (min, max) = (RING_BYTES_MIN as u64, RING_BYTES_MAX as u64);
            given.ring_bytes = Some(number(value, min, max, from)? as usize);
        }
        "ring_file_bytes" => {
            let (min, max) = (RING_BYTES_MIN as u64, RING_BYTES_MAX as u64);
            given.ring_file_bytes = Some(number(value, min, max, from)? as usize);
        }
        _ => {
            return fail(&[
                from,
                ": unknown key ",
                &shown(key),
                "; known are server, token, token_file, interval_ms, ring_bytes, ring_file, \
                 ring_file_bytes, family, new_after_ms, root, ca_file, pin",
            ]);
        }
    }
    Ok(())
}

fn number(value: &str, min: u64, max: u64, from: &str) -> Result<u64> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    match value.parse::<u64>() {
        Ok(number) if digits && (min..=max).contains(&number) => Ok(number),
        _ => fail(&[
            from,
            ": must be a whole number from ",
            &min.to_string(),
            " to ",
            &max.to_string(),
            ", not ",
            &shown(value),
        ]),
    }
}

/// Hostile text made fit for a terminal.
fn shown(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(80)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    out.insert(0, '\'');
    out.push('\'');
    out
}

#[cfg(test)]
mod tests;
