# Sessions with a real Ground Control over TLS; sourced by cross/check.sh.
# shellcheck shell=bash disable=SC2154

PATIENCE_S=60

# The Ground Control to check Spiders with: SERVER, or built here. Sets $server.
server_program() {
    server=${SERVER:-}
    [[ ! $server ]] || return 0
    local target=${SERVER_TARGET_DIR:-$root/target}
    (cd "$root" && STARDUST_SPIDER_DIR=$dist CARGO_TARGET_DIR=$target \
        cargo build --locked --quiet -p stardust-server --bin stardust-server) ||
        fail "Ground Control could not be built; give one in SERVER"
    server=$target/debug/stardust-server
}

serve() { # COMMAND…
    local password=check-me-please
    certificates
    STARDUST_SECRET=$(openssl rand -hex 32) STARDUST_ADMIN_PASS=$password \
        start server "$@" --port 0 --db "$work/stardust.db" --commit-interval 500 \
        --tls-cert "$work/cert.pem" --tls-key "$work/key.pem"
    server_pid=$started
    await "Ground Control listens" listening
    api_token=
    api_token=$(jq -n --arg pass "$password" '{user: "admin", password: $pass}' |
        api POST auth/login | jq -er .token)
}

# A private authority and a certificate for the loopback address, both P-256.
certificates() {
    local ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2)
    {
        openssl req -x509 "${ec[@]}" -subj '/CN=Check authority' \
            -keyout "$work/ca-key.pem" -out "$work/ca.pem" \
            -addext keyUsage=critical,keyCertSign
        openssl req "${ec[@]}" -subj /CN=localhost \
            -keyout "$work/key.pem" -out "$work/request.pem"
        printf '%s\n' 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
            'basicConstraints=critical,CA:FALSE' 'extendedKeyUsage=serverAuth' >"$work/leaf.ext"
        openssl x509 -req -in "$work/request.pem" -days 2 -extfile "$work/leaf.ext" \
            -CA "$work/ca.pem" -CAkey "$work/ca-key.pem" -CAcreateserial -out "$work/cert.pem"
    } 2>"$work/openssl.log" || fail "openssl made no certificate: $(cat "$work/openssl.log")"
}

listening() {
    kill -0 "$server_pid" 2>/dev/null || fail "Ground Control ended: $(cat "$work/server.log")"
    base=$(sed -n 's/.* listens on \(https:[^ ]*\).*/\1/p' "$work/server.log")
    [[ $base ]]
}

# The body of a request comes from stdin when there is one to send.
api() { # METHOD PATH
    local args=(--silent --show-error --fail --max-time 20 --cacert "$work/ca.pem" -X "$1")
    [[ $1 == POST ]] && args+=(-H 'Content-Type: application/json' --data-binary @-)
    [[ $api_token ]] && args+=(-H "Authorization: Bearer $api_token")
    curl "${args[@]}" "$base/api/$2"
}

# Until COMMAND succeeds, or not within PATIENCE_S.
await() { # WHAT COMMAND…
    local what=$1 until=$((SECONDS + PATIENCE_S))
    shift
    while ! "$@"; do
        if ((SECONDS >= until)); then
            tail -n 20 "$work"/*.log >&2
            fail "not within $PATIENCE_S s: $what"
        fi
        sleep 0.2
    done
}

# A Spider of its own node: sets $node and $started.
connect() { # NAME ARCH FLAGS…
    local name=$1 arch=$2 added token
    shift 2
    added=$(jq -n --arg name "$name" '{name: $name}' | api POST nodes)
    node=$(jq -er .id <<<"$added")
    token=$(jq -er .token <<<"$added")
    STARDUST_TOKEN=$token start "$name" "${runner[@]}" "$dist/stardust-spider-$arch" \
        --server "wss${base#https}" --ca-file "$work/ca.pem" "$@"
}

end() { # PID
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

is_online() { # NODE
    [[ $(api GET "nodes/$1" | jq -r .status) == online ]]
}

# Ground Control answers history from the database alone: what it counts is on disk.
is_durable() { # NODE
    local samples
    samples=$(api GET "nodes/$1/history?series=system.uptime_ms&points=1&parts=count" |
        jq '[.series[].count[]] | add // 0')
    ((samples > 0))
}

session() { # ARCH
    connect "machine-$1" "$1" --interval 200
    local pid=$started
    await "a stardust-spider-$1 is online" is_online "$node"
    await "a sample of stardust-spider-$1 is on disk" is_durable "$node"
    end "$pid"
    say "stardust-spider-$1: online over wss://, and its samples are on disk"
}

has_identity() { # NODE FILE
    api GET "nodes/$1" | jq -S '.identity // empty | with_entries(select(.value != null))' >"$work/got"
    [[ -s $work/got ]] && jq -S . "$2" | cmp -s - "$work/got"
}

identities() { # ARCH
    local machine count=0
    for machine in $(machines); do
        connect "$1-$machine" "$1" --root "$fixtures/$machine/t0"
        local pid=$started
        await "stardust-spider-$1 says of $machine what is in expected.identity.json" \
            has_identity "$node" "$fixtures/$machine/expected.identity.json"
        end "$pid"
        count=$((count + 1))
    done
    say "stardust-spider-$1: $count fixture machines identified as expected"
}
