# What all scripts of a deployment begin with. POSIX sh; dash and busybox run it.
# $1 method, $2 the Spider, $3 its folder, $4 its unit, $5 its user (or nothing).
set -eu
umask 022
LC_ALL=C
export LC_ALL
# A link that breaks must not end it between two lines that belong together.
trap '' HUP PIPE
method=$1 bin=$2 folder=$3 unit=$4 user=$5
shift 5
name=stardust-spider
config=$folder/spider.conf
log=/var/log/$name.log
# Of runit, whose logs are folders.
service=${unit%/*} logs=/var/log/$name

have() { command -v "$1" >/dev/null 2>&1; }
fail() {
  echo "$*"
  exit 1
}
sum_of() {
  { sha256sum <"$1" 2>/dev/null || shasum -a 256 <"$1" 2>/dev/null || openssl dgst -sha256 -r <"$1"; } | cut -c1-64
}
ctl() {
  if [ "$method" = systemd_user ]; then
    XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
    export XDG_RUNTIME_DIR
    systemctl --user "$@"
  else
    systemctl "$@"
  fi
}
# Where runit looks for what it is to run.
runit_folder() {
  for each in /proc/[0-9]*/cmdline; do
    each=$(tr '\0' ' ' <"$each" 2>/dev/null || :)
    case $each in
      *runsvdir\ *)
        for each in $each; do
          if [ "${each#/}" != "$each" ] && [ -d "$each" ] && [ "${each##*/}" != runsvdir ]; then
            echo "$each"
            return 0
          fi
        done
        ;;
    esac
  done
  for each in /etc/service /var/service /run/runit/service /service; do
    if [ -d "$each" ]; then
      echo "$each"
      return 0
    fi
  done
  fail 'It is not known where runit has its services (runsvdir does not run).' >&2
}
# What belongs to a service of runit beside its `run`: a pause when it fails, and a log.
put_runit() {
  printf '#!/bin/sh\n[ "$1" = 0 ] || [ "$1" = -1 ] || sleep 4\n' >"$service/finish.new"
  mkdir -p "$service/log" "$logs"
  printf '#!/bin/sh\nexec svlogd -tt %s\n' "$logs" >"$service/log/run.new"
  printf 's100000\nn4\n' >"$logs/config"
  for each in "$service/finish" "$service/log/run"; do
    chmod 755 "$each.new"
    mv -f "$each.new" "$each"
  done
}
# runit looks every five seconds.
await_runit() {
  waited=0
  while [ ! -p "$service/supervise/ok" ] && [ $waited -lt 15 ]; do
    sleep 1
    waited=$((waited + 1))
  done
}
start_service() {
  case $method in
    sysvinit)
      if have update-rc.d; then
        update-rc.d $name defaults >/dev/null
      elif have chkconfig; then
        chkconfig --add $name
      else
        for each in 2 3 4 5; do ln -sf ../init.d/$name "/etc/rc$each.d/S95$name"; done
        for each in 0 1 6; do ln -sf ../init.d/$name "/etc/rc$each.d/K05$name"; done
      fi
      "$unit" restart
      ;;
    runit)
      put_runit
      running=$(runit_folder)
      # A line of its own: runit must not find half a service.
      if [ ! -e "$running/$name" ]; then ln -s "$service" "$running/$name"; fi
      await_runit
      sv -w 15 restart "$service" >/dev/null
      ;;
    systemd | systemd_user)
      ctl daemon-reload
      ctl enable --quiet $name.service
      ctl reset-failed $name.service 2>/dev/null || :
      ctl restart $name.service
      ;;
    openrc)
      rc-update -q add $name default
      rc-service $name restart
      ;;
    procd)
      "$unit" enable
      "$unit" restart
      ;;
  esac
}
stop_service() {
  case $method in
    sysvinit)
      if [ -x "$unit" ]; then "$unit" stop || :; fi
      if have update-rc.d; then
        update-rc.d -f $name remove >/dev/null || :
      elif have chkconfig; then
        chkconfig --del $name || :
      else
        rm -f /etc/rc?.d/[SK]??$name
      fi
      ;;
    runit)
      running=$(runit_folder || :)
      if [ -n "$running" ] && [ -L "$running/$name" ]; then rm -f "$running/$name"; fi
      if [ -p "$service/supervise/ok" ]; then sv -w 15 exit "$service" >/dev/null 2>&1 || :; fi
      ;;
    systemd | systemd_user)
      ctl disable --quiet --now $name.service 2>/dev/null || :
      ;;
    openrc)
      rc-service $name stop 2>/dev/null || :
      rc-update -q del $name default 2>/dev/null || :
      ;;
    procd)
      if [ -x "$unit" ]; then
        "$unit" stop || :
        "$unit" disable || :
      fi
      ;;
  esac
}
# Puts a file in its place: $1 from, $2 to, $3 mode, $4 owner.
put() {
  if [ "$1" != "$2.new" ]; then mv -f "$1" "$2.new"; fi
  chmod "$3" "$2.new"
  if [ -n "$4" ]; then chown "$4" "$2.new"; fi
  mv -f "$2.new" "$2"
  if have restorecon; then restorecon "$2" 2>/dev/null || :; fi
}
# Before anything depends on it: it may want another processor or libraries.
try_spider() {
  if ! said=$("$1" --version 2>&1); then fail "The Spider does not run here: $said"; fi
}
# Keeps the last good state once: a second attempt must not replace it with a half one.
keep() {
  if [ ! -e "$1" ] || [ -e "$2" ]; then return 0; fi
  ln "$1" "$2" 2>/dev/null || cp -p "$1" "$2"
}
# The guard of an upgrade looks once a second whether it is decided, and ends.
await_guard() {
  waited=0
  while [ -e "$folder/guard" ] && [ $waited -lt 5 ]; do
    sleep 1
    waited=$((waited + 1))
  done
}
# Decides against a new Spider that nobody has confirmed. Making a folder succeeds
# for one of two: either this or the guard puts the old one back.
go_back() {
  if mkdir "$folder/.decided" 2>/dev/null && [ -e "$bin.old" ]; then
    mv -f "$bin.old" "$bin"
    start_service
  fi
  await_guard
  rm -f "$folder/guard" "$folder/.went-back" "$bin.new"
  rmdir "$folder/.decided" 2>/dev/null || :
}
# Takes everything off that an installation puts on. Each part may be gone already.
remove_all() {
  # Else it would start the service again.
  if [ -e "$folder/guard" ]; then
    mkdir "$folder/.decided" 2>/dev/null || :
    await_guard
  fi
  stop_service
  rm -f "$unit" "$unit.new" "$bin" "$bin.new" "$bin.old"
  case $method in
    systemd | systemd_user)
      rm -rf "$unit.d"
      ctl daemon-reload || :
      ctl reset-failed $name.service 2>/dev/null || :
      ;;
    openrc) rm -f "$log" ;;
    sysvinit)
      rm -f "$log" "/run/$name.pid"
      # Only now does it give the other scripts their numbers back.
      if have update-rc.d; then update-rc.d $name remove >/dev/null || :; fi
      ;;
    runit)
      rm -rf "$logs" "$service/log" "$service/supervise"
      rm -f "$service/finish" "$service/finish.new"
      ;;
    procd)
      if [ -f /etc/sysupgrade.conf ] && grep -q stardust /etc/sysupgrade.conf; then
        grep -v stardust /etc/sysupgrade.conf >/etc/sysupgrade.conf.new || :
        cat /etc/sysupgrade.conf.new >/etc/sysupgrade.conf
        rm -f /etc/sysupgrade.conf.new
      fi
      ;;
  esac
  if [ "$method" != systemd_user ]; then remove_jobs; fi
  if [ -n "$user" ] && [ -e "$folder/.user" ]; then remove_user; fi
  rm -f "$config" "$config.new" "$folder/before.conf" "$folder/old.conf" "$folder/old.unit" \
    "$folder/guard" "$folder/guard.new" "$folder/spider.ring" "$folder/.user" "$folder/.fresh" \
    "$folder/.went-back" "$folder/.made.new"
  rmdir "$folder/.decided" 2>/dev/null || :
  # The list of folders that were made goes when all but its own are gone.
  made=$(cat "$folder/.made" 2>/dev/null || :)
  for each in $made; do rmdir "$each" 2>/dev/null || :; done
  rm -f "$folder/.made"
  rmdir "$folder" 2>/dev/null || :
  for each in $made; do rmdir "$each" 2>/dev/null || :; done
}
# What work on packages has left of itself; one that is still at work keeps its own.
remove_jobs() {
  jobs=/var/lib/stardust-jobs
  if [ ! -d "$jobs" ] || [ -L "$jobs" ]; then return 0; fi
  for each in "$jobs"/*; do
    if [ -r "$each/pid" ] && [ ! -s "$each/status" ]; then
      pid=$(sed 1q "$each/pid")
      if grep -q "$each/run" "/proc/$pid/cmdline" 2>/dev/null; then continue; fi
    fi
    rm -rf "$each"
  done
  rmdir "$jobs" 2>/dev/null || :
}
remove_user() {
  if have userdel; then
    userdel "$user" 2>/dev/null || :
    if grep -q "^$user:" /etc/group && have groupdel; then groupdel "$user" || :; fi
  elif have deluser; then
    deluser "$user" 2>/dev/null || :
    if grep -q "^$user:" /etc/group && have delgroup; then delgroup "$user" 2>/dev/null || :; fi
  fi
  # Made by hand where there was no program for it.
  for file in /etc/passwd /etc/group /etc/shadow; do
    if [ -f "$file" ] && grep -q "^$user:" "$file"; then
      grep -v "^$user:" "$file" >"$folder/.lines" && cat "$folder/.lines" >"$file"
      rm -f "$folder/.lines"
    fi
  done
}
