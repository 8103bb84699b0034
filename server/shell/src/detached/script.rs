//! What runs on the node. A POSIX sh and the small tools of busybox will do.

use super::Work;
use crate::fault::Fault;
use crate::shell::Command;

/// How many bytes of the output are fetched.
#[derive(Clone, Copy, Debug)]
pub struct Fetched {
    /// From its beginning, as they come.
    pub most: u64,
    /// Of its end, where there are more.
    pub end: u64,
}

/// Folders of finished runs that stay on a node: so many at most,
pub const KEPT: u32 = 20;
/// with so much in all of them,
const KEPT_KIB: u32 = 8 << 10;
/// and none that is older.
const KEPT_DAYS: u32 = 30;

/// `holders FILE…`: `PID NAME` of each process that has one of the files locked.
/// `left_behind FILE…`: `PID FILE NAME` of each file with the number of a process that
/// has ended, and that is another's by now.
pub const HOLDERS: &str = r#"
# Who is no package manager and began after the file was written has not written it.
# Clocks are set, so that the times alone would not do.
is_left() {
  case $3 in
    dnf*|yum*|microdnf*|[Zz]ypp*|y2*|packagekit*|python*|ruby*|perl*|rpm*|anaconda*|salt*|ansible*) return 1 ;;
  esac
  written=$(date -r "$1" +%s 2>/dev/null) && read -r stat 2>/dev/null <"/proc/$2/stat" || return 1
  set -- ${stat##*) }
  [ $# -ge 20 ] || return 1
  shift 19
  hertz=$(getconf CLK_TCK 2>/dev/null) || hertz=100
  read -r up rest </proc/uptime
  [ $(($(date +%s) - ${up%.*} + $1 / hertz)) -gt $((written + 5)) ]
}
left_behind() {
  for file in "$@"; do
    case $file in *.pid) [ -e "$file" ] || continue ;; *) continue ;; esac
    pid=; read -r pid <"$file" || [ -n "$pid" ] || continue
    case $pid in *[!0-9]*|'') continue ;; esac
    read -r name 2>/dev/null <"/proc/$pid/comm" && is_left "$file" "$pid" "$name" && echo "$pid $file $name"
  done
}
holders() {
  for file in "$@"; do
    [ -e "$file" ] || continue
    case $file in
      *.pid)
        pid=; read -r pid <"$file" || [ -n "$pid" ] || continue
        case $pid in *[!0-9]*|'') continue ;; esac
        read -r name 2>/dev/null <"/proc/$pid/comm" && ! is_left "$file" "$pid" "$name" && echo "$pid $name" ;;
      */db.lck)
        for comm in /proc/[0-9]*/comm; do
          read -r name 2>/dev/null <"$comm" || continue
          case $name in
            pacman|pacman-*|yay|paru|pamac*|packagekitd) pid=${comm%/comm}; echo "${pid#/proc/} $name" ;;
          esac
        done ;;
      *)
        inode=$(ls -i "$file" | sed 's/^ *\([0-9]*\).*/\1/')
        for pid in $(sed -n "s/^.* \([0-9][0-9]*\) [0-9a-f]*:[0-9a-f]*:$inode .*\$/\1/p" /proc/locks | sort -u); do
          read -r name 2>/dev/null <"/proc/$pid/comm" && echo "$pid $name"
        done ;;
    esac
  done
}
"#;

