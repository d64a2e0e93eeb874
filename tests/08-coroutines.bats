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

@test "08 10,000 clients are all answered" {
    fd_limit_of 10100
    scene <<'END'
server -q
crowd 10000 send "hi\n" expect "HI\n"
crowd send "again\n"
crowd expect "AGAIN\n"
idle 100ms
END
}

@test "08 an idle connection costs two pages of its stack" {
    fd_limit_of 5100
    memory_is_its_own
    scene <<END
server -q
crowd 5000
idle 50ms
memory $(($(getconf PAGESIZE) / 1024 * 2 * 5000 + 2500))
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


# rebuilt FLAGS...: the server with these flags for the compiler, in $PROGRAM.
rebuilt() {
    PROGRAM=$BATS_TEST_TMPDIR/server
    # shellcheck disable=SC2086 # they are words
    "${CC:-cc}" -std=gnu11 -O1 "$@" ${SANITIZED:+-fsanitize=address} \
        -o "$PROGRAM" "$ROOT"/08-coroutines/{server,co}.c -pthread
}

# The rows in which it has to switch while much is under way.
keeps_its_word() {
    answers_every_byte
    answers_8_mib
    answers_after_half_close
    survives_a_reset_while_it_owes
    serves_others_beside_a_deaf_client
    lives_on_without_fds
    answers_a_burst
    makes_no_system_call_when_idle
}

@test "08 -DCO_UCONTEXT, the C library's switch: the contract holds too" {
    echo 'int main(void) { return getcontext(0); }' > "$BATS_TEST_TMPDIR/u.c"
    "${CC:-cc}" -include ucontext.h -o "$BATS_TEST_TMPDIR/u" \
        "$BATS_TEST_TMPDIR/u.c" 2> /dev/null || skip "no getcontext() here"
    rebuilt -DCO_UCONTEXT
    keeps_its_word
}

@test "08 -DCO_POLL, poll() in the place of epoll: the contract holds too" {
    rebuilt -DCO_POLL
    keeps_its_word
}

@test "08 3,000 connections, 1,000 at a time: none is forgotten" {
    fd_limit_of 1100
    start_server -q
    for _ in {1..3}; do
        "$ROOT/clients/load" -p "$PORT" -c 1000 -n 3 -t 3 3>&-
    done
}

@test "08 the client's 100 coroutines get 100 answers each" {
    build 08-coroutines/client
    start_server -q
    run -0 "$ROOT/08-coroutines/client" -p "$PORT" 3>&-
    contains "$output" "100 clients x 100 messages: 10000 answers, all right"
}
