load helper

# play itself: what the head of clients/play.c and clients/scene.md promise. The
# server is the real one of 03, or a small script that does something wrong.
unset SERVER # play would take it
lesson 03-select

setup_file() {
    build clients/play clients/xray 03-select/server
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export REAL=$PROGRAM LC_ALL=C.UTF-8
}

# fake NAME: a program of that name, from the lines on standard input. In it
# "$REAL" is the real server.
fake() {
    { echo '#!/usr/bin/env bash' && cat; } > "$1"
    chmod +x "$1"
}

# plays STATUS [OPTION...]: play the scene on standard input, which has to end
# with this status; then $output is what it showed. The server is the real one,
# if no other is named. After each test nothing may be left of them.
plays() {
    local wanted=$1
    shift
    cat > scene.play
    status=0
    output=$(MARK=$PWD "$PLAY" --server "$REAL" "$@" scene.play 2>&1 3>&-) ||
        status=$?
    same "$wanted" "$status" "exit status" || { echo "$output" && return 1; }
}

# fails_at LINE TEXT [OPTION...]: the scene on standard input fails there, and
# this is part of what is said. (Where it has to wait for something that does
# not come: $SOON.)
SOON='--timeout 0.15'
fails_at() {
    local line=$1 text=$2
    shift 2
    plays 1 "$@"
    contains "$output" "scene.play:$line: "
    contains "$output" "$text"
}

# lacks TEXT PART: fail, and print both, where PART is in TEXT.
lacks() {
    case $1 in
        *"$2"*) printf 'in the text\n  not wanted: %q\n  in: %q\n' "$2" "$1" && return 1 ;;
    esac
}

# starts [OPTION...]: play the scene on standard input in the background, in a
# process group of its own ($PID), until the server listens; output: ./shown.
starts() {
    cat > scene.play
    : > shown
    set -m
    env MARK="$PWD" "$PLAY" --server "$REAL" "$@" scene.play \
        > shown 2>&1 < "${INPUT:-/dev/null}" 3>&- 4>&- &
    PID=$!
    set +m
}

shows() {
    grep -q -- "$1" shown
}

# ends STATUS: what was started ends with it, and leaves no process behind.
ends() {
    within 5 gone "$PID"
    run wait "$PID"
    PID=
    same "$1" "$status" "exit status"
    nothing_left
}

teardown() {
    { [ -z "${PID:-}" ] || kill -KILL -- "-$PID"; } 2> /dev/null || true
    nothing_left
}

# What play has started, and play itself, has its mark in its environment.
nothing_left() {
    local left
    left=$(grep -ls "MARK=$PWD" /proc/[0-9]*/environ || true)
    [ -z "$left" ] || { echo "left behind: $left" && return 1; }
}

# on_terminal COLUMNS COMMAND [ARG...]: run it on a terminal of that width,
# with our standard input for a keyboard.
on_terminal() {
    local columns=$1
    shift
    script --version 2>&1 | grep -q util-linux ||
        skip "no script(1) as in util-linux"
    # script hands the command to $SHELL; what @Q makes of a newline is bash's
    TERM=xterm SHELL=$BASH run script -qec "stty cols $columns; ${*@Q}" /dev/null 3>&-
    output=${output//$'\r'/}
}

# ------------------------------------------------------------ what is shown

@test "play: all came as expected: it says so, exit 0" {
    plays 0 <<'END'
server
A connect
A send "hello\n"
A expect "HELLO\n"
A shut
A expect eof
END
    contains "$output" "scene.play: all as expected: 2 checks in"
}

@test "play: a scene that checks nothing is no success" {
    plays 0 <<< $'server\nA connect\nA send "hello"'
    contains "$output" "scene.play: nothing was checked"
    lacks "$output" "as expected"
}

@test "play: the title is the first comment, but for '# fails on:'" {
    plays 0 <<'END'
# fails on: 03b-hello
# A title
# not this one
say A sentence; with # in it.
ask Why?
END
    contains "$output" $'\nA title\n'
    contains "$output" $'     A sentence; with # in it.\n'
    contains "$output" $'   ? Why?\n'
}

@test "play: each line of the log has its FILE:LINE, and clients have their names" {
    plays 0 <<'END'
server
Alice connect
Alice send "hello\n"
Alice expect "HELLO\n"
END
    grep -qE '│ Alice: .* 03-select/server\.c:[0-9]+$' <<< "$output"
    grep -qE ' Alice "HELLO\\n" ◀─+│$' <<< "$output"
    lacks "$(grep -v listening <<< "$output")" 127.0.0.1
}

@test "play: of a long log the rest is counted, with --all it is shown" {
    local scene=$'server\ncrowd 50 send "x" expect "X"'
    plays 0 <<< "$scene"
    contains "$output" " more lines"
    plays 0 --all <<< "$scene"
    lacks "$output" "more lines"
    [ "$(grep -c '│ #' <<< "$output")" -ge 150 ]
}

@test "play: the times of a flood never run backwards" {
    fake flood <<'END'
for i in {1..500}; do echo "$i"; [ $((i % 100)) -gt 0 ] || sleep 0.02; done
exec "$REAL" "$@"
END
    plays 0 --server ./flood <<< $'server\nA connect\nwait 20ms\nA send "x"\nA expect "X"'
    contains "$output" "… 491 more lines"
    awk '$1 ~ /^[0-9]+[.][0-9][0-9]$/ { if ($1 < last) exit 1; last = $1; n++ }
        END { exit n < 15 }' <<< "$output"
}

@test "play: --quiet shows nothing but what goes wrong" {
    plays 0 --quiet <<< 'server'
    same "" "$output"
    fails_at 3 "wanted  exit status 1" --quiet \
        <<< $'server\nsignal TERM\nexpect exit 1'
}

@test "play: long bytes are cut, escapes shown as in C" {
    plays 0 <<'END'
server
A connect
A send 300 "\n\x01"
A expect 300 "\n\x01"
A send "0123456789\x010\x011\x012\x013\x014\x015\x016\x017\x018\x019\x01a\x01b\x01c\x01d\x01e\x01f\x01g\x01h\x01i\x01j\x01k\x01l\x01m"
A expect "0123456789\x010\x011\x012\x013\x014\x015\x016\x017\x018\x019\x01A\x01B\x01C\x01D\x01E\x01F\x01G\x01H\x01I\x01J\x01K\x01L\x01M"
END
    contains "$output" 'A 300 "\n\x01" ─'
    contains "$output" '…'
}

@test "play: no escape sequence into a pipe, nor with NO_COLOR or TERM=dumb" {
    local scene=$'server\nA connect' esc=$'\033'
    plays 0 <<< "$scene"
    lacks "$output" "$esc"
    on_terminal 80 "$PLAY" --pace 0 --server "$REAL" scene.play < /dev/null
    contains "$output" "${esc}[1;38;5;33mA${esc}[0m"
    for setting in NO_COLOR=1 TERM=dumb; do
        on_terminal 80 env "$setting" "$PLAY" --pace 0 --server "$REAL" \
            scene.play < /dev/null
        contains "$output" "nothing was checked"
        lacks "$output" "$esc"
    done
    # nor into a file of what goes wrong
    echo 'run missing' > scene.play
    on_terminal 80 sh -c '"$0" --pace 0 scene.play 2> errors' "$PLAY" < /dev/null
    contains "$(cat errors)" 'scene.play:1: run missing'
    lacks "$(cat errors)" "$esc"
}

# in_line COLUMNS: nothing on standard input is wider, and all bars stand one
# below the other. Drawn in ASCII, what is not ASCII is Chinese: three bytes
# for two columns.
in_line() {
    LC_ALL=C awk -v columns="$1" '{
        ascii = gsub(/[ -~]/, "&")
        if (ascii + (length($0) - ascii) * 2 / 3 > columns) exit 1
        if (!index($0, "|")) next
        if (bar && bar != index($0, "|")) exit 1
        bar = index($0, "|")
    }'
}

