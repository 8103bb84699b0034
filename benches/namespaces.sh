#!/usr/bin/env bash
# A host on which network namespaces come and go, as containers do: twenty start and stop
# in each minute, with an interface pair each, beside a real Spider and server. Prints once
# a minute what both take of memory and how large the database is, and at the end the
# slopes from the third minute on.
#
#   benches/namespaces.sh [MINUTES]              default 60
#
# The Spider tells each interface at once (`--family`), which its defaults would not: they
# add `veth*` up, and wait a minute for what is new. DEFAULTS=yes leaves them as they are.
# Needs root. Binaries come from SPIDER (target/spider/stardust-spider) and SERVER
# (target/release/stardust-server).
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${1:-60}
target=${CARGO_TARGET_DIR:-target}
spider=${SPIDER:-$target/spider/stardust-spider}
server=${SERVER:-$target/release/stardust-server}
for binary in "$spider" "$server"; do
    [ -x "$binary" ] || { echo "namespaces.sh: $binary is missing; build it first" >&2; exit 1; }
done
work=$(mktemp -d)
pids=()
mark=sd$$
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for name in $(ip netns list | grep -o "^$mark-[0-9]*" || true); do ip netns del "$name" || true; done
    rm -rf "$work"
}
trap finish EXIT

STARDUST_SECRET=$(openssl rand -hex 32) STARDUST_ADMIN_PASS=measure-me-please \
    "$server" --port 0 --db "$work/db" >"$work/server.log" 2>&1 </dev/null &
server_pid=$!
pids+=("$server_pid")
url=
for _ in $(seq 300); do
    url=$(grep -o 'http://[0-9.:]*' "$work/server.log" | head -n 1) && break
    sleep 0.1
done
login=$(curl -s -X POST -H 'Content-Type: application/json' \
    -d '{"user":"admin","password":"measure-me-please"}' "$url/api/auth/login" |
    sed 's/.*"token":"\([^"]*\)".*/\1/')
token=$(curl -s -X POST -H 'Content-Type: application/json' -H "Authorization: Bearer $login" \
    -d '{"name":"host"}' "$url/api/nodes" | sed 's/.*"token":"\([^"]*\)".*/\1/')
rules=()
[ -n "${DEFAULTS:-}" ] || rules=(--family 'iface=veth* keep' --new-after 0)
STARDUST_TOKEN=$token "$spider" --server "ws${url#http}" --interval 1000 "${rules[@]}" \
    >"$work/spider.log" 2>&1 </dev/null &
spider_pid=$!
pids+=("$spider_pid")

churn() {
    local number=0 name
    while :; do
        number=$((number + 1))
        name=$mark-$number
        ip netns add "$name"
        ip link add "veth$(printf %07x $((number + $$ * 4096)))" type veth peer name eth0 netns "$name"
        ip netns exec "$name" ip link set lo up
        [ "$number" -le 5 ] || ip netns del "$mark-$((number - 5))"
        sleep 3
    done
}
churn >"$work/churn.log" 2>&1 &
pids+=("$!")

rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }
kb() { du -k --apparent-size "$work/$1" 2>/dev/null | cut -f 1; }
printf '%6s %12s %12s %12s %12s\n' minute server_kB spider_kB file_kB log_kB
for minute in $(seq "$minutes"); do
    sleep 60
    line="$minute $(rss "$server_pid") $(rss "$spider_pid") $(kb db) $(kb db-wal)"
    # shellcheck disable=SC2086
    printf '%6s %12s %12s %12s %12s\n' $line
    echo "$line" >>"$work/lines"
done
awk '
    $1 > 2 { n++; x += $1; xx += $1 * $1; for (i = 2; i < 5; i++) { y[i] += $i; xy[i] += $1 * $i } }
    END {
        if (n < 2) exit
        for (i = 2; i < 5; i++) slope[i] = (n * xy[i] - x * y[i]) / (n * xx - x * x)
        printf "kB a minute: server %.1f, Spider %.1f, file %.1f\n", slope[2], slope[3], slope[4]
    }' "$work/lines"
grep -c . "$work/churn.log" >/dev/null && { echo "the loop had words:"; tail -n 3 "$work/churn.log"; }
grep -iE 'error|warn' "$work/server.log" "$work/spider.log" | tail -n 5 || true
