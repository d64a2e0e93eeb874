# The steps of the lesson, and the commands in its README.md and NOTES.md.

load helper
load contract
load steps
lesson 03-select

# step NAME: the tests' $PROGRAM is this step.
step() {
    build "$LESSON/steps/$1"
    PROGRAM=$ROOT/$LESSON/steps/$1
}

# stands_crowds STEP [SENT ANSWER]: without a free fd it sleeps, serves the
# clients it has, and accepts again when an fd is free. A client whose fd has
# no bit in an fd_set gets an end of file. GREETING: what the step sends first.
stands_crowds() {
    step "$1"
    scene <<END
limit 10
server
$(enters A)
crowd 20
idle 50ms
$(talks A "${@:2}")
crowd leaves
idle 50ms
$(enters B)
$(talks B "${@:2}")
END
    [ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 1200 ] || return 0
    scene <<END
limit 1200
server
$(enters A)
crowd 1030
B connect
B expect eof
$(talks A "${@:2}")
crowd leaves
idle 50ms
$(enters C)
$(talks C "${@:2}")
END
}

enters() {
    echo "$1 connect"
    [ -z "${GREETING:-}" ] || echo "$1 expect $GREETING"
}

talks() {
    [ $# -eq 1 ] || printf '%s\n' "$1 send $2" "$1 expect $3"
}

@test "03n the timeout: how long select() waits, and what it leaves in it" {
    [ "$(uname)" = Linux ] || skip "what it leaves is Linux's here"
    finds 03n-timeout
    says '\{0\}.* 0  after 0\.. s,' \
        '\{1\}, nothing.* 0  after [1-9].* s, 0\.0 s left' \
        'same \{1\} once more.* 0  after 0\.' \
        '\{100\}.* 1  after [2-9].* s, 9[0-9]\.. s left' \
        'NULL.* 1  after [2-9]'
}

@test "03a what select() gets and what it returns: lists, limits" {
    [ "$(uname)" = Linux ] || skip "fd_sets are Linux's here"
    finds 03a-call
    says 'no client has come  .* 0  -  *-  *-$' \
        'a client has come  .* 1  readable  *-  *-$' \
        'nothing has come  .* 1  -  *writable  *-$' \
        'a byte has come  .* 2  readable  *writable  *-$' \
        'not fd \+ 1  .* 0  -  *-  *-$' \
        'buffer is full  .* 0  -  *-  *-$' \
        'read it all  .* 1  -  *writable  *-$' \
        'urgent byte .* 2  -  *writable  *exceptional$' \
        'EOF.* 2  readable  *writable  *-$' \
        'closed  .*-1  Bad file descriptor$' \
        'reset .* 2  readable  *writable  *-$' \
        'regular file.* 2  readable  *writable  *-$' \
        'FD_SETSIZE: 1024 \(65536 was asked for' \
        'an fd_set: 128 bytes, 1024 bits'
}

@test "03b a client gets hello; the bytes that it sends stay in the kernel" {
    plays 03b-hello
    survives 03b-hello '"x"' '"hello"'
}

@test "03c it reads from every client, and takes a closed one off the list" {
    plays 03c-receive
    survives 03c-receive '"x"' '"hello"'
    GREETING='"hello"' stands_crowds 03c-receive
}

@test "03d a client that has sent gets an answer when there is room to send it" {
    plays 03d-write-list
    GREETING='"hello"' survives 03d-write-list '"x"' '"response"'
    GREETING='"hello"' stands_crowds 03d-write-list '"x"' '"response"'
}

@test "03d it does not read from a client that waits for an answer: one for each recv" {
    step 03d-write-list
    scene <<'END'
server
A connect
A expect "hello"
A send 3072 "x"
A expect 3 "response"
END
}

@test "03e each client gets its own messages back, in order" {
    plays 03e-messages
    GREETING='"hello"' survives 03e-messages '"x"' '"xresponse"'
    GREETING='"hello"' stands_crowds 03e-messages '"x"' '"xresponse"'
}

@test "03e it does not read from a deaf client, and keeps one message for it" {
    step 03e-messages
    scene <<'END'
server
A connect
A send 10000000 "0123456701234567"
B connect
B send "x"
B expect "helloxresponse"
idle 50ms
memory 100
END
}

@test "03f (broken) it reads from the newest client, and all others wait for that one" {
    plays 03f-wrong-socket
    step 03f-wrong-socket
    start_server
    exec 4<> "/dev/tcp/127.0.0.1/$PORT" 5<> "/dev/tcp/127.0.0.1/$PORT"
    within 5 logged 2 accept
    printf x >&4
    sleeps_in recv
    printf y >&5
    within 5 logged 1 '1 bytes'
    sleeps_in recv
    exec 4>&- 5>&-
}

# logged N WORDS: N lines of the log have these words.
logged() {
    [ "$(grep -c "$2" "$LOG")" -eq "$1" ]
}

@test "03g (broken) it reads from the older client, too; but when one closes, it spins" {
    plays 03g-queue
    [ -r /proc/self/stat ] || skip "no /proc here"
    step 03g-queue
    start_server
    exec 4<> "/dev/tcp/127.0.0.1/$PORT"
    sleeps_in select
    local before
    before=$(ticks)
    exec 4>&-
    within 5 more_ticks_than $((before + 20))
}

# The CPU that the server has used, in ticks of 10 ms.
ticks() {
    local fields
    read -ra fields < "/proc/$PID/stat"
    echo $((fields[13] + fields[14]))
}

more_ticks_than() {
    [ "$(ticks)" -gt "$1" ]
}

@test "03h when a client closes, it sends the pending bytes and closes, too" {
    plays 03h-disconnect
    survives 03h-disconnect '"x"' '"X"'
    stands_crowds 03h-disconnect '"x"' '"X"'
}

@test "03h a deaf client and a greedy one do not stop the others" {
    step 03h-disconnect
    scene <<'END'
server
A connect
A send 800000 "0123456789abc"
A shut
B connect
B send 1000000 "b"
B expect 1000000 "B"
idle 50ms
A expect 800000 "0123456789ABC"
A expect eof
memory 200
END
}

@test "03h bytes that were pending for a reset client do not go to the next one" {
    step 03h-disconnect
    scene <<'END'
server
A connect
A send 20000000 "x"
wait 50ms
A reset
B connect
B send "b"
B expect "B"
END
}

@test "03h a client that it closed after a recv gets no send in the same round" {
    step 03h-disconnect
    SERVER=$PROGRAM run -0 "$PLAY" --all - 3>&- <<'END'
server
crowd 200
signal STOP
crowd send "hi"
signal CONT; crowd resets
A connect
A send "a"
A expect "A"
END
    contains "$output" "Connection reset"
    ! grep -F "Bad file" <<< "$output"
}

@test "03h 100 clients, 100 messages each: each client gets its own back" {
    step 03h-disconnect
    start_server
    run -0 "$ROOT/clients/load" -p "$PORT" -c 100 -n 100 3>&-
}

@test "03i (broken) all clients wait for the keyboard" {
    plays 03i-operator
    step 03i-operator
    scene <<'END'
server
A connect; A send "\xff\x1b[2J"; A reset
B connect; B send "x"; B close
wait 50ms
type "one\ntwo\nthree\n"
C connect
C send "c"
C expect "three\n"
type eof
C send "d"
see "keyboard: end of file"
idle 50ms
END
}

@test "03j the keyboard is one more fd, and no client waits for it" {
    plays 03j-operator-select
    step 03j-operator-select
    scene <<'END'
server
A connect; A send "\xff\x1b[2J"; A reset
B connect; B send "x"; B close
C connect; C send 2048 "c"
D connect; D send "!" urgent
wait 50ms
type "to C\n"
C expect "to C\n"
type eof
E connect; E send "e"
see "fd [0-9]+ asks: e"
idle 50ms
END
    stands_crowds 03j-operator-select '"x"; type "y"' '"y"'
}

@test "03j a line that was typed before the question waits, and no line is lost" {
    step 03j-operator-select
    scene <<'END'
server
D connect; D send "0"; D close
see "fd 4: close"
type "one\n"
type "two\nthree\nfour"
idle 50ms
A connect; A send "1"; A expect "one\n"
B connect; B send "2"; B expect "two\n"
signal STOP
A send "3"
C connect
type "five\nsix\n"
signal CONT
A expect "three\n"
C send "4"; C expect "four"
idle 50ms
type eof
A send "6"; A expect "five\n"
B send "7"; B expect "six\n"
C send "8"
see "keyboard: end of file"
idle 50ms
END
}

@test "03j the client that has waited longest gets the next answer" {
    step 03j-operator-select
    scene <<'END'
server
A connect
B connect
C connect
wait 20ms
C send "1"
see "asks: 1"
A send "2"
see "asks: 2"
B send "3"
see "asks: 3"
C send "4"
see "asks: 4"
type "one\n"
C expect "one\n"
type "two\n"
A expect "two\n"
type "three\n"
B expect "three\n"
A send "5"; A close
see "close: end of file"
D connect
type "four\n"
D silent 50ms
END
}

@test "03l reading all streams after select(): nine reads of ten fail with EAGAIN" {
    finds 03l-ask-all
    says 'all streams.* 100 +1100 +1000$' \
        'ready ones, until EAGAIN.* 100 +200 +100$' \
        'once.* 100 +100 +0$'
}

@test "03m it sleeps for both sockets, and reads first what comes first" {
    answers_late 03m-late 5
}

@test "03 the commands in README.md and NOTES.md print what stands there" { readme_is_true; }

# --- steps: HTTP

load http

@test "03k a page for a browser, from a server that sleeps in between" { plays 03k-http; }
@test "03k it answers requests in pieces, two at once, HTTP/1.0 and 1.1" { speaks_http 03k-http; }
@test "03k bytes that are no request get the right status, then end of file" { refuses_politely 03k-http; }
@test "03k one client's reset, nonsense, flood or silence harms no other client" { stands_its_clients 03k-http; }
@test "03k a client that reads late gets all 6,000 answers, to the last byte" { pays_its_debts 03k-http; }
@test "03k without a free fd it serves on, and accepts again later" { serves_without_fds 03k-http; }
@test "03k curl accepts every answer, also the 3,000th over one connection" { suits_curl 03k-http; }
@test "03k xray counts the same calls as its page" { counts_what_it_does 03k-http; }
