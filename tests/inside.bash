# Looking inside: a server's system calls, as clients/xray prints them. A test
# may ask for what is true of every right server, in any language: not for an
# order of calls, and not for how long a call took.

XRAY=$ROOT/clients/xray

# The names of a call, for grep -xE.
RECV='recv(from|msg)?|readv?' SEND='send(to|msg)?|writev?'

# needs_xray: skip where the system does not allow tracing.
needs_xray() {
    local status=0
    "$XRAY" -o /dev/null -- true 3>&- || status=$?
    [ "$status" != 77 ] || skip "no tracing here (ptrace)"
    same 0 "$status" "exit status of xray -- true"
}

# under_xray: from now on $PROGRAM runs under xray. The lines go to $TRACE, and
# when the program ends, the summary too. The program keeps its pid.
under_xray() {
    [ "$PROGRAM" != "$BATS_TEST_TMPDIR/under-xray" ] || return 0
    needs_xray
    TRACE=$BATS_TEST_TMPDIR/trace
    printf '#!/usr/bin/env bash\n%s\nexec %s "$@"\n' \
        "export ASAN_OPTIONS=detect_leaks=0 # it does not work under ptrace" \
        "$(quoted "$XRAY" -o "$TRACE" --summary -- "$PROGRAM")" \
        > "$BATS_TEST_TMPDIR/under-xray"
    chmod +x "$BATS_TEST_TMPDIR/under-xray"
    PROGRAM=$BATS_TEST_TMPDIR/under-xray
}

# tally COLUMN NAME...: the sum of a column of the summary for these calls.
# COLUMN: calls, slept, ms, bytes or refused.
tally() {
    local column=$1
    shift
    awk -v column="$column" -v names=" $* " '
        BEGIN { n = split("call calls slept ms bytes refused", name)
                for (; n > 0; n--) at[name[n]] = n }
        /^call / { inside = 1 }
        /^asleep in/ { inside = 0 }
        inside && index(names, " " $1 " ") { n += $at[column] }
        END { print n + 0 }' "$TRACE"
}

# calls_seen: its calls from listen() on, without its log and its locks; a line
# for each call: thread, name, arguments, result, with tabs between.
calls_seen() {
    sed -nE '/ listen\(/,$ {
        /\) sleeps \.\.\.$/d; / futex\(/d
        s/^xray +[0-9.]+ ms: (\[([0-9]+)\] )?([a-z_0-9]+)\(([^)]*)\):? ?(.*)$/\2	\3	\4	\5/p
    }' "$TRACE"
}

# sleeps: the name of the call, on a line for each time that it slept. A call
# that waits only for time is a "nap". A thread that never touches a client, as
# one that waits for signals, is left out; so is a nap of microseconds, as a
# language's runtime takes it before it asks for a lock again.
sleeps() {
    calls_seen | awk -F '\t' '
        $2 == "accept" || $2 ~ /^(recv|send)/ { touches[$1] }
        $2 == "accept" { client[$4] }
        $2 ~ /^(read|write)/ && $3 in client { touches[$1] }
        $4 !~ /^slept / { next }
        $2 ~ /nanosleep$/ && $3 ~ /^0(\.[0-9]+)? ms$/ { next }
        $2 == "nanosleep" || $3 ~ /^(0 watched, )?[0-9.]+ m?s$/ { $2 = "nap" }
        { thread[++n] = $1; call[n] = $2 }
        END { for (i = 1; i <= n; i++)
                  if (thread[i] in touches || call[i] ~ /select|poll/)
                      print call[i] }'
}

# waits_for_sockets: how often it has called select(), poll() or epoll_wait()
# for an fd.
waits_for_sockets() {
    calls_seen | awk -F '\t' '
        $2 ~ /^p?select$|poll/ && $2 !~ /^epoll_c/ &&
            $3 !~ /^(0 watched)?(, )?([0-9.]+ m?s)?$/ { n++ }
        END { print n + 0 }'
}

# fds_waited_for: the most fds that select() or poll() have waited for at once;
# if several threads wait, the sum over them.
fds_waited_for() {
    calls_seen | awk -F '\t' '
        $2 ~ /^p?(select|poll)$/ || $2 == "ppoll" {
            n = 0
            gsub(/[0-9.]+ m?s/, "", $3)
            while (match($3, /[0-9]+ fds/)) {
                n += substr($3, RSTART, RLENGTH) + 0
                $3 = substr($3, 1, RSTART - 1) substr($3, RSTART + RLENGTH)
            }
            n += gsub(/[0-9]+/, "", $3)
            if (n > most[$1]) most[$1] = n
        }
        END { for (thread in most) sum += most[thread]; print sum + 0 }'
}

