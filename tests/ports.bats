load helper

# Other people's machines: paths, users, environments and tools that a kit
# meets. Each test runs a few commands and a few rows of the other files there.

setup_file() {
    build 01-blocking/steps/01h-late 02-nonblocking/steps/02g-late \
        03-select/server 03-select/client 03-select/steps/03a-call \
        03-select/steps/03b-hello 04-poll/server \
        07-threads-procs/steps/07o-cpu-or-io 08-coroutines/steps/08d-crawl \
        clients/load clients/models clients/play clients/slow-http clients/xray
    COPIES=$(mktemp -d "${TMPDIR:-/tmp}/kit.XXXXXX")
    chmod 755 "$COPIES"
    export COPIES
}

teardown_file() {
    rm -rf "$COPIES"
}

setup() {
    KIT=$ROOT
    # A test runs bats: the one that a user finds, not this one's inner part.
    PATH=${PATH//"$BATS_LIBEXEC:"/}
}

# copy_to NAME: from now on $KIT is a copy of the kit, below $COPIES.
copy_to() {
    KIT=$COPIES/$1
    mkdir -p "$KIT"
    (cd "$ROOT" && tar -cf - --exclude=.git .) | (cd "$KIT" && tar -xpf -)
}

make_() {
    make -s -C "$KIT" "$@" 3>&-
}

# passes FILE REGEX [COMMAND...]: tests of tests/FILE.bats, run by COMMAND (for
# an environment), pass: all that match, at least one.
passes() {
    local file=$KIT/tests/$1.bats rows=$2
    shift 2
    run "$@" bats -f "$rows" "$file" 3>&- < /dev/null
    echo "$output"
    same 0 "$status" "exit status"
    grep -q '^ok ' <<< "$output"
    ! grep -q '^not ok ' <<< "$output"
}

# scene_plays [COMMAND...]: make 03b plays its scene to the end.
scene_plays() {
    run -0 "$@" make -s -C "$KIT" 03b PACE=0 3>&- < /dev/null
    contains "$output" "all as expected"
}

# crawls [COMMAND...]: 08d compiles and runs its programs.
crawls() {
    run -0 "$@" "$KIT/08-coroutines/steps/08d-crawl.sh" 5 3>&- < /dev/null
    contains "$output" "3 of 3 pages, 18000 bytes"
}

# ------------------------------------------------------------------- paths

@test "a clone in a path with spaces, quotes, a dollar sign and other letters" {
    copy_to $'my clones/O\'Brien "\xe7\xa9\xba" $HOME & \\x'
    run -0 make_ 03-select PACE=0
    contains "$output" "all as expected"
    make_ 03a > /dev/null
    make_ diff-03c > /dev/null
    crawls
    touch "$KIT/03-select/server.c" # it compiles there, too
    make_ 03-select/server
    passes 04-poll '^04 (a client that sends without end|it sleeps in poll)'
    passes load 'fds|early end'
    passes makefile 'SERVER=path'
}

@test "SERVER is a path with any character, and the shell runs nothing of it" {
    local name pid pids=()
    cd "$BATS_TEST_TMPDIR"
    for name in "their servers" "O'Brien" -q \
        "x';touch pwned;'" 'a"$b `touch pwned` $(touch pwned) \ # %'; do
        mkdir -- "./$name"
        ln -s "$ROOT/03-select/server" "./$name/server"
        make_ 03-select PACE=0 SERVER="$PWD/$name/server" > "out.${#pids[@]}" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    same 5 "$(grep -l 'all as expected' out.* | wc -l)" "scenes"
    passes 03-select '^03 (every byte|it sleeps in)' env SERVER="$PWD/$name/server"
    [ ! -e pwned ] && [ ! -e "$ROOT/pwned" ]
}

@test "TMPDIR with spaces and quotes" {
    local tmp=$BATS_TEST_TMPDIR/$'o\'tmp "x" $y'
    mkdir "$tmp"
    scene_plays env TMPDIR="$tmp"
    passes 03-select 'it sleeps in select|every byte' env TMPDIR="$tmp"
    passes load 'finds a wrong byte' env TMPDIR="$tmp"
}

# on_noexec COMMAND...: run it where $TMPDIR is a file system without exec.
on_noexec() {
    # shellcheck disable=SC2016 # that shell expands them
    unshare -rm sh -c 'mount -t tmpfs -o noexec none "$TMPDIR" && exec "$@"' \
        sh "$@"
}

@test "TMPDIR on a file system without exec: the tests go elsewhere, or say so" {
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir "$TMPDIR"
    on_noexec true 2> /dev/null || skip "no mount here"
    scene_plays on_noexec
    crawls on_noexec
    run -1 on_noexec bats "$KIT/tests/load.bats" 3>&-
    contains "$output" "No program can run in $TMPDIR (noexec)"
    [ "${#lines[@]}" -lt 12 ]
    fake_bats 1.8.2
    run -0 on_noexec make -s -C "$KIT" test-load 3>&-
    contains "$output" "TMPDIR=$KIT/build/tmp"
}

# ------------------------------------------------------------------- users

@test "umask 002, 027 and 077 change no result" {
    local mask
    passes ftp README env -- bash -c 'umask 002; exec "$0" "$@"' # LIST shows modes
    for mask in 027 077; do
        passes load 'counts the answers' bash -c 'umask '$mask'; exec "$0" "$@"'
    done
}

# as_nobody COMMAND...: run it as a user that owns nothing.
as_nobody() {
    setpriv --reuid 65534 --regid 65534 --clear-groups env -u TMPDIR \
        HOME=/nonexistent "$@"
}

@test "a built kit that belongs to another user: lessons, steps, 08d, models, tests" {
    [ "$(id -u)" -eq 0 ] || skip "only root can become another user"
    command -v setpriv > /dev/null || skip "setpriv is missing"
    copy_to readonly
    chmod -R a+rX,go-w "$KIT"
    as_nobody test -x "$KIT/clients/play" || skip "others do not reach $COPIES"
    scene_plays as_nobody
    run -0 as_nobody make -s -C "$KIT" 03a 3>&-
    run -0 as_nobody make -s -C "$KIT" models 3>&-
    [[ $output == *"no tracing here"* || $output == *"as a page"*/models.svg ]]
    passes 03-select '^03 every byte' as_nobody
    rm -rf "$KIT/build" # the programs are enough
    crawls as_nobody
}

@test "two runs at once in one checkout" {
    local pid pids=()
    copy_to twice
    rm -f "$KIT"/build/08d* # of a run before
    touch "$KIT/03-select/server.c" "$KIT/clients/load.c"
    for _ in 1 2; do
        make_ 03-select/server clients/load &
        pids+=($!)
        "$KIT/08-coroutines/steps/08d-crawl.sh" 5 > "$BATS_TEST_TMPDIR/08d.$!" 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    same 2 "$(grep -lx '# The same again.*' "$BATS_TEST_TMPDIR"/08d.* | wc -l)"
    same '' "$(cd "$KIT/build" && ls -d 08d* 2> /dev/null)" "left in build/"
    scene_plays
}

@test "two runs of a lesson's tests at once, in a script's background" {
    local rows='^03 (it listens|names a port|a line of log|every byte|8 MiB|SIGTERM and'
    rows+=' SIGINT end it at once|a client that (resets|stops)|without a free fd)'
    local run pids=()
    for run in 1 2; do
        passes 03-select "$rows" bash -c 'trap "" INT QUIT; exec "$0" "$@"' \
            > "$BATS_TEST_TMPDIR/run.$run" 2>&1 &
        pids+=($!)
    done
    for run in 1 2; do
        wait "${pids[run - 1]}" || { cat "$BATS_TEST_TMPDIR/run.$run"; return 1; }
    done
}

# denies_ptrace COMMAND...: run it where the kernel refuses ptrace().
denies_ptrace() {
    [ -x "$BATS_TEST_TMPDIR/deny" ] ||
        ${CC:-cc} -x c -o "$BATS_TEST_TMPDIR/deny" - <<'END' || return 77
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { sizeof code / sizeof *code, code };
    if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
        return 77;
    execvp(argv[1], argv + 1);
    return 127;
}
END
    "$BATS_TEST_TMPDIR/deny" "$@"
}

