# The steps of the lesson, and the commands in its README.md and NOTES.md.

load helper
load contract
load steps
lesson 04-poll

@test "04a poll() writes only revents, skips -1, and reports HUP, ERR, NVAL unasked" {
    finds 04a-call
    local again
    says 'nothing has come +1 +- +- +OUT' '3 bytes for each +2 +IN +- +IN OUT' \
        'asked again.* +2 +IN +- +IN OUT' 'the first has read.* +1 +- +- +IN OUT' \
        'turned off +0 +- +- +-' 'and on again +1 +- +- +IN OUT'
    says 'not connected +OUT HUP +HUP$' 'no client has come +- +-$' \
        'a client has come +IN +-$' 'nothing has come +OUT +-$' \
        '2 bytes have come +IN OUT +-$' 'no room .* +IN +-$' \
        'sends no more \(half-close\) +IN( RDHUP)? +-$' \
        'we send no more either +IN OUT( RDHUP)? HUP +HUP$' \
        'a RST +IN OUT( RDHUP)? ERR HUP +ERR HUP$' \
        'closed by ourselves +NVAL +NVAL$' 'nobody writes to +HUP +HUP$' \
        'nobody reads from +OUT ERR +ERR$' 'a regular file, always +IN OUT +-$'
    [ "$(uname)" != Linux ] || says 'an urgent byte.* +IN PRI OUT +-$'
}

@test "04b poll() takes 1,100 fds, as many as may be open; an fd_set does not" {
    fd_limit_of 1200
    finds 04b-past-1024
    says '^poll, 1100 fds.* 1 ready: fd 1[0-9]+$' \
        '^poll, only 1000 files allowed +-1: Invalid' \
        '^select, an fd_set: 128 bytes +refused: it ends at fd 1023$'
    [ "$(uname)" != Linux ] || says '^select, two fd_sets in a row +1 ready: fd 1'
    (ulimit -n 1000 && run -77 "$ROOT/04-poll/steps/04b-past-1024" &&
        contains "$output" "it takes 1200 open files")
}

@test "04c close() does not wake a thread in poll(), which then gets the next file" {
    finds 04c-two-threads
    says '^two threads' 'the first +it wakes: IN' 'the second +it wakes: IN' \
        '^a thread polls' 'we close it +it sleeps on' \
        'the peer sends a byte +it wakes: NVAL' \
        '^a thread polls' 'we close it +it sleeps on' \
        'another file gets its number +it sleeps on' \
        'the old peer sends a byte +it wakes: IN' 'from that number +"other"' \
        'and a pipe' "we write to the pipe +it wakes: the pipe's IN"
    [ "$(uname)" != Linux ] ||
        says 'we close it' 'see the end\? +no' 'a byte +it wakes' 'see the end\? +yes'
}

@test "04 the commands in README.md and NOTES.md print what these say" { readme_is_true; }
