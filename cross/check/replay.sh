# Fixture machines, replayed; sourced by cross/check.sh.
# shellcheck shell=bash disable=SC2154

fixtures=$root/spider/tests/fixtures

# The same reading of a line as in spider/tests/common: its time as 0, without the
# identity (whose arch is that of whoever runs this), and one series on each line of
# text. A quote within a key is escaped, so what is cut at is only between series.
readable() {
    LC_ALL=C sed -E '
        s/,"identity":\{.*\},"series":\{/,"series":{/
        s/,"/,\n"/g
        s/^\{"time_ms":[0-9]{13},\n/{"time_ms":0,/
        s/:\{"/:{\n"/g
        s/\}\}$/\n}}/'
}

machines() {
    local dir
    for dir in "$fixtures"/*/; do
        basename "$dir"
    done
}

replay() { # NAME
    local machine moment count=0 expected
    for machine in $(machines); do
        for moment in t0 t1; do
            expected=$fixtures/$machine/expected.$moment.json
            "${runner[@]}" "$dist/$1" --once --stdout --root "$fixtures/$machine/$moment" \
                >"$work/line" 2>"$work/said" </dev/null ||
                fail "$1 failed on $machine/$moment: $(cat "$work/said")"
            readable <"$work/line" >"$work/got"
            if ! cmp -s "$expected" "$work/got"; then
                diff -a "$expected" "$work/got" | head -n 20 >&2 || true
                fail "$1 sees $machine/$moment differently (< expected, > what came)"
            fi
            count=$((count + 1))
        done
    done
    ((count > 0)) || fail "there is no machine in $fixtures"
    say "$1: $count moments of fixture machines, every byte as expected"
}
