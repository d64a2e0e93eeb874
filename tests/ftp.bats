load helper
load inside
load steps
lesson 06-selector
PROGRAM=$ROOT/06-selector/ftp/server
CLIENT=$ROOT/06-selector/ftp/client

# The homework of lesson 06: an FTP server and a client. Our own client, bare
# sockets and the usual FTP clients test the server.

setup_file() {
    build 06-selector/ftp/server 06-selector/ftp/client clients/xray
    WIRE=$BATS_FILE_TMPDIR/wire
    wire_source > "$WIRE.c"
    cc -std=gnu11 -o "$WIRE" "$WIRE.c"
    FAKE=$BATS_FILE_TMPDIR/fake-ftp
    cc -std=gnu11 -o "$FAKE" "$BATS_TEST_DIRNAME/fake-ftp.c"
    head -c 8388608 /dev/urandom > "$BATS_FILE_TMPDIR/8MiB"
    export WIRE FAKE BIG=$BATS_FILE_TMPDIR/8MiB
}

setup() {
    TREE=$BATS_TEST_TMPDIR/root
    mkdir "$TREE"
    cd "$BATS_TEST_TMPDIR"
}

# ftp [FLAG...]: start the server on $TREE, with a user tom.
ftp() {
    start_server -r "$TREE" -u tom:secret "$@"
}

client() {
    "$CLIENT" -p "$PORT" -u tom:secret "$@" 3>&-
}

# fake [WORD=REPLY]...: a server that sends these replies, to one client, and
# the file "sent": see fake-ftp.c.
fake() {
    teardown
    LOG=$BATS_TEST_TMPDIR/log
    : > "$LOG"
    set -m
    "$FAKE" sent "$@" > "$LOG" 2>&1 < /dev/null 3>&- &
    PID=$!
    set +m
    within 5 listens || { cat "$LOG"; return 1; }
}

# connect: a control connection, $C.
connect() {
    exec {C}<> "/dev/tcp/127.0.0.1/$PORT"
    reply_is 220 "a connection"
}

log_in() {
    connect
    request "USER tom" 331
    request "PASS secret" 230
    request "TYPE I" 200
}

# reply_is CODE WHAT: the next reply, to WHAT, has this code. $REPLY is its
# last line.
reply_is() {
    local line
    while IFS= read -r -t 10 -u "$C" line; do
        case $line in [0-9][0-9][0-9]' '*)
            REPLY=${line%$'\r'}
            same "$1" "${REPLY%% *}" "the reply to $2: $REPLY"
            return
        esac
    done
    echo "no reply to $2"
    return 1
}

# request COMMAND CODE: send the command; its reply has this code.
request() {
    printf '%s\r\n' "$1" >&"$C"
    reply_is "$2" "$1"
}

# data_port: the server opens a data port, $DATA_PORT.
data_port() {
    request EPSV 229
    DATA_PORT=${REPLY#*|||} DATA_PORT=${DATA_PORT%%|*}
}

# passive: a data connection, $D.
passive() {
    data_port
    exec {D}<> "/dev/tcp/127.0.0.1/$DATA_PORT"
}

close_control() {
    exec {C}>&- {C}<&-
}

close_data() {
    exec {D}>&- {D}<&-
}

# closed: within 10 s the server closes the connection, and does not reset it.
closed() {
    local rest line
    rest=$(IFS= read -r -t 10 -u "$C" line 2>&1 || echo "$?$line") || true
    same 1 "$rest" "the end of file"
}

server_fds() {
    find "/proc/$PID/fd" -mindepth 1 2> /dev/null | wc -l
}

has_fds() {
    [ "$(server_fds)" -eq "$1" ]
}

cpu_ticks() {
    local stat
    stat=$(< "/proc/$PID/stat")
    set -- ${stat##*) }
    echo $(( ${12} + ${13} ))
}

# stop_server: send SIGSTOP, and wait until the server has stopped.
stop_server() {
    kill -STOP "$PID"
    [ ! -r "/proc/$PID/status" ] || within 5 is_stopped
}

is_stopped() {
    grep -q '^State:.[Tt]' "/proc/$PID/status"
}

# does_not_spin: in half a second the server uses 50 ms of CPU time at most.
does_not_spin() {
    [ -r "/proc/$PID/stat" ] || skip "/proc/PID/stat is missing"
    local before
    before=$(cpu_ticks)
    sleep 0.5
    [ $(( $(cpu_ticks) - before )) -le 5 ] || { echo "it spins"; return 1; }
}

# The program wire does what bash cannot. wire FROM PORT: connect from that
# address, print what arrives. wire FROM PORT BYTES: send so many, then reset.
wire_source() {
    cat << 'END'
#include <arpa/inet.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char block[4096];
    struct sockaddr_in a = { .sin_family = AF_INET };
    struct linger none = { .l_onoff = 1 };
    struct timeval timeout = { .tv_sec = 10 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    a.sin_addr.s_addr = inet_addr(argv[1]);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
        err(3, "bind");
    a.sin_addr.s_addr = inet_addr("127.0.0.1");
    a.sin_port = htons((unsigned short)atoi(argv[2]));
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        err(1, "connect");
    for (long n = argc > 3 ? atol(argv[3]) : 0; n > 0; n -= sizeof block)
        if (send(fd, block, sizeof block, 0) < 0)
            err(1, "send");
    if (argc > 3) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        return close(fd);
    }
    for (ssize_t n; (n = recv(fd, block, sizeof block, 0)) > 0; )
        if (write(1, block, (size_t)n) != n)
            return 1;
    return 0;
}
END
}

# --- start and end

@test "ftp wrong usage: the usage, what is wrong, exit 2" {
    for flags in "-p x" "-p 65536" "-u tom" "-u :x" "-t 0" "-b x" "-z" "y"; do
        # shellcheck disable=SC2086 # they are words
        refuses 2 $flags
        contains "$output" usage:
        [ "$flags" = -z ] || [ "$flags" = "-u :x" ] ||
            contains "$output" "'${flags##* }'"
    done
    refuses 2 -u "$(printf '%070d' 0):geheim"
    contains "$output" ":***'"
    [[ $output != *geheim* ]]
}

@test "ftp no such ROOT, or a port in use: a line that names it, exit 1" {
    refuses 1 -a -p 0 -r "$TREE/nowhere"
    contains "$output" nowhere
    ftp -q
    refuses 1 -a -r "$TREE" -p "$PORT"
    contains "$output" "port $PORT"
}

@test "ftp SIGTERM during an upload: bye, exit 0, and nothing of the upload is left" {
    ftp
    log_in
    passive
    request "STOR half" 150
    head -c 100000 "$BIG" >&"$D"
    kill -TERM "$PID"
    reply_is 421 SIGTERM
    within 5 gone "$PID"
    ends_with 0 "$PID"
    PID=
    same bye "$(tail -n 1 "$LOG")"
    same '' "$(ls -A "$TREE")"
}

# ends_with_a_full_log: the clients use up the server's last fd before that.
ends_with_a_full_log() {
    local line R job other
    rm -f log
    mkfifo log
    exec {R}<> log
    (ulimit -n 30 && exec "$PROGRAM" -p 0 -r "$TREE" -u tom:secret) > log 2>&1 3>&- &
    job=$!
    IFS= read -r -t 5 -u "$R" line
    PORT=${line##*:}
    log_in
    for _ in $(seq "$1"); do
        exec {other}<> "/dev/tcp/127.0.0.1/$PORT"
    done
    sleep 0.1
    printf 'NOOP\r\n%.0s' {1..2000} >&"$C"
    within 5 sleeps_in_write "$job"
    kill -TERM "$job"
    within 5 gone "$job"
    ends_with 0 "$job"
}

@test "ftp SIGTERM ends it, even if its log is a full pipe that nobody reads" {
    ends_with_a_full_log 0
}

@test "ftp SIGTERM ends it with a full log, also if no fd is free" {
    ends_with_a_full_log 40
}

# sleeps_in_write PID: it does, or the system does not say.
sleeps_in_write() {
    case $(asleep_in "$1") in '' | write) ;; *) false ;; esac
}