@test "no ptrace, as in some containers: tests that need it are skipped by name" {
    denies_ptrace true 2> /dev/null || skip "no seccomp here"
    copy_to no-ptrace
    rm -f "$KIT/build/models.svg"
    run -0 denies_ptrace make -s -C "$KIT" models 3>&-
    contains "$output" "no tracing here"
    scene_plays denies_ptrace
    passes 'cheats' 'timeout of zero' denies_ptrace
    contains "$output" "# skip no tracing here"
    passes 'models' '^blocking|^the page' denies_ptrace
    contains "$output" "# skip the system does not let us trace"
}

# ------------------------------------------------------------- environment

@test "CDPATH, SERVER, BASH_ENV, GREP_OPTIONS and their like change no result" {
    mkdir -p "$BATS_TEST_TMPDIR/decoy"/{tests,clients,08-coroutines,kit,..}
    echo 'echo NOISE; set -u; cd /' > "$BATS_TEST_TMPDIR/noise"
    local -a odd=(env CDPATH="$BATS_TEST_TMPDIR/decoy" ENV="$BATS_TEST_TMPDIR/noise"
        GREP_OPTIONS=--color=always GREP_COLORS='mt=' GREP_COLOR=7
        POSIXLY_CORRECT=1 STEP= XRAY= LS_COLORS='di=7' QUOTING_STYLE=c
        TIME_STYLE=full-iso BLOCK_SIZE=1K)
    passes 03-select 'it sleeps in select|every byte' "${odd[@]}" PACE=7 XRAY=1
    passes makefile 'diff-NN-name' "${odd[@]}" SERVER=/bin/false XRAY=1 MAKEFLAGS=k
    passes 03-steps '^03b' "${odd[@]}" SERVER=/bin/false
    (cd "$KIT" && crawls "${odd[@]}")
    # A server for the lesson is none for a step.
    scene_plays env SERVER=/bin/false BASH_ENV="$BATS_TEST_TMPDIR/noise"
}

