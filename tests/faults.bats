load helper

# The library of faults and its table: a server that is right survives all of
# them, and each planted mistake is found.

setup_file() {
    build build/faults.so clients/load clients/play ||
        skip "no library to preload here"
    export FAULTS_SO=$ROOT/build/faults.so
    plain_server > "$BATS_FILE_TMPDIR/plain.c"
}

setup() {
    [ "$(uname)" != Darwin ] || skip "macOS has no LD_PRELOAD"
    [ -z "${SANITIZED:-}" ] || skip "a sanitizer must be the first library"
}

# A server in a few lines, that is right; with -D..., a mistake.
plain_server() {
    cat <<'END_OF_SOURCE'
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct pollfd fds[1000];
static int n = 1;

static void end(int number) { (void)number; _exit(write(1, "bye\n", 4) != 4); }

static int again(void)
{
#ifdef EINTR_IS_AN_END
    return 0;
#endif
    return errno == EINTR;
}

static int serve(int fd)
{
    static char bytes[65536];
    ssize_t got;
    do
        got = recv(fd, bytes, sizeof bytes, 0);
    while (got < 0 && again());
    for (ssize_t i = 0; i < got; i++)
        bytes[i] = (char)(bytes[i] >= 'a' && bytes[i] <= 'z'
                          ? bytes[i] - 32 : bytes[i]);
    for (ssize_t sent = 0; sent < got;) {
        ssize_t m = send(fd, bytes + sent, (size_t)(got - sent), 0);
        if (m < 0 && !again())
            return 0;
        sent += m > 0 ? m : 0;
#ifdef ONE_SEND
        break;
#endif
    }
    return got > 0;
}

int main(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    signal(SIGTERM, end);
    signal(SIGPIPE, SIG_IGN);
    bind(listener, (void *)&a, size);
    listen(listener, 100);
    getsockname(listener, (void *)&a, &size);
    printf("plain: listening on 127.0.0.1:%d\n", ntohs(a.sin_port));
    fflush(stdout);
    fds[0] = (struct pollfd){ listener, POLLIN, 0 };
    for (;;) {
        int ready = poll(fds, (nfds_t)n, -1);
        if (ready < 0)
            continue;
        if (fds[0].revents) {
            int fd = accept(listener, NULL, NULL);
#ifdef ERRORS_END_IT
            if (fd < 0)
                exit(1);
#endif
            if (fd >= 0)
                fds[n++] = (struct pollfd){ fd, POLLIN, 0 };
            else
                usleep(1000);
        }
        for (int i = n - 1; i > 0; i--)
            if (fds[i].revents && !serve(fds[i].fd)) {
#ifndef LEAK
                close(fds[i].fd);
#endif
                fds[i] = fds[--n];
            }
    }
}
END_OF_SOURCE
}

# faults_of FAULT [FLAG...]: the table of the plain server with these flags.
faults_of() {
    local fault=$1
    shift
    cc -std=gnu11 -w "$@" -o "$BATS_TEST_TMPDIR/plain" "$BATS_FILE_TMPDIR/plain.c"
    SERVER=$BATS_TEST_TMPDIR/plain FAULT=$fault SEED=1 "$ROOT/tests/faults.sh" 3>&-
}

@test "faults: a server that is right survives" {
    for fault in all:harmless recv:ECONNRESET=5 send:EPIPE=5; do
        run -0 faults_of "$fault"
        contains "$output" "${fault%=*}"
        contains "$output" "all programs survived; seed 1"
    done
}

@test "faults: a server that takes EINTR for an end is found, with the line that replays it" {
    run -1 faults_of recv:EINTR=30 -DEINTR_IS_AN_END
    contains "$output" "FAIL"
    contains "$output" "make faults SERVER=$BATS_TEST_TMPDIR/plain FAULT=recv:EINTR=30 SEED=1"
    run -0 faults_of send:short=50 -DEINTR_IS_AN_END
}

@test "faults: one send() without a loop is found" {
    run -1 faults_of send:short=50 -DONE_SEND
    contains "$output" "no answer for"
}

@test "faults: a server that ends is found, with its last words" {
    run -1 faults_of accept:ENOMEM=30 -DERRORS_END_IT
    contains "$output" "it ended, exit status 1"
}

@test "faults: an fd that is not closed is found" {
    run -1 faults_of accept:EINTR=50 -DLEAK
    contains "$output" "fds"
    contains "$output" "before"
}

@test "faults: a static program: one line, exit 77" {
    cc -std=gnu11 -w -static -o "$BATS_TEST_TMPDIR/plain" "$BATS_FILE_TMPDIR/plain.c" ||
        skip "no static libc"
    run -77 faults_of recv:EINTR=30 -static
    contains "$output" "static program"
}