@test "ftp fd 0, 1 or 2 is closed at the start: no socket gets its number" {
    [ -d /proc/self/fd ] || skip "/proc is missing"
    without_stdin() { exec "$ROOT/06-selector/ftp/server" "$@" <&-; }
    PROGRAM=without_stdin
    ftp -q
    [ "$(readlink "/proc/$PID/fd/0")" = /dev/null ]
}

@test "ftp neither the log nor ps shows a password" {
    ftp
    log_in
    request "USER tom" 331
    request "PASS wr0ng" 530
    for line in PASSwr0ng " PASS wr0ng" "PSAS wr0ng" "SITE PSWD x wr0ng"; do
        request "$line" 502
    done
    [ "$(grep -c 'secret\|wr0ng' "$LOG")" = 0 ]
    [ ! -r "/proc/$PID/cmdline" ] ||
        [ "$(tr '\0' ' ' < "/proc/$PID/cmdline" | grep -c secret)" = 0 ]
    contains "$(< "$LOG")" "USER tom"
}

# --- our own client

@test "ftp 20 users upload and download 8 MiB each at once, byte for byte" {
    ftp -q
    users=()
    user() {
        { echo "$1" && cat "$BIG"; } > "up$1" &&
            client put "up$1" && client get "up$1" "down$1" &&
            cmp "up$1" "down$1" && rm "up$1" "down$1"
    }
    for i in {1..20}; do
        user "$i" 2>&1 3>&- &
        users+=($!)
    done
    for user in "${users[@]}"; do wait "$user"; done
    same 20 "$(find "$TREE" -type f -size 8388609c -o -size 8388610c -o \
        -size 8388611c | wc -l)"
    if [ -z "${SANITIZED:-}" ] && [ -r "/proc/$PID/status" ]; then
        local peak
        peak=$(sed -n 's/VmHWM:\s*\([0-9]*\).*/\1/p' "/proc/$PID/status")
        [ "$peak" -lt 8192 ] || { echo "it took $peak kB"; return 1; }
    fi
}

@test "ftp the client continues a broken transfer, unless the file has changed" {
    ftp
    cp "$BIG" "$TREE/file"
    touch -t 202002020202 "$TREE/file"
    (ulimit -f 1000; ! client get file)
    [ ! -e file ]
    client get file
    cmp file "$BIG"
    [ ! -e file.part ]
    contains "$(< "$LOG")" "REST 1024000"

    head -c 3000000 /dev/zero > file.part
    touch -t 202002020101 file.part
    client get file
    cmp file "$BIG"

    head -c 5000000 "$BIG" > "$TREE/rest"
    client -c put "$BIG" rest
    contains "$(< "$LOG")" "REST 5000000"
    cmp "$TREE/rest" "$BIG"
}

@test "ftp the client names the error, exit 1; wrong usage, exit 2" {
    ftp -q
    run -1 client get nothing
    contains "$output" "550 /nothing"
    [ ! -e nothing ]
    run -1 client put nothing
    run -1 client ls nothing
    run -1 "$CLIENT" -p "$PORT" ls
    contains "$output" 530
    run -2 client
    run -2 client get
    run -2 client put -
    for words in "-p x" "move" "ls a b" "get a b c"; do
        # shellcheck disable=SC2086 # they are words
        run -2 client $words
        contains "$output" "'${words##* }'"
    done
    echo hello | client put - greeting
    same hello "$(< "$TREE/greeting")"
    run -0 client ls
    contains "$output" greeting
}

@test "ftp the client understands the replies of other servers" {
    echo hello > sent
    for replies in "EPSV=500 what?|PASV=227 Entering Passive Mode 127,0,0,1,#" \
        "EPSV=502 no|PASV=227 Mode 2 =127,0,0,1,#" "EPSV=229 ok (!!!@!)" \
        "EPSV=229 ok|PASV=227 ok (127,0,0,1,#)" "SIZE=500 what?" \
        "SIZE=213 99999999999999999999" "SIZE=213 x|MDTM=500 what?" QUIT= \
        "USER=230 in" "PASS=202 no need" $'HELLO=120 wait\r\n220 hello' \
        $'HELLO=220-a\r\n 220 b\r\n221 c\r\n220 d' $'RETR=200 ok\r\n150 go' \
        "RETR=125 go on: 150 bytes"; do
        IFS='|' read -r -d '' -a words <<< "$replies" || true
        fake "${words[@]%$'\n'}"
        run -0 client get file
        cmp sent file || { echo "$replies"; return 1; }
        rm file
    done
    echo hel > file.part # the server has no REST: from the beginning
    fake "REST=502 no"
    run -0 client get file
    cmp sent file
    fake "ALLO=502 no" QUIT=
    run -0 client put sent
}