@test "play: the lanes stay in line on terminals of 40 columns and more" {
    cat > scene.play <<'END'
# 选择:一个进程,许多客户端
server
say 一个进程在 select() 里睡觉，直到某个客户端有数据可读。内核告诉它哪些套接字已经就绪（可读或者可写），其余的时间它不占用处理器，一点也不占用。
say 一二三四五六七八九十一二三四五六七，八九十。
ask One process. It sleeps in select(), which watches the listener, and nothing else.
A connect
A send "some words and averyverylongonethatdoesnotfitanywhere\n"
A expect "SOME WORDS AND AVERYVERYLONGONETHATDOESNOTFITANYWHERE\n"
idle 1ms
END
    local columns
    for columns in 40 100; do
        on_terminal "$columns" env NO_COLOR=1 LC_ALL=C "$PLAY" --pace 0 \
            --server "$REAL" scene.play < /dev/null
        contains "$output" "all as expected"
        sed '$d' <<< "$output" | in_line "$columns" || # but for the verdict
            { echo "$columns columns:"; echo "$output"; return 1; }
        # no closing mark begins a line, and no character is torn apart
        lacks "$output" '     ，'
        lacks "$output" '�'
    done
    # and with a name of 20 letters
    sed -i '/^server/,$ s/^A /Abcdefghijklmnopqrst /' scene.play
    on_terminal 60 env NO_COLOR=1 LC_ALL=C timeout 5 "$PLAY" --pace 0 \
        --server "$REAL" scene.play < /dev/null
    contains "$output" "all as expected"
    sed '$d' <<< "$output" | in_line 60
}

@test "play: a FILE:LINE takes at most half of the server's lane; what is cut has dots" {
    fake names <<'END'
echo "06-selector/steps/06d-echo.c:12: one"
echo "06-selector/steps/06d-a-name-that-is-very-long-indeed.c:12: two"
echo "a-name-without-a-directory-that-is-very-long-indeed.c:1234: three"
exec "$REAL" "$@"
END
    echo server > scene.play
    local columns
    for columns in 80 100; do
        on_terminal "$columns" env NO_COLOR=1 "$PLAY" --pace 0 --server ./names \
            scene.play < /dev/null
        contains "$output" ' …/06d-echo.c:12'
        [ "$columns" = 100 ] ||
            contains "$output" ' …/06d-a-name-that-i…:12'
        grep -qE ' three +a-name-with[a-z-]*…:1234$' <<< "$output"
    done
    on_terminal 120 env NO_COLOR=1 "$PLAY" --pace 0 --server ./names \
        scene.play < /dev/null
    contains "$output" ' …/06d-a-name-that-is-very-long-in…:12'
    plays 0 --server ./names <<< server
    contains "$output" ' …/06d-echo.c:12'
    sed -i 's|06-selector/steps/06d-echo|06-selector/server|' names
    plays 0 --server ./names <<< server
    contains "$output" ' 06-selector/server.c:12'
}

@test "play: each text of a client ends with its arrow, however long it is" {
    local text=$'server\nA connect\n' n
    for n in {1..40}; do text+=$'A send "'$(printf "%${n}s" | tr ' ' x)$'"\n'; done
    plays 0 <<< "$text"
    same 41 "$(grep -c '─▶│' <<< "$output")" "arrows"
}

@test "play: where a scene fails, a log that floods is folded, and its lines are cut" {
    fake flood <<'END'
exec "$REAL" "$@" &
for i in {1..500}; do echo "line $i"; done
printf '%0900d\n' 0
trap 'kill $!; exit 0' TERM; wait
END
    fails_at 2 'no line of the log matches "none"' --server ./flood $SOON \
        <<< $'server\nsee "none"'
    output=$(sed -n '/the end of its log/,$p' <<< "$output")
    grep -qE '^    line [0-9]+$' <<< "$output"
    grep -qE '^    \([0-9]+ more like this\)$' <<< "$output"
    grep -qE '^    0{200}…$' <<< "$output"
    [ "$(grep -c '^    ' <<< "$output")" -lt 11 ]
}

@test "play: --pace S: seconds between two lines" {
    plays 0 --pace 0.05 <<< $'wait 1ms\nwait 1ms\nwait 1ms'
    grep -E 'in 0\.[2-9] s' <<< "$output"
}

@test "play: --step waits for Enter at each sentence; at the end of input no more" {
    mkfifo keys
    exec 4<> keys
    INPUT=keys starts --step <<'END'
say One.
server
ask Two?
wait 1ms
say Three.
say Four.
END
    within 2 shows One
    sleep 0.05
    run ! shows listening
    echo >&4
    within 2 shows Two
    echo "typed ahead" >&4
    within 2 shows Three
    run ! shows Four
    exec 4>&-
    ends 0
    shows Four
}

# --------------------------------------------------- what a client can check

@test "play: other bytes: the line, what was wanted, what came, the log; exit 1" {
    fails_at 4 '  A wanted  "hello\n"' <<'END'
server
A connect
A send "hello\n"; A send "x"
A expect "hello\n"
END
    contains "$output" '  and got  "HELLO\n"'
    contains "$output" '    03-select: listening on 127.0.0.1:'
    grep -E '^    03-select/server\.c:[0-9]+: A: ' <<< "$output"
    # and deep inside
    fails_at 4 'and got  "Y" after 1000000 right bytes' <<'END'
server
A connect
A send 1000000 x; A send "y"
A expect 1000001 X
END
}

@test "play: missing bytes: how many came in how long" {
    # shellcheck disable=SC2086 # SOON is words, here and below
    fails_at 4 'and got  only 5 bytes of it in 0.15 s' $SOON <<'END'
server
A connect
A send "hello"
A expect "HELLO\n"
END
}

@test "play: more bytes than were expected are found when the client leaves, or at the end" {
    local scene=$'server\nA connect\nA send "hello"\nA expect "HELL"'
    fails_at 4 'A got more than was expected: "O"' <<< "$scene"
    contains "$output" "(the end of the scene)"
    fails_at 5 'A got more than was expected: "O"' <<< "$scene"$'\nA close'
    plays 0 <<< "$scene"$'\nA reset'
    fails_at 3 '#1 got more than was expected: "O"' <<'END'
server
crowd 3 send "hello" expect "HELL"
crowd leaves
END
}

