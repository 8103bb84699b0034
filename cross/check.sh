#!/usr/bin/env bash
# Builds the Spiders of cross/dist where they are old, and sees that they do on their machines
# what the tests want; foreign ones run under QEMU user emulation.
#
#   cross/check.sh [TARGET…]        default: all three
#
# For each: every fixture machine gives the expected bytes; a session over wss:// with a real
# Ground Control brings the node online and a sample to disk; every fixture machine is
# identified as expected. Without targets the sizes are held against the budget too.
#
# Ground Control is SERVER, or is built into SERVER_TARGET_DIR (target). Anything that is
# missing and can't be installed is a failure.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
. "$cross_dir/check/replay.sh"
. "$cross_dir/check/session.sh"

arches=()
for arg in "$@"; do
    arches+=("$(arch_of "$arg")") || fail "$arg is not one of ${ARCHES[*]}"
done
((${#arches[@]})) || arches=("${ARCHES[@]}")

work=$(mktemp -d)
pids=()
finish() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A program in the background; its pid is in $started, what it says in $work/NAME.log.
start() { # NAME COMMAND…
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 </dev/null &
    started=$!
    pids+=("$started")
}

# What runs a program of another architecture: sets $runner.
runner_for() {
    runner=()
    [[ $(uname -m) == "$1" ]] && return
    local name=$1
    [[ $name == armv7 ]] && name=arm
    command -v "qemu-$name-static" >/dev/null || need_packages qemu-user-static
    runner=("qemu-$name-static")
}

for tool in curl jq openssl; do
    command -v "$tool" >/dev/null || need_packages "$tool"
done
"$cross_dir/build.sh" "${arches[@]}"
"$cross_dir/build.sh" --no-tls "${arches[@]}"

serve
for arch in "${arches[@]}"; do
    runner_for "$arch"
    replay "stardust-spider-$arch"
    replay "stardust-spider-$arch-notls"
    session "$arch"
    identities "$arch"
done
(($#)) || "$cross_dir/sizes.sh"
say "all Spiders do what the tests want: ${arches[*]}"
