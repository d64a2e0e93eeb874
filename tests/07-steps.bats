# The steps of the lesson, and the commands in its README.md and NOTES.md.

load helper
load contract
load steps
lesson 07-threads-procs

# endings TITLE: the ends under this title, in their order, in one line.
endings() {
    awk -v title="$1" '!/^ / { mine = $0 == title; next }
        mine && / (Ending|end)/ { sub(/.* s  /, ""); printf "%s;", $0 }' <<< "$output"
}

@test "07a pthread_join() waits for one thread; the end of main() waits for none" {
    finds 07a-threads -s 0.05
    same "Ending Alex;Ending egon;end....;" "$(endings "join both")"
    same "Ending Alex;end....;Ending egon;" "$(endings "join the first")"
    same "end....;Ending Alex;Ending egon;" "$(endings "join none")"
    same "Ending Alex;end....;" "$(endings "join the first, and end")"
}

@test "07b the end of main() cuts off each thread that it has not joined" {
    finds 07b-daemon -s 0.05
    same "end..;" "$(endings "both are daemons")"
    same "Ending Alex;Ending egon;end..;" "$(endings "Alex, 3 s, is a daemon")"
    same "Ending Alex;end..;" "$(endings "egon, 5 s, is a daemon")"
    same "Ending Alex;end..;" "$(endings "egon is detached")"
    same 8 "$(grep -c Begin <<< "$output")" "begun"
}

@test "07c without a lock subtractions are lost, with a lock none is" {
    finds 07c-race -s 0.02
    says "no lock +[1-9][0-9]? left" "held +0 left" "without the lock +0 left"
}

@test "07c ThreadSanitizer finds the race" {
    echo 'int main(void) { return 0; }' > "$BATS_TEST_TMPDIR/probe.c"
    ${CC:-cc} -fsanitize=thread -o "$BATS_TEST_TMPDIR/probe" \
        "$BATS_TEST_TMPDIR/probe.c" 2> /dev/null &&
        "$BATS_TEST_TMPDIR/probe" 2> /dev/null ||
        skip "ThreadSanitizer is missing, or does not run here"
    run timeout 20 make -s -C "$ROOT" tsan-07c 3>&-
    contains "$output" "data race"
    contains "$output" no_lock
    [ "$status" -ne 0 ]
}

@test "07d it finds the deadlock, and both cures end" {
    finds 07d-deadlock -s 0.05
    says "A then B, against B then A$" "Thread-1 holds A and waits for B" \
        "Thread-2 holds B and waits for A" "both A then B" "both have ended" \
        "while it holds a lock" "unlocks ." "both have ended"
}

@test "07e a recursive mutex counts: as many unlocks as locks" {
    finds 07e-recursive -s 0.03
    says "plain .*1st: ok, .*for ever" "check .*1st: ok, 2nd: .*deadlock" \
        "recursive .*1st: ok, 2nd: ok" "once.* busy" "twice.* ok" "unlock once" \
        "1 of 5 .*busy" "unlock twice" "5 of 5 .*ok"
}

@test "07f a late clear() deletes the next set(); a count loses none" {
    finds 07f-event -s 0.03
    says "5 of 5" "^a flag, and" "4 of 5" "^a count" "5 of 5"
    same 14 "$(grep -c "oh yeah" <<< "$output")" "times oh yeah"
}

@test "07g twenty threads, and never more than five inside" {
    finds 07g-semaphore -s 0.03
    same 20 "$(grep -c "enters" <<< "$output")" "threads inside"
    says "5 inside$" "20 threads, at most 5 at a time"
}

@test "07h put() waits while the queue is full, get() while it is empty, join() for task_done()" {
    finds 07h-queue -s 0.05
    says "FIFO .*out 34 56 12$" "LIFO .*out 12 56 34$" "out 3 4 5 7$" \
        "qsize 2, empty 0, full 1" "nowait +Full" "timeout 1 +Full" "put +ok" \
        "qsize 0, empty 1, full 0" "nowait +Empty" "timeout 1 +Empty" "get +ok" \
        "no task_done yet: qsize 0, empty 1" "join +ok, after [2-9]" ValueError
}

