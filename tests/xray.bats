load helper
load inside
lesson 07-threads-procs

# xray prints a program's system calls. It changes nothing but the time that
# they take, it loses none, and it prints "slept" only where the kernel says so.
# The probe is a small program that makes known calls.

setup_file() {
    build clients/play clients/load clients/xray 07-threads-procs/server
    PROBE=$BATS_FILE_TMPDIR/probe
    probe_source > "$PROBE.c"
    ${CC:-cc} -std=gnu11 -pthread -o "$PROBE" "$PROBE.c"
    export PROBE
}

setup() {
    needs_xray
    LINES_=$BATS_TEST_TMPDIR/lines
    export ASAN_OPTIONS=detect_leaks=0
}

# xray OPTION...: run it; its lines go to $LINES_. The command has none of our
# files open, so the first one that it opens is fd 3.
xray() {
    (without_files "$XRAY" -o "$LINES_" "$@")
}

# without_files COMMAND...: exec it without our open files.
without_files() {
    local fd
    for fd in {3..19}; do
        eval "exec $fd>&-"
    done
    exec "$@"
}

probe_source() {
    cat <<'END'
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int pair[2]; /* of sockets: 3 and 4 */
static char byte;

static void sleep_us(long us)
{
    nanosleep(&(struct timespec){ 0, us * 1000 }, NULL);
}

/* A child spins on the same CPU. A read() works for a long time, and loses the
   CPU to the child meanwhile; other calls sleep, some for a short time. */
static int slept(void)
{
    enum { SIZE = 64 << 20 };
    cpu_set_t here;
    sigset_t child_ends; /* under a tracer SIGCHLD would interrupt recv() */
    char *much = malloc(SIZE);
    sigemptyset(&child_ends);
    sigaddset(&child_ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ends, NULL);
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    sched_setaffinity(0, sizeof here, &here);
    pid_t child = fork();
    for (; child == 0; )
        continue;
    int zero = open("/dev/zero", O_RDONLY);
    if (read(zero, much, SIZE) != SIZE)
        return 1;
    sleep_us(1000);
    sleep_us(1);
    kill(child, SIGKILL);
    wait(NULL);
    child = fork();
    if (child == 0) {
        sleep_us(50000);
        return write(pair[1], "x", 1) != 1;
    }
    if (recv(pair[0], &byte, 1, 0) != 1)    /* sleeps */
        return 1;
    wait(NULL);
    recv(pair[0], &byte, 1, MSG_DONTWAIT);  /* refused */
    send(pair[1], "hello", 5, 0);
    recv(pair[0], much, 100, 0);            /* copied 5 */
    poll(&(struct pollfd){ pair[0], POLLIN, 0 }, 1, 0); /* does not sleep */
    return 0;
}

static void in_order(void)
{
    for (int i = 0; i < 300; i++) {
        printf("sends %d\n", i);
        send(pair[1], "x", 1, 0);
        printf("receives %d\n", i);
        recv(pair[0], &byte, 1, 0);
    }
}

static void sets(void)
{
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(pair[0], &in);
    FD_SET(pair[1], &out);
    select(10, &in, &out, NULL, &(struct timeval){ 0, 5000 });
    send(pair[1], "x", 1, 0);
    FD_SET(pair[0], &in);
    select(10, &in, NULL, NULL, NULL);
    for (int fd = 10; fd < 22; fd++) {
        dup2(pair[1], fd);
        FD_SET(fd, &out);
    }
    select(30, NULL, &out, NULL, NULL);
    poll((struct pollfd[]){ { pair[0], POLLIN, 0 }, { -1, POLLIN, 0 },
         { pair[1], POLLIN | POLLOUT, 0 } }, 3, 1500);
    int epoll = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };
    epoll_wait(epoll, &event, 1, 1);
    epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event);
    event.events = EPOLLOUT;
    epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &event);
    epoll_wait(epoll, &event, 1, -1);
    epoll_ctl(epoll, EPOLL_CTL_DEL, pair[0], NULL);
    epoll_ctl(epoll, EPOLL_CTL_DEL, pair[0], NULL);
    epoll_wait(epoll, &event, 1, 1500);
    close(pair[1]);
    epoll_wait(epoll, &event, 1, 0);
}

static void *waits(void *unused)
{
    (void)unused;
    recv(pair[0], &byte, 1, 0);
    return NULL;
}

static void *waits_later(void *unused)
{
    sleep_us(30000);
    return waits(unused);
}

static void *execs(void *unused)
{
    (void)unused;
    sleep_us(30000);
    execlp("true", "true", (char *)NULL);
    err(1, "exec");
}

