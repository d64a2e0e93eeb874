load extend
lesson 05-epoll

# Left out of the contract: "clients that come and go cost no memory". libc keeps
# memory for each thread.

@test "05-2 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "05-2 100 clients: at most two recv, and one send per message" { counts_calls; }
@test "05-2 wrong usage: the usage, what is wrong, exit 2" {
    refuses_wrong_usage
    refuses_each "-t 0" "-t -1" "-t many" "-t 2x" "-t 65"
}

# ---------------------------------------------------- -t 4: what the threads do

four() {
    FLAGS="-t 4"
}

# loops: how many threads of the server are asleep in epoll_wait() now.
loops() {
    local task
    for task in "/proc/$PID"/task/*; do
        asleep_in "${task##*/}"
    done | grep -c '^epoll_wait$' || true
}

has_loops() {
    local n
    n=$(loops)
    [ "$n" -ge "$1" ] && [ "$n" -le "$2" ]
}

@test "05-2 -t 4: every byte comes back, also 40 clients' at the same time" {
    four
    answers_every_byte
    start_server -q
    threads_share "$ROOT/clients/load" -p "$PORT" -c 40 -n 100 -s 30000
}

# threads_share COMMAND...: this load succeeds, and at least two threads of the
# server work for it: they use CPU time.
threads_share() {
    local task ns n=0
    declare -A before
    for task in "/proc/$PID"/task/*; do
        before[$task]=$(cut -d ' ' -f 1 "$task/schedstat" 2> /dev/null) || true
    done
    run -0 "$@" 3>&-
    [ -r "/proc/$PID/schedstat" ] || return 0
    for task in "${!before[@]}"; do
        ns=$(($(cut -d ' ' -f 1 "$task/schedstat") - before[$task]))
        echo "${task##*/}: $((ns / 1000)) us of CPU"
        [ "$ns" -lt 300000 ] || n=$((n + 1))
    done
    [ "$n" -ge 2 ] || { echo "$n thread has done all the work"; return 1; }
}

@test "05-2 -t 4: four threads sleep in epoll_wait(), with and without clients" {
    four
    start_server -q
    [ -n "$(asleep_in "$PID")" ] || skip "no /proc/PID/syscall here"
    within 3 has_loops 4 5 || { echo "asleep in epoll_wait: $(loops)"; return 1; }
    client 4
    gets_an_answer 4
    client 5
    gets_an_answer 5
    within 3 has_loops 4 5 || { echo "asleep in epoll_wait: $(loops)"; return 1; }
    exec 4>&- 5>&-
}

@test "05-2 -t 4: several threads read from 100 clients, but not more than four" {
    four
    under_xray
    start_server -q
    "$ROOT/clients/load" -p "$PORT" -c 100 -n 10 3>&-
    echo "$(readers) threads have read"
    [ "$(readers)" -ge 2 ]
    [ "$(readers)" -le 4 ]
}

@test "05-2 -t 4: a client stays with one thread" {
    four
    under_xray
    start_server -q
    "$ROOT/clients/load" -p "$PORT" -c 50 -n 20 3>&-
    same '' "$(calls_seen | awk -F '\t' '
        { fd = $3; sub(/,.*/, "", fd) }
        $2 == "close" { delete thread[fd] }
        $2 ~ /^(recv|read)/ && $4 ~ /copied [0-9]/ {
            if (fd in thread && thread[fd] != $1)
                print "fd " fd ": thread " thread[fd] " and thread " $1
            thread[fd] = $1
        }' | sort -u | head -n 5)" "clients that two threads have read from"
    [ "$(readers)" -ge 2 ]
}

@test "05-2 -t 4: its threads sleep in epoll_wait() and nowhere else" { four; sleeps_in_its_wait epoll_wait epoll_pwait epoll_pwait2; }

@test "05-2 -t 4: at most two recv, and one send per message" { four; counts_calls; }

# A thread closes an fd, and at once another thread gets its number.
@test "05-2 -t 4: clients that come and go all the time get their own answers" {
    four
    start_server -q
    local i j pids status=0
    threads_share "$ROOT/clients/load" -p "$PORT" -c 100 -n 100
    for i in {1..10}; do
        pids=()
        for j in 1 2 3 4; do
            "$ROOT/clients/load" -p "$PORT" -c 50 -n 1 -s 100 \
                > "$BATS_TEST_TMPDIR/load.$j" 2>&1 3>&- &
            pids+=($!)
        done
        for j in 1 2 3 4; do
            wait "${pids[j - 1]}" || { status=1; cat "$BATS_TEST_TMPDIR/load.$j"; }
        done
        [ "$status" = 0 ] || return 1
    done
    "$ROOT/clients/load" -p "$PORT" -c 1 -n 1 3>&-
    within 3 has_tcp_sockets "$PID" 1
}

@test "05-2 -t 64 and -t 1 work too" {
    FLAGS="-t 64"
    start_server -q
    run -0 "$ROOT/clients/load" -p "$PORT" -c 100 -n 20 3>&-
    within 3 has_loops 64 65 || { echo "asleep in epoll_wait: $(loops)"; return 1; }
    teardown
    FLAGS="-t 1"
    start_server -q
    run -0 "$ROOT/clients/load" -p "$PORT" -c 100 -n 20 3>&-
}

# ---------------------------------------------------- -t 4: the contract

@test "05-2 -t 4: a port in use: one line that names call and port, exit 1" { four; names_a_port_in_use; }
@test "05-2 -t 4: started with fds 0 to 2 closed, it sends nothing but answers" { four; keeps_clients_off_the_standard_fds; }
@test "05-2 -t 4: 8 MiB at once come back byte for byte" { four; answers_8_mib; }
@test "05-2 -t 4: a client that stops sending still gets its last byte" { four; answers_after_half_close; }
@test "05-2 -t 4: a client that closes without reading harms nobody" { four; survives_a_close_without_reading; }
@test "05-2 -t 4: a client that resets, at whatever moment, harms nobody" { four; survives_a_reset; }
@test "05-2 -t 4: a reset while many bytes are pending harms nobody" { four; survives_a_reset_with_bytes_pending; }
@test "05-2 -t 4: a reset before the server has accepted harms nobody" { four; survives_a_reset_in_the_backlog; }
@test "05-2 -t 4: stopped and continued, it goes on where it was" { four; survives_stop_and_continue; }
@test "05-2 -t 4: SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { four; ends_by_signal; }
@test "05-2 -t 4: a silent client stops nobody else" { four; serves_others_beside_a_silent_client; }
@test "05-2 -t 4: a client that does not read stops nobody else, and loses nothing" { four; serves_others_beside_a_deaf_client; }
@test "05-2 -t 4: the server sleeps while it waits for a client that does not read" { four; sleeps_beside_a_deaf_client; }
@test "05-2 -t 4: a client that sends without end gets one turn per round" { four; takes_turns_with_a_greedy_client; }
@test "05-2 -t 4: 200 clients that send at once all get their answers" { four; answers_a_burst; }
@test "05-2 -t 4: without a free fd it sleeps, serves on, and accepts again later" { four; serves_on_without_fds; }
@test "05-2 -t 4: clients that come and go cost no fd" { four; loses_no_fd; }
@test "05-2 -t 4: with nothing to do it makes no system call" { four; makes_no_system_call_when_idle; }
