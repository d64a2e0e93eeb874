#!/bin/sh
# Run the tests: all files of them, several at once, or the one that is named.
#
#     tests/run.sh [NAME]     `make test`, `make test-03-select`
#
# Without NAME, the tests of the kit's machinery are left out, unless ALL=1:
# these are the exercises, the grader and its systems, what a student reads, the
# faults, the fuzzers, servers in other languages, and other people's machines.
# A lesson's name stands for the tests of its server and of its steps; where
# SERVER names another server, for those of the server alone.
#
# The tests mostly wait, so more files run at once than there are cores. What
# a file prints comes in one piece, when the file has ended, and one line with
# the sums ends it all. Exit status 0: all tests passed or were skipped.

CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
command -v bats > /dev/null || {
    echo 'The tests need bats-core: apt install bats, dnf install bats or' \
        'brew install bats-core'
    exit 1
}
case $(bats --version 2> /dev/null) in
    *' 0.'* | *' 1.'[0-6].*)
        echo "The tests need bats-core 1.7 or later; this is $(bats --version)." \
            'Another one: npm install -g bats'
        exit 1 ;;
esac
unset BASH_ENV ENV MAKEFLAGS MFLAGS QUOTING_STYLE # for bash, make and ls

# A file system may forbid to run what the tests compile.
probe=$(mktemp) && printf '#!/bin/sh\n' > "$probe" && chmod +x "$probe" || exit 1
if ! "$probe" 2> /dev/null; then
    TMPDIR=$PWD/build/tmp
    mkdir -p "$TMPDIR" && export TMPDIR || exit 1
fi
rm "$probe"
if [ $# -gt 0 ]; then
    file=tests/$1.bats steps=tests/${1%%-*}-steps.bats
    if [ ! -f "$file" ]; then
        echo "There are no tests of $1. Try: $(cd tests && ls -- *.bats |
            sed 's/\.bats$//' | tr '\n' ' ')"
        exit 1
    elif [ "$SERVER" ]; then
        bats --tap "$file" | awk -f tests/server-rows.awk
        exit
    elif [ ! -f "$steps" ] || [ "$file" = "$steps" ]; then
        exec bats "$file"
    fi
    exec bats "$file" "$steps"
fi

out=$(mktemp -d) && trap 'rm -rf "$out"' EXIT || exit 1
trap 'exit 1' HUP INT TERM
machinery="course|exercises|extend|faults|fuzz|grade|messages|peers|ports"
at_once=$(($(getconf _NPROCESSORS_ONLN) + 2))
ls tests/*.bats | sed 's,^tests/,,' |
    grep -vxE "${ALL:+none}($machinery)\\.bats" | xargs -P $at_once -I FILE sh -c \
    'bats "tests/$1" > "$2/$1" 2>&1; echo "$2/$1"' run FILE "$out" |
    while read -r file; do cat "$file"; done |
    awk '{ print; fflush() }
        /^1\.\.[0-9]/ { plan += substr($0, 4) }
        /^ok/ { ok++ }
        /^not ok/ { bad++ }
        / # skip/ { skipped++ }
        END {
            printf "%d tests: %d ok, %d skipped, %d failed\n", plan,
                ok - skipped, skipped, plan - ok
            exit plan == 0 || ok != plan
        }'
