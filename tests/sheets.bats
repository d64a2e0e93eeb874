load helper

# The sheets of the exercises, tests/sheet.awk, and what a student is told to
# look at. exercises.bats runs the exercises.

setup_file() { :; }

setup() {
    cd "$ROOT"
    SHEETS=(0*/exercises/[0-9][0-9]-[0-9].txt)
}

# sheet WORD [N]: of $SHEET.
sheet() {
    awk -v get="$1" -v nth="${2:-0}" -f tests/sheet.awk "$SHEET"
}

# skeleton SHEET: to skeleton.c.
skeleton() {
    run awk -v id="$(basename "$1" .txt)" -f tests/sheet.awk "$1" \
        "${1%%/*}/$(SHEET=$1 sheet file)"
    echo "$output" > "$BATS_TEST_TMPDIR/skeleton.c"
}

# bad_sheet: the one on standard input is refused, with one line.
bad_sheet() {
    cat > "$BATS_TEST_TMPDIR/03-1.txt"
    run -1 awk -v id=03-1 -f tests/sheet.awk "$BATS_TEST_TMPDIR/03-1.txt" \
        03-select/server.c
    same 1 "${#lines[@]}" "lines"
}

@test "each sheet cuts its lesson's source, and the skeleton compiles without a warning" {
    local sheet cc flags="-std=gnu11 -pthread -Wall -Wextra -Wshadow -Wpedantic"
    [ ${#SHEETS[@]} -ge 11 ]
    for sheet in "${SHEETS[@]}"; do
        [ -n "$(SHEET=$sheet sheet cut)" ] || continue
        skeleton "$sheet"
        same 0 "$status" "$sheet: $output"
        contains "$output" "TODO $(basename "$sheet" .txt): "
        run -1 grep -nE '^.{80,}' "$BATS_TEST_TMPDIR/skeleton.c"
        for cc in gcc clang; do
            command -v $cc > /dev/null || continue
            # shellcheck disable=SC2086 # they are words
            run -0 $cc $flags -O1 -fsyntax-only -iquote "${sheet%%/*}" \
                "$BATS_TEST_TMPDIR/skeleton.c"
            same '' "$output" "$cc $sheet"
        done
    done
}

@test "each sheet says what, how long, what to read, three hints, and what one learns" {
    for SHEET in "${SHEETS[@]}"; do
        echo "$SHEET"
        [ "$(sheet title | wc -l)" -eq 1 ]
        [ -z "$(sheet cut)" ] || [ "$(sheet title | wc -c)" -le 49 ] # make todo
        [ -n "$(sheet learn)" ]
        [ -n "$(sheet minutes)$(sheet hours)" ]
        [ -f "${SHEET%%/*}/$(sheet file)" ]
        [ -n "$(sheet read 3)" ]
        [ -z "$(sheet read 4)" ]
        [ -n "$(sheet hint 3)" ]
        [ -z "$(sheet hint 4)" ]
        [ -z "$(sheet cut)" ] || grep -qE '^(gate|red )' "$SHEET"
        same '' "$(grep -vE '^(red|may) ' "$SHEET" | grep -E '^.{81,}' || true)"
    done
}

# has_man_page SECTION NAME: or this machine has no such pages.
has_man_page() {
    man -w 2 select > /dev/null 2>&1 || return 0
    man -w "$1" "$2" > /dev/null 2>&1 ||
        grep -qE "\\b$2 *\\(" /usr/include/pthread.h
}

@test "each hint and each line to read names a step, a program or a man page that exists" {
    local n text word
    for SHEET in "${SHEETS[@]}"; do
        for n in 1 2 3; do
            text=$(sheet hint $n)
            echo "$SHEET, hint $n"
            # the outline needs none
            [ $n = 3 ] || grep -qE '[a-z]\([2-8]\)|make [0-9a-z]|[a-z]\.[ch]\b' \
                <<< "$text"
        done
        text=$(sheet hint; sheet read)
        for word in $(grep -oE '[a-z_0-9]+\([2-8]\)' <<< "$text" | tr '()' '  ' |
            sed 's/ $//; s/ /:/'); do
            has_man_page "${word#*:}" "${word%:*}" ||
                { echo "$SHEET: no man page $word"; return 1; }
        done
        for word in $(grep -oE '0[0-9]-[a-z]+[-a-z]*/[^ :;,)]+\.[a-z]+' <<< "$text"); do
            [ -e "$word" ] || { echo "$SHEET: no $word"; return 1; }
        done
        for word in $(grep -oE 'make [-a-z0-9]+' <<< "$text" | cut -c 6-); do
            case $word in
                [0-9][0-9][a-z]) ls 0*/steps/"$word"-*.c ;;
                diff-[0-9][0-9][a-z]) ls 0*/steps/"${word#diff-}"-*.c ;;
                [0-9]*-*) ls "$word/demo.play" ;;
                todo-* | grade-* | hint-*) ls 0*/exercises/"${word#*-}".txt ;;
                faults | models) ;;
                *) echo "$SHEET: make $word"; return 1 ;;
            esac
        done
    done
}

@test "the rows that a sheet names exist" {
    local row own
    for SHEET in "${SHEETS[@]}"; do
        own=$(sheet rows)
        while read -r row; do
            [ -z "$row" ] || cat "tests/${SHEET%%/*}.bats" "${own:-/dev/null}" |
                grep -qF " $row\" {" || { echo "$SHEET: $row"; return 1; }
        done <<< "$(sheet red; sheet may)"
        [ -z "$own" ] || [ -f "$own" ]
    done
}

@test "a sheet that does not fit its source is refused, with a line that says why" {
    bad_sheet <<< 'cut     no_such_function'
    contains "$output" "has 0 functions no_such_function()"
    bad_sheet <<< 'cut     main from ^    for \(no such line'
    contains "$output" "main() has 0 lines like ^    for"
    bad_sheet <<< 'cut     main from ^    signal'
    contains "$output" "main() has 3 lines like ^    signal"
    bad_sheet <<< '   a line without a word'
    contains "$output" "line 1 is no word"
    cat 03-select/server.c 03-select/server.c > "$BATS_TEST_TMPDIR/twice.c"
    echo 'cut     watch' > "$BATS_TEST_TMPDIR/03-1.txt"
    run -1 awk -v id=03-1 -f tests/sheet.awk "$BATS_TEST_TMPDIR/03-1.txt" \
        "$BATS_TEST_TMPDIR/twice.c"
    contains "$output" "has 2 functions watch()"
}

@test "what a sheet does not cut stays as it is" {
    local SHEET=03-select/exercises/03-1.txt
    skeleton "$SHEET"
    run -1 diff 03-select/server.c "$BATS_TEST_TMPDIR/skeleton.c"
    # two places, and in them no line but the holes'
    same 3 "$(grep -c '^[0-9]' <<< "$output")" "places"
    sed '/^static void watch/,/^}/d; /^    for (;;)/,$d' 03-select/server.c > "$BATS_TEST_TMPDIR/a"
    sed '/^static void watch/,/^}/d; /^    (void)watch/,$d' "$BATS_TEST_TMPDIR/skeleton.c" > "$BATS_TEST_TMPDIR/b"
    diff "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
}

@test "the lesson's README has a part \"Your turn\" with each of its fill-ins, and how long" {
    local id
    for SHEET in "${SHEETS[@]}"; do
        id=$(basename "$SHEET" .txt)
        [ -z "$(sheet cut)" ] || sed -n '/^## Your turn/,/^## Break/p' \
            "${SHEET%%/*}/README.md" |
            grep -F "make todo-$id\`, $(sheet minutes) minutes: "
    done
}
