#!/usr/bin/env bash
# The exercises, for a student: list them, begin one, give hints, grade it.
#
#     tests/exercise.sh list               `make todo`
#     [RESET=1] tests/exercise.sh begin 03-1     `make todo-03-1`
#     tests/exercise.sh hint 03-1          `make hint-03-1`
#     [ALL=1] [ONLY=regex] tests/exercise.sh grade 03-1    `make grade-03-1`
#     tests/exercise.sh watch 03-1         `make watch-03-1`
#     [PEEK=1] tests/exercise.sh answer 03-1     `make answer-03-1`
#
# An exercise is a sheet, 03-select/exercises/03-1.txt: sheet.awk says what
# stands in it. The student's copy is in 03-select/exercises/03-1/, and so is
# the file `progress`, which remembers hints and points.
#
# Exit status: 0; 1 a row is red, or it does not compile; 2 wrong usage.
set -u
unset BASH_ENV CDPATH ENV MAKEFLAGS MFLAGS MAKELEVEL SERVER
PATH=${PATH//"${BATS_LIBEXEC:-none}:"/} # a test of bats' may have called us
cd "$(dirname "$0")/.." || exit 2

# fail MESSAGE: one line, and the end.
fail() {
    echo "$*" >&2
    exit 2
}

# sheet WORD [N]: what the sheet says; the Nth line of that kind.
sheet() {
    awk -v get="$1" -v nth="${2:-0}" -f tests/sheet.awk "$SHEET"
}

# use_sheet SHEET
use_sheet() {
    SHEET=$1
    ID=${SHEET##*/}
    ID=${ID%.txt}
    LESSON=${SHEET%%/*}
    DIR=${SHEET%.txt}
    FILE=$(sheet file) || exit 2
    SOURCE=$(sheet from)
    SOURCE=${SOURCE:-$LESSON/$FILE}
    PROGRESS=$DIR/progress
}

# find_exercise ID
find_exercise() {
    local sheets=(0*/exercises/"$1".txt)
    case $1 in
        [0-9][0-9]-[0-9]) ;;
        *) sheets=(none) ;;
    esac
    [ -f "${sheets[0]}" ] || fail "There is no exercise '$1'. Exercises:" \
        "$(all_ids); make todo shows them."
    use_sheet "${sheets[0]}"
}

all_ids() {
    local file ids=
    for file in 0*/exercises/[0-9][0-9]-[0-9].txt; do
        file=${file##*/}
        ids+=" ${file%.txt}"
    done
    echo "${ids# }"
}

# needs_copy: the student has begun this exercise.
needs_copy() {
    [ -d "$DIR" ] || fail "$ID is not begun: make todo-$ID writes $DIR/$FILE."
    [ -f "$DIR/$FILE" ] || fail "$DIR/$FILE is gone. Put it back, or" \
        "make todo-$ID writes it anew."
}

# remember WORD VALUE, recall WORD: a line of `progress`.
remember() {
    { grep -v "^$1 " "$PROGRESS" 2> /dev/null; echo "$1 $2"; } \
        > "$PROGRESS.new" && mv "$PROGRESS.new" "$PROGRESS"
} 2> /dev/null

recall() {
    sed -n "s/^$1 //p" "$PROGRESS" 2> /dev/null
}

# has_hole FILE: a cut has been made in it.
has_hole() {
    grep -q "TODO ${ID%-*}-[0-9]: " "$1"
}

how_long() {
    local minutes
    minutes=$(sheet minutes)
    [ -z "$minutes" ] || { echo "$minutes minutes"; return; }
    echo "$(sheet hours) hours"
}

# ----------------------------------------------------------------------- list

list() {
    local file points
    for file in 0*/exercises/[0-9][0-9]-[0-9].txt; do
        [ -f "$file" ] || fail "This kit has no exercises."
        use_sheet "$file"
        points=$(recall points)
        if [ ! -f "$DIR/$FILE" ]; then
            line "[          ]" "$(how_long)"
        elif [ -z "$points" ]; then
            line "[.         ]" begun
            printf '      next: %.68s\n' "make grade-$ID"
        else
            line "$(bar "$points")" "$points"
            [ -z "$(recall next)" ] ||
                printf '      next: %.68s\n' "$(recall next)"
        fi
    done
    echo
    for file in 0*/exercises/[0-9][0-9]-[0-9].txt; do
        use_sheet "$file"
        [ -d "$DIR" ] || break
    done
    echo "make todo-$ID begins $ID; then make hint-$ID, grade-$ID, watch-$ID."
}

# line BAR TEXT: of this exercise.
line() {
    printf '%s  %s  %-11s  %.48s\n' "$ID" "$1" "$2" "$(sheet title)"
}

# bar "GOT of ALL"
bar() {
    awk -v got="${1%% *}" -v all="${1##* }" 'BEGIN {
        n = all > 0 ? int(10 * got / all) : 0
        print "[" substr("##########", 1, n) substr("..........", 1, 10 - n) "]"
    }'
}

