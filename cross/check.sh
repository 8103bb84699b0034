#!/usr/bin/env bash
# The Spiders in cross/dist do on their machines what the tests want; foreign ones run under
# QEMU user emulation. Needs what cross/build.sh and cross/build.sh --no-tls made.
#
#   cross/check.sh [TARGET…]        default: all three
#
# For each: every fixture machine gives the expected bytes; a session over wss:// with a real
# Ground Control brings the node online and a sample to disk; every fixture machine is
# identified as expected. Ground Control is SERVER, or is built (into CARGO_TARGET_DIR).
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
for arch in "${arches[@]}"; do
    for name in "stardust-spider-$arch" "stardust-spider-$arch-notls"; do
        [[ -x $dist/$name ]] ||
            fail "cross/dist/$name is missing: cross/build.sh && cross/build.sh --no-tls"
    done
done

serve
for arch in "${arches[@]}"; do
    runner_for "$arch"
    replay "stardust-spider-$arch"
    replay "stardust-spider-$arch-notls"
    session "$arch"
    identities "$arch"
done
say "all Spiders do what the tests want: ${arches[*]}"
