load helper

# The slow web server, as a client in a few lines of bash sees it.

setup_file() {
    build clients/slow-http clients/play
}

setup() {
    PROGRAM=$ROOT/clients/slow-http
    start_server -d 0
}

# get PATH: $HEAD is the head, without \r; the file page is the page.
get() {
    cd "$BATS_TEST_TMPDIR"
    exec 4<> "/dev/tcp/127.0.0.1/$PORT"
    printf 'GET %s HTTP/1.1\r\nHost: x\r\n\r\n' "$1" >&4
    timeout 10 cat <&4 > all 2> error || true # a reset is an error
    exec 4>&-
    HEAD=$(sed '/^\r$/q; s/\r$//' all)
    sed '1,/^\r$/d' all > page
}

@test "slow-http: /N is a page of N bytes, whose lines say where they begin" {
    get /9601
    contains "$HEAD" 'HTTP/1.1 200 OK'
    contains "$HEAD" 'Content-Length: 9601'
    same 9601 "$(wc -c < page)" "bytes"
    { printf 'byte %10d\n' {0..9599..16} && printf b; } | cmp - page
}

@test "slow-http: each page has a delay of its own" {
    exec 4<> "/dev/tcp/127.0.0.1/$PORT"
    printf 'GET /9/delay=60000 HTTP/1.1\r\n\r\n' >&4
    local began=${EPOCHREALTIME//[!0-9]/} # us
    get /10/delay=200
    [ $((${EPOCHREALTIME//[!0-9]/} - began)) -ge 200000 ]
    same 10 "$(wc -c < page)" "bytes, while another client waits for a minute"
    contains "$(< "$LOG")" 'GET /10/delay=200: 200 OK, after 200 ms'
}

@test "slow-http: /chunked and /close send no length" {
    get /5000/chunked
    contains "$HEAD" 'Transfer-Encoding: chunked'
    same '1000 388 0' "$(tr -d '\r' < page | grep -xE '[0-9a-f]{1,4}' | paste -sd ' ')" "chunks"
    get /5000/close
    [[ $HEAD != *Length* && $HEAD != *chunked* ]]
    same 5000 "$(wc -c < page)" "bytes"
}

@test "slow-http: /cut and /reset send half of the length in the header" {
    get /3000/cut
    contains "$HEAD" 'Content-Length: 3000'
    same 1500 "$(wc -c < page)" "bytes"
    get /3000/chunked/cut
    [ "$(tail -c 5 page)" != $'0\r\n\r' ]
    get /3000/reset
    contains "$(cat error)" 'reset'
}

@test "slow-http: any other path is not found" {
    for path in / /x /3000/x /-1 /+1 /1x /9999999999 /3000/delay=-1 /3000/delay=5x; do
        get "$path"
        contains "$HEAD" '404 Not Found'
    done
}

@test "slow-http: no client ends it" {
    SERVER=$PROGRAM run -0 "$PLAY" --quiet - 3>&- <<'END'
server -q -d 0
A connect; A send "GET /9 HTTP/1.1\r\n\r\n"; A reset
B connect; B send "GET /100000000 HTTP/1.1\r\n\r\n"; B close
C connect; C send "\xff\x00"; C send "!" urgent; C send 20000 x
D connect; D reset
E connect; E send "GET /0/close HTTP/1.1\r\n\r\n"
E expect "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n"
E expect eof
END
}

@test "slow-http: wrong usage: the wrong word, exit 2; a port in use: exit 1" {
    local words wrong
    while read -r wrong words; do
        # shellcheck disable=SC2086 # they are words
        refuses 2 $words
        contains "$output" usage
        contains "$output" "$wrong"
    done <<'END'
'x' -d x
'nan' -d nan
'-1' -d -1
'1e3' -d 1e3
'65536' -p 65536
'99999999999999999999' -p 99999999999999999999
Z -Z
'more' -p 0 more
END
    refuses 1 -p "$PORT"
    contains "$output" "port $PORT"
}