static void nothing(int number)
{
    (void)number;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    const char *what = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    if (strcmp(what, "slept") == 0)
        return slept();
    if (strcmp(what, "in-order") == 0)
        in_order();
    if (strcmp(what, "sets") == 0)
        sets();
    if (strcmp(what, "many") == 0) /* calls, without a pause */
        for (int i = 0; i < 2000; i++) {
            send(pair[1], "x", 1, 0);
            recv(pair[0], &byte, 1, 0);
        }
    if (strcmp(what, "child") == 0) /* has it a child? it has made none */
        return wait(NULL) == -1 && errno == ECHILD ? 0 : 1;
    if (strcmp(what, "exec") == 0) { /* in one thread; two others sleep */
        pthread_create(&thread, NULL, waits, NULL);
        pthread_create(&thread, NULL, execs, NULL);
        recv(pair[1], &byte, 1, 0);
    }
    if (strcmp(what, "leaderless") == 0) { /* its first thread has ended */
        pthread_create(&thread, NULL, waits_later, NULL);
        send(pair[1], "x", 1, 0);
        pthread_exit(NULL);
    }
    if (strcmp(what, "signals") == 0) { /* while it sleeps */
        signal(SIGUSR1, nothing);
        siginterrupt(SIGUSR1, 1);
        recv(pair[0], &byte, 1, 0);
        raise(SIGUSR1);
        kill(getpid(), SIGTERM);
    }
    return 0;
}
END
}

# ------------------------------------------------- it changes nothing

@test "xray: the exit status is the command's, also when a signal ends it" {
    run -7 xray -- sh -c 'exit 7'
    run -0 xray -- true
    run -143 xray -- sh -c 'kill -TERM $$'
    run -137 xray -- sh -c 'kill -KILL $$'
    same input "$(echo input | xray -- cat)"
}

# All that a process can find out about itself: parent, group and session,
# signals, fds, directory, environment, limits, children.
@test "xray: pid, files, signals, session and children are as without it" {
    export LOOK='ls /proc/self/fd; cut -d " " -f 4-8 /proc/$$/stat; umask; pwd
        grep -E "^(Sig[^Q]|Shd|Groups|NoNewPrivs|Seccomp)" /proc/$$/status
        env -u _ | sort; ulimit -a; cat /proc/thread-self/children'
    cd "$BATS_TEST_TMPDIR"
    bash -c 'trap "" HUP; bash -c "$LOOK" > plain
        "$0" -q -- bash -c "$LOOK" > quiet 2> /dev/null
        "$0" -o lines -- bash -c "$LOOK" > loud; true' "$XRAY" 3>&-
    [ "$(wc -l < plain)" -gt 30 ]
    diff plain quiet
    diff plain loud
    run -0 bash -c 'echo $$; exec "$0" -o /dev/null -- sh -c "echo \$\$"' "$XRAY"
    same "${lines[0]}" "${lines[1]}" "pid"
    xray -- "$PROBE" child
}

# in_background ARG...: run xray in the background; $PID is the command's.
in_background() {
    set -m
    without_files "$XRAY" -o "$LINES_" "$@" > "$BATS_TEST_TMPDIR/out" 2>&1 \
        < /dev/null &
    PID=$!
    set +m
}

# prints REGEX [FILE]: such a line is there, or comes soon.
prints() {
    within 3 grep -qE "$1" "${2:-$LINES_}" ||
        { echo "no line: $1"; cat "${2:-$LINES_}"; return 1; }
}

@test "xray: signals reach the command, and xray prints them; after a stop it goes on" {
    in_background -- "$PROBE" signals
    prints 'recv\(3\) sleeps \.\.\.$'
    kill -STOP "$PID"
    prints 'SIGSTOP comes from [0-9]+$'
    grep -q '^State:.[Tt]' "/proc/$PID/status"
    kill -CONT "$PID"
    prints 'SIGCONT comes'
    kill -USR1 "$PID"
    ends_with 143 "$PID"
    PID=
    prints "recv\(3\) slept .* ms, (failed: EINTR|interrupted)$"
    same "SIGSTOP SIGCONT SIGUSR1 SIGUSR1 SIGTERM" \
        "$(sed -n 's/.* ms: \(SIG[A-Z0-9]*\) comes.*/\1/p' "$LINES_" | xargs)"
}

@test "xray: Ctrl-C reaches the command, not the tracer" {
    heeds_sigint
    in_background --summary -- sh -c 'trap "echo caught; exit 3" INT
        while :; do sleep 0.05; done'
    prints 'sleeps'
    kill -INT -- "-$PID"
    ends_with 3 "$PID"
    PID=
    same caught "$(cat "$BATS_TEST_TMPDIR/out")"
    prints 'SIGINT comes'
    prints '^asleep in:'
}

