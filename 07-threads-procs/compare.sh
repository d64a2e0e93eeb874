#!/usr/bin/env bash
# What a client costs in each model, on this machine (Linux; half a minute):
#
#     make all && 07-threads-procs/compare.sh
#
# memory: of all the server's processes, per client, with 500 silent clients
#         (Pss: a page that n processes share counts 1/n for each of them)
# CPU:    of all the server's processes, per message, when 100 clients send
#         40,000 messages
set -u
CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
export LC_ALL=C # no decimal commas
pid='' load=''
trap 'kill $pid $load 2> /dev/null' EXIT
trap 'exit 130' INT TERM

# start SERVER [ARG...]: start it in a process group of its own; sets $pid and
# $port.
start() {
    log=$(mktemp)
    set -m
    "$@" -q -p 0 > "$log" &
    pid=$!
    set +m
    until port=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\)$/\1/p' "$log") && [ -n "$port" ]; do
        kill -0 "$pid" 2> /dev/null || { echo "$1 did not start" >&2; exit 1; }
        sleep 0.05
    done
    rm "$log"
}

stop() {
    kill -TERM "$pid"
    wait "$pid"
    pid=''
}

# server_pids: print the pids of the server's process group.
server_pids() {
    ps -e -o pid=,pgid= | awk -v group="$pid" '$2 == group { print $1 }'
}

# kib: print the memory of all the server's processes.
kib() {
    local process
    for process in $(server_pids); do
        cat "/proc/$process/smaps_rollup"
    done 2> /dev/null | awk '/^Pss:/ { kib += $2 } END { print kib + 0 }'
}

# ticks: print the CPU time of all the server's processes, with those that have
# ended, in 1/100 s.
ticks() {
    local process
    for process in $(server_pids); do
        cat "/proc/$process/stat"
    done 2> /dev/null | sed 's/.*) //' |
        awk '{ n += $12 + $13 + $14 + $15 } END { print n + 0 }'
}

printf '%-31s %26s %16s\n' '' 'own memory per idle client' 'CPU per message'
while read -r -a server; do
    start "${server[@]}"
    memory='only 8 at a time'
    case ${server[*]} in *pool* | *prefork*) ;; *)
        before=$(kib)
        clients/load -p "$port" -i 500 -c 1 -n 1000000 > /dev/null 2>&1 &
        load=$!
        sleep 1
        memory=$(awk -v kib=$(($(kib) - before)) 'BEGIN { printf "%.1f KiB", kib / 500 }')
        kill "$load"
        wait "$load"
        load=''
        ;;
    esac
    stop
    start "${server[@]}"
    before=$(ticks)
    clients/load -p "$port" -c 100 -n 400 > /dev/null || echo 'errors:'
    sleep 0.2 # until the server has reaped its children
    cpu=$(awk -v ticks=$(($(ticks) - before)) 'BEGIN { printf "%.1f us", ticks * 1e4 / 4e4 }')
    stop
    printf '%-31s %26s %16s\n' "${server[*]}" "$memory" "$cpu"
done << 'SERVERS'
07-threads-procs/server -m thread
07-threads-procs/server -m process
07-threads-procs/server -m pool
07-threads-procs/server -m prefork
03-select/server
04-poll/server
05-epoll/server
SERVERS
