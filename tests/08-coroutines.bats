load helper
load contract
load steps
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

@test "08 whatever its clients do, it sleeps in one wait and nowhere else" { sleeps_in_its_wait; }

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

@test "08 a connection costs one page, whatever it has sent, and leaves it to the next" {
    [ -z "${SERVER:-}" ] || skip "another server may have other stacks"
    fd_limit_of 2100
    memory_is_its_own
    local pages=$(($(getconf PAGESIZE) / 1024 * 2000 + 1000))
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
    (ulimit -Sn 64 && scene) <<'END'
server
crowd 1500 send "hi\n" expect "HI\n"
END
}

@test "08 100 clients: one recv and one send per message, no more" { counts_calls; }


# The whole contract holds for these, too: CI tests each of them alone.
@test "08 with the C library's switch, and poll(), the contract holds too" {
    echo 'int main(void) { return getcontext(0); }' > "$BATS_TEST_TMPDIR/u.c"
    "${CC:-cc}" -include ucontext.h -o "$BATS_TEST_TMPDIR/u" \
        "$BATS_TEST_TMPDIR/u.c" 2> /dev/null || skip "no getcontext() here"
    PROGRAM=$BATS_TEST_TMPDIR/server
    compile "$PROGRAM" "$ROOT/08-coroutines/server.c" -DCO_UCONTEXT -DCO_POLL
    answers_every_byte
    answers_8_mib
    survives_a_reset_while_it_owes
    lives_on_without_fds
    answers_a_burst
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
    "${CC:-cc}" -std=gnu11 -O1 -g "$@" ${SANITIZED:+-fsanitize=address} \
        -o "$program" "$file" "$ROOT"/08-coroutines/co*.c -lm
}

@test "08 co: values go both ways, registers stay, sleepers wake in order" {
    local check
    for check in values registers rounding sleeps queues hook; do
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
    run -0 timeout 20 "$BATS_TEST_TMPDIR/co" all 3>&-
    same '' "$output"
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

# --------------------------------------------------------- steps and README

@test "08a each takes what the other one yields, and keeps its place" {
    finds 08a-yield -s 0.02
    says 'c1: ready' 'c2: ready' 'makes baozi 0 and 1' 'c1: eats baozi 0$' \
        'c2: eats baozi 1$' 'makes baozi 2 and 3' 'c1: eats baozi 2$' \
        'c2: eats baozi 3$' 'c1 has eaten, and has ended' \
        'A 0, B 1, A 2, B 3, A 4, B 5'
    # One after the other, however slow the machine: three naps at least.
    [[ $output =~ 'took '([0-9]+)\.[0-9]' naps' ]] && [ "${BASH_REMATCH[1]}" -ge 3 ]
}

@test "08b a switch goes from anywhere to anywhere, also out of fifty calls" {
    finds 08b-switch
    same $'56 12 78 34\nA1 B1 A2 B2\ndown 50 calls, switch, and up 50 calls again' \
        "$output"
}

@test "08c sleeps overlap, joined or not; without a join the end is not reached" {
    finds 08c-sleep -s 0.02
    local pair='func1 begins|func2 begins|func2 ends|func1 ends'
    same "$pair|$pair|10000 sleep|func1 begins|main returns" \
        "$(sed -E 's/^(func. [a-z]*).*/\1/; s/^(10000 sleep).*/\1/' \
            <<< "$output" | paste -sd '|')"
}

@test "08c 10,000 coroutines that sleep cost 5 KiB each at most" {
    memory_is_its_own
    [ "$(getconf PAGESIZE)" = 4096 ] || skip "a page is larger here"
    finds 08c-sleep -s 0.02
    [[ $output =~ ([0-9]+)\.[0-9]' KiB each' ]] && [ "${BASH_REMATCH[1]}" -lt 5 ]
}

the_linker_wraps() {
    "${CC:-cc}" -Wl,--wrap=recv -x c -o "$BATS_TEST_TMPDIR/w" - 2> /dev/null \
        <<< 'int main(void) { return 0; }' || skip "this linker has no --wrap"
}

# What `make 08d` shows, but 100 ms for each page; run once for two tests.
crawls() {
    local shown=$BATS_FILE_TMPDIR/crawls
    the_linker_wraps
    build clients/slow-http
    [ -f "$shown" ] || timeout 30 "$ROOT/08-coroutines/steps/08d-crawl.sh" 100 \
        > "$shown" 3>&- || { cat "$shown"; rm "$shown"; return 1; }
    output=$(< "$shown")
}

@test "08d one object file: pages come one by one, and with the patch together" {
    crawls
    # G is a GET, r a page that has come.
    same "GrGrGr GGGrrr" "$(sed -n 's/^GET.*/G/p; s/.*received from.*/r/p
        s/^3 of 3 pages, 18000 bytes.*/ /p; /^# And/q' <<< "$output" |
        tr -d '\n' | sed 's/ $//')" "$output"
}

