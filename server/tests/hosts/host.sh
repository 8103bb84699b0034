#!/usr/bin/env bash
# Boots one test host and keeps it until its own standard input ends, so that a
# test that is killed leaves nothing running:
#
#   host.sh FOLDER debian|openrc|router [OPTION…]
#
# FOLDER is what build.sh has filled. Options:
#   without=PATH     this file is not there, such as /usr/bin/sudo
#   size=SIZE        room on the host's disk (default 256m)
#   layer=PATH       one more read-only layer over the root file system
#   bind=HERE:THERE  a folder of this machine, read-only
#
# Says `ready ADDRESS RUN` when the SSH server answers and lets users in. RUN is a folder with
# `root` (the host's disk as it is), `upper` (what differs from the base),
# `nspawn` (a pid, whose only child is the host's init), `netns` and `link` (names), `console`.
# The host finds this machine at 198.19.0.1, and has no way anywhere else. By IPv6
# it is fd57:a2d0::NUMBER:2, with the third number of ADDRESS.
# Needs root, systemd-nspawn, ip and, for a router, dropbearkey.
set -euo pipefail

place=/run/stardust-hosts
base=$1/$2 kind=$2
shift 2

without=() size=256m layers="$base" binds=()
for option in "$@"; do
  case $option in
    without=*) without+=("${option#*=}") ;;
    size=*) size=${option#*=} ;;
    layer=*) layers="${option#*=}:$layers" ;;
    bind=*) binds+=("--bind-ro=${option#*=}") ;;
    *) echo "unknown option: $option" >&2 && exit 2 ;;
  esac
done

# Each tree in which systemd keeps cgroups: with the hybrid layout there are two.
cgroups() {
  local tree
  for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
    if [[ -e $tree/cgroup.procs ]]; then echo "$tree/$name"; fi
  done
}

# Whatever is left of a host with this name, ours or one whose script was killed.
clear_all() {
  local cgroup tries
  for cgroup in $(cgroups); do
    [[ -d $cgroup ]] || continue
    # The guest's init outlives nspawn: all that is in there is ended.
    while find "$cgroup" -name cgroup.procs -exec cat {} + 2>/dev/null | xargs -r kill -KILL 2>/dev/null; do
      [[ -n "$(find "$cgroup" -name cgroup.procs -exec cat {} + 2>/dev/null)" ]] || break
      sleep 0.02
    done
  done
  ip link del "$link" 2>/dev/null || true
  ip netns del "$name" 2>/dev/null || true
  # Busy for a moment longer, until all in there has really gone.
  for cgroup in $(cgroups); do
    for ((tries = 0; tries < 100; tries++)); do
      [[ -d $cgroup ]] || break
      find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null || true
      [[ ! -d $cgroup ]] || sleep 0.02
    done
  done
  umount "$run/root" 2>/dev/null || umount -l "$run/root" 2>/dev/null || true
  umount "$run" 2>/dev/null || umount -l "$run" 2>/dev/null || true
  rmdir "$run" 2>/dev/null || true
}

# A number that is ours as long as this process lives.
mkdir -p "$place"
for number in {1..250} none; do
  [[ $number != none ]] || { echo "250 hosts are up already" >&2 && exit 1; }
  exec 9>"$place/$number.lock"
  ! flock -n 9 || break
done
name=stardust-$number link=stardust$number run=$place/$number address=198.18.$number.2
until_closed=
on_exit() {
  [[ -z $until_closed ]] || kill "$until_closed" 2>/dev/null || true
  clear_all
}
trap on_exit EXIT
# Ctrl-C reaches the test too: it is its end that counts.
trap '' INT HUP
trap 'exit 143' TERM
clear_all

# A disk of its own, of a size that a test can fill.
mkdir -p "$run"
mount -t tmpfs -o "size=$size,mode=755" stardust-host "$run"
mkdir "$run"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=$layers,upperdir=$run/upper,workdir=$run/work" "$run/root"
root=$run/root
echo "$name" >"$run/netns"
echo "$link" >"$run/link"

