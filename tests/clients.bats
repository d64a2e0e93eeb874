load helper

# The lessons' clients: each of them works with the server of each lesson.

setup_file() {
    build all
}

# serve LESSON: start the server of this lesson, at $PORT.
serve() {
    PROGRAM=$ROOT/$1/server start_server -q
}

# lessons LESSON...: print those that this system can build.
lessons() {
    local lesson
    for lesson; do
        [ ! -x "$ROOT/$lesson/client" ] || echo "$lesson"
    done
}

# client LESSON [OPTION...]: run the client of this lesson. Its standard error
# goes to the file err.
client() {
    local lesson=$1
    shift
    timeout 20 "$ROOT/$lesson/client" -p "$PORT" "$@" 2> "$BATS_TEST_TMPDIR/err" 3>&-
}

# Every byte value, short and long lines, no newline at the end.
awkward_bytes() {
    local block
    block=$(printf '\\%03o' {0..255})
    for i in {1..16}; do
        # shellcheck disable=SC2059 # the escapes are meant
        printf "$block"
        head -c "$((i * 500))" /dev/zero | tr '\0' 'y'
        printf 'x\n'
    done
    printf 'no newline'
}

upper() {
    LC_ALL=C tr a-z A-Z
}

@test "clients 01, 02 and 03 print every answer, byte for byte, of every server" {
    awkward_bytes > "$BATS_TEST_TMPDIR/in"
    upper < "$BATS_TEST_TMPDIR/in" > "$BATS_TEST_TMPDIR/wanted"
    for server in "$ROOT"/0*/server; do
        serve "$(basename "$(dirname "$server")")"
        for c in 01-blocking 02-nonblocking 03-select; do
            client "$c" < "$BATS_TEST_TMPDIR/in" > "$BATS_TEST_TMPDIR/got" ||
                { echo "$c at $server"; cat "$BATS_TEST_TMPDIR/err"; return 1; }
            cmp "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/got"
        done
        teardown
    done
}

@test "a client without input ends, exit 0" {
    serve 04-poll
    for c in "$ROOT"/0*/client; do
        case $c in */07-* | */08-*) continue ;; esac # they send without input
        run -0 client "$(basename "$(dirname "$c")")" < /dev/null
        same '' "$output"
    done
}

@test "client 03 carries 8 MiB at once, both ways" {
    serve 03-select
    head -c 8388608 /dev/urandom > "$BATS_TEST_TMPDIR/in"
    upper < "$BATS_TEST_TMPDIR/in" > "$BATS_TEST_TMPDIR/wanted"
    client 03-select < "$BATS_TEST_TMPDIR/in" > "$BATS_TEST_TMPDIR/got"
    cmp "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/got"
}

@test "no server: one line that names the port, exit 1" {
    serve 04-poll
    teardown
    for c in "$ROOT"/0*/client; do
        run -1 "$c" -p "$PORT" < /dev/null 3>&-
        same 1 "${#lines[@]}" "lines of $c"
        contains "$output" "127.0.0.1:$PORT: Connection refused"
    done
}

@test "wrong usage: the usage, exit 2" {
    for c in "$ROOT"/0*/client; do
        for words in "-p" "-p abc" "-p 0" "-p 65536" "-Z" "extra" "-c 0"; do
            # shellcheck disable=SC2086 # they are words
            run -2 "$c" $words < /dev/null 3>&-
            contains "$output" usage
        done
    done
}

@test "the server ends before all answers have come: one line, exit 1" {
    for c in $(lessons 01-blocking 02-nonblocking 03-select 04-poll 05-epoll); do
        serve 04-poll
        mkfifo "$BATS_TEST_TMPDIR/keys.$c"
        client "$c" < "$BATS_TEST_TMPDIR/keys.$c" > "$BATS_TEST_TMPDIR/out.$c" &
        local job=$!
        exec 4> "$BATS_TEST_TMPDIR/keys.$c"
        echo hello >&4
        within 5 test -s "$BATS_TEST_TMPDIR/out.$c"
        kill -KILL "$PID"
        within 5 gone "$PID"
        (trap '' PIPE; echo 'anybody there?' >&4) 2> /dev/null || true
        exec 4>&-
        ends_with 1 "$job"
        contains "$(cat "$BATS_TEST_TMPDIR/err")" "the server has gone"
        teardown
    done
}

