#!/bin/sh
# What `make 08d` shows: one object file, linked without the patch and with it.
#
#     make clients/slow-http && 08-coroutines/steps/08d-crawl.sh [MS (1000)]
#
# The web server, clients/slow-http, waits MS milliseconds before each page.

exec 2>&1
CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
out=../build/08d.$$ # another run may be at work at the same time
if ! { mkdir -p ../build && touch $out.log; } 2> /dev/null; then
    tmp=$(mktemp -d) || exit 1 # the kit belongs to another user
    out=$tmp/08d
fi
../clients/slow-http -p 0 -d "${1:-1000}" > "$out.log" &
server=$!
trap 'kill $server; rm -rf "$out.log" "$out.o" "$out-plain" "$out-patched" \
    ${tmp:+"$tmp"}' EXIT
trap 'exit 1' HUP INT PIPE TERM
# Port 0 is any free port: wait until the server has printed which.
until port=$(sed -n 's/.*listening on 127.0.0.1://p' "$out.log") &&
    [ "$port" ]; do
    kill -0 $server || exit 1
    sleep 0.05
done

# run COMMAND: print it, and run it.
run() {
    echo "\$ $1"
    eval "$1"
}

echo '$ cd 08-coroutines'
run "CC='${CC:-cc}' out='$out' port=$port web=127.0.0.1:$port"
echo '
# One object file, and the coroutines.'
run '$CC -c -o "$out.o" steps/08d-crawl.c'
run '$CC -o "$out-plain" "$out.o" co*.c'
run '"$out-plain" http://$web/3000 http://$web/6000 http://$web/9000'
echo '
# The same object file, and the patch: its recv() is __wrap_recv() now.'
if ! echo 'int main(void) { return 0; }' |
    $CC -Wl,--wrap=recv -x c -o "$out-patched" - 2> /dev/null; then
    echo "08d: this system's linker has no --wrap, so there is no patch here"
    exit 77
fi
run '$CC -o "$out-patched" "$out.o" co*.c patch.c \
     -Wl,--wrap=close,--wrap=connect,--wrap=recv,--wrap=send' || exit
run '"$out-patched" http://$web/3000 http://$web/6000 http://$web/9000'
echo '
# The same again, and six more URLs; five of these fail.'
run '"$out-patched" http://$web/3000 http://$web/6000 http://$web/9000 \
     http://127.0.0.1:1/refused http://no..such..name/ http://$web/none \
     http://localhost:$port/12000/chunked http://$web/15000/chunked/cut \
     http://$web/18000/cut'
[ $? = 1 ] # the exit status when a page is missing: as it must be here
