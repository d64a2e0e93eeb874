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
        [ "$lesson" != 05-epoll ] || [ "$(uname)" = Linux ] || continue
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

@test "after a lesson or a step: what to type next" {
    cd "$ROOT"
    run -0 clients/next.sh 02-nonblocking
    contains "$output" "make 02a "
    contains "$output" "make diff-02-nonblocking "
    run -0 clients/next.sh 01-blocking
    run -1 grep "make diff-" <<< "$output" # nothing stands before it
    command -v script > /dev/null || skip "no script(1)"
    run -0 timeout 20 script -qec "clients/next.sh 03d" /dev/null
    contains "$output" "make diff-03d "
    contains "$output" "make 03e "
    run -0 timeout 20 script -qec "clients/next.sh 03l" /dev/null
    contains "$output" "make 03m "
    run -1 grep "make diff-" <<< "$output" # another program altogether
    run -0 timeout 20 script -qec "clients/next.sh 03m" /dev/null
    contains "$output" "make 04-poll "
}

@test "a step without a scene asks its question first, on a terminal only" {
    cd "$ROOT"
    build 03-select/steps/03l-ask-all
    run -0 make 03l < /dev/null
    run -1 grep -F " ? " <<< "$output"
    command -v script > /dev/null || skip "no script(1)"
    run -0 timeout 20 script -qec "make 03l PACE=0" /dev/null < /dev/null
    run -1 grep -F " ? " <<< "$output"
    run -0 timeout 20 script -qec "make 03l" /dev/null <<< ""
    [[ $output == *" ? Ten streams."*"nothing?"*"[Enter]"*"until EAGAIN  "* ]]
    run -1 grep FD_ISSET <<< "$output" # no more of the comment than that
}

@test "a step runs only after Enter has followed its question" {
    cd "$ROOT"
    build 03-select/steps/03l-ask-all
    command -v script > /dev/null || skip "no script(1)"
    mkfifo "$BATS_TEST_TMPDIR/keys"
    script -qec "make 03l" /dev/null < "$BATS_TEST_TMPDIR/keys" \
        > "$BATS_TEST_TMPDIR/out" 3>&- &
    exec 9> "$BATS_TEST_TMPDIR/keys"
    within 20 grep -F "[Enter]" "$BATS_TEST_TMPDIR/out"
    sleep 0.3
    run -1 grep "until EAGAIN  " "$BATS_TEST_TMPDIR/out"
    echo >&9
    within 20 grep "until EAGAIN  " "$BATS_TEST_TMPDIR/out"
    exec 9>&-
    wait
}

@test "make diff-NN-name shows what is new since the lesson before" {
    run -0 make_ diff-04-poll
    contains "$output" "--- 03-select/server.c"
    contains "$output" "+++ 04-poll/server.c"
    contains "$output" "+        int n = poll("
    run -0 make_ diff-01-blocking
    contains "$output" "01-blocking is the first lesson"
    run -2 make_ diff-04-pool
    contains "$output" "no lesson or step '04-pool'. Lessons: 01-blocking"
    run -2 make_ diff-03zz
    run -2 make_ 03zz
    contains "$output" "There is no '03zz' here"
    run -2 make_ test-03
    contains "$output" "There are no tests of 03. Try: 01-blocking"
    run -2 make_ tsan-03zz
    contains "$output" "There is no step '03zz'. Steps: 01a"
}

# A bats that only says what it was asked for, or what TAP it is given.
fake_bats() {
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\n[ "$1" != --version ] || { echo Bats 1.8.2; exit; }\n%s\n' \
        "${1:-echo \"bats \$* with SERVER=\$SERVER\"}" \
        > "$BATS_TEST_TMPDIR/bin/bats"
    chmod +x "$BATS_TEST_TMPDIR/bin/bats"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "make test-NN-name runs the lesson's tests, make test runs all" {
    fake_bats
    run -0 make_ -s test-03-select
    same "bats tests/03-select.bats tests/03-steps.bats with SERVER=" "$output"
    run make_ -s test ALL=1 SERVER=05-epoll/server
    local file
    for file in "$ROOT"/tests/*.bats; do
        contains "$output" "bats tests/${file##*/} with SERVER=$ROOT/05-epoll/server"
    done
}

