# The steps of the lesson, and the commands in its README.md and NOTES.md.

load helper
load contract
load steps
lesson 06-selector

# lives_without_fds STEP SENT ANSWER: without a free fd the step sleeps and
# serves its clients; when a client has closed, it accepts the next one.
lives_without_fds() {
    build "$LESSON/steps/$1"
    SERVER=$ROOT/$LESSON/steps/$1 run -0 "$PLAY" --quiet - 3>&- <<END
limit 10
server
A connect
A send $2
A expect $3
crowd 20
A send $2
A expect $3
idle 100ms
crowd leaves
idle 50ms
B connect
B send $2
B expect $3
END
}

# epoll_ctl_calls STEP: CALLS is how many epoll_ctl() the step makes for one
# client and 50 messages.
epoll_ctl_calls() {
    [ "$(uname)" = Linux ] || skip "epoll is Linux's"
    build "$LESSON/steps/$1"
    PROGRAM=$ROOT/$LESSON/steps/$1
    under_xray
    start_server
    local before
    before=$(epoll_ctls)
    exec 4<> "/dev/tcp/127.0.0.1/$PORT"
    for _ in {1..50}; do
        echo -n hello >&4
        IFS= read -r -N 2 -t 5 _ <&4
    done
    exec 4>&-
    within 2 grep -q ' close(' "$TRACE"
    CALLS=$(($(epoll_ctls) - before))
    echo "$CALLS calls for 50 messages"
}

epoll_ctls() {
    grep -c ' epoll_ctl(' "$TRACE" || true
}

@test "06a each event has its own handler; a slow one makes the next events late" {
    finds 06a-event-queue -s 0.05
    says 'no event' 'onClick: Open' 'onKeyDown: h' 'onClick: Save' 'saved$' \
        'onKeyDown: i  \(.* late\)$' 'onClick: Quit' '5 handled, in order$'
}

@test "06b the backends of this system, what each can watch, and which one is the best" {
    [ "$(uname)" = Linux ] || skip "elsewhere it is kqueue"
    fd_limit_of 1100
    finds 06b-which
    says 'epoll +1, the best +EPERM +readable$' 'kqueue +-$' \
        'poll +2 +readable +readable$' 'select +3 +readable +ERANGE$' \
        'selector_open\(NULL\): epoll$' 'without a free fd: poll$'
}

@test "06c one callback reads, another one answers: ok" {
    plays 06c-callbacks
    survives 06c-callbacks '"x"' '"ok"'
    lives_without_fds 06c-callbacks '"x"' '"ok"'
}

@test "06c it makes two epoll_ctl() for each message: it modifies the registration" {
    epoll_ctl_calls 06c-callbacks
    [ "$CALLS" -ge 100 ] && [ "$CALLS" -le 104 ]
}

@test "06c is no web server: curl does not accept ok as an answer" {
    command -v curl > /dev/null || skip "curl is missing"
    build "$LESSON/steps/06c-callbacks"
    PROGRAM=$ROOT/$LESSON/steps/06c-callbacks start_server
    run -1 curl -sS --max-time 5 "http://127.0.0.1:$PORT/" 3>&-
    contains "$output" "HTTP/0.9"
}

@test "06d it sends back every byte; bytes without room in the kernel are pending" {
    plays 06d-echo
    survives 06d-echo '"x"' '"x"'
    lives_without_fds 06d-echo '"hello"' '"hello"'
}

@test "06d it makes no epoll_ctl() for a message if the kernel has room for the answer" {
    epoll_ctl_calls 06d-echo
    [ "$CALLS" -le 4 ]
}

@test "06 the commands in README.md and NOTES.md print what stands there" {
    readme_is_true
}
