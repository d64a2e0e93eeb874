# What the tests of the steps and of the READMEs share. A lesson's file loads
# it after helper. A step that is a server has a scene, which the test plays. A
# step that prints a table is run, and the test checks the table.

# plays STEP: its scene runs as expected. If the scene's first line says
# "# fails on: OTHER", the same scene must fail with the step OTHER.
plays() {
    local steps=$ROOT/$LESSON/steps other
    build "$LESSON/steps/$1"
    run -0 env -u SERVER "$PLAY" --quiet "$steps/$1.play" 3>&-
    other=$(sed -n '1s/^# fails on: \([^ .,]*\).*/\1/p' "$steps/$1.play")
    [ -n "$other" ] || return 0
    build "$LESSON/steps/$other"
    echo server | SERVER=$steps/$other run -0 "$PLAY" --quiet - 3>&-
    run -1 "$PLAY" --quiet --timeout 1 --server "$steps/$other" \
        "$steps/$1.play" 3>&-
}

# finds STEP [ARG...]: run a step that needs no client. It must end by itself
# within 20 s, exit status 0; what it prints is in $output.
finds() {
    local program=$ROOT/$LESSON/steps/$1
    build "$LESSON/steps/$1"
    shift
    # memory that a step has at its end is no leak
    ASAN_OPTIONS=detect_leaks=0 \
        run -0 timeout 20 "$program" "$@" < /dev/null 3>&-
}

# says REGEX...: each one matches a line of $output, in this order.
says() {
    local wanted line=-1
    for wanted; do
        until [[ ${lines[++line]} =~ $wanted ]]; do
            [ "$line" -lt "${#lines[@]}" ] ||
                { printf 'no line (left): %s\n%s\n' "$wanted" "$output"; return 1; }
        done
    done
}

# answers_late STEP BEFORE: the task of 01h, in another model: one late message
# and five requests. The step answers all requests in order, BEFORE of them (0
# or 5) before the message arrives. A machine that stops for 60 ms spoils that,
# so there are three tries.
answers_late() {
    local requests=('of +20 ms is ans' 'of +70 ms is ans' 'of 120 ms is ans' \
        'of 170 ms is ans' 'of 220 ms is ans') try
    for try in 1 2 3; do
        # shellcheck disable=SC2086 # they are words
        finds $1
        says "${requests[@]:0:$2}" 'the message: "hello"' \
            "${requests[@]:$2}" ": 5 requests answered, $2 before" && return
    done
    return 1
}

# survives STEP SENT ANSWER: nothing that ends the notes' own servers ends this
# step, and afterwards a client that sends SENT still gets ANSWER. Both are BYTES
# of a scene; so is GREETING, for a step that sends it to each new client.
survives() {
    local steps=$ROOT/$LESSON/steps greeting=
    build "$LESSON/steps/$1"
    [ -z "${GREETING:-}" ] || greeting="E expect $GREETING"
    SERVER=$steps/$1 run -0 "$PLAY" --quiet - 3>&- < <(
        sed "${RESTLESS:+s/^idle/wait/}" <<END
server
A connect; A send $2; A reset
B connect; B send $2; B close
C connect
C send "\xff"
C send "!" urgent
C send 2048 "x"
D connect; D reset
wait 50ms
C close
E connect
$greeting
E send $2
E expect $3
E reset
idle 50ms
END
    )
}

# readme_is_true: each command of the console blocks in README.md and NOTES.md,
# "$ COMMAND", run from the kit's root, prints what stands below it. Times,
# shares of the CPU, ports, pids and line numbers may differ, as may the width
# of a gap; "..." stands for anything. What cannot be run here is left out.
readme_is_true() {
    local readme line command wanted ran=0
    memory_is_its_own
    for readme in "$ROOT/$LESSON"/README.md "$ROOT/$LESSON"/NOTES.md; do
        [ -e "$readme" ] || continue
        command='' wanted=''
        while IFS= read -r line; do
            case $line in
                '$ '*)
                    prints_what_it_says
                    command=${line#\$ } wanted='' ;;
                *) wanted+=$line$'\n' ;;
            esac
        done < <(awk '/^```/ { inside = /console/; next } inside' "$readme")
        prints_what_it_says
    done
    [ "$ran" -gt 0 ] || { echo "no command in $LESSON/README.md"; return 1; }
}

# For readme_is_true: run $command, compare what it prints with $wanted.
prints_what_it_says() {
    [ -n "$command" ] || return 0
    local tool got pattern
    read -r tool _ <<< "$command"
    case $tool in
        */*) build "$tool" ;;
        *) command -v "$tool" > /dev/null || return 0 ;;
    esac
    ran=$((ran + 1))
    got=$(cd "$ROOT" && env -u SERVER NO_COLOR=1 LC_ALL=C.UTF-8 timeout 30 \
        bash -c "$command" 2>&1 < /dev/null 3>&- 4>&- | mask)
    wanted=$(mask <<< "${wanted%$'\n'}")
    pattern=$(sed 's/[][\\*?(]/\\&/g; s/\.\.\./*/g' <<< "$wanted")
    # shellcheck disable=SC2053 # it is a pattern
    [[ $got == $pattern ]] || {
        echo "$readme: this is not what \$ $command prints, all masked:"
        diff -u -L README -L now <(echo "$wanted") <(echo "$got") || true
        return 1
    }
}

# Replace what differs from run to run.
mask() {
    sed -E 's/127\.0\.0\.1:[0-9]+/127.0.0.1:PORT/g; s/port [0-9]+/port PORT/g
        s/\.(c|h):[0-9]+/.\1:LINE/g; s/pid [0-9]+/pid PID/g; s/\[[0-9]{2,}\]/[PID]/g
        s/[0-9][0-9.,]* ?(ns|us|µs|ms|s|%)($|[^a-zA-Z])/TIME\2/g
        s/^ +[0-9]+\.[0-9]+ / TIME /; s/ +/ /g; s/ $//'
}
