# shellcheck disable=SC2016 # servers of one line, which their shell expands
load helper

# The grader, on a kit of our own with rows that take no time: a row runs
# `server NAME` and passes where this ends with exit status 0.

setup_file() {
    build clients/play clients/load clients/xray
}

setup() {
    KIT=$BATS_TEST_TMPDIR/kit OUT=$BATS_TEST_TMPDIR/out
    mkdir -p "$KIT/clients" "$KIT/03-select" "$KIT/tests"
    chmod a+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR"
    chmod 700 "$KIT" # where there are no namespaces, this keeps the server out
    cp "$ROOT"/clients/{play,load,xray} "$KIT/clients"
    cp "$ROOT"/tests/{grade,cage.bash,diagnose.bash,hints,*.awk} "$KIT/tests"
    echo "the commit" > "$KIT/COMMIT"
    echo 'int main(void) { return 0; }' > "$KIT/03-select/server.c"
    printf '%%/server: %%/server.c\n\tcc -o $@ $<\nclients/%%:\n' > "$KIT/Makefile"
    local name
    for name in starts echoes first second third -x; do
        echo "@test \"03 $name\" { \"\$SERVER\" $name 3>&-; }"
    done > "$KIT/tests/03-select.bats"
    echo '@test "03 skips" { skip "no luck"; }' >> "$KIT/tests/03-select.bats"
    cat > "$KIT/tests/points" <<'END'
part | 03-x    | also | -x |
part | 03-skip | also |    |
gate | echoes
1 | start | 03 | starts
2 | bytes | 03 | echoes
3 | many  | 03 | first
4 | ends  | 03 | second
5 | claim | 03 | third
6 | x     | 03-x | -x
7 | skip  | 03-skip | skips
END
}

# grade [NAME=VALUE...]: with the server whose script is on standard input; the
# argument that it looks at is $1.
grade() {
    mkdir -p "$BATS_TEST_TMPDIR/theirs"
    { echo '#!/bin/bash'; cat; } > "$BATS_TEST_TMPDIR/theirs/server"
    chmod +x "$BATS_TEST_TMPDIR/theirs/server"
    run_grade "SERVER=$BATS_TEST_TMPDIR/theirs/server" "$@"
}

run_grade() {
    run env OUT="$OUT" "$@" timeout 200 "$KIT/tests/grade" 03-select 3>&-
    echo "$output"
}

# submit: grade the directory theirs.
submit() {
    run_grade "SUBMISSION=$BATS_TEST_TMPDIR/theirs"
}

# status_of ROW: what rows.tsv says about it.
status_of() {
    awk -F '\t' -v row="03 $1" '$7 == row { print $3 " " $5 }' "$OUT/rows.tsv"
}

no_process() {
    ! pgrep -f "$1" > /dev/null
}

needs_root() {
    [ "$(id -u)" = 0 ] || skip "needs root"
}

# --------------------------------------------------------------- the table

@test "every row of every lesson stands in tests/points exactly once" {
    local lesson
    for lesson in 01-blocking 02-nonblocking 03-select 04-poll 05-epoll \
        06-selector 07-threads-procs 08-coroutines; do
        run -0 awk -v lesson="$lesson" -v check=1 -f "$ROOT/tests/rows.awk" \
            "$ROOT/tests/points" "$ROOT/tests/$lesson.bats"
    done
}

@test "a row without points, or with points twice, or that is gone, is named" {
    sed -i '/third/d; s/first/gone/; p' "$KIT/tests/points"
    run -1 awk -v lesson=03-select -v check=1 -f "$KIT/tests/rows.awk" \
        "$KIT/tests/points" "$KIT/tests/03-select.bats"
    contains "$output" "0 times: 03 third"
    contains "$output" "2 times: 03 second"
    contains "$output" 'no row "gone"'
}

@test "lesson 03 is worth 100 points, lesson 05 with -e 140" {
    local sum='{ sum += $3 } END { print sum }' rows=$ROOT/tests/rows.awk
    same 100 "$(awk -v lesson=03-select -f "$rows" "$ROOT/tests/points" \
        "$ROOT/tests/03-select.bats" | awk -F '\t' "$sum")"
    same 140 "$(awk -v lesson=05-epoll -v model=edge -f "$rows" \
        "$ROOT/tests/points" "$ROOT/tests/05-epoll.bats" | awk -F '\t' "$sum")"
}

# ------------------------------------------------------------- the verdicts