# ---------------------------------------------------- what it prints

@test "xray: its lines and those of the command come in the order of the calls" {
    (without_files "$XRAY" -- "$PROBE" in-order) > "$BATS_TEST_TMPDIR/both" 2>&1
    for i in {0..299}; do
        printf '%s\n' "sends $i" "send(4) copied 1 byte" "receives $i" \
            "recv(3) copied 1 byte"
    done > "$BATS_TEST_TMPDIR/wanted"
    sed '/socketpair/d; s/^xray.* ms: //' "$BATS_TEST_TMPDIR/both" |
        cmp "$BATS_TEST_TMPDIR/wanted"
}

@test "xray: whether a call slept comes from the kernel, not from how long it took" {
    xray -- "$PROBE" slept
    cat "$LINES_"
    run -0 sed -E 's/^xray +[0-9.]+ ms: (\[[0-9]+\] )?//; / (begins|ends: .*)$/d
        s/slept [0-9.]+ ms/slept/; /^wait/d; /sleeps/d' "$LINES_"
    same "socketpair(): 3, 4
read(5) copied 67108864 bytes
nanosleep(1 ms) slept
nanosleep(0.001 ms) slept
nanosleep(50 ms) slept
write(4) copied 1 byte
recv(3) slept, copied 1 byte
recv(3) refused: EAGAIN
send(4) copied 5 bytes
recv(3) copied 5 bytes
poll(3 in, 0 ms): 0 ready" "$(sort_by_thread <<< "$output")"
    # and the read() took longer than the sleep of 1 ms
    awk '/socketpair/ { at = $2 } / read\(/ { exit $2 - at < 2 }' "$LINES_"
}

# The child's write and the parent's recv end at the same time: put the write
# first.
sort_by_thread() {
    awk '/^write/ { write = $0; next }
         /^recv\(3\) slept/ { print write == "" ? "write(4) copied 1 byte" : write }
         { print }'
}

@test "xray: it prints a call that sleeps once while it sleeps" {
    in_background -- "$PROBE" signals
    prints 'recv\(3\) sleeps \.\.\.$'
    gone "$PID" && return 1
    sleep 0.1
    same 1 "$(grep -c 'recv(3)' "$LINES_")" "lines about it"
}

@test "xray: it names the fds of select and poll, and counts those of epoll" {
    run -0 xray -- "$PROBE" sets
    run -0 sed -E 's/^xray +[0-9.]+ ms: //; s/slept [0-9.]+ ms/slept/; /sleeps/d' "$LINES_"
    same "socketpair(): 3, 4
select(3 readable?, 4 writable?, 5 ms): 4 writable
send(4) copied 1 byte
select(3 readable?): 3 readable
select(13 fds writable?): 13 fds writable
poll(3 in, 4 in|out, 1.5 s): 3 in, 4 out
epoll_create(): 5
epoll_wait(0 watched, 1 ms) slept: 0 ready
epoll_ctl(5, add 3 in|edge)
epoll_ctl(5, add 4 out)
epoll_wait(2 watched): 1 ready
epoll_ctl(5, del 3)
epoll_ctl(5, del 3) failed: ENOENT
epoll_wait(1 watched, 1.5 s): 1 ready
close(4)
epoll_wait(1 watched, 0 ms): 1 ready" "$(grep -v '^close([^4]' <<< "$output")"
}

@test "xray: exec ends the other threads, and begins no process" {
    xray -- "$PROBE" exec
    cat "$LINES_"
    same 2 "$(grep -c 'a thread begins' "$LINES_")" "threads"
    run -1 grep 'a process begins' "$LINES_"
    prints 'recv\(3\) slept .* and its thread ends'
    prints 'recv\(4\) slept .* and its thread ends'
    prints 'the thread ends: exec'
    run -1 grep -E 'recv\([34]\)(:| copied| failed)' "$LINES_"
    xray --summary -- sh -c 'exec cat /dev/null'
    same 1 "$(grep -c '^all ' "$LINES_")" "summaries"
}

@test "xray: it reports a process whose first thread has ended" {
    xray -q -- "$PROBE" leaderless
    grep -q '^1 messages received, ' "$LINES_"
}

@test "xray: when SIGKILL ends the command, it prints the call that it was in" {
    in_background --summary -- "$PROBE" signals
    prints 'recv\(3\) sleeps'
    kill -KILL "$PID"
    ends_with 137 "$PID"
    PID=
    prints 'recv\(3\)( slept .* ms)? and its thread ends$'
    prints '^all '
}