@test "ftp the client does not believe an impossible reply" {
    echo hello > sent
    for replies in "2147483647,2147483647" "256,1" "0,0" "70000,1" "1" "-1,-1"; do
        fake "EPSV=500 no" "PASV=227 ok (127,0,0,1,$replies)"
        run -1 client get file
        contains "$output" "data connection: the server says: 227"
    done
    for replies in "(|||70000|)" "(|||0|)" "(|||" "(|||1" "(||1|)"; do
        fake "EPSV=229 ok $replies" "PASV=500 no"
        run -1 client get file
        contains "$output" "data connection: the server says: 500"
    done
    for size in 5 7; do # it has told fewer bytes than it sends, or more
        rm -f file.part
        fake "SIZE=213 $size"
        run -1 client get file
        contains "$output" "$size bytes"
        [ ! -e file ]
        [ "$size" = 7 ] || [ ! -s file.part ]
    done
    rm -f file.part
    fake "RETR=550 no"
    run -1 client get file
    same sent "$(ls -d file* sent 2> /dev/null)"
}

@test "ftp the client prints no control character of the server" {
    local escape=$'\033]0;x\a\302\233y\233z'
    printf '%s %s\r\n' 1 "$escape" 2 ä > sent
    fake
    run -0 client ls
    same '1 \x1b]0;x\x07\xc2\x9by\x9bz' "${lines[0]}"
    same '2 ä' "${lines[1]}"
    for word in HELLO USER PASS TYPE SIZE EPSV RETR; do
        fake "$word=550 $escape" "PASV=550 $escape"
        run -1 client get file
        contains "$output" '550 \x1b]0;x\x07\xc2\x9by\x9bz'
    done
    fake "HELLO=$escape"
    run -1 client ls
    contains "$output" '\x1b]0;x'
    fake
    run -1 client put "$escape"
    contains "$output" '\x1b]0;x'
}

@test "ftp the client is the only one that writes a part; ps shows no password" {
    local job
    mkfifo sent # the server has nothing to send yet
    fake
    "$CLIENT" -p "$PORT" -u tom:secret get file 3>&- &
    job=$!
    within 5 grep -q RETR "$LOG"
    if [ -r "/proc/$job/cmdline" ]; then
        run tr '\0' ' ' < "/proc/$job/cmdline"
        [[ $output = *tom:\** && $output != *secret* ]]
    fi
    PID= # it ends by itself
    ftp -q
    echo other > "$TREE/file"
    run -1 client get file
    contains "$output" "file.part: another client"
    echo hello > sent
    wait "$job"
    same hello "$(< file)"
    client get file
    same other "$(< file)"
}

@test "ftp the client uploads no directory, and nothing from a closed stdin" {
    ftp -q
    mkdir dir
    run -1 client put dir
    contains "$output" directory
    run -1 bash -c '"$@" <&-' bash "$CLIENT" -p "$PORT" -u tom:secret put - new
    contains "$output" closed
    run -1 client get dir/none dir
    same '' "$(ls -A "$TREE")"
    mkdir "$TREE/-d"
    touch "$TREE/-d/inner"
    run -0 client -- ls -d
    contains "$output" inner
}

@test "ftp the client goes on after SIGSTOP and SIGCONT" {
    ftp -q
    cp "$BIG" "$TREE/file"
    stop_server
    "$CLIENT" -p "$PORT" -u tom:secret get file 3>&- &
    local job=$!
    [ -z "$(asleep_in "$job")" ] || within 5 waits_for_reply "$job"
    kill -STOP "$job" && kill -CONT "$job" "$PID"
    within 10 gone "$job"
    ends_with 0 "$job"
    cmp file "$BIG"
}

waits_for_reply() {
    [ "$(asleep_in "$1")" = recv ]
}

@test "ftp the client draws a progress bar on a terminal, and only there" {
    command -v script > /dev/null || skip "script is missing"
    script -qec true /dev/null > /dev/null 2>&1 || skip "script is another one"
    ftp -q
    cp "$BIG" "$TREE/file"
    run -0 script -qec \
        "$(quoted "$CLIENT" -p "$PORT" -u tom:secret get file)" /dev/null
    contains "$output" "100% [##############################]"
    run -0 client get file
    same '' "$output"
}

@test "ftp it uploads, downloads and lists with each backend" {
    ftp -q # for backends: its port is in use
    for backend in $(backends); do
        teardown
        ftp -q -b "$backend"
        client put "$BIG" file
        client get file
        cmp file "$BIG"
        run -0 client ls
        contains "$output" " 8388608 "
        sleeps
        rm file "$TREE/file"
    done
}

# backends: the names of the backends that the server has.
backends() {
    for backend in epoll kqueue poll select; do
        refused=$("$PROGRAM" -b "$backend" -p "$PORT" -r "$TREE" 2>&1) || true
        case $refused in *"is not a backend"*) ;; *) echo "$backend" ;; esac
    done
}

# sleeps: the server sleeps in its wait.
sleeps() {
    [ -n "$(asleep_in "$PID")" ] || return 0
    within 2 is_asleep || { echo "it does not sleep"; return 1; }
}

is_asleep() {
    case $(asleep_in "$PID") in epoll_wait | poll | select) ;; *) false ;; esac
}

# --- the usual clients

@test "ftp curl: upload, download, list, continue, wrong password" {
    command -v curl > /dev/null || skip "curl is missing"
    ftp -q -a
    url=ftp://127.0.0.1:$PORT curl=(curl -sS -m 10 -u tom:secret)
    "${curl[@]}" -T "$BIG" "$url/a/b/file" --ftp-create-dirs
    cmp "$BIG" "$TREE/a/b/file"
    "${curl[@]}" "$url/a/b/file" | cmp - "$BIG"
    "${curl[@]}" --disable-epsv "$url/a/b/file" | cmp - "$BIG"
    run -0 "${curl[@]}" "$url/a/b/"
    contains "$output" " 8388608 "
    run -0 "${curl[@]}" -l "$url/a/"
    same b "${output%$'\r'}"
    head -c 1234567 "$BIG" > part
    "${curl[@]}" -C - -o part "$url/a/b/file"
    cmp part "$BIG"
    head -c 1234567 "$BIG" > "$TREE/part"
    "${curl[@]}" -C - -T "$BIG" "$url/part"
    cmp "$TREE/part" "$BIG"
    "${curl[@]}" -r 100-199 "$url/part" |
        cmp - <(tail -c +101 "$BIG" | head -c 100)
    run -67 curl -sS -m 10 -u tom:wrong "$url/"
    run -0 curl -sS -m 10 "$url/part" -o anonymous
    run -25 curl -sS -m 10 -T part "$url/more"
    run -30 "${curl[@]}" -P 127.0.0.1 --disable-eprt "$url/part"
}

