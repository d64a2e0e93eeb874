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

# web ANSWER...: a web server on $PORT. The answer to its first client is the
# first one, and so on: bytes in printf's escapes; or "silence" (it keeps the
# connection), "drip" (a byte each 20 ms), "flood" (bytes without end).
web() {
    local answer file=0
    cat > "$BATS_TEST_TMPDIR/web.c" <<'END'
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    socklen_t size = sizeof a;
    static char bytes[65536];
    int fd, in = socket(AF_INET, SOCK_STREAM, 0);
    signal(SIGPIPE, SIG_IGN);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(in, (void *)&a, size) < 0 || listen(in, 100) < 0)
        return 1;
    getsockname(in, (void *)&a, &size);
    printf("listening on 127.0.0.1:%d\n", ntohs(a.sin_port));
    fflush(stdout);
    for (int i = 1; i < argc && (fd = accept(in, NULL, NULL)) >= 0; i++) {
        recv(fd, bytes, sizeof bytes, 0);
        if (strcmp(argv[i], "silence") == 0)
            continue;
        if (strcmp(argv[i], "flood") == 0)
            while (send(fd, bytes, sizeof bytes, 0) > 0)
                continue;
        if (strcmp(argv[i], "drip") == 0)
            while (send(fd, "x", 1, 0) > 0)
                usleep(20000);
        FILE *f = fopen(argv[i], "r");
        size_t n = f == NULL ? 0 : fread(bytes, 1, sizeof bytes, f);
        send(fd, bytes, n, 0);
        close(fd);
    }
    return 0;
}
END
    cd "$BATS_TEST_TMPDIR"
    ${CC:-cc} -o web web.c
    local -a answers=()
    for answer; do
        case $answer in
            silence | drip | flood) answers+=("$answer") ;;
            *)  file=$((file + 1))
                # shellcheck disable=SC2059 # the escapes are meant
                printf "$answer" > $file
                answers+=("$file") ;;
        esac
    done
    ./web "${answers[@]}" > web.log 2>&1 3>&- &
    PID=$!
    LOG=web.log
    within 5 listens
}

@test "08d an answer that is cut, wrong, too long or too slow is no page" {
    local ok='HTTP/1.1 200 OK\r\n' number=0 line reasons=() answers=()
    build 08-coroutines/steps/08d-crawl
    while IFS='|' read -r line number; do
        answers+=("$line") reasons+=("$number")
    done <<END
${ok}Content-Length: abc\r\n\r\nxyz|its Content-Length is not a number
${ok}Content-Length: -3\r\n\r\nxyz|its Content-Length is not a number
${ok}Content-Length:\r\n\r\nxyz|its Content-Length is not a number
${ok}Content-Length: 3x\r\n\r\nxyz|its Content-Length is not a number
${ok}Content-Length: 99999999999999999999999\r\n\r\nxyz|its Content-Length is not a number
${ok}Content-Length: 4\r\n\r\nxyz|cut off
${ok}Transfer-Encoding: gzip\r\n\r\nxyz|an unknown Transfer-Encoding
${ok}Transfer-Encoding:chunked\r\n\r\n|cut off, in its chunks
${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n|cut off, in its chunks
${ok}Transfer-Encoding: chunked\r\n\r\nzz\r\nxyz\r\n0\r\n\r\n|a chunk has no size
${ok}Transfer-Encoding: chunked\r\n\r\n-3\r\nxyz\r\n0\r\n\r\n|a chunk has no size
${ok}Transfer-Encoding: chunked\r\n\r\n3q\r\nxyz\r\n0\r\n\r\n|a chunk has no size
${ok}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n0\r\n\r\n|a chunk has no size
${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nxyz\r\n0\r\n\r\n|a chunk has not the size that it gives
HTTP/1.1 404 \e]0;OWNED\a\x9b31m\r\n\r\n|HTTP/1.1 404 ?]0;OWNED??31m
xyz|this is no answer of HTTP
|this is no answer of HTTP
silence|it takes too long
drip|it takes too long
flood|it is too large
END
    web "${answers[@]}"
    for number in "${!answers[@]}"; do
        run -1 timeout 10 "$ROOT/08-coroutines/steps/08d-crawl" -s 0.3 \
            "http://127.0.0.1:$PORT/" 3>&-
        contains "$output" "http://127.0.0.1:$PORT/: ${reasons[number]}"
        contains "$output" "0 of 1 pages, 0 bytes"
    done
}

@test "08d right answers of other kinds are whole pages" {
    local number ok='HTTP/1.1 200 OK\r\n' chunked='transfer-encoding: Chunked\r\n\r\n'
    build 08-coroutines/steps/08d-crawl
    local -a answers=("${ok}content-length:3\r\n\r\nxyz" "${ok}\r\nxyz" \
        "${ok}Content-Length: 3 \r\nDate: x\r\n\r\nxyz" \
        "${ok}${chunked}1\r\nx\r\n02;a=b\r\nyz\r\n000\r\n\r\n" \
        "${ok}${chunked}2 \r\nxy\r\n1\r\nz\r\n0\r\nDate: x\r\n\r\n" \
        "${ok}Content-Length: 0\r\n\r\n")
    web "${answers[@]}"
    for number in "${!answers[@]}"; do
        run -0 timeout 10 "$ROOT/08-coroutines/steps/08d-crawl" -o page \
            "http://127.0.0.1:$PORT" 3>&-
        [ "$number" = 5 ] && [ ! -s page ] || same xyz "$(< page)"
    done
}

@test "08d stopped and continued it still waits, and a full disk is an error" {
    build 08-coroutines/steps/08d-crawl clients/slow-http
    local crawl=$ROOT/08-coroutines/steps/08d-crawl job
    PROGRAM=$ROOT/clients/slow-http start_server -q -d 500
    "$crawl" "http://127.0.0.1:$PORT/9" > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    job=$!
    sleep 0.2
    kill -STOP $job
    sleep 0.1
    kill -CONT $job
    ends_with 0 $job
    contains "$(< "$BATS_TEST_TMPDIR/out")" "1 of 1 pages, 9 bytes"
    [ -c /dev/full ] || skip "no /dev/full here"
    run -1 timeout 10 "$crawl" -o /dev/full "http://127.0.0.1:$PORT/9/delay=0" 3>&-
    contains "$output" "/dev/full: No space left"
    [[ $output != *received* ]]
    run -1 bash -c '"$0" "$1" > /dev/full' "$crawl" "http://127.0.0.1:$PORT/9/delay=0" 3>&-
    contains "$output" "stdout: lines are lost"
}

@test "08d a URL that is none, or that is too long, is not sent" {
    build 08-coroutines/steps/08d-crawl
    local url crawl=$ROOT/08-coroutines/steps/08d-crawl
    web 'HTTP/1.1 200 OK\r\n\r\nxyz'
    for url in ftp://x/ http:// http:///x $'http://127.0.0.1:$PORT/\e[2J' \
        "http://127.0.0.1:$PORT/ x" $'http://x\r\nHost: y/' \
        "http://$(printf '%0300d' 1)/" "http://x/$(printf '%01600d' 1)"; do
        run -1 timeout 10 "$crawl" "$url" 3>&-
        [[ $output != *$'\e'* ]]
        [[ $output == *"that is not http://HOST[:PORT][/PATH]"* ||
            $output == *"no host, or it is too long"* ]]
    done
    run -0 timeout 10 "$crawl" "http://127.0.0.1:$PORT?x#y" 3>&- # none was sent
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
