# Looking at a server from outside: its log, and what the kernel shows in /proc.
# The rows of contract.bash call these functions.

# ------------------------------------------------------------------ flags

# with_flags WORD...: this row's server gets these flags. Another program may
# refuse them (they are not in the contract): then the row is skipped, by name.
with_flags() {
    FLAGS=$*
    [ -z "${SERVER:-}" ] || takes "$@" || skip "the server refuses $*"
}

# takes FLAG...: the program does not end at once, with status 1 or 2.
takes() {
    local known=$BATS_FILE_TMPDIR/takes.${*// /_} pid status=0
    if [ ! -e "$known" ]; then
        keep_going
        set -m
        "$PROGRAM" -p 0 -q "$@" > "$known.out" 2>&1 < /dev/null 3>&- &
        pid=$!
        set +m
        # shellcheck disable=SC2016 # eval expands it
        within 5 eval 'grep -q "listening on" "$known.out" || gone "$pid"' || true
        gone "$pid" || status=listens
        [ "$status" = listens ] || wait "$pid" || status=$?
        kill -KILL -- "-$pid" 2> /dev/null || true
        wait "$pid" 2> /dev/null || true
        echo "$status" > "$known"
    fi
    case $(< "$known") in 1 | 2) return 1 ;; esac
}

# refuses_on_stderr STATUS ARGUMENT...: like refuses, and the message is on
# standard error: standard output has nothing.
refuses_on_stderr() {
    local stdout=$BATS_TEST_TMPDIR/stdout
    printf '#!/usr/bin/env bash\nexec %s"$@" > %q\n' "$(quoted "$PROGRAM")" \
        "$stdout" > "$BATS_TEST_TMPDIR/apart"
    chmod +x "$BATS_TEST_TMPDIR/apart"
    PROGRAM=$BATS_TEST_TMPDIR/apart refuses "$@"
    same '' "$(head -c 200 "$stdout")" "standard output, with: ${*:2}"
}

# ends_and_starts_again SIGNAL: "nothing left": nor is the port. The server
# closes the connection first, so the kernel keeps that in TIME_WAIT. bind()
# needs SO_REUSEADDR then.
ends_and_starts_again() {
    start_server || return 1
    exec 4<> "/dev/tcp/127.0.0.1/$PORT"
    meets 4 || return 1
    kill -s "$1" "$PID"
    ends_within_2_s "$1" || return 1
    ends_with 0 "$PID" || return 1
    same bye "$(tail -n 1 "$LOG")" "last line after $1" || return 1
    exec 4>&-
    set -m
    # shellcheck disable=SC2086 # FLAGS are words
    "$PROGRAM" -p "$PORT" $FLAGS > "$LOG" 2>&1 < /dev/null 3>&- &
    PID=$!
    set +m
    within 5 listens || {
        echo "started again, at the same port: $(head -n 3 "$LOG" | printable)"
        teardown
        return 1
    }
    teardown
}

# fills_the_rest_of_the_pipe: where the server's line has no room, a byte of
# "bye" may have. Byte by byte, until fd 9 takes no more.
fills_the_rest_of_the_pipe() {
    local filler
    while :; do printf .; done >&9 2> /dev/null 3>&- &
    filler=$!
    sleep 0.3
    kill "$filler" 2> /dev/null || true # a pipe that does not block ends it
    wait "$filler" 2> /dev/null || true
}

# at_work PID: this client has moved many bytes.
at_work() {
    [ "$TRACE" != /dev/null ] || { sleep 0.2; kill -0 "$1"; return; }
    [ "$(received)" -gt 500000 ] || ! kill -0 "$1" 2> /dev/null
}

# ------------------------------------------------------------------ /proc

# processes: the pids of the server and of all that it has started.
processes() {
    cat /proc/[0-9]*/stat 2> /dev/null | awk -v group="$PID" '
        { pid = $1; sub(/^.*\) /, ""); if ($3 == group) print pid }'
}

# tasks: the number of each of its threads, one a line.
tasks() {
    local pid
    for pid in $(processes); do
        ls "/proc/$pid/task" 2> /dev/null || true
    done
}

# open_fds: how many files it has open.
open_fds() {
    ls "/proc/$PID/fd" 2> /dev/null | wc -l
}