@test "ftp lftp: mirror both ways, four files at once" {
    command -v lftp > /dev/null || skip "lftp is missing"
    ftp -q
    mkdir -p tree/one/two
    for i in {1..30}; do head -c $((i * 10000)) "$BIG" > "tree/one/file $i"; done
    cp "$BIG" tree/one/two/
    timeout 20 lftp -u tom,secret -p "$PORT" 127.0.0.1 -e \
        "mirror -R --parallel=4 tree /up; mirror --parallel=4 /up back; quit"
    diff -r tree "$TREE/up"
    diff -r tree back
}

@test "ftp Python's ftplib: binary, ascii, facts, rename, abort" {
    command -v python3 > /dev/null && python3 -c 'import ftplib' 2> /dev/null ||
        skip "ftplib is missing"
    ftp -q
    timeout 20 python3 - "$PORT" "$BIG" << 'END'
import ftplib, io, sys
big = open(sys.argv[2], 'rb').read()
f = ftplib.FTP()
f.connect('127.0.0.1', int(sys.argv[1]), timeout=10)
f.login('tom', 'secret')
assert f.mkd('a "b"') == '/a "b"' and f.cwd('a "b"') and f.pwd() == '/a "b"'
f.storbinary('STOR big', io.BytesIO(big))
got = []
f.retrbinary('RETR big', got.append, rest=1000)
assert b''.join(got) == big[1000:]
assert f.size('big') == len(big)
f.storlines('STOR text', io.BytesIO(b'one\ntwo\r\n\nthree'))
lines = []
f.retrlines('RETR text', lines.append)
assert lines[:3] == ['one', 'two', ''], lines
f.voidcmd('TYPE I')
assert f.size('text') == len('one\ntwo\n\nthree\n')
assert sorted(f.nlst()) == ['big', 'text'], f.nlst()
assert f.nlst('/') == ['/a "b"']
facts = dict(f.mlsd())
assert facts['big']['size'] == str(len(big)) and facts['big']['type'] == 'file'
f.rename('text', '/moved')
f.cwd('..')
assert sorted(f.nlst()) == ['a "b"', 'moved']
assert f.sendcmd('MDTM moved')[4:18].isdigit()
data = f.transfercmd('RETR a "b"/big')
data.recv(1000)
assert f.abort()[:3] == '426' and f.getresp()[:3] == '226'
data.close()
f.delete('moved'), f.delete('a "b"/big'), f.rmd('a "b"')
assert f.nlst() == []
assert f.quit()[:3] == '221'
END
}

# --- the protocol

@test "ftp each command has the right reply; any other command 502" {
    ftp -q
    mkdir "$TREE/dir"
    echo hello > "$TREE/file"
    connect
    for line in "PWD 530" "PASS x 503" "SYST 215" "FEAT 211" "HELP 214" \
        "NOOP 200" "OPTS UTF8 ON 200" "AUTH TLS 502" "USER 501" "USER tom 331" \
        "RETR file 530" "PASS secret 230" "TYPE A 200" "TYPE E 504" \
        "SIZE file 550" "TYPE I 200" "SIZE file 213" "SIZE dir 550" \
        "STRU F 200" "STRU R 504" "MODE S 200" "MODE B 504" "PWD 257" \
        "CWD dir 250" "CDUP 250" "CWD file 550" "CWD none 550" "MKD new 257" \
        "MKD new 550" "RMD new 250" "RMD new 550" "RNTO x 503" \
        "RNFR none 550" "RNFR file 350" "RNTO dir/moved 250" \
        "MLST dir/moved 250" "MDTM dir/moved 213" "DELE dir 550" \
        "DELE dir/moved 250" "RMD / 550" "DELE / 550" "REST x 501" "REST 5 350" \
        "RETR none 425" "LIST 425" "STOR 501" "PORT 127,0,0,1,9,9 502" \
        "EPRT |1|127.0.0.1|2313| 502" "STOU 502" "SITE CHMOD 502" "x 502" \
        "EPSV 2 522" "EPSV ALL 200" "PASV 501" "EPSV 229" "ABOR 226" \
        "LIST 425" "RETR 501" "QUIT 221"; do
        request "${line% *}" "${line##* }"
    done
    closed
}

@test "ftp a line that is empty, too long, or has a 0 in it: 500" {
    ftp -q
    log_in
    printf '%5000s\r\n' x >&"$C"
    reply_is 500 "5,000 bytes"
    printf '\r\n' >&"$C"
    reply_is 500 "an empty line"
    printf 'NOOP\0\r\n' >&"$C"
    reply_is 500 "a 0"
    printf '\377\364\377\362NOOP\377\373\1\r\n' >&"$C"
    reply_is 200 "NOOP between Telnet commands"
    request "$(printf 'CWD %01200d' 0)" 550
    request "$(printf 'CWD a\rb')" 500
    request "$(printf 'CWD \033[2Jx')" 500
    printf 'NOOP\nPW' >&"$C"
    reply_is 200 "NOOP with LF alone"
    printf 'D\r\n' >&"$C"
    reply_is 257 "a line in two pieces"
}

@test "ftp a name with byte 255 is the name of that file, and of no other" {
    ftp -q
    echo old > "$TREE/ax"
    log_in
    # 255 (IAC) and a byte below 240, IAC at the end, IAC IAC
    for name in $'a\377-x' $'a\377' $'b\377\377x'; do
        passive
        request "STOR $name" 150
        close_data
        reply_is 226 "STOR $name"
    done
    # a Telnet command in a name: refused, it may be a part of the name
    for name in $'a\377\361x' $'a\377\373\1x' $'a\377\373'; do
        data_port
        request "STOR $name" 500
    done
    request $'MKD d\377\377' 257
    contains "$REPLY" $'/d\377\377"'
    same old "$(< "$TREE/ax")"
    same "ax aM-^? aM-^?-x bM-^?x dM-^? " \
        "$(LC_ALL=C ls -A "$TREE" | cat -v | tr '\n' ' ')"
    client put "$BIG" $'a\377\361x' # our client doubles it
    cmp "$BIG" "$TREE/"$'a\377\361x'
}

@test "ftp commands that arrive together run one after another" {
    ftp -q
    cp "$BIG" "$TREE/file"
    log_in
    passive
    printf 'RETR file\r\nPWD\r\nNOOP\r\nQUIT\r\n' >&"$C"
    reply_is 150 RETR
    cmp "$BIG" <(cat <&"$D")
    reply_is 226 RETR
    reply_is 257 PWD
    reply_is 200 NOOP
    reply_is 221 QUIT
}

