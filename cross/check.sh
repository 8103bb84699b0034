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
. "$cross_dir/check/run.sh"
. "$cross_dir/check/replay.sh"
. "$cross_dir/check/session.sh"

arches=()
for arg in "$@"; do
    arches+=("$(arch_of "$arg")") || fail "$arg is not one of ${ARCHES[*]}"
done
((${#arches[@]})) || arches=("${ARCHES[@]}")

"$cross_dir/build.sh" "${arches[@]}"
"$cross_dir/build.sh" --no-tls "${arches[@]}"

server_program
serve "$server"
for arch in "${arches[@]}"; do
    runner_for "$arch"
    replay "stardust-spider-$arch"
    replay "stardust-spider-$arch-notls"
    session "$arch"
    identities "$arch"
done
(($#)) || "$cross_dir/sizes.sh"
say "all Spiders do what the tests want: ${arches[*]}"