/// Runs the parts. `$1` is its folder.
const RUN: &str = r#"
dir=$1
cd /
umask 022
trap '' HUP
ended=
trap 'ended=1' TERM
exec </dev/null >>"$dir/output" 2>&1
echo $$ >"$dir/pid.part" && mv "$dir/pid.part" "$dir/pid"
# On a full disk the end is told all the same: room for it is kept, and given back.
finish() {
  rm -f "$dir/room"
  tries=0
  until printf '%s\n' "$1" >"$dir/status.part" && [ -s "$dir/status.part" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || exit 1
    sleep 1
  done
  mv "$dir/status.part" "$dir/status"
  exit 0
}
# A part that changes without its phase being written must not pass for the one before.
phase() {
  if printf '%s\n' "$1" >"$dir/phase.part" && [ -s "$dir/phase.part" ]; then
    mv "$dir/phase.part" "$dir/phase"
  else
    rm -f "$dir/phase.part" "$dir/phase"
  fi
}
read -r good <"$dir/good"
read -r locks <"$dir/locks"
read -r limit <"$dir/limit"
phase 'wait safe'
# The manager itself would wait for that process, whatever it is.
left=$(left_behind $locks | head -n 1)
if [ -n "$left" ]; then
  name=${left#* }
  echo "${name%% *} was left behind by a process that has ended; its number ${left%% *} is that of ${name#* } now."
  finish 'exit 76'
fi
waited=0 told=
while holder=$(holders $locks | head -n 1) && [ -n "$holder" ]; do
  [ ! -e "$dir/cancel" ] || finish 'cancelled 0'
  [ -z "$ended" ] || finish 'exit 143'
  if [ "$holder" != "$told" ]; then
    echo "Waiting for ${holder#* } (process ${holder%% *}), which uses the package manager."
    told=$holder
  fi
  if [ "$waited" -ge "$limit" ]; then
    echo "Gave up after $waited s."
    finish 'exit 75'
  fi
  sleep 1
  waited=$((waited + 1))
done
n=1 code=0
while [ -f "$dir/$n.sh" ]; do
  read -r line <"$dir/$n.phase"
  # First the phase, then the look: who cancels does it the other way round.
  phase "$line"
  [ ! -e "$dir/cancel" ] || finish 'cancelled 0'
  [ -z "$ended" ] || finish 'exit 143'
  sh "$dir/$n.sh"
  code=$?
  case $line in *' safe') [ ! -e "$dir/cancel" ] || finish "cancelled $code" ;; esac
  case " $good " in *" $code "*) ;; *) finish "exit $code" ;; esac
  n=$((n + 1))
done
finish "exit $code"
"#;

/// `$1` id, `$2` the script that runs the parts, `$3` the files that are locked,
/// `$4` how long they are waited for, `$5` good codes, `$6` how many old folders
/// stay, `$7` how many KiB of them, `$8` for how many days, then name, `safe` or `unsafe`, and text of each part. Done twice, it
/// starts nothing twice.
const START: &str = r#"
umask 077
OUTPUT_ROOM=262144
base=/var/lib/stardust-jobs
# Root runs what lies there: it must be root's own, and of nobody else.
mkdir -p "$base" && [ ! -L "$base" ] && chmod 700 "$base" || exit 1
id=$1 run=$2 locks=$3 limit=$4 good=$5 kept=$6 kib=$7 days=$8
shift 8
dir=$base/$id
if [ ! -d "$dir" ]; then
  rm -rf "$dir.part"
  mkdir "$dir.part" || exit 1
  n=0
  while [ $# -ge 3 ]; do
    n=$((n + 1))
    printf '%s\n' "$1 $2" >"$dir.part/$n.phase" && printf '%s' "$3" >"$dir.part/$n.sh" || exit 1
    shift 3
  done
  cat /proc/sys/kernel/random/boot_id >"$dir.part/boot" || exit 1
  read -r up rest </proc/uptime
  { printf '%s\n' "${up%.*}" >"$dir.part/since" && printf '%s\n' "$locks" >"$dir.part/locks" &&
    printf '%s\n' "$limit" >"$dir.part/limit" && printf '%s\n' "$good" >"$dir.part/good" &&
    printf '%s\n' 'start safe' >"$dir.part/phase" && : >"$dir.part/output" &&
    printf '%s' "$run" >"$dir.part/run" && dd if=/dev/zero of="$dir.part/room" bs=4096 count=4 2>/dev/null; } || exit 1
  # What the work says when the disk is full is what is needed most.
  fallocate -n -l "$OUTPUT_ROOM" "$dir.part/output" 2>/dev/null
  mv "$dir.part" "$dir" || exit 1
fi
n=0 sum=0
too_old=" $(find "$base" -maxdepth 1 -mtime "+$days" 2>/dev/null | sed 's#.*/##' | tr '\n' ' ')"
for old in $(ls -1t "$base"); do
  [ "$old" != "$id" ] || continue
  if [ ! -s "$base/$old/status" ]; then
    # What may still be at work stays.
    read -r pid 2>/dev/null <"$base/$old/pid" && grep -q "$base/$old/run" "/proc/$pid/cmdline" 2>/dev/null && continue
  fi
  # Nobody writes there any more: what its output did not need is given back.
  [ ! -s "$base/$old/status" ] || truncate -s "$(($(wc -c <"$base/$old/output") + 0))" "$base/$old/output" 2>/dev/null
  n=$((n + 1))
  size=$(du -sk "$base/$old" 2>/dev/null | sed 's/[^0-9].*//')
  sum=$((sum + ${size:-0}))
  case $too_old in *" $old "*) n=$kept ;; esac
  if [ "$n" -ge "$kept" ] || [ "$sum" -gt "$kib" ]; then rm -rf "${base:?}/$old"; fi