@test "ftp what a command leaves behind is for the next one alone: RNFR, REST" {
    local between
    ftp -q
    mkdir -p "$TREE/a" "$TREE/-d"
    echo 0123456789 > "$TREE/file"
    log_in
    for between in "RNFR none 550" "RNTO /x/y 550" "SIZE none 550" "NOPE 502" \
        "DELE 501" "NOOP 200" $'\033 500' "EPSV 2 522"; do
        request "RNFR a" 350
        request "${between% *}" "${between##* }"
        request "RNTO c" 503
    done
    for between in "RETR file 425" "RETR 501" "STOR file 425" "NOPE 502" \
        "TYPE I 200" $'\033 500' "REST x 501" "USER tom 331"; do
        request "REST 5" 350
        request "${between% *}" "${between##* }"
        [ "${between% *}" != "USER tom" ] || request "PASS secret" 230
        passive
        request "RETR file" 150
        same 0123456789 "$(cat <&"$D")" "after REST, $between"
        reply_is 226 RETR
    done
    request "REST 5" 350 # commands for the same transfer keep it
    request "ALLO 9" 200
    passive
    request "RETR file" 150
    same 56789 "$(cat <&"$D")"
    [ ! -e "$TREE/c" ]
}

@test "ftp LIST ignores options; after -- comes a name, even -d" {
    ftp -q
    mkdir "$TREE/-d"
    touch "$TREE/-d/inner" "$TREE/-"
    log_in
    for what in "LIST -- -d" "LIST -la -- -d" "NLST -- -d" "LIST ./-d" \
        "MLSD -d" "NLST -a ./-d"; do
        passive
        request "$what" 150
        contains "$(cat <&"$D")" inner
        reply_is 226 "$what"
    done
    passive
    request "NLST -" 150
    same -$'\r' "$(cat <&"$D")"
}

@test "ftp during a transfer ABOR does not wait behind other commands" {
    ftp -q
    cp "$BIG" "$TREE/file"
    log_in
    passive
    request "RETR file" 150
    printf 'PWD\r\n%.0s' {1..10000} >&"$C"
    request ABOR 426
    reply_is 226 ABOR
    for i in {1..10000}; do reply_is 257 PWD; done
}

@test "ftp after QUIT a transfer that has stopped ends soon" {
    ftp -q
    cp "$BIG" "$TREE/file"
    log_in
    passive
    request "RETR file" 150
    printf 'PWD\r\nQUIT\r\n' >&"$C"
    reply_is 426 RETR
    reply_is 257 PWD
    reply_is 221 QUIT
    closed
}

@test "ftp a client that sends many lines, or lists what nobody sees, has turns" {
    ftp
    mkdir "$TREE/links"
    (cd "$TREE/links" && ln -s ../x{1..3000} .)
    log_in
    lists=$C
    passive
    log_in
    : > "$LOG"
    stop_server
    printf '\n%.0s' {1..1000} >&"$C"
    printf 'LIST links\r\n' >&"$lists"
    kill -CONT "$PID"
    C=$lists
    reply_is 150 LIST
    reply_is 226 LIST
    within 5 has_lines 1000 "reply: 500"
    # the list takes 12 turns, of 256 entries; in each one the other client has
    # 16 lines read
    local between
    between=$(sed '1,/reply: 150/d; /reply: 226/q' "$LOG" | grep -c "reply: 500")
    [ "$between" -ge 150 ] && [ "$between" -le 400 ] ||
        { echo "$between other lines during the list"; return 1; }
}

# has_lines N TEXT: so many lines of the log have it.
has_lines() {
    [ "$(grep -c "$2" "$LOG")" -eq "$1" ]
}

@test "ftp during a transfer that waits, NOOP has a reply, and ABOR ends it" {
    ftp -q
    cp "$BIG" "$TREE/file"
    log_in
    passive
    request "RETR file" 150
    request NOOP 200
    sleeps
    request ABOR 426
    reply_is 226 ABOR
    close_data
    request PWD 257
}

@test "ftp anonymous may read, and nothing else" {
    ftp -q -a
    mkdir "$TREE/dir"
    echo hello > "$TREE/file"
    connect
    request "USER anonymous" 331
    request "PASS me@here" 230
    passive
    request "RETR file" 150
    same hello "$(cat <&"$D")"
    reply_is 226 RETR
    data_port
    for command in STOR APPE; do request "$command new" 550; done
    for command in DELE RNFR MKD; do request "$command file" 550; done
    request "RMD dir" 550
    teardown
    ftp -q
    connect
    request "USER anonymous" 331
    request "PASS me@here" 530
}

@test "ftp a list has no links, no FIFOs, no names with a line feed" {
    ftp -q
    ln -s /etc "$TREE/link"
    mkfifo "$TREE/pipe"
    touch "$TREE/"$'a\r\n226 b' "$TREE/-dash" "$TREE/a b" "$TREE/ä"
    log_in
    for command in LIST NLST MLSD "LIST -la"; do
        passive
        request "$command" 150
        run -0 cat <&"$D"
        reply_is 226 "$command"
        same 3 "${#lines[@]}" "$output"
        contains "$output" "a b"
        contains "$output" "ä"
    done
    request "SIZE -dash" 213
    request "SIZE ä" 213
    request "SIZE pipe" 550
    data_port
    request "RETR pipe" 550
}

@test "ftp neither the log nor a list shows a control character, C0 or C1" {
    local name
    ftp
    touch "$TREE/"$'x\033]0;y\a' "$TREE/"$'x\302\233y' "$TREE/"$'x\233y' \
        "$TREE/"$'x\342\200\256y' "$TREE/äé盛"
    log_in
    for name in $'x\033y' $'x\302\233y' $'x\233y' $'x\177y'; do
        request "USER $name" 500
        request "$name" 500
    done
    log_in
    for name in x äé盛 $'x\342\200\256y' $'\300\257'; do
        request "SIZE $name" "$([ -e "$TREE/$name" ] && echo 213 || echo 550)"
    done
    passive
    request NLST 150
    run -0 cat <&"$D"
    same 2 "${#lines[@]}" "$output" # the mark U+202E is no control character
    contains "$(< "$LOG")" "SIZE äé盛"
    contains "$(< "$LOG")" 'SIZE x\xe2\x80\xaey'
    contains "$(< "$LOG")" '/\xc0\xaf: No such'
    ! LC_ALL=C grep -q $'[\001-\011\013-\037\177]\|\302\233' "$LOG"
}

