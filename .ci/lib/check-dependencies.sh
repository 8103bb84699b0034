#!/usr/bin/env bash
# One mio loop and plain threads: no async runtime, on any target, in any dependency.
set -euo pipefail

tree="$(cargo tree --workspace --all-features --edges all --target all --prefix none --format '{p}' --locked)"
count="$(printf '%s\n' "$tree" | sort -u | wc -l)"
if [[ "$count" -lt 20 ]]; then
  echo "cargo tree lists only $count packages: is this the whole workspace?" >&2
  exit 1
fi
if printf '%s\n' "$tree" | grep -E '^(tokio|async-std|smol|async-executor|futures-executor|glommio|monoio|compio)([-_][a-z-]+)? v' | sort -u >&2; then
  echo "an async runtime is among the dependencies (above); cargo tree -i NAME says who brings it" >&2
  exit 1
fi
echo "$count packages, no async runtime among them"
