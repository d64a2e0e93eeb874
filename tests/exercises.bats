load helper

# The exercises, as a student meets them, in a copy of the kit: from the skeleton
# to all points, and what they say when something is wrong. (sheets.bats has the
# quick checks of the sheets.)

unset ALL EXERCISE LESSON MODEL ONLY OUT PEEK RESET # what make has exported

setup_file() {
    build clients/play clients/load clients/xray
}

# copy_kit [LESSON...]: go to a copy of the kit with these lessons. Programs that
# are built stay built.
copy_kit() {
    local dir
    KIT=$BATS_TEST_TMPDIR/kit
    mkdir -p "$KIT/tests"
    cp -p "$ROOT"/Makefile "$KIT"
    for dir in clients "$@"; do
        cp -Rp "$ROOT/$dir" "$KIT"
        rm -rf "$KIT/$dir"/exercises/*/
    done
    cp -Rp "$ROOT"/tests/*.{bash,awk,sh,c,h} "$ROOT"/tests/[0-9]*.bats \
        "$ROOT"/tests/{points,exercises} "$KIT/tests"
    [ ! -d "$ROOT/tests/extend" ] || cp -Rp "$ROOT/tests/extend" "$KIT/tests"
    cd "$KIT"
}

# exercise COMMAND...: the script itself, as make calls it.
exercise() {
    run env -u BATS_TEST_FILTER "$KIT/tests/exercise.sh" "$@" 3>&- < /dev/null
    echo "$output"
}

# begin_03: a copy of the kit with 03-1 begun; then $MINE is the student's file.
begin_03() {
    copy_kit 03-select
    exercise begin 03-1
    same 0 "$status"
    MINE=03-select/exercises/03-1/server.c
}

# ---------------------------------------------------- skeletons and references

# red_rows: what `grade` has named in $output.
red_rows() {
    sed -n 's/^  not yet: //p' <<< "$output" | sort -u
}

# is_green ID ROW: this row, run alone.
is_green() {
    ONLY=$(sed 's/[][\.*^$+?(){}|]/./g' <<< "$2") tests/exercise.sh grade "$1" \
        > /dev/null 2>&1 3>&- < /dev/null
}

# skeleton_of ID LESSON: its gate is red, or the rows that its sheet names are,
# and no others; it does not spin.
skeleton_of() {
    local id=$1 sheet=$2/exercises/$1.txt wanted got row
    copy_kit "$2"
    exercise begin "$id"
    if grep -q '^gate' "$sheet"; then
        exercise grade "$id"
        same 1 "$status"
        same "every byte comes back, a-z as A-Z, the others as they are" "$(red_rows)"
        contains "$output" "TODO $id: "
    else
        ALL=1 exercise grade "$id"
        same 1 "$status"
        wanted=$(awk -v get=red -f tests/sheet.awk "$sheet" | sort)
        got=$(red_rows | grep -vxF -e "$(awk -v get=may -f tests/sheet.awk \
            "$sheet")" -e '') || true
        for row in $(grep -vxF -e "$wanted" <<< "$got" | tr ' ' '~'); do
            ! is_green "$id" "${row//\~/ }" || # that was the load
                got=$(grep -vxF -e "${row//\~/ }" <<< "$got")
        done
        [ -z "${output##*rows cannot run on this*}" ] ||
            same "$wanted" "$got" "red rows of $id"
        [ -n "$got" ]
    fi
    contains "$output" "make hint-$id"
}

# reference_of ID LESSON [ONLY]: the kit's own file gets all points.
reference_of() {
    local id=$1 file
    copy_kit "$2"
    exercise begin "$id"
    file=$(awk -v get=file -f tests/sheet.awk "$2/exercises/$id.txt")
    cp "$2/$file" "$2/exercises/$id/$file"
    ONLY=${3:-} exercise grade "$id"
    same 0 "$status"
    contains "$output" "[##########]"
    contains "$output" "All rows are green"
    exercise list
    contains "$output" "$id  [##########]"
    exercise answer "$id"
    same 0 "$status"
    contains "$output" "Yours is the same as the kit's."
}

@test "01-0: the skeleton has the row red that its sheet names" {
    skeleton_of 01-0 01-blocking
    reference_of 01-0 01-blocking 'every byte|stopped|8 MiB|wrong usage'
}

@test "02-0: the skeleton has the rows red that its sheet names" {
    skeleton_of 02-0 02-nonblocking
    reference_of 02-0 02-nonblocking 'every byte|02-0|last byte|cost no fd'
}

@test "02-1: the skeleton has the rows red that its sheet names" {
    skeleton_of 02-1 02-nonblocking
    reference_of 02-1 02-nonblocking 'every byte|8 MiB|last byte|does not read'
}

@test "01-1, 03-0, 03-1, 04-1, 05-1: the skeleton's gate is red" {
    local id lesson
    for id in 01-1 03-0 03-1 04-1 05-1; do
        lesson=$(cd "$ROOT" && echo "${id%-*}"-*)
        [ "$lesson" != 05-epoll ] || [ "$(uname)" = Linux ] || continue
        skeleton_of "$id" "$lesson"
        reference_of "$id" "$lesson" 'every byte|8 MiB|start|wrong usage|100 clients'
    done
}

@test "06-1 and 08-1, of a module: the kit links the student's in its place" {
    skeleton_of 06-1 06-selector
    reference_of 06-1 06-selector 'every byte|-b poll'
    skeleton_of 08-1 08-coroutines
    reference_of 08-1 08-coroutines 'every byte|8 MiB|silent|100 clients'
}

@test "07-1, of one model: its server runs with -m pool" {
    skeleton_of 07-1 07-threads-procs
    reference_of 07-1 07-threads-procs 'every byte|pool: (a silent|a client that does)'
}

@test "with every row red, ALL=1 goes on to the last one" {
    begin_03
    ALL=1 ONLY='every byte|wrong usage|byte at a time' exercise grade 03-1
    same 1 "$status"
    same "a byte at a time is answered byte by byte
every byte comes back, a-z as A-Z, the others as they are" "$(red_rows)"
    contains "$output" "1 of 8 points"
}

@test "a skeleton asleep at its hole uses no CPU, and ends by a signal" {
    local id server
    for id in 03-1 04-1 08-1; do
        copy_kit "$(cd "$ROOT" && echo "${id%-*}"-*)"
        exercise begin "$id"
        server=$(echo 0*/exercises/"$id")/server
        make -s "$server" 3>&-
        printf 'server\nA connect\nA send "hi"\nwait 100ms\nidle 300ms\nsignal TERM\nexpect exit 0\n' |
            "$PLAY" --quiet --server "$server" - 3>&-
        rm -r "$KIT"
    done
}

