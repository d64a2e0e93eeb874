# The contract that every lesson's server keeps: one function is one row. A
# lesson's file lists the rows that hold for it, each with a sentence.
#
# Most rows are scenes; clients/scene.md has the words of a scene. At the end of
# a scene play sends SIGTERM to the server: it must end within 2 s, and leave no
# process behind. Until then it must survive all its clients.

load inside
load outside

# ------------------------------------------------------------------- start

listens_on_127_0_0_1_alone() {
    start_server
    same "$LESSON: listening on 127.0.0.1:$PORT" "$(head -n 1 "$LOG")" \
        "its first line"
    is_not_the_lessons_own
    [ ! -r /proc/net/tcp ] ||
        same "127.0.0.1:$PORT" "$(listening | sort -u)" "addresses that it listens on"
}

names_a_port_in_use() {
    start_server
    refuses_on_stderr 1 -p "$PORT"
    same 1 "${#lines[@]}" "lines of the message"
    contains "$output" "$PORT" "its message must name the port"
    [[ ${output,,} =~ bind|listen ]] ||
        contains "$output" bind "its message must name the call"
}

refuses_wrong_usage() {
    local words
    for words in "-p" "-p abc" "-p 65536" "-p -1" "-p 12x" "-Z" "-q extra"; do
        # shellcheck disable=SC2086 # they are words
        refuses_on_stderr 2 $words
        contains "${output,,}" usage "its message with $words: the usage"
    done
    refuses_on_stderr 2 -p 12x
    contains "$output" 12x "its message with -p 12x: the wrong word"
}

# The log is on standard output, and names each client at least twice: when it
# comes and when it goes. With -q there is no log, not on standard error either.
logs_unless_quiet() {
    local errors=$BATS_TEST_TMPDIR/errors
    # shellcheck disable=SC2016 # that shell expands it
    SLOWLY=$(quoted bash -c 'exec "$@" 2> "$0"' "$errors")
    start_server
    load_client -c 5 -n 1
    within 5 logs_each_client || log_is_wrong
    teardown
    start_server -q
    load_client -c 1 -n 1
    kill -TERM "$PID"
    ends_within_2_s TERM
    same "$LESSON: listening on 127.0.0.1:$PORT bye" "$(tr '\n' ' ' < "$LOG" |
        sed 's/ $//')" "all its lines, with -q"
    same '' "$(head -c 200 "$errors")" "standard error, with -q"
}

# Started with fds 0 to 2 closed, the server would get one of these numbers for
# a client's socket, and its log would go to that client.
keeps_clients_off_the_standard_fds() {
    start_server # to find a free port
    teardown
    set -m
    # shellcheck disable=SC2086 # FLAGS are words
    "$PROGRAM" -p "$PORT" $FLAGS <&- >&- 2>&- 3>&- &
    PID=$!
    set +m
    within 5 load_client -c 1 -n 3 -t 2 > "$BATS_TEST_TMPDIR/tries" || {
        echo "with fds 0 to 2 closed a client gets other bytes (its log?), or none:"
        tail -n 1 "$BATS_TEST_TMPDIR/tries"
        return 1
    }
}

# ------------------------------------------------------------------- bytes

answers_every_byte() {
    local all upper
    all=$(printf '\\x%02x' {0..255})
    upper=$(printf '\\x%02x' {0..96} {65..90} {123..255})
    scene <<END
server
A connect
A send "$all"
A expect "$upper"
A send 1000 "$all"
A expect 1000 "$upper"
END
}

# (31 bytes, so that each letter comes to each place in a buffer.)
answers_8_mib() {
    scene --timeout 20 <<'END'
server
A connect
A send 270601 "the quick brown fox, 012345678\n"
A expect 270601 "THE QUICK BROWN FOX, 012345678\n"
A send "and on\n"
A expect "AND ON\n"
END
}

answers_a_trickle() {
    scene <<'END'
server
A connect
A send "hello, world\n" every 1ms
A expect "HELLO, WORLD\n"
A send "h"
A expect "H"
A send "i"
A expect "I"
END
}

# -------------------------------------------------------------------- ends

# The kernel has no room for all that A is to get. So the end of file comes
# while bytes are pending.
answers_after_half_close() {
    scene --timeout 20 <<'END'
server
A connect
A send 1000000 "half-close "; A shut
wait 50ms
A expect 1000000 "HALF-CLOSE "
A expect eof
B connect; B shut
B expect eof
C connect; C send "last words"; C shut
C expect "LAST WORDS"
C expect eof
END
}

