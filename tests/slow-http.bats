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
    local TIMEFORMAT=%3R # seconds: without the point, they are ms
    { time get /10/delay=200; } 2> "$BATS_TEST_TMPDIR/took"
    [ "$(tr -d . < "$BATS_TEST_TMPDIR/took")" -ge 200 ]
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

# request TEXT: send it, with printf's escapes; $HEAD and page as from get.
request() {
    cd "$BATS_TEST_TMPDIR"
    exec 4<> "/dev/tcp/127.0.0.1/$PORT"
    # shellcheck disable=SC2059 # the escapes are meant
    printf "$1" >&4
    timeout 10 cat <&4 > all 2> error || true # a reset is an error
    exec 4>&-
    same '' "$(< error)" "the error of: $1"
    HEAD=$(sed '/^\r$/q; s/\r$//' all)
    sed '1,/^\r$/d' all > page
}

@test "slow-http: bytes after the request do not destroy the end of the page" {
    for method in GET POST; do
        request "$method /1000000 HTTP/1.1\r\nContent-Length: 9\r\n\r\nsome body"
        exec 4<> "/dev/tcp/127.0.0.1/$PORT"
        printf '%s /1000000/delay=50 HTTP/1.1\r\n\r\n' "$method" >&4
        sleep 0.01
        printf 'GET /30 HTTP/1.1\r\n\r\n\0\0' >&4
        timeout 10 cat <&4 > all
        exec 4>&-
        sed '1,/^\r$/d' all > page
        [ "$method" = POST ] || same 1000000 "$(wc -c < page)" "bytes"
    done
}

@test "slow-http: a line ends in CR LF or LF, the empty one too; empty lines before are no request" {
    for text in 'GET /9 HTTP/1.1\n\n' 'GET /9 HTTP/1.1\r\n\n' 'GET /9 HTTP/1.1\n\r\n' \
        'GET /9 HTTP/1.0\nHost: x\n\r\n' '\r\n\n\r\nGET /9 HTTP/1.1\r\n\r\n'; do
        request "$text"
        contains "$HEAD" 'HTTP/1.1 200 OK'
        same 9 "$(wc -c < page)" "bytes for $text"
    done
}

@test "slow-http: HEAD gets the same head and no page, also of a page in chunks" {
    for path in /3000 /3000/chunked /3000/close /x; do
        request "GET $path HTTP/1.1\r\n\r\n"
        local wanted=$HEAD
        request "HEAD $path HTTP/1.1\r\n\r\n"
        same "$wanted" "$HEAD" "the head of $path"
        same 0 "$(wc -c < page)" "bytes"
    done
}

@test "slow-http: a client may ask as it asks a proxy; a query changes nothing" {
    for path in http://127.0.0.1:8000/9 HTTP://x/9 '/9?x' 'http://x/9?y=/10'; do
        request "GET $path HTTP/1.1\r\n\r\n"
        same 9 "$(wc -c < page)" "bytes of $path"
    done
    for path in http://x 'http://x?/9' http:/9x; do
        request "GET $path HTTP/1.1\r\n\r\n"
        contains "$HEAD" '404 Not Found'
    done
}

@test "slow-http: what is no request gets 400 at once, and nothing of it is in the log" {
    for text in '\x16\x03\x01' 'GET /9\0 HTTP/1.1\r\n\r\n' 'GET /9 HTTP/1.1\r\nX: \0\r\n\r\n' \
        'GET /\033[2J HTTP/1.1\r\n\r\n' 'GET /\x9b31m HTTP/1.1\r\n\r\n' 'GET\r\n\r\n' \
        'GET /9 x\r\n\r\n' 'get /9 HTTP/1.1\r\n\r\n'; do
        request "$text"
        contains "$HEAD" '400 Bad Request'
    done
    run -1 grep -a $'[^ -~]' "$LOG"
    request "GET /$(printf '%0300d' 9) HTTP/1.1\r\n\r\n"
    contains "$HEAD" '414 URI Too Long'
    request "GET /9 HTTP/1.1\r\nX: $(printf '%09000d' 9)\r\n\r\n"
    contains "$HEAD" '431 Request Header Fields Too Large'
    request "PUT /9 HTTP/1.1\r\n\r\n"
    contains "$HEAD" '405 Method Not Allowed'
    contains "$HEAD" 'Allow: GET, HEAD'
}

@test "slow-http: stopped and continued while it reads, waits and sends, it sends the page" {
    exec 4<> "/dev/tcp/127.0.0.1/$PORT" 5<> "/dev/tcp/127.0.0.1/$PORT"
    printf 'GET /10 HTTP/1.1\r\n' >&4
    printf 'GET /20000000/delay=200 HTTP/1.1\r\n\r\n' >&5
    for i in 1 2 3 4; do
        sleep 0.1
        kill -STOP "$PID"
        kill -CONT "$PID"
        kill -WINCH "$PID"
    done
    printf 'Host: x\r\n\r\n' >&4
    contains "$(timeout 10 cat <&4)" '200 OK'
    same 20000000 "$(timeout 20 cat <&5 | sed '1,/^\r$/d' | wc -c)" "bytes"
    exec 4>&- 5>&-
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
