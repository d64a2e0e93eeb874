load helper
load contract
load steps
lesson 08-coroutines

@test "08 it listens on 127.0.0.1 alone, at the port it says" { listens_on_127_0_0_1_alone; }
@test "08 a port in use: one line that names call and port, exit 1" { names_a_port_in_use; }
@test "08 wrong usage: the usage, what is wrong, exit 2" { refuses_wrong_usage; }
@test "08 a line of log per event, and none with -q" { logs_unless_quiet; }
@test "08 started with fds 0 to 2 closed, it sends nothing but answers" { keeps_clients_off_the_standard_fds; }
@test "08 every byte comes back, a-z as A-Z, the others as they are" { answers_every_byte; }
@test "08 8 MiB at once come back byte for byte" { answers_8_mib; }
@test "08 a byte at a time is answered byte by byte" { answers_a_trickle; }
@test "08 a client that stops sending still gets its last byte" { answers_after_half_close; }
@test "08 a client that closes without reading harms nobody" { survives_a_close_without_reading; }
@test "08 a client that resets, at whatever moment, harms nobody" { survives_a_reset; }
@test "08 a reset while many bytes are pending harms nobody" { survives_a_reset_with_bytes_pending; }
@test "08 a reset before the server has accepted harms nobody" { survives_a_reset_in_the_backlog; }
@test "08 stopped and continued, it goes on where it was" { survives_stop_and_continue; }
@test "08 SIGTERM and SIGINT end it at once: bye, exit 0, nothing left" { ends_by_signal; }
@test "08 SIGTERM and SIGINT end it even if nobody reads its log" { ends_with_a_full_log; }
@test "08 a silent client stops nobody else" { serves_others_beside_a_silent_client; }
@test "08 a client that does not read stops nobody else, and loses nothing" { serves_others_beside_a_deaf_client; }
@test "08 the server sleeps while it waits for a client that does not read" { sleeps_beside_a_deaf_client; }
@test "08 a client that does not read costs 64 KiB of memory at most" { keeps_64_kib_for_a_deaf_client; }
@test "08 a client that sends without end gets one turn per round" { takes_turns_with_a_greedy_client; }
@test "08 200 clients that send at once all get their answers" { answers_a_burst; }
@test "08 without a free fd it sleeps, serves on, and accepts again later" { serves_on_without_fds; }
@test "08 1,100 clients, even if it cannot serve all, harm nobody" { serves_on_beyond_1024_fds; }
@test "08 clients that come and go cost no fd" { loses_no_fd; }
@test "08 clients that come and go cost no memory" { loses_no_memory; }
@test "08 with nothing to do it makes no system call" { makes_no_system_call_when_idle; }

# ------------------------------------------------------------ its own claim

@test "08 it sleeps in one wait and nowhere else, whatever its clients do" { sleeps_in_its_wait; }

@test "08 10,000 clients are all answered" {
    fd_limit_of 10100
    scene --timeout 20 <<'END'
server -q
crowd 10000 send "hi\n" expect "HI\n"
crowd send "again\n"
crowd expect "AGAIN\n"
crowd leaves
B connect
B send "bye\n"
B expect "BYE\n"
END
}

@test "08 a connection costs one page, whatever it has sent; the next one uses it again" {
    [ -z "${SERVER:-}" ] || skip "another server may have other stacks"
    fd_limit_of 2100
    memory_is_its_own
    local pages=$(($(getconf PAGESIZE) / 1024 * 2000 + 1000))
    case "${CC:-} ${CFLAGS:-}" in
        *-fstack-check*) pages=$((2 * pages)) ;; # it touches one page more
    esac
    scene <<END
server -q
crowd 2000
idle 50ms
memory $pages
crowd send 5000 x
crowd expect 5000 X
memory $pages
crowd leaves
idle 20ms
crowd 2000 send "hi\n" expect "HI\n"
memory $pages
END
}

