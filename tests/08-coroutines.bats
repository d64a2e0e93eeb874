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

@test "08 an idle connection costs two pages of its stack" {
    fd_limit_of 5100
    memory_is_its_own
    scene <<END
server -q
crowd 5000
idle 50ms
memory $(($(getconf PAGESIZE) / 1024 * 2 * 5000 + 2500))
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


# rebuilt FLAGS...: the server with these flags for the compiler, in $PROGRAM.
rebuilt() {
    PROGRAM=$BATS_TEST_TMPDIR/server
    # shellcheck disable=SC2086 # they are words
    "${CC:-cc}" -std=gnu11 -O1 "$@" ${SANITIZED:+-fsanitize=address} \
        -o "$PROGRAM" "$ROOT"/08-coroutines/{server,co,co-swap}.c -pthread
}

# The rows in which it has to switch while much is under way.
keeps_its_word() {
    answers_every_byte
    answers_8_mib
    answers_after_half_close
    survives_a_reset_while_it_owes
    serves_others_beside_a_deaf_client
    lives_on_without_fds
    answers_a_burst
    makes_no_system_call_when_idle
}

@test "08 -DCO_UCONTEXT, the C library's switch: the contract holds too" {
    echo 'int main(void) { return getcontext(0); }' > "$BATS_TEST_TMPDIR/u.c"
    "${CC:-cc}" -include ucontext.h -o "$BATS_TEST_TMPDIR/u" \
        "$BATS_TEST_TMPDIR/u.c" 2> /dev/null || skip "no getcontext() here"
    rebuilt -DCO_UCONTEXT
    keeps_its_word
}

@test "08 -DCO_POLL, poll() in the place of epoll: the contract holds too" {
    rebuilt -DCO_POLL
    keeps_its_word
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
    finds 08c-sleep -s 0.05
    local pair='func1 begins|func2 begins|func2 ends|func1 ends'
    same "$pair|$pair|10000 sleep|func1 begins|main returns" \
        "$(sed -E 's/^(func. [a-z]*).*/\1/; s/^(10000 sleep).*/\1/' \
            <<< "$output" | paste -sd '|')"
}

@test "08c 10,000 coroutines that sleep cost 5 KiB each at most" {
    memory_is_its_own
    [ "$(getconf PAGESIZE)" = 4096 ] || skip "a page is larger here"
    finds 08c-sleep -s 0.05
    [[ $output =~ ([0-9]+)\.[0-9]' KiB each' ]] && [ "${BASH_REMATCH[1]}" -lt 5 ]
}

@test "08e updates are lost across a switch, and not without one or with a lock" {
    finds 08e-shared
    says '^no switch .*= +50$' '^a switch in .*= +90 +4 updates lost$' \
        '^a switch, and a lock .*= +50$'
}

@test "08f a call costs less than a switch, this less than one by the kernel" {
    memory_is_its_own # nor is the time
    finds 08f-cost
    same 1 "$(awk '{ ns[$1] = $2 } END { print (ns["call"] < ns["coroutine"] &&
        4 * ns["coroutine"] < ns["thread"] &&
        4 * ns["coroutine"] < ns["process"]) }' <<< "$output")" "$output"
}

@test "08g a blocking call stops all five; a helper's does not" {
    finds 08g-blocking-call -s 0.1
    same 1 "$(awk '/naps/ { naps[NR] = $(NF - 1) } END { print (naps[1] >= 5 &&
        naps[2] < 5 && naps[3] < 5) }' <<< "$output")" "$output"
    says 'in 1 process .*cores' 'in 2 processes .*cores'
}

# uses_co FILE: build a program that misuses co as FILE says, and run it.
uses_co() {
    printf '#include "co.h"\n%s\n' "$1" > "$BATS_TEST_TMPDIR/use.c"
    # shellcheck disable=SC2086 # they are words
    "${CC:-cc}" -std=gnu11 -O1 -g ${SANITIZED:+-fsanitize=address} \
        -I "$ROOT/08-coroutines" -o "$BATS_TEST_TMPDIR/use" \
        "$BATS_TEST_TMPDIR/use.c" "$ROOT"/08-coroutines/{co,co-swap}.c -lm
    run timeout 10 "$BATS_TEST_TMPDIR/use" 3>&-
}

@test "08 co: too deep a recursion is told, with the coroutine's name" {
    memory_is_its_own # a sanitizer tells it in its own words
    uses_co 'static int deep(int n) { volatile char b[999]; b[0] = (char)n;
        return n < 0 ? 0 : deep(n + 1) + b[0]; }
        static void *run(void *v) { deep(0); return v; }
        int main(void) { co_join(co_spawn("digger", run, 0)); }'
    [ "$status" -ne 0 ]
    contains "$output" "co: digger needs more stack"
}

@test "08 co: all waiting for each other is told, with who waits for whom" {
    uses_co 'static void *run(void *other) { return co_join(other); }
        static struct co *a; static void *b(void *v) { return co_join(a); }
        int main(void) { struct co *x = co_spawn("B", b, 0);
            a = co_spawn("A", run, x); co_wait(&(struct co_queue){ 0, 0 }); }'
    [ "$status" -ne 0 ]
    says deadlock 'A waits for the end of B' 'B waits for the end of A' \
        'main waits to be woken'
}

