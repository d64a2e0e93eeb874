load helper

# Right servers of other makes: each gets full marks in the lesson whose model
# it has. So no row asks for what only the kit's own servers do. tests/peers has
# the servers; one whose language is missing here is skipped by name.

setup_file() {
    build clients/play clients/load clients/xray
}

# full_marks LESSON SOURCE [NAME=VALUE...]: the peer, by the grader.
full_marks() {
    local program status=0 lesson=$1 source=$2 out=$BATS_TEST_TMPDIR/out
    shift 2
    program=$("$ROOT/tests/peers/build" "$source" 2>&1 3>&-) || status=$?
    [ "$status" != 77 ] || skip "$program"
    [ "$status" = 0 ] || { echo "$program"; return 1; }
    env OUT="$out" SERVER="$program" "$@" "$ROOT/tests/grade" "$lesson" \
        > "$BATS_TEST_TMPDIR/log" 2>&1 3>&- || status=$?
    [ "$status" = 0 ] || {
        tail -n 2 "$BATS_TEST_TMPDIR/log"
        awk -F '\t' '/^[0-9]/ && $5 !~ /^passed/' "$out/rows.tsv"
        cat "$BATS_TEST_TMPDIR/log"
        return 1
    }
}

@test "lesson 03: Python, select.select()" { full_marks 03-select 03-select.py; }
@test "lesson 04: C++, poll()" { full_marks 04-poll 04-poll.cc; }
@test "lesson 05: C++, epoll, level- and edge-triggered" { full_marks 05-epoll 05-epoll.cc MODEL=edge; }
@test "lesson 06: JavaScript, node" { full_marks 06-selector 06-net.js; }
@test "lesson 06: Java, nio" { full_marks 06-selector 06-nio.java; }
@test "lesson 06: Python, selectors, and a thread in sigwait()" { full_marks 06-selector 06-selectors.py; }
@test "lesson 07: Rust, a thread for each client" { full_marks 07-threads-procs 07-threads.rs MODEL=thread; }
@test "lesson 08: Python, asyncio" { full_marks 08-coroutines 08-asyncio.py; }
@test "lesson 08: Go, a goroutine for each client" { full_marks 08-coroutines 08-goroutines.go; }

@test "a language that is missing is skipped by name" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    local tool
    for tool in sh dirname mkdir; do
        ln -s "$(command -v "$tool")" "$BATS_TEST_TMPDIR/bin"
    done
    PATH=$BATS_TEST_TMPDIR/bin run -77 "$ROOT/tests/peers/build" 08-goroutines.go 3>&-
    same "go is missing" "$output"
}