@test "faults: a wrong value is named, exit 2" {
    local words wrong
    while read -r wrong words; do
        # shellcheck disable=SC2086 # they are words
        run -2 env LD_PRELOAD="$FAULTS_SO" $words true 3>&-
        contains "$output" "$wrong"
    done <<'CASES'
'recv' FAULTS=recv
'recv:EINTR' FAULTS=recv:EINTR
'recieve' FAULTS=recieve:EINTR=5
'EINTRR' FAULTS=recv:EINTRR=5
'0' FAULTS=recv:EINTR=0
'101' FAULTS=recv:EINTR=101
'x' FAULTS=recv:EINTR=x
short FAULTS=accept:short=5
100 FAULTS=recv:EINTR=60:recv
'-1' FAULTS_SEED=-1
'x' FAULTS_SEED=x
'now' FAULTS_FROM=now
/no/file FAULTS_STATE=/no/file
CASES
    run -2 env LD_PRELOAD="$FAULTS_SO" FAULTS='recv:EINTR=60 recv:ENOMEM=60' true
    contains "$output" "recv have more than 100 percent"
    run -2 env SEED=x "$ROOT/tests/faults.sh" 3>&-
    contains "$output" "'x' is not a number"
}

@test "faults: the same seed gives the same faults" {
    local first
    first=$(faults_of_reads 7)
    contains "$first" "EINTR"
    same "$first" "$(faults_of_reads 7)"
    [ "$first" != "$(faults_of_reads 8)" ]
}

faults_of_reads() {
    seq 30 | env LD_PRELOAD="$FAULTS_SO" FAULTS='read:EINTR=30 read:short=30' \
        FAULTS_SEED="$1" FAULTS_FROM=start FAULTS_LOG=1 \
        sh -c 'while read -r n; do :; done' 2>&1
}

@test "faults: all servers and clients of the kit survive all harmless faults at once" {
    build all
    run -0 env FAULT=all:harmless SERVER= "$ROOT/tests/faults.sh" 3>&-
}

# One byte at a time, and between two of them the client is stopped.
@test "clients: stopped, continued and with a new window, each prints every answer" {
    build all
    PROGRAM=$ROOT/07-threads-procs/server start_server -q
    for c in 01-blocking 02-nonblocking 03-select 04-poll 05-epoll 06-selector; do
        # shellcheck disable=SC2046 # they are words
        stop_and_continue "$ROOT/$c/client" -p "$PORT" $(one_connection "$c")
        same "ONE TWO THREE FOUR" "$(answers_of "$c" | paste -sd ' ')" "the output of $c"
    done
}

# answers_of CLIENT: the answers that it has printed; 04 prints the connection,
# too, and 05 says that they are right.
answers_of() {
    case $1 in
        05*) sed -n 's/^1 answer to "\(.*\)\\n", all right,.*/\1/p' "$BATS_TEST_TMPDIR/out" |
            tr '[:lower:]' '[:upper:]' ;;
        *) sed 's/^1: //' "$BATS_TEST_TMPDIR/out" ;;
    esac
}

one_connection() {
    case $1 in 04* | 05*) echo "-c 1" ;; esac
}

# stop_and_continue COMMAND...: run it, give it four lines, and between them
# these signals.
stop_and_continue() {
    local keys=$BATS_TEST_TMPDIR/keys word job
    rm -f "$keys"
    mkfifo "$keys"
    "$@" < "$keys" > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
    job=$!
    exec 4> "$keys"
    for word in one two three four; do
        echo $word >&4
        kill -STOP "$job"
        sleep 0.03
        kill -CONT "$job"
        kill -WINCH "$job"
        sleep 0.03
    done
    exec 4>&-
    ends_with 0 "$job" || { cat "$BATS_TEST_TMPDIR/err"; return 1; }
}

@test "clients 07, 08, load and ftp: stopped and continued, all is right" {
    build all
    PROGRAM=$ROOT/07-threads-procs/server start_server -q
    for command in "07-threads-procs/client -c 20 -n 3000" \
        "08-coroutines/client -c 20 -n 3000" "clients/load -c 20 -n 3000"; do
        # shellcheck disable=SC2086 # they are words
        stop_often "$ROOT"/$command -p "$PORT"
        grep -q 'all right\| 0 errors' "$BATS_TEST_TMPDIR/out"
    done
    teardown
    mkdir "$BATS_TEST_TMPDIR/tree"
    head -c 100000000 /dev/zero > "$BATS_TEST_TMPDIR/tree/file"
    PROGRAM=$ROOT/06-selector/ftp/server start_server -q -r "$BATS_TEST_TMPDIR/tree" -u tom:secret
    cd "$BATS_TEST_TMPDIR"
    stop_often "$ROOT/06-selector/ftp/client" -p "$PORT" -u tom:secret get file
    cmp file tree/file
    stop_often "$ROOT/06-selector/ftp/client" -p "$PORT" -u tom:secret put file new
    cmp file tree/new
}

# stop_often COMMAND...: stop and continue it until it ends.
stop_often() {
    "$@" > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" 3>&- &
    local job=$!
    for _ in {1..10}; do
        kill -STOP "$job" && sleep 0.01 && kill -CONT "$job" &&
            kill -WINCH "$job" && sleep 0.02
    done 2> /dev/null || true
    ends_with 0 "$job" || { cat "$BATS_TEST_TMPDIR/err"; return 1; }
}
