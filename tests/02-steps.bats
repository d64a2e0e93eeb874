# The steps of the lesson, and the commands in its README.md and NOTES.md.

load helper
load contract
load steps
lesson 02-nonblocking
RESTLESS=yes # it polls, so it never idles

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

@test "02h one send() that does not block leaves bytes; a loop loses none" {
    finds 02h-one-send
    says '^blocks.* 1 +0 +20000000 +0$' \
        'not block, one .* 1 +0 +[1-9][0-9]{3,} +[1-9][0-9]{3,}$' \
        'all sent .* 20000000 +0$'
    awk '/one send/ { ok += $(NF - 1) + $NF == 20000000 }
        /all sent/ { ok += $(NF - 3) > 1 } END { exit ok != 3 }' <<< "$output"
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
    answers_late "02f-signal-driven 1" 5
}

@test "02f three messages, one signal; reading until EAGAIN loses none" {
    finds 02f-signal-driven 2
    says '^SIGIO, one recv.* 1 +0 +0 +1 +2$' '^SIGIO, .*EAGAIN +1 +0 +0 +3 +0$'
    [ "$(uname)" = Linux ] || return 0
    says '^SIGRTMIN, one recv.* 0 +3 +3 +3 +0$' \
        'queue is full +1 +0 +0 +1 +2$' 'until EAGAIN +1 +0 +0 +3 +0$'
}

@test "02g a process that polls two sockets answers all requests in time, and gets EAGAIN" {
    answers_late 02g-late 5
    says '^[1-9][0-9]* times EAGAIN'
}

@test "02 the commands in README.md and NOTES.md print what stands there" { readme_is_true; }