@test "ftp a list has four digits for each year, before 1970 and far ahead" {
    cat > times.c << 'END'
#include <stdio.h>
#include <stdlib.h>
#include "listing.h"
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat file = { .st_mode = S_IFREG, .st_nlink = 1 };
        char time[LISTING_TIME], line[LISTING_LINE];
        file.st_mtime = atoll(argv[i]);
        listing_time(time, &file);
        listing_line(line, sizeof line, LISTING_LIST, "", "x", &file);
        printf("%s %.12s\n", time, line + 35);
    }
}
END
    cc -std=gnu11 -I "$ROOT/06-selector/ftp" -o times times.c \
        "$ROOT/06-selector/ftp/listing.c"
    run -0 ./times 0 -1 -62135596800 -62135596801 -9223372036854775808 \
        32503680000 253402300799 253402300800 9223372036854775807
    same '19700101000000 Jan 01  1970
19691231235959 Dec 31  1969
00010101000000 Jan 01  0001
00010101000000 Jan 01  0001
00010101000000 Jan 01  0001
30000101000000 Jan 01  3000
99991231235959 Dec 31  9999
99991231235959 Dec 31  9999
99991231235959 Dec 31  9999' "$output"
    ftp -q
    TZ=UTC touch -t 196610311413.20 "$TREE/file"
    log_in
    request "MDTM file" 213
    same '213 19661031141320' "$REPLY"
}

# --- no file outside ROOT

@test "ftp no path leads out of ROOT: neither .. nor / nor a link" {
    ftp -q
    echo mine > outside
    mkdir "$TREE/dir" elsewhere
    ln -s "$BATS_TEST_TMPDIR" "$TREE/out"
    ln -s ../outside "$TREE/file"
    ln -s /dev/zero "$TREE/zero"
    log_in
    for path in ../outside /../outside dir/../../outside out/outside file zero \
        "$BATS_TEST_TMPDIR/outside" ./../../outside ..//../outside dir/..; do
        data_port
        request "RETR $path" 550
        request "SIZE $path" 550
    done
    echo x > "$TREE/dir/x"
    request "RNFR dir/x" 350
    request "RNTO zero" 550
    for path in out/new file; do
        data_port
        request "STOR $path" 550
        data_port
        request "APPE $path" 550
        request "DELE $path" 550
        request "RNFR $path" 550
        request "MKD $path" 550
    done
    request "CWD out" 550
    request "RMD out/elsewhere" 550
    request "RNFR dir/x" 350
    request "RNTO out/x" 550
    request "CWD dir" 250
    request "CWD ../../.." 250
    request PWD 257
    same '257 "/" is the current directory' "$REPLY"
    same mine "$(< outside)"
    [ ! -e x ] && [ ! -e new ] && [ -L "$TREE/zero" ] && [ -L "$TREE/file" ]
}

@test "ftp a directory that turns into a link and back is no way out of ROOT" {
    ftp -q
    mkdir outside "$TREE/dir"
    echo secret > outside/file
    echo public > "$TREE/dir/file"
    ln -s "$BATS_TEST_TMPDIR/outside" link
    (
        SECONDS=0 # it ends in any case
        while [ ! -e stop ] && [ -d "$TREE/.." ] && [ "$SECONDS" -lt 20 ]; do
            mv "$TREE/dir" kept && mv link "$TREE/dir"
            mv "$TREE/dir" link && mv kept "$TREE/dir"
        done
    ) 3>&- &
    swapper=$!
    log_in
    refused=0 got=0
    for i in {1..150}; do
        passive
        printf 'RETR dir/file\r\n' >&"$C"
        if reply_is 150 RETR > /dev/null; then
            same public "$(cat <&"$D")"
            reply_is 226 RETR
            got=$((got + 1))
        else
            refused=$((refused + 1))
        fi
        close_data
    done
    touch stop
    wait "$swapper"
    echo "$got fetched, $refused refused"
    [ "$got" -gt 0 ]
}

# --- uploads

@test "ftp nobody can see an upload before it is complete" {
    ftp -q
    echo old > "$TREE/file"
    log_in
    passive
    request "STOR file" 150
    echo new >&"$D"
    within 5 has_four_bytes
    same old "$(< "$TREE/file")"
    run -0 client ls # the upload may have a hidden name
    same 1 "${#lines[@]}" "$output"
    close_data
    reply_is 226 STOR
    same new "$(< "$TREE/file")"
    same file "$(ls -A "$TREE")"
}

@test "ftp after ALLO the server knows when an upload is complete" {
    ftp -q
    log_in
    passive
    request "ALLO 4" 200
    request "STOR file" 150
    echo new >&"$D"
    within 5 has_four_bytes
    stop_server
    close_data                 # the server finds this ...
    printf 'NOOP\r\n' >&"$C" # ... before this, and does not wait between them
    kill -CONT "$PID"
    reply_is 226 STOR
    reply_is 200 NOOP
    same new "$(< "$TREE/file")"
    passive
    request "ALLO 5" 200 # there are fewer: a client may reserve more than it uses
    request "STOR file" 150
    echo old >&"$D"
    close_data
    reply_is 226 STOR
    same old "$(< "$TREE/file")"
}

# has_four_bytes: the upload's file has them, as far as /proc shows.
has_four_bytes() {
    [ ! -d "/proc/$PID/fd" ] || find -L "/proc/$PID/fd" -type f -size 4c \
        2> /dev/null | grep -q .
}