@test "play: the end of file is no reset, and neither of them is bytes" {
    # a server that is killed resets who has bytes unread, and closes others
    local died=$'server; A connect
A send "a"\nA expect "A"
signal STOP; A send "x"; signal KILL\nexpect killed KILL\n'
    plays 0 <<< "${died}A expect reset"
    plays 0 <<< "${died/A send \"x\"/wait 1ms}A expect eof"
    fails_at 6 'A wanted  the end of file' <<< "${died}A expect eof"
    contains "$output" "and got  a reset"
    fails_at 6 'A wanted  "X"' <<< "${died}A expect \"X\""
    contains "$output" "and got  a reset"
    fails_at 4 'A wanted  a reset' <<< $'server\nA connect\nA shut\nA expect reset'
    contains "$output" "and got  the end of file"
    fails_at 4 'A wanted  "X"' <<< $'server\nA connect\nA shut\nA expect "X"'
    fails_at 4 'A wanted  the end of file' <<'END'
server
A connect
A send "x"
A expect eof
END
    contains "$output" 'and got  "X"'
    # the kernel reports a reset once: here it tells the one who sends
    plays 0 <<'END'
server
A connect
signal STOP
A send "x"
signal KILL
expect killed KILL
A send "y"; A send "z"
A expect reset
END
}

@test "play: close says goodbye, reset does not" {
    plays 0 <<'END'
server
A connect; A close
see "end of file"
A connect; A reset
see "reset by peer"
crowd 1
crowd resets
see "reset by peer"
END
}

@test "play: silent: nothing comes; bytes and the end of file are something" {
    plays 0 <<< $'server\nA connect\nA silent 20ms'
    contains "$output" "A gets nothing, 0.02 s"
    fails_at 3 'A wanted  nothing' <<< $'server\nA connect; A send "x"\nA silent 1s'
    contains "$output" 'and got  "X"'
    fails_at 3 'and got  the end of file' <<< $'server\nA connect; A shut\nA silent 1s'
}

@test "play: send: the escapes of C, every TIME a byte, urgent" {
    plays 0 --all <<'END'
server
A connect
A send "\141\x62\0\a\e\\\"\'\?\t\r\n;#"; A send 2 "z"
A expect "AB\000\x07\033\x5c\x22'?\011\015\012;#ZZ"
A send "ab" urgent
A expect "A"
A close
Slow connect
Slow send "abc" every 10ms
Slow expect "ABC"
END
    # a log line or more for each byte, and one for the connection
    [ "$(grep -c '│ Slow: ' <<< "$output")" -gt 3 ]
}

@test "play: what does not fit is sent later, while the scene goes on" {
    plays 0 <<'END'
server
A connect
A send 20000000 x; A shut
B connect
B send "hello"
B expect "HELLO"
A expect 20000000 X
A expect eof
END
}

@test "play: a crowd connects, sends, expects, leaves and resets" {
    plays 0 <<'END'
server
crowd 300 send "hi\n" expect "HI\n"
crowd send "ho\n"
crowd expect "HO\n"
crowd leaves
crowd 200
crowd resets
END
    fails_at 2 '#1 wanted  "ho"' <<< $'server\ncrowd 2 send "hi" expect "ho"'
}

@test "play: a client that cannot connect fails by name" {
    echo 'echo "listening on 127.0.0.1:1"; sleep 9' | fake refusing
    fails_at 2 'A: connect to port 1: Connection refused' \
        --server ./refusing <<< $'server\nA connect'
}

@test "play: a crowd that the limit of open files does not allow is skipped, and play says so" {
    local scene=$'server\nA connect\nA send "x"\nA expect "X"
crowd 99 send "a" expect "A"\ncrowd resets\ncrowd 20 send "b"\ncrowd expect "B"'
    (ulimit -n 64 && plays 0 <<< "$scene" &&
        contains "$output" "skipped here: the crowd of 99 clients" &&
        contains "$output" "all as expected, but for what was skipped: 2 checks" &&
        contains "$output" 'crowd: "b"' &&
        lacks "$output" '"a"')
    (ulimit -n 64 && plays 0 --quiet <<< "$scene" &&
        contains "$output" "scene.play: skipped here: the crowd of 99 clients; the limit")
    plays 0 <<< "$scene"
    lacks "$output" skipped
}