@test "08d each page that cannot be had is told, with the reason; the others come" {
    crawls
    output=${output#*# And with others}
    contains "$output" ":1/refused: Connection refused"
    contains "$output" "http://no..such..name/: "
    contains "$output" "/none: HTTP/1.1 404 Not Found"
    contains "$output" "/15000/chunked/cut: cut off, in its chunks"
    contains "$output" "/18000/cut: cut off"
    same "12000 3000 6000 9000" "$(sed -n 's/ bytes received from.*//p' \
        <<< "$output" | sort | paste -sd ' ')" "$output"
}

@test "08d a page is saved byte for byte, however it is sent" {
    local how
    build clients/slow-http 08-coroutines/steps/08d-crawl
    PROGRAM=$ROOT/clients/slow-http start_server -q -d 0
    printf "$(printf '\\%03o' {0..255})%.0s" {1..400} | head -c 100001 \
        > "$BATS_TEST_TMPDIR/page"
    cd "$BATS_TEST_TMPDIR"
    for how in '' /chunked /close; do
        run -0 timeout 10 "$ROOT/08-coroutines/steps/08d-crawl" -o saved \
            "http://127.0.0.1:$PORT/100001/binary$how" 3>&-
        contains "$output" "100001 bytes received"
        cmp page saved
    done
}

# The second connect() finds the backlog full. So the process or, patched, the
# coroutine waits, until acceptor() has made room and the kernel tries again.
@test "08d patched, plain connect(), send(), recv() and close() let others run" {
    the_linker_wraps
    cat > "$BATS_TEST_TMPDIR/plain.c" <<'END'
#include "co.h"
#include <netinet/in.h>
#include <unistd.h>
enum { MUCH = 8000000, ROUNDS = 3 }; /* more than a socket takes */
static struct sockaddr_in address = { .sin_family = AF_INET };
static socklen_t size = sizeof address;
static char bytes[MUCH];
static int listener, ends[2], got, connected;
static void *connector(void *v)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connected += connect(fd, (struct sockaddr *)&address, size) == 0;
    return v;
}
static void *acceptor(void *v)
{
    accept(listener, NULL, NULL);
    return v;
}
static void *reader(void *v)
{
    for (ssize_t n; (n = recv(ends[0], bytes, MUCH, 0)) > 0;)
        got += (int)n;
    return v;
}
static void *writer(void *v)
{
    if (send(ends[1], bytes, MUCH, 0) == MUCH)
        close(ends[1]);
    return v;
}
int main(void)
{
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, size);
    getsockname(listener, (struct sockaddr *)&address, &size);
    listen(listener, 0);
    connector(NULL);
    co_spawn("connector", connector, 0);
    co_spawn("acceptor", acceptor, 0);
    co_join_all();
    for (int i = 0; i < ROUNDS; i++) { /* the same fds each time */
        socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
        co_spawn("reader", reader, 0);
        co_spawn("writer", writer, 0);
        co_join_all();
        close(ends[0]);
    }
    return connected == 2 && got == ROUNDS * MUCH ? 0 : 2;
}
END
    cd "$ROOT/08-coroutines"
    "${CC:-cc}" -I . -o "$BATS_TEST_TMPDIR/patched" "$BATS_TEST_TMPDIR/plain.c" \
        co*.c patch.c -Wl,--wrap=close,--wrap=connect,--wrap=recv,--wrap=send
    run -0 timeout 5 "$BATS_TEST_TMPDIR/patched" 3>&-
}

@test "08e updates are lost across a switch, and not without one or with a lock" {
    finds 08e-shared
    says '^no switch .*= +50$' '^a switch in .*= +90 +4 updates lost$' \
        '^a switch, and a lock .*= +50$'
}

@test "08f a call costs less than a switch, this less than one by the kernel" {
    memory_is_its_own # nor is the time
    finds 08f-cost
    says '^call ' '^generator ' '^coroutine ' '^process ' '^thread '
    same 1 "$(awk '/ ns / { ns[$1] = $2; bar[$1] = length($NF) } END {
        print (ns["call"] < ns["coroutine"] &&
            4 * ns["coroutine"] < ns["thread"] &&
            4 * ns["coroutine"] < ns["process"] &&
            bar["coroutine"] < bar["thread"]) }' <<< "$output")" "$output"
}

@test "08g a blocking call stops all five; what hands over does not, nor a helper's" {
    finds 08g-blocking-call -s 0.05
    same 1 "$(awk '/naps/ { naps[NR] = $(NF - 1) } END { print (naps[1] >= 5 &&
        naps[2] < 5 && naps[3] < 5) }' <<< "$output")" "$output"
}

@test "08g each core gets a process, and each process runs five coroutines" {
    [ "$(uname)" = Linux ] || skip "only Linux tells which core it is"
    local cores
    cores=$(nproc)
    [ "$cores" -lt 4 ] || cores=4
    finds 08g-blocking-call -s 0.001
    output=$(grep '^core .* 5 coroutines, 50 turns$' <<< "$output")
    same "$cores" "$(cut -d: -f1 <<< "$output" | sort -u | wc -l)" "cores"
    same "$cores" "$(cut -d' ' -f4 <<< "$output" | sort -u | wc -l)" "processes"
}

@test "08 the README's commands print what stands below them" {
    build clients/slow-http # which a script wants
    readme_is_true
}
