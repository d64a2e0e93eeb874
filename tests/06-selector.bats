load helper
load contract
lesson 06-selector

@test "06 it listens on 127.0.0.1 alone, at the port it says" { listens_on_127_0_0_1_alone; }
@test "06 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "06 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "06 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "06 started with fds 0 to 2 closed, it sends nothing but answers" { keeps_clients_off_the_standard_fds; }
@test "06 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "06 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "06 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "06 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "06 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "06 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "06 a reset while many bytes are pending harms nobody" { survives_a_reset_with_bytes_pending; }
@test "06 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "06 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "06 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { ends_by_signal; }
@test "06 SIGTERM and SIGINT end it even if nobody reads its log" { ends_with_a_full_log; }
@test "06 a silent client stops nobody else" { serves_others_beside_a_silent_client; }
@test "06 a client that does not read stops nobody else, and loses nothing" { serves_others_beside_a_deaf_client; }
@test "06 the server sleeps while it waits for a client that does not read" { sleeps_beside_a_deaf_client; }
@test "06 a client that does not read costs 64 KiB of memory at most" { keeps_64_kib_for_a_deaf_client; }
@test "06 a client that sends without end gets one turn per round" { takes_turns_with_a_greedy_client; }
@test "06 200 clients that send at once all get their answers" { answers_a_burst; }
@test "06 without a free fd it sleeps, serves on, and accepts again later" { serves_on_without_fds; }
@test "06 1,100 clients, even if it cannot serve all, harm nobody" { serves_on_beyond_1024_fds; }
@test "06 clients that come and go cost no fd" { loses_no_fd; }
@test "06 clients that come and go cost no memory" { loses_no_memory; }
@test "06 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }

# ------------------------------------------------------------ its own claim

@test "06 100 clients: at most two recv, and one send per message" { counts_calls; }
@test "06 it sleeps in one wait and nowhere else, whatever its clients do" { sleeps_in_its_wait; }

@test "06 an idle client costs 64 KiB of memory at most" { idle_clients_cost 2500; }

@test "client 06 prints every answer, byte for byte, from a pipe and from a file" {
    build 06-selector/client
    local client=$ROOT/06-selector/client
    local in=$BATS_TEST_TMPDIR/in wanted=$BATS_TEST_TMPDIR/wanted
    head -c 8388608 /dev/urandom > "$in"
    LC_ALL=C tr a-z A-Z < "$in" > "$wanted"
    start_server -q
    cat "$in" | timeout 20 "$client" -p "$PORT" 3>&- | cmp "$wanted"
    timeout 20 "$client" -p "$PORT" < "$in" 3>&- | cmp "$wanted"
}

@test "client 06 ends at once when the server has gone, also if nothing is typed" {
    build 06-selector/client
    start_server -q
    mkfifo "$BATS_TEST_TMPDIR/keys"
    timeout 20 "$ROOT/06-selector/client" -p "$PORT" 3>&- \
        < "$BATS_TEST_TMPDIR/keys" > "$BATS_TEST_TMPDIR/out" 2>&1 &
    local job=$!
    exec 4> "$BATS_TEST_TMPDIR/keys"
    echo hello >&4
    within 5 grep -q HELLO "$BATS_TEST_TMPDIR/out"
    kill -TERM "$PID"
    ends_with 1 "$job" # although its input goes on
    exec 4>&-
    contains "$(cat "$BATS_TEST_TMPDIR/out")" "the server has gone"
}

# ---------------------------------------------------------- other backends
# The whole contract holds with each backend. These rows depend on it.

@test "06 -b accepts a backend that the system has, and no other word" {
    with_flags -b poll
    FLAGS=
    printf 'server -b %s\n' poll select | scene
    refuses 2 -p 0 -b nonsense
    contains "$output" nonsense
    contains "$output" usage
}

# with BACKEND: the server of this test has this backend.
with() {
    with_flags -b "$1"
    [ "$1" != kqueue ] || [ -n "${SERVER:-}" ] || PROGRAM=$(kqueue_server)
}

