# What the checks run, and how it ends; sourced by the scripts that check.
# shellcheck shell=bash disable=SC2154

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
