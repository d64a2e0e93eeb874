load extend
lesson 02-nonblocking
RESTLESS=yes # a server that naps is never idle

# With a number, -i is the lesson's.

@test "02-2 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "02-2 without -i it wakes about 100 times a second and uses little CPU" {
    wakes
    [ "$WAKES" -le 115 ] && [ "$WAKES" -ge 10 ] && [ "$CPU" -le 100 ]
}
@test "02-2 a number of ms works as before: with -i 200 it wakes five times a second" {
    wakes -i 200
    [ "$WAKES" -le 6 ] && [ "$CPU" -le 100 ]
}
@test "02-2 wrong usage: the usage, what is wrong, exit 2" {
    refuses_wrong_usage
    refuses_each "-i soon" "-i -1" "-i 10x" "-i automatic" "-i Auto"
}

# --------------------------------------------------------------- -i auto

# wakes [FLAG...]: how often the idle server wakes in a second, and what CPU
# time it uses meanwhile, in ms. A client has sent a message 2 s before.
wakes() {
    start_server -q "$@"
    "$ROOT/clients/load" -p "$PORT" -c 1 -n 1 3>&-
    [ -z "$*" ] || sleep 2
    count_wakes
}

count_wakes() {
    local before after
    before=$(activity)
    [ -n "$before" ] || skip "no /proc/PID/schedstat here"
    sleep 1
    after=$(activity)
    # shellcheck disable=SC2086 # they are words
    set -- $before $after
    WAKES=$(($3 - $1)) CPU=$(($4 - $2))
    echo "in 1 s it woke $WAKES times and used $CPU ms of CPU"
}

# naps_rarely: at most 12 times a second, and it does not spin.
naps_rarely() {
    count_wakes
    [ "$WAKES" -le 13 ] && [ "$CPU" -le 100 ]
}

# pauses_are_short: a client sends ten messages with a while between them. In
# the first 5 ms after an answer the server asks for no pause above 5 ms. (Only
# what it asks for counts: a busy machine lets it sleep longer.)
pauses_are_short() {
    client 6
    client 7 # it is silent: read waits for it
    local i line
    for i in {1..10}; do
        gets_an_answer 6
        read -r -t 0.02 -u 7 line || true
    done
    exec 6>&- 7>&-
    calls_seen | awk -F '\t' '
        $2 ~ /^(send|write)/ && $4 ~ /copied [1-9]/ { since = 0; answers++ }
        $4 ~ /^slept/ && ($2 == "nanosleep" ||
                          $3 ~ /^(0 watched, )?[0-9.]+ m?s$/) {
            pause = $3
            sub(/^0 watched, /, "", pause)
            ms = pause ~ / s$/ ? pause * 1000 : pause + 0
            if (answers && since < 5 && ms > 5) {
                print "a pause of " pause ", " since " ms after an answer"
                bad++
            }
            since += ms
        }
        END { exit bad > 0 || answers < 10 }'
}

auto() {
    FLAGS="-i auto"
}

@test "02-2 auto: 2 s after the last message it wakes at most 12 times a second" {
    auto
    start_server -q
    "$ROOT/clients/load" -p "$PORT" -c 1 -n 1 3>&-
    sleep 2
    naps_rarely
}

@test "02-2 auto: the same if clients are connected and say nothing" {
    auto
    start_server -q
    client 4
    gets_an_answer 4
    client 5
    sleep 2
    naps_rarely
    gets_an_answer 4
    exec 4>&- 5>&-
}

@test "02-2 auto: the same while it waits for a client that does not read" {
    auto
    start_server -q
    client 4
    head -c 20000000 /dev/zero >&4 2> /dev/null 3>&- &
    sleep 2
    naps_rarely
    kill $! || true
    exec 4>&-
}

@test "02-2 auto: in the 5 ms after a message no pause is longer than 5 ms" {
    auto
    under_xray
    start_server -q
    pauses_are_short
}

@test "02-2 auto: the same after it has had nothing to do for a long time" {
    auto
    under_xray
    start_server -q
    client 4
    gets_an_answer 4
    sleep 2.5
    gets_an_answer 4
    pauses_are_short
    exec 4>&-
}

@test "02-2 auto: between two messages it sleeps: a client that talks costs less CPU than with -i 0" {
    auto
    start_server -q
    local i before after
    client 4
    before=$(activity)
    for i in {1..20}; do
        gets_an_answer 4
        sleep 0.05
    done
    after=$(activity)
    exec 4>&-
    before=${before#* } after=${after#* }
    echo "it used $((after - before)) ms of CPU in more than a second"
    [ $((after - before)) -le 500 ]
}

@test "02-2 auto: it sleeps in its pause, never in a socket's call" {
    auto
    under_xray
    busy_scene
    slept_in nap
    [ "$(tally refused accept recv recvfrom recvmsg read readv)" -ge 10 ]
}

@test "02-2 auto: 8 MiB at once come back byte for byte" { auto; answers_8_mib; }
@test "02-2 auto: a byte at a time is answered byte by byte" { auto; answers_a_trickle; }
@test "02-2 auto: a client that stops sending still gets its last byte" { auto; answers_after_half_close; }
@test "02-2 auto: a client that resets, at whatever moment, harms nobody" { auto; survives_a_reset; }
@test "02-2 auto: stopped and continued, it goes on where it was" { auto; survives_stop_and_continue; }
@test "02-2 auto: SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { auto; ends_by_signal; }
@test "02-2 auto: a client that does not read stops nobody else, and loses nothing" { auto; serves_others_beside_a_deaf_client; }
@test "02-2 auto: 200 clients that send at once all get their answers" { auto; answers_a_burst; }
@test "02-2 auto: a client that sends without end gets one turn per round" { auto; takes_turns_with_a_greedy_client; }
@test "02-2 auto: without a free fd it sleeps, serves on, and accepts again later" { auto; serves_on_without_fds; }
