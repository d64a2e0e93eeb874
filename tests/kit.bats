load helper
load steps

# The kit as a whole: the lessons' common text, and what the files promise.

setup_file() { :; }

# functions FILE...: each function in a file of its own, FILE/NAME, under
# $BATS_TEST_TMPDIR/functions; with the comment before it.
functions() {
    awk -v root="$BATS_TEST_TMPDIR/functions" '
        FNR == 1 { comment = ""; head = ""; out = ""
                   folder = FILENAME; gsub("/", "+", folder) }
        out != "" { print > out; if (/^}/) { close(out); out = "" } next }
        /^\/\*/ { comment = ""; in_comment = 1 }
        in_comment { comment = comment $0 "\n"
                     if (/\*\//) in_comment = 0
                     next }
        /^{/ && head != "" {
            name = head; sub(/\(.*/, "", name); sub(/.*[ *)]/, "", name)
            if (head ~ /__attribute__/) {
                name = head; sub(/.*\)\) */, "", name); sub(/\(.*/, "", name)
                sub(/.*[ *]/, "", name)
            }
            out = root "/" name "@" folder
            printf "%s%s%s\n", comment, head, $0 > out
            head = ""; comment = ""; next }
        /^[a-z].*\(/ && !/;$/ { head = $0 "\n"; next }
        head != "" { head = head $0 "\n"; next }
        /^$/ { comment = "" }
    ' "$@"
}

@test "a function that recurs in several lessons has the same bytes in all" {
    # What the model changes, and nothing else, may differ:
    local model=" main watch on_accept exchange "
    local drifted='' name first
    mkdir -p "$BATS_TEST_TMPDIR/functions"
    cd "$ROOT"
    functions 0*-*/server.c 0*-*/client.c
    cd "$BATS_TEST_TMPDIR/functions"
    [ "$(ls | wc -l)" -gt 80 ] # they were found
    for name in $(ls | sed 's/@.*//' | sort -u); do
        case $model in *" $name "*) continue ;; esac
        first=
        for file in "$name"@*; do
            cmp -s "${first:=$file}" "$file" ||
                { drifted+=" $name"; diff "$first" "$file" || true; }
        done
    done
    same '' "$drifted" "functions that have drifted apart"
}

# alike NAME...: each of these functions has the same bytes wherever it is, but
# for what a header needs: "inline", and no attribute.
alike() {
    local name first file drifted=''
    for name; do
        first=
        for file in "$BATS_TEST_TMPDIR/functions/$name"@*; do
            sed -i 's/^static inline /static /; s/^static __attr.*)) /static /' \
                "$file"
            cmp -s "${first:=$file}" "$file" ||
                { drifted+=" $name"; diff "$first" "$file" || true; }
        done
    done
    same '' "$drifted" "functions that have drifted apart"
}

@test "a step.h has the functions of server.c, the same in all lessons" {
    local shared
    mkdir -p "$BATS_TEST_TMPDIR/functions"
    cd "$ROOT"
    functions 0*-*/server.c 0*-*/steps/*.h
    shared=$(cd "$BATS_TEST_TMPDIR/functions" && ls -- *+steps+*.h |
        sed 's/@.*//' | sort -u)
    contains "$shared" begin_step
    # shellcheck disable=SC2086 # they are words
    alike $shared
}

