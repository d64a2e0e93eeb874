load helper

# A class graded on this machine (tests/grade-all), and what tests/course writes
# for the systems that grade elsewhere. The class is graded by a kit of our own
# whose rows take no time: a row runs `server NAME`, and passes where this ends
# with exit status 0.

setup_file() {
    command -v git > /dev/null || skip "git is missing"
    build clients/play clients/load clients/xray
    make_kit
    make_class
    make_course
}

setup() {
    KIT=$BATS_FILE_TMPDIR/kit CLASS=$BATS_FILE_TMPDIR/class
    REPORTS=$BATS_FILE_TMPDIR/reports COURSE=$BATS_FILE_TMPDIR/course
}

# ------------------------------------------------------------- a small class

make_kit() {
    local kit=$BATS_FILE_TMPDIR/kit name
    mkdir -p "$kit/clients" "$kit/03-select" "$kit/tests"
    chmod a+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
    cp "$ROOT"/clients/{play,load,xray} "$kit/clients"
    cp "$ROOT"/tests/{grade,grade-all,cage.bash,diagnose.bash,hints,*.awk} "$kit/tests"
    echo 'int main(void) { return 0; }' > "$kit/03-select/server.c"
    printf '%%/server: %%/server.c\n\tcc -o $@ $<\nclients/%%:\n' > "$kit/Makefile"
    for name in starts first; do
        echo "@test \"03 $name\" { \"\$SERVER\" $name 3>&-; }"
    done > "$kit/tests/03-select.bats"
    printf '%s\n' 'gate | starts' '1 | start | 03 | starts' \
        '4 | bytes | 03 | first' > "$kit/tests/points"
}

# submits NAME PROGRAM
submits() {
    mkdir -p "$BATS_FILE_TMPDIR/class/$1"
    echo "$2" > "$BATS_FILE_TMPDIR/class/$1/server.c"
}

RIGHT='int main(void) { return 0; }'
HALF="int main(int n, char **word) { return n > 1 && *word[1] == 'f'; }"

# 30 students, and what else may lie in the directory.
make_class() {
    local name
    for name in {01..20}; do submits "student $name" "$RIGHT"; done
    submits half "$HALF"
    submits 'Ann, "the best"' "$RIGHT"
    submits '=1+1' "$RIGHT"
    submits -p "$RIGHT"
    submits $'two\nlines' "$RIGHT"
    submits $'odd \xff\e[2J\\n' "$RIGHT"
    submits '王小明' "$HALF"
    submits wrong 'int main(void) { return x; }'
    submits link "$RIGHT"
    cd "$BATS_FILE_TMPDIR/class" || return
    mv link/server.c link/mine.c && ln -s mine.c link/server.c
    mkdir none && touch none/main.c
    touch a-file.zip && ln -s half linked
}

# shellcheck disable=SC2120 # `run grade_all NAME=VALUE`
# grade_all [NAME=VALUE...]: the class, by the kit of our own.
grade_all() {
    env LESSON=03-select SUBMISSIONS="$CLASS" OUT="$REPORTS" "$@" \
        timeout 300 "$KIT/tests/grade-all" 3>&-
}

marked() {
    find "$REPORTS" -name "done" -print0 2> /dev/null | tr -dc '\0' | wc -c
}

some_are_marked() {
    [ "$(marked)" -ge 4 ]
}

# mark NAME: what grades.csv says about this student.
mark() {
    python3 - "$REPORTS/grades.csv" "$1" <<'END_OF_PYTHON'
import csv, os, sys
with open(sys.argv[1], newline="", errors="surrogateescape") as file:
    for row in csv.reader(file, strict=True):
        if row[0] == sys.argv[2]:
            sys.stdout.buffer.write(os.fsencode(" ".join(row[1:]) + "\n"))
END_OF_PYTHON
}

@test "grade-all: a class, stopped, and taken up again: each student once" {
    local job status=0 before
    env LESSON=03-select SUBMISSIONS="$CLASS" OUT="$REPORTS" \
        "$KIT/tests/grade-all" > "$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    job=$!
    within 120 some_are_marked
    kill -TERM "$job"
    wait "$job" || status=$?
    same 143 "$status"
    within 5 no_grader
    before=$(marked)
    [ "$before" -lt 30 ]
    [ ! -e "$REPORTS/grades.csv" ]
    touch "$BATS_TEST_TMPDIR/now"

    run -0 grade_all
    same 30 "$(marked)"
    contains "$output" "no directory, so not graded: a-file.zip linked"
    same "$before" "$(find "$REPORTS" -name "done" \
        ! -newer "$BATS_TEST_TMPDIR/now" -print0 | tr -dc '\0' | wc -c)"
    run -1 grep $'\e' <<< "$output"
}

