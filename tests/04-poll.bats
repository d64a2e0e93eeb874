load helper
load contract
load steps
lesson 04-poll

@test "04 it listens on 127.0.0.1 alone, at the port it says" { listens_where_it_says; }
@test "04 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "04 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "04 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "04 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "04 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "04 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "04 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "04 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "04 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "04 a reset while many bytes are pending harms nobody" { survives_a_reset_while_it_owes; }
@test "04 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "04 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "04 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { says_bye; }
@test "04 a silent client stops nobody else" { serves_others_beside_a_silent_client; }
@test "04 a client that does not read stops nobody else, and loses nothing" { serves_others_beside_a_deaf_client; }
@test "04 the server sleeps while it waits for a client that does not read" { sleeps_beside_a_deaf_client; }
@test "04 a client that does not read costs 64 KiB of memory at most" { keeps_64_kib_for_a_deaf_client; }
@test "04 a client that sends without end gets one turn per round" { takes_turns_with_a_greedy_client; }
@test "04 200 clients that send at once all get their answers" { answers_a_burst; }
@test "04 without a free fd it sleeps, serves on, and accepts again later" { lives_on_without_fds; }
@test "04 1,100 clients, even if it cannot serve all, harm nobody" { lives_on_beyond_1024_fds; }
@test "04 clients that come and go cost no fd" { loses_no_fd; }
@test "04 clients that come and go cost no memory" { loses_no_memory; }
@test "04 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }

# ------------------------------------------------------------ its own claim

@test "04 whatever its clients do, it sleeps in poll() and nowhere else" { sleeps_in_its_wait poll ppoll; }

@test "04 1,500 clients are all answered" {
    fd_limit_of 2000
    scene <<'END'
server
crowd 1500 send "hi\n" expect "HI\n"
crowd send "again\n"
crowd expect "AGAIN\n"
idle 100ms
END
}

@test "04 it raises its own limit of open files" {
    fd_limit_of 2000
    (ulimit -Sn 64 && scene) <<'END'
server
crowd 1500 send "hi\n" expect "HI\n"
END
}

@test "04 100 clients: one recv and one send per message, no more" { counts_calls; }

# --------------------------------------------------------- steps and README

@test "04a poll() writes only revents, skips -1, and reports HUP, ERR, NVAL unasked" {
    finds 04a-call
    local again
    says 'nothing has come +1 +- +- +OUT' '3 bytes for each +2 +IN +- +IN OUT' \
        'asked again.* +2 +IN +- +IN OUT' 'the first has read.* +1 +- +- +IN OUT' \
        'turned off +0 +- +- +-' 'and on again +1 +- +- +IN OUT'
    says 'not connected +OUT HUP +HUP$' 'no client has come +- +-$' \
        'a client has come +IN +-$' 'nothing has come +OUT +-$' \
        '2 bytes have come +IN OUT +-$' 'no room .* +IN +-$' \
        'sends no more \(half-close\) +IN( RDHUP)? +-$' \
        'we send no more either +IN OUT( RDHUP)? HUP +HUP$' \
        'a RST +IN OUT( RDHUP)? ERR HUP +ERR HUP$' \
        'closed by ourselves +NVAL +NVAL$' 'nobody writes to +HUP +HUP$' \
        'nobody reads from +OUT ERR +ERR$' 'a regular file, always +IN OUT +-$'
    [ "$(uname)" != Linux ] || says 'an urgent byte.* +IN PRI OUT +-$'
}

@test "04b poll() takes 1,100 fds, as many as may be open; an fd_set does not" {
    fd_limit_of 1200
    finds 04b-past-1024
    says '^poll, 1100 fds.* 1 ready: fd 1[0-9]+$' \
        '^poll, only 1000 files allowed +-1: Invalid' \
        '^select, an fd_set: 128 bytes +refused: it ends at fd 1023$'
    [ "$(uname)" != Linux ] || says '^select, two fd_sets in a row +1 ready: fd 1'
    (ulimit -n 1000 && run -77 "$ROOT/04-poll/steps/04b-past-1024" &&
        contains "$output" "it takes 1200 open files")
}

@test "04c close() does not wake a thread in poll(), which then gets the next file" {
    finds 04c-two-threads
    says '^two threads' 'the first +it wakes: IN' 'the second +it wakes: IN' \
        '^a thread polls' 'we close it +it sleeps on' \
        'the peer sends a byte +it wakes: NVAL' \
        '^a thread polls' 'we close it +it sleeps on' \
        'another file gets its number +it sleeps on' \
        'the old peer sends a byte +it wakes: IN' 'from that number +"other"' \
        'and a pipe' "we write to the pipe +it wakes: the pipe's IN"
}

@test "04 the commands in README.md and NOTES.md print what these say" { readme_is_true; }