# fds_when_ready: how many files the program has open without a client. A
# language's runtime has some of its own.
fds_when_ready() {
    [ -r /proc/self/fd ] || { echo 8; return; }
    start_server -q >&2
    "$ROOT/clients/load" -p "$PORT" -c 1 -n 1 3>&- > /dev/null
    open_fds
    teardown
}

# listening: the addresses at which its sockets listen, or others at its port.
listening() {
    local pid
    for pid in $(processes); do
        ls -l "/proc/$pid/fd" 2> /dev/null || true
    done | sed -n 's/.*socket:\[\([0-9]*\)\]$/own \1/p' |
        cat - /proc/net/tcp /proc/net/tcp6 2> /dev/null |
        awk -v port="$(printf %04X "$PORT")" '
            $1 == "own" { own[$2]; next }
            $4 != "0A" { next }
            { split($2, at, ":") }
            !($10 in own) && at[2] != port { next }
            at[1] ~ /^(0*FFFF0000)?(0100007F|7F000001)$/ { at[1] = "127.0.0.1" }
            at[1] ~ /^0+$/ { at[1] = "all addresses" }
            at[2] == port { at[2] = '"$PORT"' }
            { print at[1] ":" at[2] }'
}

# Another program may not just run the lesson's server. (This looks for the
# file. Only the grader keeps a server from a copy of it, and from our tools.)
is_not_the_lessons_own() {
    local own=$ROOT/$LESSON/server pid
    [ -e "$own" ] && ! [ "$PROGRAM" -ef "$own" ] || return 0
    for pid in $(processes); do
        ! [ "/proc/$pid/exe" -ef "$own" ] || { echo "it runs $own"; return 1; }
    done
}

# ------------------------------------------------------------ its threads

# A client of the test's own, on fd $1, sends a line and gets its answer.
meets() {
    local answer=
    echo "hello $1" >&"$1"
    read -r -t 5 -u "$1" answer || true
    same "HELLO $1" "$answer" "answer"
}

# sleeps_with_4_clients: start the server; one of four clients does not read.
# Print the calls in which its threads sleep then, and how many threads in each;
# but no locks, and no naps.
sleeps_with_4_clients() {
    local fd fds=() deaf census='' switches=''
    start_server -q
    for _ in 1 2 3; do
        exec {fd}<> "/dev/tcp/127.0.0.1/$PORT"
        fds+=("$fd")
        meets "$fd"
    done
    exec {fd}<> "/dev/tcp/127.0.0.1/$PORT"
    fds+=("$fd")
    yes >&"$fd" 2> /dev/null 3>&- &
    deaf=$!
    within 5 stays_asleep || true # a runtime may have a clock that ticks
    echo "$census"
    kill "$deaf" && wait "$deaf" 2> /dev/null || true
    for fd in "${fds[@]}"; do exec {fd}>&-; done
    teardown
}

# stays_asleep: for some time none of its threads has gone to sleep or woken.
stays_asleep() {
    local before=$switches task
    switches=$(for task in $(tasks); do
        grep ctxt "/proc/$task/status" 2> /dev/null || true
    done)
    census=$(for task in $(tasks); do asleep_in "$task"; done |
        grep -xE 'accept|recv|read|send|select|poll|epoll_wait|running' |
        sort | uniq -c | sed 's/^ *//')
    sleep 0.1
    [ "$switches" = "$before" ]
}

# adds_few_threads: with 100 clients it has at most 50 threads or processes more
# than with one.
adds_few_threads() {
    local fd fds=() one many
    start_server -q
    for many in {1..100}; do
        exec {fd}<> "/dev/tcp/127.0.0.1/$PORT"
        fds+=("$fd")
        meets "$fd"
        [ "$many" != 1 ] || one=$(tasks | wc -l)
    done
    many=$(tasks | wc -l)
    echo "threads with one client: $one, with 100: $many (at most 50 more)"
    [ $((many - one)) -le 50 ]
    for fd in "${fds[@]}"; do exec {fd}>&-; done
    teardown
}

# ---------------------------------------------------------------- its log

# log_is_wrong: show the lines that are not as the contract says.
log_is_wrong() {
    local wrong=$BATS_TEST_TMPDIR/log-shown
    echo "wanted: five clients, each in two lines at least: FILE:LINE: ... ADDRESS:PORT"
    if sed 1d "$LOG" | grep -vE '^[^ :]+:[0-9]+: ' > "$wrong"; then
        echo "got:    lines without FILE:LINE:"
    else
        sed 1d "$LOG" > "$wrong"
        echo "got:    $([ -s "$wrong" ] || echo no log)"
    fi
    log_end "$wrong" | sed 1d
    return 1
}

