# The rows about -t SECONDS, which 03-2 and 08-2 share. A time here is a
# deadline: a client must not go before its time, and must have gone long after.

# goes_after_2_s: a silent client gets an end of file, not before 2 s.
goes_after_2_s() {
    scene <<'END'
server -t 2
A connect
A silent 1s
A expect eof
B connect
B send "hello\n"
B expect "HELLO\n"
B silent 1s
B expect eof
END
}

# With -t 2 a client that sends something in time stays as long as it likes.
stays_while_it_sends() {
    scene <<'END'
server -t 2
A connect
A send "one\n"
A expect "ONE\n"
wait 900ms
A send "two\n"
A expect "TWO\n"
wait 900ms
A send "three\n"
A expect "THREE\n"
wait 900ms
A send "four\n"
A expect "FOUR\n"
END
}

# A talks all the time. B is silent, and must go; A must stay.
has_a_clock_for_each() {
    scene <<'END'
server -t 2
A connect
B connect
wait 700ms
A send "1"
A expect "1"
wait 700ms
A send "2"
A expect "2"
wait 700ms
A send "3"
A expect "3"
wait 700ms
A send "4"
A expect "4"
wait 700ms
A send "5"
A expect "5"
B expect eof
A send "last\n"
A expect "LAST\n"
END
}

# B comes 1.2 s after A, and so it goes 1.2 s after A.
goes_one_by_one() {
    scene <<'END'
server -t 2
A connect
wait 1200ms
B connect
A expect eof
B send "still here\n"
B expect "STILL HERE\n"
B expect eof
END
}

# It sleeps until the first client must go: no tick, with or without clients.
does_not_tick() {
    scene <<'END'
server -t 3600
idle 1100ms
A connect
B connect
A send "hello\n"
A expect "HELLO\n"
idle 1100ms
END
}

# When the last client has gone, there is nothing to wake up for.
sleeps_when_all_have_gone() {
    scene <<'END'
server -t 1
A connect
B connect
B send "hello\n"
B expect "HELLO\n"
A expect eof
B expect eof
idle 1500ms
C connect
C send "hello\n"
C expect "HELLO\n"
END
}

# many_go: 30 silent clients go, and so do their sockets. A client that talks
# meanwhile stays.
many_go() {
    local fd
    start_server -q -t 2
    client 4
    gets_an_answer 4
    for fd in {40..69}; do client "$fd"; done
    gets_an_answer 4
    for _ in {1..5}; do
        sleep 0.5
        gets_an_answer 4
    done
    within 4 has_tcp_sockets "$PID" 2 ||
        { echo "TCP sockets: $(tcp_sockets "$PID"), not 2"; return 1; }
    gets_an_answer 4
    for fd in {40..69}; do reads_the_end "$fd"; done
    for fd in 4 {40..69}; do eval "exec $fd>&-"; done
}
