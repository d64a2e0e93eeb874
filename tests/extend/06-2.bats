load extend
lesson 06-selector

# Behind the proxy is lesson 05's server. So what the contract says of a server
# holds through the proxy: each row looks at the proxy alone.

REAL=$PROGRAM
PROGRAM=$BATS_TEST_TMPDIR/proxy SERVER_PATH=$PROGRAM # the proxy, with -u

setup_file() {
    build clients/play clients/load clients/xray 05-epoll/server
}

# Before each row that is about clients: the server behind gets their bytes. (A
# server that answers by itself would keep most of the contract.)
setup() {
    start_behind "$ROOT/05-epoll/server" -q -p 0
    case $BATS_TEST_DESCRIPTION in
        *"exit "[12]*) ;;
        *) bytes_go_through ;;
    esac
}

bytes_go_through() {
    start_server -q
    client 4
    gets_an_answer 4
    [ ! -r /proc/net/tcp ] || within 1 has_tcp_sockets "$BEHIND" 2 ||
        { echo "no connection to the server behind"; return 1; }
    exec 4>&-
    teardown
}

# start_behind PROGRAM [ARGUMENT...]: start the server behind the proxy; its
# port is $BEHIND_PORT. It has a process group of its own.
start_behind() {
    : > "$BATS_TEST_TMPDIR/behind"
    set -m
    "$@" > "$BATS_TEST_TMPDIR/behind" 2>&1 < /dev/null 3>&- &
    BEHIND=$!
    set +m
    within 5 behind_listens || { cat "$BATS_TEST_TMPDIR/behind"; return 1; }
    printf '#!/usr/bin/env bash\nexec %q -u %s "$@"\n' "$REAL" "$BEHIND_PORT" \
        > "$PROGRAM"
    chmod +x "$PROGRAM"
}

behind_listens() {
    BEHIND_PORT=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\)$/\1/p' \
        "$BATS_TEST_TMPDIR/behind")
    [ -n "$BEHIND_PORT" ]
}

end_behind() {
    { kill -KILL -- "-$BEHIND" && wait "$BEHIND"; } 2> /dev/null || true
}

# A row may call this to end the proxy; bats calls it after each row.
teardown() {
    [ -z "${PID:-}" ] || { kill -KILL -- "-$PID" && wait "$PID"; } 2> /dev/null || true
    PID=
    case ${FUNCNAME[1]} in bats_*) end_behind ;; esac
}

@test "06-2 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "06-2 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "06-2 wrong usage, also of -u: the usage, what is wrong, exit 2" {
    refuses_wrong_usage
    refuses_each "-u 0" "-u x" "-u 65536" "-u -1" "-u 80x"
    PROGRAM=$REAL
    refuses 2 -p 0 # -u is missing
    contains "$output" usage
    contains "$output" -u
}
@test "06-2 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "06-2 started with fds 0 to 2 closed, it sends nothing but answers" { keeps_clients_off_the_standard_fds; }
@test "06-2 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "06-2 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "06-2 50 clients, 100 messages each, all get their own answers" {
    start_server -q
    run -0 "$ROOT/clients/load" -p "$PORT" -c 50 -n 100 -s 5000 3>&-
}

# ------------------------------------------------------- the server behind

@test "06-2 no server behind: the client gets an end of file at once, and the next one too" {
    end_behind
    scene <<'END'
server -q
A connect
A expect eof
crowd 20
B connect
B expect eof
idle 100ms
END
}

@test "06-2 when the server behind starts again, the next client is served" {
    start_server -q
    client 4
    gets_an_answer 4
    end_behind
    reads_the_end 4
    client 5
    reads_the_end 5
    exec 4>&- 5>&-
    start_behind "$ROOT/05-epoll/server" -q -p "$BEHIND_PORT"
    client 4
    gets_an_answer 4
    exec 4>&-
}

@test "06-2 when the server behind is killed, all its clients get an end, and no fd is lost" {
    local fd
    start_server -q
    for fd in {40..49}; do
        client "$fd"
        gets_an_answer "$fd"
    done
    within 2 has_tcp_sockets "$PID" 21 # the listener, and two for each client
    end_behind
    for fd in {40..49}; do
        reads_the_end "$fd"
        eval "exec $fd>&-"
    done
    within 2 has_tcp_sockets "$PID" 1
}

