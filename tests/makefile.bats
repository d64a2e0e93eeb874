load helper

# What one types: each command of the Makefile.

setup_file() {
    build all
}

make_() {
    make -C "$ROOT" --no-print-directory "$@" 3>&-
}

@test "make prints every command" {
    run -0 make_
    for command in "make 03-select " "STEP=1" "make 03d" "make diff-04-poll" \
        "make test " "make test-03-select" "SERVER=" "make all" "make clean" "XRAY=1"; do
        contains "$output" "$command"
    done
}

@test "make NN-name plays the scene to its end and says what to try next" {
    local lesson
    for lesson in "$ROOT"/0*/; do
        lesson=$(basename "$lesson")
        run -0 timeout 20 make -C "$ROOT" --no-print-directory "$lesson" 3>&-
        contains "$output" "all as expected"
        contains "$output" "$lesson/server "
        contains "$output" "make test-$lesson"
        contains "$output" "$lesson/server.c:" # FILE:LINE
    done
}

@test "make NN-name STEP=1 waits for Enter at each sentence and question" {
    yes '' 2> /dev/null | head -n 100 |
        make_ 01-blocking STEP=1 > "$BATS_TEST_TMPDIR/out"
    contains "$(cat "$BATS_TEST_TMPDIR/out")" "all as expected"
}

@test "make NN-name XRAY=1 shows the server's system calls, make NNx XRAY=1 a step's" {
    "$ROOT/clients/xray" -q -o /dev/null -- true || skip "no tracing here (ptrace)"
    run -0 make_ 03-select XRAY=1
    contains "$output" "all as expected"
    contains "$output" "select(3, 4, 5 readable?) slept"
    run -0 make_ 01h XRAY=1
    contains "$output" "recv(3) slept"
}

@test "make diff-NN-name shows what is new since the lesson before" {
    run -0 make_ diff-04-poll
    contains "$output" "--- 03-select/server.c"
    contains "$output" "+++ 04-poll/server.c"
    contains "$output" "+        int n = poll("
    run -0 make_ diff-01-blocking
    same "01-blocking is the first of its kind." "$output"
    run -2 make_ diff-04-pool
    contains "$output" "No lesson or step 04-pool; there are: 01-blocking"
    run -2 make_ diff-03zz
    run -2 make_ 03zz
    contains "$output" "There is no '03zz' here"
    run -2 make_ test-03
    contains "$output" "No tests of 03; there are:"
}

# A bats that only says what it was asked for, or what TAP it is given.
fake_bats() {
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\n%s\n' \
        "${1:-echo \"bats \$* with SERVER=\$SERVER\"}" \
        > "$BATS_TEST_TMPDIR/bin/bats"
    chmod +x "$BATS_TEST_TMPDIR/bin/bats"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "make test-NN-name runs the lesson's tests, make test runs all" {
    fake_bats
    run -0 make_ -s test-03-select
    same "bats tests/03-select.bats with SERVER=" "$output"
    run make_ -s test SERVER=05-epoll/server
    local file
    for file in "$ROOT"/tests/*.bats; do
        contains "$output" "bats tests/${file##*/} with SERVER=$ROOT/05-epoll/server"
    done
}

