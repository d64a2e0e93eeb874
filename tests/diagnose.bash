#!/usr/bin/env bash
# What a row that fails prints, so that a student finds the fault: where the
# server was, the end of its log, the steps that show what the row is about,
# and one command that does the same again. helper.bash sources this file.
#
# As a program it says why a server does not start. Exit status: 0 it starts,
# 1 it does not.
#
#     tests/diagnose.bash LESSON PROGRAM [FLAG...]

# ------------------------------------------------------------ a row has failed

# row_name: the row's sentence as a file's name, at most 40 characters of it.
row_name() {
    local name=${BATS_TEST_DESCRIPTION#[0-9][0-9] }
    name=${name//\'/}
    name=${name//[^A-Za-z0-9]/-}
    while [[ $name == *--* ]]; do name=${name//--/-}; done
    name=${name#-}
    [ ${#name} -le 40 ] || { name=${name:0:41} name=${name%-*}; }
    echo "${name%-}"
}

# shown PATH: the path as the user can type it where the tests were started.
shown() {
    case ${REPLAY_DIR:+"the grader changes it: "}$1 in
        "$STARTED_IN"/*) printf %q "${1#"$STARTED_IN"/}" ;;
        *) printf %q "$1" ;;
    esac
}

# keep_scene FILE OUTPUT OPTION...: a scene has failed; play has said in OUTPUT
# where. Keep the scene, with a mark at this line, and the command that plays it
# again. An action may end with a comment, but for a sentence.
keep_scene() {
    local file=$1 line directory=${REPLAY_DIR:-$ROOT/build/replay/$LESSON}
    local name=${file##*/} program=${SERVER_PATH:-$PROGRAM} before='' options=''
    line=$(sed -n 's/.*'"$name"':\([0-9][0-9]*\): .*/\1/p' "$2" | head -n 1)
    shift 2
    mkdir -p "$directory" 2> /dev/null &&
        awk -v at="${line:-0}" 'NR == at && !/^(say|ask)/ {
            $0 = $0 "    # <--- it failed here" } { print }' "$file" \
        > "$directory/.$name.$$" 2> /dev/null &&
        mv "$directory/.$name.$$" "$directory/$name" || return 0
    [ "$PROGRAM" = "$program" ] || options+="--xray "
    [ $# = 0 ] || options+=$(quoted "$@")
    [ "$(ulimit -Sn)" = "$SOFT_FILES" ] || before="ulimit -Sn $(ulimit -Sn); "
    [ "$(ulimit -Sv)" = "$SOFT_MEMORY" ] || before+="ulimit -Sv $(ulimit -Sv); "
    {
        echo "the same scene again${line:+ (its line $line is marked)}:"
        printf '    %s%s --pace 0 %s--server %s \\\n        %s%s\n' \
            "${before:+($before}" "$(shown "$PLAY")" "$options" \
            "$(shown "$program")" "$(shown "$directory/$name")" "${before:+)}"
    } > "$BATS_TEST_TMPDIR/replay"
}

# row_again: the command that runs this row alone.
row_again() {
    local title
    # shellcheck disable=SC2001,SC2016 # it is a regular expression
    title=$(sed 's/[][\.*^$+?(){}|]/\\&/g' <<< "$BATS_TEST_DESCRIPTION")
    echo "the same row again:"
    printf '    %sbats %s \\\n        -f %s\n' \
        "${SERVER:+SERVER=$(shown "$SERVER") }" \
        "$(shown "$BATS_TEST_FILENAME")" "'${title//\'/.}'"
}

# hint: the steps that show what this row is about.
hint() {
    [ ! -r "$BATS_TEST_DIRNAME/hints" ] || awk -F ' *[|] *' -v title="$BATS_TEST_DESCRIPTION" '
        /^[0-9]/ && (n = length(title) - length($2)) >= 0 &&
            substr(title, n + 1) == $2 {
            gsub(/ /, ", make ", $1)
            print "see: make " $1
        }' "$BATS_TEST_DIRNAME/hints"
}

# asleep_in PID: print the system call that the process sleeps in, as
# /proc/PID/syscall names it; print nothing where the system lacks that file.
asleep_in() {
    local number
    read -r number _ 2> /dev/null < "/proc/$1/syscall" || return 0
    case $(uname -m):$number in
        x86_64:0 | aarch64:63) echo read ;;
        x86_64:1 | aarch64:64) echo write ;;
        x86_64:7 | x86_64:271 | aarch64:73) echo poll ;;
        x86_64:23 | x86_64:270 | aarch64:72) echo select ;;
        x86_64:34) echo pause ;;
        x86_64:35 | x86_64:230 | aarch64:101 | aarch64:115) echo nanosleep ;;
        x86_64:43 | x86_64:288 | aarch64:202 | aarch64:242) echo accept ;;
        x86_64:44 | aarch64:206) echo send ;;
        x86_64:45 | aarch64:207) echo recv ;;
        x86_64:61 | aarch64:260) echo wait4 ;;
        x86_64:128 | aarch64:137) echo sigwait ;;
        x86_64:202 | aarch64:98) echo futex ;;
        x86_64:232 | x86_64:281 | aarch64:22) echo epoll_wait ;;
        *) echo "$number" ;;
    esac
}

