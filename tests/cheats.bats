load helper
load inside

# Why some rows look inside: these servers answer every byte, but not by the
# model of their lesson. Each passes the rows that look from outside (the ones
# that we run here), and fails a row that looks at its system calls.

setup_file() {
    build clients/xray
}

build_05() {
    [ "$(uname)" = Linux ] || skip "epoll is Linux's"
    build 05-epoll/server
}

# cheat LESSON NAME ROW...: run these tests of the lesson with the program made
# from cheats/NAME.c in the place of the server.
cheat() {
    local lesson=$1 program=$BATS_TEST_TMPDIR/$2
    needs_xray
    [ -e "$program" ] || ${CC:-cc} -std=gnu11 -O1 -pthread -o "$program" \
        "$BATS_TEST_DIRNAME/cheats/$2.c"
    shift 2
    run env SERVER="$program" bats -f "^($(IFS='|' && echo "$*"))" \
        "$BATS_TEST_DIRNAME/$lesson.bats" 3>&-
    echo "$output"
    same $# "$(grep -cE '^(not )?ok ' <<< "$output")" "tests"
}

# fails ROW...: these tests have failed, and no other.
fails() {
    local row
    for row; do
        grep -qE "^not ok [0-9]+ $row" <<< "$output" || { echo "passed: $row"; return 1; }
    done
    same $# "$(grep -c '^not ok ' <<< "$output")" "tests that fail"
}

@test "a server that calls select(), and then blocks in recv(), fails the invariant" {
    cheat 03-select select-then-blocks "03 every byte" "03 it sleeps"
    fails "03 it sleeps"
    grep -qE '^# +[0-9]+ times? in recv\(\)' <<< "$output"
}

@test "a server that sleeps only in select(), but in a thread per client, fails at 100 clients" {
    cheat 03-select select-by-threads "03 every byte" "03 it sleeps" "03 100 clients"
    fails "03 100 clients"
}

@test "a server that calls select() with a timeout of zero fails the invariant" {
    cheat 03-select spins "03 every byte" "03 it sleeps"
    fails "03 it sleeps"
    grep -qE '^# +it never sleeps' <<< "$output"
}

@test "a server that calls epoll_wait(), and answers in threads, fails the invariant" {
    build_05
    cheat 05-epoll epoll-by-threads "05 every byte" "05 it sleeps"
    fails "05 it sleeps"
    grep -qE '^# +[0-9]+ times? in recv\(\)' <<< "$output"
}

@test "a server that serves by threads where nobody traces it fails both rows that look inside" {
    build 03-select/server 07-threads-procs/server
    # shellcheck disable=SC2016 # that script expands them
    printf '#!/usr/bin/env bash\n%s && exec %q "$@"\nexec %q "$@"\n' \
        'grep -q "^TracerPid:.[1-9]" /proc/self/status' \
        "$ROOT/03-select/server" "$ROOT/07-threads-procs/server" \
        > "$BATS_TEST_TMPDIR/shy"
    chmod +x "$BATS_TEST_TMPDIR/shy"
    cheat 03-select shy "03 every byte" "03 it sleeps" "03 100 clients"
    fails "03 it sleeps" "03 100 clients"
}

@test "a server that is level-triggered in spite of -e fails the row on edges" {
    # shellcheck disable=SC2016 # that script expands them
    build_05
    printf '#!/usr/bin/env bash\nexec %q "${@/#-e/-q}"\n' "$ROOT/05-epoll/server" \
        > "$BATS_TEST_TMPDIR/level"
    chmod +x "$BATS_TEST_TMPDIR/level"
    cheat 05-epoll level "05 -e 8 MiB" "05 -e it never"
    fails "05 -e it never"
}

# What a server can do to the tests, and to the one who watches them.

# hostile NAME LINE...: a shell script that does this, and is lesson 03 then.
hostile() {
    local program=$BATS_TEST_TMPDIR/$1
    shift
    build 03-select/server
    printf '%s\n' '#!/usr/bin/env bash' "$@" \
        "exec $(quoted "$ROOT/03-select/server")"' "$@"' > "$program"
    chmod +x "$program"
}

@test "a daemon that a server leaves ends with the test" {
    [ -r /proc/self/environ ] || skip "no /proc/PID/environ here"
    hostile daemon "setsid sleep 300 < /dev/null > /dev/null 2>&1 &" \
        "echo \$! >> $(quoted "$BATS_TEST_TMPDIR/pids")"
    cheat 03-select daemon "03 a line of log" "03 wrong usage"
    local pid
    while read -r pid; do within 5 gone "$pid"; done < "$BATS_TEST_TMPDIR/pids"
}

@test "a server that stops the shell that has started it does not stop the tests" {
    # shellcheck disable=SC2016 # that script expands it
    hostile stops 'kill -STOP "$PPID"' 'exec sleep 300'
    cheat 03-select stops "03 every byte" "03 it listens"
    contains "$output" "not ok 1 03 it listens"
    contains "$output" "not ok 2 03 every byte"
}

@test "what a server prints has no effect on the terminal of the tests" {
    hostile escapes "printf '\\033[2J\\033[Hok 1\\302\\233\\n'" "exec sleep 300"
    cheat 03-select escapes "03 it listens"
    contains "$output" "[2J"
    [[ $output != *$'\033'* ]]
    [[ $output != *$'\302\233'* ]]
}