@test "play: the scenes of all lessons play to their end with 256 files" {
    local scene
    for scene in "$ROOT"/0*/demo.play; do
        grep -q '^crowd' "$scene" || continue
        [ "$(uname)" = Linux ] || [[ $scene != */05-epoll/* ]] || continue
        scene=${scene#"$ROOT/"}
        build "${scene%/*}/server"
        (cd "$ROOT" && ulimit -n 256 && run -0 "$PLAY" --quiet "$scene" 3>&-)
    done
}

# ------------------------------------------------ what is checked of a server

@test "play: see: the log must show it, after what an earlier see has passed" {
    fake talker <<'END'
echo one; echo two; sleep 0.05; echo three
END
    plays 0 --server ./talker <<< $'run x\nsee "^one$"\nsee "^t[a-h]ree|four$"'
    fails_at 3 'no line of the log matches "one"' --server ./talker $SOON \
        <<< $'run x\nsee "two"\nsee "one"'
}

@test "play: --xray shows the system calls among the log's lines; see does not see them" {
    "$ROOT/clients/xray" -q -o /dev/null -- true || skip "no tracing here (ptrace)"
    plays 0 --xray <<'END'
server
A connect; A send "hi\n"; A expect "HI\n"
B connect
see "recv: 3 bytes"
END
    local order
    order=$(grep -oE 'recv\(4\) copied|recv: 3|send\(4\) copied|send: 3|accept\(3\): [45]' <<< "$output")
    same $'accept(3): 4\nrecv(4) copied\nrecv: 3\nsend(4) copied\nsend: 3\naccept(3): 5' \
        "$order" "calls and lines of the log in true order"
    fails_at 2 'no line of the log matches "listen.3"' --xray $SOON <<'END'
server
see "listen.3"
END
}

@test "play: --xray keeps the server's pid, its end and its exit status" {
    "$ROOT/clients/xray" -q -o /dev/null -- true || skip "no tracing here (ptrace)"
    fake exits <<< 'echo "listening on 127.0.0.1:9"; echo "I am $$ of $PPID"; exit 3'
    plays 0 --xray --server exits <<'END'
server
expect exit 3
END
    plays 0 --xray <<'END'
server
signal STOP; signal CONT
A connect; A send "hi\n"; A expect "HI\n"
signal TERM
expect exit 0
END
    fails_at 1 'ended before it was ready' --xray --server ./nonesuch <<< server
}

@test "play: type goes to the server's keyboard, type eof ends it" {
    fake reader <<'END'
while read -r line; do echo "read: $line"; done
echo "at the end"
END
    plays 0 --server ./reader <<'END'
run x
type "hello\n"
see "^read: hello$"
type 8000 "0123456789\n"
type eof
see "^at the end$"
expect exit 0
END
    echo 'exec 0<&-; echo "no ears"; sleep 9' | fake reader
    fails_at 3 'type: Broken pipe' --server ./reader \
        <<< $'run x\nsee ears\ntype "hello\\n"'
}

@test "play: signal, expect exit and expect killed" {
    plays 0 <<< $'server\nsignal INT\nexpect exit 0\nsee "^bye$"'
    plays 0 <<< $'server\nsignal ABRT\nexpect killed ABRT'
    contains "$output" "killed by SIGABRT"
    fails_at 3 'the server has ended: exit status 0' \
        <<< $'server\nsignal TERM\nexpect exit 3'
    fails_at 3 'the server has ended: killed by SIGKILL' \
        <<< $'server\nsignal KILL\nexpect exit 0'
    fails_at 2 'still running after 0.15 s' $SOON <<< $'server\nexpect exit 0'
    fails_at 4 'the server is not running any more' \
        <<< $'server\nsignal TERM\nwait 50ms\nsignal TERM'
}

@test "play: signal NAME A goes to the process that serves A" {
    [ -r /proc/net/tcp ] || skip "/proc does not tell who serves whom"
    echo '"$REAL" "$@" & wait $!; echo "it ended: $?"; exec sleep 9' | fake parent
    plays 0 --server ./parent <<'END'
server
A connect
A send "x"
A expect "X"
signal KILL A
A expect eof
see "it ended: 137"
END
    fails_at 3 "no process of the server that has A's connection open" \
        <<< $'server; A connect; A send "x"; A expect "X"; A shut\nA expect eof\nsignal KILL A'
    run -2 "$PLAY" - 3>&- <<< $'server\nsignal KILL A'
    contains "$output" "-:2: A is not connected"
}

@test "play: STOP and CONT are no reason to end" {
    fake tired <<'END'
trap 'exit 0' CONT
"$REAL" "$@" & while :; do sleep 0.01; done
END
    fails_at 4 'the server is not running any more' --server ./tired \
        <<< $'server\nsignal STOP\nsignal CONT; wait 100ms\nA connect'
}

@test "play: idle: no use of the CPU; measure says how much" {
    [ -r /proc/self/stat ] || skip "cannot be measured on this system"
    plays 0 <<< $'server\nidle 20ms\nmeasure 20ms'
    contains "$output" "asleep: no CPU used in 0.02 s"
    contains "$output" "in 0.02 s: woke up "
    fake busy <<'END'
(while :; do :; done) &
trap 'kill $!' EXIT
"$REAL" "$@"
END
    # Half a second: beside busy processes it may get no CPU for 20 ms.
    fails_at 2 'wanted  no use of the CPU in 0.5 s' --server ./busy $SOON \
        <<< $'server\nidle 500ms'
    contains "$output" 'ms of it; the server went to sleep'
}

@test "play: memory: not more KiB than that since it was ready" {
    [ -r /proc/self/stat ] || skip "cannot be measured on this system"
    local scene=$'server\nA connect\nA send 9000000 x\nwait 20ms'
    plays 0 <<< "$scene"$'\nmemory 1000'
    contains "$output" "KiB more memory than at the start"
    fails_at 5 'at most 10 KiB more memory' <<< "$scene"$'\nmemory 10'
}

@test "play: limit: so many files, for the server alone" {
    echo 'echo "files: $(ulimit -n)"; exec "$REAL" "$@"' | fake limited
    plays 0 --server ./limited <<< $'limit 20\nserver\nsee "^files: 20$"\ncrowd 50'
    (ulimit -n 99 && fails_at 1 'the system allows 99' <<< $'limit 100\nserver')
}

@test "play: the server gets no other fds than its three" {
    echo 'true 2> /dev/null >&7 && echo "7 is open"; echo "looked"
exec "$REAL" "$@"' | fake looking
    run -0 "$PLAY" --server ./looking - 3>&- 7> /dev/null <<< $'server\nsee looked'
    ! grep 'is open' <<< "$output"
}

@test "play: who types Enter has read the sentence" {
    printf '%s\n' server "say $(seq -s ' ' 100)" 'A connect' > scene.play
    # without it: six seconds
    on_terminal 80 timeout 3 "$PLAY" --pace 0.3 --server "$REAL" scene.play \
        < <(sleep 0.2; echo; sleep 1) 3>&-
    contains "$output" "nothing was checked"
}

@test "play: run starts a program beside FILE, with arguments, and does not wait" {
    mkdir there
    echo 'sleep 0.05; echo "$# arguments: $*"; exec "$REAL" -p 0' | fake there/program
    cat > there/scene.play <<'END'
run program one "two three"
A connect
A send "x"
A expect "X"
see "^2 arguments: one two three$"
END
    run -0 env MARK="$PWD" "$PLAY" there/scene.play 3>&-
    nothing_left
}

# --------------------------------------------------------- servers that fail

@test "play: a server that cannot be started is named, with the reason; exit 1" {
    echo 'no program' > text
    mkdir directory
    fails_at 1 'cannot start ./missing: No such file' --server ./missing <<< server
    fails_at 1 'cannot start ./text: Permission denied' --server ./text <<< server
    fails_at 1 'cannot start directory: Perm' --server directory <<< server
}

@test "play: a server that ends before it is ready, or never gets ready" {
    echo 'echo "cannot do it" >&2; exit 3' | fake broken
    fails_at 1 './broken ended before it was ready' --server ./broken <<< server
    contains "$output" 'the server has ended: exit status 3'
    contains "$output" '    cannot do it'
    echo 'echo hello; sleep 9' | fake mute
    fails_at 1 './mute is not ready' --server ./mute $SOON <<< server
    contains "$output" 'in 0.15 s'
}

@test "play: a server that dies in the middle: how it ended, and its last words" {
    fake mortal <<'END'
"$REAL" "$@" < /dev/null & read -r last
kill -KILL $!
sleep 0.01
echo "last words"
eval "$last"
END
    local last
    for last in 'exit 3=exit status 3' 'exit 0=exit status 0' \
        'kill -SEGV $$=killed by SIGSEGV'; do
        fails_at 4 "the server has ended: ${last#*=}" --server ./mortal <<END
server
A connect
type "${last%=*}\\n"
A expect "X"
END
        contains "$output" '    last words'
    done
    fails_at 2 'the server is not running any more' --server ./mortal \
        <<< $'server; type "exit 0\\n"; see "last words"; wait 100ms\nA connect'
}

@test "play: SIGTERM has to end it, by itself or with exit 0" {
    echo 'trap "" TERM; "$REAL" "$@" & while :; do sleep 0.01; done' | fake deaf
    fails_at 1 'still running after 0.15 s' --server ./deaf $SOON <<< server
    contains "$output" "(the end of the scene)"
    local end
    for end in 'exit 3' 'kill -SEGV $$'; do
        echo "trap 'kill \$!; $end' TERM; \"\$REAL\" \"\$@\" & wait" | fake bad
        fails_at 1 'SIGTERM must end the server' --server ./bad <<< server
    done
    echo "trap 'kill \$!; trap - TERM; kill \$\$' TERM; \"\$REAL\" \"\$@\" & wait" |
        fake good
    plays 0 --server ./good <<< server
}

@test "play: processes that a server leaves behind are found, and killed" {
    echo 'sleep 99 > /dev/null 2>&1 & exec "$REAL" "$@"' | fake parent
    fails_at 3 'has left processes behind' --server ./parent $SOON \
        <<< $'server\nsignal TERM\nexpect exit 0'
    [ -r /proc/self/task/$$/children ] || skip "no list of children here"
    echo '(setsid sleep 99 &); exec "$REAL" "$@"' | fake daemon
    fails_at 1 'has left processes behind' --server ./daemon $SOON <<< server
}

@test "play: the next server replaces the first, which has to end well" {
    plays 0 <<< $'server\nA connect\nserver\nA connect\nA send "x"\nA expect "X"'
    # and only its log counts
    echo 'echo "this is $3"; exec "$REAL" -p 0' | fake named
    fails_at 4 'exit status 0' --server ./named \
        <<< $'server one\nserver two\nsignal TERM\nexpect exit 3'
    contains "$output" $'the end of its log:\n    this is two\n'
    echo "trap 'kill \$!; exit 3' TERM; \"\$REAL\" \"\$@\" & wait" | fake bad
    fails_at 2 'SIGTERM must end the server' --server ./bad <<< $'server\nserver\nwait 1ms'
}

@test "play: a log that floods, without end or without newline, does no harm" {
    fake flood <<'END'
head -c 10000000 /dev/zero | tr '\0' x; echo
yes flood & flood=$!
trap 'kill $flood $!; wait; exit 0' TERM
"$REAL" "$@" &
wait
END
    plays 0 --server ./flood <<< 'server; A connect; A send "x"; A close; B connect'
    contains "$output" " more lines"
    [ ${#output} -lt 200000 ]
}

@test "play: what is not text in a log is shown as escapes" {
    fake garbled <<'END'
printf 'a\0b \033[2J \377\376 \303\050 \302\2332J 中文 \r\n'
exec "$REAL" "$@"
END
    plays 0 --server ./garbled <<< server
    contains "$output" '│ a b \x1b[2J \xff\xfe \xc3( \xc2\x9b2J 中文 \x0d'
    fails_at 1 '    a b \x1b[2J \xff\xfe' --server ./garbled \
        <<< 'server; signal TERM; expect exit 3'
}

@test "play: a server may close its stdout, or leave it to a child for a while" {
    fake closed <<'END'
"$REAL" "$@" > log & until grep listening log; do sleep 0.01; done
exec > /dev/null 2>&1
trap 'kill $!; wait; exit 0' TERM; wait
END
    plays 0 --server ./closed <<< $'server\nA connect\nA send "x"\nA expect "X"'
    echo 'sleep 0.1 & exec "$REAL" "$@"' | fake shared
    plays 0 --server ./shared <<< $'server\nA connect\nsignal TERM\nexpect exit 0'
}

# ------------------------------------- what a server can do to play

# with_program NAME: compile the C program on standard input. $REAL is in its
# environment, too.
with_program() {
    ${CC:-cc} -std=gnu11 -x c -o "$1" - || { echo "$1 does not compile"; return 1; }
}

SHORT=$'server\nA connect\nA send "x"\nA expect "X"'

@test "play: a server that stops play: play goes on, and says so" {
    [ -r /proc/self/status ] || skip "/proc does not say what play does"
    echo 'kill -STOP $PPID; exec "$REAL" "$@"' | fake stopping
    plays 0 --server ./stopping <<< "$SHORT"
    contains "$output" "│ a process has stopped play (SIGSTOP)"
    plays 0 --quiet --server ./stopping <<< "$SHORT"
    contains "$output" "scene.play: a process has stopped play (SIGSTOP)"
    # again and again: it is killed
    echo 'while kill -STOP $PPID; do sleep 0.01; done & exec "$REAL" "$@"' | fake stopping
    plays 1 --server ./stopping <<< "$SHORT"$'\nwait 3s\nA send "x"'
    contains "$output" "the server has ended: killed by SIGKILL"
    # a server is in another session, so it cannot ask play to pause either
    echo 'kill -TSTP $PPID; kill -TTOU $PPID; exec "$REAL" "$@"' | fake pausing
    plays 0 --server ./pausing <<< "$SHORT"
    lacks "$output" "has stopped play"
}

@test "play: Ctrl-Z (SIGTSTP) pauses play until fg (SIGCONT)" {
    [ -r /proc/self/status ] || skip "/proc does not say what play does"
    starts <<< "$SHORT"$'\nwait 300ms\nsay Later.'
    within 3 shows 'A "X"'
    kill -TSTP "$PID"
    within 2 grep -q '^State:.T' "/proc/$PID/status"
    sleep 1.3 # the guard looks twice a second
    grep -q '^State:.T' "/proc/$PID/status"
    run ! shows Later
    kill -CONT "$PID"
    ends 0
    shows Later
    run ! shows "has stopped play"
}

@test "play: a server cannot trace play, read its files, or print on its terminal" {
    [ -r /proc/self/status ] || skip "this needs /proc"
    with_program tracing <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    (void)argc;
    long can = ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
    puts(can == 0 ? "it traces play" : "it cannot trace play");
    fflush(stdout);
    argv[0] = getenv("REAL");
    execv(argv[0], argv);
}
END
    plays 0 --server ./tracing <<< "$SHORT"
    contains "$output" "│ it cannot trace play"
    fake looking <<'END'
readlink /proc/$PPID/cwd /proc/$PPID/exe
{ echo forged > /proc/$PPID/fd/1; } 2> /dev/null || echo "it has no fd of play's"
{ echo forged > /dev/tty; } 2> /dev/null || echo "it has no terminal"
exec "$REAL" "$@"
END
    plays 0 --server ./looking <<< "$SHORT"
    lacks "$output" "$PWD"
    lacks "$output" "clients/play"
    lacks "$output" forged
    contains "$output" "it has no fd of play's"
    on_terminal 100 "$PLAY" --pace 0 --server ./looking scene.play < /dev/null
    contains "$output" "it has no terminal"
    lacks "$output" forged
}

@test "play: a server that traces play all the same is killed" {
    [ "$(id -u)" = 0 ] || skip "only root can trace play, and only under xray"
    "$ROOT/clients/xray" -q -o /dev/null -- true || skip "no tracing here (ptrace)"
    with_program tracing <<'END'
#include <stdlib.h>
#include <sys/ptrace.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    (void)argc;
    pid_t play = getppid();
    if (fork() == 0) {
        setsid();
        ptrace(PTRACE_ATTACH, play, NULL, NULL);
        pause();
    }
    argv[0] = getenv("REAL");
    execv(argv[0], argv);
}
END
    plays 1 --xray --server ./tracing <<< "$SHORT"$'\nwait 2s\nA send "x"'
    contains "$output" "│ the server traces play (ptrace): it is killed"
    contains "$output" "the server has ended: killed by SIGKILL"
}

@test "play: a server that ends play by a signal is named" {
    echo '"$REAL" "$@" & sleep 0.1; kill -TERM $PPID; sleep 9' | fake killing
    plays 143 --server ./killing <<< "$SHORT"$'\nwait 9s'
    contains "$output" "play: SIGTERM, which the server has sent; the server is ended"
}

@test "play: a server that replaces play's program fails" {
    [ -r /proc/self/exe ] || skip "no /proc/self/exe here"
    mkdir kit kit/clients
    cp "$ROOT/clients/play" kit/clients
    echo 'rm kit/clients/play; cp /bin/true kit/clients/play; exec "$REAL" "$@"' |
        fake forging
    PLAY=kit/clients/play fails_at 4 "the program of play was changed meanwhile" \
        --server ./forging <<< "$SHORT"
}

@test "play: where the server is a program of the kit, and not the one that is named, play says so" {
    [ -r /proc/self/exe ] || skip "no /proc/self/exe here"
    echo 'exec "$REAL" "$@"' | fake borrowed
    plays 0 --server ./borrowed <<< "$SHORT"
    contains "$output" "│ the program that runs is 03-select/server of the kit"
    plays 0 <<< "$SHORT"
    lacks "$output" "of the kit"
    cp "$REAL" own
    plays 0 --server ./own <<< "$SHORT"
    lacks "$output" "of the kit"
}

@test "play: a server that listens elsewhere as well is named" {
    [ -r /proc/net/tcp ] || skip "/proc does not tell who listens where"
    with_program elsewhere <<'END'
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char **argv) /* -6, -also: see below */
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    struct sockaddr_in6 any6 = { .sin6_family = AF_INET6 };
    char six = getenv("SIX") != NULL;
    socklen_t size = six ? sizeof any6 : sizeof any;
    struct sockaddr *address = six ? (void *)&any6 : (void *)&any;
    int fd = socket(address->sa_family, SOCK_STREAM, 0);
    if (bind(fd, address, size) < 0 || listen(fd, 5) < 0)
        return 77;
    getsockname(fd, address, &size);
    if (getenv("ALSO") != NULL) {
        argv[0] = getenv("REAL");
        return execv(argv[0], argv);
    }
    printf("listening on 127.0.0.1:%d\n", ntohs(any.sin_port));
    fflush(stdout);
    pause();
    return argc;
}
END
    plays 0 --server ./elsewhere <<< $'server\nwait 1ms'
    contains "$output" "│ the server also listens on 0.0.0.0:"
    ALSO=1 plays 0 --server ./elsewhere <<< "$SHORT"
    contains "$output" "│ the server also listens on 0.0.0.0:"
    if SIX=1 ALSO=1 plays 0 --server ./elsewhere <<< "$SHORT"; then
        contains "$output" "│ the server also listens on [::]:"
    fi
    plays 0 <<< "$SHORT"$'\ncrowd 30'
    lacks "$output" "also listens"
}

@test "play: a server that names the port of another process, or no port, is named" {
    [ -r /proc/net/tcp ] || skip "/proc does not tell who listens where"
    SLOWLY='' start_server
    echo "echo listening on 127.0.0.1:$PORT; exec sleep 9" | fake pointing
    local server=$PID
    plays 0 --server ./pointing <<< "$SHORT"
    kill "$server"
    wait "$server" || true
    PID=
    contains "$output" "│ port $PORT is not the server's, but that of another process"
    plays 0 <<< "$SHORT"
    lacks "$output" "of another process"
    echo 'echo listening on 127.0.0.1:99999; sleep 9' | fake pointing
    fails_at 1 'is not ready' --server ./pointing $SOON <<< "$SHORT"
}

@test "play: daemons of a server are found and killed, also one that forks for ever" {
    [ -r /proc/self/task/$$/children ] || skip "no list of children here"
    with_program hydra <<'END'
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    (void)argc;
    int alive = open("alive", O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fork() == 0) {
        close(1);
        close(2);
        for (time_t end = time(NULL) + 20; time(NULL) < end;) {
            setsid();
            if (write(alive, ".", 1) != 1 || fork() > 0)
                _exit(0);
        }
        _exit(0);
    }
    argv[0] = getenv("REAL");
    execv(argv[0], argv);
}
END
    fails_at 4 'has left processes behind' --server ./hydra $SOON <<< "$SHORT"
    local size
    size=$(wc -c < alive)
    [ "$size" -gt 10 ]
    sleep 0.3
    same "$size" "$(wc -c < alive)" "what the daemon has written"
}

