#!/usr/bin/env bash
# Run the programs of the kit, or a server of yours, while their system calls
# fail, and print what happened.
#
#     tests/faults.sh                    `make faults`: all programs
#     SERVER=path/to/yours tests/faults.sh    `make faults SERVER=...`
#
# SEED=n   other calls fail (1)
# FAULT='recv:EINTR=30'   this fault alone: rules as in tests/faults.c
# ONLY=03  the programs whose name begins so
#
# A server runs under tests/faults.c, and clients without faults talk to it.
# For each fault, all of this must hold, or the table says what did not:
#
# - every byte that a client gets is right. After a fault that ends a
#   connection (ECONNRESET, ENOMEM ...), the server may close that client.
# - when the faults have ended, the server answers every client.
# - it has as many fds and processes then as before, and uses no CPU time.
# - SIGTERM ends it: exit status 0, "bye", nothing of it is left.
#
# A client runs under tests/faults.c and talks to a server without faults. Its
# output is right and its exit status 0; or, after a fault that ends its
# connection, it says so, exit status 1.
#
# In the table: ok; -, the program makes no such call; none, no call got the
# fault (EAGAIN where sockets block); FAIL, see the lines below the table.
# Exit status: 0 no FAIL, 1 a FAIL, 2 wrong usage, 77 no faults are possible.

cd "$(dirname "$0")/.." || exit 1
SEED=${SEED:-1} AT_ONCE=$(($(getconf _NPROCESSORS_ONLN) * 2 + 2))
FAULTS_SO=$PWD/build/faults.so
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT TERM HUP

# Faults after which a program goes on, and no byte is missing.
harmless='recv:short=50 recv:EINTR=30 recv:EAGAIN=30 send:short=50
send:EINTR=30 send:EAGAIN=30 accept:EINTR=50 accept:EAGAIN=50
accept:ECONNABORTED=50 accept:EMFILE=30 accept:ENFILE=30 accept:ENOBUFS=30
accept:ENOMEM=30 accept:EPROTO=30 wait:EINTR=30 wait:ENOMEM=20
nanosleep:EINTR=50 setsockopt:EINVAL=50 close:EINTR=30
all:harmless'
# Faults that may end one connection.
harmful='recv:ECONNRESET=5 recv:ENOMEM=5 send:EPIPE=5 send:ENOBUFS=5
send:ENOMEM=5 malloc:ENOMEM=20 mmap:ENOMEM=20 epoll_ctl:ENOMEM=20
fork:EAGAIN=30 pthread_create:EAGAIN=30'
# For programs that work with files.
files='read:short=50 write:short=50 open:EMFILE=20 socket:EMFILE=20
write:ENOSPC=20 read:EIO=20'
# For clients; most of them call connect() once.
of_clients='read:short=50 read:EINTR=30 connect:EINTR=100
connect:ETIMEDOUT=100 connect:EADDRNOTAVAIL=100 socket:EMFILE=100'

# rules FAULT: the rules that the name of a row stands for.
rules() {
    local all
    case $1 in
        wait:ENOMEM=*) echo "select:${1#*:} poll:${1#*:}" ;;
        wait:*) echo "select:${1#*:} poll:${1#*:} epoll_wait:${1#*:}" ;;
        malloc:*) echo "$1 send:short=50" ;; # bytes that stay need memory
        all:harmless)
            all='recv:short=15 recv:EINTR=10 recv:EAGAIN=10 send:short=15
                send:EINTR=10 send:EAGAIN=10 accept:EINTR=10
                accept:ECONNABORTED=10 select:EINTR=10 poll:EINTR=10
                epoll_wait:EINTR=10 nanosleep:EINTR=10'
            case $KIND in
                server | http | slow)
                    all+=' accept:EMFILE=10 accept:ENOBUFS=10' ;;
                lines | load | get) all+=' connect:EINTR=30 read:EINTR=10' ;;
            esac
            echo "$all" ;;
        *) echo "$1" ;;
    esac
}