@test "08 it raises its own limit of open files" {
    fd_limit_of 2000
    ulimit -Sn 64
    scene <<'END'
server
crowd 1500 send "hi\n" expect "HI\n"
END
}

@test "08 100 clients: at most two recv, and one send per message" { counts_calls; }

# The whole contract holds for these, too: CI tests each of them alone.
@test "08 with the C library's switch, and poll(), the contract holds too" {
    echo 'int main(void) { return getcontext(0); }' > "$BATS_TEST_TMPDIR/u.c"
    ${CC:-cc} -include ucontext.h -o "$BATS_TEST_TMPDIR/u" \
        "$BATS_TEST_TMPDIR/u.c" 2> /dev/null || skip "no getcontext() here"
    PROGRAM=$BATS_TEST_TMPDIR/server
    compile "$PROGRAM" "$ROOT/08-coroutines/server.c" -DCO_UCONTEXT -DCO_POLL
    answers_every_byte
    answers_8_mib
    survives_a_reset_with_bytes_pending
    serves_on_without_fds
    answers_a_burst
}

# See accept-fails.c.
@test "08 when accept() fails for another reason, it does not spin, and serves on" {
    [ -z "${SERVER:-}" ] || skip "this is about the lesson's server"
    echo 'int main(void) { return 0; }' > "$BATS_TEST_TMPDIR/w.c"
    ${CC:-cc} -Wl,--wrap=accept -o "$BATS_TEST_TMPDIR/w" \
        "$BATS_TEST_TMPDIR/w.c" 2> /dev/null || skip "this linker has no --wrap"
    PROGRAM=$BATS_TEST_TMPDIR/server
    compile "$PROGRAM" "$ROOT/08-coroutines/server.c" \
        "$BATS_TEST_DIRNAME/accept-fails.c" -Wl,--wrap=accept
    scene <<'END'
server -q
A connect
A send "one\n"
A expect "ONE\n"
B connect
B send "hi\n"
A send "two\n"
A expect "TWO\n"
B expect "HI\n"
idle 50ms
END
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

# ------------------------------------------------------------- the module

# check_co NAME: run a check of tests/co.c; see $output and $status.
check_co() {
    local program=$BATS_FILE_TMPDIR/co
    [ -x "$program" ] || compile "$program" "$BATS_TEST_DIRNAME/co.c"
    run timeout 20 "$program" "$1" 3>&-
}

# compile PROGRAM FILE FLAG...: FILE and the module, with these flags.
compile() {
    local program=$1 file=$2
    shift 2
    # shellcheck disable=SC2086 # they are words
    ${CC:-cc} -std=gnu11 -O1 -g "$@" ${SANITIZED:+-fsanitize=address} \
        -o "$program" "$file" "$ROOT"/08-coroutines/co*.c -lm
}

@test "08 co: values go both ways, registers stay, sleepers wake in order" {
    local check
    for check in values registers rounding sleeps queues timed_queues hook; do
        check_co $check
        same "0 " "$status $output" "$check"
    done
}

@test "08 co: stacks are used again, and keep one page of memory" {
    check_co ends
    same "0 " "$status $output"
    memory_is_its_own
    check_co memory
    same "0 " "$status $output"
}

@test "08 co: many coroutines wait for one fd, and for many fds" {
    local check
    for check in sockets many generators idles; do
        check_co $check
        same "0 " "$status $output" "$check"
    done
}

@test "08 co: the calls do what recv(), send() and connect() do" {
    check_co flags
    same "0 " "$status $output"
}

@test "08 co: SO_RCVTIMEO and SO_SNDTIMEO end a call, and its coroutine waits alone" {
    cd "$BATS_TEST_TMPDIR"
    check_co timeouts
    same "0 " "$status $output"
}

@test "08 co: after fork(), parent and child wait for their own fds" {
    check_co forks
    same "0 " "$status $output"
}

@test "08 co: a call fails with EBADF if another coroutine closes its fd" {
    check_co closed
    same "0 " "$status $output"
}

@test "08 co: a stack overflow ends with a line that names the coroutine" {
    memory_is_its_own # a sanitizer prints its own report
    check_co overflow
    same 139 "$status"
    contains "$output" "co: digger needs more stack"
}

@test "08 co: a deadlock ends with a line for each coroutine that waits" {
    check_co deadlock
    same 134 "$status"
    says deadlock 'B waits for the end of A' 'A waits for the end of B' \
        'main waits in a queue'
}

@test "08 co: to resume an ended coroutine, or join it twice, is an error" {
    check_co resume_ended
    same 134 "$status"
    contains "$output" "main called co_resume(G), but G has ended"
    check_co join_twice
    same 134 "$status"
    contains "$output" "main called co_join(J), but J was joined before"
}

@test "08 co: its checks pass with CO_SAVE_FP and CO_POLL, too" {
    compile "$BATS_TEST_TMPDIR/co" "$BATS_TEST_DIRNAME/co.c" -DCO_SAVE_FP -DCO_POLL
    cd "$BATS_TEST_TMPDIR"
    run -0 timeout 20 ./co all 3>&-
    same '' "$output"
}

@test "08 co: a switch and its page hold with whatever the compiler adds to a call" {
    local flags check tried=0
    for flags in "-O0 -fstack-check" "-Og -fstack-protector-all" \
        "-O2 -fcf-protection=full" "-O2 -mbranch-protection=standard"; do
        # shellcheck disable=SC2086 # they are words
        compile "$BATS_TEST_TMPDIR/co" "$BATS_TEST_DIRNAME/co.c" $flags \
            2> /dev/null || continue # not this compiler's, or CPU's
        tried=$((tried + 1))
        for check in values registers generators ends memory; do
            [ -z "${SANITIZED:-}" ] || [ $check != memory ] || continue
            run -0 timeout 20 "$BATS_TEST_TMPDIR/co" $check 3>&-
            same '' "$output" "$flags $check"
        done
    done
    [ "$tried" -ge 1 ]
}

# No CPU here may have a shadow stack, so the debugger lies to the program.
@test "08 co: a process that has a shadow stack ends with a line that says what to do" {
    command -v gdb > /dev/null || skip "gdb is missing"
    memory_is_its_own
    compile "$BATS_TEST_TMPDIR/co" "$BATS_TEST_DIRNAME/co.c" -O0
    run gdb -q -batch -ex 'break has_shadow_stack' -ex run -ex 'return (_Bool)1' \
        -ex continue --args "$BATS_TEST_TMPDIR/co" values < /dev/null 3>&-
    [[ $output != *ptrace* ]] || skip "gdb may not trace here"
    [[ $output != *'not defined'* ]] || skip "the C library switches here"
    contains "$output" "co: this process has a shadow stack"
    contains "$output" SIGABRT
}

@test "08 co: a debugger shows a coroutine's calls, from its start on" {
    command -v gdb > /dev/null || skip "gdb is missing"
    memory_is_its_own
    check_co values # builds it
    run gdb -q -batch -ex 'break compute' -ex run -ex backtrace \
        -ex 'break co_swap' -ex continue -ex 'stepi 9' -ex backtrace \
        --args "$BATS_FILE_TMPDIR/co" registers < /dev/null 3>&-
    [[ $output != *ptrace* ]] || skip "gdb may not trace here"
    says '#0 .*compute' '#1 .*enter' '#2 .*co_start' \
        '#0 .*co_swap' '#1 .*co_start'
}

@test "08 co: a program that waits for no fd is linked without epoll" {
    command -v nm > /dev/null || skip "nm is missing"
    local program
    for program in 08-coroutines/steps/08a-yield 08-coroutines/steps/08b-switch; do
        build "$program"
        run -0 nm "$ROOT/$program"
        contains "$output" co_resume
        [[ $output != *epoll* && $output != *co_recv* ]]
    done
    build 08-coroutines/server
    run -0 nm "$ROOT/08-coroutines/server"
    contains "$output" co_recv
}
