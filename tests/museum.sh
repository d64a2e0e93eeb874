#!/usr/bin/env bash
# The museum of faults: each file in tests/mutants/ is a small change to a
# lesson's server.
#
#     tests/museum.sh [NAME...]     `make museum`, `make museum ONLY=03-leaks`
#
# NAME.fault: a mistake, and the row that must be red because of it ("every byte
# comes back" stays green, so it is this row that sees it). NAME.right: the same
# service in another style; all rows of the lesson must stay green. And without
# a change the rows that are named must be green.
#
# A file begins with a sentence, then "lesson NAME...", "row SENTENCE" (as in the
# .bats file, without the number), perhaps "also red: the first bytes" where no
# byte comes back, and "file NAME" where it is not server.c. Then come the
# changes: lines with "-", which stand in the file exactly once, become those
# with "+". The output is TAP; exit status 0: every verdict is right.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 2
ROOT=$PWD HALL=$PWD/build/museum
GATE="every byte comes back, a-z as A-Z, the others as they are"
SECONDS_EACH=500 # a deadline for one exhibit; most need two seconds, and all rows
                 # of a lesson some minutes on a busy machine
export ROOT HALL GATE SECONDS_EACH

# changed MUTANT FILE < SOURCE: print it with the changes for FILE.
changed() {
    awk -v file="$2" '
        FILENAME != "-" {
            if ($1 == "file") here = $2
            sign = substr($0, 1, 1)
            if ((here == "" ? "server.c" : here) != file) next
            if (sign == "-" && before != "-") n++
            if (sign == "-") old[n] = old[n] substr($0, 2) "\n"
            if (sign == "+") new[n] = new[n] substr($0, 2) "\n"
            before = sign
            next
        }
        { text = text $0 "\n" }
        END {
            for (i = 1; i <= n; i++) {
                at = index(text, old[i])
                rest = substr(text, at + length(old[i]))
                if (at == 0 || index(rest, old[i])) {
                    printf "%s is not exactly once in it:\n%s", file, old[i] \
                        > "/dev/stderr"
                    exit 1
                }
                text = substr(text, 1, at - 1) new[i] rest
            }
            printf "%s", text
        }' "$1" -
}

# built MUTANT LESSON: build/museum/NAME/server.
built() {
    local name file dir
    name=$(basename "$1")-${2%%-*}
    dir=$HALL/$name
    mkdir -p "$dir" && cp "$ROOT/$2"/*.[ch] "$dir" && rm -f "$dir/client.c" || return 1
    for file in $(awk '$1 == "file" { print $2 }' "$1") server.c; do
        changed "$1" "$file" < "$ROOT/$2/$file" > "$dir/$file" || return 1
    done
    # the modules of 06 and 08; other .c files there are for steps
    # shellcheck disable=SC2046,SC2012 # our own names
    (cd "$dir" && ${CC:-cc} -std=gnu11 -O1 -w -pthread -o server \
        $(ls server.c selector*.c co*.c 2> /dev/null))
}

# rows LESSON SERVER FILTER: run these rows. (Their output is TAP.)
rows() {
    SERVER=$2 timeout -k 5 "$SECONDS_EACH" bats --tap --filter "$3" \
        "$ROOT/tests/$1.bats" < /dev/null 2>&1
}

escaped() {
    sed 's/[][\.*^$+?(){}|]/\\&/g' <<< "$1"
}

# exhibit MUTANT LESSON: print "ok" or "not ok" with its name and why.
exhibit() {
    local name number=${2%%-*} row gate out why=''
    name="$(basename "$1") in lesson $number"
    out=$HALL/$(basename "$1")-$number.tap
    row=$(sed -n 's/^row //p' "$1")
    gate="$number $GATE"
    if ! built "$1" "$2" 2> "$out"; then
        why="the change does not fit, or does not compile"
    elif [[ $1 = *.right ]]; then
        all_green "$2" "$HALL/${name%% *}-$number/server" "^$number " "$out" ||
            all_green "$2" "$HALL/${name%% *}-$number/server" "^$number " "$out" ||
            why="a right server, but a row is red"
    else
        for _ in 1 2 3; do # a busy machine may hide a fault
            rows "$2" "$HALL/${name%% *}-$number/server" \
                "^($(escaped "$gate")|$(escaped "$number $row"))\$" > "$out"
            ! is_green "$number $row" "$out" || continue
            break
        done
        if ! grep -qE "^(not )?ok [12] $(escaped "$number $row")( |\$)" "$out"; then
            why="there is no such row: $row"
        elif ! grep -qE "^not ok [12] $(escaped "$number $row")\$" "$out"; then
            why="the row is green: $row"
        elif ! grep -q '^also red: the first bytes' "$1" &&
            ! grep -qE "^ok [12] $(escaped "$gate")\$" "$out"; then
            why="no byte comes back"
        fi
    fi
    verdict "$name: $(sed -n '1s/^# *//p' "$1")" "$why" "$out"
}

