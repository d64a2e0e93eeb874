load extend
lesson 07-threads-procs

# The models of the lesson stay as they are.

@test "07-2 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "07-2 wrong usage: the usage, what is wrong, exit 2" {
    refuses_wrong_usage
    refuses_each "-m hand" "-m handoff -w 0" "-m handoff -w few"
}
@test "07-2 -m thread, process, pool and prefork serve as before" {
    for FLAGS in "-m thread" "-m process" "-m pool -w 3" "-m prefork -w 3"; do
        start_server -q
        run -0 "$ROOT/clients/load" -p "$PORT" -c 20 -n 20 3>&-
        teardown
    done
}

# ------------------------------------------------------------------ -m handoff

handoff() {
    FLAGS="-m handoff -w ${1:-20}"
}

# Before each of these rows: it has workers, and no worker has the listener.
# (prefork under the name of handoff would keep most of the contract.)
setup() {
    case $BATS_TEST_DESCRIPTION in
        *handoff:*) has_workers_without_the_listener ;;
    esac
}

has_workers_without_the_listener() {
    local pid
    [ -r /proc/net/tcp ] && [ -r "/proc/$$/task/$$/children" ] || return 0
    handoff 2
    start_server -q
    within 3 has_children 2 ||
        { echo "with -w 2 it has $(children | wc -l) workers at the start"; return 1; }
    for pid in $(children); do
        within 1 has_tcp_sockets "$pid" 0 ||
            { echo "a worker has the listener: not only the parent accepts"; return 1; }
    done
    teardown
    FLAGS=
}

@test "07-2 handoff: every byte comes back, also from clients that wait for a worker" {
    handoff 3
    answers_every_byte
    start_server -q
    run -0 "$ROOT/clients/load" -p "$PORT" -c 100 -n 20 -s 10000 3>&-
}

@test "07-2 handoff: it has as many workers as -w says, from the start, and no more later" {
    handoff 5
    start_server -q
    within 3 has_children 5
    local before
    before=$(children)
    run -0 "$ROOT/clients/load" -p "$PORT" -c 30 -n 2 3>&-
    same "$before" "$(children)" "the workers, after 30 clients"
}

@test "07-2 handoff: only the parent accepts" {
    handoff 5
    under_xray
    start_server -q
    run -0 "$ROOT/clients/load" -p "$PORT" -c 30 -n 2 3>&-
    calls_seen | awk -F '\t' '$2 ~ /^accept/ && $4 !~ /refused/ { print $1 }' |
        sort | uniq -c > "$BATS_TEST_TMPDIR/accept"
    echo "calls of accept(), and the process:"
    cat "$BATS_TEST_TMPDIR/accept"
    same 1 "$(wc -l < "$BATS_TEST_TMPDIR/accept")" "processes that accept"
    ! readers_are "$(awk '{ print $2 }' "$BATS_TEST_TMPDIR/accept")"
}

# readers_are THREAD: is it one of those that have received 64 bytes or more?
readers_are() {
    calls_seen | awk -F '\t' -v thread="$1" '
        $2 ~ /^(recv|read)/ && $1 == thread && match($4, /copied [0-9]+/) {
            n = substr($4, RSTART + 7, RLENGTH - 7)
            if (n >= 64) found = 1
        }
        END { exit !found }'
}

@test "07-2 handoff: only the workers read, and they are five" {
    handoff 5
    under_xray
    start_server -q
    run -0 "$ROOT/clients/load" -p "$PORT" -c 30 -n 2 -s 100 3>&-
    calls_seen | awk -F '\t' '
        $2 ~ /^(recv|read)/ && match($4, /copied [0-9]+/) {
            n = substr($4, RSTART + 7, RLENGTH - 7)
            if (n >= 100) print $1
        }' | sort -u > "$BATS_TEST_TMPDIR/readers"
    echo "$(wc -l < "$BATS_TEST_TMPDIR/readers") processes have read from clients"
    [ "$(wc -l < "$BATS_TEST_TMPDIR/readers")" -le 5 ]
    [ "$(wc -l < "$BATS_TEST_TMPDIR/readers")" -ge 2 ]
}

@test "07-2 handoff: a worker has only its client open, the parent only the listener" {
    handoff 3
    start_server
    within 3 has_children 3
    client 4
    gets_an_answer 4
    client 5
    gets_an_answer 5
    within 2 has_tcp_sockets "$PID" 1 ||
        { echo "the parent has $(tcp_sockets "$PID") TCP sockets"; return 1; }
    local pid n all=
    for pid in $(children); do
        n=$(tcp_sockets "$pid")
        all+="$n "
    done
    same "0 1 1" "$(tr ' ' '\n' <<< "$all" | grep . | sort | tr '\n' ' ' |
        sed 's/ $//')" "TCP sockets of the workers, in order"
    exec 4>&- 5>&-
    for pid in $(children); do within 2 has_tcp_sockets "$pid" 0; done
}

@test "07-2 handoff: it serves as many clients as it has workers; the next one waits" {
    FLAGS="-m handoff" scene <<'END'
server -w 2
A connect
A send "a"
A expect "A"
B connect
B send "b"
B expect "B"
C connect
C send "c"
C silent 100ms
idle 50ms
A send "again"
A expect "AGAIN"
A close
C expect "C"
END
}

