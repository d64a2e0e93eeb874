# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load helper
load inside

# What a student reads when a row fails. Each fault is planted into the right
# sample (wrong.c), and a row of lesson 03 says what it is.

setup_file() {
    build clients/play clients/load clients/xray
}

# wrong FAULT: a server with this fault: $WRONG.
wrong() {
    WRONG=$BATS_TEST_TMPDIR/$1
    ${CC:-cc} -std=gnu11 -w -O1 -D"$1" -o "$WRONG" "$BATS_TEST_DIRNAME/wrong.c"
}

# row FAULT TITLE: run the row of lesson 03 whose title begins so. It must fail;
# $output is what it prints.
row() {
    [ "$1" = "${WRONG##*/}" ] || wrong "$1"
    run -1 env SERVER="$WRONG" REPLAY_DIR="$BATS_TEST_TMPDIR/replay" \
        bats --tap -f "^03 $2" "$BATS_TEST_DIRNAME/03-select.bats" 3>&-
    without_marks
}

# without_marks: what a reader of TAP sees in $output.
without_marks() {
    # shellcheck disable=SC2001 # it is a regular expression
    output=$(sed 's/^# \{0,1\}//' <<< "$output")
    echo "$output"
}

# in_order TEXT...: $output has these texts, in this order.
in_order() {
    local rest=$output text
    for text; do
        case $rest in
            *"$text"*) rest=${rest#*"$text"} ;;
            *) echo "missing, or not in this order: $text"; return 1 ;;
        esac
    done
}

# ------------------------------------------------------------ it serves badly

@test "a failed scene: wanted and got, where the server was, its log, steps, a command" {
    row BLOCKING "a client that does not read stops nobody"
    in_order ": B expect" "B wanted " "and got  " \
        "the server sleeps in send() to " "the end of its log:" \
        "see: make 02a, make 03g" "the same scene again (its line " \
        "clients/play --pace 0 --timeout 20 --server "
    row READS_ALL "a silent client"
    in_order "B wanted " "the server sleeps in recv() from B" "see: make 02a"
}

@test "a server that spins uses the CPU; the flood in its log is folded" {
    row SPINS "with nothing to do"
    in_order "wanted  no use of the CPU" "the server uses the CPU" \
        "server.c:9: round" "more like this)" "see: make 03g, make 03h"
    [ "$(grep -c "server.c:9: round" <<< "$output")" -le 10 ]
}

@test "a server that has ended: by which signal" {
    row CRASHES_AT_A_RESET "a client that resets"
    in_order "the server has ended: killed by SIGSEGV" "see: make 01f"
}

@test "connections that nobody accepts are counted" {
    wrong ONE_IN_THE_BACKLOG
    run -1 "$PLAY" --quiet --timeout 2 --server "$WRONG" - 3>&- \
        <<< $'server\nA connect\nB connect\nC connect\nD connect\nA silent 1ms'
    in_order "could not connect in 2 s" "the server sleeps in clock_nanosleep()" \
        "in the backlog: no accept()"
}

@test "play says for each thread and process where it sleeps, and for which client" {
    build 07-threads-procs/server
    local model
    for model in thread process; do
        run -1 "$PLAY" --quiet --timeout 1 --server \
            "$ROOT/07-threads-procs/server" - 3>&- <<PLAY
server -m $model
A connect; A send "x"
crowd 3
A expect "XY"
PLAY
        in_order "the server sleeps" "    in accept()"
        in_order "the server sleeps" "    in recv() from A"
        in_order "the server sleeps" "    in recv() from the crowd (3 threads)"
    done
}

# again: the command that $output ends with, run.
again() {
    local command
    command=$(sed -n '/^the same .* again/,$p' <<< "$output" | sed '1d' |
        grep -v '^$')
    echo "$command"
    run bash -c "$command" 3>&- < /dev/null
    echo "$output"
}

# fault: what failed in a scene: the action, what was wanted, and what came.
fault() {
    grep -A 2 -E '\.play:[0-9]+: ' <<< "$output" | sed 's,^[^:]*/,,; s/^✗ //' |
        sed 's/ *# <--- .*//; s/only [0-9]* bytes/only some bytes/'
}

@test "the command plays the scene again, and it fails in the same way" {
    local fault before
    for fault in "BLOCKING=a client that does not read stops" \
        "WRONG_BYTE=a client that stops sending"; do
        row "${fault%=*}" "${fault#*=}"
        before=$(fault | head -n 3)
        contains "$before" wanted
        again
        same 1 "$status" "exit status of the command"
        contains "$output" "# <--- it failed here"
        same "$before" "$(fault | head -n 3)" "its failure"
    done
}

@test "the command is right for a path with a space and a quote, and for a limit" {
    local before
    wrong WRONG_BYTE
    mkdir "$BATS_TEST_TMPDIR/it's a path"
    mv "$WRONG" "$BATS_TEST_TMPDIR/it's a path/"
    WRONG="$BATS_TEST_TMPDIR/it's a path/WRONG_BYTE"
    row WRONG_BYTE "every byte"
    before=$(fault)
    again
    same "$before" "$(fault)" "its failure"
    # the row of lesson 04 that limits the files to 64
    run -1 env SERVER="$WRONG" REPLAY_DIR="$BATS_TEST_TMPDIR/replay" \
        bats --tap -f "^04 it raises" "$BATS_TEST_DIRNAME/04-poll.bats" 3>&-
    without_marks
    contains "$output" "(ulimit -Sn 64; "
    before=$(fault)
    again
    same "$before" "$(fault)" "its failure"
}

