load helper
load contract
lesson 07-threads-procs

# The whole contract for the first model, a thread per client, except one row.
# Left out: loses_no_memory. libc keeps the stacks of threads that have ended
# for the next threads, up to 40 MiB. A test below looks at what that costs.

@test "07 it listens on 127.0.0.1 alone, at the port it says" { listens_on_127_0_0_1_alone; }
@test "07 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "07 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "07 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "07 started with fds 0 to 2 closed, it sends nothing but answers" { keeps_clients_off_the_standard_fds; }
@test "07 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "07 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "07 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "07 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "07 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "07 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "07 a reset while many bytes are pending harms nobody" { survives_a_reset_with_bytes_pending; }
@test "07 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "07 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "07 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { ends_by_signal; }
@test "07 SIGTERM and SIGINT end it even if nobody reads its log" { ends_with_a_full_log; }
@test "07 a silent client stops nobody else" { serves_others_beside_a_silent_client; }
@test "07 a client that does not read stops nobody else, and loses nothing" { serves_others_beside_a_deaf_client; }
@test "07 the server sleeps while it waits for a client that does not read" { sleeps_beside_a_deaf_client; }
@test "07 a client that does not read costs 64 KiB of memory at most" { keeps_64_kib_for_a_deaf_client; }
@test "07 a client that sends without end gets one turn per round" { takes_turns_with_a_greedy_client; }
@test "07 200 clients that send at once all get their answers" { answers_a_burst; }
@test "07 without a free fd it sleeps, serves on, and accepts again later" { serves_on_without_fds; }
@test "07 1,100 clients, even if it cannot serve all, harm nobody" { serves_on_beyond_1024_fds; }
@test "07 clients that come and go cost no fd" { loses_no_fd; }
@test "07 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }

# ------------------------------------------------------ -m process
#
# All models share the code that reads the arguments and changes the bytes, so
# these rows are not repeated. Nor are those about memory: each process counts
# the pages that all of them share as its own.

process() {
    with_flags -m process
}

@test "07 process: a line of log per event, and none with -q" { process; logs_unless_quiet; }
@test "07 process: started with fds 0 to 2 closed, it sends nothing but answers" { process; keeps_clients_off_the_standard_fds; }
@test "07 process: 8 MiB at once come back byte for byte" { process; answers_8_mib; }
@test "07 process: a client that stops sending still gets its last byte" { process; answers_after_half_close; }
@test "07 process: a client that closes without reading harms nobody" { process; survives_a_close_without_reading; }
@test "07 process: a client that resets, at whatever moment, harms nobody" { process; survives_a_reset; }
@test "07 process: a reset while many bytes are pending harms nobody" { process; survives_a_reset_with_bytes_pending; }
@test "07 process: a reset before the server has accepted harms nobody" { process; survives_a_reset_in_the_backlog; }
@test "07 process: stopped and continued, it goes on where it was" { process; survives_stop_and_continue; }
@test "07 process: SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { process; ends_by_signal; }
@test "07 process: SIGTERM and SIGINT end it even if nobody reads its log" { process; ends_with_a_full_log; }
@test "07 process: a silent client stops nobody else" { process; serves_others_beside_a_silent_client; }
@test "07 process: a client that does not read stops nobody else, and loses nothing" { process; serves_others_beside_a_deaf_client; }
@test "07 process: the server sleeps while it waits for a client that does not read" { process; sleeps_beside_a_deaf_client; }
@test "07 process: 200 clients that send at once all get their answers" { process; answers_a_burst; }
@test "07 process: without a free fd it sleeps, serves on, and accepts again later" { process; serves_on_without_fds; }
@test "07 process: clients that come and go cost no fd" { process; loses_no_fd; }

# -------------------------------------------------------- -m pool
#
# As above; and no row with more clients than workers: the others wait.

pool() {
    with_flags -m pool -w 20
}

