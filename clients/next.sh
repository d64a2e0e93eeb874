#!/bin/sh
# What to type next, after a lesson's scene or after a step.
#
#     clients/next.sh LESSON|STEP
#
# `make 03-select` and `make 03d` end with it. After a step it prints only on
# a terminal, so that a step's output is the step's alone. It offers a diff
# only where the step goes on with another one.

# after NAME NAMES...: the one of NAMES that stands after NAME.
after() {
    name=$1 found=
    shift
    for other; do
        [ -z "$found" ] || { echo "$other"; return; }
        [ "$other" != "$name" ] || found=1
    done
}

# alike STEP: it has half of its lines in common with the step before.
alike() {
    clients/diff.sh "$1" | awk '
        /^(---|\+\+\+) / { while ((getline line < $2) > 0) all++; next }
        /^[-+]/ { changed++ }
        END { exit !(changed > 0 && changed < all / 2 + 5) }'
}

# line COMMAND WHAT
line() {
    printf '       %-33s %s\n' "$1" "$2"
}

lesson_is_over() {
    first=$(basename "$(echo "$1"/steps/*.c | cut -d ' ' -f 1)" .c)
    echo
    echo "Next, by hand:"
    line "$1/server" "in one terminal, and"
    line "$1/client" "in another one or two"
    echo "Then:"
    line "make ${first%%-*}" "the first step"
    line "less $1/README.md" "the steps, and what to try"
    line "less $1/server.c" "its first lines say where to look"
    [ "$1" = 01-blocking ] ||
        line "make diff-$1" "what changed since the lesson before"
    line "make test-$1" "what a server has to stand"
    line "make todo" "write a part of it yourself"
}

step_is_over() {
    file=$(echo 0*/steps/"$1"-*.c)
    lesson=${file%%/*}
    next=$(after "$file" "$lesson"/steps/*.c)
    echo
    echo "Next:"
    line "less $file" "its code"
    diff=
    case $1 in # the same task in an earlier lesson
        02f | 02g | 03m | 05h | 07p) diff=01h-$1 ;;
        03k) diff=02d-$1 ;;
        05d) diff=03k-$1 ;;
        *) ! alike "$1" || diff=$1 ;;
    esac
    [ -z "$diff" ] || line "make diff-$diff" "what is new in it"
    if [ -n "$next" ]; then
        next=$(basename "$next" .c)
        line "make ${next%%-*}" "the next step"
    else
        next=$(after "$lesson/" 0*/)
        [ -z "$next" ] || line "make ${next%/}" "the next lesson"
    fi
}

case $1 in
    *-*) lesson_is_over "$1" ;;
    *) [ ! -t 1 ] || step_is_over "$1" ;;
esac
