# shellcheck disable=SC2015 # A && B || C: where A fails, C is right
# A cage for programs that nobody has read yet: the grader sources this file.
#
# A cage has a directory, and commands run in it with a deadline. Afterwards no
# process of theirs is left. How well the cage holds depends on the machine:
#
#     namespaces  (root, or user namespaces) the commands have process numbers,
#                 a network and a /tmp of their own; the kernel ends them all
#                 when the first one ends; of the files they see the system's
#     user        (root) the server runs as a user that nobody else uses
#
# Without namespaces the cage ends the processes of that user, of the command's
# session, and those with the cage's mark in their environment.

CAGE_UID=0 CAGE_NS=() CAGE_DIR='' # no cage yet

# cage_open DIR [HIDDEN...]: use this directory; with namespaces, hide those. It
# sets CAGE_UID (0: no other user) and CAGE_NS (the words of unshare(1), or none).
# CAGE_WITHOUT may name what this machine has and the cage shall not use.
cage_open() {
    local uid
    CAGE_DIR=$1 CAGE_UID=0 CAGE_NS=() CAGE_MARK=kit-cage-$$-$RANDOM
    shift
    CAGE_HIDDEN=("$@")
    local top
    for top in /*; do
        case $top in
            /bin | /dev | /etc | /lib* | /nix | /opt | /proc | /run | /sbin | \
                /sys | /tmp | /usr | /var) ;;
            *) cage_needs "$top" || CAGE_HIDDEN+=("$top") ;;
        esac
    done
    case " ${CAGE_WITHOUT:-} " in *" namespaces "*) ;; *)
        local wanted=(--pid --fork --kill-child --mount --mount-proc --ipc)
        [ "$(id -u)" = 0 ] || wanted+=(--user --map-root-user)
        unshare "${wanted[@]}" true 2> /dev/null && CAGE_NS=("${wanted[@]}")
        [ ${#CAGE_NS[@]} = 0 ] || ! unshare "${wanted[@]}" --net \
            ip link set lo up 2> /dev/null || CAGE_NS+=(--net) ;;
    esac
    case " ${CAGE_WITHOUT:-} " in *" user "*) return ;; esac
    [ "$(id -u)" = 0 ] || return 0
    # a container may have 65,536 users and no more
    for uid in $((30000 + $$ % 30000)) $((30000 + RANDOM)); do
        getent passwd "$uid" > /dev/null || [ -n "$(cage_pids "$uid")" ] ||
            ! setpriv --reuid "$uid" --regid "$uid" --clear-groups \
                --no-new-privs true 2> /dev/null ||
            { CAGE_UID=$uid; return; }
    done
}

# cage_needs TOP: a program that the tests call is below this directory.
cage_needs() {
    local tool
    for tool in bash bats make "${CC:-cc}"; do
        [[ $(realpath -- "$(command -v "$tool")") != "$1"/* ]] || return 0
    done
    return 1
}

# cage_user: the words that make the next program the cage's user, with limits:
# 2 MiB a file, 60 s of CPU time, and where it has a user of its own, CAGE_TASKS
# processes and threads. The kernel takes its memory first if there is none left.
cage_user() {
    local words=(env -i "PATH=$PATH" "HOME=/tmp" "KIT_CAGE=$CAGE_MARK"
        "ASAN_OPTIONS=${ASAN_OPTIONS:-}"
        prlimit --core=0 --fsize="${CAGE_FILE_SIZE:-2097152}" --cpu=60)
    if [ "$CAGE_UID" != 0 ]; then
        words+=("--nproc=${CAGE_TASKS:-128}" setpriv "--reuid=$CAGE_UID"
            "--regid=$CAGE_UID" --clear-groups --no-new-privs)
    elif [ ${#CAGE_NS[@]} != 0 ]; then
        words+=(setpriv --bounding-set=-all --inh-caps=-all --no-new-privs)
    fi
    printf '%q ' "${words[@]}"
}

# cage_wrap FILE PROGRAM: make FILE a program that runs PROGRAM so. It keeps the
# process number.
cage_wrap() {
    cat > "$1" <<END
#!/bin/bash
# written by tests/grade
{ echo 1000 > /proc/self/oom_score_adj; } 2> /dev/null
cd /tmp
exec $(cage_user) $(printf %q "$2") "\$@"
END
    chmod 755 "$1"
}

# cage_run SECONDS COMMAND...: run it in the cage. Returns its exit status, or
# 137 where it has not ended in time. All its processes have ended then.
cage_run() {
    local seconds=$1 status=0 leader='' end
    shift
    if [ ${#CAGE_NS[@]} != 0 ]; then
        # if one dies, the next one does; at the end of them all of the cage
        setpriv --pdeathsig KILL timeout -s KILL "$seconds" \
            setpriv --pdeathsig KILL unshare "${CAGE_NS[@]}" bash -c \
            "$(declare -f cage_inside); cage_inside \"\$@\"" cage "$CAGE_DIR" \
            "${CAGE_HIDDEN[@]}" -- env KIT_CAGE="$CAGE_MARK" "$@" < /dev/null &
    else
        KIT_CAGE=$CAGE_MARK setsid "$@" < /dev/null &
        leader=$! end=$((SECONDS + seconds))
        while kill -0 "$leader" 2> /dev/null; do
            [ "$SECONDS" -lt "$end" ] ||
                kill -KILL "$leader" 2> /dev/null
            sleep 0.05
        done
    fi
    wait $! 2> /dev/null || status=$?
    cage_sweep "$leader"
    return "$status"
}

# cage_inside DIR [HIDDEN...] -- COMMAND...: in the new namespaces. This process
# is their first: when it ends, all end.
cage_inside() {
    local dir=$1 hidden
    shift
    exec 9< "$dir" # it may lie below a directory that will be covered
    mount -o remount,hidepid=2 /proc 2> /dev/null
    for hidden in /tmp /var/tmp /dev/shm; do
        mount -t tmpfs -o mode=1777,size=256m none "$hidden" 2> /dev/null
    done
    for (( ; $# > 0; )); do
        hidden=$1
        shift
        [ "$hidden" != -- ] || break
        [ ! -d "$hidden" ] || mount -t tmpfs -o mode=755 none "$hidden"
    done
    mkdir -p "$dir" && mount -c --bind /proc/self/fd/9 "$dir" || return 125
    exec 9<&-
    [ ! -e /sys/class/net/lo ] || ip link set lo up 2> /dev/null
    cd "$dir" || return 125
    "$@" &
    wait $!
}

# cage_sweep [SESSION]: end what is left.
cage_sweep() {
    local pids none=
    [ ${#CAGE_NS[@]} = 0 ] || return 0
    for _ in {1..50}; do
        # one call ends all processes of a user, so none of them can fork away
        [ "$CAGE_UID" = 0 ] || setpriv --reuid "$CAGE_UID" \
            --regid "$CAGE_UID" --clear-groups bash -c 'kill -KILL -1' \
            2> /dev/null
        pids=$(cage_pids "$CAGE_UID" "${1:-}")
        # twice none: a process may have begun while we looked
        [ -n "$pids" ] || { [ -z "$none" ] || break; none=yes; continue; }
        none=
        # shellcheck disable=SC2086 # they are words
        kill -KILL $pids 2> /dev/null
        sleep 0.02
    done
}

# cage_close: end what is left, and remove its files. Namespaces leave none.
cage_close() {
    [ ${#CAGE_NS[@]} = 0 ] && [ "$CAGE_UID" != 0 ] || return 0
    cage_sweep
    find /tmp /var/tmp /dev/shm -xdev -user "$CAGE_UID" \
        -not -path "$CAGE_DIR/*" -delete 2> /dev/null
}

# cage_pids UID [SESSION]: the processes of this user (0: of none), of this
# session, and those that carry the cage's mark; no zombies.
cage_pids() {
    local state='^State:[[:space:]]*[^ZX]' pid
    {
        [ "$1" = 0 ] || grep -lE "^Uid:.*[[:space:]]$1([[:space:]]|$)" \
            /proc/[0-9]*/status
        [ -z "${2:-}" ] || grep -lE "^[0-9]+ \(.*\) . [0-9]+ [0-9]+ $2 " \
            /proc/[0-9]*/stat
        grep -lF "KIT_CAGE=$CAGE_MARK" /proc/[0-9]*/environ
    } 2> /dev/null | cut -d / -f 3 | sort -u | while read -r pid; do
        ! grep -qE "$state" "/proc/$pid/status" 2> /dev/null || echo "$pid"
    done
}