# ---------------------------------------------------------------------- begin

begin() {
    local copy=$DIR/$FILE n=1 file
    mkdir -p "$DIR" 2> /dev/null && [ -w "$DIR" ] ||
        fail "Cannot write into $DIR: is the kit read-only?"
    if [ -f "$copy" ] && [ "${RESET:-}" = 1 ]; then
        while [ -e "$copy.$n" ]; do n=$((n + 1)); done
        mv "$copy" "$copy.$n" || exit 2
        echo "Your old file is $copy.$n now."
        rm -f "$PROGRESS"
    fi
    if [ -f "$copy" ]; then
        echo "$copy is there already, and stays as it is."
        echo "(make todo-$ID RESET=1 begins anew, and keeps it as $FILE.1.)"
    else
        skeleton > "$DIR/.new" && mv "$DIR/.new" "$copy" ||
            { rm -f "$DIR/.new"; exit 2; }
        for file in $(sheet copy); do
            [ -f "$DIR/${file##*/}" ] || cp "$file" "$DIR" || exit 2
        done
        rm -f "$PROGRESS"
        echo "$copy is your file now."
    fi
    instructions
}

# skeleton: the student's first file.
skeleton() {
    local own=${DIR%-*}-1/$FILE
    if [ -z "$(sheet cut)" ]; then
        has_hole "$SOURCE" || { cat "$SOURCE"; return; }
        # in a kit without the answer
        [ -f "$own" ] && ! has_hole "$own" ||
            fail "$ID begins where ${ID%-*}-1 ends: make todo-${ID%-*}-1 first."
        cat "$own"
    elif grep -q "TODO $ID: " "$SOURCE"; then
        cat "$SOURCE"
    else
        awk -v id="$ID" -f tests/sheet.awk "$SHEET" "$SOURCE"
    fi
}

instructions() {
    echo
    echo "$ID: $(sheet title). About $(how_long)."
    [ -z "$(sheet cut)" ] ||
        echo "Your part is where the file says \"TODO $ID\"."
    echo
    [ -z "$(sheet task)" ] || { sheet task | sed 's/^/  /'; echo; }
    echo "Read first:"
    sheet read | sed 's/^/  - /'
    echo
    echo "Then type:"
    echo "  make $LESSON SERVER=$DIR/server"
    echo "                      the scene, with your server"
    echo "  make grade-$ID     what is right, and the first row that is not"
    echo "  make watch-$ID     the same at every save, until Ctrl-C"
    echo "  make hint-$ID      a hint, one at a time"
}

# ----------------------------------------------------------------------- hint

hint() {
    local given all=0 kinds=(observe "look up" outline)
    needs_copy
    while [ -n "$(sheet hint $((all + 1)))" ]; do all=$((all + 1)); done
    given=$(recall hints)
    given=${given:-0}
    if [ "$given" -ge "$all" ]; then
        echo "These were all hints."
        [ -z "$(sheet cut)" ] ||
            echo "make answer-$ID PEEK=1 shows how the kit does it."
        for ((given = 1; given <= all; given++)); do
            printf '\n%s. %s\n' "$given" "$(sheet hint "$given")"
        done
        return
    fi
    given=$((given + 1))
    echo "Hint $given of $all${kinds[given - 1]:+, ${kinds[given - 1]}}:"
    sheet hint "$given"
    [ "$given" = "$all" ] || echo "(The next one: make hint-$ID again.)"
    remember hints "$given" || echo "(Cannot write $PROGRESS: the next hint" \
        "will be this one again.)"
}

# ---------------------------------------------------------------------- grade

