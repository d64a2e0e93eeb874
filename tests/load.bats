load helper
lesson 04-poll

# The load generator accepts right answers, and finds each kind of wrong one.

LOAD=$ROOT/clients/load

load_() {
    "$LOAD" -p "$PORT" "$@" 3>&-
}

@test "load counts the answers, all of them right" {
    start_server -q
    run -0 load_ -c 20 -n 30 -s 100
    contains "$output" "600 answers, 0 errors"
    contains "$output" "answers/s"
    contains "$output" "p99"
}

@test "load sends messages of one byte and of 8 MiB" {
    start_server -q
    run -0 load_ -c 5 -n 5 -s 1
    run -0 load_ -c 2 -n 1 -s 8388608
    contains "$output" "2 answers, 0 errors"
}

@test "load --json prints one object with the documented keys" {
    start_server -q
    run -0 load_ -c 3 -n 4 -i 2 -P "$PID" --json
    same 1 "${#lines[@]}" "lines"
    for key in clients messages bytes idle answers errors seconds \
        answers_per_second mb_per_second p50_ms p99_ms max_ms \
        server_cpu_us_per_message; do
        contains "$output" "\"$key\":"
    done
    contains "$output" '"answers": 12'
}

@test "load keeps idle connections beside the others, and checks them" {
    start_server -q
    run -0 load_ -c 10 -n 10 -i 500
    contains "$output" "100 answers, 0 errors"
}

@test "load works with a server of one client at a time" {
    PROGRAM=$ROOT/01-blocking/server
    build 01-blocking/server
    start_server -q
    run -0 load_ -c 20 -n 5
    contains "$output" "100 answers, 0 errors"
}

@test "no server: one line that names the port, exit 1" {
    start_server
    teardown
    run -1 load_
    contains "$output" "127.0.0.1:$PORT"
    same 1 "${#lines[@]}" "lines"
}

@test "a server that stops answering: load ends in time, exit 1" {
    start_server -q
    kill -STOP "$PID"
    run -1 load_ -c 3 -n 1 -t 1
    contains "$output" "no answer for 1 s"
}

@test "load that was stopped (Ctrl-Z) for longer than -t does not blame the server" {
    start_server -q
    set -m
    "$LOAD" -p "$PORT" -c 3 -n 100000000 -t 1 > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    local job=$!
    set +m
    sleep 0.2
    kill -STOP "$PID" # so that there is nothing for load to read
    sleep 0.1
    kill -STOP "$job"
    sleep 1.5
    kill -CONT "$job"
    kill -WINCH "$job"
    sleep 0.2
    kill -CONT "$PID"
    sleep 0.2
    kill -INT "$job"
    ends_with 130 "$job"
    contains "$(< "$BATS_TEST_TMPDIR/out")" "answers, 0 errors"
}

@test "a server that ends meanwhile: errors, exit 1" {
    start_server -q
    load_ -c 3 -n 100000000 > "$BATS_TEST_TMPDIR/out" 2>&1 &
    local job=$!
    sleep 0.2
    kill -KILL "$PID"
    ends_with 1 "$job"
    run -1 grep ' 0 errors' "$BATS_TEST_TMPDIR/out"
}

# wrong FROM TO: start a copy of the server, with TO in the place of FROM.
wrong() {
    grep -qF "$1" "$ROOT/04-poll/server.c"
    awk -v from="$1" -v to="$2" '{
        at = index($0, from)
        if (at) $0 = substr($0, 1, at - 1) to substr($0, at + length(from))
        print }' "$ROOT/04-poll/server.c" > "$BATS_TEST_TMPDIR/wrong.c"
    PROGRAM=$BATS_TEST_TMPDIR/wrong
    ${CC:-cc} -std=gnu11 -o "$PROGRAM" "$PROGRAM.c"
    start_server -q
}

@test "load finds a wrong byte, and prints the client, the place, both bytes" {
    wrong "('a' <= bytes[i]" "('b' <= bytes[i]"
    run -1 load_ -c 3 -n 3
    contains "$output" wanted
    contains "$output" "got"
}

@test "load finds a lost byte" {
    wrong "send(fd, bytes, length, 0)" "send(fd, bytes, length - 1, 0)"
    run -1 load_ -c 3 -n 3 -t 1
}

@test "load finds an answer that comes twice" {
    wrong "ssize_t n = send(fd, bytes, length, 0);" \
        "send(fd, bytes, length, 0); ssize_t n = send(fd, bytes, length, 0);"
    run -1 load_ -c 3 -n 3 -t 1
}

@test "load finds an early end" {
    wrong "    return answer(fd, buffer, (size_t)n);" \
        "    return answer(fd, buffer, (size_t)n) == GONE ? GONE : GONE;"
    run -1 load_ -c 3 -n 3
    # an end of file, or a reset if the next message was on its way
    contains "$output" "3 errors"
}

@test "Ctrl-C ends load at once: it prints what it has so far, exit 130" {
    start_server -q
    set -m
    "$LOAD" -p "$PORT" -c 3 -n 100000000 > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    local job=$!
    set +m
    sleep 0.2
    kill -INT "$job"
    ends_with 130 "$job"
    contains "$(cat "$BATS_TEST_TMPDIR/out")" "answers"
}

@test "wrong usage: the usage and the wrong word, exit 2" {
    local words wrong
    while read -r wrong words; do
        # shellcheck disable=SC2086 # they are words
        run -2 "$LOAD" $words 3>&- < /dev/null
        contains "$output" usage
        contains "$output" "$wrong"
    done <<'END'
-p
'p' -p
'abc' -p abc
'0' -p 0
'65536' -p 65536
'0' -p 1 -c 0
'0x10' -p 1 -c 0x10
'-1' -p 1 -s -1
'99999999999999999999' -p 1 -s 99999999999999999999
'1e3' -p 1 -n 1e3
'nan' -p 1 -t nan
'inf' -p 1 -t inf
'+5' -p 1 -i +5
'-2' -p 1 -i -2
'5x' -p 1 -P 5x
Z -Z
jsn -p 1 --jsn
'extra' -p 1 extra
END
    run -0 "$LOAD" -h
    contains "$output" usage
}

@test "more clients than it may have fds: one line with both numbers" {
    start_server -q
    run -1 bash -c 'ulimit -n 64; exec "$0" "$@"' "$LOAD" -p "$PORT" -c 100 3>&-
    contains "$output" "need 116 file descriptors, the limit is 64"
}

@test "in a pipe there is no bar and no escape sequence" {
    start_server -q
    load_ -c 10 -n 100 > "$BATS_TEST_TMPDIR/out" 2>&1
    run -1 grep -c $'[\033\r]' "$BATS_TEST_TMPDIR/out"
}
