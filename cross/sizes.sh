#!/usr/bin/env bash
# Holds the Spiders in cross/dist against cross/budget.txt; fails when one is over or missing.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

over=0
row() { # NAME BUDGET
    local file=$dist/$1 bytes said
    if [[ ! -f $file ]]; then
        printf '%-32s %10s %10s  missing: build it with cross/build.sh\n' "$1" - "$2"
        over=1
        return
    fi
    bytes=$(stat -c %s "$file")
    if ((bytes <= $2)); then
        said="$(($2 - bytes)) left"
    else
        said="OVER by $((bytes - $2))"
        over=1
    fi
    printf '%-32s %10d %10d  %s\n' "$1" "$bytes" "$2" "$said"
}

printf '%-32s %10s %10s\n' Spider bytes budget
while read -r arch tls plain rest; do
    [[ -z $arch || $arch == '#'* ]] && continue
    [[ $tls =~ ^[0-9]+$ && $plain =~ ^[0-9]+$ && -z $rest ]] && arch_of "$arch" >/dev/null ||
        fail "cross/budget.txt: \"$arch $tls $plain $rest\" is not a target and two numbers"
    row "stardust-spider-$arch" "$tls"
    row "stardust-spider-$arch-notls" "$plain"
done <"$cross_dir/budget.txt"
((over == 0)) || fail "over budget or missing, see above"
