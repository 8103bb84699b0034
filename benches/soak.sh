#!/usr/bin/env bash
# Memory of Ground Control under an ordinary fleet at real speed: prints once a minute what
# the server takes, and at the end its slope from the eleventh minute on (of a shorter run:
# from its middle on).
#
#   benches/soak.sh [NODES [MINUTES]]            default 200 and 60
#
# Binaries come from SWARM (target/release/swarm) and SERVER (target/release/stardust-server).
set -euo pipefail
cd "$(dirname "$0")/.."
nodes=${1:-200}
minutes=${2:-60}
target=${CARGO_TARGET_DIR:-target}
swarm=${SWARM:-$target/release/swarm}
server=${SERVER:-$target/release/stardust-server}
for binary in "$swarm" "$server"; do
    [ -x "$binary" ] || { echo "soak.sh: $binary is missing; build it first: cargo build --release -p stardust-server -p stardust-benches --bins" >&2; exit 1; }
done
lines=$(mktemp)
swarm_pid=
finish() {
    [ -z "$swarm_pid" ] || kill "$swarm_pid" 2>/dev/null || true
    rm -f "$lines"
}
trap finish EXIT

"$swarm" --nodes "$nodes" --seconds $((minutes * 60 + 30)) --capsules 2 --floor no \
    --server "$server" >/dev/null &
swarm_pid=$!
sleep 15
server_pid=$(pgrep -P "$swarm_pid" | head -n 1)
printf '%6s %12s\n' minute server_kB
for minute in $(seq "$minutes"); do
    sleep 60
    line="$minute $(awk '/^VmRSS:/ { print $2 }' "/proc/$server_pid/status")"
    # shellcheck disable=SC2086
    printf '%6s %12s\n' $line
    echo "$line" >>"$lines"
done
awk -v from=$((minutes > 20 ? 10 : minutes / 2)) -v nodes="$nodes" '
    $1 > from { n++; x += $1; xx += $1 * $1; y += $2; xy += $1 * $2 }
    END {
        if (n < 2) exit
        printf "%d nodes: %.1f kB a minute from minute %d on\n",
            nodes, (n * xy - x * y) / (n * xx - x * x), from + 1
    }' "$lines"