done
# An orderly reboot waits for it a while: the shell alone is told to end, and begins
# no further part. Old systemds know less of such properties.
unit() {
  systemd-run --quiet --collect --no-block --unit="stardust-job-$id" --description='Stardust: work on packages' \
    "$@" sh "$dir/run" "$dir" >/dev/null 2>&1
}
if mkdir "$dir/launched" 2>/dev/null; then
  if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1 &&
    { unit --property=KillMode=process --property=TimeoutStopSec=5min || unit; }; then
    echo 'Started as a unit of systemd.'
  elif command -v setsid >/dev/null 2>&1; then
    setsid sh "$dir/run" "$dir" </dev/null >/dev/null 2>&1 &
    echo 'Started in a session of its own.'
  else
    nohup sh "$dir/run" "$dir" </dev/null >/dev/null 2>&1 &
    echo 'Started in the background.'
  fi
else
  echo 'It had been started.'
fi
"#;

/// `$1` mark, `$2` id, `$3` where to go on, `$4` seconds, `$5` how many bytes are
/// fetched as they come, `$6` how many of the end, where there are more. Answers frames:
/// a line `@MARK LENGTH STATE` and that many bytes, then a line break; with a number
/// behind the state the output goes on there. The state is read before the output, so
/// that with the last frame all of it has been seen.
const FOLLOW: &str = r#"
exec 2>/dev/null
M=$1 dir=/var/lib/stardust-jobs/$2 off=$3 left=$4 most=$5 keep=$6
now() { read -r up rest </proc/uptime; echo "${up%.*}"; }
state() {
  if [ ! -d "$dir" ]; then echo 'missing - -'; return; fi
  line='- unsafe'
  read -r line <"$dir/phase"
  if read -r status <"$dir/status"; then echo "${status% *} ${status#* } $line"; return; fi
  read -r boot <"$dir/boot"
  read -r here </proc/sys/kernel/random/boot_id
  if [ "$boot" != "$here" ]; then echo "rebooted - $line"; return; fi
  if read -r pid <"$dir/pid"; then
    if ! grep -q "$dir/run" "/proc/$pid/cmdline"; then
      # It may have ended between the two looks.
      if read -r status <"$dir/status"; then echo "${status% *} ${status#* } $line"; else echo "killed - $line"; fi
      return
    fi
  else
    read -r since <"$dir/since"
    if [ $(($(now) - since)) -gt 60 ]; then echo "killed - $line"; return; fi
  fi
  echo "running - $line"
}
send() {
  while [ "$1" -gt "$off" ]; do
    n=$(($1 - off))
    [ "$n" -le 65536 ] || n=65536
    printf '@%s %s %s\n' "$M" "$n" "$s"
    tail -c "+$((off + 1))" "$dir/output" | head -c "$n"
    printf '\n'
    off=$((off + n))
  done
}
end=$(($(now) + left))
last=
while :; do
  s=$(state)
  size=$(($(wc -c <"$dir/output") + 0))
  if [ "$size" -le "$most" ]; then
    send "$size"
  else
    send "$most"
    case $s in
      running*) ;;
      *)
        # What it said last is why it ended so.
        if [ $((size - off)) -gt "$keep" ]; then
          off=$((size - keep))
          printf '@%s 0 %s %s\n\n' "$M" "$s" "$off"
        fi
        send "$size" ;;
    esac
  fi
  case $s in
    running*) [ "$(now)" -lt "$end" ] || { printf '@%s 0 %s\n\n' "$M" "$s"; exit 0; } ;;
    *) printf '@%s 0 %s\n\n' "$M" "$s"; exit 0 ;;
  esac
  [ "$s" = "$last" ] || printf '@%s 0 %s\n\n' "$M" "$s"
  last=$s
  sleep 0.2 || sleep 1
