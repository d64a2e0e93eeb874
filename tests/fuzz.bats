load helper

# The inputs that are kept of each fuzzer: tests/fuzz/NAME. (`make fuzz` invents
# more of them; CI does.)

setup() {
    echo 'int main(void) { return 0; }' > "$BATS_TEST_TMPDIR/try.c"
    "${CC:-cc}" -fsanitize=address,undefined -o "$BATS_TEST_TMPDIR/try" \
        "$BATS_TEST_TMPDIR/try.c" 2> /dev/null || skip "no sanitizers here"
    "$BATS_TEST_TMPDIR/try" || skip "the sanitizers do not run here"
}

@test "fuzz: http.h answers the same wherever TCP cuts the requests" {
    run -0 env FUZZ_SECONDS=0 "$ROOT/tests/fuzz.sh" http 3>&-
    contains "$output" "inputs tried"
}

@test "fuzz: slow-http, the FTP server and the reader of scenes withstand what is kept" {
    local name
    for name in slow-http ftp play; do
        run -0 env FUZZ_SECONDS=0 "$ROOT/tests/fuzz.sh" "$name" 3>&-
        contains "$output" "$name:"
        contains "$output" "inputs tried"
    done
}

@test "fuzz: wrong words are named, exit 2" {
    run -2 "$ROOT/tests/fuzz.sh" nobody 3>&-
    contains "$output" "'nobody'"
    run -2 env FUZZ_SECONDS=1s "$ROOT/tests/fuzz.sh" 3>&-
    contains "$output" "'1s'"
}
