load helper

# The rows of the extensions, proved without a solution: for each extension there
# are programs that do a part of it, and each one gets the points of that part.
# extend/partial has them: NAME.sed changes a server of the kit, which its first
# line names; NAME.c is a program. NAME.red has the rows that must be red; after
# "? " a row that may be red: it depends on who is first.
# This takes about twenty minutes. ID=03-2 bats tests/extend.bats runs the
# programs of one extension.

setup_file() {
    build clients/play clients/load clients/xray 05-epoll/server
}

SHEETS=("$ROOT"/0*/exercises/[0-9][0-9]-2.txt)
WARNINGS="-Wall -Wextra -Wshadow -Wpedantic"

# modules_of PROGRAM: what it is linked with.
modules_of() {
    case $1 in
        */06-selector/server) echo "${1%/*}"/selector*.c ;;
        */08-coroutines/server) echo "${1%/*}"/co*.c ;;
    esac
}

# compile NAME: build a partial program: $PROGRAM.
compile() {
    local base=. source=$BATS_TEST_DIRNAME/extend/partial/$1.c
    if [ ! -f "$source" ]; then
        base=$ROOT/$(sed -n '1s/^# \([^:]*\):.*/\1/p' "${source%.c}.sed")
        [ -f "$base.c" ] || base=$base/server
        source=$BATS_TEST_TMPDIR/server.c
        sed -f "$BATS_TEST_DIRNAME/extend/partial/$1.sed" "$base.c" > "$source"
        run -1 cmp -s "$source" "$base.c"
    fi
    PROGRAM=$BATS_TEST_TMPDIR/server
    # shellcheck disable=SC2046,SC2086 # they are words
    ${CC:-cc} -std=gnu11 $WARNINGS -Werror -O2 -pthread \
        -iquote "${base%/*}" -o "$PROGRAM" "$source" $(modules_of "$base")
}

# rows_red ID [FILTER]: run the rows with $PROGRAM; to red: the sentences of
# those that are red; to ran: of all but the ones that are skipped.
rows_red() {
    env SERVER="$PROGRAM" bats -f "${2:-.}" \
        "$BATS_TEST_DIRNAME/extend/$1.bats" > "$BATS_TEST_TMPDIR/out" \
        2>&1 < /dev/null 3>&- || true
    sed -n "s/^not ok [0-9]* $1 //p" "$BATS_TEST_TMPDIR/out" | sort \
        > "$BATS_TEST_TMPDIR/red"
    sed -n "/ # skip/d; s/^\(not \)\{0,1\}ok [0-9]* $1 //p" \
        "$BATS_TEST_TMPDIR/out" | sort > "$BATS_TEST_TMPDIR/ran"
}

# partial NAME [PROGRAM]: with this program the rows of NAME.red are red, and no
# other. A row that is not as it should be has a second try, alone.
partial() {
    local id=${1:0:4} title try
    [ "${ID:-$id}" = "$id" ] || skip "ID is $ID"
    if [ -n "${2:-}" ]; then
        build "$2"
        PROGRAM=$ROOT/$2
    else
        compile "$1"
    fi
    rows_red "$id"
    sed -n 's/^? //p' "$BATS_TEST_DIRNAME/extend/partial/$1.red" \
        > "$BATS_TEST_TMPDIR/may"
    grep -vxF -f "$BATS_TEST_TMPDIR/may" "$BATS_TEST_TMPDIR/red" \
        > "$BATS_TEST_TMPDIR/got" || true
    grep -v '^? ' "$BATS_TEST_DIRNAME/extend/partial/$1.red" | sort |
        comm -12 - "$BATS_TEST_TMPDIR/ran" > "$BATS_TEST_TMPDIR/wanted"
    [ -s "$BATS_TEST_TMPDIR/ran" ] || { cat "$BATS_TEST_TMPDIR/out"; return 1; }
    comm -3 "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/got" | tr -d '\t' \
        > "$BATS_TEST_TMPDIR/again"
    while read -r title; do
        # shellcheck disable=SC2001,SC2016 # it is a regular expression
        try=$(sed 's/[][\.*^$+?(){}|]/\\&/g' <<< "$title")
        rows_red "$id" "^$id $try\$"
        grep -vxF -- "$title" "$BATS_TEST_TMPDIR/got" \
            > "$BATS_TEST_TMPDIR/others" || true
        sort "$BATS_TEST_TMPDIR/others" "$BATS_TEST_TMPDIR/red" \
            > "$BATS_TEST_TMPDIR/got"
    done < "$BATS_TEST_TMPDIR/again"
    echo "$1: $(points_of "$id" < "$BATS_TEST_TMPDIR/got") of 100 points"
    diff "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/got" ||
        { echo "(<: must be red, and is green; >: must be green, and is red)"; return 1; }
}

