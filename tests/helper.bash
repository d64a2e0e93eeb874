# What all test files share. A test file begins with
#
#     load helper
#     lesson 03-select
#
# and then $PROGRAM is the server under test: the lesson's, or the one that
# $SERVER names. These functions know only the contract of that server.

# macOS has bash 3.2. Ubuntu 22.04 has bats 1.2, without this function.
case $BASH_VERSION in
    [123].* | 4.[0-3].*)
        echo "These tests need bash 4.4 or later; this is $BASH_VERSION." \
            "See README.md." >&2
        exit 1 ;;
esac
if ! command -v bats_require_minimum_version > /dev/null; then
    echo "These tests need bats 1.7 or later. See README.md." >&2
    exit 1
fi
bats_require_minimum_version 1.7.0

# The user's environment changes no result: how cd, grep and make work, the mode
# of new files, and of the locale all but the characters. (Where the locale has
# a decimal comma, some awks read 0.5 as 0.)
unset BASH_ENV CDPATH ENV GREP_COLOR GREP_COLORS GREP_OPTIONS POSIXLY_CORRECT \
    QUOTING_STYLE
unset MAKEFLAGS MFLAGS PACE STEP XRAY
umask 022
export LC_CTYPE=${LC_ALL:-${LC_CTYPE:-${LANG:-}}} LANG=C
unset LC_ALL LC_COLLATE LC_MESSAGES LC_NUMERIC LC_TIME LANGUAGE

# $SERVER is for the files that test a lesson's server.
case ${BATS_TEST_FILENAME##*/} in
    *-steps.bats | [!0]*) unset SERVER ;;
esac

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
export KIT_TEST=${BATS_TEST_TMPDIR:-} # each process of a test has it; see sweep
PLAY=$ROOT/clients/play
STARTED_IN=$PWD SOFT_FILES=$(ulimit -Sn) SOFT_MEMORY=$(ulimit -Sv)
# shellcheck source-path=SCRIPTDIR source=diagnose.bash
. "$BATS_TEST_DIRNAME/diagnose.bash"

# A test compiles programs to a directory below TMPDIR, and runs them.
if [ ! -e "$BATS_RUN_TMPDIR/probe" ]; then
    printf '#!/bin/sh\n' > "$BATS_RUN_TMPDIR/probe"
    chmod +x "$BATS_RUN_TMPDIR/probe"
fi
if ! "$BATS_RUN_TMPDIR/probe" 2> /dev/null; then
    echo "No program can run in ${TMPDIR:-/tmp} (noexec): set TMPDIR to" \
        "another directory." >&2
    exit 1
fi

# lesson NAME [FLAGS]: test this lesson's server, started with these flags.
lesson() {
    LESSON=$1
    FLAGS=${2:-}
    PROGRAM=${SERVER:-$ROOT/$LESSON/server}
    case $PROGRAM in /*) ;; *) PROGRAM=$PWD/$PROGRAM ;; esac
    SERVER_PATH=$PROGRAM # whatever PROGRAM becomes: under_xray
}

# build TARGET...: make what a test runs, so that bats works without make before.
build() {
    make -s -C "$ROOT" "$@" 3>&-
}

setup_file() {
    if [ -n "${SERVER:-}" ] && [ ! -x "$SERVER" ]; then
        echo "SERVER=$SERVER: no program there, or it is not executable"
        return 1
    fi
    build clients/play clients/load clients/xray
    [ -z "${LESSON:-}" ] || [ -n "${SERVER:-}" ] || build "$LESSON/server"
}

# scene [OPTION...]: play the scene on standard input against $PROGRAM, with
# its $FLAGS. A $RESTLESS server never idles (02), so its scenes only wait. Where
# it fails, the file of the scene is kept; see diagnose.bash. With --all, first,
# the file "played" in BATS_TEST_TMPDIR has all that play prints.
scene() {
    local name status=0 words="is not ready|ended before|cannot start|: connect to"
    can_start || return
    [ "${1:-}" = --all ] || set -- --quiet "$@"
    name=$(row_name).play
    cd "$BATS_TEST_TMPDIR" || return # play's messages name the file alone
    sed "s/^server/server $FLAGS/; ${RESTLESS:+s/^idle/wait/}" > "$name"
    SERVER=$PROGRAM "$PLAY" "$@" "$name" 3>&- > played 2> said || status=$?
    [ "$status" = 0 ] || [[ ${BATS_TEST_FILENAME##*/} != 0*-*.bats ]] || {
        keep_scene "$BATS_TEST_TMPDIR/$name" said "${@:2}"
        ! grep -qE "$words" said || starts || status=1
    }
    cat said
    cd "$STARTED_IN" || return
    return "$status"
}

# can_start: fail at once if a row of this file has found that the server does
# not start; the grader sets NO_START.
can_start() {
    if [ ! -e "$BATS_FILE_TMPDIR/no-start$FLAGS" ] && [ -z "${NO_START:-}" ]; then
        return 0
    fi
    echo "not run: the server does not start${FLAGS:+ with $FLAGS};" \
        "the first row that failed says why"
    : > "$BATS_TEST_TMPDIR/not-run"
    return 1
}

# starts: no ready line has come. Find out why, and say it. The grader reads
# no-start in REPLAY_DIR.
starts() {
    local pid=${PID:-}
    [ "$(type -t "$PROGRAM")" != function ] || return 0
    # shellcheck disable=SC2086 # they are words
    diagnose_start "$LESSON" "${SERVER_PATH:-$PROGRAM}" $FLAGS \
        > "$BATS_TEST_TMPDIR/why" || {
        cat "$BATS_TEST_TMPDIR/why"
        cp "$BATS_TEST_TMPDIR/why" "$BATS_FILE_TMPDIR/no-start$FLAGS"
        [ -z "${REPLAY_DIR:-}" ] || [ -n "$FLAGS" ] ||
            cp "$BATS_TEST_TMPDIR/why" "$REPLAY_DIR/no-start"
    }
    PID=$pid
    [ ! -e "$BATS_FILE_TMPDIR/no-start$FLAGS" ]
}

# quoted WORD...: the words as the shell reads them again; a path may have
# spaces and quotes.
quoted() {
    printf '%q ' "$@"
}

# start_server [FLAG...]: start $PROGRAM by itself, in a process group of its
# own, on a free port: $PORT; its output goes to $LOG, its pid is $PID. $SLOWLY,
# if any, is a command in front of it, quoted.
start_server() {
    local exec=exec
    can_start || return
    [ "$(type -t "$PROGRAM")" != function ] || exec= # it calls exec itself
    LOG=$BATS_TEST_TMPDIR/log
    : > "$LOG" # or an earlier server's ready line would stand there
    keep_going
    set -m
    eval "$exec ${SLOWLY:-}"' "$PROGRAM" -p 0 $FLAGS "$@"' \
        > "$LOG" 2>&1 < /dev/null 3>&- &
    PID=$!
    set +m
    { within 20 listens_or_ends && listens; } || {
        ! starts || log_end "$LOG"
        return 1
    }
}

listens_or_ends() {
    listens || gone "$PID"
}

listens() {
    PORT=$(ready_port "$LOG")
    [ "$PORT" -gt 0 ]
}

# load_client ARGUMENT...: clients/load at $PORT; it prints something where it fails.
load_client() {
    "$ROOT/clients/load" -p "$PORT" "$@" > "$BATS_TEST_TMPDIR/load" 2>&1 3>&- ||
        { head -n 1 "$BATS_TEST_TMPDIR/load"; return 1; }
}

# within SECONDS COMMAND...: wait until it succeeds.
within() {
    local end=$((SECONDS + $1 + 1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.02
    done
}

gone() {
    ! kill -0 "$1" 2> /dev/null
}

# Rows call this, too, to end a server.
teardown() {
    [ -n "${BATS_TEST_COMPLETED:-}" ] || [ -z "${LESSON:-}" ] ||
        [[ ${FUNCNAME[1]:-} != bats_* ]] ||
        [[ ${BATS_TEST_FILENAME##*/} != 0*-*.bats ]] || explain_failure
    [ -z "${PID:-}" ] ||
        { kill -KILL -- "-$PID" && wait "$PID"; } 2> /dev/null || true
    PID=
    [[ ${FUNCNAME[1]:-} != bats_* ]] || sweep
}

# sweep: end what the test has started and what is still there, also a server's
# daemons: they have inherited KIT_TEST.
sweep() {
    local process found
    [ -z "${KEEPER:-}" ] || kill "$KEEPER" 2> /dev/null || true
    [ -n "$KIT_TEST" ] && [ -r /proc/self/environ ] || return 0
    found=$(grep -lszFx "KIT_TEST=$KIT_TEST" /proc/[0-9]*/environ) || true
    for process in $found; do
        process=${process#/proc/} process=${process%/*}
        kill -KILL "$process" 2> /dev/null || continue
        within 2 gone "$process" || true
    done
}

# refuses STATUS ARGUMENT...: $PROGRAM ends within 5 s, with this status; what
# it prints is in $output and ${lines[@]}. A process that it leaves behind is
# killed: it could hold the test's pipes open for ever.
refuses() {
    local wanted=$1 pid
    shift
    keep_going
    set -m
    "$PROGRAM" "$@" > "$BATS_TEST_TMPDIR/refused" 2>&1 < /dev/null 3>&- &
    pid=$!
    set +m
    within 5 gone "$pid" || { echo "it still runs with: $*"; PID=$pid; return 1; }
    ends_with "$wanted" "$pid" || { echo "with: $*"; return 1; }
    ! kill -KILL -- "-$pid" 2> /dev/null || { echo "it left a process"; return 1; }
    output=$(< "$BATS_TEST_TMPDIR/refused")
    local line
    lines=()
    while read -r line; do lines+=("$line"); done <<< "$output"
}

# ends_within_2_s SIGNAL: the server has got this signal, and it ends in time.
ends_within_2_s() {
    within 2 gone "$PID" || { echo "it does not end within 2 s of SIG$1"; return 1; }
}

# ends_with STATUS PID: this job of ours ends, with this exit status.
ends_with() {
    local status=0
    wait "$2" || status=$?
    same "$1" "$status" "exit status"
}

# same WANTED GOT [WHAT]: fail, and print both, where they differ.
same() {
    [ "$1" = "$2" ] && return
    printf '%s\n  wanted: %s\n  got:    %s\n' "${3:-not the same}" \
        "$(visible "$1")" "$(visible "$2")"
    return 1
}

# visible TEXT: in quotes, or with \n and \e where it is more than one line.
visible() {
    case $1 in
        *[![:print:]]* | *\'*) printf '%.500q' "$1" ;;
        *) printf "'%.500s'" "$1" ;;
    esac
}

# between LEAST MOST GOT WHAT: fail, and print all, where GOT is not in between.
between() {
    [ "$3" -lt "$1" ] || [ "$3" -gt "$2" ] || return 0
    printf '%s\n  wanted: %s to %s\n  got:    %s\n' "$4" "$1" "$2" "$3"
    return 1
}

# contains TEXT PART [WHAT]: fail, and print both, where PART is not in TEXT.
contains() {
    case $1 in
        *"$2"*) return 0 ;;
    esac
    printf '%s\n  wanted: %s\n  in:     %s\n' "${3:-not in the text}" \
        "$(visible "$2")" "$(visible "$1")"
    return 1
}

# sleeps_in CALL: the server is, within some time, asleep in this call.
sleeps_in() {
    [ -n "$(asleep_in "$PID")" ] || skip "no /proc/PID/syscall here"
    within 2 is_asleep_in "$1" ||
        { echo "asleep in '$(asleep_in "$PID")', not in $1"; return 1; }
}

is_asleep_in() {
    [ "$(asleep_in "$PID")" = "$1" ]
}

# fd_limit_of N: skip where the system does not let a process open N files.
fd_limit_of() {
    local hard
    hard=$(ulimit -Hn)
    [ "$hard" = unlimited ] || [ "$hard" -ge "$1" ] ||
        skip "the hard limit of open files is $hard, below $1"
}

# heeds_sigint: skip where SIGINT is ignored. A shell gives this to a command
# that it starts by "&", and no program below that can be sure to get a SIGINT.
heeds_sigint() {
    [ -z "$(sh -c 'kill -INT $$; echo ignored')" ] ||
        skip "SIGINT is ignored here"
}

# memory_is_its_own: skip under a sanitizer, which uses memory of its own.
memory_is_its_own() {
    [ -z "${SANITIZED:-}" ] || skip "a sanitizer uses memory of its own"
}