# rows: file, group, points, title. The gate is the first one; then come those
# that are red with the skeleton, and those that a fill-in has of its own. An
# extension has only rows of its own.
rows() {
    local model only='' own=''
    [ -z "$(sheet rows)" ] || own=$(own_rows "$(sheet rows)")
    [ -n "$(sheet cut)" ] || { echo "$own"; return; }
    model=$(sheet model)
    [ "$model" = "${model% only}" ] || only=1
    awk -v lesson="$LESSON" -v model="${model% only}" -f tests/rows.awk \
        tests/points "tests/$LESSON.bats" |
        OWN=$own RED=$(sheet red) awk -F '\t' -v OFS='\t' -v only="$only" \
            -v file="tests/$LESSON.bats" '
            BEGIN { n = split(ENVIRON["RED"], red, "\n") }
            only && $2 !~ /^(start|bytes)$/ && $4 == "-" { next }
            { line = file OFS $2 OFS $3 OFS $NF }
            $(NF - 1) == "gate" && !gate++ { print line; next }
            {
                early = 0
                for (i = 1; i <= n; i++)
                    early = early || substr($NF, 4) == red[i]
                if (early)
                    print line
                else
                    rest = rest line "\n"
            }
            END {
                if (ENVIRON["OWN"] != "")
                    print ENVIRON["OWN"]
                printf "%s", rest
            }'
}

