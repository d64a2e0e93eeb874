load helper
load contract
load steps
lesson 07-threads-procs

# The whole contract for the first model, a thread per client, but for one row.
# Left out: loses_no_memory, since libc keeps the stacks of threads that have
# ended for the next ones, up to 40 MiB; what that costs has a test below.

@test "07 it listens on 127.0.0.1 alone, at the port it says" { listens_where_it_says; }
@test "07 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "07 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "07 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "07 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "07 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "07 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "07 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "07 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "07 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "07 a reset while the server owes much harms nobody" { survives_a_reset_while_it_owes; }
@test "07 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "07 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "07 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { says_bye; }
@test "07 a silent client stops nobody else" { serves_others_beside_a_silent_client; }
@test "07 a client that does not read stops nobody else, and loses nothing" { serves_others_beside_a_deaf_client; }
@test "07 the server sleeps while it waits for a client that does not read" { sleeps_beside_a_deaf_client; }
@test "07 a client that does not read costs 64 KiB of memory at most" { keeps_64_kib_for_a_deaf_client; }
@test "07 a client that sends without end gets one turn per round" { takes_turns_with_a_greedy_client; }
@test "07 200 clients who all speak at once are all answered" { answers_a_burst; }
@test "07 without a free fd it sleeps, serves on, and accepts again later" { lives_on_without_fds; }
@test "07 1,100 clients, whoever of them gets in, harm nobody" { lives_on_beyond_1024_fds; }
@test "07 clients that come and go cost no fd" { loses_no_fd; }
@test "07 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }

# ------------------------------------------------------ -m process
#
# What a byte does, and what an argument, is decided in text that all models
# share. And as each process shows the pages that all of them share as its
# own, memory is not to be seen in this way.

process() {
    FLAGS="-m process"
}

@test "07 process: a line of log per event, and none with -q" { process; logs_unless_quiet; }
@test "07 process: 8 MiB at once come back byte for byte" { process; answers_8_mib; }
@test "07 process: a client that stops sending still gets its last byte" { process; answers_after_half_close; }
@test "07 process: a client that closes without reading harms nobody" { process; survives_a_close_without_reading; }
@test "07 process: a client that resets, at whatever moment, harms nobody" { process; survives_a_reset; }
@test "07 process: a reset while the server owes much harms nobody" { process; survives_a_reset_while_it_owes; }
@test "07 process: a reset before the server has accepted harms nobody" { process; survives_a_reset_in_the_backlog; }
@test "07 process: stopped and continued, it goes on where it was" { process; survives_stop_and_continue; }
@test "07 process: SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { process; says_bye; }
@test "07 process: a silent client stops nobody else" { process; serves_others_beside_a_silent_client; }
@test "07 process: a client that does not read stops nobody else, and loses nothing" { process; serves_others_beside_a_deaf_client; }
@test "07 process: the server sleeps while it waits for a client that does not read" { process; sleeps_beside_a_deaf_client; }
@test "07 process: 200 clients who all speak at once are all answered" { process; answers_a_burst; }
@test "07 process: without a free fd it sleeps, serves on, and accepts again later" { process; lives_on_without_fds; }
@test "07 process: clients that come and go cost no fd" { process; loses_no_fd; }

# -------------------------------------------------------- -m pool
#
# As above; and no row with more clients than workers, whose lesson is to let
# the others wait.

pool() {
    FLAGS="-m pool -w 20"
}

@test "07 pool: a line of log per event, and none with -q" { pool; logs_unless_quiet; }
@test "07 pool: a client that stops sending still gets its last byte" { pool; answers_after_half_close; }
@test "07 pool: a client that closes without reading harms nobody" { pool; survives_a_close_without_reading; }
@test "07 pool: a client that resets, at whatever moment, harms nobody" { pool; survives_a_reset; }
@test "07 pool: stopped and continued, it goes on where it was" { pool; survives_stop_and_continue; }
@test "07 pool: SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { pool; says_bye; }
@test "07 pool: a silent client stops nobody else" { pool; serves_others_beside_a_silent_client; }
@test "07 pool: a client that does not read stops nobody else, and loses nothing" { pool; serves_others_beside_a_deaf_client; }
@test "07 pool: without a free fd it sleeps, serves on, and accepts again later" { pool; lives_on_without_fds; }
@test "07 pool: clients that come and go cost no fd" { pool; loses_no_fd; }