survives_a_close_without_reading() {
    scene <<'END'
server
A connect; A send "hello\n"; A close
A connect; A send 1000000 x; A close
A connect; A close
A connect; A send 1000000 x
wait 20ms
A close
B connect
B send "alive\n"
B expect "ALIVE\n"
END
}

survives_a_reset() {
    scene <<'END'
server
A connect; A reset
A connect; A send "hello\n"; A reset
A connect; A send "hello\n"
A expect "HELLO\n"
A reset
A connect; A send 1000000 x; A reset
A connect; A send "x"; A shut; A reset
B connect
B send "alive\n"
B expect "ALIVE\n"
END
}

# More clients do it than the server may have files open: each one's fd is free
# again, although send() has failed.
survives_a_reset_with_bytes_pending() {
    {
        echo "limit $(($(fds_when_ready) + 8))"
        echo server
        for _ in {1..12}; do
            printf 'A connect\nA send 10000000 x\nwait 20ms\nA %s\n' reset close
        done
        printf 'B connect\nB send "alive\\n"\nB expect "ALIVE\\n"\n'
    } | scene
}

survives_a_reset_in_the_backlog() {
    scene <<'END'
server
signal STOP
A connect; A reset
B connect; B send "hello\n"; B reset
C connect; C send "hello\n"; C shut; C reset
D connect; D close
E connect; E send "alive\n"
signal CONT
E expect "ALIVE\n"
END
}

# STOP and CONT end a call that sleeps: with EINTR, or send() with the number of
# bytes that it has sent so far.
survives_stop_and_continue() {
    scene --timeout 20 <<'END'
server
signal STOP
signal CONT
A connect
A send "one\n"
A expect "ONE\n"
signal STOP
A send "two\n"
signal CONT
A expect "TWO\n"
A send 2000000 "deaf "
wait 100ms
signal STOP
signal CONT
wait 50ms
signal STOP
signal CONT
wait 50ms
signal STOP
signal CONT
A expect 2000000 "DEAF "
A send "three\n"
A expect "THREE\n"
END
}

ends_by_signal() {
    local signal
    for signal in TERM INT; do
        scene <<END
server -q
A connect
A send "hello\n"
A expect "HELLO\n"
B connect
C connect
C send 20000000 x
wait 50ms
signal $signal
expect exit 0
see "^bye\$"
END
        ends_and_starts_again "$signal" || ends_and_starts_again "$signal" ||
            ends_and_starts_again "$signal" # another program has taken the port
    done
}

# Nobody reads the log, and its pipe is full: the server may stop serving, but
# the signals still end it.
ends_with_a_full_log() {
    local signal line
    can_start
    keep_going
    for signal in TERM INT; do
        mkfifo "$BATS_TEST_TMPDIR/pipe.$signal"
        exec 9<> "$BATS_TEST_TMPDIR/pipe.$signal"
        set -m
        # shellcheck disable=SC2086 # FLAGS are words
        "$PROGRAM" -p 0 $FLAGS < /dev/null >&9 2>&1 3>&- 9>&- &
        PID=$!
        set +m
        read -r -t 5 line <&9
        "$ROOT/clients/load" -p "${line##*:}" -c 10 -n 2000 -t 1 \
            > /dev/null 2>&1 3>&- 9>&- || true # no answers: the pipe is full
        fills_the_rest_of_the_pipe
        kill -s "$signal" "$PID"
        within 2 gone "$PID" || { echo "it does not end by $signal"; return 1; }
        ends_with 0 "$PID"
        exec 9>&-
    done
}

# -------------------------------------------------------------------- many

# D gets the fd that A had, which is below those of B and C.
serves_others_beside_a_silent_client() {
    scene <<'END'
server
A connect
B connect
B send "hello\n"
B expect "HELLO\n"
C connect
C send "me too\n"
C expect "ME TOO\n"
A silent 50ms
A send "at last\n"
A expect "AT LAST\n"
A shut
A expect eof
D connect
D send "d\n"
D expect "D\n"
C send "still here\n"
C expect "STILL HERE\n"
B send "me too\n"
B expect "ME TOO\n"
END
}

# Bytes are pending for A, then for C as well, while B sends many others. No
# client gets what is another client's. (While B gets 9 MB, the server has turns
# enough to fill all that the kernel has room for, of A and of C.)
serves_others_beside_a_deaf_client() {
    scene --timeout 20 <<'END'
server
A connect
B connect
C connect
A send 2000000 "deaf "
B send 1000000 "hello, B\n"
B expect 1000000 "HELLO, B\n"
C send 2000000 "mute "
D connect
D send 1000000 "hello, D\n"
D expect 1000000 "HELLO, D\n"
A expect 2000000 "DEAF "
A send "again\n"
A expect "AGAIN\n"
B send "and B\n"
B expect "AND B\n"
C expect 2000000 "MUTE "
C send "again\n"
C expect "AGAIN\n"
END
}