# ------------------------------------------------------------------ commands

@test "make todo lists all exercises, with a bar each" {
    copy_kit 01-blocking 03-select
    run -0 make -s todo 3>&-
    contains "$output" "01-0  [          ]  20 minutes   Send all bytes"
    contains "$output" "03-1  [          ]"
    exercise begin 03-1
    exercise list
    contains "$output" "next: make grade-03-1"
    ONLY='every byte|wrong usage' ALL=1 exercise grade 03-1
    exercise list
    contains "$output" "03-1  [##........]  1 of 5       Sleep once, for all clients"
    contains "$output" "next: every byte comes back"
    run -1 grep -nE '^.{81,}' <<< "$output"
}

@test "make todo-03-1 never writes over work; RESET=1 keeps the old files" {
    begin_03
    contains "$output" "Read first:"
    contains "$output" "make grade-03-1"
    contains "$output" "make hint-03-1"
    [ "$(grep -c '^  - ' <<< "$output")" -eq 3 ]
    echo "/* one */" >> $MINE
    exercise begin 03-1
    contains "$output" "stays as it is"
    grep -q '/\* one \*/' $MINE
    RESET=1 exercise begin 03-1
    contains "$output" "server.c.1"
    run -1 grep -q '/\* one \*/' $MINE
    grep -q '/\* one \*/' $MINE.1
    echo "/* two */" >> $MINE
    RESET=1 exercise begin 03-1
    grep -q '/\* one \*/' $MINE.1
    grep -q '/\* two \*/' $MINE.2
}

@test "make hint-03-1 gives one hint at a time, and remembers" {
    begin_03
    exercise hint 03-1
    contains "$output" "Hint 1 of 3, observe:"
    exercise hint 03-1
    contains "$output" "Hint 2 of 3, look up:"
    contains "$output" "select(2)"
    exercise hint 03-1
    contains "$output" "Hint 3 of 3, outline:"
    exercise hint 03-1
    contains "$output" "all hints"
    contains "$output" "1. make 03-select XRAY=1"
}

@test "make answer-03-1 comes after all points, or with PEEK=1" {
    begin_03
    exercise answer 03-1
    same 2 "$status"
    contains "$output" "PEEK=1"
    PEEK=1 exercise answer 03-1
    same 0 "$status"
    contains "$output" "+        int n = select("
}

@test "what does not compile is shown, and costs no row" {
    begin_03
    echo 'int x = y;' >> $MINE
    exercise grade 03-1
    same 1 "$status"
    contains "$output" "server.c:"
    contains "$output" "03-1: it does not compile."
    exercise list
    contains "$output" "next: it compiles"
}

@test "make 03-select SERVER= builds the student's server, and plays the scene with it" {
    copy_kit 03-select
    exercise begin 03-1
    run make -s 03-select SERVER=03-select/exercises/03-1/server 3>&-
    contains "$output" "TODO 03-1: "
    cp 03-select/server.c 03-select/exercises/03-1/
    run -0 make -s 03-select SERVER=03-select/exercises/03-1/server 3>&-
    contains "$output" "all as expected"
    contains "$output" "/server.c:"
}

@test "the student's files can be committed, their programs cannot" {
    command -v git > /dev/null || skip "git is missing"
    copy_kit 06-selector
    cp "$ROOT/.gitignore" .
    git init -q .
    exercise begin 06-1
    make -s 06-selector/exercises/06-1/server 3>&-
    exercise hint 06-1
    RESET=1 exercise begin 06-1
    run -0 git status --porcelain -uall 06-selector/exercises
    same "?? 06-selector/exercises/06-1.txt
?? 06-selector/exercises/06-1/selector-poll.c" "$(grep -v '06-2.txt' <<< "$output")"
}

@test "make watch-03-1 grades at every save, until Ctrl-C, and leaves nothing" {
    local job out=$BATS_TEST_TMPDIR/out
    begin_03
    echo 'int x = y;' >> $MINE
    ONLY='every byte' tests/exercise.sh watch 03-1 > "$out" 2>&1 3>&- < /dev/null &
    job=$!
    within 20 grep -q "it does not compile" "$out"
    sed '$d' "$MINE" > mine && cp mine "$MINE"
    within 20 pgrep -f "$KIT/03-select/exercises/03-1/server" > /dev/null # its gate
    echo '/* saved again */' >> $MINE
    within 20 saved_three_times
    within 20 pgrep -f "$KIT/03-select/exercises/03-1/server" > /dev/null
    kill -TERM "$job"
    within 5 gone "$job"
    wait "$job"
    contains "$(tail -n 1 "$out")" "no longer watched"
    run -1 grep "not yet" "$out" # no run came to its end
    within 5 no_process
}

saved_three_times() {
    [ "$(grep -c "Ctrl-C ends this" "$BATS_TEST_TMPDIR/out")" -eq 3 ]
}

no_process() {
    ! pgrep -f "$KIT/" > /dev/null
}

# -------------------------------------------------------------------- mistakes