logs_each_client() {
    same 5 "$(sed -nE 's/^[^ :]+:[0-9]+: .*(127\.0\.0\.1:[0-9]+).*/\1/p' "$LOG" |
        grep -vx "127.0.0.1:$PORT" | sort | uniq -c |
        awk '$1 >= 2 { n++ } END { print n + 0 }')" "clients with two lines" \
        > /dev/null
}

# logs_that_it_has_no_fd N: with N fds for 40 clients, a line of its log differs
# from all lines that it prints when it has enough of them, and not only in
# numbers. No word is asked for. (A server that never runs out, because its
# child processes have the clients, has nothing to say.)
logs_that_it_has_no_fd() {
    local enough=$BATS_TEST_TMPDIR/enough scarce=$BATS_TEST_TMPDIR/scarce
    [ -r /proc/self/fd ] || return 0
    log_of_40_clients 1000 > "$enough"
    log_of_40_clients "$1" > "$scarce"
    grep -qx 'no fd is free' "$scarce" || return 0
    grep -vxF -f "$enough" "$scarce" | grep -vxq 'no fd is free' || {
        echo "wanted: a line of the log that says that no fd is free"
        echo "got:    these lines (N is a number), and the same with free fds:"
        grep -vx 'no fd is free' "$scarce"
        return 1
    }
}

# log_of_40_clients N: the kinds of lines in the log of a server that may have N
# files open: N for a number, but FILE:LINE as it is. If it has N files open in
# the end, the last line says so.
log_of_40_clients() {
    local client fd fds=()
    # shellcheck disable=SC2016 # that shell expands it
    SLOWLY=$(quoted bash -c 'ulimit -n "$0"; exec "$@"' "$1") start_server
    for client in {1..40}; do
        exec {fd}<> "/dev/tcp/127.0.0.1/$PORT"
        echo "$client" >&"$fd"
        fds+=("$fd")
    done
    answers_one_of "${fds[@]}"
    within 2 is_full "$1" || true
    sleep 0.1 # for the log
    awk '{ place = match($0, /^[^ :]+:[0-9]+:/) ? substr($0, 1, RLENGTH) : ""
           $0 = substr($0, length(place) + 1)
           gsub(/[0-9]+/, "N")
           print place $0 }' "$LOG" | sort -u
    ! is_full "$1" || echo "no fd is free"
    for fd in "${fds[@]}"; do exec {fd}>&-; done
    teardown
}

answers_one_of() {
    local answer
    read -r -t 5 -u "$1" answer && [ "$answer" = 1 ]
}

is_full() {
    [ "$(open_fds)" -ge "$1" ]
}

# ------------------------------------------------------------- its memory

# idle_clients_cost KIB: 5,000 of them; in another server 64 KiB for each.
idle_clients_cost() {
    local most=$1
    [ -z "${SERVER:-}" ] || most=$((5000 * 64))
    fd_limit_of 5100
    memory_is_its_own
    scene --timeout 20 <<END
server -q
crowd 5000
B connect
B send "hello\n"
B expect "HELLO\n"
memory $most
crowd leaves
B send "bye\n"
B expect "BYE\n"
END
}

# memory_of [OPTION...]: play the scene on standard input. What each `memory` of
# it prints, KiB, is in ${MEMORY[@]}.
memory_of() {
    local played=$BATS_TEST_TMPDIR/played
    scene --all "$@" || return
    ! grep -q "cannot be measured" "$played" || skip "no /proc here"
    mapfile -t MEMORY < <(sed -nE 's/.* (-?[0-9]+) KiB more memory.*/\1/p' "$played")
    [ "${#MEMORY[@]}" -gt 2 ] || { cat "$played"; return 1; }
}

# grows_no_more KIB: of the rounds from the third on, one has taken at most KIB.
grows_no_more() {
    local i
    echo "wanted: from the third round on, one that takes at most $1 KiB more"
    echo "got:    ${MEMORY[*]} KiB more than at the start, after each round"
    for ((i = 2; i < ${#MEMORY[@]}; i++)); do
        [ $((MEMORY[i] - MEMORY[i - 1])) -gt "$1" ] || return 0
    done
    return 1
}
