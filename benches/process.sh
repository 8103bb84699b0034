#!/usr/bin/env bash
# What whole agents cost on this machine, side by side, at one sample a second:
# CPU from /proc/PID/schedstat, memory from smaps_rollup, bytes from `ss -ti`
# (what the Spider handed to TCP; the kernel's own headers are not counted).
#
#   benches/process.sh [SECONDS [ROUNDS]]        default 120 and 3
#
# In each round all agents are started anew, and the table has the medians: which
# of them wakes shortly after another one, and finds the kernel's code still in
# the caches, is a matter of chance that a long round does not even out.
#
# Needs root and Debian for the peers (prometheus-node-exporter, collectd-core);
# without them only the floor and the Spider are measured. Binaries come from
# SPIDER (target/spider/stardust-spider) and SERVER (target/release/stardust-server).
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-120}
rounds=${2:-3}
target=${CARGO_TARGET_DIR:-target}
spider=${SPIDER:-$target/spider/stardust-spider}
server=${SERVER:-$target/release/stardust-server}
floor=${FLOOR:-$target/release/floor}
for binary in "$spider" "$server" "$floor"; do
    [ -x "$binary" ] || { echo "process.sh: $binary is missing; build it first: cargo build --release -p stardust-server -p stardust-benches --bins && cargo build --profile spider -p stardust-spider" >&2; exit 1; }
done
work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT

start() { # NAME COMMAND…: the pid is in $started
    local name=$1; shift
    "$@" >"$work/$name.log" 2>&1 </dev/null &
    started=$!
    pids+=("$started")
}

cpu_ns() { # all threads of PID, and of its children that are gone
    cat /proc/"$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum }'
}

declare -A cpu_before cpu_us ratios

# The middle one of the words given, the lower one of two.
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