no_grader() {
    ! pgrep -f "$KIT/tests/grade" > /dev/null
}

# The tests below use what the first one has graded.
needs_class() {
    [ -s "$REPORTS/grades.csv" ] || grade_all > /dev/null 2>&1 || false
}

@test "grade-all: grades.csv is valid, whatever the names, and has all marks" {
    command -v python3 > /dev/null || skip "python3 is missing"
    needs_class
    same "points of result" "$(mark student)"
    same "5 5 all points" "$(mark 'student 07')"
    same "1 5 points are missing" "$(mark half)"
    same "5 5 all points" "$(mark 'Ann, "the best"')"
    same "5 5 all points" "$(mark "'=1+1")"
    same "5 5 all points" "$(mark "'-p")"
    same "5 5 all points" "$(mark $'two\nlines')"
    same "5 5 all points" "$(mark $'odd \xff\e[2J\\n')"
    same "1 5 points are missing" "$(mark '王小明')"
    contains "$(mark wrong)" "0 5 points are missing: it does not compile: "
    same "0 5 points are missing: server.c is missing; these were handed in: main.c" \
        "$(mark none | sed 's/ *$//')"
    contains "$(mark link)" "0 5 points are missing: server.c is a symbolic link"
}

@test "grade-all: what has not changed is not graded again; what has, is" {
    needs_class
    touch "$BATS_TEST_TMPDIR/now"
    run -0 grade_all
    same "" "$(find "$REPORTS" -name "done" -newer "$BATS_TEST_TMPDIR/now")"
    submits half "$RIGHT"
    run -0 grade_all
    same "$REPORTS/half/done" "$(find "$REPORTS" -name "done" -newer "$BATS_TEST_TMPDIR/now")"
    contains "$output" '"half",5,5,"all points"'
    submits half "$HALF"
}

# few NAME...: a class of some of the students, with reports of its own.
few() {
    local name
    mkdir "$BATS_TEST_TMPDIR/few"
    for name; do cp -RP "$CLASS/$name" "$BATS_TEST_TMPDIR/few"; done
    CLASS=$BATS_TEST_TMPDIR/few REPORTS=$BATS_TEST_TMPDIR/reports
    KIT=$BATS_TEST_TMPDIR/kit
    cp -R "$BATS_FILE_TMPDIR/kit" "$KIT"
}

@test "grade-all: another kit grades all again; FILES and MODEL, too" {
    few half "student 01"
    run -0 grade_all
    sed -i 's/^4 /9 /' "$KIT/tests/points"
    run -0 grade_all
    contains "$output" '"half",1,10,'
    contains "$output" '"student 01",10,10,'
    run -0 grade_all FILES="server.c more.c"
    contains "$output" 'more.c is missing'
}

@test "grade-all: exit 1 if some could not be graded, and the CSV says why" {
    few half "student 01"
    echo '@test "03 skips" { skip "no luck"; }' >> "$KIT/tests/03-select.bats"
    echo '2 | many | 03 | skips' >> "$KIT/tests/points"
    run -1 grade_all
    contains "$output" '"half",,,"not graded: grade: cannot grade here: 03 skips: no luck'
    run -0 grade_all PARTIAL=1
    contains "$output" '"student 01",5,5,"all points"'
    rm -r "$REPORTS/half"
    chmod -x "$KIT/tests/grade" # the grader itself fails
    run -1 grade_all PARTIAL=1
    contains "$output" '"half",,,"not graded: '
}

@test "grade-all: a server heeds SIGINT, also where grade-all itself ignores it" {
    env --default-signal=INT true 2> /dev/null || skip "env has no --default-signal"
    few half
    # shellcheck disable=SC2016 # the row expands it
    printf '@test "03 %s" { [ "$(%s)" = heeded ]; }\n' \
        starts 'echo heeded' first "sh -c 'trap \"echo heeded\" INT; kill -INT \$\$'" \
        > "$KIT/tests/03-select.bats"
    trap '' INT
    run -0 grade_all
    contains "$output" '"half",5,5,'
}

