load extend
lesson 01-blocking

# Left out of the contract: the rows about memory. Each process counts the pages
# that all of them share as its own.

@test "01-2 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "01-2 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "01-2 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "01-2 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "01-2 started with fds 0 to 2 closed, it sends nothing but answers" { keeps_clients_off_the_standard_fds; }
@test "01-2 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "01-2 a silent client stops nobody else" { serves_others_beside_a_silent_client; }
@test "01-2 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "01-2 a client that does not read stops nobody else, and loses nothing" { serves_others_beside_a_deaf_client; }

# -------------------------------------------------- a process for each client

@test "01-2 the parent sleeps in accept(), the process of a client in recv()" {
    start_server
    sleeps_in accept
    client 4
    gets_an_answer 4
    sleeps_in accept
    within 2 has_children 1
    within 2 is_asleep "$(children)" recv
    exec 4>&-
}

# is_asleep PID CALL
is_asleep() {
    local call
    call=$(asleep_in "$1")
    [ "$call" = "$2" ] || { [ "$2" = recv ] && [ "$call" = read ]; }
}

@test "01-2 each client gets a process of its own, and only this process reads from it" {
    local born
    under_xray
    start_server -q
    "$ROOT/clients/load" -p "$PORT" -c 10 -n 2 3>&-
    born=$(processes_born)
    "$ROOT/clients/load" -p "$PORT" -c 20 -n 2 3>&-
    same 20 $(($(processes_born) - born)) "processes for 20 clients"
    same 30 "$(readers)" "processes that have read"
}

# births() counts threads, too.
processes_born() {
    grep -c ' a process begins$' "$TRACE" || true
}

@test "01-2 the process of a client has only its client open, the parent only the listener" {
    start_server
    client 4
    gets_an_answer 4
    client 5
    gets_an_answer 5
    within 2 has_children 2
    for pid in "$PID" $(children); do
        within 2 has_tcp_sockets "$pid" 1 ||
            { echo "process $pid of the server $PID: $(tcp_sockets "$pid") sockets"; return 1; }
    done
    exec 4>&- 5>&-
}

@test "01-2 a killed process loses its client; the other clients live on" {
    start_server
    client 4
    gets_an_answer 4
    client 5
    gets_an_answer 5
    kill -KILL "$(children | head -n 1)"
    reads_the_end 4
    gets_an_answer 5
    client 6
    gets_an_answer 6
    exec 4>&- 5>&- 6>&-
}

@test "01-2 the parent reaps a process that has ended, even if no other client comes" {
    start_server
    client 4
    gets_an_answer 4
    within 2 has_children 1
    exec 4>&-
    within 2 has_children 0 || { echo "still its child: $(children)"; return 1; }
    client 4
    gets_an_answer 4
    exec 4>&-
    within 2 has_children 0
}

# Signals are not counted: the parent is stopped while its children end, and
# then gets one SIGCHLD for all of them.
@test "01-2 ten processes that end at the same time are all reaped" {
    local fd
    start_server
    for fd in {40..49}; do
        client "$fd"
        gets_an_answer "$fd"
    done
    within 2 has_children 10
    kill -STOP "$PID"
    for fd in {40..49}; do eval "exec $fd>&-"; done
    within 5 all_have_ended || { echo "some still run"; return 1; }
    kill -CONT "$PID"
    within 5 has_children 0 || { echo "not reaped: $(children | wc -l)"; return 1; }
    client 4
    gets_an_answer 4
    exec 4>&-
}

all_have_ended() {
    local pid
    for pid in $(children); do
        grep -q '^State:[[:space:]]*[ZX]' "/proc/$pid/status" || return 1
    done
}

@test "01-2 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { ends_by_signal; }

@test "01-2 Ctrl-C, a SIGINT to all its processes, ends them, and one prints bye" {
    heeds_sigint
    start_server
    client 4
    gets_an_answer 4
    kill -INT -- "-$PID"
    within 2 gone "$PID"
    ends_with 0 "$PID"
    same 1 "$(grep -cx bye "$LOG")" byes
    same bye "$(tail -n 1 "$LOG")" "the last line"
    reads_the_end 4
    exec 4>&-
}

# ------------------------------------------------------- the rest of the contract

@test "01-2 SIGTERM and SIGINT end it even if nobody reads its log" { ends_with_a_full_log; }
@test "01-2 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "01-2 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "01-2 a reset while many bytes are pending harms nobody" { survives_a_reset_with_bytes_pending; }
@test "01-2 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "01-2 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "01-2 the server sleeps while it waits for a client that does not read" { sleeps_beside_a_deaf_client; }
@test "01-2 200 clients that send at once all get their answers" { answers_a_burst; }
@test "01-2 without a free fd it sleeps, serves on, and accepts again later" { serves_on_without_fds; }
@test "01-2 clients that come and go cost no fd" { loses_no_fd; }
@test "01-2 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }
