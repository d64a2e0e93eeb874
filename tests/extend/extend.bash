# What the rows of the extensions share. A file of rows begins with
#
#     load extend
#     lesson 03-select
#
# and then $PROGRAM is the student's server, which $SERVER names. The rows know
# the contract and the exercise's sheet, and nothing of the source.

BATS_TEST_DIRNAME=${BATS_TEST_DIRNAME%/extend} # load looks there
load helper
load contract

# client FD: a client connects; FD is its socket here.
client() {
    eval "exec $1<> /dev/tcp/127.0.0.1/$PORT"
}

# gets_an_answer FD: this client sends its number and reads it back.
gets_an_answer() {
    echo "client $1" >&"$1"
    local answer=
    read -r -t 5 -u "$1" answer || true
    same "CLIENT $1" "$answer" "answer"
}

# reads_the_end FD: this client reads an end of file or a reset, in time.
reads_the_end() {
    local status=0 line
    read -r -t 5 -u "$1" line 2> /dev/null || status=$?
    same 1 "$status" "status of a read at the end (above 128: nothing came)"
}

# children: the pids of the server's children, one a line, the oldest first.
children() {
    [ -r "/proc/$PID/task/$PID/children" ] || skip "/proc does not list children"
    cat "/proc/$PID"/task/*/children | tr ' ' '\n' | grep . || true
}

# has_children N: it has N children now; a zombie is one of them.
has_children() {
    [ "$(children | wc -l)" -eq "$1" ]
}

# tcp_sockets PID: how many TCP sockets this process has open.
tcp_sockets() {
    [ -r /proc/net/tcp ] || skip "no /proc/net/tcp here"
    readlink "/proc/$1/fd"/* 2> /dev/null |
        awk 'FNR == NR { tcp["socket:[" $10 "]"]; next }
            $0 in tcp { n++ }
            END { print n + 0 }' /proc/net/tcp -
}

# has_tcp_sockets PID N: it has this many now.
has_tcp_sockets() {
    [ "$(tcp_sockets "$1")" -eq "$2" ]
}

# refuses_each WORDS...: the server refuses each of these arguments with the
# usage, names the word that is wrong, the last one, and ends: exit status 2.
refuses_each() {
    local words
    for words; do
        # shellcheck disable=SC2086 # they are words
        refuses 2 $words || return 1
        contains "$output" usage
        contains "$output" "${words##* }"
    done
}

# activity: how often the server has slept so far, and the ms of CPU that it
# has used: of all its threads.
activity() {
    [ -r /proc/self/schedstat ] || skip "no /proc/PID/schedstat here"
    awk '/^voluntary/ { wakes += $2 }
        FILENAME ~ /schedstat$/ { ns += $1 }
        END { print wakes + 0, int(ns / 1000000) }' \
        "/proc/$PID"/task/*/status "/proc/$PID"/task/*/schedstat
}
