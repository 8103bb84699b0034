# Finds or installs the tools. Sourced by .ci/test.

cargo_min=1.95
node_min=20.19
tools="$PWD/target/tools"

set_up_tools() {
  apt_missing gcc:gcc make:make perl:perl git:git openssl:openssl ps:procps ip:iproute2 \
    nginx:nginx caddy:caddy promtool:prometheus chromium:chromium sshd:openssh-server ssh-keygen:openssh-client \
    dropbear:dropbear-bin systemd-nspawn:systemd-container mmdebstrap:mmdebstrap \
    unshare:util-linux pkg-config:pkg-config curl:curl jq:jq
  # Headers of the C library and certificates have no command to look for.
  [[ -e /usr/include/stdlib.h ]] || apt_packages+=(libc6-dev)
  [[ -e /usr/include/openssl/ssl.h ]] || apt_packages+=(libssl-dev)
  [[ -e /etc/ssl/certs/ca-certificates.crt ]] || apt_packages+=(ca-certificates)
  cargo_good || apt_packages+=(cargo-web rustc-web rustfmt-web rust-web-clippy)
  node_good || have npm || apt_packages+=(nodejs npm)
  install_packages
  need gcc "a C compiler (Debian: apt-get install gcc libc6-dev make)"
  need git "git (Debian: apt-get install git)"
  cargo_good || give_up "cargo $cargo_min or newer with rustfmt and clippy is needed (Debian 12: apt-get install cargo-web rustc-web rustfmt-web rust-web-clippy)"
  node_good || install_node
  node_good || give_up "Node.js $node_min or newer with npm is needed (Debian: apt-get install nodejs npm, this script gets a newer Node.js then)"
  printf '%s, node %s, npm %s\n' "$(cargo --version)" "$(node --version)" "$(npm --version 2>/dev/null)"
}

have() {
  command -v "$1" >/dev/null || [[ -x "/usr/sbin/$1" ]]
}

need() {
  have "$1" || give_up "$2 is needed"
}

give_up() {
  echo "$1." >&2
  exit 1
}

apt_packages=()

# `command:package` pairs.
apt_missing() {
  local pair
  for pair in "$@"; do
    have "${pair%%:*}" || apt_packages+=("${pair#*:}")
  done
}

install_packages() {
  ((${#apt_packages[@]})) || return 0
  if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    echo "Not installed, and this is not root on Debian: ${apt_packages[*]}"
    return 0
  fi
  echo "Installing ${apt_packages[*]}"
  # Services of what is installed here are not wanted on this machine.
  local policy=/usr/sbin/policy-rc.d made=
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=1
  fi
  local status=0
  apt_quietly update && apt_quietly install -y --no-install-recommends "${apt_packages[@]}" || status=$?
  [[ -z $made ]] || rm -f "$policy"
  return "$status"
}

apt_quietly() {
  local out
  out="$(DEBIAN_FRONTEND=noninteractive apt-get -q "$@" 2>&1 </dev/null)" || {
    printf '%s\n' "$out" | tail -n 40 >&2
    return 1
  }
}

# version_at_least HAVE MIN
version_at_least() {
  [[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" == "$2" ]]
}

cargo_good() {
  command -v cargo >/dev/null && cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 &&
    version_at_least "$(rustc --version | awk '{ print $2 }')" "$cargo_min"
}

node_good() {
  # One that was installed by an earlier run counts.
  [[ -x "$tools/node_modules/.bin/node" && ":$PATH:" != *":$tools/node_modules/.bin:"* ]] &&
    PATH="$tools/node_modules/.bin:$PATH"
  command -v node >/dev/null && command -v npm >/dev/null && npm --version >/dev/null 2>&1 &&
    version_at_least "$(node --version | tr -d v)" "$node_min"
}

# Debian 12's own Node.js is older: a newer one comes as an npm package.
install_node() {
  have npm || return 0
  echo "Node.js $(node --version) is older than $node_min: getting a newer one into ${tools#"$PWD"/}"
  mkdir -p "$tools"
  [[ -e "$tools/package.json" ]] || echo '{"private":true}' >"$tools/package.json"
  npm --prefix "$tools" install --no-audit --no-fund --no-save --loglevel=error node@22 npm@11
}
