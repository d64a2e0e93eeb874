# The contract that every lesson's server keeps: one function is one row. A
# lesson's file lists the rows that hold for it, each with a sentence.
#
# Most rows are scenes; clients/scene.md has the words of a scene. At the end of
# a scene play sends SIGTERM to the server: it must end within 2 s, and leave no
# process behind. Until then it must survive all its clients.

load inside

# ------------------------------------------------------------------- start

listens_on_127_0_0_1_alone() {
    start_server
    same "$LESSON: listening on 127.0.0.1:$PORT" "$(head -n 1 "$LOG")"
    [ -r /proc/net/tcp ] || return 0
    local hex
    hex=$(printf '0100007F:%04X 00000000:0000 0A' "$PORT")
    contains "$(cat /proc/net/tcp)" "$hex"
    [ ! -r /proc/net/tcp6 ] ||
        ! grep -q "$(printf ':%04X [0:]* 0A' "$PORT")" /proc/net/tcp6
}

names_a_port_in_use() {
    start_server
    refuses 1 -p "$PORT"
    same 1 "${#lines[@]}" "lines of the message"
    contains "$output" bind
    contains "$output" "$PORT"
}

refuses_wrong_usage() {
    local words
    for words in "-p" "-p abc" "-p 65536" "-p -1" "-p 12x" "-Z" "-q extra"; do
        # shellcheck disable=SC2086 # they are words
        refuses 2 $words
        contains "$output" usage
    done
    refuses 2 -p 12x
    contains "$output" 12x
}

logs_unless_quiet() {
    start_server
    "$ROOT/clients/load" -p "$PORT" -c 1 -n 1 3>&-
    run -0 grep -cE '^[^ :]+:[0-9]+: .*127\.0\.0\.1:[0-9]+' "$LOG"
    teardown
    start_server -q
    "$ROOT/clients/load" -p "$PORT" -c 1 -n 1 3>&-
    kill -TERM "$PID"
    within 2 gone "$PID"
    same "$LESSON: listening on 127.0.0.1:$PORT bye" "$(tr '\n' ' ' < "$LOG" |
        sed 's/ $//')"
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
    within 5 "$ROOT/clients/load" -p "$PORT" -c 1 -n 3 -t 2 \
        > "$BATS_TEST_TMPDIR/load" 2>&1 3>&- ||
        { cat "$BATS_TEST_TMPDIR/load"; return 1; }
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