@test "grade-all: the instructor's mistakes: a line and the usage, exit 2" {
    few half
    run -2 grade_all LESSON=
    contains "$output" "usage: "
    run -2 grade_all LESSON=grade
    contains "$output" "03-select"
    run -2 grade_all SUBMISSIONS=nowhere
    contains "$output" "SUBMISSIONS='nowhere'"
    run -2 grade_all SUBMISSIONS="$CLASS/half"
    contains "$output" "has no directories"
    run -2 grade_all JOBS=0
    contains "$output" "JOBS='0'"
    run ! make -s -C "$ROOT" grade-all LESSON=03-select SUBMISSIONS=/nowhere 3>&-
    contains "$output" "usage: make grade-all"
}

# --------------------------------------------------------- the other systems

# A repository with the files of this one as they are now, and its courses.
make_course() {
    local repo=$BATS_FILE_TMPDIR/repo lesson
    mkdir "$repo"
    (
        cd "$ROOT"
        git_ ls-files -z | while IFS= read -r -d '' file; do
            [ ! -e "$file" ] || printf '%s\0' "$file"
        done | tar -c --null -T - | tar -x -C "$repo"
        cd "$repo"
        git init -q .
        git add -A
        git -c user.name=Kit -c user.email=kit@localhost commit -q -m kit
    ) || skip "this is no checkout"
    for lesson in 01-blocking 03-select; do
        (cd "$repo" && make -s course LESSON="$lesson" KIT=owner/kit 3>&-)
        mv "$repo/build/course" "$BATS_FILE_TMPDIR/course-$lesson"
    done
    ln -s course-03-select "$BATS_FILE_TMPDIR/course"
}

# git_ WORD...: git in a checkout that may belong to another user.
git_() {
    GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' \
        git "$@"
}

needs_unzip() {
    command -v unzip > /dev/null || skip "unzip is missing"
}

# gradescope: the image that setup.sh makes, in a directory of our own: /usr and
# apt-get are not the machine's. The scripts are in $AUTOGRADER.
gradescope() {
    needs_unzip
    AUTOGRADER=$BATS_TEST_TMPDIR/autograder
    mkdir -p "$AUTOGRADER/source" "$AUTOGRADER/submission" "$AUTOGRADER/results" \
        "$AUTOGRADER/usr/local" "$AUTOGRADER/bin"
    unzip -q "$COURSE/gradescope.zip" -d "$AUTOGRADER/source"
    printf '#!/bin/sh\necho "apt-get $*" >> "%s"\n' "$AUTOGRADER/apt" \
        > "$AUTOGRADER/bin/apt-get"
    chmod +x "$AUTOGRADER/bin/apt-get"
    sed -i "s,/autograder,$AUTOGRADER,g; s,/usr/local,$AUTOGRADER/usr/local," \
        "$AUTOGRADER/source/setup.sh" "$AUTOGRADER/source/run_autograder"
    PATH=$AUTOGRADER/bin:$PATH run -0 "$AUTOGRADER/source/setup.sh" 3>&-
}

@test "course: gradescope.zip: setup.sh asks Ubuntu 22.04 for packages that it has" {
    local package packages
    gradescope
    bash -n "$AUTOGRADER/source/setup.sh"
    [ -z "$(command -v shellcheck)" ] || shellcheck "$AUTOGRADER"/source/{setup.sh,run_autograder}
    packages=$(sed -n 's/^apt-get install -y //p' "$AUTOGRADER/apt")
    [ -n "$packages" ]
    for package in $packages; do
        case $package in
            bash | build-essential | iproute2 | make | util-linux) ;;
            *) echo "$package: is it in Ubuntu 22.04, and new enough?"; false ;;
        esac
    done
}

