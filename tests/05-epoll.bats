load helper
load contract
lesson 05-epoll
if [ "$(uname)" != Linux ]; then
    setup_file() { :; }
    setup() { skip "epoll is Linux's"; }
fi

@test "05 it listens on 127.0.0.1 alone, at the port it says" { listens_on_127_0_0_1_alone; }
@test "05 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "05 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "05 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "05 started with fds 0 to 2 closed, it sends nothing but answers" { keeps_clients_off_the_standard_fds; }
@test "05 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "05 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "05 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "05 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "05 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "05 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "05 a reset while many bytes are pending harms nobody" { survives_a_reset_with_bytes_pending; }
@test "05 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "05 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "05 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { ends_by_signal; }
@test "05 SIGTERM and SIGINT end it even if nobody reads its log" { ends_with_a_full_log; }
@test "05 a silent client stops nobody else" { serves_others_beside_a_silent_client; }
@test "05 a client that does not read stops nobody else, and loses nothing" { serves_others_beside_a_deaf_client; }
@test "05 the server sleeps while it waits for a client that does not read" { sleeps_beside_a_deaf_client; }
@test "05 a client that does not read costs 64 KiB of memory at most" { keeps_64_kib_for_a_deaf_client; }
@test "05 a client that sends without end gets one turn per round" { takes_turns_with_a_greedy_client; }
@test "05 200 clients that send at once all get their answers" { answers_a_burst; }
@test "05 without a free fd it sleeps, serves on, and accepts again later" { serves_on_without_fds; }
@test "05 1,100 clients, even if it cannot serve all, harm nobody" { serves_on_beyond_1024_fds; }
@test "05 clients that come and go cost no fd" { loses_no_fd; }
@test "05 clients that come and go cost no memory" { loses_no_memory; }
@test "05 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }

# ------------------------------------------------------------ its own claim

@test "05 it sleeps in epoll_wait() and nowhere else, whatever its clients do" { sleeps_in_its_wait epoll_wait epoll_pwait epoll_pwait2; }

@test "05 5,000 clients are all answered" {
    fd_limit_of 5100
    scene --timeout 20 <<'END'
server -q
crowd 5000 send "hi\n" expect "HI\n"
crowd send "again\n"
crowd expect "AGAIN\n"
crowd leaves
B connect
B send "bye\n"
B expect "BYE\n"
END
}

@test "05 an idle client costs 64 KiB of memory at most" { idle_clients_cost 2500; }

@test "05 it raises its own limit of open files" {
    fd_limit_of 2000
    ulimit -Sn 64
    scene <<'END'
server
crowd 1500 send "hi\n" expect "HI\n"
END
}

@test "05 100 clients: at most two recv, and one send per message" { counts_calls; }

# ------------------------------------- the whole contract, edge-triggered

edge() {
    with_flags -e
}

