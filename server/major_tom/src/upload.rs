//! A file onto a node: into a temporary file beside its place, verified there by
//! its SHA-256, then renamed. By SFTP, else through `cat`.

use stardust_base::secret::hex;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::authenticate::no_linger;
use super::fault::{Cause, Fault, printable};
use super::limits::{UPLOAD_STALL_MAX, WRITE_BYTES_MAX};
use super::output::Output;
use super::remote::{Remote, Stdin, Upload, Uploaded};
use super::session::Session;
use super::shell::Command;
use super::wire::Stopped;
use stardust_base::secret;

const PREPARE: &str = "umask 077; [ -d \"$1\" ] || { echo 'no such folder'; exit 3; }";
/// `set -C` makes sh refuse a file that is there already, also a link.
const RECEIVE: &str = "umask 077; set -C; cat > \"$1\"";
const CHECKSUM: &str = "sha256sum < \"$1\" 2>/dev/null || shasum -a 256 < \"$1\" 2>/dev/null \
     || openssl dgst -sha256 -r < \"$1\"";
const FINISH: &str =
    "chmod \"$2\" \"$1\" && { sync \"$1\" 2>/dev/null || :; } && mv -f \"$1\" \"$3\"";
const REMOVE: &str = "rm -f \"$1\"";
const SHORT: Duration = Duration::from_secs(20);

pub fn run(session: &Session, upload: &Upload<'_>, deadline: Instant) -> Result<Uploaded, Fault> {
    let folder = match upload.path.rsplit_once('/') {
        Some(("", name)) if !name.is_empty() => "/",
        Some((folder, name)) if !name.is_empty() && folder.starts_with('/') => folder,
        _ => {
            return Err(Fault::new(
                Cause::BadTarget,
                "A file on the node needs an absolute path.",
                "Name it from the root on.",
            ));
        }
    };
    ask(
        session,
        Command::script(PREPARE, &[folder.as_bytes()])?,
        "find the folder",
    )?;
    // dropbear starts another program's SFTP server, and stalls with it.
    let sftp = !upload.by_shell && !session.banner().contains("dropbear");
    if sftp {
        let part = part_of(folder)?;
        match by_sftp(session, &part, upload.data, deadline) {
            Ok(()) => return finish(session, upload, &part).map(|()| Uploaded::BySftp),
            Err(Stopped::Timeout) => {
                return Err(Fault::timeout("upload: nothing moved any more"));
            }
            // No SFTP here, or not for this user or this file: the shell tells
            // why, or does it.
            Err(Stopped::Ssh(..)) => remove(session, &part),
        }
    }
    let part = part_of(folder)?;
    let left = deadline.saturating_duration_since(Instant::now());
    let command = Command::script(RECEIVE, &[part.as_bytes()])?;
    let received = session
        .run(&command, Stdin::Bytes(upload.data), left, &mut |_| {})
        .and_then(|output| success(output, "write the file").map(|_| ()));
    if let Err(fault) = received {
        if fault.cause != Cause::Lost {
            remove(session, &part);
        }
        return Err(fault);
    }
    finish(session, upload, &part).map(|()| Uploaded::ByShell)
}

/// A name that nobody else has.
fn part_of(folder: &str) -> Result<String, Fault> {
    let random = secret::random_hex(8)
        .map_err(|error| Fault::new(Cause::Busy, format!("No random numbers: {error}."), ""))?;
    let folder = folder.trim_end_matches('/');
    Ok(format!("{folder}/.stardust-{}.part", random.expose()))
}

