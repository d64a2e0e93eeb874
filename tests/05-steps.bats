# The steps of the lesson, and the commands in its README.md and NOTES.md.

load helper
load contract
load steps
lesson 05-epoll
if [ "$(uname)" != Linux ]; then
    setup_file() { :; }
    setup() { skip "epoll is Linux's"; }
fi

@test "05a the seven steps, what epoll refuses, and a socket's events" {
    finds 05a-calls
    says 'wait +0 ready' 'write\(\)' 'readable +1$' 'wait +1 ready: .*: IN$' \
        'ADD the other end' 'wait +0 ready' 'MOD' 'wait +1 ready: .*: OUT$' \
        'DEL' 'wait +0 ready' 'write\(\).* 1$' \
        'again +EEXIST' 'MOD .*ENOENT' 'DEL .*ENOENT' 'regular file +EPERM' \
        'closed fd +EBADF' 'own fd +EINVAL' 'create\(0\).*EINVAL' \
        'close\(\) .*dup' 'wait +1 ready: .*: IN$' 'number +EBADF' \
        'dup.s number +ENOENT' 'close\(\) the dup' 'wait +0 ready'
    says 'nothing has happened +OUT +-$' '2 bytes .* +IN OUT +-$' \
        'urgent .*IN PRI OUT +-$' 'half-close.* +IN OUT RDHUP +-$' \
        'either +IN OUT RDHUP HUP +HUP$' 'closed +IN OUT RDHUP +-$' \
        'RST +IN OUT RDHUP ERR HUP +ERR HUP$' 'recv\(\) +3$' 'recv.*ECONNRESET'
}

@test "05b epoll reports a level as long as it lasts, an edge once" {
    finds 05b-level-edge
    says 'EMPTY +- +- +OUT +OUT$' 'again +- +- +OUT +-$' \
        'NOT EMPTY +IN +IN +OUT +-$' 'again +IN +- ' 'read +IN +- ' \
        'one more comes +IN +IN ' 'again +IN +- ' 'MOD.* IN +IN ' \
        'EMPTY +- +- +OUT +-$' 'FULL +IN +IN +- +-$' 'again +IN +- +- +-$' \
        '1 is read.* IN +- +- +-$' 'NOT FULL +IN +- +OUT +OUT$' \
        'again +IN +- +OUT +-$' 'EMPTY +- +- +OUT +-$'
}

@test "05i a program that reads until EAGAIN needs fewer waits, in both modes" {
    finds 05i-until-eagain
    says '100 bytes +100 +100 +0$' 'level.*EAGAIN +100 +200 +100$' \
        'edge.*EAGAIN +100 +200 +100$' '4 bytes +300 +300 +0$' \
        'level.*EAGAIN +100 +400 +100$' 'edge.*EAGAIN +100 +400 +100$'
}

@test "05c each of the three traps leaves something behind, the cure does not" {
    plays 05c-edge-traps
    survives 05c-edge-traps '"hello"' '"HELLO"'
}

# step NAME: play the scene on standard input with this step.
step() {
    build "05-epoll/steps/$1"
    SERVER=$ROOT/05-epoll/steps/$1 "$PLAY" --quiet - 3>&-
}

@test "05c -a: of five clients that connect at once it serves one, until others come" {
    step 05c-edge-traps <<'END'
server -a
signal STOP
wait 30ms
A connect; A send "a"
B connect; B send "b"
C connect; C send "c"
D connect; D send "d"
E connect; E send "e"
signal CONT
A expect "A"
B silent 50ms
F connect
B expect "B"
E silent 50ms
END
}

serves_without_a_free_fd() {
    step "$1" <<'END'
limit 12
server
A connect
A send "one"
A expect "ONE"
crowd 20
A send "two"
A expect "TWO"
idle 50ms
crowd leaves
B connect
B send "room again"
B expect "ROOM AGAIN"
END
}

@test "05c without a free fd it sleeps, serves on, and accepts again later" { serves_without_a_free_fd 05c-edge-traps; }