@test "make test sums up, and fails where one test failed or did not run" {
    local files
    files=$(ls "$ROOT"/tests/*.bats | wc -l)
    fake_bats 'echo 1..3; echo "ok 1 a"; echo "ok 2 b # skip no c"; echo "ok 3 d"'
    run -0 make_ -s test ALL=1
    same "$((3 * files)) tests: $((2 * files)) ok, $files skipped, 0 failed" \
        "${lines[${#lines[@]} - 1]}"
    fake_bats 'echo 1..2; echo "ok 1 a"; case $* in *03-select*) echo "not ok 2 b"; exit 1
        esac; echo "ok 2 b"'
    run -2 make_ -s test ALL=1
    contains "$output" "$((2 * files)) tests: $((2 * files - 1)) ok, 0 skipped, 1 failed"
    fake_bats 'echo 1..2; echo "ok 1 a"'
    run -2 make_ -s test ALL=1
    contains "$output" "$files failed"
    fake_bats 'exit 1'
    run -2 make_ -s test ALL=1
}

@test "SERVER=path puts another program in the place of the lesson's server" {
    fake_bats
    run -2 make_ -s test-03-select SERVER=05-epoll/server # it ran no test
    contains "$output" \
        "bats --tap tests/03-select.bats with SERVER=$ROOT/05-epoll/server"
    # The tests take it from there, and tell if there is nothing:
    local as_bats
    as_bats="BATS_TEST_DIRNAME=$(quoted "$ROOT/tests")
        BATS_TEST_FILENAME=03-select.bats
        bats_require_minimum_version() { :; }
        . $(quoted "$ROOT/tests/helper.bash")"
    run -0 env SERVER=/bin/true bash -c \
        "$as_bats; lesson 03-select; echo \$PROGRAM"
    same /bin/true "$output"
    run -1 env SERVER=/nowhere/server bash -c \
        "$as_bats; lesson 03-select; setup_file"
    contains "$output" "/nowhere/server: no program there"
}

# A small kit of its own, so that nothing is touched here: one lesson, two
# steps. A program of another system's library is none of it.
small_kit() {
    mkdir -p "$BATS_TEST_TMPDIR/kit"
    cd "$BATS_TEST_TMPDIR/kit"
    cp "$ROOT/Makefile" .
    mkdir clients 06-six 06-six/steps
    cp "$ROOT"/clients/*.[ch] "$ROOT"/clients/*.sh clients/
    printf '%s\n' '#include <stdio.h>' \
        'int main(void) { printf("06-six %d\n", 6); return 0; }' \
        > 06-six/server.c
    cp 06-six/server.c 06-six/client.c
    printf 'run server\nsee "06-six 6"\nexpect exit 0\n' > 06-six/demo.play
    echo '#define SIX 6' > 06-six/steps/step.h
    sed 's/6);/SIX);/; 1i #include "step.h"' 06-six/server.c \
        > 06-six/steps/06b-step.c
    printf 'run 06b-step\nsee "06-six 6"\nexpect exit 0\n' \
        > 06-six/steps/06b-step.play
    sed 's/return 0/return (0)/' 06-six/steps/06b-step.c \
        > 06-six/steps/06c-alone.c
}

@test "a new lesson or step needs no new line in the Makefile" {
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
    contains "$output" "06b is the first step of its lesson"
    sed -i 's/6/7/' 06-six/steps/step.h # a header that both include
    run -0 make -s 06c 3>&-
    same "06-six 7" "$output"
}

@test "make builds no more than what was asked for, and each thing once" {
    local built
    small_kit
    run -0 make 06-six 3>&-
    built=$(grep -c "^${CC:-cc} " <<< "$output")
    [ "$built" -lt 14 ] || { echo "$built compilations: $output"; return 1; }
    [ ! -e clients/xray ] # that takes XRAY=1
    [ ! -e 06-six/steps/06b-step ]
    make -s all 3>&-
    touch 06-six/steps/06b-step.c
    run -0 make all 3>&-
    same 1 "$(grep -c "^${CC:-cc} " <<< "$output")" "compilations after one change"
    run -0 make all 3>&-
    same 0 "$(grep -c "^${CC:-cc} " <<< "$output")" "compilations after none"
    run -0 make -n -B all 3>&- # all of it once more
}

@test "a program links the modules that it includes, and no others" {
    local program object module main
    cd "$ROOT"
    for program in clients/play clients/xray clients/models clients/load \
        06-selector/server 06-selector/client 06-selector/ftp*server \
        06-selector/ftp*client 08-coroutines/server; do
        [ -e "$program.c" ] || continue
        run -0 make -n -W "$program.c" "$program" 3>&-
        main=$(grep -- " -o $program " <<< "$output")
        # every header that it includes, directly or not, has its object
        for module in $(sed -n '2,$s/^\(.*\)\.h:$/\1/p' "build/$program.d"); do
            [ ! -e "$module.c" ] || contains "$main" "build/$module.o"
        done
        for object in $(grep -o 'build/[^ ]*\.o' <<< "$main"); do
            module=${object#build/} module=${module%.o}
            # a module's own modules may stand behind it
            grep -qlF "${module##*/}.h\"" "$program.c" "${program%/*}"/*.[ch] ||
                [ "$module" != "${module#*/selector-}" ] ||
                [ "$module" != "${module#*/co-}" ] ||
                { echo "$program links $object"; return 1; }
        done
    done
}

@test "make clean deletes all that make all has made" {
    small_kit
    find . -type f | sort > ../before
    make -s all 3>&-
    make -s clean 3>&-
    find . -type f | sort | diff ../before -
}

@test "make test says how to get bats where it is missing" {
    small_kit
    mkdir ../bin
    mkdir tests && touch tests/06-six.bats
    cp "$ROOT/tests/run.sh" tests/
    for tool in make sh ls tr grep head sed cc env uname diff dirname; do
        ln -s "$(command -v "$tool")" "../bin/$tool"
    done
    run -2 env PATH="$BATS_TEST_TMPDIR/bin" make -s test-06-six 3>&-
    contains "$output" "apt install bats"
}
