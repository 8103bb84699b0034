#!/bin/sh
# Installs the Spider of Stardust @VERSION@ on this machine, as a service.
# Made by Ground Control, and run as root in a folder with the files `token` and
# `curl.conf`: $1 is where it is fetched from, $2 where it reports.
# Run again with another token it gives the Spider that one.
set -eu
umask 077
LC_ALL=C
export LC_ALL
fail() {
  echo "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
[ $# -eq 2 ] && [ -f token ] && [ -f curl.conf ] || fail 'Paste the whole command that Ground Control has shown.'
[ "$(id -u)" = 0 ] || fail 'This needs root: open a root shell (sudo -i), and paste the command there.'
if [ -d /run/systemd/system ]; then
  method=systemd unit=/etc/systemd/system/stardust-spider.service
elif [ -x /sbin/procd ]; then
  method=procd unit=/etc/init.d/stardust-spider
elif [ -e /run/openrc/softlevel ] || have openrc-run; then
  method=openrc unit=/etc/init.d/stardust-spider
elif case $(cat /proc/1/comm 2>/dev/null) in runit*) ;; *) false ;; esac; then
  method=runit unit=/etc/sv/stardust-spider/run
elif [ "$(cat /proc/1/comm 2>/dev/null)" = init ] && [ -d /etc/init.d ] && [ -e /etc/inittab ] && have start-stop-daemon; then
  method=sysvinit unit=/etc/init.d/stardust-spider
else
  fail 'There is no init system here that services can be made for (systemd, OpenRC, procd, sysvinit, runit). Download the Spider from Ground Control, and start it as your own services are started.'
fi
bin=/usr/local/bin/stardust-spider
if [ $method = procd ]; then bin=/usr/bin/stardust-spider; fi
case $(uname -m) in
@SUMS@
  *) fail "This Ground Control has no Spider for $(uname -m). Its option --agent-dir takes more." ;;
esac
folder=$PWD/install
mkdir -p "$folder/up"
@TEXTS@
case $method in
@UNITS@
esac
echo "Fetching the Spider for $arch…"
curl -fsS -K curl.conf -o "$folder/up/spider" "$1/api/spiders/$arch"
echo "$sum  $folder/up/spider" | sha256sum -c - >/dev/null || fail 'What came is not the Spider that Ground Control has. Try again.'
{
  echo '# Written by the command of Ground Control.'
  echo "server = $2"
  printf 'token = '
  cat token
} >"$folder/up/config"
run() {
  script=$1
  shift
  sh "$folder/$script.sh" $method "$bin" /etc/stardust "$unit" stardust-spider "$@"
}
run prepare
run install "$folder/up" "$sum"
run start
run settle "$folder"