# May this fault end a connection of a program of this $KIND? A client may end
# if it cannot wait. FTP may refuse a transfer for want of an fd, and where
# close() does not say that the file is complete.
may_end_a_connection() {
    # shellcheck disable=SC2086,SC2116 # words, on one line
    case " $(echo $harmful) $KIND:$1" in
        *" $1 "* | *:open:EMFILE* | *:socket:EMFILE* | *:write:ENOSPC* | \
            *:read:EIO* | *:connect:ETIMEDOUT* | *:connect:EADDRNOTAVAIL* | \
            *ftp:accept:E[MN]FILE* | *ftp:accept:ENO[BM]* | *ftp:accept:EPROTO* | \
            *ftp:close:EINTR* | *get:close:EINTR* | \
            *lines:wait:ENOMEM* | *load:wait:ENOMEM*) return 0 ;;
    esac
    return 1
}

# within SECONDS COMMAND...: wait until it succeeds.
within() {
    local end=$((SECONDS + $1 + 1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.03
    done
}

# ------------------------------------------------------ a server with faults

# state N: the number with this place in the file of FAULTS_STATE.
state() {
    od -An -t u8 -j $(($1 * 8)) -N 8 state | tr -d ' '
}

faults_on() {
    printf '\0' | dd of=state bs=1 conv=notrunc 2> /dev/null
}

faults_off() {
    printf '\1' | dd of=state bs=1 conv=notrunc 2> /dev/null
}

# start COMMAND...: start the server, without faults at first: $PORT, $PID.
start() {
    head -c 32 /dev/zero > state
    faults_off
    set -m
    LD_PRELOAD=$FAULTS_SO FAULTS=$RULES FAULTS_SEED=$SEED \
        FAULTS_STATE=$PWD/state "$@" > log 2>&1 < /dev/null &
    PID=$!
    set +m
    echo "$PID" > pid
    within 5 listens || { echo "it does not start: $(head -c 200 log)"; return 1; }
    [ "$(state 1)" -gt 0 ] || { echo unloaded; return 1; }
}

listens() {
    PORT=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\)$/\1/p' log 2> /dev/null)
    [ -n "$PORT" ]
}

# group PROGRAM: run awk over the processes of the server, a line each: state,
# parent, group ... (proc_pid_stat(5), from the third field on).
group() {
    cat /proc/[0-9]*/stat 2> /dev/null |
        awk -v group="$PID" '{ sub(/.*\) /, "") } $3 == group { '"$1"' }
            END { print n + 0 }'
}

# resources: the fds of the server, and its processes.
# shellcheck disable=SC2016 # these are awk's words
resources() {
    local fds=("/proc/$PID/fd"/*)
    printf '%s fds, %s processes, %s zombies' "${#fds[@]}" \
        "$(group 'n += $1 != "Z"')" "$(group 'n += $1 == "Z"')"
}

has_resources() {
    [ "$(resources)" = "$1" ]
}

# ticks: its CPU time, in 1/100 s.
# shellcheck disable=SC2016
ticks() {
    group 'n += $12 + $13'
}

gone() {
    ! kill -0 "$1" 2> /dev/null
}

# talk FAULT: clients that check every byte, while there are faults.
talk() {
    local size
    for size in "20 -n 20 -s 300" "3 -n 2 -s 1000000"; do
        # shellcheck disable=SC2086 # they are words
        clients_load -t 8 -c $size > out 2>&1 && continue
        grep -E 'wanted|but received|no answer' out && return 1
        may_end_a_connection "$1" || { head -n 1 out; return 1; }
    done
}

clients_load() {
    "$KIT/clients/load" -p "$PORT" "$@" < /dev/null
}

# ends: SIGTERM ends the server in time, and nothing of it is left.
ends() {
    local status=0
    kill -TERM "$PID"
    within 2 gone "$PID" || { echo "SIGTERM does not end it"; return 1; }
    wait "$PID" || status=$?
    case $KIND:$status in http:143 | slow:143) ;; *) # they have no handler
        [ "$status" -eq 0 ] || { echo "exit status $status after SIGTERM"; return 1; }
        [ "$(tail -n 1 log)" = bye ] || { echo "no bye: $(tail -n 1 log)"; return 1; } ;;
    esac
    gone "-$PID" || { echo "it leaves processes behind"; return 1; }
    rm pid # it is free now, and may become that of another program
}

# survives FAULT TALK ANSWERS COMMAND...: the whole run of a server. TALK is
# what clients do while there are faults, ANSWERS what they do later.
survives() {
    local fault=$1 talk=$2 answers=$3 before began said
    shift 3
    start "$@" || return 1
    "$answers" > out 2>&1 ||
        { echo "without faults: $(head -n 1 out)"; return 1; }
    sleep 0.1
    before=$(resources)
    faults_on
    said=$("$talk" "$fault") || { gone "$PID" && died; echo "$said"; return 1; }
    faults_off
    gone "$PID" && { died; return 1; }
    "$answers" > out 2>&1 || { gone "$PID" && died
        echo "after the faults: $(head -n 1 out)"; return 1; }
    within 3 has_resources "$before" ||
        { echo "$(resources) after it, $before before"; return 1; }
    began=$(ticks)
    sleep 0.3
    [ $(($(ticks) - began)) -le 10 ] || { echo "it spins"; return 1; }
    ends
}

died() {
    local status=0
    wait "$PID" || status=$?
    if [ "$status" -gt 128 ]; then
        echo "it died of SIG$(kill -l "$status"): $(tail -n 1 log)"
    else
        echo "it ended, exit status $status: $(tail -n 1 log)"
    fi
}

answers_all() {
    clients_load -t 3 -c 5 -n 3
}

# The same once more, as a scene: half-close, resets, many clients.
plays() {
    cat > serve <<SERVE
#!/bin/sh
export LD_PRELOAD='$FAULTS_SO' FAULTS='$RULES' FAULTS_SEED='$SEED'
unset FAULTS_STATE
exec ${*@Q} "\$@"
SERVE
    chmod +x serve
    cat > scene <<'SCENE'
server -q
A connect; A send 300000 "half-close "; A shut
A expect 300000 "HALF-CLOSE "
A expect eof
B connect; B send 1000000 x; B reset
C connect; C send 100000 x; C close
D connect; D reset
E connect; E send "late"
E expect "LATE"
E close
signal TERM
expect exit 0
SCENE
    "$KIT/clients/play" --quiet --timeout 8 --server "$PWD/serve" scene \
        > out 2>&1 || { tail -n 8 out | tr -s ' \n' ' '; return 1; }
}

# ------------------------------------------------- other clients, and waits

# One GET of a page that nobody else can make longer or shorter; the kit's web
# servers end each page with a newline. Without an answer: "closed".
page() {
    local head size
    exec 3<> "/dev/tcp/127.0.0.1/$PORT" || { echo closed; return; }
    printf 'GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' "$1" >&3
    timeout 8 cat <&3 > "answer.$2" 2> /dev/null
    [ $? -ne 124 ] || { echo "no end"; return; }
    exec 3>&-
    head=$(sed '/^\r$/q' "answer.$2")
    size=$(sed -n 's/^Content-Length: \([0-9]*\)\r$/\1/p' "answer.$2")
    if [[ $head == "HTTP/1.1 200"* && $head == *$'\n\r' ]] &&
        [ "$(wc -c < "answer.$2")" -eq $((${#head} + 1 + size)) ]; then
        echo whole
    else
        echo closed
    fi 2> /dev/null
}

pages() {
    local i got pids=()
    for i in {1..10}; do
        (page "$HTTP_PATH" "$i" > "page.$i" 2> /dev/null) &
        pids+=($!)
    done
    wait "${pids[@]}"
    got=$(cat page.[0-9]* | sort | uniq -c | tr -s ' \n' ' ')
    [ "$got" = " 10 whole " ] || { echo "of 10 pages:$got"; return 1; }
}

get_pages() {
    pages > out && return
    grep -q 'no end' out || ! may_end_a_connection "$1" || return 0
    cat out
    return 1
}

ftp() {
    timeout 10 "$KIT/06-selector/ftp/client" -p "$PORT" -u tom:secret "$@" \
        < /dev/null
}

ftp_answers() {
    ftp put ../file new && ftp get new got && cmp ../file got && ftp ls
}

# Each transfer is right, or the client says that it is not.
ftp_talks() {
    local i
    for i in 1 2 3 4; do
        rm -f got got.part
        if ftp put ../file "$i" > out 2>&1; then
            cmp ../file "root/$i" || return 1
        else
            may_end_a_connection "$1" || { tail -n 1 out; return 1; }
        fi
        if ftp get "$i" got > out 2>&1; then
            cmp ../file got || return 1
        else
            may_end_a_connection "$1" || { tail -n 1 out; return 1; }
        fi
    done
    rm -f got got.part
}

# ask FD: send a line, or a command, and get the answer.
ask() {
    local line=''
    case $KIND in
        server)
            echo hello >&"$1"
            read -r -t 5 -u "$1" line
            [ "$line" = HELLO ] ;;
        ftp)
            printf 'PWD\r\n' >&"$1"
            while read -r -t 5 -u "$1" line && [[ $line == 220* ]]; do :; done
            [[ $line == 530* ]] ;;
    esac || { echo "no answer"; return 1; }
}

hundred_answers() {
    local i
    for i in {1..100}; do
        ask 3 >&5 2>&5 || return
    done
}

# ms_of_answers: how long 100 answers on fd 3 take.
ms_of_answers() {
    local TIMEFORMAT=%3R
    { time hundred_answers; } 5>&2 2> took || { echo 999999; return 1; }
    echo $((10#$(tr -d ., < took)))
}

# others_wait COMMAND...: accept() goes on failing with ENFILE, and a client
# of before that gets its answers all the same, without a nap for each.
others_wait() {
    local before during
    RULES=accept:ENFILE=100
    start "$@" || return 1
    exec 3<> "/dev/tcp/127.0.0.1/$PORT"
    before=$(ms_of_answers) || return 1
    faults_on
    exec 4<> "/dev/tcp/127.0.0.1/$PORT"
    sleep 0.1
    during=$(ms_of_answers) || return 1
    [ "$during" -lt $((before * 2 + 500)) ] ||
        { echo "100 answers take $during ms, before $before"; return 1; }
    before=$(ticks)
    sleep 0.5
    [ $(($(ticks) - before)) -le 25 ] || { echo "it spins"; return 1; }
    exec 3>&-
    faults_off
    ask 4 || { echo "for a client that had to wait"; return 1; }
    exec 4>&-
    ends
}

# ------------------------------------------------------ a client with faults

# correct FAULT COMMAND...: the client's output is what it should be.
correct() {
    local fault=$1 status=0
    shift
    head -c 32 /dev/zero > state
    timeout 30 env LD_PRELOAD="$FAULTS_SO" FAULTS="$RULES" FAULTS_FROM=start \
        FAULTS_SEED="$SEED" FAULTS_STATE="$PWD/state" "$@" \
        < "$INPUT" > got 2> err || status=$?
    [ "$(state 1)" -gt 0 ] || { echo unloaded; return 1; }
    if [ "$status" -eq 0 ]; then
        "$CHECK" || { echo "exit status 0, but wrong output"; return 1; }
    elif [ "$status" -ne 1 ]; then
        echo "exit status $status: $(tail -n 1 err)"
        return 1
    else
        [ -s err ] || { echo "exit status 1 without a word"; return 1; }
        may_end_a_connection "$fault" || { tail -n 1 err; return 1; }
    fi
}

same_output() {
    sed 's/^1: //' got | cmp -s - "$WANTED" # 04 prints the connection
}

# 05 prints a line for all that one read() returned.
all_lines() {
    [ -s got ] && ! grep -qv 'all right' got
}

all_right() {
    grep -q 'all right\| 0 errors' got
}

same_file() {
    cmp -s ../file file.copy
    local same=$?
    rm -f file.copy file.copy.part
    return $same
}

# ------------------------------------------------------------------ the table

# cell FAULT KIND COMMAND...: one run, in a directory of its own. It prints ok,
# -, none, or what was wrong.
cell() {
    local fault=$1 result
    KIND=$2
    RULES=$(rules "$fault")
    shift 2
    result=$(one_run "$fault" "$@" 2> errors) && result=ok
    [ ! -s pid ] || kill -KILL -- "-$(< pid)" 2> /dev/null
    if [ "$result" = ok ] && [ "$fault" != accept:ENFILE=for-ever ]; then
        [ "$(state 2)" -gt 0 ] || result=-
        [ "$result" = - ] || [ "$(state 3)" -gt 0 ] || result=none
    fi
    echo "${result:-it fails without a word}"
}

one_run() {
    local fault=$1
    shift
    if [ "$fault" = accept:ENFILE=for-ever ]; then
        case $KIND in
            server) others_wait "$@" -p 0 -q ;;
            ftp)
                mkdir root
                others_wait "$@" -p 0 -q -r root -u tom:secret ;;
            *) echo - && false ;;
        esac
        return
    fi
    case $KIND in
        server)
            survives "$fault" talk answers_all "$@" -p 0 -q || return 1
            may_end_a_connection "$fault" || plays "$@" ;;
        http)
            HTTP_PATH=/ survives "$fault" get_pages pages "$@" -p 0 -q ;;
        slow)
            HTTP_PATH=/20000 survives "$fault" get_pages pages "$@" -p 0 -q ;;
        ftp)
            mkdir root
            survives "$fault" ftp_talks ftp_answers "$@" -p 0 -q -r root \
                -u tom:secret ;;
        lines) INPUT=$out/lines CHECK=same_output WANTED=$out/LINES
            case $* in
                */04-poll/*) INPUT=$out/few WANTED=$out/FEW ;;
                */05-epoll/*) INPUT=$out/few CHECK=all_lines ;;
            esac
            correct "$fault" "$@" ;;
        load) INPUT=/dev/null CHECK=all_right correct "$fault" "$@" ;;
        get) INPUT=/dev/null CHECK=same_file correct "$fault" "$@" ;;
    esac
}

# table TITLE FAULTS: the programs in names[], kinds[], commands[]. Some cells
# run at once; a row is printed when it and those above it are complete.
table() {
    local fault i cell row=0 running=0
    rows=() printed=0
    printf '\n%-22s' "$1"
    printf " %-${WIDTH}s" "${names[@]}"
    echo
    for fault in $2; do
        rows+=("$fault")
        for i in "${!names[@]}"; do
            cell=$out/cell.$row.$i
            mkdir "$cell"
            # shellcheck disable=SC2086 # commands are words
            (cd "$cell" && eval "set -- ${commands[i]}" &&
                cell "$fault" "${kinds[i]}" "$@" > result; : > ended) &
            [ $((++running)) -lt "$AT_ONCE" ] || { wait -n; print_rows; }
        done
        row=$((row + 1))
    done
    while [ "$printed" -lt ${#rows[@]} ]; do
        wait -n
        print_rows
    done
}

print_rows() {
    local i
    while [ "$printed" -lt ${#rows[@]} ]; do
        for i in "${!names[@]}"; do
            [ -e "$out/cell.$printed.$i/ended" ] || return
        done
        row "${rows[printed]}"
        printed=$((printed + 1))
    done
}

# row FAULT: print it, and keep what was wrong.
row() {
    local i result
    printf '%-22s' "${1%=[0-9]*}"
    for i in "${!names[@]}"; do
        result=$(head -n 1 "$out/cell.$printed.$i/result" | tr -cd ' -~')
        rm -rf "$out/cell.$printed.$i"
        case $result in
            -) ;;
            ok | none) any=yes ;;
            unloaded) result=static ;;
            *)
                printf '%s, %s: %s\n    %s\n' "${names[i]}" "$1" "$result" \
                    "$(replay "$1" "$i")" >> "$out/failed"
                result=FAIL any=yes ;;
        esac
        printf ' %-*s' "$WIDTH" "$result"
    done
    echo
}

replay() {
    if [ -n "${SERVER:-}" ]; then
        echo "make faults SERVER=$SERVER FAULT=$1 SEED=$SEED"
    else
        echo "make faults ONLY=${names[$2]} FAULT=$1 SEED=$SEED"
    fi
}

# add NAME KIND COMMAND: a column, if it is asked for and there is the program.
add() {
    local program=${3%% -*}
    program=${program//\'/}
    case $1 in "${ONLY:-}"*) ;; *) return 0 ;; esac
    [ -x "$program" ] || return 0
    names+=("$1") kinds+=("$2") commands+=("$3")
}

none() {
    names=() kinds=() commands=()
}

# A server without faults, for the clients.
serve_clients() {
    mkdir "$out/quiet" && cd "$out/quiet" || exit 1
    "$@" > log 2>&1 < /dev/null &
    quiet_pids+=" $!"
    within 5 listens || { echo "$1 does not start"; exit 1; }
    cd "$KIT" && rm -rf "$out/quiet"
}

case $(uname) in Darwin)
    echo "faults: macOS has no LD_PRELOAD; take a Linux machine"
    exit 77 ;;
esac
case $SEED in '' | *[!0-9]*)
    echo "faults: SEED: '$SEED' is not a number"
    exit 2 ;;
esac
KIT=$PWD WIDTH=4 HTTP_PATH='' any='' quiet_pids=''
trap 'kill $quiet_pids 2> /dev/null; rm -rf "$out"' EXIT
head -c 300000 /dev/urandom > "$out/file"
seq -f 'line %g of several, all with the same words' 20000 > "$out/lines"
head -n 4000 "$out/lines" > "$out/few"
tr '[:lower:]' '[:upper:]' < "$out/lines" > "$out/LINES"
tr '[:lower:]' '[:upper:]' < "$out/few" > "$out/FEW"
if [ -n "${FAULT:-}" ] && [ "$FAULT" != accept:ENFILE=for-ever ]; then # its rules may be the user's own
    KIND=server FAULTS=$(rules "$FAULT") LD_PRELOAD=$FAULTS_SO true || exit 2
fi

none
if [ -n "${SERVER:-}" ]; then
    [ -x "$SERVER" ] || { echo "faults: SERVER: no program $SERVER"; exit 2; }
    add yours server "$(printf %q "$SERVER")"
else
    for n in 01-blocking 02-nonblocking 03-select 04-poll 05-epoll; do
        add "${n%%-*}" server "'$KIT/$n/server'"
    done
    add 05e server "'$KIT/05-epoll/server' -e"
    for b in epoll poll select; do
        add "06${b:0:1}" server "'$KIT/06-selector/server' -b $b"
    done
    for m in thread process pool prefork; do
        case $m in pool) n=07q ;; prefork) n=07f ;; *) n=07${m:0:1} ;; esac
        add "$n" server "'$KIT/07-threads-procs/server' -m $m -w 4"
    done
    add 08 server "'$KIT/08-coroutines/server'"
fi
[ ${#names[@]} -eq 0 ] ||
    table "fault of the server" "${FAULT:-$harmless $harmful accept:ENFILE=for-ever}"

if [ -z "${SERVER:-}" ]; then
    none
    for b in epoll poll select; do
        add "ftp-${b:0:1}" ftp "'$KIT/06-selector/ftp/server' -b $b"
    done
    add 02d http "'$KIT/02-nonblocking/steps/02d-http-sweep'"
    add 03k http "'$KIT/03-select/steps/03k-http'"
    add 05d http "'$KIT/05-epoll/steps/05d-http-edge'"
    add slow-http slow "'$KIT/clients/slow-http' -d 20"
    WIDTH=9
    [ ${#names[@]} -eq 0 ] ||
        table "fault of the server" \
            "${FAULT:-$harmless $harmful $files accept:ENFILE=for-ever}"

    none
    serve_clients "$KIT/07-threads-procs/server" -p 0 -q
    for n in 01-blocking 02-nonblocking 03-select; do
        add "c${n%%-*}" lines "'$KIT/$n/client' -p $PORT"
    done
    add c04 lines "'$KIT/04-poll/client' -p $PORT -c 1"
    add c05 lines "'$KIT/05-epoll/client' -p $PORT -c 1"
    add c06 lines "'$KIT/06-selector/client' -p $PORT"
    add c07 load "'$KIT/07-threads-procs/client' -p $PORT -c 5 -n 5"
    add c08 load "'$KIT/08-coroutines/client' -p $PORT -c 5 -n 5"
    add load load "'$KIT/clients/load' -p $PORT -c 5 -n 20 -s 5000"
    mkdir "$out/tree" && cp "$out/file" "$out/tree"
    serve_clients "$KIT/06-selector/ftp/server" -p 0 -q -r "$out/tree" -u tom:secret
    add ftp get "'$KIT/06-selector/ftp/client' -p $PORT -u tom:secret get file file.copy"
    WIDTH=4
    [ ${#names[@]} -eq 0 ] ||
        table "fault of the client" \
            "${FAULT:-$(tr ' ' '\n' <<< "$harmless $harmful $of_clients" |
                grep -v '^accept\|^fork')}"
fi

echo
if [ -z "$any" ] && [ -z "${SERVER:-}" ]; then
    echo "no program makes such a call"
    exit 0
elif [ -z "$any" ]; then
    echo "no call came to build/faults.so: LD_PRELOAD does nothing for a" \
        "static program, and for one that is set-user-ID"
    exit 77
fi
if [ -s "$out/failed" ]; then
    cat "$out/failed"
    exit 1
fi
echo "all programs survived; seed $SEED"
