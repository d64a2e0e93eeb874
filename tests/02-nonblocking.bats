load helper
load contract
lesson 02-nonblocking

# Left out of the contract: this server polls, so with nothing to do it still
# wakes and makes system calls.
RESTLESS=yes

@test "02 it listens on 127.0.0.1 alone, at the port it says" { listens_on_127_0_0_1_alone; }
@test "02 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "02 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "02 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "02 started with fds 0 to 2 closed, it sends nothing but answers" { keeps_clients_off_the_standard_fds; }
@test "02 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "02 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "02 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "02 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "02 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "02 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "02 a reset while many bytes are pending harms nobody" { survives_a_reset_with_bytes_pending; }
@test "02 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "02 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "02 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { ends_by_signal; }
@test "02 SIGTERM and SIGINT end it even if nobody reads its log" { ends_with_a_full_log; }
@test "02 a silent client stops nobody else" { serves_others_beside_a_silent_client; }
@test "02 a client that does not read stops nobody else, and loses nothing" { serves_others_beside_a_deaf_client; }
@test "02 a client that does not read costs 64 KiB of memory at most" { keeps_64_kib_for_a_deaf_client; }
@test "02 a client that sends without end gets one turn per round" { takes_turns_with_a_greedy_client; }
@test "02 200 clients that send at once all get their answers" { answers_a_burst; }
@test "02 without a free fd it sleeps, serves on, and accepts again later" { serves_on_without_fds; }
@test "02 1,100 clients, even if it cannot serve all, harm nobody" { serves_on_beyond_1024_fds; }
@test "02 clients that come and go cost no fd" { loses_no_fd; }
@test "02 clients that come and go cost no memory" { loses_no_memory; }

# ------------------------------------------------------------ its own claim

# wakes [FLAG...]: how often the idle server wakes in about a second of $MS, and
# what CPU time it uses meanwhile, in ms.
wakes() {
    local before after
    [ -n "$PID" ] || { start_server -q "$@"; meet_one; }
    before=$(usage)
    sleep 1
    after=$(usage)
    # shellcheck disable=SC2086 # they are words
    set -- $before $after
    WAKES=$(($4 - $1)) CPU=$(($5 - $2)) MS=$(($6 - $3))
    echo "in $MS ms: woke $WAKES times, $CPU ms of CPU"
}

meet_one() {
    "$ROOT/clients/load" -p "$PORT" -c 1 -n 1 3>&-
}

usage() {
    echo "$(sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$PID/status")" \
        "$(($(cut -d ' ' -f 1 "/proc/$PID/schedstat") / 1000000))" \
        "$(awk '{ print int($1 * 1000) }' /proc/uptime)"
}

# A busy machine wakes it late, so it may take some tries until it wakes often.
wakes_often() {
    wakes
    [ "$WAKES" -le $((MS / 9 + 2)) ] && [ "$CPU" -le 100 ] || TOO_MUCH=yes
    [ "$WAKES" -ge 30 ] || [ -n "$TOO_MUCH" ]
}

@test "02 it wakes about 100 times a second and uses little CPU" {
    [ -r /proc/self/schedstat ] || skip "no /proc/PID/schedstat here"
    TOO_MUCH=
    within 15 wakes_often
    same '' "$TOO_MUCH" "too many wakes, or too much CPU"
}

@test "02 -i sets the pause: with 200 ms it wakes five times a second, with 0 it never sleeps" {
    [ -r /proc/self/schedstat ] || skip "no /proc/PID/schedstat here"
    with_flags -i 10
    FLAGS=
    wakes -i 200
    [ "$WAKES" -le $((MS / 200 + 2)) ]
    [ "$WAKES" -ge 1 ]
    teardown
    wakes -i 0
    [ "$WAKES" -le 2 ]
    [ "$CPU" -ge 1 ]
}

# To ask by poll() first is another model.
@test "02 it sleeps in its pause, never in a socket's call" {
    under_xray
    busy_scene
    slept_in nap
    [ "$(tally refused accept recv recvfrom recvmsg read readv)" -ge 10 ]
    echo "waits for sockets: $(waits_for_sockets), at most 5"
    [ "$(waits_for_sockets)" -le 5 ]
}

@test "02 -i wants a number" {
    with_flags -i 10
    FLAGS=
    refuses 2 -i soon
    contains "$output" soon
}