@test "06 -b poll a client that stops sending still gets its last byte" { with poll; answers_after_half_close; }
@test "06 -b poll a client that resets, at whatever moment, harms nobody" { with poll; survives_a_reset; }
@test "06 -b poll a reset while many bytes are pending harms nobody" { with poll; survives_a_reset_with_bytes_pending; }
@test "06 -b poll stopped and continued, it goes on where it was" { with poll; survives_stop_and_continue; }
@test "06 -b poll the server sleeps while it waits for a client that does not read" { with poll; sleeps_beside_a_deaf_client; }
@test "06 -b poll 200 clients that send at once all get their answers" { with poll; answers_a_burst; }
@test "06 -b poll without a free fd it sleeps, serves on, and accepts again later" { with poll; serves_on_without_fds; }
@test "06 -b poll 1,100 clients, even if it cannot serve all, harm nobody" { with poll; serves_on_beyond_1024_fds; }
@test "06 -b poll clients that come and go cost no fd" { with poll; loses_no_fd; }
@test "06 -b poll with nothing to do it makes no system call" { with poll; makes_no_system_call_when_idle; }
@test "06 -b poll 100 clients: at most two recv, and one send per message" { with poll; counts_calls; }
@test "06 -b poll it sleeps in poll() and nowhere else, whatever its clients do" { with poll; sleeps_in_its_wait poll ppoll; }

@test "06 -b select a client that stops sending still gets its last byte" { with select; answers_after_half_close; }
@test "06 -b select a client that resets, at whatever moment, harms nobody" { with select; survives_a_reset; }
@test "06 -b select a reset while many bytes are pending harms nobody" { with select; survives_a_reset_with_bytes_pending; }
@test "06 -b select stopped and continued, it goes on where it was" { with select; survives_stop_and_continue; }
@test "06 -b select the server sleeps while it waits for a client that does not read" { with select; sleeps_beside_a_deaf_client; }
@test "06 -b select 200 clients that send at once all get their answers" { with select; answers_a_burst; }
@test "06 -b select without a free fd it sleeps, serves on, and accepts again later" { with select; serves_on_without_fds; }
@test "06 -b select 1,100 clients, even if it cannot serve all, harm nobody" { with select; serves_on_beyond_1024_fds; }
@test "06 -b select clients that come and go cost no fd" { with select; loses_no_fd; }
@test "06 -b select with nothing to do it makes no system call" { with select; makes_no_system_call_when_idle; }
@test "06 -b select 100 clients: at most two recv, and one send per message" { with select; counts_calls; }
@test "06 -b select it sleeps in select() and nowhere else, whatever its clients do" { with select; sleeps_in_its_wait select pselect; }

@test "06 -b kqueue a client that stops sending still gets its last byte" { needs_kqueue; with kqueue; answers_after_half_close; }
@test "06 -b kqueue a client that resets, at whatever moment, harms nobody" { needs_kqueue; with kqueue; survives_a_reset; }
@test "06 -b kqueue a reset while many bytes are pending harms nobody" { needs_kqueue; with kqueue; survives_a_reset_with_bytes_pending; }
@test "06 -b kqueue stopped and continued, it goes on where it was" { needs_kqueue; with kqueue; survives_stop_and_continue; }
@test "06 -b kqueue the server sleeps while it waits for a client that does not read" { needs_kqueue; with kqueue; sleeps_beside_a_deaf_client; }
@test "06 -b kqueue 200 clients that send at once all get their answers" { needs_kqueue; with kqueue; answers_a_burst; }
@test "06 -b kqueue without a free fd it sleeps, serves on, and accepts again later" { needs_kqueue; with kqueue; serves_on_without_fds; }
@test "06 -b kqueue 1,100 clients, even if it cannot serve all, harm nobody" { needs_kqueue; with kqueue; serves_on_beyond_1024_fds; }
@test "06 -b kqueue clients that come and go cost no fd" { needs_kqueue; with kqueue; loses_no_fd; }
@test "06 -b kqueue with nothing to do it makes no system call" { needs_kqueue; with kqueue; makes_no_system_call_when_idle; }

@test "06 -b select refuses clients from fd 1024 on; -b poll serves them" {
    fd_limit_of 1200
    (with poll; scene) <<'END'
server -q
crowd 1100 send "hi\n" expect "HI\n"
END
    (with select; scene) <<'END'
limit 1200
server
crowd 1100
B connect
B expect eof
crowd leaves
idle 50ms
C connect
C silent 50ms
END
}

