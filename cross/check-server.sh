#!/usr/bin/env bash
# Builds Ground Control as one static file and sees that it takes in telemetry; foreign ones
# run under QEMU user emulation.
#
#   cross/check-server.sh [--quick] [TARGET…]     default: x86_64
#
# With --quick of one that is not optimised, which is built in a fraction of the time.
# For each: it carries the Spiders of all three architectures; a Spider of this machine comes
# online over wss://, and its samples are on disk. Anything that is missing and can't be installed is a failure.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
. "$cross_dir/check/run.sh"
. "$cross_dir/check/session.sh"

arches=() suffix='' flags=()
for arg in "$@"; do
    if [[ $arg == --quick ]]; then
        suffix=-quick flags=(--quick)
        continue
    fi
    arches+=("$(arch_of "$arg")") || fail "$arg is not one of ${ARCHES[*]}"
done
((${#arches[@]})) || arches=(x86_64)
native=$(arch_of "$(uname -m)") || fail "there is no Spider for this machine, $(uname -m)"

"$cross_dir/build.sh" --server "${flags[@]}" "${arches[@]}"
for arch in "${arches[@]}"; do
    runner_for "$arch"
    name=stardust-server-$arch$suffix
    program=("${runner[@]}" "$dist/$name")
    runner=()
    "${program[@]}" --version >/dev/null || fail "$name does not start"
    for spider in "${ARCHES[@]}"; do
        python3 -c 'import sys; a, b = (open(f, "rb").read() for f in sys.argv[1:]); sys.exit(a not in b)' \
            "$dist/stardust-spider-$spider" "$dist/$name" ||
            fail "$name does not carry stardust-spider-$spider"
    done
    rm -f "$work"/stardust.db*
    serve "${program[@]}"
    session "$native"
    end "$server_pid"
    say "$name: $(stat -c %s "$dist/$name") bytes, takes in telemetry"
done