@test "07-2 handoff: no client waits behind a busy worker while another worker is free" {
    handoff 2
    scene <<'END'
server
A connect
A send "a"
A expect "A"
B connect; B send "b"; B expect "B"; B close
C connect; C send "c"; C expect "C"; C close
D connect; D send "d"; D expect "D"; D close
E connect; E send "e"; E expect "E"; E close
A send "still here"
A expect "STILL HERE"
END
}

@test "07-2 handoff: a killed worker loses its client, and the parent starts another one" {
    handoff 2
    start_server
    within 3 has_children 2
    local before fd answer alive=0
    before=$(children)
    client 4
    gets_an_answer 4
    client 5
    gets_an_answer 5
    kill -KILL "$(head -n 1 <<< "$before")"
    within 3 replaced "$before" 2
    client 6 # the new worker serves it
    gets_an_answer 6
    echo "still here" >&4 2> /dev/null
    echo "still here" >&5 2> /dev/null
    for fd in 4 5; do
        read -r -t 3 -u "$fd" answer 2> /dev/null && alive=$((alive + 1))
    done
    same 1 "$alive" "clients alive"
    exec 4>&- 5>&- 6>&-
}

# replaced PIDS N: N children, and no longer the same.
replaced() {
    has_children "$2" && [ "$1" != "$(children)" ] && has_no_zombie
}

has_no_zombie() {
    local pid
    for pid in $(children); do
        ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" || return 1
    done
}

@test "07-2 handoff: workers that are killed while they are free are replaced, all of them" {
    handoff 3
    start_server -q
    within 3 has_children 3
    local before
    before=$(children)
    # shellcheck disable=SC2046 # they are words
    kill -KILL $(children)
    within 5 replaced "$before" 3
    run -0 "$ROOT/clients/load" -p "$PORT" -c 30 -n 2 3>&-
}

@test "07-2 handoff: each of 200 waiting clients gets its answer, and SIGTERM does not wait" {
    handoff 2
    start_server -q
    run -0 "$ROOT/clients/load" -p "$PORT" -c 200 -n 1 3>&-
    teardown
    scene <<'END'
server
A connect
B connect
crowd 200 send "hi\n"
idle 50ms
signal TERM
expect exit 0
END
}

@test "07-2 handoff: Ctrl-C, a SIGINT to all its processes, ends them, and one prints bye" {
    heeds_sigint
    handoff 3
    start_server
    client 4
    gets_an_answer 4
    kill -INT -- "-$PID"
    within 2 gone "$PID"
    ends_with 0 "$PID"
    same 1 "$(grep -cx bye "$LOG")" byes
    exec 4>&-
}

@test "07-2 handoff: when the parent is killed, all end, and the port is free" {
    [ "$(uname)" = Linux ] || skip "only Linux kills a child with its parent"
    handoff 3
    start_server
    client 4
    gets_an_answer 4
    local pid pids
    pids=$(children)
    [ -n "$pids" ]
    kill -KILL "$PID"
    for pid in $pids; do within 2 ended "$pid"; done
    reads_the_end 4
    exec 4>&-
    ! client 4 2> /dev/null
}

# ended PID: it has ended; it may be a zombie that init has not reaped yet.
ended() {
    ! grep -qs '^State:[[:space:]]*[RSDTt]' "/proc/$1/status"
}

# ------------------------------------------------- handoff: prefork's contract

@test "07-2 handoff: a line of log per event, and none with -q" { handoff; logs_unless_quiet; }
@test "07-2 handoff: started with fds 0 to 2 closed, it sends nothing but answers" { handoff; keeps_clients_off_the_standard_fds; }
@test "07-2 handoff: a client that stops sending still gets its last byte" { handoff; answers_after_half_close; }
@test "07-2 handoff: a client that closes without reading harms nobody" { handoff; survives_a_close_without_reading; }
@test "07-2 handoff: a client that resets, at whatever moment, harms nobody" { handoff; survives_a_reset; }
@test "07-2 handoff: a reset while many bytes are pending harms nobody" { handoff; survives_a_reset_with_bytes_pending; }
@test "07-2 handoff: a reset before the server has accepted harms nobody" { handoff; survives_a_reset_in_the_backlog; }
@test "07-2 handoff: stopped and continued, it goes on where it was" { handoff; survives_stop_and_continue; }
@test "07-2 handoff: SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { handoff; ends_by_signal; }
@test "07-2 handoff: SIGTERM and SIGINT end it even if nobody reads its log" { handoff; ends_with_a_full_log; }
@test "07-2 handoff: a silent client stops nobody else" { handoff; serves_others_beside_a_silent_client; }
@test "07-2 handoff: a client that does not read stops nobody else, and loses nothing" { handoff; serves_others_beside_a_deaf_client; }
@test "07-2 handoff: clients that come and go cost no fd" { handoff 10; loses_no_fd; }
@test "07-2 handoff: with nothing to do it makes no system call" { handoff; makes_no_system_call_when_idle; }