# A reads nothing; then it closes its sending side, too. B resets.
sleeps_beside_a_deaf_client() {
    scene --timeout 20 <<'END'
server
A connect
A send 10000000 x
wait 100ms
idle 100ms
A shut
wait 20ms
idle 100ms
A expect 10000000 X
A expect eof
B connect
B send 10000000 x
wait 100ms
B reset
idle 50ms
END
}

# 64 KiB for each client, and some memory for the allocator. The first ten
# clients send less: what the server kept for them may not serve for more.
keeps_64_kib_for_a_deaf_client() {
    local most=1000
    [ -z "${SERVER:-}" ] || most=5000
    memory_is_its_own
    memory_of <<'END'
server -q
B connect
crowd 10 send 10000000 x
B send 8000000 y
B expect 8000000 Y
crowd resets
B send 8000000 y
B expect 8000000 Y
memory 1000000000
crowd 10 send 30000000 x
B send 8000000 y
B expect 8000000 Y
memory 1000000000
crowd 10 send 30000000 x
B send 8000000 y
B expect 8000000 Y
memory 1000000000
END
    echo "KiB, before and with 10 and with 20 clients that do not read:" \
        "${MEMORY[*]}; at most $most more each time"
    local grows=0
    [ $((MEMORY[1] - MEMORY[0])) -le "$most" ] || grows=$((grows + 1))
    [ $((MEMORY[2] - MEMORY[1])) -le "$most" ] || grows=$((grows + 1))
    # a language's runtime may grow by itself, but not each time
    [ "$grows" -lt "$([ -z "${SERVER:-}" ] && echo 1 || echo 2)" ]
}

# One client sends a message without end. xray makes the server slower than this
# client, so only a server that takes turns ever answers the other client.
takes_turns_with_a_greedy_client() {
    TRACE=/dev/null
    "$XRAY" -o /dev/null -- true 3>&- && TRACE=$BATS_TEST_TMPDIR/trace &&
        SLOWLY=$(quoted "$XRAY" -o "$TRACE" --)
    start_server -q
    "$ROOT/clients/load" -p "$PORT" -c 1 -n 1 -s 1073741824 -t 60 \
        > "$BATS_TEST_TMPDIR/greedy" 2>&1 3>&- &
    local greedy=$!
    within 20 at_work "$greedy" || {
        echo "wanted: it reads more than 500,000 bytes of one client in 20 s"
        echo "got:    $(received) bytes"
        return 1
    }
    run "$ROOT/clients/load" -p "$PORT" -c 1 -n 20 -t 10 3>&-
    kill -0 "$greedy" 2> /dev/null || # the greedy client is still sending
        { echo "the client that sends without end: $(head -n 1 \
            "$BATS_TEST_TMPDIR/greedy")"; return 1; }
    kill "$greedy"
    [ "$status" = 0 ] ||
        { echo "the other client: ${lines[0]}"; return 1; }
    takes_short_turns
}

# The server has accepted all before it stops: how many clients may wait for
# accept() is not asked here.
answers_a_burst() {
    {
        echo server
        echo A connect
        for _ in {1..25}; do echo 'crowd 8 send "x" expect "X"'; done
        cat <<'END'
signal STOP
crowd send "hi\n"
A send "one\n"; A send "two\n"; A send "three\n"
signal CONT
crowd expect "HI\n"
A expect "ONE\nTWO\nTHREE\n"
END
    } | scene --timeout 20
}

# ------------------------------------------------------------------ limits

# More clients come than it has fds for; the others wait in the backlog.
serves_on_without_fds() {
    local most
    most=$(($(fds_when_ready) + 16))
    scene --timeout 20 <<END
limit $most
server -q
A connect
A send "one\n"
A expect "ONE\n"
crowd 24
A send "two\n"
A expect "TWO\n"
idle 100ms
A send 1000000 x
A expect 1000000 X
crowd leaves
idle 50ms
B connect
B send "room again\n"
B expect "ROOM AGAIN\n"
END
    logs_that_it_has_no_fd "$most"
}

serves_on_beyond_1024_fds() {
    fd_limit_of 1200
    scene --timeout 20 <<'END'
limit 1200
server
A connect
A send "one\n"
A expect "ONE\n"
crowd 1100
A send "two\n"
A expect "TWO\n"
crowd leaves
B connect
B send "room again\n"
B expect "ROOM AGAIN\n"
END
}