# ----------------------------------------------------- -m prefork

prefork() {
    FLAGS="-m prefork -w 20"
}

@test "07 prefork: a line of log per event, and none with -q" { prefork; logs_unless_quiet; }
@test "07 prefork: a client that stops sending still gets its last byte" { prefork; answers_after_half_close; }
@test "07 prefork: a client that closes without reading harms nobody" { prefork; survives_a_close_without_reading; }
@test "07 prefork: a client that resets, at whatever moment, harms nobody" { prefork; survives_a_reset; }
@test "07 prefork: a reset while the server owes much harms nobody" { prefork; survives_a_reset_while_it_owes; }
@test "07 prefork: a reset before the server has accepted harms nobody" { prefork; survives_a_reset_in_the_backlog; }
@test "07 prefork: stopped and continued, it goes on where it was" { prefork; survives_stop_and_continue; }
@test "07 prefork: SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { prefork; says_bye; }
@test "07 prefork: a silent client stops nobody else" { prefork; serves_others_beside_a_silent_client; }
@test "07 prefork: a client that does not read stops nobody else, and loses nothing" { prefork; serves_others_beside_a_deaf_client; }
@test "07 prefork: clients that come and go cost no fd" { prefork; loses_no_fd; }
@test "07 prefork: with nothing to do it makes no system call" { prefork; makes_no_system_call_when_idle; }

# ----------------------------------------------------------- their own claims

@test "07 whoever asks for a model that there is not, or for no worker: exit 2" {
    refuses 2 -m fibre
    contains "$output" fibre
    contains "$output" usage
    refuses 2 -m pool -w 0
    contains "$output" usage
}

@test "07 thread: 5,000 clients are all answered" {
    fd_limit_of 5100
    scene <<'END'
server -q
crowd 5000 send "hi\n" expect "HI\n"
idle 100ms
END
}

@test "07 thread: an idle client costs 16 KiB of memory at most" {
    fd_limit_of 1100
    memory_is_its_own
    "${CC:-cc}" -Q --help=common 2> /dev/null |
        grep -q 'fstack-clash-protection.*enabled' &&
        skip "this compiler touches every page of a large frame beforehand"
    scene <<'END'
server -q
crowd 1000
idle 50ms
memory 16000
END
}

@test "07 thread: clients that come and go cost the stacks that libc keeps, and no more" {
    memory_is_its_own
    scene <<'END'
server -q
crowd 100 send 100000 x expect 100000 X
crowd leaves
idle 20ms
memory 4000
crowd 100 send 100000 x expect 100000 X
crowd resets
idle 20ms
crowd 100 send 100000 x expect 100000 X
crowd leaves
idle 20ms
memory 4000
END
}

@test "07 thread: it raises its own limit of open files" {
    fd_limit_of 2000
    (ulimit -Sn 64 && scene) <<'END'
server
crowd 500 send "hi\n" expect "HI\n"
END
}

# Clients A and B hold fd 4 and 5, C fd 6; each says its name, reads it back.
client() {
    eval "exec $1<> /dev/tcp/127.0.0.1/$PORT"
}

speaks() {
    echo "client $1" >&"$1"
    local answer=
    read -r -t 3 -u "$1" answer || true
    same "CLIENT $1" "$answer" "answer"
}

# It hears an end of file (1), or a reset; and no time out (above 128).
hears_the_end() {
    local status=0 line
    read -r -t 3 -u "$1" line 2> /dev/null || status=$?
    same 1 "$status" "status of a read that should have met the end"
}

# children: of the server, one each line, the oldest first.
children() {
    [ -r "/proc/$PID/task/$PID/children" ] || skip "/proc tells no children"
    tr ' ' '\n' < "/proc/$PID/task/$PID/children" | grep . || true
}

has_children() {
    [ "$(children | wc -l)" -eq "$1" ]
}

@test "07 process: one that is killed takes its client with it, nobody else" {
    process
    start_server
    client 4
    speaks 4
    client 5
    speaks 5
    kill -KILL "$(children | head -n 1)"
    hears_the_end 4
    speaks 5
    client 6
    speaks 6
    within 2 has_children 2 # of them no zombie
    exec 4>&- 5>&- 6>&-
    within 2 has_children 0
}

