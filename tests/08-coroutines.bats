load helper
load contract
lesson 08-coroutines

@test "08 it listens on 127.0.0.1 alone, at the port it says" { listens_where_it_says; }
@test "08 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "08 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "08 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "08 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "08 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "08 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "08 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "08 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "08 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "08 a reset while the server owes much harms nobody" { survives_a_reset_while_it_owes; }
@test "08 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "08 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "08 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { says_bye; }
@test "08 a silent client stops nobody else" { serves_others_beside_a_silent_client; }
@test "08 a client that does not read stops nobody else, and loses nothing" { serves_others_beside_a_deaf_client; }
@test "08 the server sleeps while it waits for a client that does not read" { sleeps_beside_a_deaf_client; }
@test "08 a client that does not read costs 64 KiB of memory at most" { keeps_64_kib_for_a_deaf_client; }
@test "08 a client that sends without end gets one turn per round" { takes_turns_with_a_greedy_client; }
@test "08 200 clients who all speak at once are all answered" { answers_a_burst; }
@test "08 without a free fd it sleeps, serves on, and accepts again later" { lives_on_without_fds; }
@test "08 1,100 clients, whoever of them gets in, harm nobody" { lives_on_beyond_1024_fds; }
@test "08 clients that come and go cost no fd" { loses_no_fd; }
@test "08 clients that come and go cost no memory" { loses_no_memory; }
@test "08 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }

# ------------------------------------------------------------ its own claim

@test "08 it sleeps in epoll_wait(), whatever its clients do" {
    start_server -q
    sleeps_in epoll_wait
    exec 4<> "/dev/tcp/127.0.0.1/$PORT"
    echo hello >&4
    sleeps_in epoll_wait
    head -c 20000000 /dev/zero >&4 2> /dev/null 3>&- &
    local sender=$!
    sleep 0.2
    sleeps_in epoll_wait
    kill "$sender"
    exec 4>&-
}

@test "08 5,000 clients are all answered" {
    fd_limit_of 5100
    scene <<'END'
server -q
crowd 5000 send "hi\n" expect "HI\n"
crowd send "again\n"
crowd expect "AGAIN\n"
idle 100ms
END
}

@test "08 an idle connection costs well under 1 KiB of memory" {
    fd_limit_of 5100
    memory_is_its_own
    scene <<'END'
server -q
crowd 5000
idle 50ms
memory 2500
END
}

@test "08 it raises its own limit of open files" {
    fd_limit_of 2000
    (ulimit -Sn 64 && scene) <<'END'
server
crowd 1500 send "hi\n" expect "HI\n"
END
}

@test "08 100 clients: one recv and one send per message, no more" {
    command -v strace > /dev/null || skip "strace is missing"
    counts_calls
}

