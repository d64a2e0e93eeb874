load extend
load http
lesson 04-poll

# 03k's rows. The server makes the same pages, from the same http.h.

# Before each row: it sleeps in poll(). (The file that the student begins with
# would keep most of the rows.)
setup() {
    case $BATS_TEST_DESCRIPTION in *"exit "2*) return ;; esac
    start_server -q
    [ -z "$(asleep_in "$PID")" ] || sleeps_in poll
    teardown
}

@test "04-2 it answers requests in pieces, two at once, HTTP/1.0 and 1.1" { speaks_http 04-2; }
@test "04-2 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "04-2 bytes that are no request get the right status, and then an end of file" { refuses_politely 04-2; }
@test "04-2 one client's reset, nonsense, flood or silence harms no other client" { stands_its_clients 04-2; }
@test "04-2 a client that reads late gets all 6,000 answers, to the last byte" { pays_its_debts 04-2; }
@test "04-2 without a free fd it serves on, and accepts again later" { serves_without_fds 04-2; }
@test "04-2 a silent client does not keep others waiting" { waits_for_no_client 04-2; }
@test "04-2 curl accepts all answers, 3,000 of them over one connection" { suits_curl 04-2; }
@test "04-2 its page shows true numbers: xray counts the same calls" { counts_what_it_does 04-2; }

# ------------------------------------------------------------------ with poll()

@test "04-2 it sleeps in poll() and nowhere else, whatever its clients do" {
    learn_answer 04-2
    under_xray
    scene << END
server -q
A connect; B connect
A send "$ASK"; A expect "$NOWHERE"
wait 30ms
B send "GET / HT"
wait 30ms
A send "$ASK"; A expect "$NOWHERE"
C connect; C send "GET / HTTP/1.1\r\nHost: x\r\n\r\n"; C reset
D connect; D send 3000 "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
wait 50ms
A send "$ASK"; A expect "$NOWHERE"
D reset
A send "$ASK"; A shut; A expect "$NOWHERE"; A expect eof
wait 30ms
END
    echo "It slept in (and may in poll):"
    sleeps | sort | uniq -c
    run -1 grep -vxE 'p?poll' <<< "$(sleeps)"
    [ "$(sleeps | wc -l)" -ge 3 ]
}

@test "04-2 with nothing to do it makes no system call" {
    learn_answer 04-2
    scene << END
server -q
idle 100ms
A connect
B connect; B send "GET / HT"
A send "$ASK"; A expect "$NOWHERE"
idle 1100ms
B send "TP/1.1\r\n"
idle 200ms
END
}

@test "04-2 it sleeps while it waits for a client that does not read" {
    learn_answer 04-2
    scene << END
server -q
A connect; A send 3000 "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
wait 100ms
idle 300ms
B connect; B send "$ASK"; B expect "$NOWHERE"
idle 300ms
END
}

@test "04-2 1,500 clients get their pages: there is no FD_SETSIZE" {
    fd_limit_of 1600
    learn_answer 04-2
    scene << END
limit 1600
server -q
crowd 1500 send "$ASK" expect "$NOWHERE"
idle 50ms
crowd send "$ASK" expect "$NOWHERE"
crowd leaves
A connect; A send "$ASK"; A expect "$NOWHERE"
idle 50ms
END
}

@test "04-2 clients that come and go cost no fd" {
    learn_answer 04-2
    scene << END
limit 24
server -q
crowd 10 send "$ASK" expect "$NOWHERE"
crowd leaves
idle 20ms
crowd 10 send "$ASK" expect "$NOWHERE"
crowd resets
idle 20ms
crowd 10 send "$ASK" expect "$NOWHERE"
END
}

# Beside 50 silent clients it calls recv() for the one that has sent something.
@test "04-2 it reads only from clients that poll() has reported" {
    local fd recv
    step_program 04-2
    under_xray
    start_server -q
    for fd in {40..89}; do eval "exec $fd<> /dev/tcp/127.0.0.1/$PORT"; done
    dial
    for _ in {1..20}; do
        request 'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n'
        expect_answer '200 OK' bare
    done
    for fd in 4 {40..89}; do eval "exec $fd>&-"; done
    sleep 0.1
    kill -TERM "$PID"
    within 2 gone "$PID"
    recv=$(tally calls recv recvfrom recvmsg read readv)
    echo "20 requests, 51 ends of file: $recv times recv()"
    [ "$recv" -ge 20 ] && [ "$recv" -le 200 ]
}

@test "04-2 SIGTERM ends it at once, also with clients" {
    web 04-2 -q
    dial
    request 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
    expect_answer '200 OK'
    kill -TERM "$PID"
    within 2 gone "$PID"
    exec 4>&-
}