@test "06-2 the server behind is stopped: the proxy sleeps, and ends at once by SIGTERM" {
    kill -STOP "$BEHIND"
    scene <<'END'
server -q
A connect; A send "hello\n"
B connect; B send 20000000 x
C connect
wait 300ms
idle 300ms
signal TERM
expect exit 0
END
    kill -CONT "$BEHIND"
}

@test "06-2 a connection to the server behind that does not come about stops nobody else" {
    end_behind
    ${CC:-cc} -std=gnu11 -o "$BATS_TEST_TMPDIR/stuck" "$BATS_TEST_DIRNAME/extend/stuck.c"
    start_behind "$BATS_TEST_TMPDIR/stuck"
    scene <<'END'
server -q
A connect
A send "one\n"
A expect "one\n"
crowd 10 send "hello\n"
A send "two\n"
A expect "two\n"
idle 300ms
crowd resets
A send 1000000 "x"
A expect 1000000 "x"
END
}

@test "06-2 connections that fail after a while cost no fd" {
    end_behind
    ${CC:-cc} -std=gnu11 -o "$BATS_TEST_TMPDIR/stuck" "$BATS_TEST_DIRNAME/extend/stuck.c"
    start_behind "$BATS_TEST_TMPDIR/stuck"
    start_server -q
    local fd
    client 4
    for fd in {40..49}; do client "$fd"; done
    within 3 has_sockets_for_11 || { echo "sockets: $(tcp_sockets "$PID")"; return 1; }
    end_behind # now they all come to an end
    for fd in 4 {40..49}; do
        reads_the_end "$fd"
        eval "exec $fd>&-"
    done
    within 3 has_tcp_sockets "$PID" 1 || { echo "sockets: $(tcp_sockets "$PID")"; return 1; }
}

has_sockets_for_11() {
    [ "$(tcp_sockets "$PID")" -ge 12 ]
}

# ------------------------------------------------------- one loop, no thread

@test "06-2 one thread sleeps in one wait and nowhere else, whatever its clients do" {
    sleeps_in_its_wait
    same 0 "$(births)" "threads and processes that it has started"
}

@test "06-2 -b poll and -b select serve too" {
    for FLAGS in "-b poll" "-b select"; do
        answers_every_byte
        answers_after_half_close
    done
}

# ------------------------------------------------------- the contract through it

@test "06-2 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "06-2 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "06-2 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "06-2 a reset while many bytes are pending harms nobody" { survives_a_reset_with_bytes_pending; }
@test "06-2 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "06-2 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "06-2 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { ends_by_signal; }
@test "06-2 a silent client stops nobody else" { serves_others_beside_a_silent_client; }
@test "06-2 a client that does not read stops nobody else, and loses nothing" { serves_others_beside_a_deaf_client; }
@test "06-2 it sleeps while it waits for a client that does not read" { sleeps_beside_a_deaf_client; }

@test "06-2 a client that does not read costs two buffers of 64 KiB at most" {
    memory_is_its_own
    scene --timeout 10 <<'END'
server -q
crowd 10 send 20000000 x
wait 300ms
memory 2000
B connect
B send "hello\n"
B expect "HELLO\n"
crowd resets
wait 50ms
crowd 10 send 20000000 x
wait 300ms
memory 2000
END
}

@test "06-2 a client that sends without end gets one turn per round" { takes_turns_with_a_greedy_client; }
@test "06-2 200 clients that send at once all get their answers" { answers_a_burst; }
@test "06-2 without a free fd it sleeps, serves on, and accepts again later" { serves_on_without_fds; }

@test "06-2 clients that come and go cost no fd" {
    scene <<'END'
limit 32
server
crowd 10 send "hi\n" expect "HI\n"
crowd leaves
idle 20ms
crowd 10 send "hi\n" expect "HI\n"
crowd resets
idle 20ms
crowd 10 send "hi\n" expect "HI\n"
crowd send 100000 x
crowd resets
idle 20ms
crowd 10 send "hi\n" expect "HI\n"
END
}

@test "06-2 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }
