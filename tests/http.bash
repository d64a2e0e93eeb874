# What the tests of the three HTTP steps share: 02d, 03k and 05d. These differ
# in their I/O model alone, so all tests here are for each of them. $SERVER, if
# set, is another web server in the place of the step.

# step_program STEP: the program under test, built.
step_program() {
    PROGRAM=${SERVER:-$ROOT/$LESSON/steps/$1}
    case $PROGRAM in /*) ;; *) PROGRAM=$PWD/$PROGRAM ;; esac
    [ -n "${SERVER:-}" ] || build "$LESSON/steps/$1"
}

# web STEP [FLAG...]: start this step of the lesson; its port is $PORT.
web() {
    step_program "$1"
    FLAGS=
    shift
    start_server "$@"
}

# dial: connect to it, on fd 4.
dial() {
    exec 4<> "/dev/tcp/127.0.0.1/$PORT"
}

# request TEXT: send it on fd 4. TEXT has printf's escapes.
request() {
    # shellcheck disable=SC2059 # it is a format, without arguments
    printf "$1" >&4
}

# expect_answer STATUS [bare]: the next answer on fd 4 has this status, the type
# and the length of its body, and that body; or no body (bare). It is in $HEADER
# and $BODY.
expect_answer() {
    local LC_ALL=C line length
    IFS= read -r -t 5 -u 4 line || { echo "no answer, but: $line"; return 1; }
    same "HTTP/1.1 $1"$'\r' "$line" "status line"
    HEADER='' BODY=''
    while IFS= read -r -t 5 -u 4 line && [ "$line" != $'\r' ]; do
        [[ $line =~ ^[A-Za-z-]+:\ [^[:cntrl:]]+$'\r'$ ]] || { echo "$line"; return 1; }
        HEADER+=$line
    done
    contains "$HEADER" $'Content-Type: text/html; charset=utf-8\r'
    length=${HEADER#*Content-Length: } length=${length%%$'\r'*}
    [ "$length" -gt 100 ]
    if [ "${2:-}" != bare ]; then
        IFS= read -r -t 5 -u 4 -N "$length" BODY
        contains "$BODY" '<!doctype html>'
    fi
}

# expect_eof: nothing comes on fd 4 but the end of file.
expect_eof() {
    same end "$(timeout 5 cat <&4 && echo end)" "what follows the last answer"
    exec 4>&-
}

# It answers what a browser, curl, or a student with nc sends.
speaks_http() {
    web "$1" -q
    local host='Host: x\r\n' n

    dial # one connection for several requests: keep-alive
    request "GET / HTTP/1.1\r\n$host\r\n"
    expect_answer '200 OK'
    contains "$BODY" 'requests so far'
    contains "$HEADER" 'Connection: keep-alive'
    request "GET /favicon.ico HTTP/1.1\r\n$host\r\n"
    expect_answer '404 Not Found'
    request "HEAD / HTTP/1.1\r\n$host\r\n"
    expect_answer '200 OK' bare
    request "\r\nGET /?x=/y HTTP/1.1\r\nhOST:x\r\nConnection: a, Keep-Alive\r\n\r\n"
    expect_answer '200 OK'
    request "\r\n\r\n\n" # empty lines before a request
    sleep 0.02
    request "\r\nGET http://x/ HTTP/1.1\nHost: x\n\n"
    expect_answer '200 OK'
    for n in G 'ET / HT' 'TP/1.1\r' '\nHost: x\r\n' '\r' '\n'; do # in pieces
        request "$n"
        sleep 0.02
    done
    expect_answer '200 OK'
    request "HEAD /1 HTTP/1.1\r\n$host\r\nGET / HTTP/1.1\r\n$host\r\nGET /3 HT"
    expect_answer '404 Not Found' bare # two and a half at once, in order
    expect_answer '200 OK'
    request "TP/1.1\r\n${host}Connection: x, Close\r\n\r\nGET / HTTP/1.1\r\n"
    expect_answer '404 Not Found'
    contains "$HEADER" 'Connection: close'
    expect_eof

    dial
    request "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    expect_answer '200 OK'
    contains "$HEADER" 'Connection: keep-alive'
    request "GET / HTTP/1.0\r\n\r\n"
    expect_answer '200 OK'
    contains "$HEADER" 'Connection: close'
    expect_eof
}

# It refuses bytes that are no valid request, and closes the connection.
refuses_politely() {
    web "$1" -q
    local nonsense host='Host: x\r\n' k
    for nonsense in "hello\r\n" "\rGET / HTTP/1.1\r\n$host" "GET /\r\n$host" "GET / HTTP/2.0\r\n$host" \
        "GET / HTTP/1.1 x\r\n$host" "GET / HTTP/1.1\r\n" \
        "GET / HTTP/1.1\r\n$host$host" "GET / HTTP/1.1\r\n${host}x\r\n" \
        "GET / HTTP/1.1\r\n$host folded\r\n" "GET / HTTP/1.1\r\nHost : x\r\n" \
        "GET / HTTP/1.1\r\n${host}X: \0x\r\n" "\xff\xfe / HTTP/1.1\r\n$host"; do
        dial
        request "$nonsense\r\n"
        expect_answer '400 Bad Request'
        expect_eof
    done

    for nonsense in '\x16\x03\x01\x02' '\0' ' ' '\rG'; do # no line ends here
        dial
        request "$nonsense"
        expect_answer '400 Bad Request'
        expect_eof
    done

    dial # it does not take the body for a request
    request "POST / HTTP/1.1\r\n${host}Content-Length: 37\r\n\r\nGET / HTTP/1.1\r\n$host\r\n"
    expect_answer '405 Method Not Allowed'
    contains "$HEADER" 'Allow: GET, HEAD'
    expect_eof
    dial
    request "GET / HTTP/1.1\r\n${host}Content-Length: 37\r\n\r\nGET / HTTP/1.1\r\n$host\r\n"
    expect_answer '200 OK'
    expect_eof

    printf -v k '%1000s' ''
    dial
    request "GET / HTTP/1.1\r\n${host}X: ${k// /$k}" 2> /dev/null || true # 1 MB
    expect_answer '431 Request Header Fields Too Large'
    expect_eof
    dial
    request "GET / HTTP/1.1\r\n${host}X: $k$k$k$k$k$k$k\r\n\r\n" # 7 kB are allowed
    expect_answer '200 OK'
}

# learn_answer STEP: set $NOWHERE to the answer to $ASK, with play's escapes.
learn_answer() {
    ASK='HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n'
    web "$1" -q
    dial
    request "$ASK${ASK/Host/Connection: close\\r\\nHost}"
    expect_answer '404 Not Found' bare
    NOWHERE="HTTP/1.1 404 Not Found\r\n${HEADER//$'\r'/\\r\\n}\r\n"
    exec 4>&-
    teardown
}

# Nothing that one client does ends it, or stops the answers to another.
stands_its_clients() {
    learn_answer "$1"
    scene << END
server -q
S connect
A connect; A send "GET / HTTP/1.1\r\nHost: x\r\n\r\n"; A reset
B connect; B send "GET / HTTP/1.1\r\nHost: x\r\n\r\n"; B close
C connect; C send "\xff"; C send "!" urgent; C send 2048 "x"
D connect; D reset
E connect; E send "$ASK"; E shut
E expect "$NOWHERE"; E expect eof
F connect; F send 3000 "GET / HTTP/1.1\r\nHost: x\r\n\r\n"; F shut
G connect; G send "$ASK"; G expect "$NOWHERE"
idle 50ms
memory 400
G send "$ASK"; G expect "$NOWHERE"
F reset
C close
P connect; P send "POST / HTTP/1.1\r\nHost: x\r\n\r\n"; P send 3000000 "x"
wait 50ms
P close
S send "$ASK"; S expect "$NOWHERE"
idle 50ms
END
}

# When the kernel has room for a part of an answer only, the rest comes later.
pays_its_debts() {
    web "$1" -q
    dial
    # 9 MB of answers: more than the kernel keeps for a client that does not read
    { printf 'GET / HTTP/1.1\r\nHost: x\r\n\r\n%.0s' {1..5999}
        printf 'GET / HTTP/1.0\r\n\r\n'; } >&4 3>&- &
    sleep 0.3
    same 6000 "$(timeout 20 cat <&4 | tee "$BATS_TEST_TMPDIR/all" |
        grep -c '^HTTP/1.1 200 OK')" "answers"
    same 6000 "$(grep -c '^<!doctype.*reload: wh.* grown' "$BATS_TEST_TMPDIR/all")" "pages"
    exec 4>&-
}

# Without a free fd it sleeps, serves its clients, and accepts again later.
serves_without_fds() {
    learn_answer "$1"
    scene << END
limit 12
server -q
A connect
A send "$ASK"; A expect "$NOWHERE"
crowd 30 send "$ASK"
wait 50ms
A send "$ASK"; A expect "$NOWHERE"
idle 50ms
crowd leaves
B connect
B send "$ASK"; B expect "$NOWHERE"
idle 50ms
END
}

# curl accepts all answers.
suits_curl() {
    command -v curl > /dev/null || skip "curl is missing"
    web "$1" -q
    local url="http://127.0.0.1:$PORT" cookie n=3000
    [ -z "${RESTLESS:-}" ] || n=100 # a nap before each of them
    fetch() { curl -sS -m 20 -o /dev/null -w '%{http_code}\n' --noproxy '*' "$@" 3>&-; }

    run -0 curl -sS -m 20 --noproxy '*' -o /dev/null \
        -w '%{http_code} %{num_connects} %{content_type}\n' "$url/?[1-$n]" 3>&-
    same "$n" "$(grep -c '^200 . text/html; charset=utf-8$' <<< "$output")" "answers"
    same 1 "$(grep -c '^200 1 ' <<< "$output")" "connections"
    same 404 "$(fetch "$url/favicon.ico")"
    same 200 "$(fetch -I "$url/")"
    same 200 "$(fetch -0 "$url/")"
    same 405 "$(fetch -d x=y "$url/")"
    same 405 "$(fetch -X DELETE "$url/")"
    printf -v cookie '%10240s' ''
    same 431 "$(fetch -H "Cookie: ${cookie// /c}" "$url/")"
    same 405 "$(head -c 3000000 /dev/zero | fetch -H Expect: --data-binary @- "$url/")"
}

# The page has the same numbers of calls as xray.
counts_what_it_does() {
    local name said seen wrong=''
    step_program "$1"
    under_xray
    FLAGS='' start_server -q
    dial
    request 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
    expect_answer '200 OK'
    exec 5<> "/dev/tcp/127.0.0.1/$PORT" 6<> "/dev/tcp/127.0.0.1/$PORT" 6>&-
    sleep 0.1
    request 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
    expect_answer '200 OK'
    exec 4>&- 5>&-
    # from listen() to the last answer, whose own send() is not counted yet
    seen=$(grep -v ' sleeps \.\.\.$' "$TRACE" |
        awk '/ listen\(/ { n = NR } { all[NR] = $0 }
        / send\(/ { last = NR }
        END { for (i = n; i < last; i++) print all[i] }')
    while read -r name said; do
        same "$(grep -c " $name(" <<< "$seen")" \
            "$said" "calls of $name" || wrong+=" $name"
    done < <(grep -oE '<th>[a-z_]+<td>[0-9]+' <<< "$BODY" | sed 's/<th>//; s/<td>/ /')
    same '' "$wrong"
    [[ $BODY =~ \<b\>([0-9]+)\</b\>times\ EAGAIN ]]
    same "$(grep -c EAGAIN <<< "$seen")" "${BASH_REMATCH[1]}" EAGAIN
    [[ $BODY =~ \<b\>2\</b\>clients\ now.*\<b\>2\</b\>requests\ so\ far ]]
}

# ---------------------------------------- what edge-triggering reports once

# The server is stopped while the clients send, so it gets one event for all.

lets_all_five_in() {
    learn_answer "$1"
    scene << END
server -q
signal STOP
crowd 5 send "$ASK"
signal CONT
crowd expect "$NOWHERE"
END
}

reads_all_there_is() {
    learn_answer "$1"
    scene << END
server -q
A connect
A send "$ASK"; A expect "$NOWHERE"
signal STOP
A send "${ASK%'\r\n'}X: "; A send 5000 "x"; A send "\r\n\r\n"
signal CONT
A expect "$NOWHERE"
signal STOP
A send 1000 "$ASK"
signal CONT
A expect 1000 "$NOWHERE"
END
}

waits_for_no_client() {
    learn_answer "$1"
    scene << END
server -q
A connect
B connect
B send "$ASK"; B expect "$NOWHERE"
C connect
B send "$ASK"; B expect "$NOWHERE"
C send "$ASK"; C expect "$NOWHERE"
idle 50ms
END
}