@test "ftp an upload that breaks leaves the old file, and nothing else" {
    ftp
    fds=$(server_fds)
    echo old > "$TREE/file"
    for way in reset killed gone deaf abort control append rest; do
        [ "$way" = killed ] || { log_in && data_port; }
        case $way in
            reset)
                printf 'STOR file\r\n' >&"$C"
                "$WIRE" 127.0.0.1 "$DATA_PORT" 1000000
                reply_is 150 STOR
                reply_is 426 "a reset"
                ;;
            killed)
                mkfifo endless
                exec {F}<> endless
                "$CLIENT" -p "$PORT" -u tom:secret put endless file 3>&- &
                head -c 1000000 "$BIG" > endless
                within 5 grep -q "STOR file" "$LOG"
                kill -KILL $!
                ;;
            abort | append | rest)
                [ "$way" != rest ] || request "REST 2" 350
                exec {D}<> "/dev/tcp/127.0.0.1/$DATA_PORT"
                [ "$way" = append ] && command=APPE || command=STOR
                request "$command file" 150
                head -c 100000 "$BIG" >&"$D"
                request ABOR 426
                close_data
                ;;
            gone) # half a file ends like a whole one
                exec {D}<> "/dev/tcp/127.0.0.1/$DATA_PORT"
                request "STOR file" 150
                echo new >&"$D"
                within 5 has_four_bytes
                stop_server
                close_data
                printf 'NOOP\r\n' >&"$C"
                close_control
                kill -CONT "$PID"
                ;;
            deaf) # so many commands that the server does not read the end
                exec {D}<> "/dev/tcp/127.0.0.1/$DATA_PORT"
                request "STOR file" 150
                echo new >&"$D"
                within 5 has_four_bytes
                printf 'PWD\r\n%.0s' {1..20000} >&"$C"
                stop_server
                close_data
                close_control
                kill -CONT "$PID"
                ;;
            control)
                exec {D}<> "/dev/tcp/127.0.0.1/$DATA_PORT"
                request "STOR file" 150
                head -c 100000 "$BIG" >&"$D"
                ;;
        esac
        case $way in killed | gone | deaf) ;; *) close_control ;; esac
        [ "$way" != control ] || close_data
        within 5 has_fds "$fds" || { echo "fds are left: $way"; return 1; }
        echo old | cmp - "$TREE/file" || { echo "$way"; return 1; }
        same file "$(ls -A "$TREE")" "$way"
        : > "$LOG"
    done
}

@test "ftp an upload takes another temporary name, if its name is taken" {
    ftp -q
    mkdir "$TREE/dir"
    touch "$TREE/.ftp-upload.$PID."{0..50} "$TREE/dir/.ftp-upload.$PID."{50..100}
    client put "$BIG" file
    client put "$BIG" dir/file
    cmp "$BIG" "$TREE/file"
    cmp "$BIG" "$TREE/dir/file"
}

@test "ftp a full disk: 452; a file beyond the size limit: 552; the old file stays" {
    limited() { ulimit -f 1000 && exec "$ROOT/06-selector/ftp/server" "$@"; }
    PROGRAM=limited
    ftp -q
    echo old > "$TREE/file"
    run -1 client put "$BIG" file
    contains "$output" 552
    same old "$(< "$TREE/file")"
    same file "$(ls -A "$TREE")"
    teardown
    unshare -rm true 2> /dev/null || skip "unshare is missing, or not allowed"
    tiny() {
        exec unshare -rm sh -c 'mount -t tmpfs -o size=1m none "$1" &&
            echo old > "$1/file" && shift && exec "$@"' sh "$TREE" \
            "$ROOT/06-selector/ftp/server" "$@"
    }
    PROGRAM=tiny
    ftp -q
    run -1 client put "$BIG" file
    contains "$output" 452
    run -0 client get file
    same old "$(< file)"
    run -0 client ls
    same 1 "${#lines[@]}" "$output"
    head -c 500000 "$BIG" > small
    client put small # the disk has room again
}

@test "ftp a file is removed, or becomes shorter, during its download" {
    ftp -q
    cp "$BIG" "$TREE/file"
    log_in
    passive
    request "RETR file" 150
    rm "$TREE/file"
    cmp "$BIG" <(cat <&"$D") # an open file stays after rm
    reply_is 226 RETR
    data_port
    request "RETR file" 550
    cp "$BIG" "$TREE/file"
    passive
    request "RETR file" 150
    : > "$TREE/file"
    cat <&"$D" > got
    reply_is 451 RETR
    request "REST 1" 350
    data_port
    request "RETR file" 554
}

@test "ftp a transfer gets one turn, then other clients get theirs" {
    local before
    under_xray
    ftp -q
    log_in
    uploads=$C
    passive
    request "STOR file" 150
    log_in
    within 5 last_call_sleeps # else epoll has the control connection first
    stop_server
    before=$(wc -l < "$TRACE")
    head -c 400000 "$BIG" >&"$D" # the server finds this ...
    printf 'NOOP\r\n' >&"$C"    # ... and this in one round
    kill -CONT "$PID"
    reply_is 200 NOOP
    close_data
    C=$uploads
    reply_is 226 STOR
    tail -n +$((before + 1)) "$TRACE" | grep -E ' (recv|send)\(' > calls
    cat calls
    same 1 "$(sed '/ send(/q' calls | grep -cE ' recv\(.*copied [0-9]{4,} ')" "turns"
    [ "$(grep -cE ' recv\(.*copied [0-9]{4,} ' calls)" -ge 7 ]
}

# --- data connections

@test "ftp the data port accepts its client, and no other address" {
    ftp -q
    echo hello > "$TREE/file"
    log_in
    data_port
    run "$WIRE" 127.0.0.2 "$DATA_PORT"
    [ "$status" -ne 3 ] || skip "there is no 127.0.0.2 here"
    request "RETR file" 150
    run "$WIRE" 127.0.0.2 "$DATA_PORT"
    same '' "$(sed '/^wire:/d' <<< "$output")"
    exec {D}<> "/dev/tcp/127.0.0.1/$DATA_PORT"
    same hello "$(cat <&"$D")"
    reply_is 226 RETR
}

@test "ftp a data port is for one connection, then the server closes it" {
    ftp -q
    cp "$BIG" "$TREE/file"
    log_in
    passive
    request "RETR file" 150
    run -1 "$WIRE" 127.0.0.1 "$DATA_PORT"
    contains "$output" refused
}

@test "ftp a client never opens the data connection: 425, and the session goes on" {
    ftp -q -t 1
    echo hello > "$TREE/file"
    log_in
    data_port
    request "RETR file" 150
    reply_is 425 "a data connection"
    data_port
    request "STOR new" 150
    sleeps
    reply_is 425 "a data connection"
    request NOOP 200
    same file "$(ls -A "$TREE")"
}

@test "ftp resets during transfers harm no other client, and leak no fd" {
    ftp -q
    cp "$BIG" "$TREE/file"
    fds=$(server_fds)
    for i in {1..20}; do
        log_in
        passive
        request "RETR file" 150
        IFS= read -r -N 1 -u "$D" _
        [ $((i % 2)) = 0 ] || close_control
        close_data
        [ $((i % 2)) = 1 ] || close_control
    done
    within 5 has_fds "$fds" || { echo "$fds fds, then $(server_fds)"; return 1; }
    log_in
    stop_server
    printf 'NOOP\r\nNOOP\r\nNOOP\r\n' >&"$C" # the replies cause a reset
    close_control
    kill -CONT "$PID"
    within 5 has_fds "$fds"
    client get file
    cmp file "$BIG"
}

# --- time, many clients

