load helper
load contract
lesson 01-blocking

# Left out of the contract: this server has one client at a time. That client
# stops all the others, whether it is silent, deaf or greedy. And one client
# cannot use up the fds or the memory.

@test "01 it listens on 127.0.0.1 alone, at the port it says" { listens_on_127_0_0_1_alone; }
@test "01 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "01 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "01 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "01 started with fds 0 to 2 closed, it sends nothing but answers" { keeps_clients_off_the_standard_fds; }
@test "01 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "01 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "01 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "01 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "01 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "01 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "01 a reset while many bytes are pending harms nobody" { survives_a_reset_with_bytes_pending; }
@test "01 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "01 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "01 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { ends_by_signal; }
@test "01 SIGTERM and SIGINT end it even if nobody reads its log" { ends_with_a_full_log; }
@test "01 the server sleeps while it waits for a client that does not read" { sleeps_beside_a_deaf_client; }
@test "01 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }

# ------------------------------------------------------------ its own claim

@test "01 the second client waits until the first one closes, and costs no CPU" {
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

@test "01 the server serves the clients in the backlog in turn" {
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

@test "01 it sleeps in accept() and recv(), in send() for a deaf client, and in no other call" {
    under_xray
    {
        cat <<'END'
server -q
wait 20ms
A connect
A send "one\n"
A expect "ONE\n"
B connect; B send "two\n"
wait 20ms
A send 20000000 x
wait 500ms
idle 100ms
A reset
B expect "TWO\n"
B shut
B expect eof
C connect; C send "x"; C reset
D connect
wait 20ms
D send "alive\n"
D expect "ALIVE\n"
D close
END
        for _ in {1..20}; do
            printf 'E connect\nE send "x"\nE expect "X"\nE close\n'
        done
    } | scene
    slept_in accept "$RECV" "$SEND"
    starts_none_per_client
}

# One process serves all clients: it starts no other one, and no thread, when a
# client comes. (A runtime may start a few of its own.)
starts_none_per_client() {
    local births
    births=$(sed '1,/ accept(/d' "$TRACE" | grep -cE ' a (thread|process) begins$' || true)
    echo "threads and processes that began after the first accept(): $births"
    echo "threads that read: $(readers)"
    [ "$births" -lt 12 ] && [ "$(readers)" -lt 12 ]
}
