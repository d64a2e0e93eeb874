load helper

# make models runs and draws the six I/O models. Most tests look at one run.

setup_file() {
    build clients/xray clients/models
    # LeakSanitizer does not work in a program that is traced.
    export ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-}"
    make -s -C "$ROOT" models > "$BATS_FILE_TMPDIR/out" \
        2> "$BATS_FILE_TMPDIR/err" 3>&- || echo $? > "$BATS_FILE_TMPDIR/status"
    local page
    page=$(sed -n 's/^The same as a page.*: //p' "$BATS_FILE_TMPDIR/out")
    [ -z "$page" ] || (cd "$ROOT" && cp "$page" "$BATS_FILE_TMPDIR")
}

setup() {
    ! grep -q "no tracing here" "$BATS_FILE_TMPDIR/err" ||
        skip "the system does not let us trace (ptrace)"
    SVG=$BATS_FILE_TMPDIR/models.svg
}

# model NUMBER STEP: what the program did. $table has its rows of the table
# ("main recv(3) 300 ms 0 of 5 280.6 7 0 0 1"). From the page come $asleep, the
# calls that it slept in, and $called, all calls with the fd of each.
model() {
    compgen -G "$ROOT/0*/steps/$2.c" > /dev/null || skip "there is no $2 here"
    local figure
    figure=$(awk -v n="$1" '/<g class="figure">/ { g++ } g == n' "$SVG")
    ! grep -q 'class="cell refusal".*io_uring' <<< "$figure" ||
        skip "there is no io_uring here"
    table=$(awk -v n="$1" '/^Done early/ { exit }
        table { g += /^[a-z]/; if (g == n) print substr($0, 15) }
        /sleeps in/ { table = 1 }' "$BATS_FILE_TMPDIR/out" | tr -s ' ')
    asleep=$(awk -F '[<>(]' '/class="edge"/ { print name } { name = "" }
        /<title>/ { name = $5 }' <<< "$figure" | sort -u | xargs)
    called=$(sed -n 's/.*<title>\([a-z]*([0-9]*)\).*/\1/p' <<< "$figure" |
        sort -u | xargs)
    echo "$table"
    echo "asleep in: $asleep; calls drawn: $called"
}

@test "the page is well-formed, needs no other file, is light and dark, has six figures" {
    command -v xmllint > /dev/null || command -v python3 > /dev/null ||
        skip "xmllint and python3 are missing"
    xmllint --noout "$SVG" ||
        python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$SVG"
    same 6 "$(grep -c '<g class="figure">' "$SVG")" figures
    contains "$(< "$SVG")" "@media (prefers-color-scheme:dark)"
    ! grep -qE '<script|<image|href|@import|url\([^#]' "$SVG"
}

@test "in a pipe the figures are at most 80 columns wide, and have no colours" {
    local text
    text=$(LC_ALL=C tr -d '\200-\277' < "$BATS_FILE_TMPDIR/out")
    same '' "$(LC_ALL=C awk 'length > 80' <<< "$text")" "too wide"
    same '' "$(LC_ALL=C tr -cd '\033' <<< "$text")" "colours"
    same 6 "$(grep -c '^[1-6] [a-z]' <<< "$text")" figures
}

@test "blocking: asleep in recv, and no request is read before the message" {
    model 1 01h-late
    same recv "$asleep"
    contains "$table" "recv(3)"
    contains "$table" " 0 of 5 "
}

@test "non-blocking: refused again and again, asleep in no recv" {
    model 2 02g-late
    same nanosleep "$asleep"
    contains "$table" " 5 of 5 "
    [ "$(awk '{ print $10 }' <<< "$table")" -gt 10 ] # refused
}

@test "multiplexed: asleep only in select" {
    model 3 03m-late
    same select "$asleep"
    contains "$table" " 5 of 5 "
    same 0 "$(awk '{ print $10 }' <<< "$table")" refused
}

@test "signal-driven: the kernel delivers one SIGIO, when the message arrives" {
    model 4 02f-signal-driven
    contains "$table" " 5 of 5 "
    same 1 "$(awk 'NR == 1 { print $11 }' <<< "$table")" signals
    same 1 "$(grep -c '>SIGIO</text>' "$SVG")" "that are drawn"
    ! grep -q 'recv(3)' <<< "$table" # it does not sleep there
}

@test "asynchronous by aio: a second thread sleeps in read" {
    model 5 07p-aio
    contains "$table" " 5 of 5 "
    contains "$table" "thread 2 read(3)"
    same 2 "$(awk 'NR == 1 { print $12 }' <<< "$table")" threads
    [[ $called != *"recv(3)"* ]]
}

@test "asynchronous by io_uring: the message arrives without a recv" {
    model 6 05h-io-uring
    contains "$table" " 5 of 5 "
    contains "$table" "kernel its ring"
    same "recv(6)" "$called" # fd 6: the requests; 3: the ring; 4: the message
}

@test "a program that is missing or fails: the error is in its place, the others are drawn" {
    local kit=$BATS_TEST_TMPDIR/kit fails=02-nonblocking/steps/02g-late
    mkdir -p "$kit"/{clients,01-blocking/steps,02-nonblocking/steps}
    mkdir -p "$kit/05-epoll/steps"
    cp "$ROOT/clients/models" "$kit/clients/"
    cp "$ROOT/01-blocking/steps/01h-late" "$kit/01-blocking/steps/"
    printf '#!/bin/sh\necho "no luck & no end" >&2\nexit 3\n' > "$kit/$fails"
    printf '#!/bin/sh\necho "05h: not here" >&2\nexit 77\n' \
        > "$kit/05-epoll/steps/05h-io-uring"
    chmod +x "$kit/$fails" "$kit/05-epoll/steps/05h-io-uring"
    run -1 "$kit/clients/models" 3>&-
    contains "$output" "recv(3)"
    contains "$output" "no luck & no end"
    contains "$output" "03-select/steps/03m-late: No such file"
    contains "$output" "05h: not here"
    contains "$(< "$kit/build/models.svg")" "no luck &#38; no end"
}

@test "where the system does not allow tracing, one line says so" {
    # A process can have only one tracer.
    run -77 "$ROOT/clients/xray" -q -o /dev/null -- "$ROOT/clients/models" 3>&-
    same 1 "${#lines[@]}" "lines"
    contains "$output" "no tracing here"
    run -0 "$ROOT/clients/xray" -q -o /dev/null -- \
        make -s -C "$ROOT" models 3>&-
    contains "$output" "no tracing here"
}

@test "xray --svg draws one run, and prints how many events it leaves out" {
    local svg=$BATS_TEST_TMPDIR/x.svg
    run -0 "$ROOT/clients/xray" -q -o /dev/null --svg "$svg" -- \
        dd if=/dev/zero of=/dev/null bs=1 count=10100 3>&-
    same 1 "$(grep -c '<g class="figure">' "$svg")" figures
    grep -qE 'then [0-9]+ more events' "$svg"
    [ "$(wc -c < "$svg")" -lt 1000000 ]
    grep -q '</svg>' "$svg"
    run -1 "$ROOT/clients/xray" --svg /nowhere/x.svg -- true 3>&-
    contains "$output" "/nowhere/x.svg: No such file"
}

@test "an argument: the usage, the argument, exit 2" {
    run -2 "$ROOT/clients/models" more 3>&-
    contains "$output" "'more'"
    contains "$output" "usage: clients/models"
}