@test "all points: exit 0, and each report names the kit's commit and its tests" {
    local sum file
    grade <<< 'exit 0'
    same 0 "$status"
    same '{"scores":{"03-select":15},"scoreboard":[15]}' "${lines[-1]}"
    contains "$output" "15 of 15 points"
    sum=$(sed -n 's/^# kit the commit, tests \([0-9a-f]*\),.*/\1/p' "$OUT/rows.tsv")
    same 16 ${#sum}
    for file in report.txt results.json classroom.json junit.xml; do
        grep -q "kit the commit, tests $sum" "$OUT/$file" || { echo "$file"; false; }
    done
}

@test "a red row costs its own points, exit 1" {
    grade <<< '[ $1 != first ]'
    same 1 "$status"
    same "0 failed" "$(status_of first)"
    same "4 passed" "$(status_of second)"
    same "12 of 15" "$(sed -n '1s/.*: \(.*\) points/\1/p' "$OUT/report.txt")"
}

@test "a row that passes on the second try is flagged" {
    local seen=$BATS_TEST_TMPDIR/seen
    sed -i "s,^@test .03 first.*,@test \"03 first\" { [ -e $seen ] || ! touch $seen; }," \
        "$KIT/tests/03-select.bats"
    grade CAGE_WITHOUT=namespaces <<< 'exit 0'
    same 0 "$status"
    same "3 passed on the second try" "$(status_of first)"
}

@test "what a server prints is no verdict: no TAP line, no lines for the reports" {
    sed -i 's/ 3>&-//' "$KIT/tests/03-select.bats" # it gets bats' own pipe
    grade <<< 'echo "ok 1 03 $1" >&3; printf "ok 1 03 $1\n\033[2J\377\001]]>\"\\\\ </failure>\n"; exit 1'
    same 1 "$status"
    same "0 of 15" "$(sed -n '1s/.*: \(.*\) points/\1/p' "$OUT/report.txt")"
    run -1 grep $'\033' "$OUT"/*.* "$OUT"/rows/*
    [ -z "$(command -v xmllint)" ] || xmllint --noout "$OUT/junit.xml"
    [ -z "$(command -v jq)" ] || jq -e . "$OUT"/*.json > /dev/null
}

@test "if the gate is red only the rows of start run" {
    grade <<< '[ $1 = starts ]'
    same 1 "$status"
    same "1 passed" "$(status_of starts)"
    same "0 failed" "$(status_of echoes)"
    same "0 not run" "$(status_of third)"
    contains "$(cat "$OUT/report.txt")" "The server ends at once: exit status 1"
}

@test "a test that bats does not run is not passed" {
    sed -i 's/--filter "[^"]*"/--filter nothing/' "$KIT/tests/grade"
    grade <<< 'exit 0'
    same 1 "$status"
    same "0 failed" "$(status_of starts)"
}

@test "a row that hangs ends at its deadline, and the run at its budget" {
    # However slow the machine is: the hanging row alone uses up the budget.
    grade ROW_SECONDS=10 BUDGET=10 <<< '[ $1 != first ] || sleep 50'
    same 1 "$status"
    same "0 failed" "$(status_of first)"
    same "0 no time" "$(status_of third)"
    same "2 passed" "$(status_of echoes)"
    [ "$(awk -F '\t' '{ sum += $6 } END { print sum }' "$OUT/rows.tsv")" -le 30 ]
}

@test "what is earned stands in the reports after each row, whenever it is killed" {
    mkdir "$BATS_TEST_TMPDIR/theirs"
    printf '#!/bin/bash\n[ $1 != second ] || exec -a still-here sleep 50\n' \
        > "$BATS_TEST_TMPDIR/theirs/server"
    chmod +x "$BATS_TEST_TMPDIR/theirs/server"
    TMPDIR=$BATS_TEST_TMPDIR SERVER=$BATS_TEST_TMPDIR/theirs/server OUT=$OUT \
        "$KIT/tests/grade" 03-select \
        > "$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    local job=$!
    within 20 pgrep -f "^still-here 50" > /dev/null
    kill -KILL "$job"
    wait "$job" || true
    same "3 passed" "$(status_of first)"
    same "0 waiting" "$(status_of second)"
    grep -q '"output":"waiting"' "$OUT/results.json"
    unshare --pid --fork true 2> /dev/null || return 0
    within 3 no_process '^still-here 50'
}

@test "a row that cannot run here: exit 3; with PARTIAL=1 it is left out" {
    grade MODEL=skip <<< 'exit 0'
    same 3 "$status"
    contains "$output" "no luck"
    grade MODEL=skip PARTIAL=1 <<< 'exit 0'
    same 0 "$status"
    contains "$output" "15 of 15 points"
    same "0 cannot run: no luck" "$(status_of skips)"
}

@test "a part on top of the lesson, whose flags the server refuses, costs nothing" {
    grade MODEL=x <<< 'case "$*" in *-x*) exit 2 ;; esac'
    same 0 "$status"
    contains "$output" "15 of 15 points"
    same "0 skipped: the server refuses -x" "$(status_of -x)"
    same "5 passed" "$(status_of third)"
    run -1 grep '"status":"failed"' "$OUT/results.json"
    grade MODEL=x <<< 'case "$*" in -x) exit 1 ;; esac' # it takes -x, and fails
    same 1 "$status"
    contains "$output" "15 of 21 points"
    grade MODEL=y <<< 'exit 0'
    same 2 "$status"
    contains "$output" "lesson 03 has these: x skip"
}

@test "a part in the place of the lesson, whose flags the server refuses, is 0 points" {
    sed -i 's/03-x    | also/03-x    | only/' "$KIT/tests/points"
    grade MODEL=x <<< 'case "$*" in *-x*) exit 2 ;; esac'
    same 1 "$status"
    contains "$output" "3 of 9 points"
    same "0 skipped: the server refuses -x" "$(status_of -x)"
}

# ------------------------------------------------------ what a student reads

# kit_rows: the rows of start and bytes are the kit's own, with this server.
kit_rows() {
    cp "$ROOT"/tests/*.bash "$KIT/tests"
    printf '%s\n' 'load helper' 'load contract' 'lesson 03-select' \
        '@test "03 starts" { names_a_port_in_use; }' \
        '@test "03 echoes" { answers_every_byte; }' > "$KIT/tests/03-select.bats"
    printf '%s\n' 'gate | echoes' '1 | start | 03 | starts' \
        '2 | bytes | 03 | echoes' > "$KIT/tests/points"
    mkdir "$BATS_TEST_TMPDIR/theirs"
    ${CC:-cc} -std=gnu11 -w -D"$1" -o "$BATS_TEST_TMPDIR/theirs/server" \
        "$ROOT/tests/wrong.c"
}

@test "the report has a command for the student, and it fails in the same way" {
    local command
    kit_rows WRONG_BYTE
    run_grade "SERVER=$BATS_TEST_TMPDIR/theirs/server" "OUT=$KIT/build/grade/03-select"
    same 1 "$status"
    run -1 grep -rE "kit-grade\.|tests/helper" "$KIT/build/grade/03-select/report.txt"
    command=$(sed -n '/clients\/play --pace/,/[.]play$/p' \
        "$KIT/build/grade/03-select/report.txt")
    contains "$command" "clients/play --pace 0 --server $BATS_TEST_TMPDIR/theirs/server"
    contains "$command" " build/grade/03-select/replay/echoes.play"
    run bash -c "cd $(quoted "$KIT") && $command" 3>&- < /dev/null
    same 1 "$status"
    contains "$output" 'echoes.play:4: A expect'
    contains "$output" 'after 3 right bytes'
}

@test "the report of a submission: its program is there for the command" {
    kit_rows NONE
    cp "$ROOT/tests/samples/right/server.c" "$BATS_TEST_TMPDIR/theirs"
    sed -i "s/buffer\[i\] >= 'a'/buffer[i] > 'a'/" "$BATS_TEST_TMPDIR/theirs/server.c"
    run_grade "SUBMISSION=$BATS_TEST_TMPDIR/theirs" "OUT=$KIT/build/grade/03-select"
    same 1 "$status"
    contains "$output" "clients/play --pace 0 --server build/grade/03-select/server"
    "$PLAY" --quiet --server "$KIT/build/grade/03-select/server" - 3>&- \
        <<< $'server\nA connect; A send "b"\nA expect "B"'
}

@test "on another machine: the scene is in the report, and no path is" {
    kit_rows WRONG_BYTE
    run_grade "SERVER=$BATS_TEST_TMPDIR/theirs/server" REMOTE=yes
    contains "$output" "--server path/to/yours"
    contains "$output" "the scene, echoes.play:"
    contains "$output" "# <--- it failed here"
    run -1 grep -F "$BATS_TEST_TMPDIR" "$OUT/results.json"
}

@test "a server that does not start: the report says why, once" {
    kit_rows ENDS
    run_grade "SERVER=$BATS_TEST_TMPDIR/theirs/server"
    same 1 "$status"
    contains "$output" "The server ends at once: exit status 3"
    contains "$output" "no file server.conf"
    grep -q "not run: the server does not start" "$OUT/rows/2.txt"
}

# -------------------------------------------------------------------- trust

DAEMON=grade-daemon-$$ # not that of another run on this machine

# What a server could do that does not want to be graded.
hostile() {
    sed "s/DAEMON/$DAEMON/" <<'END'
trap '' TERM INT HUP
[ "$1" != second ] || kill -STOP $PPID 2> /dev/null
for i in 1 2 3; do
    setsid bash -c 'trap "" TERM HUP; exec -a DAEMON sleep 60' \
        < /dev/null > /dev/null 2>&1 &
done
for p in /proc/$PPID /proc/1; do
    printf '1..1\nok 1 03 %s\n' "$1" | tee $p/fd/[1-9]
    echo exit 0 >> $p/cwd/kit/tests/helper.bash
done > /dev/null 2>&1
touch /tmp/grade-was-here
head -c 100000 /dev/zero | tr '\0' x
[ "$1" != first ] || kill -KILL -1
[ "$1" = starts ] || [ "$1" = echoes ]
END
}

@test "whatever a server does, it ends in time, and nothing is left" {
    needs_root
    grade ROW_SECONDS=3 <<< "$(hostile)"
    same 1 "$status"
    contains "$output" "3 of 15 points"
    contains "$output" "graded: the server runs as a user of its own"
    within 3 no_process "^$DAEMON 60"
    [ ! -e /tmp/grade-was-here ]
}

@test "and the same without namespaces, as in many containers" {
    needs_root
    grade ROW_SECONDS=3 CAGE_WITHOUT=namespaces <<< "$(hostile)"
    same 1 "$status"
    contains "$output" "3 of 15 points"
    within 3 no_process "^$DAEMON 60"
    [ ! -e /tmp/grade-was-here ]
}

@test "the server is no root, and it finds no kit and no way back" {
    needs_root
    grade <<END
[ "\$(id -u)" != 0 ] && [ "\$(ulimit -u)" = 128 ] || exit 1
grep -q 'NoNewPrivs:.*1' /proc/self/status || exit 1
for file in $KIT/tests/points $KIT/03-select/server.c \$(dirname "\$0")/../kit/tests \\
    $ROOT/tests/points \$(readlink /proc/\$PPID/cwd)/kit; do
    [ ! -e "\$file" ] || [ ! -r "\$file" ] || { echo "it reads \$file"; exit 1; }
done
END
    same 0 "$status"
}

@test "where the server could read the kit, or is no other user, it is self-graded" {
    chmod 755 "$KIT"
    grade CAGE_WITHOUT=namespaces <<< 'exit 0'
    contains "$output" "self-graded: the server "
    grade CAGE_WITHOUT=user <<< 'exit 0'
    contains "$output" "self-graded: the server runs as the grader's own user"
}

# -------------------------------------------------------------- submissions

@test "a submission: its server.c, compiled by our Makefile, and nothing else" {
    mkdir "$BATS_TEST_TMPDIR/theirs"
    cd "$BATS_TEST_TMPDIR/theirs"
    echo 'int main(void) { return 0; }' > server.c
    printf 'all:\n\ttouch /tmp/grade-was-here\n' > Makefile
    submit
    same 0 "$status"
    [ ! -e /tmp/grade-was-here ]
}

@test "what does not compile gets the compiler's first error, 0 points, exit 1" {
    mkdir "$BATS_TEST_TMPDIR/theirs"
    cd "$BATS_TEST_TMPDIR/theirs"
    echo 'int main(void) { return x; }' > server.c
    submit
    same 1 "$status"
    contains "$output" "0 of 15 points"
    contains "$(cat "$OUT/results.json")" "server.c:1:"
    contains "$output" "undeclared"
    # the answer itself
    echo "#include \"$KIT/03-select/server.c\"" > server.c
    submit
    same 1 "$status"
    contains "$output" "it does not compile"
}

@test "no server.c, a directory, a link: a line each, 0 points, exit 1" {
    mkdir "$BATS_TEST_TMPDIR/theirs"
    cd "$BATS_TEST_TMPDIR/theirs"
    touch main.c
    submit
    same 1 "$status"
    contains "$output" "server.c is missing; these were handed in: main.c"
    mkdir server.c
    submit
    contains "$output" "server.c is a directory"
    rmdir server.c
    ln -s "$KIT/03-select/server.c" server.c
    submit
    same 1 "$status"
    contains "$output" "server.c is a symbolic link"
    same '{"scores":{"03-select":0},"scoreboard":[0]}' "${lines[-1]}"
}

@test "the instructor's mistakes: a line, exit 2" {
    run_grade SUBMISSION=nowhere
    same 2 "$status"
    run_grade "SERVER=./server -p 9003"
    same 2 "$status"
    contains "$output" "arguments"
    run_grade "SERVER=$KIT"
    same 2 "$status"
    contains "$output" "is a directory"
    run -2 "$KIT/tests/grade" 99-none
    contains "$output" "03-select"
}