# own_rows FILE: the rows of this exercise alone.
own_rows() {
    local points=tests/extend/points
    [ -f "$points" ] || points=/dev/null
    awk -F '|' -v id="$ID" -v file="$1" '
        function trim(s) { gsub(/^ +| +$/, "", s); return s }
        FILENAME != file { worth[trim($2) " " trim($3)] = trim($1); next }
        /^@test "/ {
            title = $0
            sub(/^@test "/, "", title)
            sub(/" \{.*/, "", title)
            print file "\town\t" (title in worth ? worth[title] : 1) "\t" title
        }' "$points" "$1"
}

# compiles: build the student's server; what the compiler says goes to $OUT.
compiles() {
    make -s "$DIR/server" clients/play clients/load clients/xray > "$OUT" 2>&1
}

# row FILE TITLE: run it; what it prints goes to $OUT.
row() {
    local filter limit=() status=0
    # shellcheck disable=SC2001,SC2016 # it is a regular expression
    filter=$(sed 's/[][\.*^$+?(){}|]/\\&/g' <<< "$2")
    ! command -v timeout > /dev/null || limit=(timeout -k 5 60)
    set -m # a process group: one kill ends all of it, and SIGINT is not ignored
    SERVER=$PWD/$DIR/server ${limit[@]+"${limit[@]}"} bats --tap \
        --filter "^$filter\$" "$1" > "$OUT" 2>&1 < /dev/null &
    RUNNING=$!
    set +m
    wait "$RUNNING" || status=$?
    RUNNING=
    VERDICT=red
    [ "$status" != 0 ] || ! grep -qF "ok 1 $2 # skip" "$OUT" || VERDICT=skipped
    [ "$status" != 0 ] || ! grep -qxF "ok 1 $2" "$OUT" || VERDICT=green
}

grade() {
    local file group points title stage='' got=0 all=0 red=0 next='' skipped=0
    RUNNING=
    needs_copy
    command -v bats > /dev/null || fail "The tests need bats; see README.md."
    OUT=$(mktemp) || exit 2
    trap 'rm -f "$OUT"' EXIT
    trap '[ -z "$RUNNING" ] || kill -TERM -- "-$RUNNING"; exit 130' INT TERM HUP
    if ! compiles; then
        cat "$OUT"
        echo "$ID: it does not compile."
        remember points "0 of 1"
        remember next "it compiles"
        exit 1
    fi
    cat "$OUT"
    echo "$ID: $(sheet title) (self-graded)"
    while IFS=$'\t' read -r file group points title; do
        [[ $title =~ ${ONLY:-} ]] || continue
        all=$((all + points))
        [ "$red" = 0 ] || [ "${ALL:-}" = 1 ] || continue
        [ "$group" = "$stage" ] || { [ -z "$stage" ] || echo
            printf '  %-14s ' "$group"; }
        stage=$group
        row "$file" "$title"
        case $VERDICT in
            green) got=$((got + points)); printf . ;;
            skipped)
                all=$((all - points)) skipped=$((skipped + 1))
                printf s ;;
            red)
                printf 'x\n'
                red=$((red + 1))
                next=${next:-${title#* }}
                print_red "$file" "$title"
                stage= ;;
        esac
    done <<< "$(rows)"
    [ -z "$stage" ] || echo
    [ "$skipped" = 0 ] || echo "  $skipped rows cannot run on this machine."
    remember points "$got of $all"
    remember next "$next"
    echo "$(bar "$got of $all")  $got of $all points"
    [ "$red" != 0 ] || { all_green; return 0; }
    exit 1
}

print_red() {
    local words
    echo
    echo "  not yet: ${2#* }"
    sed -n '/^# *(from function/,/^# .*failed.*$/d; /^# (in test file/,/failed/d
        s/^# /    /p' "$OUT" | cut -c 1-79 | head -n 40
    words=$(cut -c 1-60 <<< "$2" | sed 's/[][\.*^$+?(){}|]/./g')
    grep -q "clients/play" "$OUT" || {
        echo "  Try it by itself:"
        echo "    SERVER=$DIR/server bats $1 -f \"^$words\""
    }
    echo "  A hint is there: make hint-$ID"
}

all_green() {
    echo
    echo "All rows are green. You have understood:"
    sheet learn | sed 's/^/  /'
    [ -z "$(sheet cut)" ] || echo "make answer-$ID shows what the kit does."
}

# ---------------------------------------------------------------------- watch

stamp() {
    cksum "$DIR"/*.[ch] 2> /dev/null
}

# watch: grade at every save. A save ends the run that is on.
watch() {
    local before='' now job=
    needs_copy
    # shellcheck disable=SC2064 # now
    trap '[ -z "$job" ] || kill -TERM -- "-$job" 2> /dev/null
        echo; echo "$ID: no longer watched."; exit 0' INT TERM HUP
    while :; do
        now=$(stamp)
        if [ "$now" != "$before" ]; then
            before=$now
            [ -z "$job" ] ||
                { kill -TERM -- "-$job"; wait "$job"; } 2> /dev/null
            [ ! -t 1 ] || printf '\033[H\033[2J'
            echo "$DIR/$FILE, at $(date +%H:%M:%S); Ctrl-C ends this."
            set -m # a run is a process group: one kill ends all of it
            "$0" grade "$ID" < /dev/null 2>&1 &
            job=$!
            set +m
        fi
        sleep 0.5
    done
}

# --------------------------------------------------------------------- answer

answer() {
    local points
    needs_copy
    [ -n "$(sheet cut)" ] ||
        fail "The kit has no answer to $ID: a server with all points is one."
    ! has_hole "$SOURCE" || fail "This kit has no answers; your teacher has."
    points=$(recall points)
    [ "${PEEK:-}" = 1 ] || { [ -n "$points" ] &&
        [ "${points%% *}" = "${points##* }" ]; } ||
        fail "The answer comes after all points. Now: make answer-$ID PEEK=1"
    ! diff -u -L "$DIR/$FILE (yours)" -L "$SOURCE (the kit's)" \
        "$DIR/$FILE" "$SOURCE" || echo "Yours is the same as the kit's."
}

# wrap SERVER: for an exercise with flags, SERVER becomes a script that starts
# the program with them.
wrap() {
    local flags
    find_exercise "$(basename "$(dirname "$1")")"
    flags=$(sheet flags)
    [ -n "$flags" ] || return 0
    mv "$1" "${1%server}program"
    # shellcheck disable=SC2016 # the script expands it
    printf '#!/bin/sh\nexec "${0%%/*}/program" %s "$@"\n' "$flags" > "$1"
    chmod +x "$1"
}

command -v awk > /dev/null ||
    fail "The exercises need awk: apt install mawk, dnf install gawk."
case ${1:-} in
    list) list ;;
    wrap) wrap "${2:-}" ;;
    begin | hint | grade | watch | answer)
        [ $# = 2 ] || fail "usage: tests/exercise.sh $1 ID"
        find_exercise "$2"
        "$1" ;;
    *) fail "usage: tests/exercise.sh list | begin ID | hint ID | grade ID |" \
        "watch ID | answer ID" ;;
esac
