# What the scripts of this folder share; sourced by them, never run.
# shellcheck shell=bash

cross_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname -- "$cross_dir")
dist=$cross_dir/dist
ARCHES=(x86_64 aarch64 armv7)

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "${0##*/}: $*"
    exit 1
}

# The name that files carry for a target triple or for itself.
arch_of() {
    case $1 in
        x86_64 | x86_64-unknown-linux-musl) echo x86_64 ;;
        aarch64 | aarch64-unknown-linux-musl) echo aarch64 ;;
        armv7 | armv7-unknown-linux-musleabihf) echo armv7 ;;
        *) return 1 ;;
    esac
}

triple_of() {
    case $1 in
        x86_64) echo x86_64-unknown-linux-musl ;;
        aarch64) echo aarch64-unknown-linux-musl ;;
        armv7) echo armv7-unknown-linux-musleabihf ;;
        *) return 1 ;;
    esac
}

# Debian packages that are missing are installed by root, and named to anyone else.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null ||
        fail "these Debian packages are needed, and there is no apt-get here: ${missing[*]}"
    [[ $(id -u) == 0 ]] || fail "as root first: apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 ||
        fail "apt-get could not install ${missing[*]}"
}