# slept_in REGEX...: it has slept in each of these calls, and in no other.
slept_in() {
    local wanted all
    all=$(IFS='|' && echo "$*")
    echo "It slept in:"
    sleeps | sort | uniq -c
    for wanted; do
        sleeps | grep -qxE "$wanted" || { echo "but it never slept in $wanted"; return 1; }
    done
    ! sleeps | grep -vxE "$all" > "$BATS_TEST_TMPDIR/elsewhere" ||
        { echo "but it may sleep only in $all"; return 1; }
}

# slept_only_in NAME...: it has slept in one of these calls, two times or more,
# and in no other. Where it slept in another one, say with which client of
# busy_scene, and for how long: all others waited meanwhile.
slept_only_in() {
    local calls
    calls=$(sleeps | sort | uniq -c | awk '{ print "  " $1 " times in " $2 "()" }')
    case " $* " in
        *" $(sleeps | sort -u) "*)
            [ "$(sleeps | wc -l)" -lt 2 ] || return 0 ;;
    esac
    echo "wanted: it sleeps two times or more, in one call, and this is one of:"
    echo "  $*"
    echo "got:"
    echo "${calls:-  it never sleeps}"
    calls_seen | awk -F '\t' -v may=" $* " '
        $2 ~ /^accept/ && $4 ~ /[0-9]$/ {
            fd = $4; sub(/.* /, "", fd); name[fd] = substr("ABCD", ++n, 1) }
        $4 ~ /^slept / && $2 ~ /^(accept|recv|read|send|write)/ &&
            !index(may, " " $2 " ") {
            fd = $3; sub(/[ ,].*/, "", fd); time = $4
            match(time, /[0-9.]+ m?s/)
            time = substr(time, RSTART, RLENGTH)
            ms = time ~ /ms/ ? time + 0 : 1000 * time
            if (ms > longest) {
                longest = ms; call = $2; at = fd; how_long = time } }
        END {
            if (call == "") exit
            with = at in name ? (call ~ /^[sw]/ ? " to " : " from ") name[at] : ""
            print "the longest: " how_long " in " call "()" with \
                (at in name ? ", and all other clients waited" : "") }'
    return 1
}

# births: how many threads and processes have begun so far.
births() {
    grep -cE ' a (thread|process) begins$' "$TRACE" || true
}

# readers: how many threads or processes have received from a client.
readers() {
    calls_seen | awk -F '\t' '$2 ~ /^(recv|read)/ && $4 ~ /copied [0-9]/ { print "thread " $1 }' |
        sort -u | grep -c .
}

# received: how many bytes it has received from clients.
received() {
    calls_seen | awk -F '\t' '$2 ~ /^(recv|read)/ && $4 ~ /copied [0-9]/ {
        sub(/.*copied /, "", $4); n += $4 } END { print n + 0 }'
}

# busy_scene: a bit of everything. Several clients send in turns and at once;
# one sends much and never reads; then a half-close, a reset, and a pause.
busy_scene() {
    scene --timeout 20 <<'END' || return
server -q
A connect; B connect; C connect
A send "one\n"; B send "two\n"; A send "three\n"
A expect "ONE\nTHREE\n"
B expect "TWO\n"
wait 20ms
D connect
D send 20000000 x
wait 100ms
A send 1000000 x
A expect 1000000 X
B shut
B expect eof
C send "x"; C reset
A send "four\n"
A expect "FOUR\n"
D reset
A send "alive\n"
A expect "ALIVE\n"
A close
wait 50ms
END
}

# takes_short_turns: see takes_turns_with_a_greedy_client. Between two calls for
# another fd, or two waits, one thread that serves all clients has not read more
# than 4 MiB (with more than eight recv) from one client.
takes_short_turns() {
    [ "$TRACE" != /dev/null ] && [ "$(readers)" = 1 ] || return 0
    calls_seen | awk -F '\t' '
        $2 ~ /^(recv|read|send|write)/ && $3 != fd { fd = $3; bytes = calls = 0 }
        $2 !~ /^(recv|read|send|write)/ { fd = ""; bytes = calls = 0 }
        $2 ~ /^(recv|read)/ && /copied [0-9]/ {
            n = $4; sub(/.*copied /, "", n); bytes += n; calls++
            if (bytes > most) { most = bytes; with = calls } }
        END { printf "longest turn: %d bytes, %d recv\n", most, with
              exit most > 4194304 && with > 8 }'
}
