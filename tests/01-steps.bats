# The steps of the lesson, and the commands in its README.md and NOTES.md.

load helper
load contract
load steps
lesson 01-blocking

# 01a, once. A row: in the kernel, ours; S, R; time, CPU (ms); slept.
sees_two_phases() {
    finds 01a-two-phases -s 0.02
    awk '/^one recv/ { all = $4 }
        sub(/^1 nothing there/, "") {
            ok += $1 == 0 && $2 == 0 && $3 > 4 * $4 && $6 < $5 / 10 && $7 == 1 }
        sub(/^1 one missing/, "") {
            ok += $1 == all - 1 && $2 == 0 && $3 > 4 * $4 && $6 < $5 / 10 &&
                $7 == 0 }
        sub(/^2 all copied/, "") {
            ok += $1 == 0 && $2 == all && $4 > 4 * $3 && $6 > $5 / 2 && $7 == 0 }
        END { exit ok != 3 || all < 65536 }' <<< "$output"
}

@test "01a recv() sleeps while it waits, and uses the CPU while it copies" {
    [ -r /proc/thread-self/status ] || skip "no /proc/thread-self/status here"
    [ "$(getconf _NPROCESSORS_ONLN)" -gt 1 ] || skip "the thread that looks needs a CPU"
    # Other processes want the CPU as well, so it may take some tries.
    within 15 sees_two_phases || { echo "$output"; return 1; }
}

@test "01b four events, and two ends, make a pipe's reader or writer sleep or wake up" {
    finds 01b-pipe-events -s 0.1
    [ "$(uname)" = Linux ] || skip "other systems' pipes are of another size"
    says "B: reads an empty" "A: B's state: S" "NOT EMPTY.* 5 bytes" \
        "FULL at [0-9]+ bytes" "A's state: S. Reads 1 " "A's state: S. Reads" \
        "NOT FULL" "EMPTY" "state: S.* after [0-9]+" "END OF FILE.* 0 bytes" \
        "Broken pipe"
    [ "$(getconf PAGESIZE)" = 4096 ] || skip "its pages are of another size"
    same "$(sed -n 's/.*FULL at \([0-9]*\).*/\1/p' <<< "$output")" \
        "$(sed -n 's/.*EMPTY after \([0-9]*\).*/\1/p' <<< "$output")" \
        "bytes in the pipe, after a page has gone and another has come"
    local written read
    written=$(sed -n 's/.*Closes, after \([0-9]*\).*/\1/p' <<< "$output")
    read=$(sed -n 's/.*0 bytes, after \([0-9]*\).*/\1/p' <<< "$output")
    [ "$written" -gt 65536 ]
    same "$written" "$read" "bytes read"
}

@test "01c recv() returns with one byte, unless told to wait for more; a datagram is always whole" {
    finds 01c-enough
    says 'recv\(100\) .* 2 bytes' 'RCVLOWAT.* 4 bytes' 'WAITALL, recv\(4\).* 4 ' \
        'WAITALL, recv\(100\).* 4 ' 'recv\(4\) .* 4 bytes: "hell"' \
        'recv\(100\).* 0 bytes: ""' 'recv\(100\).* 4 bytes: "next"'
}

@test "01d it serves one client and one message, and ends" {
    plays 01d-one-message
}

@test "01d it ends with exit status 0, however its client ends" {
    build "$LESSON/steps/01d-one-message"
    local ending
    for ending in "close" "reset" "send \"x\"; A close" "send \"x\"; A reset" \
        "send \"x\"; A shut; A reset"; do
        echo "A $ending"
        # The server is stopped, so all of this happens before its accept().
        SERVER=$ROOT/$LESSON/steps/01d-one-message run -0 \
            "$PLAY" --quiet - 3>&- <<END
server
signal STOP
A connect; A $ending
signal CONT
expect exit 0
END
    done
}

@test "01e listen(n) limits the connections that nobody has accepted yet, and no others" {
    finds 01e-backlog
    says "^50 connect" "listen\(1\): 50 connected, 0 still trying, 0 refused"
    [ "$(uname)" = Linux ] || skip "other systems count in other ways"
    says "^8 connect" "\(0\): +1 connected, 7 still trying, 0 refused.*: 2$" \
        "\(1\): +2 connected, 6 still trying, 0 refused.*: 3$" \
        "\(5\): +6 connected, 2 still trying, 0 refused.*: 7$" \
        "makes it $(cat /proc/sys/net/core/somaxconn)$"
}

@test "01i with TIME_WAIT left, bind() needs SO_REUSEADDR on both sockets" {
    finds 01i-reuse
    says "neither of them: +Address already" "next one only: +Address already" \
        "first one only: +Address already" "both: +ok" \
        "by both, but the first listens: +Address already" \
        "SO_REUSEPORT, and the first listens: ok"
}

@test "01f kill -9 ends a connection as close() does; with bytes unread both send a reset" {
    finds 01f-endings
    says "^close +5 bytes +0, the end +0" \
        "^close, .*unread +5 bytes +ECONNRESET +0" \
        "^kill -9 +5 bytes +0, the end +0" \
        "^kill -9, .*unread +5 bytes +ECONNRESET +0" \
        "LINGER.* 5 bytes +ECONNRESET" \
        "^shutdown.* 5 bytes +0, the end +0" "answer.* 6 bytes" \
        "^sends 0 bytes.* EAGAIN +EAGAIN +EAGAIN"
}

@test "01g a process cannot touch the kernel's memory; a new fd is the lowest free one" {
    memory_is_its_own
    finds 01g-address-space
    says "^0x0 .*SIGSEGV +EFAULT" "variable of ours +ok +1 byte" \
        "kernel's half +SIGSEGV +EFAULT" "^close\(([0-9]+)\)"
    [[ $output =~ close\(([1-9][0-9]*)\),\ open\(\):\ +fd\ ([0-9]+) ]]
    same "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "the fd that was free"
    says "close\(0\), socket\(\): +fd 0$" "dup\(\) is at 5, .* at 0" \
        "ours is open"
    [ "$(uname -m)" != x86_64 ] || says "^0xc0000000 .* ok +1 byte"
}

@test "01h a process that sleeps for one message answers no request before it comes" {
    answers_late 01h-late 0
}

@test "01j a line in two pieces gets one answer, two lines at once get two; not so with -b" {
    plays 01j-one-recv
    survives 01j-one-recv '"x\n"' '"<X>\n"'
}

@test "01j a line that is too long closes its client; one of 1,024 bytes is answered" {
    build "$LESSON/steps/01j-one-recv"
    SERVER=$ROOT/$LESSON/steps/01j-one-recv run -0 "$PLAY" --quiet - 3>&- <<'END'
server
A connect
A send 1023 x; A send "\n"
A expect "<"; A expect 1023 X; A expect ">\n"
A send 1024 x
A expect eof
B connect
B send "x\n"
B expect "<X>\n"
END
}

@test "01k a client that closes before its answer ends the server with -b, and only then" {
    plays 01k-sigpipe
    survives 01k-sigpipe '"x"' '"1 bytes: X"'
}

@test "01 the commands in README.md and NOTES.md print what stands there" {
    [ "$(uname)" = Linux ] || skip "it shows what Linux does"
    readme_is_true
}
