# Titles, steps that can be stopped, and the count of what has passed. Sourced by .ci/test.

passed=0
left_out_lines=()
child=
scratch="$(mktemp -d)"
log="$scratch/log"
started=$SECONDS
# What runs beside the steps: the process of each, by name.
declare -A beside=()
# Each title, and when it began, in seconds and in seconds of the processors.
titles=() begun=() cpu_begun=()

# Whatever ends this script ends the step that is under way, with all that it has
# started: each step is a process group of its own.
on_exit() {
  local status=$?
  trap - EXIT
  local group
  for group in $child "${beside[@]}"; do
    kill -- "-$group" 2>/dev/null || true
    wait "$group" 2>/dev/null || true
  done
  if ((status != 0)); then
    where_the_time_went
    printf '\nFAILED after %d s in: %s\n' $((SECONDS - started)) "${current:-set-up}"
    printf '%d passed, 1 failed\n' "$passed"
  fi
  rm -rf "$scratch"
  exit "$status"
}
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

title() {
  # What fails beside the steps is told with the next of them, not at the end of all.
  join_failed
  times >"$scratch/times"
  current=$1
  titles+=("$1") begun+=($((SECONDS - started))) cpu_begun+=("$(cpu_seconds)")
  printf '\n==> %s (%d s)\n' "$1" $((SECONDS - started))
}

# Of all processes that have ended and were waited for, as `times` had it last.
cpu_seconds() {
  awk 'NR == 2 { gsub(/[ms]/, " "); all += $2 + $4 + 60 * ($1 + $3) } END { printf "%d", all }' "$scratch/times"
}

where_the_time_went() {
  local i next cpu_next
  times >"$scratch/times"
  printf '\nWhere the time went, in seconds and in seconds of the processors:\n'
  for ((i = 0; i < ${#titles[@]}; i++)); do
    next=${begun[i + 1]:-$((SECONDS - started))}
    cpu_next=${cpu_begun[i + 1]:-$(cpu_seconds)}
    printf '%6d %6d  %s\n' $((next - begun[i])) $((cpu_next - cpu_begun[i])) "${titles[i]}"
  done
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
# until `join NAME`: `start_beside NAME COMMAND…`. What it says can wait.
start_beside() {
  local name=$1
  shift
  set -m
  {
    renice -n 19 -p "$BASHPID" >/dev/null
    "$@"
  } </dev/null >"$scratch/beside-$name" 2>&1 &
  beside[$name]=$!
  set +m
}

# Says how long it took.
timed() {
  local since=$SECONDS
  "$@"
  printf '%d s: %s\n' $((SECONDS - since)) "$*"
}

# Waits for a file that shows how far it is; one that fails first is told by `join`.
wait_beside_for() { # NAME FILE
  until [[ -e "$2" ]]; do
    if ! kill -0 "${beside[$1]}" 2>/dev/null; then
      join "$1"
      break
    fi
    sleep 1
  done
}

join() {
  local status=0
  [[ -n "${beside[$1]:-}" ]] || return 0
  wait "${beside[$1]}" || status=$?
  unset "beside[$1]"
  cat "$scratch/beside-$1"
  ((status == 0)) || current="$1, beside: ${current:-}"
  return "$status"
}

# Those that have ended, and so said all that they will.
join_failed() {
  local name
  for name in "${!beside[@]}"; do
    kill -0 "${beside[$name]}" 2>/dev/null || join "$name" || return
  done
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
  printf '%9d bytes  Ground Control, with Capsule and Spider\n' "$(stat -c %s "$1/release/stardust-server")"
}

closing_lines() {
  where_the_time_went
  printf '\n==> Done in %d s\n' $((SECONDS - started))
  if ((${#left_out_lines[@]})); then
    printf '%s\n' "${left_out_lines[@]}"
  fi
  printf '%d passed, 0 failed\n' "$passed"
}