@test "xray: it waits for a full pipe, and loses no line" {
    without_files "$XRAY" --summary -- "$PROBE" many 2>&1 | {
        for i in {1..20}; do head -c 4096; sleep 0.03; done
        cat
    } > "$LINES_"
    same "2000 2000" "$(grep -c ' send(4) copied 1 byte$' "$LINES_") $(
        grep -c ' recv(3) copied 1 byte$' "$LINES_")"
    TRACE=$LINES_ tally calls send recv | grep -x 4000
}

@test "xray: when the reader of its lines ends, the command goes on" {
    { "$XRAY" -- "$PROBE" many; echo $? > "$BATS_TEST_TMPDIR/status"; } 2>&1 3>&- |
        head -n 1
    same 0 "$(cat "$BATS_TEST_TMPDIR/status")" "exit status"
}

# ------------------------------------------------ no call more or less

# answers_100 [FLAG...]: 07's server answers five messages of 100 clients each.
answers_100() {
    PROGRAM=$ROOT/07-threads-procs/server FLAGS='' start_server -q "$@"
    "$ROOT/clients/load" -p "$PORT" -c 100 -n 5 -s 64 3>&-
    within 5 all_have_left
    kill -TERM "$PID"
    within 5 gone "$PID"
}

# The server has closed all connections: only the listener (0A) is left.
all_have_left() {
    ! grep -qE "^ *[0-9]+: 0100007F:$(printf %04X "$PORT") [^ ]+ 0[^A]" /proc/net/tcp
}

# For each client the server calls send five times and recv six times: the last
# recv finds the end of the stream. Each thread or process ends.
@test "xray: 100 clients, threads or processes: exactly the calls that they need" {
    SLOWLY=$(quoted "$XRAY" --summary -o "$LINES_" --) TRACE=$LINES_
    for model in thread process "pool -w 20" "prefork -w 20"; do
        echo "$model"
        # shellcheck disable=SC2086 # they are words
        answers_100 -m $model
        same "600 32000" "$(tally calls recv) $(tally bytes recv)" recv
        same "500 32000" "$(tally calls send) $(tally bytes send)" send
        same 100 "$(grep -cE ' accept\(3\).*: [0-9]+$' "$LINES_")" accept
        same 100 "$(grep -cE ' recv\([0-9]+\).* nothing: the end$' "$LINES_")" ends
        same "$(births)" "$(grep -cE ' the (thread|process) ends: ' "$LINES_")" "begin and end"
        [ "$(births)" -ge 20 ]
        grep -vE ' sleeps \.\.\.$' "$LINES_" | grep -oE ' [a-z_]+\(' |
            sort | uniq -c | while read -r n name; do
                same "$n" "$(tally calls "${name%?}")" "lines, and calls of ${name%?}"
            done
    done
}

@test "xray: in the same scene strace counts the same calls" {
    command -v strace > /dev/null || skip "strace is missing"
    local strace=$BATS_TEST_TMPDIR/strace wanted
    for model in thread "prefork -w 20"; do
        echo "$model"
        # shellcheck disable=SC2086 # they are words
        SLOWLY=$(quoted strace -D -f -qq -c -o "$strace") answers_100 -m $model
        within 5 grep -q ' total$' "$strace"
        wanted=$(awk '$NF ~ /^(socket|bind|listen|recvfrom|sendto)$/ {
            sub(/from|to$/, "", $NF); print $NF, $4 }' "$strace" | sort)
        contains "$wanted" "recv 600"
        # shellcheck disable=SC2086 # they are words
        SLOWLY=$(quoted "$XRAY" -q -o "$LINES_" --) answers_100 -m $model
        same "$wanted" "$(awk '/^(socket|bind|listen|recv|send) / { print $1, $2 }' \
            "$LINES_" | sort)" "calls"
    done
}

# answers_one: 05's server answers one client, one message at a time. So it is
# known how often it waits.
answers_one() {
    PROGRAM=$ROOT/05-epoll/server FLAGS='' start_server -q
    exec 4<> "/dev/tcp/127.0.0.1/$PORT"
    for _ in {1..20}; do
        echo hello >&4
        read -r -t 5 -u 4 _
    done
    exec 4>&-
    within 5 all_have_left
    kill -TERM "$PID"
    within 5 gone "$PID"
}