@test "05e the timeout of epoll_wait() shows that nothing came for 10 seconds" {
    plays 05e-timeout
    survives 05e-timeout '"hello"' '"HELLO"'
}

@test "05e a client that sends hides that another one is silent" {
    build 05-epoll/steps/05e-timeout
    SERVER=$ROOT/05-epoll/steps/05e-timeout run -0 "$PLAY" --all - 3>&- <<'END'
server -s 0.05
A connect
B connect
A send "abcdefghijkl" every 60ms; A send "over\n"
A expect "ABCDEFGHIJKLOVER\n"
see "5 bytes"
END
    contains "$output" "1 bytes"
    ! grep nothing <<< "$output"
}

@test "05e without a free fd it sleeps, serves on, and accepts again later" { serves_without_a_free_fd 05e-timeout; }

@test "05f each call's bytes, and the fds that the program looks at" {
    fd_limit_of 1016
    LC_ALL=C finds 05f-cost -n 1000
    # bytes: a bit or ten for each fd that is watched, or 12 (16) for one ready
    says 'bytes .* fds that we look at' 'select +poll +epoll +select' \
        '^ +2 +[0-9]+ +20 +1[26] +2 +2 +1$' \
        '^ +10 +[0-9]+ +100 +1[26] +10 +10 +1$' \
        '^ +100 +[0-9]+ +1000 +1[26] +100 +100 +1$' \
        '^ +1000 +2[0-9][0-9] +10000 +1[26] +1000 +1000 +1$' \
        '^ +1000 select +#' '^ +poll +#' '^ +epoll +#'
    same '' "$(LC_ALL=C tr -d '\n -~' <<< "$output")" "more than ASCII"
}

@test "05f of 10,000 fds one is ready: epoll wins; all are ready: it does not" {
    fd_limit_of 10016
    finds 05f-cost
    # one ready: select poll epoll +ctl; all ready: select poll epoll +ctl
    says '^ 10000  refuses( +[0-9.]+){3}  refuses( +[0-9.]+){3}$' \
        '^ 10000  refuses +100000 +1[26]  +refuses +10000 +1$'
    awk '$1 == 10000 && NF == 9 {
        found = 1
        ok = $4 < $3 / 5 && $8 > $7 / 5 && $5 > $4
    } END { exit !(found && ok) }' <<< "$output" || { echo "$output"; false; }
}

@test "05g two threads: how many of them an event wakes, in each mode" {
    finds 05g-shared
    says 'one epoll' 'level +2 +2 +2$' 'edge +1 +2 +2$' 'ONESHOT +1 +1 +2$' \
        'own' 'level +2 +2 +2$' 'edge +2 +2 +2$' 'EXCLUSIVE +1 +2 +Invalid'
}

# The system may forbid io_uring, or have none; the step says why.
has_io_uring() {
    build 05-epoll/steps/05h-io-uring
    run "$ROOT/05-epoll/steps/05h-io-uring" 2 3>&-
    [ "$status" != 77 ] || skip "$output"
}

# traced PART: the step's calls of io_uring_enter() and recv(): $TRACE
traced() {
    command -v strace > /dev/null || skip "strace is missing"
    TRACE=$BATS_TEST_TMPDIR/trace
    ASAN_OPTIONS=detect_leaks=0 \
        run -0 strace -o "$TRACE" -e trace=io_uring_enter,recvfrom,read \
        "$ROOT/05-epoll/steps/05h-io-uring" "$1" 3>&-
}

answers_five_first() {
    finds 05h-io-uring 1 &&
        says request request request request request 'message: "hello"$' \
            '^io_uring: 5 requests answered, 5 before the message came$'
}

@test "05h all five requests are answered before the message comes" {
    has_io_uring
    answers_five_first || answers_five_first # the machine may have been busy
}

@test "05h the process never calls recv() for the message" {
    has_io_uring
    traced 1
    contains "$output" 'the message: "hello"'
    run -1 grep hello "$TRACE"
    same 6 "$(grep -c '^recvfrom' "$TRACE")" "recv(): five requests, their end"
    same 2 "$(grep -c '^io_uring_enter' "$TRACE")" "io_uring_enter()"
}