@test "play: a server writes no file above 1 GiB" {
    echo 'ulimit -f; exec "$REAL" "$@"' | fake writing
    (ulimit -f 4000000 && plays 0 --server ./writing <<< "$SHORT" &&
        grep -qE '│ (1048576|2097152)$' <<< "$output")
    (ulimit -f 1000 && plays 0 --server ./writing <<< "$SHORT" &&
        contains "$output" "│ 1000")
}

@test "play: while play may signal the server's group, no other group gets its number" {
    [ -r /proc/self/status ] || skip "this needs /proc"
    starts <<< $'server\nsignal KILL\nwait 9s'
    within 3 shows 'signal: KILL'
    within 3 has_zombie
    kill -TERM "$PID"
    ends 143
}

has_zombie() {
    local pid
    for pid in $(cat "/proc/$PID/task/$PID/children"); do
        ! grep -q '^State:.Z' "/proc/$pid/status" || return 0
    done
    return 1
}

@test "play: text-direction marks and escapes of a log are shown as escapes, everywhere" {
    fake garbled <<'END'
printf '\033[31mred/\342\200\256evil.c:12: one\n'
printf '\342\200\256 \342\201\246 \342\200\213 \n\357\273\277 \330\234\n'
exec "$REAL" "$@"
END
    plays 0 --server ./garbled <<< server
    lacks "$output" $'\033'
    lacks "$output" $'\342\200\256'
    contains "$output" '…/\xe2\x80\xaeevil.c:12'
    contains "$output" '│ \xe2\x80\xae \xe2\x81\xa6 \xe2\x80\x8b'
    contains "$output" '│ \xef\xbb\xbf \xd8\x9c'
    fails_at 2 'no line of the log matches "\x1b\xe2\x80\xae"' --server ./garbled \
        $SOON <<< $'server\nsee "\\x1b\\xe2\\x80\\xae"'
    lacks "$output" $'\033'
    lacks "$output" $'\342\200\256'
}