@test "07 process: each holds the client that it serves, the parent none" {
    process
    start_server
    client 4
    speaks 4
    client 5
    speaks 5
    for pid in "$PID" $(children); do
        # the listener alone, or the client alone
        run -0 bash -c "ls -l /proc/$pid/fd | grep -c socket:"
        same 1 "$output" "sockets of $pid"
    done
    exec 4>&- 5>&-
}

@test "07 prefork: a worker that is killed takes its client with it, and is replaced" {
    FLAGS="-m prefork -w 2"
    start_server
    within 2 has_children 2
    local before
    before=$(children)
    client 4
    speaks 4
    client 5
    speaks 5
    kill -KILL "$(head -n 1 <<< "$before")"
    within 2 has_children 2
    [ "$before" != "$(children)" ]
    client 6 # the new one is there for it
    speaks 6
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

@test "07 process, prefork: Ctrl-C reaches all of them, and one says bye" {
    for FLAGS in "-m process" "-m prefork -w 3"; do
        start_server
        client 4
        speaks 4
        kill -INT -- "-$PID"
        within 2 gone "$PID"
        ends_with 0 "$PID"
        same 1 "$(grep -cx bye "$LOG")" "byes"
        exec 4>&-
        teardown
    done
}

# ended PID: or a zombie, whom its new parent, init, has not waited for yet.
ended() {
    ! grep -qs '^State:[[:space:]]*[RSDTt]' "/proc/$1/status"
}

@test "07 process, prefork: when the parent is killed, all end, and the port is free" {
    [ "$(uname)" = Linux ] || skip "only Linux lets a child ask for that"
    for FLAGS in "-m process" "-m prefork -w 3"; do
        start_server
        client 4
        speaks 4
        local pids
        pids=$(children)
        [ -n "$pids" ]
        kill -KILL "$PID"
        for pid in $pids; do
            within 2 ended "$pid"
        done
        hears_the_end 4
        exec 4>&-
        ! client 4 2> /dev/null
    done
}

# serves_two_at_a_time: with two workers the third client waits for one.
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

@test "07 pool: as many clients as workers are served, the next one waits" {
    FLAGS="-m pool" serves_two_at_a_time
}

@test "07 prefork: as many clients as workers are served, the next one waits" {
    FLAGS="-m prefork" serves_two_at_a_time
}

# 200 wait for two workers: more than the pool's queue holds.
@test "07 pool, prefork: whoever waits is served in the end, and SIGTERM waits for nobody" {
    for FLAGS in "-m pool -w 2" "-m prefork -w 2"; do
        start_server -q
        run -0 "$ROOT/clients/load" -p "$PORT" -c 200 -n 1 3>&-
        scene <<'END'
server
A connect
B connect
crowd 200 send "hi\n"
idle 50ms
signal TERM
expect exit 0
END
        teardown
    done
}

# The log of 50 clients at once, from many threads or processes, and SIGTERM
# in the midst of it.
@test "07 the log is whole lines, and bye the last one, whoever writes" {
    for FLAGS in "-m thread" "-m process" "-m pool" "-m prefork"; do
        start_server
        "$ROOT/clients/load" -p "$PORT" -c 50 -n 100000 > /dev/null 2>&1 3>&- &
        local load=$!
        sleep 0.1
        kill -TERM "$PID"
        within 2 gone "$PID"
        ends_with 0 "$PID"
        wait "$load" || true
        same bye "$(tail -n 1 "$LOG")" "the last line"
        sed '1d; $d' "$LOG" > "$BATS_TEST_TMPDIR/lines"
        [ "$(wc -l < "$BATS_TEST_TMPDIR/lines")" -gt 100 ]
        run -1 grep -vE '^[^ :]+:[0-9]+: [^:]+(:[0-9]+)?: [^:]+(: [^:]+)?$' \
            "$BATS_TEST_TMPDIR/lines"
    done
}

# The log is a pipe that nobody reads. The load fills it, and then the server
# sleeps in write(): each of its threads or processes that has a line to log.
@test "07 SIGTERM and SIGINT end it even if its log is a pipe that nobody reads" {
    local signal line pipe=$BATS_TEST_TMPDIR/pipe
    mkfifo "$pipe"
    for FLAGS in "-m thread" "-m process" "-m pool" "-m prefork"; do
        for signal in TERM INT; do
            exec 8<> "$pipe"
            set -m
            # shellcheck disable=SC2086 # FLAGS are words
            "$PROGRAM" -p 0 $FLAGS > "$pipe" 2>&1 < /dev/null 3>&- 8>&- &
            PID=$!
            set +m
            read -r -t 5 -u 8 line
            PORT=${line##*:}
            run "$ROOT/clients/load" -p "$PORT" -c 100 -n 100 -t 1 3>&- 8>&-
            [ "$status" -ne 0 ] || { echo "the pipe is not full"; return 1; }
            kill -s "$signal" "$PID"
            within 1 gone "$PID" || { echo "$FLAGS: SIG$signal"; return 1; }
            ends_with 0 "$PID"
            PID=
            exec 8>&-
        done
    done
}

# Address space for a few stacks only: the next thread is one too many.
@test "07 thread: no room for one more thread: that client hears an end, the others live on" {
    memory_is_its_own
    (ulimit -v 20000 && scene) <<'END'
server
A connect
A send "one\n"
A expect "ONE\n"
crowd 200
see "pthread_create: "
C connect
C expect eof
idle 50ms
A send "two\n"
A expect "TWO\n"
crowd leaves
idle 50ms
B connect
B send "room again\n"
B expect "ROOM AGAIN\n"
END
}

# A user of its own, with few processes; whoever is root has no such limit.
@test "07 process, prefork: no room for one more: it says so, and serves on" {
    [ "$(id -u)" -eq 0 ] || skip "it takes root to become somebody else"
    command -v setpriv prlimit > /dev/null || skip "setpriv or prlimit is missing"
    # The server and two more, of users that nobody else is.
    local few="--clear-groups prlimit --nproc=3:3" one=$((100000 + 2 * $$))
    local other=$((one + 1))
    setpriv --reuid "$one" --regid "$one" --clear-groups test -x "$PROGRAM" ||
        skip "others may not run $PROGRAM"

    FLAGS="-m process" SLOWLY="setpriv --reuid $one --regid $one $few"
    start_server
    client 4
    speaks 4
    client 5
    speaks 5
    client 6
    hears_the_end 6
    speaks 4
    exec 4>&-
    within 2 has_children 1
    client 6
    speaks 6
    speaks 5
    exec 5>&- 6>&-
    teardown

    FLAGS="-m prefork -w 4" SLOWLY="setpriv --reuid $other --regid $other $few"
    start_server
    within 2 has_children 2
    client 4
    speaks 4
    sleeps_in select
    kill -KILL "$(children | tail -n 1)" "$(children | head -n 1)"
    hears_the_end 4
    within 2 has_children 2
    client 5
    speaks 5
    exec 4>&- 5>&-
}

@test "07 thread, process: one more for each client, and nobody else reads from it" {
    local born
    under_xray
    for FLAGS in "-m thread" "-m process"; do
        start_server -q
        "$ROOT/clients/load" -p "$PORT" -c 10 -n 2 3>&-
        born=$(births)
        "$ROOT/clients/load" -p "$PORT" -c 20 -n 2 3>&-
        same 20 $(($(births) - born)) "threads or processes for 20 clients"
        same 30 "$(readers)" "of all those for 30 have read"
        teardown
    done
}

@test "07 pool, prefork: as many as there are workers read, and no more are made" {
    local born
    under_xray
    for FLAGS in "-m pool -w 5" "-m prefork -w 5"; do
        start_server -q
        "$ROOT/clients/load" -p "$PORT" -c 30 -n 2 3>&-
        born=$(births)
        "$ROOT/clients/load" -p "$PORT" -c 30 -n 2 3>&-
        same "$born" "$(births)" "threads or processes, after 30 more clients"
        [ "$(readers)" -le 5 ]
        teardown
    done
}

@test "07 it sleeps in accept(), one thread or process for all, and one for each in recv()" {
    for FLAGS in "-m thread" "-m process"; do
        start_server
        sleeps_in accept
        client 4
        speaks 4
        sleeps_in accept
        local pid
        for pid in $(children) $(ls "/proc/$PID/task"); do
            asleep_in "$pid"
        done | sort -u > "$BATS_TEST_TMPDIR/sleepers"
        run -0 grep -x recv "$BATS_TEST_TMPDIR/sleepers"
        exec 4>&-
        teardown
    done
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

@test "07 client: a server that goes meanwhile is told in a line, exit 1" {
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

# --------------------------------------------------------- steps and README

# endings TITLE: the order of the ends under this title, in one line.
endings() {
    awk -v title="$1" '!/^ / { mine = $0 == title; next }
        mine && / (Ending|end)/ { sub(/.* s  /, ""); printf "%s;", $0 }' <<< "$output"
}

@test "07a join waits for that thread; main's end waits for none" {
    finds 07a-threads -s 0.05
    same "Ending Alex;Ending egon;end....;" "$(endings "join both")"
    same "Ending Alex;end....;Ending egon;" "$(endings "join the first")"
    same "end....;Ending Alex;Ending egon;" "$(endings "join none")"
    same "Ending Alex;end....;" "$(endings "join the first, and end")"
}

@test "07b whom main does not join is cut off, detached or not" {
    finds 07b-daemon -s 0.05
    same "end..;" "$(endings "both are daemons")"
    same "Ending Alex;Ending egon;end..;" "$(endings "Alex, 3 s, is a daemon")"
    same "Ending Alex;end..;" "$(endings "egon, 5 s, is a daemon")"
    same "Ending Alex;end..;" "$(endings "egon is detached")"
    same 8 "$(grep -c Begin <<< "$output")" "begun"
}

@test "07c without a lock subtractions are lost, with one none is" {
    finds 07c-race -s 0.02
    says "no lock +[1-9][0-9]? left" "held +0 left" "without the lock +0 left"
}

@test "07c ThreadSanitizer finds the race" {
    echo 'int main(void) { return 0; }' > "$BATS_TEST_TMPDIR/probe.c"
    "${CC:-cc}" -fsanitize=thread -o "$BATS_TEST_TMPDIR/probe" \
        "$BATS_TEST_TMPDIR/probe.c" 2> /dev/null &&
        "$BATS_TEST_TMPDIR/probe" 2> /dev/null ||
        skip "ThreadSanitizer is missing, or does not run here"
    run timeout 20 make -s -C "$ROOT" tsan-07c 3>&-
    contains "$output" "data race"
    contains "$output" no_lock
    [ "$status" -ne 0 ]
}

@test "07d who waits for whom is told, and both cures end" {
    finds 07d-deadlock -s 0.05
    says "A then B, against B then A$" "Thread-1 holds A and waits for B" \
        "Thread-2 holds B and waits for A" "both A then B" "both have ended" \
        "while it holds a lock" "unlocks ." "both have ended"
}

@test "07e a recursive lock counts, and has to be given back as often" {
    finds 07e-recursive -s 0.03
    says "plain .*1st: ok, .*for ever" "check .*1st: ok, 2nd: .*deadlock" \
        "recursive .*1st: ok, 2nd: ok" "once.* busy" "twice.* ok" "unlock once" \
        "1 of 5 .*busy" "unlock twice" "5 of 5 .*ok"
}

@test "07f an event that is cleared too late swallows the next one; a count does not" {
    finds 07f-event -s 0.03
    says "5 of 5" "^a flag, and" "4 of 5" "^a count" "5 of 5"
    same 14 "$(grep -c "oh yeah" <<< "$output")" "words of joy"
}

@test "07g twenty threads, and never more than five inside" {
    finds 07g-semaphore -s 0.03
    same 20 "$(grep -c "enters" <<< "$output")" "threads inside"
    says "5 inside$" "20 threads, at most 5 at a time"
}

@test "07h put waits while the queue is full, get while it is empty, join for the work" {
    finds 07h-queue -s 0.05
    says "FIFO .*out 34 56 12$" "LIFO .*out 12 56 34$" "out 3 4 5 7$" \
        "qsize 2, empty 0, full 1" "nowait +Full" "timeout 1 +Full" "put +ok" \
        "qsize 0, empty 1, full 0" "nowait +Empty" "timeout 1 +Empty" "get +ok" \
        "no task_done yet: qsize 0, empty 1" "join +ok, after [2-9]" ValueError
}

@test "07i a shelf with an end makes the cook wait, and each baozi is eaten once" {
    finds 07i-producer-consumer -s 0.05
    says "made 10, eaten 10, most on the shelf 3, .*had to wait" "1000" \
        "made 10, eaten 10, most .*never waited"
    same 20 "$(grep -c " eats baozi [0-9]" <<< "$output")" "baozi eaten"
    same 2 "$(grep -c " eats baozi 7" <<< "$output")" "the eighth, at two meals"
}

@test "07j a process is joined, asked to end, killed; and who outlives a killed parent" {
    finds 07j-processes -s 0.05
    says "10 children: 10 known pids, 10 times" "still 1$" "alive 1, exit code 0, alive 0" \
        "code 3$" "code -6$" "terminate: exit code -15" "alive 1; kill: exit code -9" \
        "lives on"
    [ "$(uname)" = Linux ] || return 0
    says "name: baozi" "lives on" "killed, too"
}

@test "07k a pipe does not keep messages apart, a length or a datagram does" {
    finds 07k-ipc
    says '"onetwo"' '"one", "two"' 'datagrams: "one", "two"' "Bad file" \
        '"ping", "pong"' "5 messages, none mixed" "for ever" "close it: end of file"
}

@test "07l one process owns the dict and the list; to get and to set is two steps" {
    finds 07l-manager
    says "13 keys.*: 1$" "ten: 1$" "list has 10" "by GET and SET: 1$" \
        "by ADD: 10$" "another process .*: 1$"
}

@test "07m with a lock both halves stay together; a robust one survives its owner" {
    finds 07m-process-lock -s 0.05
    whole=$(grep -cE '^hello world ([0-9]) Finished \1$' <<< "${output#*with a lock}")
    same 10 "$whole" "whole lines with the lock"
    without=$(sed '/^with a lock/,$d' <<< "$output")
    same 0 "$(grep -cE '^hello world ([0-9]) Finished \1$' <<< "$without")" "without"
    [ "$(uname)" != Darwin ] || return 0
    says "with a lock" '"Owner died"' '"ok"'
}

@test "07n a pool's processes are reused; its callbacks run in the parent, if at all" {
    finds 07n-pool -s 0.05
    says "apply: 10 tasks.* by [1-5] processes" refused "async: 10 .* by [1-5] " \
        "callbacks: 10, of them in the parent 10; for its children 10" \
        "callbacks 0, error callbacks 10" "no join: 0 of 10"
}

@test "07o the same work by one, by threads, by processes: all of it, and right" {
    finds 07o-cpu-or-io -s 0.05
    says "waiting, 1" "4 threads" "4 processes" "primes, 1" "4 threads" \
        "4 processes" "24 of 24 tasks right"
    # Waiting uses next to no CPU, counting does.
    awk '/^primes/ { counts = 1 } / s  / { cpu[counts] += $(NF - 2) }
        END { exit !(cpu[0] < cpu[1] / 2) }' <<< "$output"
}

@test "07p what is read asynchronously keeps no request waiting" {
    [ "$(uname)" = Linux ] || skip "it is about Linux"
    finds 07p-aio 1
    # a machine that stood still for 60 ms gets another chance
    [[ $output == *" 5 before "* ]] || finds 07p-aio 1
    same 5 "$(grep -c "request of .* is answered" <<< "$output")" "requests"
    says 'message: "hello"' ": 5 .* answered, 5 before the message came"
}

@test "07p a thread reads in our place; asked, by signal, by callback, by error it is told" {
    [ "$(uname)" = Linux ] || skip "it is about Linux"
    finds 07p-aio 2
    says "^threads +1, and 2 after .*(sleeps in read\(\)|may not see)" \
        "^state +[1-9][0-9]* x EINPROGRESS, then 0: 5 bytes, and no signal" \
        "^signal +SIGUSR1, SI_ASYNCIO, .* our own process: 5 bytes" \
        "^callback +in (a new|the other) thread: 5 bytes" \
        "^no reader .*: Broken pipe" "^closed .*: Bad file descriptor"
}

@test "07p without a part it does both, the second as a new program" {
    [ "$(uname)" = Linux ] || skip "it is about Linux"
    finds 07p-aio
    says "^asynchronous: 5 " "^threads +1, and 2 " "^closed "
}

@test "07 the README's commands print what it says" {
    readme_is_true
}