# where_is PID: what the process does, or how it has ended.
where_is() {
    local call status=0
    if kill -0 "$1" 2> /dev/null; then
        call=$(asleep_in "$1")
        case $call in
            '') ;;
            running) echo "the server uses the CPU" ;;
            [0-9]*) echo "the server sleeps in system call $call" ;;
            -1) ;;
            *) echo "the server sleeps in $call()" ;;
        esac
    else
        wait "$1" 2> /dev/null || status=$?
        case $status in
            127) ;; # the row has waited for it
            *) echo "the server has ended: $(status_text "$status")" ;;
        esac
    fi
}

# status_text STATUS: what a shell's $? says.
status_text() {
    if [ "$1" -gt 128 ]; then
        echo "killed by SIG$(kill -l "$1")"
    else
        echo "exit status $1"
    fi
}

# printable: what a server has printed, without anything that acts on a
# terminal; other bytes than ASCII become "?".
printable() {
    LC_ALL=C sed "s/[^ -~]/?/g"
}

# log_end FILE: its last ten lines. Lines that are alike but for numbers, one
# behind the other, count as one.
log_end() {
    awk '
        { alike = substr($0, 1, 300); gsub(/[0-9]+/, "0", alike) }
        NR > 1 && alike == before { more[n % 10]++; last[n % 10] = $0; next }
        { n++; line[n % 10] = substr($0, 1, 300); more[n % 10] = 0
          before = alike }
        END {
            if (n)
                print "the end of its log:"
            for (i = n > 10 ? n - 9 : 1; i <= n; i++) {
                print "  " line[i % 10]
                if (more[i % 10] == 1)
                    print "  " substr(last[i % 10], 1, 300)
                else if (more[i % 10])
                    print "  (" more[i % 10] " more like this)"
            }
        }' "$1" | printable
}

# explain_failure: all of it, but for what the row itself has printed. After a
# scene play has said where the server was.
explain_failure() {
    [ -e "$BATS_TEST_TMPDIR/not-run" ] && return
    if [ ! -e "$BATS_TEST_TMPDIR/replay" ] && [ -n "${PID:-}" ]; then
        where_is "$PID"
        [ ! -s "${LOG:-}" ] || [ -e "$BATS_TEST_TMPDIR/log-shown" ] ||
            log_end "$LOG"
    fi
    hint
    if [ -e "$BATS_TEST_TMPDIR/replay" ]; then
        cat "$BATS_TEST_TMPDIR/replay"
    else
        row_again
    fi
}

# --------------------------------------------------------- where it listens

# addresses_of PID: where the processes of this group listen, an address and
# port a line. It prints nothing where the system lacks /proc.
addresses_of() {
    local pid inodes=''
    # shellcheck disable=SC2013 # a pid is a word
    for pid in $(cat /proc/[0-9]*/stat 2> /dev/null | awk -v group="$1" '
        { pid = $1; sub(/.*\) /, ""); if ($3 == group) print pid }'); do
        inodes+=$(find "/proc/$pid/fd" -lname 'socket:*' -exec readlink {} \; \
            2> /dev/null | tr -dc '0-9\n' | tr '\n' ' ')
    done
    cat /proc/net/tcp /proc/net/tcp6 2> /dev/null | awk -v inodes=" $inodes" '
        function number(hex,    n) {
            for (; hex != ""; hex = substr(hex, 2))
                n = 16 * n + index("0123456789ABCDEF", substr(hex, 1, 1)) - 1
            return n
        }
        function address(hex,    last) {
            if (hex ~ /^0+$/)
                return length(hex) == 8 ? "0.0.0.0" : "[::]"
            last = substr(hex, length(hex) - 7)
            if ((length(hex) == 8 || hex ~ /FFFF/) &&
                (last == "0100007F" || last == "7F000001"))
                return "127.0.0.1"
            return "0x" hex
        }
        $4 == "0A" && index(inodes, " " $10 " ") {
            split($2, at, ":")
            print address(at[1]) ":" number(at[2])
        }' | sort -u
}

# ------------------------------------------------------ it does not start