row() { # NAME PID
    local name=$1 pid=$2
    # shellcheck disable=SC2086
    awk -v name="$name" -v cpu="$(median ${cpu_us[$name]})" -v ratio="$(median ${ratios[$name]})" '
        /^Rss:/ { rss = $2 }
        /^Private_Dirty:/ { dirty = $2 }
        END { printf "%-24s %10d %12d %12d %10.2f\n", name, cpu, rss, dirty, ratio }
    ' /proc/"$pid"/smaps_rollup
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=localhost -addext basicConstraints=critical,CA:FALSE \
    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
    -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
serve() { # NAME EXTRA FLAGS…: sets $url
    local name=$1; shift
    STARDUST_SECRET=$(openssl rand -hex 32) STARDUST_ADMIN_PASS=measure-me-please \
        start "$name" "$server" --port 0 --db "$work/$name.db" "$@"
    for _ in $(seq 100); do
        url=$(grep -o 'https\?://[0-9.:]*' "$work/$name.log" | head -n 1) && break
        sleep 0.1
    done
}
node() { # NAME: sets $token
    local login
    login=$(curl -sk -X POST -H 'Content-Type: application/json' \
        -d '{"user":"admin","password":"measure-me-please"}' "$url/api/auth/login" |
        sed 's/.*"token":"\([^"]*\)".*/\1/')
    token=$(curl -sk -X POST -H 'Content-Type: application/json' -H "Authorization: Bearer $login" \
        -d "{\"name\":\"$1\"}" "$url/api/nodes" | sed 's/.*"token":"\([^"]*\)".*/\1/')
}

serve tls --tls-cert "$work/cert.pem" --tls-key "$work/key.pem"
tls_url=wss${url#https}
node measured; tls_token=$token
serve plain
plain_url=ws${url#http}
node measured; plain_token=$token

if command -v collectd >/dev/null; then
    mkdir -p "$work/collectd"
    {
        printf 'Interval 1\nBaseDir "%s"\nPIDFile "%s/pid"\n' "$work/collectd" "$work/collectd"
        for plugin in cpu memory swap load disk df interface thermal tcpconns uptime network; do
            echo "LoadPlugin $plugin"
        done
        printf '<Plugin network>\n  Server "127.0.0.1" "25826"\n</Plugin>\n'
    } >"$work/collectd.conf"
fi

tcp() { # PID FIELD: of its connection
    ss -tinpH state established | grep -A 1 "pid=$1," | grep -o "$2:[0-9]*" | head -n 1 | cut -d : -f 2
}

# Some part of a second, so that nobody's beat is tied to another's.
apart() { sleep "0.$((RANDOM % 900 + 100))"; }

declare -A pid
order=()
add() { # NAME: what was started last
    pid[$1]=$started
    order+=("$1")
    apart
}

start_agents() {
    order=()
    start floor "$floor"; add floor
    STARDUST_TOKEN=$plain_token start spider-plain "$spider" --server "$plain_url" --interval 1000
    add spider-plain
    STARDUST_TOKEN=$tls_token start spider-tls "$spider" --server "$tls_url" \
        --ca-file "$work/cert.pem" --interval 1000
    add spider-tls
    if command -v collectd >/dev/null; then
        start collectd collectd -f -C "$work/collectd.conf"; add collectd
    fi
    if command -v prometheus-node-exporter >/dev/null; then
        start exporter prometheus-node-exporter --web.listen-address=127.0.0.1:19100 \
            --collector.disable-defaults --collector.cpu --collector.meminfo --collector.loadavg \
            --collector.diskstats --collector.filesystem --collector.netdev --collector.thermal_zone \
            --collector.hwmon --collector.sockstat --collector.stat --collector.uname --collector.time
        add node_exporter-subset
        ( while sleep 1; do curl -s -o /dev/null -H 'Accept-Encoding: gzip' http://127.0.0.1:19100/metrics || true; done ) &
        scraper=$!
        pids+=("$scraper")
    fi
}

stop_agents() {
    local name
    for name in "${order[@]}"; do kill "${pid[$name]}"; done
    for name in "${order[@]}"; do wait "${pid[$name]}" 2>/dev/null || true; done
    [ -z "${scraper:-}" ] || kill "$scraper"
}

for round in $(seq "$rounds"); do
    start_agents
    sleep 10
    for name in "${order[@]}"; do cpu_before[$name]=$(cpu_ns "${pid[$name]}"); done
    sent_before=$(tcp "${pid[spider-plain]}" bytes_sent)
    frames_before=$(tcp "${pid[spider-plain]}" data_segs_out)
    sleep "$seconds"
    for name in "${order[@]}"; do
        used=$((($(cpu_ns "${pid[$name]}") - cpu_before[$name]) / seconds / 1000))
        [ "$name" != floor ] || floor_us=$used
        cpu_us[$name]="${cpu_us[$name]:-} $used"
        ratios[$name]="${ratios[$name]:-} $(awk -v a="$used" -v b="$floor_us" 'BEGIN { printf "%.3f", a / b }')"
    done
    sent=$(($(tcp "${pid[spider-plain]}" bytes_sent) - sent_before))
    frames=$(($(tcp "${pid[spider-plain]}" data_segs_out) - frames_before))
    # The last ones stay, for a look at their memory.
    [ "$round" = "$rounds" ] || stop_agents
done

echo "$(nproc) cores, $(uname -sr), load $(cut -d ' ' -f 1-3 /proc/loadavg), $(date -u +%F)"
echo "CPU per sample, one a second, medians of $rounds rounds of $seconds s (us), memory (KB):"
printf '%-24s %10s %12s %12s %10s\n' '' cpu_us rss_kb dirty_kb x_floor
for name in "${order[@]}"; do row "$name" "${pid[$name]}"; done
for name in spider-plain spider-tls; do echo "$name to floor in each round:${ratios[$name]}"; done
# The goal is 200 us on the machine where the floor took 154.
# shellcheck disable=SC2086
awk -v ratio="$(median ${ratios[spider-tls]})" \
    'BEGIN { printf "spider-tls where the floor takes 154 us: %.0f us (goal 200)\n", ratio * 154 }'
echo "bytes per sample, WebSocket header included: $(awk -v a="$sent" -v b="$frames" 'BEGIN { printf "%.1f", a / b }') ($frames segments in $seconds s)"
mkdir -p "$target/bench"
for name in "${order[@]}"; do
    # shellcheck disable=SC2086
    printf '"%s_cpu_us":%d,"%s_ratio":%s,' "$name" "$(median ${cpu_us[$name]})" "$name" "$(median ${ratios[$name]})"
done | sed "s/^/{/; s/,\$/,\"bytes_per_sample\":$((sent / frames))}\n/" >"$target/bench/process.json"
echo "written to $target/bench/process.json"
