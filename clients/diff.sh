#!/bin/sh
# Compare two of the kit's programs: what is different?
#
#     clients/diff.sh LESSON       its server with that of the lesson before
#     clients/diff.sh STEP         with the step before, in the same lesson
#     clients/diff.sh STEP-STEP    any two steps
#
# `make diff-03c` calls it. On a terminal the diff goes through a pager: $PAGER,
# or less. Exit status 1: there is no such lesson or step.

# file_of NAME: the .c file of a lesson or a step, if there is one.
file_of() {
    if [ -f "$1/server.c" ]; then
        echo "$1/server.c"
    else
        case $1 in
            [0-9][0-9][a-z]) ls 0*/steps/"$1"-*.c 2> /dev/null ;;
        esac
    fi
}

# before FILE FILES...: the one of FILES that stands before FILE.
before() {
    file=$1 last=
    shift
    for other; do
        [ "$other" = "$file" ] && echo "$last"
        last=$other
    done
}

new=$(file_of "$1")
case $new in
    '') old=$(file_of "${1%-*}") new=$(file_of "${1#*-}") ;;
    */steps/*) old=$(before "$new" "$(dirname "$new")"/*.c) ;;
    *) old=$(before "$new" 0*/server.c) ;;
esac
if [ -z "$new" ] || { [ -z "$old" ] && [ "${1%-*}" != "$1" ] &&
    [ ! -f "$1/server.c" ]; }; then
    echo "There is no lesson or step '$1'. Lessons: $(echo 0*/ | tr -d /);" \
        "steps: $(ls 0*/steps | sed -n 's/^\(0..\)-.*\.c$/\1/p' | tr '\n' ' ')"
    exit 1
fi
if [ -z "$old" ]; then
    case $new in
        */steps/*) echo "$1 is the first step of its lesson. Two steps of any" \
            "lessons are compared by, for example, make diff-01h-02g" ;;
        *) echo "$1 is the first lesson: no lesson stands before it" ;;
    esac
    exit
fi

compare() {
    diff -up "$@" -L "$old" -L "$new" "$old" "$new" || [ $? = 1 ]
}

pager=${PAGER:-less}
if [ -t 1 ] && command -v "${pager%% *}" > /dev/null; then
    colour=--color=always
    diff $colour Makefile Makefile 2> /dev/null || colour=
    # shellcheck disable=SC2086 # no word where diff has no colours
    compare $colour | LESS=${LESS:-FRX} sh -c "$pager"
else
    compare
fi