@test "make test sums up, and fails where one test failed or did not run" {
    local files
    files=$(ls "$ROOT"/tests/*.bats | wc -l)
    fake_bats 'echo 1..3; echo "ok 1 a"; echo "ok 2 b # skip no c"; echo "ok 3 d"'
    run -0 make_ -s test
    same "$((3 * files)) tests: $((2 * files)) ok, $files skipped, 0 failed" \
        "${lines[-1]}"
    fake_bats 'echo 1..2; echo "ok 1 a"; case $* in *03*) echo "not ok 2 b"; exit 1
        esac; echo "ok 2 b"'
    run -2 make_ -s test
    contains "$output" "$((2 * files)) tests: $((2 * files - 1)) ok, 0 skipped, 1 failed"
    fake_bats 'echo 1..2; echo "ok 1 a"'
    run -2 make_ -s test
    contains "$output" "$files failed"
    fake_bats 'exit 1'
    run -2 make_ -s test
}

@test "SERVER=path puts another program in the place of the lesson's server" {
    fake_bats
    run -0 make_ -s test-03-select SERVER=05-epoll/server
    same "bats tests/03-select.bats with SERVER=$ROOT/05-epoll/server" "$output"
    # The tests take it from there, and tell if there is nothing:
    run -0 env SERVER=/bin/true bash -c \
        "BATS_TEST_DIRNAME='$ROOT/tests'; bats_require_minimum_version() { :; }
         . '$ROOT/tests/helper.bash'; lesson 03-select; echo \$PROGRAM"
    same /bin/true "$output"
    run -1 env SERVER=/nowhere/server bash -c \
        "BATS_TEST_DIRNAME='$ROOT/tests'; bats_require_minimum_version() { :; }
         . '$ROOT/tests/helper.bash'; lesson 03-select; setup_file"
    contains "$output" "/nowhere/server: no program there"
}

# A small kit of its own, so that nothing is touched here.
small_kit() {
    mkdir -p "$BATS_TEST_TMPDIR/kit"
    cd "$BATS_TEST_TMPDIR/kit"
    cp "$ROOT/Makefile" .
    mkdir clients 06-six 06-six/steps
    cp "$ROOT/clients/play.c" clients/
    echo 'int six(void);' > 06-six/six.h
    echo 'int six(void) { return 6; }' > 06-six/six.c
    printf '%s\n' '#include <stdio.h>' '#include "six.h"' \
        'int main(void) { printf("06-six %d\n", six()); return 0; }' \
        > 06-six/server.c
    cp 06-six/server.c 06-six/client.c
    sed 's/"six.h"/"..\/six.h"/' 06-six/server.c > 06-six/steps/06b-step.c
    printf 'run 06b-step\nsee "06-six 6"\nexpect exit 0\n' \
        > 06-six/steps/06b-step.play
    sed 's/"six.h"/"..\/six.h"/; s/return 0/return (0)/' 06-six/server.c \
        > 06-six/steps/06c-alone.c
}

@test "a new lesson, step or module needs no new line in the Makefile" {
    small_kit
    run -0 make -s all 3>&-
    same '' "$output" # no warning either
    run -0 06-six/server
    same "06-six 6" "$output"
    run -0 make -s 06b 3>&- # with a scene
    contains "$output" "2 checks"
    run -0 make -s 06c 3>&- # and without: it prints what it finds
    same "06-six 6" "$output"
    run -0 make -s diff-06c 3>&-
    contains "$output" "--- 06-six/steps/06b-step.c"
    contains "$output" "+++ 06-six/steps/06c-alone.c"
    run -0 make -s diff-06c-06b 3>&-
    contains "$output" "+++ 06-six/steps/06b-step.c"
    run -0 make -s diff-06b 3>&-
    same "06b is the first of its kind." "$output"
}

@test "make clean takes away all that make all has made" {
    small_kit
    echo 'int main(void) { return 0; }' > clients/play.c
    find . -type f | sort > ../before
    make -s all 3>&-
    make -s clean 3>&-
    find . -type f | sort | diff ../before -
}

@test "make test says how to get bats where it is missing" {
    small_kit
    echo 'int main(void) { return 0; }' > clients/play.c
    make -s clients/play 3>&-
    mkdir ../bin
    mkdir tests && touch tests/06-six.bats
    for tool in make sh ls tr grep head sed cc env uname diff; do
        ln -s "$(command -v "$tool")" "../bin/$tool"
    done
    run -2 env PATH="$BATS_TEST_TMPDIR/bin" make -s test-06-six 3>&-
    contains "$output" "apt install bats"
}