# keep_going: a server may stop (SIGSTOP) the shell that has started it. Once a
# second a process lets this shell go on; it ends with the shell, or in sweep.
keep_going() {
    [ -z "${KEEPER:-}" ] || return 0
    local shell=$BASHPID
    (
        exec > /dev/null 2>&1 3>&- # no test waits for the end of this output
        mkfifo "$BATS_RUN_TMPDIR/keep.$BASHPID" &&
            exec <> "$BATS_RUN_TMPDIR/keep.$BASHPID"
        while ! read -r -t 1 && kill -CONT "$shell"; do kill -CONT $$; done
    ) &
    KEEPER=$!
}

# diagnose_start LESSON PROGRAM [FLAG...]: start it as play does, with a pipe for
# its output, and look. Prints nothing, and returns 0, if it starts.
diagnose_start() {
    local lesson=$1 work status end printed port at
    shift
    work=$(mktemp -d) && mkfifo "$work/pipe" || return 0
    keep_going
    set -m
    cat "$work/pipe" > "$work/log" 3>&- &
    "$1" -p 0 "${@:2}" > "$work/pipe" 2>&1 < /dev/null 3>&- &
    PID=$!
    set +m
    end=$((SECONDS + 4))
    while [ "$SECONDS" -lt "$end" ] && kill -0 "$PID" 2> /dev/null &&
        [ "$(ready_port "$work/log")" = -1 ]; do
        # a line of another kind: it is not so slow any more
        [ ! -s "$work/log" ] || [ "$end" -lt $((SECONDS + 2)) ] ||
            end=$((SECONDS + 2))
        sleep 0.05
    done
    port=$(ready_port "$work/log")
    at=$(addresses_of "$PID")
    status=running
    kill -0 "$PID" 2> /dev/null || { status=0; wait "$PID" || status=$?; }
    printed=$(head -n 3 "$work/log" | cut -c 1-200 | printable |
        sed 's/^/    /')
    judge_start "${*:2}" > "$work/why"
    kill -KILL -- "-$PID" 2> /dev/null
    wait "$PID" 2> /dev/null
    PID=
    cat "$work/why"
    status=0
    [ ! -s "$work/why" ] || status=1
    rm -rf "$work"
    return "$status"
} 2> /dev/null # bash says there how the server has ended

# ready_port FILE: the port in its ready line; -1: there is no such line yet.
ready_port() {
    local port
    port=$(sed -n 's/.*listening on [0-9.]*:\([0-9][0-9]*\).*/\1/p' "$1" |
        head -n 1)
    echo "${port:--1}"
}

# judge_start FLAGS: for diagnose_start, whose variables it reads.
judge_start() {
    local command="server -p 0${1:+ $1}"
    local wanted="  wanted  $lesson: listening on 127.0.0.1:PORT"
    if [ "$status" != running ]; then
        echo "The server ends at once: $(status_text "$status")."
        echo "It was started as: $command"
        [ -z "$printed" ] || printf 'It printed:\n%s\n' "$printed"
    elif [ "$port" -gt 0 ]; then
        [ -z "$at" ] || [[ $'\n'$at$'\n' == *:$port$'\n'* ]] || {
            echo "The server prints port $port, but it listens at $at. With -p 0 the"
            echo "kernel chooses a free port. getsockname() tells which."
        }
    elif [ "$port" = 0 ]; then
        echo "The server prints port 0, the one that it was asked for. 0 means any free"
        echo "port: the kernel chooses one${at:+ (here ${at##*:})}. getsockname() tells which."
    elif [ -n "$printed" ]; then
        echo "The server's first line is not the ready line:"
        echo "$wanted"
        echo "  and got $(head -n 1 <<< "${printed#   }")"
    elif [ -z "$at" ] && [ -r /proc/net/tcp ]; then
        echo "The server runs, but it prints nothing, and listens at no port."
        where_is "$PID"
        echo "$wanted"
    else
        kill -TERM "$PID" 2> /dev/null
        sleep 0.5
        echo "The server runs${at:+, and it listens at $at}. Its ready line does not come:"
        echo "$wanted"
        if [ -s "$work/log" ]; then
            echo "The line came when the server ended. Until then it was in stdout's buffer:"
        else
            echo "Perhaps the line is in stdout's buffer:"
        fi
        echo "where stdout is a pipe, stdio keeps up to 4 KiB. Call, first in main(),"
        echo "    setvbuf(stdout, NULL, _IOLBF, 0);"
        echo "or fflush(stdout) after each line."
    fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    BATS_RUN_TMPDIR=$(mktemp -d)
    trap 'kill "$KEEPER"; rm -rf "$BATS_RUN_TMPDIR"' EXIT
    diagnose_start "$@"
fi
