#!/usr/bin/env bash
# Builds static programs for other machines into cross/dist. See README.md.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
. "$cross_dir/toolchain.sh"

usage() {
    cat <<'TEXT'
Usage: cross/build.sh [OPTIONS] [TARGET…]

TARGET is x86_64, aarch64 or armv7, or one of their Rust triples; all when none is given.

  --no-tls    Spiders without TLS: cross/dist/stardust-spider-TARGET-notls
  --server    Ground Control with all three Spiders in it: cross/dist/stardust-server-TARGET
  --quick     Ground Control for checks, not optimised: its name ends in -quick
  --force     build even when nothing changed
  --help      this text

Environment: CARGO_TARGET_DIR (target/cross), CARGO_BUILD_JOBS, CROSS=1 (`cross` and Docker),
CROSS_TOOLCHAIN (debian, rustup or docker, instead of what is found).
TEXT
}

what=spider suffix='' force='' quick='' arches=()
for arg in "$@"; do
    case $arg in
        --no-tls) suffix=-notls ;;
        --server) what=server ;;
        --quick) quick=1 suffix=-quick ;;
        --force) force=1 ;;
        --help | -h)
            usage
            exit
            ;;
        -*) fail "$arg is not known; --help lists the options" ;;
        *) arches+=("$(arch_of "$arg")") || fail "$arg is not a target; --help lists them" ;;
    esac
done
((${#arches[@]})) || arches=("${ARCHES[@]}")
[[ $what == server && $suffix == -notls ]] && fail "--no-tls is for Spiders: a server always has TLS"
[[ $what == spider && $quick ]] && fail "--quick is for Ground Control: a Spider is small or is none"

target_dir=${CARGO_TARGET_DIR:-$root/target/cross}
mkdir -p "$dist" "$target_dir"
target_dir=$(cd "$target_dir" && pwd)
toolchain=$(choose_toolchain "${arches[@]}")
set_up_toolchain "$toolchain"

# What a program is made of, as one line: the same line means the same bytes.
fingerprint() {
    local paths=(Cargo.toml Cargo.lock shared/Cargo.toml shared/src spider/Cargo.toml spider/src
        cross/toolchain.sh cross/order.ld cross/requirements.txt)
    if [[ $what == server ]]; then
        paths+=(server/Cargo.toml server/src server/build.rs server/build web/src web/public
            web/scripts web/index.html web/package-lock.json web/vite.config.ts)
    fi
    {
        echo "$what$suffix $toolchain"
        if [[ $toolchain == docker ]]; then cross --version; else rustc -vV; fi
        (cd "$root" && find "${paths[@]}" -type f -print0 2>/dev/null |
            LC_ALL=C sort -z | xargs -0 sha256sum)
        if [[ $what == server ]]; then
            (cd "$dist" && sha256sum stardust-spider-{x86_64,aarch64,armv7})
        fi
    } | sha256sum | cut -d' ' -f1
}

name_of() { echo "stardust-$what-$1$suffix"; }

is_fresh() {
    local name
    name=$(name_of "$1")
    [[ -f $dist/$name && -f $dist/.$name.stamp ]] || return 1
    [[ $(cat "$dist/.$name.stamp") == "$made_of $(sha256sum <"$dist/$name" | cut -d' ' -f1)" ]]
}

# A program that is not static or not stripped is not what this folder promises.
inspect() {
    local said
    said=$(file -b "$1")
    case $said in
        *'statically linked'* | *static-pie*) ;;
        *) fail "$1 is not static: $said" ;;
    esac
    [[ $said == *', stripped'* || $what == server ]] || fail "$1 is not stripped: $said"
}

if [[ $what == server ]]; then
    # The three Spiders that it carries.
    "$cross_dir/build.sh" >&2
fi
command -v file >/dev/null || need_packages file
made_of=$(fingerprint)
stale=()
for arch in "${arches[@]}"; do
    if [[ $force ]] || ! is_fresh "$arch"; then
        stale+=("$arch")
    else
        say "cross/dist/$(name_of "$arch") is up to date"
    fi
done
((${#stale[@]})) || exit 0

if [[ $what == spider ]]; then
    kind=small profile=spider
    args=(--locked --profile spider -p stardust-spider --bin stardust-spider)
    [[ $suffix ]] && kind=smallest args+=(--no-default-features)
else
    kind=fast profile=release
    args=(--locked --release -p stardust-server --bin stardust-server)
    export STARDUST_SPIDER_DIR=$dist
    # For this machine's own build, which may be the one that called us.
    unset STARDUST_SPIDER_BINARY OPENSSL_NO_VENDOR
    if [[ $quick ]]; then
        # That it is static, starts, and carries what it should does not hang on more.
        profile=debug
        args=(--locked -p stardust-server --bin stardust-server)
        export CARGO_PROFILE_DEV_DEBUG=0
    fi
fi

for arch in "${stale[@]}"; do
    name=$(name_of "$arch")
    say "building $name ($toolchain)"
    build_with "$toolchain" "$kind" "$(triple_of "$arch")" "${args[@]}"
    built=$target_dir/$(triple_of "$arch")/$profile/stardust-$what
    inspect "$built"
    # By a rename: whoever reads the old one keeps it whole.
    cp "$built" "$dist/.$name.new"
    mv "$dist/.$name.new" "$dist/$name"
    echo "$made_of $(sha256sum <"$dist/$name" | cut -d' ' -f1)" >"$dist/.$name.stamp"
    say "cross/dist/$name: $(stat -c %s "$dist/$name") bytes"
done