# Who it is.
rm -f "$root/.stamp"
echo "host$number" >"$root/etc/hostname"
printf '127.0.0.1 localhost host%s\n' "$number" >"$root/etc/hosts"
if [[ $kind != router ]]; then
  : >"$root/etc/machine-id"
  for type in ed25519 ecdsa; do
    ssh-keygen -q -t "$type" -N '' -C "host$number" -f "$root/etc/ssh/ssh_host_${type}_key"
  done
else
  # Two with one key would pass for one host.
  for type in ed25519 ecdsa; do
    rm -f "$root/etc/dropbear/dropbear_${type}_host_key"
    dropbearkey -t "$type" -f "$root/etc/dropbear/dropbear_${type}_host_key" >/dev/null 2>&1
  done
fi
for path in ${without[@]+"${without[@]}"}; do rm -f "$root$path"; done

# A cable to this machine, and the address under which this machine is found
# from every host.
ip netns add "$name"
ip link add "$link" type veth peer name host0 netns "$name"
ip addr add "198.18.$number.1/30" dev "$link"
ip addr add 198.19.0.1/32 dev "$link"
ip link set "$link" up
ip -n "$name" link set lo up
ip -n "$name" addr add "$address/30" dev host0
ip -n "$name" link set host0 up
ip -n "$name" route add 198.19.0.1 via "198.18.$number.1"
# And by IPv6, where the machine has it.
if [[ -e /proc/net/if_inet6 ]]; then
  ip addr add "fd57:a2d0::$number:1/112" dev "$link" nodad
  ip -n "$name" addr add "fd57:a2d0::$number:2/112" dev host0 nodad
fi

# A cgroup of its own, else two hosts share what nspawn makes below the root.
boot() {
  local cgroup
  exec 9>&- </dev/null >>"$run/console" 2>&1
  for cgroup in $(cgroups); do
    mkdir -p "$cgroup"
    echo "$BASHPID" >"$cgroup/cgroup.procs"
  done
  export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
  while :; do
    status=0
    systemd-nspawn --quiet --boot --directory="$root" --machine="$name" --hostname="host$number" \
      --register=no --keep-unit --network-namespace-path="/run/netns/$name" --resolv-conf=off \
      --timezone=off --link-journal=no ${binds[@]+"${binds[@]}"} &
    nspawn=$!
    echo "$nspawn" >"$run/nspawn.part"
    mv "$run/nspawn.part" "$run/nspawn"
    wait "$nspawn" || status=$?
    # What a reboot inside ends with.
    [[ $status == 133 ]] || exit "$status"
  done
}
boot &
booted=$!

answers() {
  local banner
  # The subshell keeps what the shell itself says about a refused connection.
  (exec 3<>"/dev/tcp/$address/22" && read -r -t 1 banner <&3 && [[ $banner == SSH-* ]]) 2>/dev/null
}
# While it boots, systemd lets only root in.
lets_in() {
  local nspawn init
  nspawn="$(<"$run/nspawn")"
  init="$(<"/proc/$nspawn/task/$nspawn/children")"
  [[ -e "/proc/${init% }/root/etc" && ! -e "/proc/${init% }/root/run/nologin" ]]
}
for ((tries = 0; ; tries++)); do
  ! { answers && lets_in; } || break
  if ! kill -0 "$booted" 2>/dev/null || ((tries > 600)); then
    echo "the host did not come up:" >&2
    tail -n 20 "$run/console" >&2
    exit 1
  fi
  sleep 0.05
done
echo "ready $address $run"
# Until whoever started this closes it or is gone. In the background: a shell
# that waits for a command in the foreground hears no signal before its end.
cat <&0 >/dev/null &
until_closed=$!
wait "$until_closed"