@test "08 co: to resume what has ended is told" {
    uses_co 'static void *run(void *v) { return v; }
        int main(void) { struct co *g = co_new("G", run); co_resume(g, 0);
            co_resume(g, 0); }'
    [ "$status" -ne 0 ]
    contains "$output" "G, which has ended"
}

@test "08 co: who waits for an fd that another one closes fails with EBADF" {
    uses_co '#include <errno.h>
        static int s[2]; static void *rd(void *v) { char c;
            return co_recv(s[0], &c, 1, 0) < 0 && errno == EBADF ? v : 0; }
        int main(void) { socketpair(AF_UNIX, SOCK_STREAM, 0, s);
            struct co *a = co_spawn("a", rd, s), *b = co_spawn("b", rd, s);
            co_pause(); co_close(s[0]);
            return co_join(a) && co_join(b) ? 0 : 1; }'
    same 0 "$status" "$output"
}

@test "08 co: each coroutine keeps its own rounding of floating point" {
    uses_co '#include <fenv.h>
        static void *up(void *v) { fesetround(FE_UPWARD); co_yield(v);
            return fegetround() == FE_UPWARD ? v : 0; }
        int main(void) { struct co *g = co_new("G", up); co_resume(g, g);
            int mine = fegetround();
            return mine == FE_TONEAREST && co_resume(g, 0) ? 0 : 1; }'
    same 0 "$status" "$output"
}

@test "08 co: a generator may wait for input, and serve more than one" {
    uses_co '#include <string.h>
        static int s[2];
        static void *bytes(void *v) { char c; while (co_recv(s[0], &c, 1, 0) == 1)
            v = co_yield((void *)(long)c); return 0; }
        static void *eat(void *g) { return co_resume(g, 0); }
        static void *feed(void *v) { for (int i = 0; i < 2; i++) {
            co_sleep(0.01); co_send(s[1], "ab" + i, 1, 0); } return v; }
        int main(void) { socketpair(AF_UNIX, SOCK_STREAM, 0, s);
            struct co *g = co_new("G", bytes); co_spawn("feeder", feed, 0);
            long a = (long)co_join(co_spawn("first", eat, g));
            long b = (long)co_join(co_spawn("second", eat, g));
            co_join_all(); return a == 0x61 && b == 0x62 ? 0 : 1; }'
    same 0 "$status" "$output"
}

@test "08d pages come one by one, also in coroutines, and together if patched" {
    build 08-coroutines/steps/08d-crawl
    run -0 timeout 20 "$ROOT/08-coroutines/steps/08d-crawl" -s 0.1 3>&-
    # What stands between the titles: G a GET, r an answer.
    same "GrGrGr GrGrGr GGGrrr" "$(sed -n 's/^GET.*/G/p; s/.*received from.*/r/p
        s/^--- [0-9].*/ /p; /four in trouble/q' <<< "$output" | tr -d '\n' |
        sed 's/ $//')"
    same 13 "$(grep -c 'received from' <<< "$output")" "pages"
}

# The pages of 08d, and that the three good ones came in spite of the others.
crawls_into_trouble() {
    build 08-coroutines/steps/08d-crawl
    run -0 timeout 20 "$ROOT/08-coroutines/steps/08d-crawl" -s 0.02 3>&-
    same 3 "$(sed '1,/four in trouble/d' <<< "$output" |
        grep -c '[369]000 bytes received from http://127')"
}

@test "08d a refused port is told, by its address" {
    crawls_into_trouble
    contains "$output" "127.0.0.1:1: connect: Connection refused"
}

@test "08d a page that breaks off is told, with what has come" {
    crawls_into_trouble
    contains "$output" "cut off, 6000 of 12000 bytes"
}

@test "08d a page in chunks is put together, also by the name of its host" {
    crawls_into_trouble
    contains "$output" "15000 bytes received from http://localhost:"
}

@test "08d a page that lacks its last chunk is told" {
    crawls_into_trouble
    contains "$output" "/18000/broken: cut off in its chunks"
}

@test "08d a name that nobody has is told" {
    crawls_into_trouble
    contains "$output" "no..such..name: "
}

@test "08d a page is saved byte for byte" {
    command -v python3 > /dev/null || skip "python3, the web server, is missing"
    build 08-coroutines/steps/08d-crawl
    mkdir "$BATS_TEST_TMPDIR/site"
    cd "$BATS_TEST_TMPDIR/site"
    head -c 100000 /dev/urandom > page
    set -m
    python3 -u -m http.server --bind 127.0.0.1 0 > ../web 2>&1 3>&- &
    PID=$! # for teardown
    set +m
    within 10 grep -q 'port [0-9]' ../web
    run -0 timeout 20 "$ROOT/08-coroutines/steps/08d-crawl" -o ../saved \
        "http://127.0.0.1:$(sed -n 's/.*port \([0-9]*\).*/\1/p' ../web)/page" 3>&-
    same 3 "$(grep -c '^100000 bytes received' <<< "$output")" "$output"
    cmp page ../saved
}

@test "08 the README's commands print what stands below them" {
    readme_is_true
}