@test "07 pool: a line of log per event, and none with -q" { pool; logs_unless_quiet; }
@test "07 pool: started with fds 0 to 2 closed, it sends nothing but answers" { pool; keeps_clients_off_the_standard_fds; }
@test "07 pool: a client that stops sending still gets its last byte" { pool; answers_after_half_close; }
@test "07 pool: a client that closes without reading harms nobody" { pool; survives_a_close_without_reading; }
@test "07 pool: a client that resets, at whatever moment, harms nobody" { pool; survives_a_reset; }
@test "07 pool: stopped and continued, it goes on where it was" { pool; survives_stop_and_continue; }
@test "07 pool: SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { pool; ends_by_signal; }
@test "07 pool: SIGTERM and SIGINT end it even if nobody reads its log" { pool; ends_with_a_full_log; }
@test "07 pool: a silent client stops nobody else" { pool; serves_others_beside_a_silent_client; }
@test "07 pool: a client that does not read stops nobody else, and loses nothing" { pool; serves_others_beside_a_deaf_client; }
@test "07 pool: without a free fd it sleeps, serves on, and accepts again later" { pool; serves_on_without_fds; }
@test "07 pool: clients that come and go cost no fd" { pool; loses_no_fd; }

# ----------------------------------------------------- -m prefork

prefork() {
    with_flags -m prefork -w 20
}

@test "07 prefork: a line of log per event, and none with -q" { prefork; logs_unless_quiet; }
@test "07 prefork: started with fds 0 to 2 closed, it sends nothing but answers" { prefork; keeps_clients_off_the_standard_fds; }
@test "07 prefork: a client that stops sending still gets its last byte" { prefork; answers_after_half_close; }
@test "07 prefork: a client that closes without reading harms nobody" { prefork; survives_a_close_without_reading; }
@test "07 prefork: a client that resets, at whatever moment, harms nobody" { prefork; survives_a_reset; }
@test "07 prefork: a reset while many bytes are pending harms nobody" { prefork; survives_a_reset_with_bytes_pending; }
@test "07 prefork: a reset before the server has accepted harms nobody" { prefork; survives_a_reset_in_the_backlog; }
@test "07 prefork: stopped and continued, it goes on where it was" { prefork; survives_stop_and_continue; }
@test "07 prefork: SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { prefork; ends_by_signal; }
@test "07 prefork: SIGTERM and SIGINT end it even if nobody reads its log" { prefork; ends_with_a_full_log; }
@test "07 prefork: a silent client stops nobody else" { prefork; serves_others_beside_a_silent_client; }
@test "07 prefork: a client that does not read stops nobody else, and loses nothing" { prefork; serves_others_beside_a_deaf_client; }
@test "07 prefork: clients that come and go cost no fd" { prefork; loses_no_fd; }
@test "07 prefork: with nothing to do it makes no system call" { prefork; makes_no_system_call_when_idle; }

# ----------------------------------------------------------- their own claims

@test "07 a model that does not exist, or no worker: exit 2" {
    with_flags -m process
    FLAGS=
    refuses 2 -m fibre
    contains "$output" fibre
    contains "$output" usage
    refuses 2 -m pool -w 0
    contains "$output" usage
}

@test "07 thread: 5,000 clients are all answered" {
    fd_limit_of 5100
    scene --timeout 20 <<'END'
server -q
crowd 5000 send "hi\n" expect "HI\n"
crowd leaves
B connect
B send "bye\n"
B expect "BYE\n"
END
}

# Our server needs 16 KiB.
@test "07 thread: an idle client costs 64 KiB of memory at most" {
    local most=16000
    [ -z "${SERVER:-}" ] || most=64000
    fd_limit_of 1100
    memory_is_its_own
    ${CC:-cc} -Q --help=common 2> /dev/null |
        grep -q 'fstack-clash-protection.*enabled' &&
        skip "this compiler touches every page of a large frame beforehand"
    scene <<END
server -q
crowd 1000
B connect
B send "hello\n"
B expect "HELLO\n"
memory $most
END
}

# The same round several times: from the third on it may cost nothing.
@test "07 thread: clients that come and go cost the stacks that libc keeps, and no more" {
    memory_is_its_own
    local round='crowd 100 send 100000 x expect 100000 X leaves
crowd 300 send "hi\n" expect "HI\n" resets
B connect
crowd 10 send 10000000 x
B send 8000000 y
B expect 8000000 Y
crowd resets
B send "hello\n"
B expect "HELLO\n"
B close
wait 100ms
memory 1000000000'
    memory_of --timeout 20 <<< "server -q
$round
$round
$round
$round
$round"
    grows_no_more 400
}

