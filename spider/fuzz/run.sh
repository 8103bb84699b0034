#!/bin/sh
# Runs every fuzz target of shared/fuzz, spider/fuzz and server/fuzz for SECONDS (default 60)
# with the kept corpus, and fails on the first finding.
#
#   spider/fuzz/run.sh 60 [TARGET…]
#
# Needs a C++ compiler. What cargo-fuzz does for a build is few flags, so it is not needed;
# the folders are as it wants them. They are made for nightly; RUSTC_BOOTSTRAP lets the stable
# toolchain of the build do. A finding is in artifacts/TARGET/: fix it, and keep it as a case
# in an ordinary test.
set -eu
seconds=${1:-60}
[ $# -eq 0 ] || shift
here=$(cd "$(dirname "$0")" && pwd)
export RUSTC_BOOTSTRAP=1
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$here/target}"
# The kept corpus is corpus/TARGET.tar.gz; what is learnt on the way joins it in
# the target folder only. `TARGET -merge=1 NEW LEARNT` picks what is worth keeping.
learnt="$CARGO_TARGET_DIR/corpus"
machine="$(rustc -vV | sed -n 's/^host: //p')"
# Coverage for libFuzzer, and the checks of a debug build.
flags="--cfg fuzzing -Cdebug-assertions -Ccodegen-units=1 -Cpasses=sancov-module"
for option in -sanitizer-coverage-level=4 -sanitizer-coverage-inline-8bit-counters \
    -sanitizer-coverage-pc-table -sanitizer-coverage-trace-compares \
    -sanitizer-coverage-stack-depth -simplifycfg-branch-fold-threshold=0; do
    flags="$flags -Cllvm-args=$option"
done
# Debian's own Rust comes without the runtime of AddressSanitizer. What is fuzzed has
# hardly any unsafe code; panics, overflows, hangs and memory without bound are found without it.
libraries="$(rustc --print target-libdir)"
if ls "$libraries"/librustc-*_rt.asan.a >/dev/null 2>&1; then
    flags="$flags -Zsanitizer=address"
    export ASAN_OPTIONS="detect_odr_violation=0"
else
    echo "without AddressSanitizer: this Rust has no runtime for it"
fi
for folder in "$here/../../shared/fuzz" "$here" "$here/../../server/fuzz"; do
    cd "$folder"
    RUSTFLAGS="$flags" cargo build --locked --release --bins --target "$machine"
    for target in fuzz_targets/*.rs; do
        target="$(basename "$target" .rs)"
        if [ $# -gt 0 ] && ! printf '%s\n' "$@" | grep -qx "$target"; then
            continue
        fi
        mkdir -p "$learnt/$target" "artifacts/$target"
        [ ! -f "corpus/$target.tar.gz" ] || tar -xzf "corpus/$target.tar.gz" -C "$learnt"
        echo "== $target: $seconds s"
        log="$learnt/$target.log"
        if ! "$CARGO_TARGET_DIR/$machine/release/$target" "$learnt/$target" \
            "-artifact_prefix=artifacts/$target/" -max_total_time="$seconds" -timeout=10 \
            -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 >"$log" 2>&1
        then
            tail -40 "$log"
            echo "$target: a finding, see above and $folder/artifacts/$target/"
            exit 1
        fi
        grep -E 'number_of_executed_units|Done ' "$log" | tail -2
    done
done