@test "an empty environment" {
    scene_plays env -i
    run -0 env -i make -s -C "$KIT" diff-03c 3>&-
    run -0 env -i make -s -B -C "$KIT" 03-select/steps/03a-call 3>&-
    passes 03-select 'it sleeps in select|every byte' env -i PATH="$PATH"
}

@test "a locale with a decimal comma" {
    local -a german=(env LC_ALL=de_DE.UTF-8)
    if ! locale -a 2> /dev/null | grep -qi '^de_DE\.utf-*8$'; then
        localedef -c -f UTF-8 -i de_DE "$BATS_TEST_TMPDIR/de_DE.UTF-8" \
            2> /dev/null || skip "there is no locale de_DE"
        german+=(LOCPATH="$BATS_TEST_TMPDIR")
    fi
    scene_plays "${german[@]}"
    passes 07-steps '^07o' "${german[@]}"
    passes load 'documented keys' "${german[@]}" LC_ALL= LC_NUMERIC=de_DE.UTF-8
}

@test "LC_ALL=C and zh_CN.UTF-8, TERM=dumb and none" {
    local -a chinese=(env LC_ALL=zh_CN.UTF-8 LANGUAGE=zh_CN) # or C, without it
    scene_plays env LC_ALL=C TERM=dumb
    scene_plays "${chinese[@]}" TERM=unknown
    passes 03-select 'every byte|names a port|wrong usage' "${chinese[@]}"
    passes load 'counts' env -u TERM LC_ALL=C
}

@test "256 file descriptors, and as many as the system allows" {
    local few='ulimit -n 256; exec "$0" "$@"' many='ulimit -n 1048576; exec "$0" "$@"'
    passes 03-select 'every byte|1,000 clients|100 clients' bash -c "$few"
    contains "$output" "# skip the hard limit of open files is 256"
    scene_plays bash -c "ulimit -Sn 256; ${few#*; }"
    (ulimit -n 1048576) 2> /dev/null || return 0
    scene_plays bash -c "$many"
    passes 03-select 'it sleeps in select|every byte' bash -c "$many"
}