@test "07i a shelf with a limit makes the cook wait, and each baozi is eaten once" {
    finds 07i-producer-consumer -s 0.05
    says "made 10, eaten 10, most on the shelf 3, .*had to wait" "1000" \
        "made 10, eaten 10, most .*never waited"
    same 20 "$(grep -c " eats baozi [0-9]" <<< "$output")" "baozi eaten"
    same 2 "$(grep -c " eats baozi 7" <<< "$output")" "the eighth, at two meals"
}

@test "07j join, terminate and kill a process; its child when the parent is killed" {
    finds 07j-processes -s 0.05
    says "10 children: 10 known pids, 10 times" "still 1$" "alive 1, exit code 0, alive 0" \
        "code 3$" "code -6$" "terminate: exit code -15" "alive 1; kill: exit code -9" \
        "lives on"
    [ "$(uname)" = Linux ] || return 0
    says "name: baozi" "lives on" "killed, too"
}

@test "07k a pipe does not keep messages apart, a length or a datagram does" {
    finds 07k-ipc
    says '"onetwo"' '"one", "two"' 'datagrams: "one", "two"' "Bad file" \
        '"ping", "pong"' "5 messages, none mixed" "for ever" "close it: end of file"
}

@test "07l one process owns the dict and the list; GET and SET are two messages" {
    finds 07l-manager
    says "13 keys.*: 1$" "ten: 1$" "list has 10" "by GET and SET: 1$" \
        "by ADD: 10$" "another process .*: 1$"
}

@test "07m with a lock both halves stay together; a robust lock survives its owner" {
    finds 07m-process-lock -s 0.05
    whole=$(grep -cE '^hello world ([0-9]) Finished \1$' <<< "${output#*with a lock}")
    same 10 "$whole" "whole lines with the lock"
    without=$(sed '/^with a lock/,$d' <<< "$output")
    same 0 "$(grep -cE '^hello world ([0-9]) Finished \1$' <<< "$without")" "without"
    [ "$(uname)" != Darwin ] || return 0
    says "with a lock" '"Owner died"' '"ok"'
}

@test "07n the pool uses its processes again; callbacks run in the parent" {
    finds 07n-pool -s 0.05
    says "apply: 10 tasks.* by [1-5] processes" refused "async: 10 .* by [1-5] " \
        "callbacks: 10, of them in the parent 10; for its children 10" \
        "callbacks 0, error callbacks 10" "no join: 0 of 10"
}

@test "07o one thread, four threads, four processes do the same work, and it is right" {
    finds 07o-cpu-or-io -s 0.05
    says "waiting, 1" "4 threads" "4 processes" "primes, 1" "4 threads" \
        "4 processes" "24 of 24 tasks right"
    # Waiting uses next to no CPU, counting does.
    awk '/^primes/ { counts = 1 } / s  / { cpu[counts] += $(NF - 2) }
        END { exit !(cpu[0] < cpu[1] / 2) }' <<< "$output"
}

@test "07p while a thread of the library reads, no request has to wait" {
    [ "$(uname)" = Linux ] || skip "it is about Linux"
    finds 07p-aio 1
    # try again if the machine stood still for 60 ms
    [[ $output == *" 5 before "* ]] || finds 07p-aio 1
    same 5 "$(grep -c "request of .* is answered" <<< "$output")" "requests"
    says 'message: "hello"' ": 5 .* answered, 5 before the message came"
}

@test "07p a thread reads for us; state, signal, callback and error report the end" {
    [ "$(uname)" = Linux ] || skip "it is about Linux"
    finds 07p-aio 2
    says "^threads +1, and 2 after .*(sleeps in read\(\)|may not see)" \
        "^state +[1-9][0-9]* x EINPROGRESS, then 0: 5 bytes, and no signal" \
        "^signal +SIGUSR1, SI_ASYNCIO, .* our own process: 5 bytes" \
        "^callback +in (a new|the other) thread: 5 bytes" \
        "^no reader .*: Broken pipe" "^closed .*: Bad file descriptor"
}

@test "07p without an argument it runs both parts, the second as a new program" {
    [ "$(uname)" = Linux ] || skip "it is about Linux"
    finds 07p-aio
    says "^asynchronous: 5 " "^threads +1, and 2 " "^closed "
}

@test "07 the commands in README.md and NOTES.md print what these say" {
    readme_is_true
}