@test "xray: one message at a time: one wait, recv and send for each, as strace counts" {
    build 05-epoll/server
    SLOWLY=$(quoted "$XRAY" -q -o "$LINES_" --) answers_one
    local seen strace=$BATS_TEST_TMPDIR/strace
    seen=$(awk '/^(epoll|accept|recv|send)/ { print $1, $2 }' "$LINES_" | sort)
    contains "$seen" "recv 21"$'\n'"send 20"
    command -v strace > /dev/null || skip "strace is missing"
    SLOWLY=$(quoted strace -D -f -qq -c -o "$strace") answers_one
    within 5 grep -q ' total$' "$strace"
    same "$(awk '$NF ~ /^(epoll.*|accept|recvfrom|sendto)$/ {
        sub(/from|to$|1$/, "", $NF); print $NF, $4 }' "$strace" | sort)" "$seen"
}

@test "xray: each line has the thread id; each thread and process begins and ends once" {
    PROGRAM=$ROOT/07-threads-procs/server
    local SLOWLY one
    SLOWLY=$(quoted "$XRAY" -o "$LINES_" --)
    for model in thread process; do
        start_server -q -m "$model"
        exec 4<> "/dev/tcp/127.0.0.1/$PORT"
        echo hello >&4
        read -r -t 3 -u 4 one
        exec 4>&-
        one=$(sed -n 's/.* ms: \[\([0-9]*\)\] recv([0-9]*).* copied 6 bytes$/\1/p' "$LINES_")
        prints "\[$one\] the $model ends: exit 0$"
        prints "\[$one\] a $model begins$"
        prints "\[$one\] recv\([0-9]+\) .*copied nothing: the end$"
        teardown
    done
}

# ----------------------------------------------------------- its options

@test "xray: -o prints to a file, else standard error; -q prints only the summary" {
    run -0 --separate-stderr "$XRAY" -- "$PROBE" in-order 3>&-
    same 600 "${#lines[@]}" "lines on standard output"
    grep -q '^xray.* send(.*copied 1 byte$' <<< "$stderr"
    run -0 --separate-stderr xray -- "$PROBE" in-order
    same '' "$stderr"
    run -1 grep '^call ' "$LINES_"
    xray -q -- "$PROBE" in-order
    run -1 grep '^xray' "$LINES_"
    same "300 300 0" "$(TRACE=$LINES_; echo "$(tally calls send)" \
        "$(tally bytes recv) $(tally refused recv)")"
    run -1 grep $'\033' "$LINES_"
}

@test "xray: the summary has the sleeps of each thread, and counts the log apart" {
    xray -q -- "$PROBE" slept
    cat "$LINES_"
    local TRACE=$LINES_
    same "3 1 1 6" "$(tally calls recv) $(tally slept recv) $(
        tally refused recv) $(tally bytes recv)" recv
    same "0 67108864" "$(tally slept read) $(tally bytes read)"
    awk '/^asleep in:/ { inside = 1 } inside && $2 == "recv" { exit !($3 == 1 && $4 > 25) }' \
        "$LINES_"
    grep -q '^2 messages received, ' "$LINES_"
    xray -q -- "$PROBE" in-order | cat > "$BATS_TEST_TMPDIR/log"
    same "600 $(wc -c < "$BATS_TEST_TMPDIR/log")" \
        "$(awk '/^write, log / { print $3, $6 }' "$LINES_")" "log: calls, bytes"
    grep -qx '300 messages received, 2.00 calls for each (the log not counted)' "$LINES_"
}

@test "xray: wrong usage: exit 2; no such program: 127; it cannot run: 126" {
    local words wrong
    while read -r wrong words; do
        # shellcheck disable=SC2086 # they are words
        run -2 "$XRAY" $words 3>&- < /dev/null
        contains "$output" "usage: xray"
        contains "$output" "$wrong"
    done <<'END'
COMMAND
'-Z' -Z -- true
-o -o
--svg --svg -- true
COMMAND --
COMMAND -q
'-q-' -q- -- true
END
    run -0 "$XRAY" -h 3>&-
    contains "$output" "usage: xray"
    run -127 "$XRAY" --summary -- /nowhere/at-all 3>&-
    same "xray: /nowhere/at-all: No such file or directory" "$output"
    run -126 "$XRAY" -- "$BATS_TEST_TMPDIR" 3>&-
    same 1 "${#lines[@]}" "lines"
    run -1 "$XRAY" -o /nowhere/at-all -- true 3>&-
    contains "$output" /nowhere/at-all
}

# A process can have only one tracer.
@test "xray: where the system does not allow tracing: one line, exit 77" {
    run -77 xray -- "$XRAY" --summary -- "$PROBE" in-order
    same 1 "${#lines[@]}" "lines"
    contains "$output" "xray: no tracing here (ptrace)"
}