# ---------------------------------------------- what a scene can do to play

@test "play: a regular expression that would take gigabytes is refused" {
    memory_is_its_own
    local regex
    for regex in 'x+++++++++++++++++++++' '(((((((((((x+)+)+)+)+)+)+)+)+)+)+)+' \
        '((x{99}){99}){99}' 'x{2000}' '(x{1,40}){40}'; do
        (ulimit -v 300000 && mistaken "see \"$regex\"" \
            "\"$regex\" is no regular expression for a scene: it repeats") ||
            { echo "$regex"; return 1; }
    done
    plays 0 <<< $'server\nsee "(l+is{1,9}tening on [0-9.]+:[0-9]+)+$"'
}

@test "play: a scene has limits: its size, its lines, what an action asks for" {
    memory_is_its_own
    (ulimit -v 60000
        run -2 timeout 10 "$PLAY" /dev/zero 3>&-
        contains "$output" "/dev/zero:1: this line has more than 4000 bytes"
        run -2 timeout 10 "$PLAY" - 3>&- < <(yes 'wait 1ms; wait 1ms')
        contains "$output" "a scene has at most 200000 bytes"
        run -2 timeout 10 "$PLAY" - 3>&- < <(
            for _ in {1..45}; do printf 'wait 1ms;%.0s' {1..440}; echo; done
            echo dance)
        contains "$output" "-:46: 'dance' is no action"
    )
    mistaken 'A send 1000000000 "ab"' "1000000000 times 2 bytes are too many"
    mistaken 'A send 3601 x every 1s' "3601 bytes take more than 3600 s"
    mistaken 'crowd 20001' "20001 is too large for N: at most 20000"
    mistaken 'see "((a{99}){99}){99}"' '"((a{99}){99}){99}" is no regular expression for a scene: it repeats too much'
    mistaken $'say \033[2J' "this line has a control character (U+001B)"
    mistaken $'say \342\200\256' "this line has a control character (U+202E)"
}

# ----------------------------------------------- what the system can do to it