done
"#;

/// `$1` id. Ends it where that does no harm.
const CANCEL: &str = r#"
dir=/var/lib/stardust-jobs/$1
[ -d "$dir" ] || { echo missing; exit 0; }
[ ! -s "$dir/status" ] || { echo ended; exit 0; }
: >"$dir/cancel"
read -r line <"$dir/phase"
case $line in
  *' safe') ;;
  *) rm -f "$dir/cancel"; echo unsafe; exit 0 ;;
esac
unit=stardust-job-$1.service
if command -v systemctl >/dev/null 2>&1 && systemctl is-active --quiet "$unit" 2>/dev/null; then
  systemctl kill --signal=TERM "$unit" 2>/dev/null
elif read -r pid <"$dir/pid" && grep -q "$dir/run" "/proc/$pid/cmdline"; then
  # The group; not all shells take it in the same words.
  kill -s TERM -- "-$pid" 2>/dev/null || kill -TERM "-$pid" 2>/dev/null || kill -TERM "$pid"
fi
echo cancelling
"#;

fn good_id(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn checked(id: &str) -> Result<&[u8], Fault> {
    if good_id(id) {
        return Ok(id.as_bytes());
    }
    Err(Fault::new(
        crate::fault::Cause::Failed,
        "The work's number is none.",
        "",
    ))
}

pub fn start(work: &Work) -> Result<Command, Fault> {
    let run = format!("#!/bin/sh\n{HOLDERS}{RUN}");
    let limit = work.lock_wait_seconds.to_string();
    let good: Vec<String> = work.good_codes.iter().map(i32::to_string).collect();
    let good = good.join(" ");
    let (kept, kib, days) = (
        KEPT.to_string(),
        KEPT_KIB.to_string(),
        KEPT_DAYS.to_string(),
    );
    let mut arguments: Vec<&[u8]> = vec![
        checked(&work.id)?,
        run.as_bytes(),
        work.lock_files.as_bytes(),
        limit.as_bytes(),
        good.as_bytes(),
        kept.as_bytes(),
        kib.as_bytes(),
        days.as_bytes(),
    ];
    for part in &work.parts {
        arguments.push(part.name.as_bytes());
        arguments.push(if part.safe { b"safe" } else { b"unsafe" });
        arguments.push(part.command.text());
    }
    Command::script(START, &arguments)
}

pub fn follow(
    mark: &str,
    id: &str,
    from: u64,
    seconds: u64,
    fetched: Fetched,
) -> Result<Command, Fault> {
    let (from, seconds) = (from.to_string(), seconds.to_string());
    let (most, end) = (fetched.most.to_string(), fetched.end.to_string());
    Command::script(
        FOLLOW,
        &[
            mark.as_bytes(),
            checked(id)?,
            from.as_bytes(),
            seconds.as_bytes(),
            most.as_bytes(),
            end.as_bytes(),
        ],
    )
}

pub fn cancel(id: &str) -> Result<Command, Fault> {
    Command::script(CANCEL, &[checked(id)?])
}