loses_no_fd() {
    scene <<END
limit $(($(fds_when_ready) + 20))
server
crowd 10 send "hi\n" expect "HI\n"
crowd leaves
crowd 10 send "hi\n" expect "HI\n"
crowd resets
crowd 10 send "hi\n" expect "HI\n"
crowd send 100000 x
crowd resets
crowd 10 send 10000000 x
wait 50ms
crowd resets
crowd 10 send "hi\n" expect "HI\n"
END
}

# Each round: 600 clients come and go; 15 reset while bytes are pending; five get
# all that was pending; one stops sending. A round that takes no more memory
# than the one before shows that nothing is lost. (An allocator, or a language's
# runtime, keeps memory that was used once, so the first rounds may take some.)
loses_no_memory() {
    local round
    memory_is_its_own
    round='crowd 300 send "hi\n" expect "HI\n" leaves
crowd 300 send 5000 x resets
B connect
crowd 15 send 10000000 x
B send 8000000 y
B expect 8000000 Y
crowd resets
crowd 5 send 10000000 x
B send 8000000 y
B expect 8000000 Y
crowd expect 10000000 X
crowd leaves
A connect
A send 100000 x; A shut
A expect 100000 X
A expect eof
B send "hello\n"
B expect "HELLO\n"
B close
wait 20ms
memory 1000000000'
    memory_of --timeout 20 <<< "server -q
$round
$round
$round
$round
$round"
    grows_no_more 200
}

# -------------------------------------------------------------------- idle

# The server uses no CPU time at all, to the nanosecond. So it makes no system
# call either, and has no timer that ticks once a second. In each of these
# states: nobody has come; clients are silent; one has left, one has reset, one
# has sent an urgent byte.
makes_no_system_call_when_idle() {
    scene <<'END'
server
idle 100ms
A connect
B connect
A send "hello\n"
A expect "HELLO\n"
idle 50ms
A send "!" urgent
wait 20ms
idle 50ms
A reset
B send "hello\n"; B shut
B expect "HELLO\n"
B expect eof
idle 50ms
C connect
C send "hello\n"
C expect "HELLO\n"
C close
idle 50ms
D connect
idle 1100ms
END
}

# ------------------------------------------------------------------ inside
#
# These rows count the server's system calls with xray (see inside.bash). They
# leave out the calls of its log, which may sleep in a full pipe, and of locks.
# A server could act in another way while it is traced. So /proc shows, too,
# where it sleeps without xray.

# sleeps_in_its_wait [NAME...]: whatever its clients do, the server sleeps in one
# call, which is one of NAMEs (without a NAME: any call that waits for several
# fds). It sleeps neither in accept(), nor in recv(), nor in send() to a client
# that does not read. (An event loop in the place of callbacks or coroutines, 06
# and 08, looks the same from outside.)
sleeps_in_its_wait() {
    local waits="select pselect poll ppoll epoll_wait epoll_pwait epoll_pwait2"
    local untraced traced
    waits=${*:-$waits io_uring_enter kevent}
    needs_xray
    untraced=$(sleeps_with_4_clients) || { echo "$untraced"; return 1; }
    under_xray
    busy_scene
    # shellcheck disable=SC2086 # they are words
    slept_only_in $waits
    case ${1:-} in select | poll)
        between 5 9999 "$(fds_waited_for)" \
            "fds that its $1() waits for, with a listener and four clients" ;;
    esac
    traced=$(sleeps_with_4_clients)
    same "$untraced" "$traced" "where its threads sleep: without xray, and with it"
}

# counts_calls [N]: with 100 clients the server makes at most two recv per
# message (the kit's own ones N, or 1), one send, and a few more when clients
# connect and leave. One wait returns all clients that are ready, so there are
# not many more waits than messages. One thread reads from all clients, or a few
# threads do: also without xray there are not many more of them with 100
# clients than with one.
counts_calls() {
    local messages=2000 recv send wait most_recv=${1:-1}
    local most=$((messages + 300))
    [ -z "${SERVER:-}" ] || most_recv=2
    needs_xray
    adds_few_threads
    under_xray
    start_server -q
    load_client -c 100 -n $((messages / 100)) -t 30
    kill -TERM "$PID"
    ends_within_2_s TERM
    recv=$(tally calls recv recvfrom recvmsg read readv)
    send=$(tally calls send sendto sendmsg write writev)
    wait=$(tally calls select pselect poll ppoll epoll_wait epoll_pwait \
        epoll_pwait2)
    most_recv=$((most + messages * (most_recv - 1)))
    between "$messages" "$most_recv" "$recv" "calls of recv for $messages messages"
    between "$messages" "$most" "$send" "calls of send for $messages messages"
    between 1 $((most + messages)) "$wait" "waits for $messages messages"
    between 1 50 "$(readers)" "threads or processes that read from 100 clients"
}