answers_8_mib() {
    scene <<'END'
server
A connect
A send 262144 "the quick brown fox, 0123456789\n"
A expect 262144 "THE QUICK BROWN FOX, 0123456789\n"
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

answers_after_half_close() {
    scene <<'END'
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
B close
idle 50ms
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
B close
idle 50ms
END
}

survives_a_reset_with_bytes_pending() {
    scene <<'END'
server
A connect
A send 20000000 x
wait 100ms
A reset
A connect
A send 20000000 x
wait 100ms
A close
B connect
B send "alive\n"
B expect "ALIVE\n"
B close
idle 50ms
END
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

survives_stop_and_continue() {
    scene <<'END'
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
        start_server
        "$ROOT/clients/load" -p "$PORT" -c 1 -n 1 3>&-
        kill -s "$signal" "$PID"
        within 2 gone "$PID"
        ends_with 0 "$PID"
        same bye "$(tail -n 1 "$LOG")" "last line after $signal"
    done
}

# Nobody reads the log, and its pipe is full: the server may stop serving, but
# the signals still end it.
ends_with_a_full_log() {
    local signal line
    can_start
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    exec 9<> "$BATS_TEST_TMPDIR/pipe"
    for signal in TERM INT; do
        set -m
        # shellcheck disable=SC2086 # FLAGS are words
        "$PROGRAM" -p 0 $FLAGS < /dev/null >&9 2>&1 3>&- 9>&- &
        PID=$!
        set +m
        read -r -t 5 line <&9
        "$ROOT/clients/load" -p "${line##*:}" -c 10 -n 2000 -t 1 \
            > /dev/null 2>&1 3>&- 9>&- || true # no answers: the pipe is full
        kill -s "$signal" "$PID"
        within 2 gone "$PID" || { echo "it does not end by $signal"; return 1; }
        ends_with 0 "$PID"
        while read -r -t 0.1 line <&9; do :; done
    done
    exec 9>&-
}

# -------------------------------------------------------------------- many

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
END
}

serves_others_beside_a_deaf_client() {
    scene <<'END'
server
A connect
A send 4000000 "deaf "
wait 100ms
B connect
B send 4000 "hello\n"
B expect 4000 "HELLO\n"
A expect 4000000 "DEAF "
A send "again\n"
A expect "AGAIN\n"
END
}

sleeps_beside_a_deaf_client() {
    scene <<'END'
server
A connect
A send 20000000 x
wait 100ms
idle 200ms
A expect 20000000 X
idle 50ms
END
}

# 64 KiB for each client, and some memory for the allocator.
keeps_64_kib_for_a_deaf_client() {
    memory_is_its_own
    scene --timeout 10 <<'END'
server -q
crowd 10 send 20000000 x
wait 150ms
memory 1000
B connect
B send "hello\n"
B expect "HELLO\n"
crowd resets
wait 50ms
crowd 10 send 20000000 x
wait 150ms
memory 1000
END
}

# One client sends a message without end. xray makes the server slower than this
# client, so only a server that takes turns ever answers the other client.
takes_turns_with_a_greedy_client() {
    "$XRAY" -o /dev/null -- true 3>&- &&
        SLOWLY=$(quoted "$XRAY" -q -o /dev/null --)
    start_server -q
    "$ROOT/clients/load" -p "$PORT" -c 1 -n 1 -s 1073741824 \
        > "$BATS_TEST_TMPDIR/greedy" 2>&1 3>&- &
    local greedy=$!
    sleep 0.2
    kill -0 "$greedy"
    run "$ROOT/clients/load" -p "$PORT" -c 1 -n 20 -t 2 3>&-
    kill -0 "$greedy" # the greedy client is still sending
    kill "$greedy"
    same 0 "$status" "$output"
}

answers_a_burst() {
    local burst=200
    [ "$(uname)" != Darwin ] || burst=100 # no backlog there is above 128
    scene <<END
server
A connect
signal STOP
crowd $burst
crowd send "hi\n"
A send "one\n"; A send "two\n"; A send "three\n"
signal CONT
crowd expect "HI\n"
A expect "ONE\nTWO\nTHREE\n"
END
}

# ------------------------------------------------------------------ limits

serves_on_without_fds() {
    scene <<'END'
limit 20
server -q
A connect
A send "one\n"
A expect "ONE\n"
crowd 40
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
}

serves_on_beyond_1024_fds() {
    fd_limit_of 1200
    scene <<'END'
limit 1200
server
A connect
A send "one\n"
A expect "ONE\n"
crowd 1100
A send "two\n"
A expect "TWO\n"
idle 100ms
crowd leaves
idle 50ms
B connect
B send "room again\n"
B expect "ROOM AGAIN\n"
END
}

loses_no_fd() {
    scene <<'END'
limit 24
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

loses_no_memory() {
    memory_is_its_own
    scene <<'END'
server -q
crowd 100 send 100000 x expect 100000 X
crowd leaves
idle 20ms
memory 1000
crowd 20 send 20000000 x
wait 50ms
crowd resets
idle 20ms
crowd 20 send 8000000 x
wait 50ms
crowd expect 8000000 X
crowd leaves
idle 20ms
crowd 20 send 8000000 x
wait 50ms
crowd expect 8000000 X
crowd leaves
idle 20ms
crowd 20 send 20000000 x
wait 50ms
crowd resets
idle 20ms
memory 1000
END
}

# -------------------------------------------------------------------- idle

# The server uses no CPU time at all, to the nanosecond. So it makes no system
# call either, and has no timer that ticks once a second.
makes_no_system_call_when_idle() {
    scene <<'END'
server
idle 100ms
A connect
B connect
A send "hello\n"
A expect "HELLO\n"
B close
idle 1100ms
END
}

# ------------------------------------------------------------------ inside
#
# These rows count the server's system calls with xray (see inside.bash). They
# leave out the calls of its log, which may sleep in a full pipe, and of locks.

# sleeps_in_its_wait [NAME...]: whatever its clients do, the server sleeps in one
# call, which is one of NAMEs (without a NAME: any call that waits for several
# fds). It sleeps neither in accept(), nor in recv(), nor in send() to a client
# that does not read.
sleeps_in_its_wait() {
    local waits="select pselect poll ppoll epoll_wait epoll_pwait epoll_pwait2"
    waits=${*:-$waits io_uring_enter kevent}
    under_xray
    busy_scene
    echo "It slept in (and may in one of: $waits):"
    sleeps | sort | uniq -c
    case " $waits " in
        *" $(sleeps | sort -u) "*) ;;
        *) return 1 ;;
    esac
    [ "$(sleeps | wc -l)" -ge 5 ]
}

# counts_calls [N]: with 100 clients the server makes at most N recv (1) and one
# send per message, and a few more when clients connect and leave. One wait
# returns all clients that are ready, so there are no more waits than messages.
# One thread reads from all clients, or a few threads do.
counts_calls() {
    local messages=2000 recv send wait
    local most=$((messages + 300))
    under_xray
    start_server -q
    "$ROOT/clients/load" -p "$PORT" -c 100 -n $((messages / 100)) 3>&-
    kill -TERM "$PID"
    within 2 gone "$PID"
    recv=$(tally calls recv recvfrom recvmsg read readv)
    send=$(tally calls send sendto sendmsg write writev)
    wait=$(tally calls select pselect poll ppoll epoll_wait epoll_pwait \
        epoll_pwait2)
    echo "$messages messages: $recv recv, $send send, $wait waits"
    echo "at most $((most + messages * (${1:-1} - 1))) recv, $most send and waits"
    [ "$recv" -ge "$messages" ]
    [ "$send" -ge "$messages" ]
    [ "$wait" -ge 1 ]
    [ "$recv" -le $((most + messages * (${1:-1} - 1))) ]
    [ "$send" -le "$most" ]
    [ "$wait" -le "$most" ]
    echo "100 clients: $(readers) threads read, at most 50"
    [ "$(readers)" -le 50 ]
}
