load helper
load contract
lesson 01-blocking

# Left out of the contract, for this is what one client at a time means:
# whoever is connected stops all the others, silent, deaf or greedy; and as
# there is only one, neither fds nor memory can run out.

@test "01 it listens on 127.0.0.1 alone, at the port it says" { listens_where_it_says; }
@test "01 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "01 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "01 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "01 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "01 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "01 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "01 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "01 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "01 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "01 a reset while the server owes much harms nobody" { survives_a_reset_while_it_owes; }
@test "01 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "01 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "01 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { says_bye; }
@test "01 the server sleeps while it waits for a client that does not read" { sleeps_beside_a_deaf_client; }
@test "01 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }

# ------------------------------------------------------------ its own claim

@test "01 the second client waits until the first one leaves, and costs no CPU" {
    scene <<'END'
server
A connect
A send "hello\n"
A expect "HELLO\n"
B connect
B send "me too\n"
B silent 300ms
idle 200ms
A send "still me\n"
A expect "STILL ME\n"
A close
B expect "ME TOO\n"
END
}

@test "01 whoever waits in the backlog is served in turn" {
    scene <<'END'
server
A connect
B connect; B send "b"
C connect; C send "c"
A close
B expect "B"
C silent 50ms
B close
C expect "C"
END
}

@test "01 it sleeps in accept(), then in recv(), and in send() for a deaf client" {
    start_server
    sleeps_in accept
    exec 4<> "/dev/tcp/127.0.0.1/$PORT"
    sleeps_in recv
    head -c 20000000 /dev/zero >&4 2> /dev/null 3>&- &
    local sender=$!
    sleeps_in send
    kill "$sender"
    exec 4>&-
}
