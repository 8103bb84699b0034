# Chooses and sets up what compiles; sourced by build.sh after common.sh.
# shellcheck shell=bash disable=SC2154

# One of
#   debian  Debian's own Rust of the security archive, with std built from its
#           source for size; the only one of the three that makes the budget
#   rustup  a toolchain with std for the targets, as `rustup target add` installs
#   docker  `cross` and its images (CROSS=1)
choose_toolchain() {
    local sysroot arch
    if [[ ${CROSS:-} == 1 ]]; then
        echo docker
        return
    fi
    if [[ ${CROSS_TOOLCHAIN:-} ]]; then
        echo "$CROSS_TOOLCHAIN"
        return
    fi
    sysroot=$(cd "$root" && rustc --print sysroot 2>/dev/null) || sysroot=
    for arch in "$@"; do
        if [[ ! $sysroot || ! -d $sysroot/lib/rustlib/$(triple_of "$arch")/lib ]]; then
            echo debian
            return
        fi
    done
    echo rustup
}

# Makes `cargo`, `rustc` and the linker the ones of the toolchain.
set_up_toolchain() {
    # A cargo that called us speaks for its own toolchain.
    unset RUSTC CARGO RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTUP_TOOLCHAIN
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
    case $1 in
        docker)
            command -v cross >/dev/null ||
                fail "CROSS=1 needs \`cross\`: cargo install cross, and a running Docker"
            export CROSS_CONFIG=$cross_dir/Cross.toml
            ;;
        rustup) set_up_zig ;;
        debian)
            need_packages rustc-web cargo-web rust-web-src python3-venv
            # The proxies of rustup come first in many a PATH.
            local bin=$target_dir/debian-bin tool
            mkdir -p "$bin"
            for tool in cargo rustc rustdoc; do
                ln -sfn "/usr/bin/$tool" "$bin/$tool"
            done
            PATH=$bin:$PATH
            set_up_zig
            ;;
        *) fail "CROSS_TOOLCHAIN is $1; give debian, rustup or docker" ;;
    esac
}

# zig is the linker and the C compiler for every target, from one pinned wheel.
set_up_zig() {
    local venv=$cross_dir/.venv python=python3
    [[ $toolchain == debian ]] && python=/usr/bin/python3
    if ! cmp -s "$cross_dir/requirements.txt" "$venv/installed.txt"; then
        say "installing the linker into ${venv#"$root"/}"
        rm -rf "$venv"
        "$python" -m venv "$venv" || fail "$python can't make a venv: apt-get install python3-venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check \
            --requirement "$cross_dir/requirements.txt" >&2 ||
            fail "pip could not install what cross/requirements.txt names"
        cp "$cross_dir/requirements.txt" "$venv/installed.txt"
    fi
    PATH=$venv/bin:$PATH
    export ZIG_GLOBAL_CACHE_DIR=$target_dir/zig-cache
    export CARGO_ZIGBUILD_CACHE_DIR=$target_dir/zigbuild-cache
}

# Runs cargo for one target: build_with TOOLCHAIN KIND TRIPLE ARGS…
# KIND is `small` (the Spider), `smallest` (without TLS) or `fast` (the server).
build_with() {
    local chosen=$1 kind=$2 triple=$3 flags=()
    shift 3
    # The same bytes wherever the checkout and cargo's cache lie.
    flags=(
        "--remap-path-prefix=$root=/stardust"
        "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    )
    case $chosen in
        docker)
            cargo_in cross build --target "$triple" "$@"
            ;;
        rustup)
            with_flags "${flags[@]}" -- cargo-zigbuild zigbuild --target "$triple" "$@"
            ;;
        debian)
            # rustc would look for start files of its own beside a std that is
            # not installed: zig has them.
            flags+=("-Clink-self-contained=no")
            local std=(-Zbuild-std=std,panic_unwind)
            if [[ $kind == small* ]]; then
                # A panic ends the Spider at once, without a word: the words and
                # what formats them are a fifth of it. Then nothing ever walks the
                # stack, and the tables for that go too: 150 KB of x86_64.
                flags+=("-Zunstable-options" "-Cpanic=immediate-abort" "-Cforce-unwind-tables=no")
                export TARGET_CFLAGS="-fno-unwind-tables -fno-asynchronous-unwind-tables"
                # The program is loaded where it was linked to.
                flags+=("-Crelocation-model=static")
                if [[ $kind == small && $triple == x86_64* ]]; then
                    # What a sample executes lies together.
                    flags+=("-Clink-arg=-Wl,-T,$cross_dir/order.ld")
                else
                    # What occurs often is called instead of written out, which
                    # costs some speed.
                    flags+=("-Cllvm-args=-enable-machine-outliner=always")
                fi
                # The linker compiles musl as it is told to link.
                flags+=("-Clink-arg=-Os")
                # The short instructions, which each ARMv7 has.
                [[ $triple != armv7* ]] || flags+=("-Ctarget-feature=+thumb-mode")
                std=(-Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size)
            fi
            # Debian's is a stable compiler; building std is an unstable feature.
            RUSTC_BOOTSTRAP=1 with_flags "${flags[@]}" -- \
                cargo-zigbuild zigbuild "${std[@]}" --target "$triple" "$@"
            ;;
    esac
}

with_flags() {
    local encoded=
    while [[ $1 != -- ]]; do
        # Separated by a character that no path has: spaces are allowed in paths.
        encoded+=${encoded:+$'\x1f'}$1
        shift
    done
    shift
    CARGO_ENCODED_RUSTFLAGS=$encoded cargo_in "$@"
}

cargo_in() {
    (cd "$root" && CARGO_TARGET_DIR=$target_dir "$@")
}