@test "port 9003 is taken: the scene plays all the same, and the server says so" {
    local taken=
    PROGRAM=$ROOT/03-select/server
    "$PROGRAM" > "$BATS_TEST_TMPDIR/first" 2>&1 < /dev/null 3>&- &
    taken=$!
    within 5 grep -q 9003 "$BATS_TEST_TMPDIR/first" # ours, or another's
    run -0 make_ 03-select PACE=0
    contains "$output" "all as expected"
    run -1 timeout 5 "$PROGRAM" 3>&-
    contains "$output" 9003
    kill "$taken" 2> /dev/null || true
}

@test "SIGINT is ignored, as in a script's background: no test waits for it" {
    local -a deaf=(timeout 60 bash -c 'trap "" INT QUIT; exec "$0" "$@"')
    passes xray 'Ctrl-C reaches' "${deaf[@]}"
    contains "$output" "# skip SIGINT is ignored here"
    passes load 'Ctrl-C ends' "${deaf[@]}"
    passes 03-select 'SIGINT end it at once' "${deaf[@]}"
}

# ------------------------------------------------------------------- tools

@test "CC may be two words" {
    copy_to two-words
    rm "$KIT/03-select/server"
    make_ 03-select/server CC="env ${CC:-cc}"
    crawls env CC="env ${CC:-cc}"
    passes load 'finds a wrong byte' env CC="env ${CC:-cc}"
    passes xray 'exit status is the command' env CC="env ${CC:-cc}"
}

# fake_bats VERSION: the bats in the path only says what it was asked for.
fake_bats() {
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\n[ "$1" != --version ] || { echo "Bats %s"; exit; }\n%s\n' \
        "$1" 'echo "bats $*, TMPDIR=$TMPDIR"' > "$BATS_TEST_TMPDIR/bin/bats"
    chmod +x "$BATS_TEST_TMPDIR/bin/bats"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "an old bats or an old bash: one line that says which one is needed" {
    local version
    (
        for version in 0.4.0 1.2.1 1.6.0; do
            fake_bats "$version"
            run -2 make_ test-03-select
            contains "${lines[0]}" "need bats-core 1.7 or later; this is Bats $version"
        done
        for version in 1.7.0 1.8.2 1.13.0 2.0.0; do
            fake_bats "$version"
            run -0 make_ test-03-select
        done
    )
    local old='bats_require_minimum_version() { :; }; unset -f bats_require_minimum_version'
    run -1 bash -c "$old; BATS_TEST_DIRNAME=tests; . $(quoted "$ROOT/tests/helper.bash")"
    same "These tests need bats 1.7 or later. See README.md." "$output"
    run -1 bash -c "BASH_VERSION=3.2.57; . $(quoted "$ROOT/tests/helper.bash")"
    contains "$output" "need bash 4.4 or later; this is 3.2.57"
}

# macOS has GNU make 3.81; its manual and NEWS tell what came after it.
@test "the Makefile asks for no more than GNU make 3.81" {
    local later='\$\((file|guile|let|intcmp) |^[^#	]*(!=|::=)|&:'
    later+='|^(undefine|\.ONESHELL|\.RECIPEPREFIX|\.EXTRA_PREREQS|\.WAIT|\.NOTINTERMEDIATE)'
    later+='|^[^#	]*: *private |--output-sync|^[^#	]*-O(line|target|recurse)'
    run -1 grep -nE "$later" "$ROOT/Makefile"
}

@test "the kit's own scripts run in the plain shell" {
    command -v dash > /dev/null || skip "dash is missing"
    local script
    for script in "$ROOT"/clients/*.sh "$ROOT"/tests/*.sh "$ROOT"/0*/steps/*.sh; do
        [ "$(head -n 1 "$script")" != '#!/bin/sh' ] || run -0 dash -n "$script"
    done
}
