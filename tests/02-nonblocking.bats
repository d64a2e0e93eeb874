load helper
load contract
load steps
lesson 02-nonblocking

# Left out of the contract: this server polls, so with nothing to do it still
# wakes and makes system calls.
RESTLESS=yes

@test "02 it listens on 127.0.0.1 alone, at the port it says" { listens_where_it_says; }
@test "02 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "02 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "02 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "02 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "02 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "02 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "02 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "02 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "02 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "02 a reset while many bytes are pending harms nobody" { survives_a_reset_while_it_owes; }
@test "02 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "02 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "02 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { says_bye; }
@test "02 a silent client stops nobody else" { serves_others_beside_a_silent_client; }
@test "02 a client that does not read stops nobody else, and loses nothing" { serves_others_beside_a_deaf_client; }
@test "02 a client that does not read costs 64 KiB of memory at most" { keeps_64_kib_for_a_deaf_client; }
@test "02 a client that sends without end gets one turn per round" { takes_turns_with_a_greedy_client; }
@test "02 200 clients that send at once all get their answers" { answers_a_burst; }
@test "02 without a free fd it sleeps, serves on, and accepts again later" { lives_on_without_fds; }
@test "02 1,100 clients, more than it has fds for, harm nobody" { lives_on_beyond_1024_fds; }
@test "02 clients that come and go cost no fd" { loses_no_fd; }
@test "02 clients that come and go cost no memory" { loses_no_memory; }

# ------------------------------------------------------------ its own claim

# wakes [FLAG...]: how often the idle server wakes in a second, and what CPU
# time it uses meanwhile, in ms.
wakes() {
    start_server -q "$@"
    "$ROOT/clients/load" -p "$PORT" -c 1 -n 1 3>&-
    local before after
    before=$(usage)
    sleep 1
    after=$(usage)
    # shellcheck disable=SC2086 # they are words
    set -- $before $after
    WAKES=$(($3 - $1)) CPU=$(($4 - $2))
    echo "woke $WAKES times, $CPU ms of CPU"
}

usage() {
    echo "$(sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$PID/status")" \
        "$(($(cut -d ' ' -f 1 "/proc/$PID/schedstat") / 1000000))"
}

@test "02 it wakes about 100 times a second and uses little CPU" {
    [ -r /proc/self/schedstat ] || skip "no /proc/PID/schedstat here"
    wakes
    [ "$WAKES" -le 110 ] && [ "$WAKES" -ge 30 ] && [ "$CPU" -le 100 ]
}

@test "02 -i sets the pause: with 200 ms it wakes five times a second, with 0 it never sleeps" {
    [ -r /proc/self/schedstat ] || skip "no /proc/PID/schedstat here"
    wakes -i 200
    [ "$WAKES" -le 6 ]
    teardown
    wakes -i 0
    [ "$CPU" -ge 200 ]
}

@test "02 it sleeps in its pause, never in a socket's call" {
    under_xray
    busy_scene
    slept_in nap
    [ "$(tally refused accept recv recvfrom recvmsg read readv)" -ge 10 ]
}

@test "02 -i wants a number" {
    refuses 2 -i soon
    contains "$output" soon
}

# --- steps and README

@test "02a EAGAIN is neither the end nor a reset; an accepted socket blocks" {
    finds 02a-eagain -s 0.02
    says 'listener: blocks' 'no client +-1 EINTR' \
        'listener: O_NONBLOCK' 'no client +-1 EAGAIN' 'a client +[0-9]'
    [ "$(uname)" != Linux ] ||
        says 'accepted socket: blocks' 'recv, no bytes +-1 EINTR'
    says 'MSG_DONTWAIT +-1 EAGAIN' 'accepted socket: O_NONBLOCK' \
        'dup.*O_NONBLOCK' 'recv, no bytes +-1 EAGAIN' 'hello there +5 ' \
        'does not read: .* [0-9]{4,} bytes' 'no room +-1 EAGAIN' \
        'recv +-1 ECONNRESET' 'send +-1 EPIPE' 'shut down' 'recv +0 '
}

@test "02b a silent and a deaf client stop neither the other clients nor the other work" {
    plays 02b-other-work
    survives 02b-other-work '"x"' '"X"'
}

@test "02b without a free fd it sleeps, and accepts again later" {
    build 02-nonblocking/steps/02b-other-work
    SERVER=$ROOT/02-nonblocking/steps/02b-other-work run -0 \
        "$PLAY" --quiet - 3>&- <<'END'
limit 8
server -s 0.05
A connect
crowd 10
see "accept: Too many open files"
idle 150ms
A send "hello\n"
A expect "HELLO\n"
crowd leaves
B connect
B send "me too\n"
B expect "ME TOO\n"
END
}

@test "02c the longer the pause, the fewer reads fail with EAGAIN; no message is lost" {
    finds 02c-busy-poll -s 0.1
    echo "$output"
    awk '/^(none|[0-9]+ ms) / { sub(" ms", "ms"); rows++
            ok += $2 == 10 && $3 > 0 && (rows == 1 || $3 < before)
            before = $3 }
        END { exit !(rows == 4 && ok == 4) }' <<< "$output"
}

# --- steps: HTTP

load http

@test "02d a page for a browser, from a server that polls its clients" { plays 02d-http-sweep; }
@test "02d it answers requests in pieces, two at once, HTTP/1.0 and 1.1" { speaks_http 02d-http-sweep; }
@test "02d bytes that are no request get the right status, then end of file" { refuses_politely 02d-http-sweep; }
@test "02d one client's reset, nonsense, flood or silence harms no other client" { stands_its_clients 02d-http-sweep; }
@test "02d a client that reads late gets all 6,000 answers, to the last byte" { pays_its_debts 02d-http-sweep; }
@test "02d without a free fd it serves on, and accepts again later" { serves_without_fds 02d-http-sweep; }
@test "02d curl accepts every answer, also the 100th over one connection" { suits_curl 02d-http-sweep; }
@test "02d xray counts the same calls as its page" { counts_what_it_does 02d-http-sweep; }

# --- steps: waiting, and README

@test "02e three tries are over too soon; after poll() one more is enough" {
    finds 02e-retry
    says '^three tries, at once +3 +EAGAIN' \
        '^tries until it is there +[0-9]{2,} +5 bytes' \
        '^\.\.\. with a pause.* [2-9] +5 bytes' \
        '^one try, poll.* 2 +5 bytes'
}

@test "02f SIGIO announces a late message, and no request waits for it" {
    hears_late "02f-signal-driven 1" 5
}

@test "02f three messages, one signal; reading until EAGAIN loses none" {
    finds 02f-signal-driven 2
    says '^SIGIO, one recv.* 1 +0 +0 +1 +2$' '^SIGIO, .*EAGAIN +1 +0 +0 +3 +0$'
    [ "$(uname)" = Linux ] || return 0
    says '^SIGRTMIN, one recv.* 0 +3 +3 +3 +0$' \
        'queue is full +1 +0 +0 +1 +2$' 'until EAGAIN +1 +0 +0 +3 +0$'
}

@test "02g a process that polls two sockets answers all requests in time, and gets EAGAIN" {
    hears_late 02g-late 5
    says '^[1-9][0-9]* times EAGAIN'
}

@test "02 the commands in README.md and NOTES.md print what stands there" { readme_is_true; }
