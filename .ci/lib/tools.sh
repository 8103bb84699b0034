# Finds or installs the tools. Sourced by .ci/test.

cargo_min=1.95
node_min=20.19
tools="$PWD/target/tools"

# What cross/check.sh wants of Debian, curl and jq aside.
cross_packages=(cargo-web rustc-web rust-web-src python3-venv file qemu-user-static)

# Only apt needs root for the cross builds: with all of its packages installed anyone can
# run them.
can_cross() {
  have dpkg-query && [[ -z $cross_lacks ]]
}

set_up_tools() {
  apt_missing gcc:gcc c++:g++ make:make perl:perl git:git openssl:openssl ps:procps ip:iproute2 \
    nginx:nginx caddy:caddy haproxy:haproxy apache2:apache2-bin lighttpd:lighttpd promtool:prometheus prometheus-node-exporter:prometheus-node-exporter tinyproxy:tinyproxy-bin chromium:chromium \
    sshd:openssh-server ssh-keygen:openssh-client dropbear:dropbear-bin \
    systemd-nspawn:systemd-container mmdebstrap:mmdebstrap unshare:util-linux \
    pkg-config:pkg-config curl:curl jq:jq
  # Headers of the C library and certificates have no command to look for.
  [[ -e /usr/include/stdlib.h ]] || apt_packages+=(libc6-dev)
  [[ -e /usr/include/openssl/ssl.h ]] || apt_packages+=(libssl-dev)
  [[ -e /etc/ssl/certs/ca-certificates.crt ]] || apt_packages+=(ca-certificates)
  cargo_good || apt_packages+=(cargo-web rustc-web rustfmt-web rust-web-clippy)
  node_good || have npm || apt_packages+=(nodejs npm)
  # shellcheck disable=SC2207
  apt_packages+=($(not_installed "${cross_packages[@]}"))
  install_packages
  node_good || install_node
  cross_lacks="$(not_installed "${cross_packages[@]}" curl jq | tr '\n' ' ')"
  need_all
  printf '%s, node %s, npm %s\n' "$(cargo --version)" "$(node --version)" "$(npm --version 2>/dev/null)"
}

# Without these there is nothing to test; all that is missing is said at once.
need_all() {
  local lacking=()
  have gcc && [[ -e /usr/include/stdlib.h ]] || lacking+=("a C compiler (gcc libc6-dev)")
  system_openssl || { have make && have perl; } ||
    lacking+=("make and perl, or OpenSSL's headers (libssl-dev pkg-config)")
  have git || lacking+=("git")
  cargo_good ||
    lacking+=("cargo $cargo_min or newer with rustfmt and clippy (cargo-web rustc-web rustfmt-web rust-web-clippy)")
  node_good ||
    lacking+=("Node.js $node_min or newer with npm (nodejs npm; where those are older, a newer one is had from npm)")
  ((${#lacking[@]})) || return 0
  {
    echo "These are needed; in brackets, Debian 12's packages of them:"
    printf '  %s\n' "${lacking[@]}"
  } >&2
  exit 1
}

# Whether this Rust can link statically.
has_musl_std() {
  ls "$(rustc --print target-libdir --target x86_64-unknown-linux-musl)"/libstd-* >/dev/null 2>&1
}

# Whether the build can take the system's OpenSSL instead of compiling its own.
system_openssl() {
  [[ -e /usr/include/openssl/ssl.h ]] && have pkg-config
}

have() {
  command -v "$1" >/dev/null || [[ -x "/usr/sbin/$1" ]]
}

apt_packages=()

# `command:package` pairs.
apt_missing() {
  local pair
  for pair in "$@"; do
    have "${pair%%:*}" || apt_packages+=("${pair#*:}")
  done
}

# Those of the packages that are not installed, where there are packages.
not_installed() {
  local package
  have dpkg-query || return 0
  for package in "$@"; do
    [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || echo "$package"
  done
}

install_packages() {
  ((${#apt_packages[@]})) || return 0
  # shellcheck disable=SC2207
  apt_packages=($(printf '%s\n' "${apt_packages[@]}" | sort -u))
  if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    if command -v apt-get >/dev/null; then
      echo "Not all that the suites use is installed. As root, once:"
      echo "  apt-get update && apt-get install --no-install-recommends ${apt_packages[*]}"
    else
      echo "Not all that the suites use is installed. Debian's packages of it: ${apt_packages[*]}"
    fi
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

# Why test hosts can't be booted here; nothing where they can.
hosts_lack() {
  if [[ $EUID -ne 0 ]] || ! have systemd-nspawn || ! have mmdebstrap; then
    echo "be root on Debian with systemd-container and mmdebstrap installed"
  elif ! unshare --mount true 2>/dev/null; then
    echo "be root with all of root's rights: nothing can be mounted here (a container needs --privileged)"
  elif [[ ! -w /sys/fs/cgroup/cgroup.procs && ! -w /sys/fs/cgroup/systemd/cgroup.procs ]]; then
    echo "see that root can write to /sys/fs/cgroup (a container needs --privileged)"
  elif ! tun_there; then
    echo "see that /dev/net/tun can be opened: modprobe tun, on the machine itself"
  fi
}

# Slow links are made of it. The node is a module's, which may have to be loaded.
tun_there() {
  if [[ ! -c /dev/net/tun ]]; then
    modprobe tun 2>/dev/null || true
    [[ -c /dev/net/tun ]] || { mkdir -p /dev/net && mknod -m 666 /dev/net/tun c 10 200; } 2>/dev/null || true
  fi
  [[ -c /dev/net/tun ]] && (exec 3<>/dev/net/tun) 2>/dev/null
}