is_green() {
    grep -qE "^ok [12] $(escaped "$1")\$" "$2"
}

# all_green LESSON SERVER FILTER FILE
all_green() {
    rows "$1" "$2" "$3" > "$4" && grep -q '^ok 1 ' "$4"
}

# unpatched LESSON: its own server, with all rows that an exhibit names.
unpatched() {
    local number=${1%%-*} filter='' row out=$HALL/$1.tap why=''
    while IFS= read -r row; do
        filter="$filter|$(escaped "$number $row")"
    done < <(grep -lE "^lesson .*$1" "$ROOT"/tests/mutants/*.fault |
        xargs sed -n 's/^row //p' | sort -u)
    [ -n "$filter" ] || return 0
    all_green "$1" "$ROOT/$1/server" "^(${filter#|})\$" "$out" ||
        all_green "$1" "$ROOT/$1/server" "^(${filter#|})\$" "$out" ||
        why="without a change a row is red"
    verdict "lesson $number without a change: all rows that are named are green" \
        "$why" "$out"
}

verdict() {
    if [ -z "$2" ]; then
        echo "ok $1"
    else
        echo "not ok $1"
        echo "# $2"
        sed 's/^/# /' "$3" | head -n 40
    fi
}

# visit WORD: an exhibit, MUTANT:LESSON, or a lesson.
visit() {
    case $1 in
        *:*) exhibit "${1%:*}" "${1##*:}" ;;
        *) unpatched "$1" ;;
    esac
}

case ${1:-} in --visit) visit "$2"; exit ;; esac # one of many, see below

command -v bats > /dev/null || { echo "make museum needs bats"; exit 1; }
mkdir -p "$HALL" || exit 2
list=$(for mutant in tests/mutants/*.fault tests/mutants/*.right; do
    name=$(basename "$mutant")
    [ $# -eq 0 ] || [[ " $* " = *" ${name%.*} "* ]] || continue
    for lesson in $(sed -n 's/^lesson //p' "$mutant"); do
        echo "$mutant:$lesson"
    done
done)
[ -n "$list" ] || { echo "tests/mutants has no $*"; exit 2; }
[ $# -gt 0 ] || list+=$'\n'$(ls -d 0*)
# shellcheck disable=SC2046 # our own names
make -s clients/play clients/load clients/xray \
    $(for lesson in 0*; do echo "$lesson/server"; done) || exit 1
# They mostly wait, so more run at once than there are cores.
printf '%s\n' "$list" | xargs -P $(($(getconf _NPROCESSORS_ONLN) + 2)) -I WORD \
    sh -c 'tests/museum.sh --visit "$1" > "build/museum/$$.out" 2>&1
        cat "build/museum/$$.out"; rm "build/museum/$$.out"' visit WORD |
    tee build/museum/all.tap
awk -v n="$(wc -l <<< "$list")" '
    /^ok/ { ok++ }
    /^not ok/ { bad++ }
    END { printf "1..%d\n%d exhibits: %d right, %d wrong\n", n, n, ok, bad
          exit ok < n }' build/museum/all.tap
