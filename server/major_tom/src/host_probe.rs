//! The one script that asks a node what it is. It writes nothing, needs nothing
//! but a POSIX sh, and each answer is a line that begins with its name.

use std::time::Duration;

use stardust_shared::ServerUrl;

use super::facts::{self, Facts};
use super::fault::{Cause, Fault};
use super::remote::Remote;
use super::shell::Command;
use stardust_base::clock::wall_ms;

const TIME_MAX: Duration = Duration::from_secs(25);

/// $1 URL, $2 host, $3 port of Ground Control, $4 pin of its key as curl writes it, or
/// nothing. Only curl compares pins; with wget they are left to the Spider. wget gets no time-out where another
/// program can hold the clock: Debian's busybox crashes on -T, and GNU's wget would
/// wait that long twenty times over. busybox' timeout ends with 143.
const SCRIPT: &str = r#"
exec 2>/dev/null </dev/null
LC_ALL=C; export LC_ALL
say() { printf '%s %s\n' "$1" "$(printf %s "$2" | tr '\n\r' '  ')"; }
has() { command -v "$1" >/dev/null; }
say time "$(date +%s)"
say hostname "$(uname -n)"
say kernel "$(uname -s) $(uname -r)"
say machine "$(uname -m)"
say home "$HOME"
for file in /etc/machine-id /var/lib/dbus/machine-id; do
  if [ -r "$file" ]; then say machine_id "$(sed 1q "$file")"; break; fi
done
if has od; then say elf "$(dd if=/bin/sh bs=20 count=1 | od -An -v -tx1)"
elif has hexdump; then say elf "$(dd if=/bin/sh bs=20 count=1 | hexdump -v -e '1/1 "%02x "')"
fi
for file in /etc/os-release /usr/lib/os-release; do
  if [ -r "$file" ]; then sed -n '1,60s/^/os /p' "$file"; break; fi
done
if [ -d /run/systemd/system ]; then say init systemd
elif [ -x /sbin/procd ]; then say init procd
elif [ -d /run/openrc ]; then say init openrc
else
  # What runs, and not only what is installed: a container may have no init at all.
  first=$(cat /proc/1/comm)
  case "$first $(readlink /proc/1/exe) $(readlink -f /sbin/init)" in
    *busybox*) say init busybox ;;
    runit*) say init runit ;;
    s6*) say init s6 ;;
    dinit*) say init dinit ;;
    init\ *) if [ -d /etc/init.d ] && [ -e /etc/inittab ]; then say init sysvinit; else say init unknown; fi ;;
    *) say init unknown ;;
  esac
fi
for name in apt-get dnf yum zypper pacman apk opkg; do
  if has "$name"; then say packages "$name"; break; fi
done
say libc "$(getconf GNU_LIBC_VERSION || ldd --version 2>&1 | sed -n 1,2p)"
for each in /lib/ld-*.so* /lib64/ld-*.so* /lib/ld64.so* /lib64/ld64.so*; do
  if [ -e "$each" ]; then say loader "$each"; fi
done
for folder in /usr/local/bin /etc /var/lib /tmp "${HOME:-/}"; do
  there=$folder
  while [ ! -d "$there" ]; do there=${there%/*}; there=${there:-/}; done
  say df "$folder $(df -Pk "$there" | sed -n '2s/^.* \([0-9][0-9]*\)  *[0-9-]*%.*$/\1/p')"
done
sed -n '1,200s/^/mount /p' /proc/mounts
if has curl; then
  if [ -n "$4" ]; then set -- "$1" "$2" "$3" "$4" -k --pinnedpubkey "$4"; tool=pinned-curl
  else tool=curl; fi
  url=$1; shift; shift; shift; shift
  say reach "$tool $(curl "$@" -sS -m 8 -o /dev/null -w '%{http_code}' "$url/healthz" 2>&1; echo " $?")"
elif has wget; then
  if [ -n "$4" ]; then tool=pinned-wget; any=--no-check-certificate; else tool=wget; any=; fi
  if timeout 1 true; then try() { timeout 8 wget $any -q -O /dev/null "$1"; }
  else try() { wget $any -q -T 8 -O /dev/null "$1"; }; fi
  say reach "$tool $(try "$1/healthz" 2>&1; status=$?; [ $status != 143 ] || status=124; echo " $status")"
elif has nc; then
  nc -w 5 "$2" "$3" >/dev/null; say reach "nc $?"
elif has bash && has timeout; then
  timeout 8 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3"; say reach "bash $?"
else
  say reach none
fi
say end end
"#;

pub fn run(remote: &dyn Remote, server: &ServerUrl, pin: Option<&str>) -> Result<Facts, Fault> {
    let url = server.http();
    // curl writes two slashes.
    let pin = pin.filter(|_| server.tls);
    let pin = pin.map_or_else(String::new, |pin| pin.replacen("sha256/", "sha256//", 1));
    let port = server.port().to_string();
    let arguments = [
        url.as_bytes(),
        server.host.as_bytes(),
        port.as_bytes(),
        pin.as_bytes(),
    ];
    let command = Command::script(SCRIPT, &arguments)?;
    let started_ms = wall_ms();
    let output = remote.ask(&command, TIME_MAX)?;
    let text = output.text();
    if !text.lines().any(|line| line == "end end") {
        return Err(Fault::new(
            Cause::Failed,
            "The node's shell did not answer all questions.",
            "It needs a POSIX sh with the usual small tools (coreutils or busybox).",
        ));
    }
    Ok(facts::parse(&text, started_ms))
}