@test "client 03 prints at once that the server has gone, also while the user types nothing" {
    serve 04-poll
    mkfifo "$BATS_TEST_TMPDIR/keys"
    client 03-select < "$BATS_TEST_TMPDIR/keys" > "$BATS_TEST_TMPDIR/out" &
    local job=$!
    exec 4> "$BATS_TEST_TMPDIR/keys"
    echo hello >&4
    within 5 test -s "$BATS_TEST_TMPDIR/out"
    kill -TERM "$PID"
    ends_with 1 "$job" # before the end of its input
    exec 4>&-
    contains "$(cat "$BATS_TEST_TMPDIR/err")" "the server has gone"
}

# interrupt PID: stop the process, resize its terminal and continue it, twice.
# A call with a timeout fails with EINTR then, without any handler (signal(7)).
interrupt() {
    for _ in 1 2; do
        sleep 0.05
        kill -STOP "$1"
        sleep 0.01
        kill -WINCH "$1"
        kill -CONT "$1"
    done
    sleep 0.05
}

@test "stopped and continued at each of its waits, a client goes on" {
    local c job
    serve 04-poll
    cd "$BATS_TEST_TMPDIR"
    for c in "$ROOT"/0[1-6]*/client; do
        rm -f keys out
        mkfifo keys
        "$c" -p "$PORT" < keys > out 2> err 3>&- &
        job=$!
        exec 4> keys
        interrupt "$job" # it waits for the keyboard
        kill -STOP "$PID"
        echo hello >&4
        interrupt "$job" # for the server
        kill -CONT "$PID"
        within 5 test -s out || { echo "$c: $(< err)"; return 1; }
        interrupt "$job"
        exec 4>&-
        ends_with 0 "$job" || { echo "$c: $(< err)"; return 1; }
    done
    for c in "$ROOT"/0[78]*/client "$ROOT/clients/load"; do
        kill -STOP "$PID"
        "$c" -p "$PORT" -c 20 -n 20 < /dev/null > out 2>&1 3>&- &
        job=$!
        interrupt "$job"
        kill -CONT "$PID"
        ends_with 0 "$job" || { echo "$c: $(< out)"; return 1; }
    done
}

@test "client 02 prints what it does while it waits" {
    serve 02-nonblocking
    run -0 client 02-nonblocking <<< hello
    same HELLO "$output"
    contains "$(cat "$BATS_TEST_TMPDIR/err")" EAGAIN
}

@test "client 04 sends each line over all connections and numbers the answers" {
    for server in $(lessons 02-nonblocking 03-select 04-poll 05-epoll); do
        serve "$server"
        run -0 client 04-poll -c 4 < <(printf 'one\ntwo')
        same "1: ONE 1: TWO 2: ONE 2: TWO 3: ONE 3: TWO 4: ONE 4: TWO" \
            "$(printf '%s\n' "${lines[@]}" | sort -s -n | tr '\n' ' ' |
                sed 's/ $//')"
        teardown
    done
}

@test "client 05 checks the answers of 2,000 connections" {
    [ -x "$ROOT/05-epoll/client" ] || skip "epoll is Linux's"
    fd_limit_of 2100
    for server in 02-nonblocking 04-poll 05-epoll; do
        serve "$server"
        run -0 client 05-epoll -c 2000 <<< hello
        contains "$output" '2000 answers to "hello\n", all right'
        teardown
    done
}

@test "a server of one client at a time: clients 04 and 05 print that, and end" {
    local -a jobs pids
    for c in $(lessons 04-poll 05-epoll); do # both at the same time; each has a server
        serve 01-blocking
        pids+=("$PID")
        client "$c" -c 3 <<< hello > /dev/null &
        jobs+=($!)
        within 5 test -e "$BATS_TEST_TMPDIR/err"
        mv "$BATS_TEST_TMPDIR/err" "$BATS_TEST_TMPDIR/err.$c"
    done
    for job in "${jobs[@]}"; do
        ends_with 1 "$job"
    done
    kill -KILL "${pids[@]}"
    for c in $(lessons 04-poll 05-epoll); do
        contains "$(cat "$BATS_TEST_TMPDIR/err.$c")" \
            "2 of 3 connections got no answer"
    done
}