# one_line TEXT: the last command has failed, exit 2, with one line that has it.
one_line() {
    same 2 "$status"
    same 1 "${#lines[@]}" "lines"
    contains "$output" "$1"
}

@test "an exercise that does not exist, or is not begun, or has gone: one line each" {
    begin_03
    local command
    for command in begin hint grade watch answer; do
        exercise $command 03-9
        one_line "There is no exercise '03-9'. Exercises: 03-0 03-1"
    done
    exercise grade '../03-1'
    one_line "There is no exercise"
    for command in hint grade watch answer; do
        exercise $command 03-0
        one_line "03-0 is not begun: make todo-03-0"
    done
    mv $MINE elsewhere.c
    for command in hint grade watch answer; do
        exercise $command 03-1
        one_line "$MINE is gone. Put it back, or make todo-03-1"
    done
    exercise
    one_line "usage: tests/exercise.sh"
}

@test "without awk, or without bats: one line each" {
    local tool
    begin_03
    mkdir bin
    for tool in env bash sh dirname cat sed grep make; do
        ln -s "$(command -v $tool)" bin/$tool
    done
    run env PATH="$KIT/bin" tests/exercise.sh begin 03-1
    one_line "The exercises need awk"
    ln -s "$(command -v awk)" bin/awk
    run env PATH="$KIT/bin" tests/exercise.sh grade 03-1
    one_line "The tests need bats"
}

@test "a tree that is read-only: one line" {
    copy_kit 03-select
    chmod -R a-w 03-select/exercises
    chmod -R a+rX "$BATS_RUN_TMPDIR"
    if [ "$(id -u)" = 0 ]; then
        command -v setpriv > /dev/null || skip "root may write everywhere"
        run setpriv --reuid=65534 --clear-groups tests/exercise.sh begin 03-1
    else
        run tests/exercise.sh begin 03-1
    fi
    one_line "Cannot write into 03-select/exercises/03-1"
    chmod -R u+w 03-select/exercises
}

# -------------------------------------------------------------------- handout

@test "make handout: later lessons and the answer are gone; the rest builds and plays" {
    command -v git > /dev/null || skip "git is missing"
    git -C "$ROOT" rev-parse HEAD > /dev/null || skip "this kit has no history"
    local kit=$BATS_TEST_TMPDIR/03-select
    run -0 env LESSON=03-select OUT="$BATS_TEST_TMPDIR/handout.tar.gz" \
        "$ROOT/tests/handout.sh" 3>&-
    contains "$output" "cut out of 03-select/server.c: watch(), main()"
    tar xzf "$BATS_TEST_TMPDIR/handout.tar.gz" -C "$BATS_TEST_TMPDIR"
    cd "$kit"
    same "01-blocking 02-nonblocking 03-select" "$(echo 0*)"
    [ ! -e .git ]
    [ ! -e tests/samples ]
    run -1 grep -nE 'select\(nfds|FD_SET\(fd, (wants_write|readable)' \
        03-select/server.c 03-select/README.md
    contains "$(head -n 8 README.md)" "watch(), main()"
    grep -q "Five facts" 03-select/README.md
    run -0 make -s all 3>&-
    same '' "$output"
    run -0 make -s 02-nonblocking 3>&-
    contains "$output" "all as expected"
    run make -s 03-select 3>&-
    contains "$output" "TODO 03-1: "
    KIT=$kit
    exercise begin 03-1
    same 0 "$status"
    cmp 03-select/server.c 03-select/exercises/03-1/server.c
    exercise answer 03-1
    one_line "This kit has no answers"
    run -0 bats -f 'every byte' tests/02-nonblocking.bats 3>&-
    # its links lead somewhere
    local file link
    for file in README.md 0*/*.md clients/*.md; do
        for link in $(grep -oE '\]\([^)#:]+\)' "$file" | tr -d '])('); do
            [ -e "$(dirname "$file")/$link" ] || { echo "$file: $link"; return 1; }
        done
    done
}
