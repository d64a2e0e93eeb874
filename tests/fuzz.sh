#!/bin/sh
# Fuzz what reads bytes of strangers: each program in tests/fuzz/, built with
# the sanitizers, begins with its corpus and invents inputs for some seconds.
#
#     tests/fuzz.sh [NAME]     `make fuzz`, `make fuzz FUZZ=http SECONDS=60`
#
# SECONDS: of each program (20); 0: only the corpus. An input that fails is kept in build/fuzz and
# printed; build/fuzz/NAME FILE tries it again. clang has libFuzzer, which
# invents inputs; another compiler only tries the corpus.

cd "$(dirname "$0")/.." || exit 1
seconds=${FUZZ_SECONDS:-20}
case $seconds in '' | *[!0-9]*)
    echo "fuzz: SECONDS: '$seconds' is not a number"
    exit 2 ;;
esac
flags='-std=gnu11 -g -O2 -fno-omit-frame-pointer -pthread -w
    -fsanitize=address,undefined -fno-sanitize-recover=all'
export ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-}" # scenes are kept
mkdir -p build/fuzz

# compile NAME: with libFuzzer, if clang has it; $fuzzes: it has.
compile() {
    case $1 in
        http | slow-http) more= ;;
        ftp) more=
            for module in 06-selector/selector*.c 06-selector/ftp/*.c; do
                case $module in
                    */ftp/client.c | */ftp/server.c | */ftp/progress.c) ;;
                    *) more="$more $module" ;;
                esac
            done ;;
        play) more='clients/scene.c clients/words.c clients/pattern.c clients/play-common.c' ;;
    esac
    fuzzes=yes
    # shellcheck disable=SC2086 # they are words
    [ "$seconds" -gt 0 ] && clang $flags -fsanitize=fuzzer -o "build/fuzz/$1" "tests/fuzz/$1.c" $more \
        2> build/fuzz/errors && return
    fuzzes=
    # shellcheck disable=SC2086
    ${CC:-cc} $flags -o "build/fuzz/$1" "tests/fuzz/$1.c" tests/fuzz/main.c $more
}

failed=0 found=0
for source in tests/fuzz/*.c; do
    name=$(basename "$source" .c)
    case $name in main) continue ;; esac
    [ -z "$1" ] || [ "$1" = "$name" ] || continue
    [ "$name" != play ] || [ -f clients/scene.c ] || continue
    found=1
    compile "$name" || { failed=1; continue; }
    status=0
    if [ "$fuzzes" ]; then
        mkdir -p "build/fuzz/$name.corpus"
        "build/fuzz/$name" -max_total_time="$seconds" -max_len=2000 -timeout=10 \
            -rss_limit_mb=3000 -artifact_prefix="build/fuzz/$name-" \
            "build/fuzz/$name.corpus" "tests/fuzz/$name" \
            > build/fuzz/log 2>&1 || status=$?
    else
        "build/fuzz/$name" "tests/fuzz/$name"/* > build/fuzz/log 2>&1 || status=$?
    fi
    if [ "$status" -eq 0 ]; then
        echo "$name: $(tail -n 1 build/fuzz/log)"
    else
        failed=1
        tail -n 40 build/fuzz/log
        echo "$name: an input fails; try it again with build/fuzz/$name FILE"
    fi
done
[ "$found" = 1 ] || { echo "fuzz: there is no '$1'; http, slow-http, ftp or play"; exit 2; }
exit $failed