@test "05h one call hands in four operations; user_data says which result is whose" {
    has_io_uring
    finds 05h-io-uring 2
    says 'head +tail +head +tail$' ' 0 +4 +0 +0$' 'enter.* 4 +4 +0 +1$' \
        '^Bob .* 4 +4 +0 +2$' '^Carla .* 4 +4 +0 +3$' '^Anna .* 4 +4 +0 +4$' \
        'user_data 3, .* -9 +Bad file' 'user_data 1, .* 3 +Bob$' \
        'user_data 2, .* 5 +Carla$' 'user_data 0, .* 4 +Anna$' \
        ' 4 +4 +4 +4$' 'operations: 4; .*enter\(\): 1; threads: 1$'
    # and NOTES.md shows the same
    same "$output" "$(awk '/^```/ { inside = 0 } / submissions +completions$/ {
        inside = 1 } inside' "$ROOT/05-epoll/NOTES.md")" "NOTES.md"
    traced 2
    same 1 "$(grep -c '^io_uring_enter' "$TRACE")" "io_uring_enter()"
    same 0 "$(grep -c '^recvfrom' "$TRACE")" "recv()"
}

# forbid ERRNO COMMAND...: run it where io_uring_setup() fails like this.
forbid() {
    local sandbox=$BATS_TEST_TMPDIR/forbid
    [ -x "$sandbox" ] || ${CC:-cc} -x c -o "$sandbox" - <<'END'
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int error = argc > 1 && strcmp(argv[1], "EPERM") == 0 ? EPERM : ENOSYS;
    struct sock_filter filter[] = { /* the word at 0 is the call's number */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { 4, filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        return 99;
    execvp(argv[2], argv + 2);
    return 98;
}
END
    "$sandbox" "$@" 3>&-
}

@test "05h where io_uring is forbidden, one line says why, and it is no error" {
    local step=$ROOT/05-epoll/steps/05h-io-uring by=seccomp
    build 05-epoll/steps/05h-io-uring
    run forbid EPERM true
    [ "$status" != 99 ] || skip "no seccomp filter may be set here"
    ! grep -qs '[12]' /proc/sys/kernel/io_uring_disabled || by=disabled
    run -77 forbid EPERM "$step"
    same 1 "${#lines[@]}" "lines"
    says "io_uring_setup: .*not permitted: by .*$by"
    run -77 forbid ENOSYS "$step" 2
    same 1 "${#lines[@]}" "lines"
    says 'io_uring_setup: .*not implemented: '
    run -0 forbid EPERM make -s -C "$ROOT" 05h # without "Error 77"
    same 1 "${#lines[@]}" "lines"
}

@test "05 the commands in README.md and NOTES.md print what these say" { readme_is_true; }

# --- steps: HTTP

load http

@test "05d a browser gets its page, and the server is in none of the three traps" { plays 05d-http-edge; }
@test "05d it answers requests in pieces, two at once, HTTP/1.0 and 1.1" { speaks_http 05d-http-edge; }
@test "05d bytes that are no request get the right status, and then an end of file" { refuses_politely 05d-http-edge; }
@test "05d one client's reset, nonsense, flood or silence harms no other client" { stands_its_clients 05d-http-edge; }
@test "05d a client that reads late gets all 6,000 answers, to the last byte" { pays_its_debts 05d-http-edge; }
@test "05d without a free fd it serves on, and accepts again later" { serves_without_fds 05d-http-edge; }
@test "05d curl accepts all answers, 3,000 of them over one connection" { suits_curl 05d-http-edge; }
@test "05d its page shows true numbers: xray counts the same calls" { counts_what_it_does 05d-http-edge; }
@test "05d it accepts all of five clients that one event reports" { lets_all_five_in 05d-http-edge; }
@test "05d it reads all of 5,000 bytes that one event reports" { reads_all_there_is 05d-http-edge; }
@test "05d a silent client does not keep others waiting" { waits_for_no_client 05d-http-edge; }