# bats of Ubuntu 22.04 is too old, so the zip has its own.
@test "course: gradescope.zip: its run_autograder writes results.json, with its own bats" {
    gradescope
    cp "$ROOT/03-select/server.c" "$AUTOGRADER/submission"
    printf '#!/bin/sh\necho Bats 1.2.1\n' > "$AUTOGRADER/bin/bats"
    chmod +x "$AUTOGRADER/bin/bats"
    PATH=$AUTOGRADER/usr/local/bin:$AUTOGRADER/bin:$PATH BUDGET=12 \
        run -0 "$AUTOGRADER/source/run_autograder" 3>&-
    contains "$output" " of   4" # start
    [ -n "$(command -v jq)" ] || skip "jq is missing"
    jq -e '(.tests | length) > 20 and (.tests | all(
            (.score | type) == "number" and .score <= .max_score and
            (.name | length) > 0 and (.number | test("^3[.][0-9]+$")) and
            (.status == "passed" or .status == "failed") and
            .visibility == "visible" and (.tags | length) == 1))
        and ([.tests[].max_score] | add) == 100
        and ([.tests[].score] | add) >= 2
        and .visibility == "visible" and .stdout_visibility == "hidden"
        and (.output | startswith("kit '"$(head -n 1 "$AUTOGRADER/source/kit/COMMIT")"'"))' \
        "$AUTOGRADER/results/results.json"
}

@test "course: Autolab: its Makefile grades server.c, and its line is the last one" {
    local dir=$BATS_TEST_TMPDIR/autolab
    mkdir "$dir"
    cp "$COURSE/autograde.tar" "$dir"
    cp "$COURSE/autograde-Makefile" "$dir/Makefile"
    cp "$ROOT/03-select/server.c" "$dir"
    BUDGET=12 run -0 make -C "$dir" --no-print-directory 3>&-
    [[ ${lines[-1]} =~ ^\{\"scores\":\{\"03-select\":([0-9]+)\},\"scoreboard\":\[([0-9]+)\]\}$ ]]
    [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ] && [ "${BASH_REMATCH[1]}" -ge 2 ]
    [ -x "$dir/bats/bin/bats" ]
}

@test "course: classroom.yml is valid, and names the kit's commit and files it has" {
    command -v python3 > /dev/null || skip "python3 is missing"
    python3 -c 'import yaml' 2> /dev/null || skip "python3 has no yaml"
    run -0 python3 - "$COURSE/classroom.yml" <<'END_OF_PYTHON'
import sys, yaml
job = yaml.safe_load(open(sys.argv[1]))["jobs"]["grade"]
steps = job["steps"]
kit = steps[1]["with"]
print(kit["repository"], kit["ref"], kit["path"])
print(steps[-1]["with"]["runners"], *steps[-1]["env"])
print(next(s["run"] for s in steps if s.get("id") == "grade"))
END_OF_PYTHON
    same "owner/kit $(git -C "$BATS_FILE_TMPDIR/repo" rev-parse HEAD) kit" "${lines[0]}"
    same "kit KIT_RESULTS" "${lines[1]}"
    local word
    grep -oE '(clients|tests)/[a-z]+' <<< "$output" | while read -r word; do
        [ -e "$ROOT/$word" ] || { echo "$word"; false; }
    done
    bash -n <(printf '%s\n' "${lines[@]:2}")
}

@test "course: the handout has no answer, builds, and its tests take a student's server" {
    local dir=$BATS_TEST_TMPDIR/handout
    mkdir "$dir"
    tar -xzf "$BATS_FILE_TMPDIR/course-01-blocking/handout.tar.gz" -C "$dir"
    cd "$dir/01-blocking"
    same "" "$(find . -name mutants -o -name peers -o -name samples)"
    grep -q 'TODO 01-1: ' 01-blocking/server.c
    run -0 make -s clients/play clients/load clients/xray CFLAGS=-Werror 3>&-
    cp "$ROOT/01-blocking/server.c" 01-blocking
    PATH=${PATH//"${BATS_LIBEXEC:-none}:"/} # bats' own: bats runs bats
    run -0 make -s 01-blocking/server 3>&-
    SERVER=01-blocking/server run make -s test-01-blocking 3>&-
    same "" "$(grep '^not ok' <<< "$output" | grep -v 'it sleeps in')"
    echo "$output"
    [ "$(grep -c '^ok' <<< "$output")" -ge 20 ]
    BUDGET=6 run ! make -s grade-01-blocking SUBMISSION=. 3>&-
    contains "$output" " of   4"
}

@test "course: without a lesson: the usage, exit 2" {
    run -2 env LESSON=grade "$ROOT/tests/course" 3>&-
    contains "$output" "usage: make course"
}
