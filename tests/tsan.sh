#!/bin/sh
# Run a step under ThreadSanitizer, which reports data races.
#
#     tests/tsan.sh STEP     `make tsan-07c`
#
# A thread that nobody joins is no mistake in a step that is about such
# threads, so these are not reported.

CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
for file in 0*/steps/"$1"-*.c; do
    if [ ! -f "$file" ]; then
        echo "There is no step '$1'. Steps: $(ls 0*/steps |
            sed -n 's/^\(0..\)-.*\.c$/\1/p' | tr '\n' ' ')"
        exit 1
    fi
done
program=build/tsan-$1.$$ # another run may be at work at the same time
if ! mkdir -p build 2> /dev/null || [ ! -w build ]; then
    tmp=$(mktemp -d) || exit 1 # the kit belongs to another user
    program=$tmp/tsan-$1
fi
trap 'rm -rf "$program" ${tmp:+"$tmp"}' EXIT
trap 'exit 1' HUP INT PIPE TERM
${CC:-cc} -std=gnu11 -O1 -g -fsanitize=thread -pthread -o "$program" "$file" &&
    TSAN_OPTIONS="report_thread_leaks=0 $TSAN_OPTIONS" "$program"
