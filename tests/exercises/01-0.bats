# The row that exercise 01-0 has on top of its lesson's. ($SERVER is the
# student's server.)
BATS_TEST_DIRNAME=${BATS_TEST_DIRNAME%/exercises} # load looks there
load helper
load contract
lesson 01-blocking

# The server sleeps in send(), because A does not read. It has sent a part of
# these bytes, so send() returns their number when the process goes on.
@test "01-0 stopped and continued while it sends, it loses no byte" {
    scene <<'END'
server
A connect
A send 20000000 x
wait 100ms
signal STOP
signal CONT
wait 20ms
signal STOP
signal CONT
A expect 20000000 X
A send "and on\n"
A expect "AND ON\n"
END
}