@test "07 thread: it raises its own limit of open files" {
    fd_limit_of 2000
    ulimit -Sn 64
    scene <<'END'
server
crowd 500 send "hi\n" expect "HI\n"
END
}

# takes_all FLAGS...: the row is about each of these.
takes_all() {
    local flags
    for flags; do
        # shellcheck disable=SC2086 # they are words
        with_flags $flags
    done
}

# client FD: a client connects; FD is its socket here.
client() {
    eval "exec $1<> /dev/tcp/127.0.0.1/$PORT"
}

# gets_an_answer FD: this client sends its name and reads it back.
gets_an_answer() {
    echo "client $1" >&"$1"
    local answer=
    read -r -t 3 -u "$1" answer || true
    same "CLIENT $1" "$answer" "answer"
}

# It reads an end of file or a reset (status 1), not a timeout (above 128).
reads_the_end() {
    local status=0 line
    read -r -t 3 -u "$1" line 2> /dev/null || status=$?
    same 1 "$status" "status of a read at the end"
}

# lists_children: skip where the system does not. (A skip in $(...) would skip
# nothing.)
lists_children() {
    [ -r "/proc/$$/task/$$/children" ] || skip "/proc does not list children"
}

# children: the pids of the server's children, one a line, the oldest first.
children() {
    tr ' ' '\n' < "/proc/$PID/task/$PID/children" | grep . || true
}

has_children() {
    [ "$(children | wc -l)" -eq "$1" ]
}

@test "07 process: a killed process loses its client; the other clients live on" {
    lists_children
    process
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
    within 2 has_children 2 # and no zombie
    exec 4>&- 5>&- 6>&-
    within 2 has_children 0
}

@test "07 process: each child has only its client open, the parent only the listener" {
    lists_children
    process
    start_server
    client 4
    gets_an_answer 4
    client 5
    gets_an_answer 5
    for pid in "$PID" $(children); do
        run -0 bash -c "ls -l /proc/$pid/fd | grep -c socket:"
        same 1 "$output" "sockets of $pid"
    done
    exec 4>&- 5>&-
}

@test "07 prefork: a killed worker loses its client, and the parent starts another one" {
    lists_children
    with_flags -m prefork -w 2
    start_server
    within 2 has_children 2
    local before
    before=$(children)
    client 4
    gets_an_answer 4
    client 5
    gets_an_answer 5
    kill -KILL "$(head -n 1 <<< "$before")"
    within 2 has_children 2
    [ "$before" != "$(children)" ]
    client 6 # the new worker serves it
    gets_an_answer 6
    # One of the two has lost its server.
    echo "still here" >&4
    echo "still here" >&5
    local alive=0 answer
    for fd in 4 5; do
        read -r -t 3 -u "$fd" answer 2> /dev/null && alive=$((alive + 1))
    done
    same 1 "$alive" "clients alive"
    exec 4>&- 5>&- 6>&-
}

@test "07 process, prefork: Ctrl-C ends all processes, and one prints bye" {
    takes_all "-m process" "-m prefork -w 3"
    for FLAGS in "-m process" "-m prefork -w 3"; do
        start_server
        client 4
        gets_an_answer 4
        kill -INT -- "-$PID"
        within 2 gone "$PID"
        ends_with 0 "$PID"
        same 1 "$(grep -cx bye "$LOG")" "byes"
        exec 4>&-
        teardown
    done
}

# ended PID: it has ended; it may be a zombie that init has not reaped yet.
ended() {
    ! grep -qs '^State:[[:space:]]*[RSDTt]' "/proc/$1/status"
}

