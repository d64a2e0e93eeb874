#!/bin/sh
# What to type next, after a lesson's scene or after a step.
#
#     clients/next.sh LESSON|STEP
#
# `make 03-select` and `make 03d` end with it. After a step it prints only on
# a terminal, so that a step's output is the step's alone.

case $1 in
    *-*)
        echo
        echo "Next:  $1/server             in one terminal, and"
        echo "       $1/client             in another one or two"
        echo "       less $1/server.c      its first lines say where to look"
        echo "       less $1/README.md     the steps, and what to try"
        echo "       make diff-$1          what changed since the lesson before"
        echo "       make test-$1          what a server has to stand"
        ;;
    *)
        [ -t 1 ] || exit 0
        before=
        case $1 in 02f | 02g | 03m | 05h | 07p) before=01h- ;; esac
        echo
        echo "Next:  less $(echo 0*/steps/"$1"-*.c)"
        echo "       make diff-$before$1"
        ;;
esac
