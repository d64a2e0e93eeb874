load helper
load contract
lesson 03-select

@test "03 it listens on 127.0.0.1 alone, at the port it says" { listens_on_127_0_0_1_alone; }
@test "03 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "03 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "03 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "03 started with fds 0 to 2 closed, it sends nothing but answers" { keeps_clients_off_the_standard_fds; }
@test "03 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "03 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "03 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "03 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "03 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "03 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "03 a reset while many bytes are pending harms nobody" { survives_a_reset_with_bytes_pending; }
@test "03 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "03 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "03 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { ends_by_signal; }
@test "03 SIGTERM and SIGINT end it even if nobody reads its log" { ends_with_a_full_log; }
@test "03 a silent client stops nobody else" { serves_others_beside_a_silent_client; }
@test "03 a client that does not read stops nobody else, and loses nothing" { serves_others_beside_a_deaf_client; }
@test "03 the server sleeps while it waits for a client that does not read" { sleeps_beside_a_deaf_client; }
@test "03 a client that does not read costs 64 KiB of memory at most" { keeps_64_kib_for_a_deaf_client; }
@test "03 a client that sends without end gets one turn per round" { takes_turns_with_a_greedy_client; }
@test "03 200 clients that send at once all get their answers" { answers_a_burst; }
@test "03 without a free fd it sleeps, serves on, and accepts again later" { serves_on_without_fds; }
@test "03 1,100 clients, even if it cannot serve all, harm nobody" { serves_on_beyond_1024_fds; }
@test "03 clients that come and go cost no fd" { loses_no_fd; }
@test "03 clients that come and go cost no memory" { loses_no_memory; }
@test "03 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }

# ------------------------------------------------------------ its own claim

@test "03 it sleeps in select() and nowhere else, whatever its clients do" { sleeps_in_its_wait select pselect; }

@test "03 a client that gets fd 1024 is served, or gets an end of file; the others live on" {
    fd_limit_of 1200
    fd_1024 'B expect eof' || fd_1024 'B send "b"; B expect "B"'
}

# fd_1024 ACTIONS: B does so. The first clients take the free fds below
# FD_SETSIZE. (Some servers have larger sets.)
fd_1024() {
    scene <<END
limit 1200
server
A connect
A send "hello\n"
A expect "HELLO\n"
crowd 1030
B connect
$1
A send "still here\n"
A expect "STILL HERE\n"
crowd leaves
idle 50ms
C connect
C send "room again\n"
C expect "ROOM AGAIN\n"
END
}

@test "03 1,000 clients are all answered" {
    fd_limit_of 1200
    scene <<'END'
limit 1200
server
crowd 1000 send "hi\n" expect "HI\n"
END
}

@test "03 100 clients: at most two recv, and one send per message" { counts_calls; }