@test "07 process, prefork: when the parent is killed, all end, and the port is free" {
    [ "$(uname)" = Linux ] || skip "only Linux kills a child with its parent"
    takes_all "-m process" "-m prefork -w 3"
    for FLAGS in "-m process" "-m prefork -w 3"; do
        start_server
        client 4
        gets_an_answer 4
        local pids
        pids=$(children)
        [ -n "$pids" ]
        kill -KILL "$PID"
        for pid in $pids; do
            within 2 ended "$pid"
        done
        reads_the_end 4
        exec 4>&-
        ! client 4 2> /dev/null
    done
}

# serves_two_at_a_time: there are two workers, and the third client waits.
serves_two_at_a_time() {
    scene <<'END'
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

@test "07 pool: it serves as many clients as it has workers; the next one waits" {
    with_flags -m pool
    serves_two_at_a_time
}

@test "07 prefork: it serves as many clients as it has workers; the next one waits" {
    with_flags -m prefork
    serves_two_at_a_time
}

# Many clients for two workers: for our server, more than fit into the pool's
# queue. (How many may wait for accept() is not asked of another one.)
@test "07 pool, prefork: each waiting client gets its answer, and SIGTERM does not wait" {
    local waiting=200
    [ -z "${SERVER:-}" ] || waiting=8
    takes_all "-m pool -w 2" "-m prefork -w 2"
    for FLAGS in "-m pool -w 2" "-m prefork -w 2"; do
        start_server -q
        run -0 "$ROOT/clients/load" -p "$PORT" -c "$waiting" -n 1 3>&-
        scene <<END
server
A connect
B connect
crowd $waiting send "hi\n"
wait 50ms
signal TERM
expect exit 0
END
        teardown
    done
}

# Many threads or processes write the log of 50 clients when SIGTERM arrives. In
# a line that is torn, FILE:LINE: of another one stands in the middle, or that of
# its own is missing.
@test "07 the log has whole lines, and bye is the last one, in all models" {
    takes_all "-m thread" "-m process" "-m pool" "-m prefork"
    for FLAGS in "-m thread" "-m process" "-m pool" "-m prefork"; do
        start_server
        "$ROOT/clients/load" -p "$PORT" -c 50 -n 100000 > /dev/null 2>&1 3>&- &
        local load=$!
        within 5 logged 200
        kill -TERM "$PID"
        within 2 gone "$PID"
        ends_with 0 "$PID"
        wait "$load" || true
        same bye "$(tail -n 1 "$LOG")" "the last line"
        run -0 torn_lines
        same '' "$output" "torn lines, with $FLAGS"
    done
}

logged() {
    [ "$(wc -l < "$LOG")" -ge "$1" ]
}

torn_lines() {
    sed '1d; $d' "$LOG" | awk '
        !match($0, /^[^ :]+:[0-9]+: /) { print; next }
        { file = substr($0, 1, index($0, ":"))
          if (index(substr($0, RLENGTH), file)) print }' | head -n 5
}

# There is address space for a few stacks more than it has with one client.
@test "07 thread: no room for another thread: that client gets EOF, the others live on" {
    memory_is_its_own
    local size
    start_server
    client 4
    gets_an_answer 4
    size=$(sed -n 's/^VmSize:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$PID/status" 2> /dev/null) ||
        skip "no /proc here"
    exec 4>&-
    teardown
    (ulimit -v $((size + 15000)) && scene) <<'END'
server
A connect
A send "one\n"
A expect "ONE\n"
crowd 200
C connect
C expect eof
A send "two\n"
A expect "TWO\n"
crowd leaves
wait 50ms
B connect
B send "room again\n"
B expect "ROOM AGAIN\n"
END
}

# The server runs as another user with few processes; root has no such limit.
@test "07 process, prefork: no room for another process: it logs that and serves on" {
    [ "$(id -u)" -eq 0 ] || skip "only root can become another user"
    command -v setpriv prlimit > /dev/null || skip "setpriv or prlimit is missing"
    # The server and two children, as users that have no other process.
    local few="--clear-groups prlimit --nproc=3:3" one=$((100000 + 2 * $$))
    local other=$((one + 1))
    setpriv --reuid "$one" --regid "$one" --clear-groups test -x "$PROGRAM" ||
        skip "others may not run $PROGRAM"

    FLAGS="-m process" SLOWLY="setpriv --reuid $one --regid $one $few"
    start_server
    client 4
    gets_an_answer 4
    client 5
    gets_an_answer 5
    client 6
    reads_the_end 6
    gets_an_answer 4
    exec 4>&-
    within 2 has_children 1
    client 6
    gets_an_answer 6
    gets_an_answer 5
    exec 5>&- 6>&-
    teardown

    FLAGS="-m prefork -w 4" SLOWLY="setpriv --reuid $other --regid $other $few"
    start_server
    within 2 has_children 2
    client 4
    gets_an_answer 4
    within 5 eval '[ "$(asleep_in "$PID")" != running ]'
    kill -KILL "$(children | tail -n 1)" "$(children | head -n 1)"
    reads_the_end 4
    within 2 has_children 2
    client 5
    gets_an_answer 5
    exec 4>&- 5>&-
}

@test "07 thread, process: each client gets its own one, and only that one reads from it" {
    local born
    takes_all "-m thread" "-m process"
    under_xray
    for FLAGS in "-m thread" "-m process"; do
        start_server -q
        "$ROOT/clients/load" -p "$PORT" -c 10 -n 2 3>&-
        born=$(births)
        "$ROOT/clients/load" -p "$PORT" -c 20 -n 2 3>&-
        born=$(($(births) - born))
        echo "$born threads or processes for 20 clients"
        [ "$born" -ge 20 ]
        same 30 "$(readers)" "threads or processes that have read"
        teardown
    done
}

@test "07 pool, prefork: only the workers read, and it starts no more of them" {
    local born
    takes_all "-m pool -w 5" "-m prefork -w 5"
    under_xray
    for FLAGS in "-m pool -w 5" "-m prefork -w 5"; do
        start_server -q
        "$ROOT/clients/load" -p "$PORT" -c 30 -n 2 3>&-
        born=$(births)
        "$ROOT/clients/load" -p "$PORT" -c 30 -n 2 3>&-
        born=$(($(births) - born)) # a runtime may start a few of its own
        echo "$born more threads or processes for 30 more clients"
        [ "$born" -le 5 ]
        [ "$(readers)" -le 5 ]
        teardown
    done
}

@test "07 one thread or process sleeps in accept(), and for each client one in recv()" {
    [ -n "$(asleep_in $$)" ] || skip "no /proc/PID/syscall here"
    takes_all "-m thread" "-m process"
    for FLAGS in "-m thread" "-m process"; do
        start_server
        within 5 asleep_so accept 0
        client 4
        gets_an_answer 4
        client 5
        gets_an_answer 5
        within 5 asleep_so accept 2 ||
            { echo "its threads are in:"; sleepers | sort | uniq -c; return 1; }
        exec 4>&- 5>&-
        teardown
    done
}

# The calls in which its threads and processes are.
sleepers() {
    local task
    for task in $(tasks); do asleep_in "$task"; done
}

# asleep_so accept N: at least one thread sleeps in accept(), and N in recv() or
# read().
asleep_so() {
    [ "$(sleepers | grep -cx accept)" -ge 1 ] &&
        [ "$(sleepers | grep -cxE 'recv|read')" -ge "$2" ]
}

@test "07 client: 100 threads, 100 messages each, every answer checked, one line" {
    build 07-threads-procs/client
    for FLAGS in "-m thread" "-m process" "-m pool" "-m prefork"; do
        start_server -q
        run -0 "$ROOT/07-threads-procs/client" -p "$PORT" 3>&-
        same 1 "${#lines[@]}" lines
        contains "$output" "10000 answers, all right"
        teardown
    done
}

@test "07 client: if the server is killed, one line says so, exit 1" {
    build 07-threads-procs/client
    start_server -q
    "$ROOT/07-threads-procs/client" -p "$PORT" -c 10 -n 1000000 \
        > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    local client=$!
    sleep 0.2
    kill -KILL "$PID"
    ends_with 1 "$client"
    contains "$(cat "$BATS_TEST_TMPDIR/out")" "missing"
    contains "$(cat "$BATS_TEST_TMPDIR/out")" "the server has gone"
    same 2 "$(wc -l < "$BATS_TEST_TMPDIR/out")" lines
}