fn by_sftp(session: &Session, part: &str, data: &[u8], deadline: Instant) -> Result<(), Stopped> {
    let wire = &session.wire;
    let stall = || deadline.min(Instant::now() + UPLOAD_STALL_MAX);
    let sftp = wire.until(stall(), ssh2::Session::sftp)?;
    let flags = ssh2::OpenFlags::WRITE | ssh2::OpenFlags::CREATE | ssh2::OpenFlags::EXCLUSIVE;
    let mut file = wire.until(stall(), |_| {
        sftp.open_mode(Path::new(part), flags, 0o600, ssh2::OpenType::File)
    })?;
    let mut written = 0;
    let mut until = stall();
    while written < data.len() {
        let end = data.len().min(written + WRITE_BYTES_MAX);
        match file.write(&data[written..end]) {
            Ok(length) => {
                written += length;
                until = stall();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if wire.is_over(until) {
                    return Err(Stopped::Timeout);
                }
                wire.wait(until);
            }
            Err(error) => return Err(Stopped::Ssh(-31, error.to_string())),
        }
    }
    wire.until(stall(), |_| file.close())
}

/// Verifies what arrived, gives it its mode and its name.
fn finish(session: &Session, upload: &Upload<'_>, part: &str) -> Result<(), Fault> {
    let checked = verify(session, upload.data, part).and_then(|()| {
        let mode = format!("{:o}", upload.mode & 0o7777);
        let arguments = [part.as_bytes(), mode.as_bytes(), upload.path.as_bytes()];
        ask(
            session,
            Command::script(FINISH, &arguments)?,
            "put the file in its place",
        )
    });
    if checked
        .as_ref()
        .is_err_and(|fault| fault.cause != Cause::Lost)
    {
        remove(session, part);
    }
    checked
}

fn verify(session: &Session, data: &[u8], part: &str) -> Result<(), Fault> {
    let output = session.ask(&Command::script(CHECKSUM, &[part.as_bytes()])?, SHORT)?;
    let text = output.text();
    let found = text
        .split_whitespace()
        .find(|word| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()));
    let Some(found) = found else {
        return Err(Fault::new(
            Cause::Unsupported,
            format!("The node can't compute a SHA-256: {}.", printable(&text)),
            "Install sha256sum (coreutils or busybox), shasum or openssl on it.",
        ));
    };
    let wanted: String = hex(&Sha256::digest(data));
    if found.eq_ignore_ascii_case(&wanted) {
        Ok(())
    } else {
        Err(Fault::new(
            Cause::Checksum,
            "What arrived on the node is not what was sent.",
            "Try again; if it stays, check the node's disk and memory.",
        ))
    }
}

fn remove(session: &Session, part: &str) {
    // What can't be removed is an empty or half file with a name of ours.
    if let Ok(command) = Command::script(REMOVE, &[part.as_bytes()]) {
        let _ = session.ask(&command, SHORT);
    }
}

fn ask(session: &Session, command: Command, what: &str) -> Result<(), Fault> {
    success(session.ask(&command, SHORT)?, what).map(|_| ())
}

/// Reads a failure for what it means.
pub fn success(output: Output, what: &str) -> Result<Output, Fault> {
    if output.exit.is_success() {
        return Ok(output);
    }
    let text = output.text();
    let has = |part: &str| text.contains(part);
    if let Some((_, rest)) = text.split_once("loginctl enable-linger ") {
        return Err(no_linger(rest.split(' ').next().unwrap_or("USER")));
    }
    let (cause, hint) = if has("does not run here") {
        (
            Cause::Unsupported,
            "Use a Spider for its architecture that needs no libraries (cross/ builds them) with \
                 --agent-dir or --agent-binary, and look for noexec mounts on the node.",
        )
    } else if has("No space left") || has("Disk quota exceeded") || has("File too large") {
        (
            Cause::NoSpace,
            "Free some space there, or choose another folder.",
        )
    } else if has("Read-only file system") {
        (
            Cause::ReadOnly,
            "Mount it writable, or choose another folder.",
        )
    } else if has("Permission denied") || has("Operation not permitted") {
        (
            Cause::Denied,
            "Log in as a user who may write there, or give the sudo password.",
        )
    } else {
        (Cause::Failed, "Try it by hand on the node.")
    };
    Err(Fault::new(
        cause,
        format!("The node could not {what}: {}.", printable(&text)),
        hint,
    ))
}
