# The row that exercise 02-0 has on top of its lesson's. ($SERVER is the
# student's server.)
BATS_TEST_DIRNAME=${BATS_TEST_DIRNAME%/exercises} # load looks there
load helper
load contract
lesson 02-nonblocking

@test "02-0 each third recv() fails with EINTR, and no byte is lost" {
    [ "$(uname)" != Darwin ] || skip "macOS has no LD_PRELOAD"
    [ -z "${SANITIZED:-}" ] || skip "not with a sanitizer"
    build build/faults.so
    printf '#!/usr/bin/env bash\nexport LD_PRELOAD=%s FAULTS=recv:EINTR=33\nexec %s "$@"\n' \
        "$(quoted "$ROOT/build/faults.so")" "$(quoted "$PROGRAM")" \
        > "$BATS_TEST_TMPDIR/interrupted"
    chmod +x "$BATS_TEST_TMPDIR/interrupted"
    PROGRAM=$BATS_TEST_TMPDIR/interrupted
    scene <<'END'
server
A connect
A send 1000000 x
A expect 1000000 X
A send "hello, world, once more\n" every 1ms
A expect "HELLO, WORLD, ONCE MORE\n"
B connect
B send "hello\n"
B expect "HELLO\n"
END
}