# ------------------------------------------------------ what selector.h says

# A library, libkqueue, gives Linux kqueue(2). If it is installed, or if CPATH,
# LIBRARY_PATH and LD_LIBRARY_PATH lead to it, the tests use it.
kqueue_flags() {
    local flags known=$BATS_FILE_TMPDIR/kqueue.flags
    case $(uname) in *BSD | Darwin | DragonFly) return ;; esac
    if [ ! -e "$known" ]; then
        flags=$(pkg-config --cflags --libs libkqueue 2> /dev/null) ||
            flags="-I/usr/include/kqueue -lkqueue"
        # shellcheck disable=SC2086 # they are words
        echo '#include <sys/event.h>
            int main(void) { return kqueue() < 0; }' |
            ${CC:-cc} -x c - $flags -o "${known%.flags}" 2> /dev/null &&
            "${known%.flags}" || flags=
        echo "${flags:+-DSELECTOR_KQUEUE $flags}" > "$known"
    fi
    cat "$known"
}

has_kqueue() {
    case $(uname) in *BSD | Darwin | DragonFly) return ;; esac
    [ -n "$(kqueue_flags)" ]
}

needs_kqueue() {
    has_kqueue || skip "kqueue and libkqueue are missing"
}

# kqueue_server: prints the path of a server with this backend. On Linux it
# builds one.
kqueue_server() {
    local server=$BATS_FILE_TMPDIR/server lesson=$ROOT/06-selector
    case $(uname) in *BSD | Darwin | DragonFly) echo "$PROGRAM"; return ;; esac
    # shellcheck disable=SC2046 # they are words
    [ -x "$server" ] || ${CC:-cc} -std=gnu11 -O3 -o "$server" \
        "$lesson/server.c" "$lesson"/selector*.c $(kqueue_flags)
    echo "$server"
}

# keeps PROMISE: each backend keeps it. The program that checks it, selector.c,
# has sanitizers if the compiler has them.
keeps() {
    local program=$BATS_FILE_TMPDIR/promises backend jobs=()
    if [ ! -x "$program" ]; then
        compile_promises -fsanitize=address,undefined 2> /dev/null ||
            compile_promises
    fi
    for backend in $(< "$program.backends"); do
        ASAN_OPTIONS=detect_leaks=0 timeout 20 "$program" "$backend" "$1" \
            2>&1 3>&- &
        jobs+=($!)
    done
    for backend in "${jobs[@]}"; do
        wait "$backend"
    done
}

# compile_promises [FLAG]: compile the program, and run it once: it prints the
# backends that it has.
compile_promises() {
    # shellcheck disable=SC2046 # they are words
    ${CC:-cc} "$@" -std=gnu11 -g -Wall -Wextra -Werror \
        -I"$ROOT/06-selector" -o "$program" "$BATS_TEST_DIRNAME/selector.c" \
        "$ROOT"/06-selector/selector*.c $(kqueue_flags) &&
        "$program" > "$program.backends"
}

@test "selector.h: selector_open() opens the best backend, or the one with this name" { keeps choice; }
@test "selector.h: an fd that is closed, unknown or registered already is an error" { keeps errors; }
@test "selector.h: a key is as it was registered or modified" { keeps keys; }
@test "selector.h: it is level-triggered, and reports the registered events only" { keeps states; }
@test "selector.h: selector_select() waits for its timeout, or until a signal" { keeps waits; }
@test "selector.h: after an error or a hang-up the fd is ready for its events" { keeps ends; }
@test "selector.h: an fd that another callback unregisters or modifies gets no turn" { keeps batch; }
@test "selector.h: a new file with an old number does not get the old file's events" { keeps reuse; }
@test "selector.h: it reports all of 1,200 fds; select refuses those from FD_SETSIZE on" { keeps many; }
@test "selector.h: epoll refuses a regular file; for poll and select it is always ready" { keeps files; }
@test "selector.h: an fd that is closed and still registered: as the header says" { keeps mistakes; }
@test "selector.h: selector_close() leaves the fds open, and leaks none" { keeps closing; }
