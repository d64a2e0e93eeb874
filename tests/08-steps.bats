# The steps of the lesson, and the commands in its README.md and NOTES.md.

load helper
load contract
load steps
lesson 08-coroutines

# the_linker_wraps: skip where it cannot replace a function (--wrap).
the_linker_wraps() {
    ${CC:-cc} -Wl,--wrap=recv -x c -o "$BATS_TEST_TMPDIR/w" - 2> /dev/null \
        <<< 'int main(void) { return 0; }' || skip "this linker has no --wrap"
}

@test "08a each one gets what the other one yields, and goes on where it was" {
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

@test "08c sleeps overlap; a coroutine that is not joined does not come to its end" {
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
        s/^3 of 3 pages, 18000 bytes.*/ /p; /^# The same again/q' <<< "$output" |
        tr -d '\n' | sed 's/ $//')" "$output"
}

@test "08d a page that cannot be fetched gets a line with the reason; the others come" {
    crawls
    output=${output#*# The same again}
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
    ${CC:-cc} -I . -o "$BATS_TEST_TMPDIR/patched" "$BATS_TEST_TMPDIR/plain.c" \
        co*.c patch.c -Wl,--wrap=close,--wrap=connect,--wrap=recv,--wrap=send
    run -0 timeout 5 "$BATS_TEST_TMPDIR/patched" 3>&-
}

@test "08e updates are lost across a switch, and not without one or with a lock" {
    finds 08e-shared
    says '^no switch .*= +50$' '^a switch in .*= +90 +4 updates lost$' \
        '^a switch, and a lock .*= +50$'
}

@test "08f a call costs less than a coroutine's switch, and this less than the kernel's" {
    memory_is_its_own # nor is the time
    finds 08f-cost
    says '^call ' '^generator ' '^coroutine ' '^process ' '^thread '
    same 1 "$(awk '/ ns / { ns[$1] = $2; bar[$1] = length($NF) } END {
        print (ns["call"] < ns["coroutine"] &&
            4 * ns["coroutine"] < ns["thread"] &&
            4 * ns["coroutine"] < ns["process"] &&
            bar["coroutine"] < bar["thread"]) }' <<< "$output")" "$output"
}

@test "08g a blocking call stops all five; co_sleep() does not, nor does a helper" {
    finds 08g-blocking-call -s 0.05
    same 1 "$(awk '/naps/ { naps[NR] = $(NF - 1) } END { print (naps[1] >= 5 &&
        naps[2] < 5 && naps[3] < 5) }' <<< "$output")" "$output"
}

@test "08h each core gets a process, and each process runs five coroutines" {
    [ "$(uname)" = Linux ] || skip "only Linux tells which core it is"
    local cores
    cores=$(nproc)
    [ "$cores" -lt 4 ] || cores=4
    finds 08h-cores
    output=$(grep '^core .* 5 coroutines, 50 turns$' <<< "$output")
    same "$cores" "$(cut -d: -f1 <<< "$output" | sort -u | wc -l)" "cores"
    same "$cores" "$(cut -d' ' -f4 <<< "$output" | sort -u | wc -l)" "processes"
}

@test "08 a step names a wrong option or a wrong number, and ends with status 2" {
    local step
    for step in "$ROOT/$LESSON"/steps/08*.c; do
        step=${step##*/}
        build "$LESSON/steps/${step%.c}"
        run -2 "$ROOT/$LESSON/steps/${step%.c}" -x 3>&-
        [[ $output =~ option.*x ]]
        contains "$output" "usage: "
    done
    for step in 08a-yield 08c-sleep 08g-blocking-call; do
        run -2 "$ROOT/$LESSON/steps/$step" -s nan 3>&-
        contains "$output" "'nan' is not a number of seconds"
    done
}

@test "08 the commands of README.md and NOTES.md print what stands below them" {
    build clients/slow-http # which a script wants
    readme_is_true
}