@test "play: under a tracer, and with its parent stopped, it ends in time" {
    echo "$SHORT" > scene.play
    if command -v strace > /dev/null && strace -o /dev/null true 2> /dev/null; then
        run -0 timeout 20 strace -f -o /dev/null "$PLAY" --server "$REAL" scene.play 3>&-
        contains "$output" "all as expected"
    fi
    starts <<< "$SHORT"
    wait "$PID"
    # shellcheck disable=SC2016 # that shell expands it
    MARK=$PWD sh -c '"$0" --server "$1" scene.play > shown 2>&1 & kill -STOP $$' \
        "$PLAY" "$REAL" 3>&- 4>&- &
    PID=$!
    within 5 shows "all as expected"
    kill -CONT "$PID"
    wait "$PID"
}

@test "play: calls that are interrupted, short or refused change nothing" {
    case $(uname) in Darwin) skip "macOS has no LD_PRELOAD" ;; esac
    memory_is_its_own
    build build/faults.so
    echo 'unset LD_PRELOAD FAULTS; exec "$REAL" "$@"' | fake clean
    local fault
    for fault in recv:short=50 recv:EINTR=30 recv:EAGAIN=30 send:short=50 \
        send:EINTR=30 send:EAGAIN=30 connect:EINTR=100 poll:EINTR=30 \
        poll:ENOMEM=20 read:EINTR=30 read:short=90 write:EINTR=30 close:EINTR=30 \
        waitpid:EINTR=30; do
        LD_PRELOAD=$ROOT/build/faults.so FAULTS=$fault FAULTS_FROM=start \
            FAULTS_LOG=yes run -0 "$PLAY" --quiet --server ./clean - 3>&- <<'END'
server
A connect
A send 300000 "hello\n"; A shut
A expect 300000 "HELLO\n"
A expect eof
B connect; B send "x"; B reset
type "hello\n"
crowd 30 send 1000 "hi\n" expect 1000 "HI\n"
crowd leaves
see "accept"
signal STOP
C connect
C send "abc"
signal CONT
C expect "ABC"
signal KILL
expect killed KILL
C expect eof
server -q
A connect
A send "hello\n"
A expect "HELLO\n"
signal TERM
expect exit 0
END
        case $fault in write:* | waitpid:* | read:EINTR*) ;; *)
            contains "$output" "fault" || { echo "$fault did not come"; return 1; } ;;
        esac
    done
}

@test "play: --xray where tracing is impossible: it says so, and plays without" {
    mkdir kit kit/clients
    cp "$ROOT/clients/play" kit/clients
    printf '#!/bin/sh\nexit 77\n' > kit/clients/xray
    chmod +x kit/clients/xray
    PLAY=kit/clients/play plays 0 --xray <<< "$SHORT"
    contains "$output" "│ skipped here: the system calls; xray cannot trace the server"
    contains "$output" "all as expected, but for what was skipped: 1 check"
    rm kit/clients/xray
    PLAY=kit/clients/play fails_at 1 'cannot start kit/clients/xray' --xray <<< "$SHORT"
}

# ------------------------------------------------------ mistakes and options

