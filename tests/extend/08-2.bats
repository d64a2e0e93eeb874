load extend
load extend/silence
lesson 08-coroutines

# Without -t it is the lesson's server.

# Before each row with -t: it serves a client without another thread or process.
# (Lesson 07's server with SO_RCVTIMEO would keep nearly all rows.)
setup() {
    case $BATS_TEST_DESCRIPTION in *" -t "*) serves_in_one_thread ;; esac
}

serves_in_one_thread() {
    start_server -q -t 60
    client 4
    gets_an_answer 4
    [ ! -r "/proc/$PID/status" ] ||
        same 1 "$(sed -n 's/^Threads:[[:space:]]*//p' "/proc/$PID/status")" "threads"
    [ ! -r "/proc/$PID/task/$PID/children" ] || same '' "$(children)" "children"
    exec 4>&-
    teardown
}

@test "08-2 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "08-2 wrong usage: the usage, what is wrong, exit 2" {
    refuses_wrong_usage
    refuses_each "-t 0" "-t -1" "-t soon" "-t 2x" "-t 3601"
}
@test "08-2 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }
@test "08-2 100 clients: at most two recv, and one send per message" { counts_calls; }

# ------------------------------------------------------------------ with -t

@test "08-2 -t 2: a silent client gets an end of file after 2 s, and not before" { goes_after_2_s; }
@test "08-2 -t 2: a client that sends in time stays as long as it likes" { stays_while_it_sends; }
@test "08-2 -t 2: a client that talks keeps no silent client alive, and stays itself" { has_a_clock_for_each; }
@test "08-2 -t 2: two silent clients go one after the other, each at its own time" { goes_one_by_one; }
@test "08-2 -t 2: 30 silent clients all go, and cost no fd" { many_go; }
@test "08-2 -t 3600: it sleeps until a client must go, and does not tick" { does_not_tick; }
@test "08-2 -t 1: when the last client has gone, it makes no system call" { sleeps_when_all_have_gone; }

@test "08-2 -t 1: a client that has much to read is not silent while the server sends" {
    scene <<'END'
server -q -t 1
A connect
A send 20000000 x
wait 1500ms
A expect 20000000 X
A send "again\n"
A expect "AGAIN\n"
A expect eof
END
}

@test "08-2 -t 1: a client that comes after others have gone has a clock of its own" {
    scene <<'END'
server -t 1
A connect
B connect; B send "hello\n"; B expect "HELLO\n"; B close
C connect; C reset
A expect eof
D connect
D send "one\n"
D expect "ONE\n"
wait 500ms
D send "two\n"
D expect "TWO\n"
D expect eof
idle 1100ms
E connect
E send "hello\n"
E expect "HELLO\n"
END
}

# With -t 3600 each of 20,000 messages begins and ends a wait with a deadline.
@test "08-2 -t 3600: 20,000 messages leave nothing behind: no memory, no timer" {
    memory_is_its_own
    FLAGS="-t 3600"
    start_server -q
    local before after
    "$ROOT/clients/load" -p "$PORT" -c 100 -n 20 3>&-
    before=$(resident)
    [ -n "$before" ] || skip "no /proc/PID/status here"
    "$ROOT/clients/load" -p "$PORT" -c 100 -n 200 3>&-
    after=$(resident)
    echo "$before kB, then $after kB"
    [ $((after - before)) -le 500 ]
}

resident() {
    sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB$/\1/p' "/proc/$PID/status" 2> /dev/null
}

@test "08-2 -t 3600: one thread, and it sleeps in one wait and nowhere else" {
    timed
    sleeps_in_its_wait
    same 0 "$(births)" "threads that it has started"
}

# --------------------------------------- the contract holds with -t as without

timed() {
    FLAGS="-t 3600"
}

@test "08-2 -t 3600: 100 clients: at most two recv, and one send per message" { timed; counts_calls; }
@test "08-2 -t 3600: 8 MiB at once come back byte for byte" { timed; answers_8_mib; }
@test "08-2 -t 3600: a byte at a time is answered byte by byte" { timed; answers_a_trickle; }
@test "08-2 -t 3600: a client that stops sending still gets its last byte" { timed; answers_after_half_close; }
@test "08-2 -t 3600: a client that resets, at whatever moment, harms nobody" { timed; survives_a_reset; }
@test "08-2 -t 3600: a reset before the server has accepted harms nobody" { timed; survives_a_reset_in_the_backlog; }
@test "08-2 -t 3600: stopped and continued, it goes on where it was" { timed; survives_stop_and_continue; }
@test "08-2 -t 3600: SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { timed; ends_by_signal; }
@test "08-2 -t 3600: a client that does not read stops nobody else, and loses nothing" { timed; serves_others_beside_a_deaf_client; }
@test "08-2 -t 3600: a client that sends without end gets one turn per round" { timed; takes_turns_with_a_greedy_client; }
@test "08-2 -t 3600: 200 clients that send at once all get their answers" { timed; answers_a_burst; }
@test "08-2 -t 3600: without a free fd it sleeps, serves on, and accepts again later" { timed; serves_on_without_fds; }

# Each of them leaves while its wait with a deadline is on, or resets.
@test "08-2 -t 3600: clients that come and go cost no memory" {
    memory_is_its_own
    timed
    scene <<'END'
server -q
crowd 100 send "hi\n" expect "HI\n"
crowd leaves
idle 20ms
memory 1000
crowd 100 send "hi\n" expect "HI\n"
crowd resets
idle 20ms
crowd 100 send "hi\n" expect "HI\n"
crowd leaves
idle 20ms
memory 1000
END
}