@test "05 -e it listens on 127.0.0.1 alone, at the port it says" { edge; listens_on_127_0_0_1_alone; }
@test "05 -e a port in use: one line that names call and port, exit 1" { edge; names_a_port_in_use; }
@test "05 -e wrong usage: the usage, what is wrong, exit 2" { edge; refuses_wrong_usage; }
@test "05 -e a line of log per event, and none with -q" { edge; logs_unless_quiet; }
@test "05 -e started with fds 0 to 2 closed, it sends nothing but answers" { edge; keeps_clients_off_the_standard_fds; }
@test "05 -e every byte comes back, a-z as A-Z, the others as they are" { edge; answers_every_byte; }
@test "05 -e 8 MiB at once come back byte for byte" { edge; answers_8_mib; }
@test "05 -e a byte at a time is answered byte by byte" { edge; answers_a_trickle; }
@test "05 -e a client that stops sending still gets its last byte" { edge; answers_after_half_close; }
@test "05 -e a client that closes without reading harms nobody" { edge; survives_a_close_without_reading; }
@test "05 -e a client that resets, at whatever moment, harms nobody" { edge; survives_a_reset; }
@test "05 -e a reset while many bytes are pending harms nobody" { edge; survives_a_reset_with_bytes_pending; }
@test "05 -e a reset before the server has accepted harms nobody" { edge; survives_a_reset_in_the_backlog; }
@test "05 -e stopped and continued, it goes on where it was" { edge; survives_stop_and_continue; }
@test "05 -e SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { edge; ends_by_signal; }
@test "05 -e SIGTERM and SIGINT end it even if nobody reads its log" { edge; ends_with_a_full_log; }
@test "05 -e a silent client stops nobody else" { edge; serves_others_beside_a_silent_client; }
@test "05 -e a client that does not read stops nobody else, and loses nothing" { edge; serves_others_beside_a_deaf_client; }
@test "05 -e the server sleeps while it waits for a client that does not read" { edge; sleeps_beside_a_deaf_client; }
@test "05 -e a client that does not read costs 64 KiB of memory at most" { edge; keeps_64_kib_for_a_deaf_client; }
@test "05 -e a client that sends without end gets one turn per round" { edge; takes_turns_with_a_greedy_client; }
@test "05 -e 200 clients that send at once all get their answers" { edge; answers_a_burst; }
@test "05 -e without a free fd it sleeps, serves on, and accepts again later" { edge; serves_on_without_fds; }
@test "05 -e 1,100 clients, even if it cannot serve all, harm nobody" { edge; serves_on_beyond_1024_fds; }
@test "05 -e clients that come and go cost no fd" { edge; loses_no_fd; }
@test "05 -e clients that come and go cost no memory" { edge; loses_no_memory; }
@test "05 -e with nothing to do it makes no system call" { edge; makes_no_system_call_when_idle; }

@test "05 -e 5,000 clients are all answered" {
    edge
    fd_limit_of 5100
    scene --timeout 20 <<'END'
server -q
crowd 5000 send "hi\n" expect "HI\n"
crowd send "again\n"
crowd expect "AGAIN\n"
crowd leaves
B connect
B send "bye\n"
B expect "BYE\n"
END
}

# A client that is read to its end needs no epoll_ctl(): a MOD after each message
# would make an edge a level again.
@test "05 -e 100 clients: at most two recv, and one send per message" {
    edge
    counts_calls 2
    echo "epoll_ctl() for 2,000 messages: $(tally calls epoll_ctl), at most 1200"
    [ "$(tally calls epoll_ctl)" -le 1200 ]
}

# epoll reports an edge once. So the server must not sleep while it has read
# from a client, but not until EAGAIN, or fewer bytes than it asked for (its
# longest reads show how many it asks for). There are two exceptions: bytes for
# this client are pending (then the server may not read), or the server has
# called MOD or ADD since (then epoll reports the client again).
@test "05 -e it never sleeps before it has read to EAGAIN, unless bytes are pending" {
    edge
    under_xray
    busy_scene
    grep -q ' epoll_ctl(.* add .*edge' "$TRACE"
    calls_seen > "$BATS_TEST_TMPDIR/calls"
    awk -F '\t' '
        { fd = $3; n = $4; sub(/.*copied /, "", n); n = n ~ /^[0-9]/ ? n + 0 : 0 }
        NR == FNR { if ($2 ~ /^(recv|read)/ && n > whole) whole = n; next }
        $2 ~ /^(recv|read)/ { if ($4 ~ /copied/) { pending[fd] += n; more[fd] = n == whole }
                              if ($4 ~ /refused/) more[fd] = 0 }
        $2 ~ /^(send|write)/ && $4 ~ /copied/ { pending[fd] -= n }
        $2 == "epoll_ctl" { split($3, word, /[ ,]+/)
                            if (word[2] ~ /mod|add/) more[word[3]] = 0 }
        $2 == "close" { delete pending[fd]; delete more[fd] }
        $2 ~ /^epoll_p?wait/ && $4 ~ /slept/ { sleeps++
            for (fd in more) if (more[fd] && pending[fd] == 0) {
                print "asleep, and there may be more at fd " fd; bad++ } }
        END { print sleeps " sleeps; its longest read: " whole " bytes"
              exit bad > 0 || sleeps < 2 }' "$BATS_TEST_TMPDIR/calls" \
        "$BATS_TEST_TMPDIR/calls"
}