# points_of ID: 100 less what the rows on standard input are worth.
points_of() {
    awk -F '|' -v id="$1" '
        function trim(s) { gsub(/^ +| +$/, "", s); return s }
        FILENAME != "-" { if (trim($2) == id) worth[trim($3)] = trim($1); next }
        { lost += worth[$0] }
        END { print 100 - lost }' "$BATS_TEST_DIRNAME/extend/points" -
}

# --------------------------------------------------------- the sheets and points

@test "all rows of an extension have points, and are worth 100 together" {
    local file id
    for file in "$BATS_TEST_DIRNAME"/extend/0*.bats; do
        id=$(basename "$file" .bats)
        diff <(sed -n "s/^@test \"$id \(.*\)\" {.*/\1/p" "$file" | sort) \
            <(sed -n "s/^[0-9]* *| $id | //p" "$BATS_TEST_DIRNAME/extend/points" | sort)
        same 0 "$(sed -n "s/^[0-9]* *| $id | //p" \
            "$BATS_TEST_DIRNAME/extend/points" | points_of "$id")" "100 less the points of $id"
    done
}

@test "each extension has a sheet, and the kit has no solution of it" {
    local sheet id
    same 8 "${#SHEETS[@]}" sheets
    for sheet in "${SHEETS[@]}"; do
        id=$(basename "$sheet" .txt)
        grep -qx "rows  *tests/extend/$id.bats" "$sheet"
        [ -f "$BATS_TEST_DIRNAME/extend/$id.bats" ]
        for word in title hours task learn; do
            same 1 "$(grep -c "^$word " "$sheet")" "$sheet: lines with $word"
        done
        for word in read hint; do
            same 3 "$(grep -c "^$word " "$sheet")" "$sheet: lines with $word"
        done
        run -1 grep -nE '^.{81,}' "$sheet"
        same '' "$(git -C "$ROOT" ls-files "${sheet%.txt}/" 2> /dev/null)" "files of $id"
    done
}

# ----------------------------------------------------------- programs of a part

@test "01-2: lesson 01's server has one client at a time" { partial 01-2-plain 01-blocking/server; }
@test "01-2: it calls fork(), reaps no child, and leaves the listener open" { partial 01-2-fork; }
@test "01-2: threads in the place of processes" { partial 01-2-threads; }

@test "02-2: with -i auto it always naps 1 ms" { partial 02-2-always-1; }
@test "02-2: with -i auto it always naps 100 ms" { partial 02-2-always-100; }
@test "02-2: with -i auto it never naps" { partial 02-2-never; }

@test "03-2: lesson 03's server does not know -t" { partial 03-2-plain 03-select/server; }
@test "03-2: one clock for all clients" { partial 03-2-one-clock; }
@test "03-2: clocks that begin at accept(), and never again" { partial 03-2-since-accept; }

@test "04-2: step 03k calls select()" { partial 04-2-03k 03-select/steps/03k-http; }
@test "04-2: lesson 04's server calls poll(), and knows no HTTP" { partial 04-2-plain 04-poll/server; }
@test "04-2: step 02d, whose nap is a poll() of nothing" { partial 04-2-naps; }

@test "05-2: N threads sleep in epoll_wait(), and one of them does all the work" { partial 05-2-one-works; }
@test "05-2: a thread for each client" { partial 05-2-thread-each; }
@test "05-2: N processes that share the listener" { partial 05-2-processes; }

@test "06-2: it takes -u, and answers by itself" { partial 06-2-answers-itself; }
@test "06-2: a proxy with two threads for each client" { partial 06-2-threads; }
@test "06-2: a proxy with threads that ends both sides when one has ended" { partial 06-2-no-half-close; }

@test "07-2: handoff is prefork by another name" { partial 07-2-prefork; }
@test "07-2: handoff is a process for each client" { partial 07-2-process; }
@test "07-2: workers that only sleep, and the parent serves in threads" { partial 07-2-idle-workers; }

@test "08-2: lesson 08's server does not know -t" { partial 08-2-plain 08-coroutines/server; }
@test "08-2: clocks that begin at accept(), and never again" { partial 08-2-since-accept; }
@test "08-2: a thread for each client, and SO_RCVTIMEO" { partial 08-2-threads; }
