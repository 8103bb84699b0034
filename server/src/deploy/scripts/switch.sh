# $1 folder with what was uploaded, $2 SHA-256 of the Spider, $3 seconds that the
# new one has. From here on the node puts the old one back by itself.
stage=$1 sum=$2 seconds=$3
if [ ! -e "$bin" ]; then fail 'There is no Spider to upgrade: deploy it anew.'; fi
if [ "$(sum_of "$stage/spider")" != "$sum" ]; then fail 'What arrived is not what was sent.'; fi
root=''
if [ -n "$user" ]; then root=0:0; fi
put "$stage/spider" "$bin.new" 755 "$root"
try_spider "$bin.new"
# The guard of an attempt that was cut off must not end this one.
if [ -e "$folder/guard" ]; then
  mkdir "$folder/.decided" 2>/dev/null || :
  await_guard
fi
rm -rf "$folder/.decided" "$folder/.went-back"
keep "$bin" "$bin.old"
put "$stage/guard" "$folder/guard" 700 "$root"
# Detached: it must outlive this login, and the network.
set -- "$folder/guard" "$method" "$bin" "$folder" "$unit" "$user" "$seconds"
if [ "$method" = systemd ] && have systemd-run &&
  systemd-run --quiet --collect --unit=stardust-spider-guard /bin/sh "$@" 2>/dev/null; then
  :
elif have setsid; then
  setsid sh "$@" </dev/null >/dev/null 2>&1 &
elif have start-stop-daemon; then
  start-stop-daemon -S -b -x /bin/sh -- "$@"
else
  (
    trap '' HUP
    exec sh "$@" </dev/null >/dev/null 2>&1
  ) &
fi
put "$bin.new" "$bin" 755 "$root"
rm -rf "$stage"
start_service
echo "Switched. Unless the new Spider connects, the node puts the old one back within $seconds s."