@test "play: a mistake in a scene is named by its line, and nothing is started" {
    echo 'touch started; exec "$REAL" "$@"' | fake server
    local mistake verb
    while IFS= read -r mistake; do
        printf 'server\nA connect\n%b\nA close\n' "$mistake" > demo.play
        status=0
        output=$("$PLAY" demo.play 2>&1 < /dev/null 3>&-) || status=$?
        same "2 demo.play:3" "$status ${output%%: *}" "$mistake"
        [[ $output != *$'\n'* ]]
    done <<'END'
dance
say
ask
A
A dance
A send
A send hello
A send "hello
A send ""
A send 0 x
A send 5
A send -5 x
A send "a" "b"
A send "a" sometimes
A send "a" every
A send "a" every 5
A send "\\q"
A send "\\x"
A send "\\x 4"
A shut; A send "a"
A expect hello
A expect eof now
A silent
A silent nans
A connect
A connect here
A send "a"; A expect "A"; A connect
A shut; A connect
A close; A send "a"
A close; A close
B send "a"
Abcdefghijklmnopqrstuvwxyz connect
crowd
crowd 0
crowd many
crowd send "a"
crowd expect "a"
crowd leaves
crowd 2; crowd leaves; crowd resets
crowd 2 send "a" now
crowd 9000000000
crowd 20001
A send 1000000000 "ab"
A send 100000 x every 1s
see
see "("
see "a\\n("
see "*"
see "a|+"
see "[a"
see "[[:letter:]]"
see "[b-a]"
see "a{1"
see "a{2,1}"
see "((a{99}){99}){99}"
signal
signal FOO
expect
expect exit
expect exit 256
expect exit 0 now
expect killed
expect exit 0; signal TERM
expect exit 0; B connect
expect exit 0; idle 1s
type
type hello
type eof; type "a"
idle
idle 5
idle -1s
measure 0s
memory
memory some
limit
limit 0
limit 20
run
wait 5 s
wait 9999s
;
wait 1ms;; wait 1ms
server a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l
wait 1ms\0 and a NUL
say \e[2J
say one\rtwo
say C1: \xc2\x9b2J
say a text that runs to the left: \u202e
say no UTF-8: \xff
END
    # and what needs a server before it
    for verb in 'A connect' 'crowd 3' 'see "x"' 'type "x"' 'signal TERM' \
        'expect exit 0' 'idle 1s' 'measure 1s' 'memory 5'; do
        plays 2 <<< "$verb"
        [[ $output == "scene.play:1: there is no "* ]]
    done
    [ ! -e started ]
}

# mistaken LINE TEXT: a scene with this third line is refused, with this text.
mistaken() {
    run -2 "$PLAY" - 3>&- <<< $'server\nA connect\n'"$1"
    contains "$output" "-:3: $2"
}

@test "play: a mistake says which word is wrong, and what can stand there" {
    local verbs="its verbs are: connect, send, expect, silent, shut, close, reset"
    mistaken 'A conect' "'conect' is no verb of a client; $verbs; did you mean connect?"
    mistaken 'A exepct "x"' "'exepct' is no verb of a client; $verbs; did you mean expect?"
    mistaken 'wiat 1s' "'wiat' is no action (a client's name begins with a capital letter); the actions are: say, ask, server,"
    contains "$output" "memory, wait; did you mean wait?"
    lacks "$("$PLAY" - 2>&1 <<< 'A dance' 3>&-)" "did you mean"
    mistaken 'A says "hi"' "'says' is no verb of a client; $verbs"
    mistaken 'B says "hi"' "'says' is no verb of a client; $verbs"
    mistaken 'alice connect' "'alice' is no action (a client's name begins with a capital"
    mistaken 'A send 100000000000 x' \
        "100000000000 is too large for N: at most 1000000000; the form is: A send BYTES"
    mistaken 'A send 0 x' "0 is too small for N: at least 1"
    mistaken 'A send hello' "'hello' must stand in quotes: \"hello\""
    mistaken 'A send 5x' "N must be a whole number, not '5x'"
    mistaken 'A connect' "A is still connected, since line 2; first: A close"
    mistaken 'wait 5' "'5' is no time (300ms, 1.5s)"
    mistaken 'wait 2h' "'2h' is no time"
    mistaken 'wait 9999s' "the time 9999s is not between 0 and 3600 s"
    mistaken 'signal FOO' "'FOO' is no signal"
    mistaken 'crowd dances' "'dances' is no verb of a crowd; its verbs are: send, expect, leaves, resets; the form"
    mistaken 'crowd sent "a"' "'sent' is no verb of a crowd; its verbs are: send, expect, leaves, resets; did you mean send?"
    mistaken 'A silent 1s now' "'now' is one word too many; the form is: A silent TIME"
    mistaken 'sayhello' "'sayhello' is no action"
    mistaken 'say: hello' "a space is missing before ':'"
}

@test "play: a client may connect again when its connection is over" {
    plays 0 <<'END'
server
A connect; A close; A connect; A reset; A connect
A shut
A expect eof
A connect
A send "x"
A expect "X"
signal KILL
expect killed KILL
server
A connect
server
A connect
END
}

# The scenes of scene.md, into a file each: 1.play, 2.play, ...
examples() {
    awk '/^```/ { inside = /play$/; if (inside) name = ++n ".play"; next }
        inside { print > name }' "$ROOT/clients/scene.md"
}

@test "play: scene.md explains every word of the language, with an example" {
    local forms form word
    examples
    run -0 "$PLAY" --help 3>&-
    mapfile -t forms < <(sed -n 's/^    \([a-zA-Z]\)/\1/p' <<< "$output")
    [ "${#forms[@]}" -gt 20 ]
    for form in "${forms[@]}"; do
        grep -qxF "### \`$form\`" "$ROOT/clients/scene.md" ||
            { echo "scene.md has no section: $form"; return 1; }
        for word in $(grep -oE '\b[a-z]+\b' <<< "$form"); do
            grep -qE "(^|[ ;])$word\b" ./*.play ||
                { echo "no example in scene.md has the word: $word"; return 1; }
        done
    done
}

@test "play: each example of scene.md plays to its end" {
    [ -r /proc/net/tcp ] || skip "/proc does not tell which process serves A"
    local scene
    examples
    [ -e 12.play ]
    for scene in [0-9]*.play; do
        run -0 "$PLAY" --server "$REAL" "$scene" 3>&-
        contains "$output" "all as expected" || { cat "$scene"; return 1; }
    done
}

@test "play: no file, a directory, an empty one, wrong usage: exit 2" {
    : > empty
    echo '# a comment' > comment
    local arguments
    for arguments in missing . empty comment "" "a b" "--fast x" \
        "--pace soon x" "--timeout -1 x" "--server"; do
        # shellcheck disable=SC2086 # they are words
        run -2 "$PLAY" $arguments < /dev/null 3>&-
        [ -n "$output" ]
    done
    run -2 "$PLAY" missing 3>&-
    same "play: missing: No such file or directory" "$output"
    run -0 "$PLAY" --help 3>&-
    contains "$output" usage
}

@test "play: DIR/demo.play is for DIR/server, DIR/NAME.play for DIR/NAME" {
    mkdir lab
    echo 'echo "this is $0"; exec "$REAL" "$@"' | fake lab/server
    cp lab/server lab/03b-hello
    echo $'server\nsee "lab/server"' > lab/demo.play
    echo $'server\nsee "lab/03b-hello"' > lab/03b-hello.play
    run -0 "$PLAY" lab/demo.play 3>&-
    run -0 "$PLAY" "$PWD/lab/03b-hello.play" 3>&-
    cd lab
    echo $'server\nsee "server"' > demo.play
    run -0 "$PLAY" demo.play 3>&-
    run -0 "$PLAY" - < demo.play 3>&-
    contains "$output" "-: all as expected"
}

@test "play: --server or \$SERVER names another program, from where we are" {
    # so a step's play can show that the step before fails
    mkdir lab
    echo 'exec "$REAL" "$@"' | fake lab/new
    echo 'echo "another one"; exit 1' | fake old
    printf '%s\n' '# fails on: old' server 'A connect' > lab/new.play
    run -0 "$PLAY" lab/new.play 3>&-
    run -1 "$PLAY" --server old lab/new.play 3>&-
    run -1 "$PLAY" --server ./old lab/new.play 3>&-
    run -1 env SERVER=old "$PLAY" lab/new.play 3>&-
    run -0 env SERVER=old "$PLAY" --server lab/new lab/new.play 3>&-
    run -0 env SERVER= "$PLAY" lab/new.play 3>&-
}

# ------------------------------------------------------- how play itself ends

LONG='server
A connect
A send 3000000 x
B connect
wait 9s'

@test "play: Ctrl-C, SIGTERM and SIGHUP end it at once, and all it has started" {
    local signal
    for signal in INT=130 TERM=143 HUP=129; do
        starts <<< "$LONG"
        within 3 shows 'B connects'
        kill -s "${signal%=*}" -- "-$PID"
        ends "${signal#*=}"
        shows "play: SIG${signal%=*}; the server is ended"
    done
}

@test "play: Ctrl-C typed on a terminal leaves it as it was" {
    echo 'touch started; exec "$REAL" "$@"' | fake marking
    echo "$LONG" > scene.play
    on_terminal 80 bash -c 'trap : INT; stty -a > before
        env MARK="$PWD" "$0" --pace 0 --server ./marking scene.play
        echo "status $?"
        stty -a > after' "$PLAY" < <(
        within 3 test -e started && sleep 0.1 && printf '\003' &&
            within 3 test -e after)
    contains "$output" "status 130"
    same "$(cat before)" "$(cat after)"
    nothing_left
}

@test "play: kill -9 at any moment takes the server along" {
    local seconds
    for seconds in 0 0.002 0.004 0.006 0.01 0.03; do
        starts <<< $'server\nA connect\nserver\nA connect\nserver; wait 9s'
        sleep "$seconds"
        kill -KILL "$PID"
        wait "$PID" || true
        within 2 nothing_left
    done
    # a whole family, one of them stopped, and all of play's own group killed
    echo 'sleep 99 & trap "" TERM HUP; "$REAL" "$@"' | fake family
    starts --server ./family <<< $'server\nA connect\nsignal STOP\nB connect\nwait 9s'
    within 3 shows 'B connects'
    kill -KILL -- "-$PID"
    wait "$PID" || true
    within 2 nothing_left
}

@test "play: a child that play was born with is none of the server's" {
    echo server > scene.play
    run -0 bash -c 'sleep 9 > /dev/null 2>&1 & echo $! > pid
        exec "$0" --server "$REAL" scene.play' "$PLAY" 3>&-
    kill "$(cat pid)" # it is still there
}

@test "play: where its output cannot be written it ends, and all it has started" {
    { echo server; echo A connect; yes 'A send "x"' | head -n 200; echo wait 9s; } \
        > scene.play
    run timeout 5 env MARK="$PWD" bash -c \
        '"$0" --server "$REAL" scene.play | head -n 1; exit "${PIPESTATUS[0]}"' \
        "$PLAY" 3>&-
    same "1 " "$status $output" "into head"
    nothing_left
    [ -e /dev/full ] || skip "no /dev/full here"
    run timeout 5 env MARK="$PWD" bash -c \
        '"$0" --server "$REAL" scene.play > /dev/full' "$PLAY" 3>&-
    same "1 play: cannot write: No space left on device" "$status $output"
    nothing_left
}

@test "play: without stdin, stdout or stderr it plays all the same" {
    echo $'server\nA connect\nA send "x"\nA expect "X"' > scene.play
    local closed
    for closed in '<&-' '>&-' '2>&-' '<&- >&-' '<&- >&- 2>&-'; do
        run bash -c "\"\$0\" --step --server \"\$REAL\" scene.play $closed" \
            "$PLAY" 3>&-
        same 0 "$status" "with $closed: $output"
    done
}