@test "a step includes system headers, step.h and its lesson's modules alone" {
    local file header
    cd "$ROOT"
    for file in 0*-*/steps/*.[ch]; do
        for header in $(sed -n 's/^#include "\(.*\)"/\1/p' "$file"); do
            case $header in
                step.h | http.h | ../selector.h | ../co*.h) ;;
                *) echo "$file includes $header"; return 1 ;;
            esac
        done
    done
}

@test "no line of code has more than 79 columns" {
    cd "$ROOT"
    run -1 env LC_ALL=C.UTF-8 grep -nE '^.{80,}' 0*/*.[ch] 0*/*/*.[ch] \
        clients/*.[ch] tests/*.c
}

@test "clients/README.md: its commands print what it says" {
    build clients/play 01-blocking/steps/01h-late 02-nonblocking/steps/02g-late \
        03-select/server
    build clients/xray && "$ROOT/clients/xray" -q -o /dev/null -- true ||
        skip "no tracing here (ptrace)"
    LESSON=clients readme_is_true
}

@test "every step has a test, and its place in the READMEs" {
    local step lesson name
    cd "$ROOT"
    for step in 0*/steps/*.c; do
        name=$(basename "$step" .c) lesson=${step%%/*}
        grep -qE "^@test \"${name%%-*} " "tests/${name:0:2}"-*.bats ||
            { echo "tests/${name:0:2}-steps.bats has no test of $name"; return 1; }
        grep -q "${name%%-*}" "$lesson/README.md" ||
            { echo "$lesson/README.md does not mention $name"; return 1; }
        grep -qF "](steps/$name.c)" "$lesson/NOTES.md" ||
            { echo "$lesson/NOTES.md does not lead to $step"; return 1; }
        [ ! -e "${step%.c}.play" ] || grep -q " plays $name" "tests/${name:0:2}"-*.bats ||
            { echo "tests/${name:0:2}-steps.bats does not play $name"; return 1; }
    done
}

@test "every step asks a question, in its scene or before it runs" {
    local step question
    cd "$ROOT"
    for step in 0*/steps/*.c; do
        if [ -e "${step%.c}.play" ]; then
            grep -q '^ask .*?$' "${step%.c}.play" ||
                { echo "${step%.c}.play asks nothing"; return 1; }
        else
            question=$(awk '/^#include/ { exit } /^ \* Question: / { inside = 1 }
                inside { print } /\?$/ { inside = 0 }' "$step")
            [[ $question == *'?' && $(wc -l <<< "$question") -le 3 ]] ||
                { echo "$step has no question, or a long one"; return 1; }
        fi
    done
    run -1 grep -n '^ask .*[^?]$' 0*/*.play 0*/steps/*.play # statements
}

@test "every lesson's test lists each row of the contract, or says why not" {
    local row file
    for file in "$BATS_TEST_DIRNAME"/0*.bats; do
        [[ $file != *-steps.bats ]] || continue
        for row in $(sed -n 's/^\([a-z0-9_]*\)() {$/\1/p' \
            "$BATS_TEST_DIRNAME/contract.bash"); do
            grep -qE "[{;] $row( [^;]*)?; }" "$file" || grep -q '^# Left out' "$file" ||
                { echo "$file has no $row"; return 1; }
        done
    done
}

@test "Break it: the tests that it names exist" {
    local readme title
    cd "$ROOT"
    for readme in 0*/README.md; do
        awk '/^<details>/ { inside = 1 } /^<\/details>/ { inside = 0 }
            inside && /^ *- "/ { sub(/^ *- "/, ""); line = $0
                while (line !~ /"$/ && (getline > 0)) {
                    sub(/^ */, ""); line = line " " $0 }
                sub(/"$/, "", line); print line }' \
            "$readme" > "$BATS_TEST_TMPDIR/titles"
        [ -s "$BATS_TEST_TMPDIR/titles" ] ||
            { echo "$readme names no test"; return 1; }
        while IFS= read -r title; do
            grep -qF "@test \"$title\" {" "tests/${readme%%/*}.bats" ||
                { echo "$readme: no test has the title: $title"; return 1; }
        done < "$BATS_TEST_TMPDIR/titles"
    done
}

@test "each .c compiles by itself, without a warning" {
    local file flags="-std=gnu11 -pthread -Wall -Wextra -Wshadow -Wpedantic"
    cd "$ROOT"
    for cc in gcc clang; do
        command -v "$cc" > /dev/null || continue
        for file in 0*/*.c 0*/*/*.c clients/*.c tests/cheats/*.c; do
            [ -e "$file" ] || continue
            # shellcheck disable=SC2086 # they are words
            run -0 "$cc" $flags -O1 -fsyntax-only "$file"
            same '' "$output" "$cc $file"
        done
    done
}

@test "upper() works on many bytes at once" {
    command -v objdump > /dev/null || skip "objdump is missing"
    [ "$(uname -m)" = x86_64 ] || skip "we know the instructions of x86-64"
    case ${CFLAGS:-} in *-O[0-2s]*) skip "it takes -O3" ;; esac
    build all
    for server in "$ROOT"/0*/server; do
        run -0 objdump -d --no-show-raw-insn "$server"
        echo "$server"
        grep -qE 'p(add|sub|cmpgt|minu)b ' <<< "$output"
    done
}

@test "the READMEs' relative links lead somewhere" {
    local file link
    cd "$ROOT"
    for file in README.md 0*/README.md 0*/NOTES.md clients/*.md; do
        [ -e "$file" ] || continue
        for link in $(grep -oE '\]\([^)#:]+\)' "$file" | tr -d '])('); do
            [ -e "$(dirname "$file")/$link" ] ||
                { echo "$file: $link"; return 1; }
        done
    done
}

@test "the shell scripts are clean" {
    command -v shellcheck > /dev/null || skip "shellcheck is missing"
    cd "$ROOT"
    # Not what bats itself does: variables used elsewhere, subshells, set -e.
    local not_here=SC2034,SC2154,SC1091,SC2317,SC2030,SC2031,SC2164
    run -0 shellcheck -x -S warning -s bash -e "$not_here" tests/*.bash .ci/run
    run -0 shellcheck -S warning clients/*.sh tests/*.sh
    run -0 shellcheck -x -S warning -e "$not_here" tests/*.bats
}
