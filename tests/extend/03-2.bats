load extend
load extend/silence
lesson 03-select

# Without -t it is the lesson's server.

@test "03-2 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "03-2 wrong usage: the usage, what is wrong, exit 2" {
    refuses_wrong_usage
    refuses_each "-t 0" "-t -1" "-t soon" "-t 2x" "-t 3601"
}
@test "03-2 it sleeps in select() and nowhere else, whatever its clients do" { sleeps_in_its_wait select pselect; }
@test "03-2 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }

# ------------------------------------------------------------------ with -t

@test "03-2 -t 2: a silent client gets an end of file after 2 s, and not before" { goes_after_2_s; }
@test "03-2 -t 2: a client that sends in time stays as long as it likes" { stays_while_it_sends; }
@test "03-2 -t 2: a client that talks keeps no silent client alive, and stays itself" { has_a_clock_for_each; }
@test "03-2 -t 2: two silent clients go one after the other, each at its own time" { goes_one_by_one; }
@test "03-2 -t 2: 30 silent clients all go, and cost no fd" { many_go; }
@test "03-2 -t 3600: it sleeps until a client must go, and does not tick" { does_not_tick; }
@test "03-2 -t 1: when the last client has gone, it makes no system call" { sleeps_when_all_have_gone; }

@test "03-2 -t 2: a client that does not read its answer goes too" {
    start_server -q -t 2
    client 4
    gets_an_answer 4
    head -c 20000000 /dev/zero >&4 2> /dev/null 3>&- &
    sleep 0.5
    exec 4>&- # the socket stays open in that process
    client 5
    gets_an_answer 5
    for _ in {1..6}; do
        sleep 0.5
        gets_an_answer 5
    done
    within 4 has_tcp_sockets "$PID" 2 ||
        { echo "TCP sockets: $(tcp_sockets "$PID"), not 2"; return 1; }
    gets_an_answer 5
    kill $! 2> /dev/null || true
    exec 5>&-
}

@test "03-2 -t 2: a client that reads its answer slowly is not silent, and loses nothing" {
    scene <<'END'
server -q -t 2
A connect
A send 20000000 x
wait 800ms
A expect 4000000 X
wait 800ms
A expect 4000000 X
wait 800ms
A expect 4000000 X
wait 800ms
A expect 4000000 X
wait 800ms
A expect 4000000 X
END
}

# --------------------------------------- the contract holds with -t as without

timed() {
    FLAGS="-t 60"
}

@test "03-2 -t 60: 8 MiB at once come back byte for byte" { timed; answers_8_mib; }
@test "03-2 -t 60: a byte at a time is answered byte by byte" { timed; answers_a_trickle; }
@test "03-2 -t 60: a client that stops sending still gets its last byte" { timed; answers_after_half_close; }
@test "03-2 -t 60: a client that resets, at whatever moment, harms nobody" { timed; survives_a_reset; }
@test "03-2 -t 60: a reset before the server has accepted harms nobody" { timed; survives_a_reset_in_the_backlog; }
@test "03-2 -t 60: stopped and continued, it goes on where it was" { timed; survives_stop_and_continue; }
@test "03-2 -t 60: SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { timed; ends_by_signal; }
@test "03-2 -t 60: a client that does not read stops nobody else, and loses nothing" { timed; serves_others_beside_a_deaf_client; }
@test "03-2 -t 60: the server sleeps while it waits for a client that does not read" { timed; sleeps_beside_a_deaf_client; }
@test "03-2 -t 60: a client that sends without end gets one turn per round" { timed; takes_turns_with_a_greedy_client; }
@test "03-2 -t 60: 200 clients that send at once all get their answers" { timed; answers_a_burst; }
@test "03-2 -t 60: without a free fd it sleeps, serves on, and accepts again later" { timed; serves_on_without_fds; }