@test "ftp the reply to a wrong password takes a second; the third ends the session" {
    local TIMEFORMAT=%3R # seconds: without the point, they are ms
    ftp -q
    connect
    for code in 530 530 421; do
        printf 'USER tom\r\nPASS wrong\r\nNOOP\r\n' >&"$C"
        reply_is 331 USER
        [ "$code" != 421 ] || printf 'NOOP\r\n' >&"$C" # the server does not read it
        { time reply_is "$code" PASS; } 2> took
        [ "$(tr -d . < took)" -gt 900 ]
        [ "$code" = 421 ] || reply_is 200 NOOP
    done
    closed
}

@test "ftp a wrong password makes no client of another account wait" {
    ftp -q -u ann:wrong
    connect
    printf 'USER ann\r\nPASS right\r\n' >&"$C"
    reply_is 331 USER
    slow=$C
    client put "$BIG" file
    sleeps
    C=$slow
    reply_is 530 PASS
}

@test "ftp one wrong password a second for each name, in however many sessions" {
    local name start session
    for name in tom nobody; do
        ftp
        sessions=()
        start=$SECONDS
        for i in {1..8}; do
            exec {C}<> "/dev/tcp/127.0.0.1/$PORT"
            printf 'USER %s\r\nPASS guess\r\n' "$name" >&"$C"
            sessions+=("$C")
        done
        sleep 1.2
        [ "$(grep -c ': PASS' "$LOG")" -le $((SECONDS - start + 2)) ]
        for session in "${sessions[@]}"; do exec {session}>&-; done
        client put "$BIG" file # they hung up, so tom's turn comes soon
        within 5 grep -q 'reply: 221' "$LOG"
        teardown
    done
}

@test "ftp a session that does not log in ends: 421, NOOP or not" {
    ftp -q -t 1
    for user in nobody again; do
        [ "$user" = nobody ] && connect || log_in
        printf 'USER %s\r\n' "$user" >&"$C"
        reply_is 331 USER
        for i in {1..40}; do
            printf 'NOOP\r\n' >&"$C"
            reply_is 200 NOOP > noop || break
            sleep 0.1
        done
        contains "$REPLY" 421
        closed
    done
    log_in
    for i in {1..15}; do request NOOP 200; sleep 0.1; done
}

@test "ftp an idle session ends: 421, even if a byte arrives now and then" {
    ftp -q -t 1
    connect
    reply_is 421 "nothing"
    closed
    log_in
    (for i in {1..50}; do { printf x >&"$C"; } 2> /dev/null; sleep 0.1; done) 3>&- &
    trickle=$!
    reply_is 421 "a byte now and then"
    kill "$trickle"
}

last_call_sleeps() {
    tail -n 1 "$TRACE" | grep -qE '(wait|poll|select)\(.* sleeps \.\.\.$'
}

@test "ftp a session with nothing to do makes no system call" {
    under_xray
    ftp -q
    log_in
    data_port
    request "STOR file" 150
    within 2 last_call_sleeps
    cp "$TRACE" before
    sleep 0.5
    diff before "$TRACE"
}

@test "ftp beside 1,000 idle sessions it serves others, and uses little memory" {
    fd_limit_of 1200
    ulimit -n 1200
    ftp -q
    fds=$(server_fds)
    sessions=()
    for i in {1..1000}; do
        exec {C}<> "/dev/tcp/127.0.0.1/$PORT"
        sessions+=("$C")
    done
    within 10 has_fds $((fds + 1000))
    client put "$BIG" file
    client get file
    cmp file "$BIG"
    sleeps
    reply_is 220 "the last one"
    if [ -z "${SANITIZED:-}" ] && [ -r "/proc/$PID/status" ]; then
        local now
        now=$(sed -n 's/VmRSS:\s*\([0-9]*\).*/\1/p' "/proc/$PID/status")
        [ "$now" -lt 16384 ] || { echo "it takes $now kB"; return 1; }
    fi
    for C in "${sessions[@]}"; do exec {C}>&-; done
    within 10 has_fds "$fds"
}

@test "ftp without a free fd it does not spin, serves its clients, accepts again later" {
    few() { ulimit -n 16 && exec "$ROOT/06-selector/ftp/server" "$@"; }
    PROGRAM=few
    ftp -q
    log_in
    first=$C fds=$(server_fds)
    others=()
    for i in {1..12}; do
        exec {C}<> "/dev/tcp/127.0.0.1/$PORT"
        others+=("$C")
    done
    does_not_spin
    C=$first
    request EPSV 425
    request PWD 257
    for C in "${others[@]}"; do exec {C}>&-; done
    C=$first
    request PWD 257
    within 5 has_fds "$fds"
    echo hello > "$TREE/file"
    client get file
    same hello "$(< file)"
}

@test "ftp a client that does not read makes no other client wait" {
    ftp -q
    cp "$BIG" "$TREE/file"
    for i in {1..20}; do
        log_in
        passive
        request "RETR file" 150
    done
    client get file
    cmp file "$BIG"
    log_in
    ( # a client that reads no replies
        while printf 'HELP\r\nFEAT\r\n'; do :; done
    ) >&"$C" 2> /dev/null 3>&- &
    flood=$!
    client put "$BIG" other
    cmp "$BIG" "$TREE/other"
    kill "$flood" && wait "$flood" 2> /dev/null || true
    memory_is_its_own
    [ ! -r "/proc/$PID/status" ] ||
        [ "$(sed -n 's/VmHWM:\s*\([0-9]*\).*/\1/p' "/proc/$PID/status")" -lt 12288 ]
}

# --- README

@test "ftp the commands in the README print what it says" {
    command -v curl > /dev/null || skip "curl is missing"
    grep -q '^## The homework' "$ROOT/06-selector/README.md" ||
        skip "the README has no such section"
    ftp -q -a
    local line command='' wanted='' ran=0
    mkdir kit build && mv build kit
    for line in "$ROOT"/*; do
        [ "${line##*/}" = build ] || ln -s "$line" kit/
    done
    ROOT=$PWD/kit
    while IFS= read -r line; do
        case $line in
            '$ '*ftp/server*) ;; # it runs already
            '$ '*)
                prints_what_it_says
                command=${line#\$ } wanted=''
                command=${command//2121/$PORT} ;;
            *) wanted+=$line$'\n' ;;
        esac
    done < <(awk '/^## / { here = /The homework/ } /^```/ { inside = here && /session/; next }
        inside' "$ROOT/06-selector/README.md")
    prints_what_it_says
    [ "$ran" -ge 5 ]
}
