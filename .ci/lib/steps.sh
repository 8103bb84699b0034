# Titles, steps that can be stopped, and the count of what has passed. Sourced by .ci/test.

passed=0
left_out_lines=()
child=
log="$(mktemp)"
started=$SECONDS
# What runs beside the steps, and where it writes.
beside=
beside_log="$(mktemp)"

# Whatever ends this script ends the step that is under way, with all that it has
# started: each step is a process group of its own.
on_exit() {
  local status=$?
  trap - EXIT
  local group
  for group in $child $beside; do
    kill -- "-$group" 2>/dev/null || true
    wait "$group" 2>/dev/null || true
  done
  rm -f "$log" "$beside_log"
  if ((status != 0)); then
    printf '\nFAILED after %d s in: %s\n' $((SECONDS - started)) "${current:-set-up}"
    printf '%d passed, 1 failed\n' "$passed"
  fi
  exit "$status"
}
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

title() {
  current=$1
  printf '\n==> %s (%d s)\n' "$1" $((SECONDS - started))
}

# Runs a command that can be stopped while it runs.
step() {
  set -m
  "$@" </dev/null &
  child=$!
  set +m
  wait "$child"
  child=
}

# Runs a command beside the steps that follow, with what they leave of the processor,
# until `join`; one at a time. What it says can wait.
start_beside() {
  set -m
  {
    renice -n 19 -p "$BASHPID" >/dev/null
    "$@"
  } </dev/null >"$beside_log" 2>&1 &
  beside=$!
  set +m
}

# Waits for a file that shows how far it is; one that fails first is told by `join`.
wait_beside_for() {
  until [[ -e "$1" ]]; do
    if ! kill -0 "$beside" 2>/dev/null; then
      join
      break
    fi
    sleep 1
  done
}

join() {
  local status=0
  [[ -n "$beside" ]] || return 0
  wait "$beside" || status=$?
  beside=
  cat "$beside_log"
  return "$status"
}

# A step whose runner says how many tests passed: `counted cargo|vitest COMMAND…`.
counted() {
  local runner=$1 count
  shift
  set -m
  "$@" </dev/null > >(tee "$log") 2>&1 &
  child=$!
  set +m
  wait "$child"
  child=
  # tee may be a moment behind.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    count="$(count_of "$runner")"
    [[ "$count" -gt 0 ]] && break
    sleep 0.3
  done
  if [[ "$count" -eq 0 ]]; then
    echo "no test was run by: $*" >&2
    return 1
  fi
  passed=$((passed + count))
}

count_of() {
  # Without colours.
  sed 's/\x1b\[[0-9;]*m//g' "$log" | case "$1" in
    cargo) awk '/^test result: ok\. [0-9]+ passed/ { n += $4 } END { print n + 0 }' ;;
    vitest) awk '$1 == "Tests" && $3 == "passed" { n += $2 } END { print n + 0 }' ;;
  esac
}

# What an ordinary machine may lack; in CI nothing may be missing.
left_out() {
  if [[ "${CI:-}" == true ]]; then
    echo "$1 can't be run: $2. In CI nothing is left out." >&2
    return 1
  fi
  left_out_lines+=("LEFT OUT: $1. To run it, $2, then run this again.")
}

newest_spider() {
  local found
  found="$(ls -t "$1"/release/build/stardust-server-*/out/stardust-spider-* | head -n 1)"
  # A copy with a time of its own: the next release build must not rebuild the others.
  mkdir -p "$1/tools"
  cmp -s "$found" "$1/tools/stardust-spider" || cp "$found" "$1/tools/stardust-spider"
  echo "$1/tools/stardust-spider"
}

sizes_of() {
  printf '%9d bytes  Spider\n' "$(stat -c %s "$(newest_spider "$1")")"
  printf '%9d bytes  Spider without TLS\n' "$(stat -c %s "$1/without-tls/spider/stardust-spider")"
  printf '%9d bytes  Ground Control, with Capsule and Spider\n' "$(stat -c %s "$1/release/stardust-server")"
}

closing_lines() {
  printf '\n==> Done in %d s\n' $((SECONDS - started))
  if ((${#left_out_lines[@]})); then
    printf '%s\n' "${left_out_lines[@]}"
  fi
  printf '%d passed, 0 failed\n' "$passed"
}