@test "a row without a scene has a command, too" {
    row NAMELESS_LOG "a line of log"
    in_order "the server sleeps in select()" "the same row again:" "SERVER="
    again
    same 1 "$status" "exit status of the command"
    contains "$output" "not ok 1 03 a line of log"
}

# --------------------------------------------------------- it does not start

# says FAULT TEXT...: this is why it does not start, in this order.
says() {
    local fault=$1
    shift
    wrong "$fault"
    run -1 "$BATS_TEST_DIRNAME/diagnose.bash" 03-select "$WRONG" 3>&-
    in_order "$@"
}

@test "no start: the ready line stays in the buffer" {
    says BUFFERED "The server runs, and it listens at 127.0.0.1:" \
        "wanted  03-select: listening on 127.0.0.1:PORT" setvbuf fflush
}

@test "no start: the port that it prints is 0, or not its own" {
    says PORT_ZERO "prints port 0" "getsockname()"
    says OTHER_PORT "prints port 9, but it listens at 127.0.0.1:" "getsockname()"
}

@test "no start: another ready line" {
    says OTHER_TEXT "not the ready line" "wanted  03-select: listening on" \
        "and got  Ready at "
}

@test "no start: it ends at once" {
    says ENDS "ends at once: exit status 3" "server -p 0" "no file server.conf"
    says CRASHES "ends at once: killed by SIGABRT"
    says OTHER_USAGE "exit status 2" "usage: server"
}

@test "no start: it never listens" {
    says SILENT "listens at no port" "the server sleeps in pause()"
}

@test "a right server starts, also a slow one" {
    wrong NONE
    run -0 "$BATS_TEST_DIRNAME/diagnose.bash" 03-select "$WRONG" 3>&-
    same '' "$output"
    printf '#!/bin/sh\nsleep 1\necho warming up\nsleep 1\nexec %s "$@"\n' \
        "$WRONG" > "$WRONG.sh"
    chmod +x "$WRONG.sh"
    run -0 "$BATS_TEST_DIRNAME/diagnose.bash" 03-select "$WRONG.sh" 3>&-
    same '' "$output"
}

@test "a row about its calls says which ones were wanted, how often, and for whom" {
    needs_xray
    row READS_ALL "it sleeps in select"
    in_order "the server sleeps in recv() from"
    WRONG=$BATS_TEST_TMPDIR/select-then-blocks
    ${CC:-cc} -std=gnu11 -w -pthread -o "$WRONG" \
        "$BATS_TEST_DIRNAME/cheats/select-then-blocks.c"
    row select-then-blocks "it sleeps in select"
    in_order "wanted: it sleeps two times or more, in one call" "select pselect" \
        "got:" " times in recv()" "ms in recv() from" "all other clients waited"
}

@test "a row says what was wanted, and which line, byte or address was wrong" {
    row ALL_ADDRESSES "it listens"
    in_order "addresses that it listens on" "wanted: '127.0.0.1:" "got:    'all addresses:"
    row NAMELESS_LOG "a line of log"
    in_order "FILE:LINE:" "got:    lines without FILE:LINE:" "2: 127.0.0.1:"
    row WRONG_BYTE "a client that sends without end"
    in_order "the client that sends without end:" "byte 3 of its stream: wanted"
    [[ $output != *"No such process"* ]]
    row OTHER_USAGE "wrong usage"
    in_order "its message with" "wanted: " "in:     "
}

@test "a server that does not start: a line for each other row, and it takes no time" {
    wrong ENDS
    local begun=$SECONDS
    # sh drops a function that bats needs where it finds its inner program
    PATH=${PATH//"$BATS_LIBEXEC:"/} run -2 make -s -C "$ROOT" test-03-select SERVER="$WRONG" 3>&-
    [ $((SECONDS - begun)) -lt 60 ]
    echo "$output"
    in_order "FAILED  03 it listens" "The server ends at once" \
        "not run 03 every byte comes back" "not run 03 1,000 clients" " failed"
    [[ $output != *"(in test file"* && $output != *"from function"* ]]
    same 1 "$(grep -c "ends at once" <<< "$output")" "times that it says why"
}

# ------------------------------------------------------------------ the hints

@test "every hint names steps that exist, for a row that exists" {
    local steps row step
    while IFS='|' read -r steps row; do
        for step in $steps; do
            compgen -G "$ROOT/0*/steps/$step-*.c" > /dev/null ||
                { echo "no step $step: $row"; return 1; }
        done
        grep -qF "| ${row# }" "$ROOT/tests/points" ||
            { echo "no such row: $row"; return 1; }
    done < <(grep '^[0-9]' "$ROOT/tests/hints")
    same '' "$(grep '^[0-9]' "$ROOT/tests/hints" | sed 's/.*| //' | sort | uniq -d)"
}

@test "the scenes of a lesson's rows have a file each" {
    local file names title
    for file in "$ROOT"/tests/0[1-8]-*.bats; do
        [[ $file != *-steps.bats ]] || continue
        names=$(sed -n 's/^@test "\(.*\)" {.*/\1/p' "$file" | while read -r title; do
            BATS_TEST_DESCRIPTION=$title row_name
        done)
        same '' "$(sort <<< "$names" | uniq -d)" "names in $file"
    done
}
