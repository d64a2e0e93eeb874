#!/usr/bin/env bash
# Write the kit for students: lessons 01 to LESSON, with an exercise cut out of
# the last one's source, and without later lessons, git history, or what an
# instructor needs. `make handout LESSON=03-select` comes here.
#
#     LESSON=03-select [EXERCISE=03-0] [OUT=file.tar.gz] tests/handout.sh
#
# EXERCISE is NN-1 if it is not given. The other fill-ins of that lesson are left
# out: their skeletons have its answer.
set -eu
cd "$(dirname "$0")/.."
LESSON=${LESSON:-} number=${LESSON%%-*}
EXERCISE=${EXERCISE:-$number-1}
sheet=$LESSON/exercises/$EXERCISE.txt
if [ ! -f "tests/$LESSON.bats" ] || [ ! -f "$sheet" ]; then
    echo "usage: make handout LESSON=03-select [EXERCISE=03-1]" >&2
    exit 2
fi
file=$LESSON/$(awk -v get=file -f tests/sheet.awk "$sheet")
names=$(awk -v get=cut -f tests/sheet.awk "$sheet")
if [ -z "$names" ] || grep -q "TODO $number-[0-9]: " "$file"; then
    echo "handout: nothing to cut out for $EXERCISE in this kit" >&2
    exit 2
fi
OUT=${OUT:-$PWD/build/handout/$LESSON.tar.gz}
case $OUT in /*) ;; *) OUT=$PWD/$OUT ;; esac
[ -z "$(git status --porcelain -uno)" ] ||
    echo "handout: changes that are not committed are left out" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kit=$work/$LESSON
mkdir -p "$kit" "$(dirname "$OUT")"
git archive HEAD | tar x -C "$kit"
git rev-parse --short=12 HEAD > "$kit/COMMIT"
cd "$kit"

# ------------------------------------------------------------- what they see

for dir in 0*/; do
    [ "${dir%%-*}" -le "$number" ] || rm -rf "$dir" tests/"${dir%%-*}"-*.bats \
        tests/*/"${dir%%-*}"-*
done
rm -rf .ci tests/samples tests/cheats tests/mutants tests/museum* tests/peers \
    tests/fuzz* tests/course tests/handout.sh \
    tests/grade-all tests/fake-ftp.c 0*/exercises/*/
[ "$number" -ge 6 ] || rm -f tests/selector.c
[ "$number" -ge 8 ] || rm -f tests/co.c tests/accept-fails.c
find tests -mindepth 2 -type d -exec rm -rf {} +
find tests -maxdepth 1 -name '[!0]*.bats' -delete
for other in "$LESSON"/exercises/*.txt; do
    [ "$other" = "$sheet" ] || [ -z "$(awk -v get=cut -f tests/sheet.awk \
        "$other")" ] || rm "$other"
done

# ------------------------------------------------------------------- the cut

awk -v id="$EXERCISE" -f tests/sheet.awk "$sheet" "$file" > "$work/cut"
mv "$work/cut" "$file"
options='' model=$(awk -v get=model -f tests/sheet.awk "$sheet")
[ "${file##*/}" = server.c ] || options=" FILES=${file##*/}"
[ -z "$model" ] || options+=" MODEL=${model%% *}"
cut=$(echo "$names" | awk '{ printf "%s%s()", NR == 1 ? "" : ", ", $0 }')

# ------------------------------------------------------------------ the texts

# In the lesson's README, the diffs and "Break it" tell the answer.
awk '/^## / { hidden = /^## Break it/ }
    /^```diff$/ && !hidden { print "(The diff is left out here.)"; in_diff = 1 }
    !hidden && !in_diff
    /^```$/ { in_diff = 0 }' "$LESSON/README.md" > "$work/readme"
mv "$work/readme" "$LESSON/README.md"

# A link to what is not here becomes its text.
for text in README.md */*.md; do
    grep -oE '\]\([^)#:]+\)' "$text" | sort -u | sed 's/^](//; s/)$//' |
        while read -r link; do
            [ -e "$(dirname "$text")/$link" ] ||
                printf 's,\\[\\([^]]*\\)\\](%s),\\1,g\n' "${link//./\\.}"
        done > "$work/unlink"
    sed -f "$work/unlink" "$text" > "$work/text"
    cat "$work/text" > "$text"
done

{
    cat <<END
# Your copy of the kit: lessons 01 to $number

In \`$file\` these functions are cut out, and yours to write:
$cut. \`make todo-$EXERCISE\` says how to begin; \`make todo\` shows all
exercises. The tests of the kit's own lesson $number are red for that reason.
Points as your teacher gives them:

    make grade-$LESSON SUBMISSION=${sheet%.txt}$options

END
    cat README.md
} > "$work/text"
mv "$work/text" README.md

cd "$work"
tar czf "$OUT" "$LESSON"
echo "$OUT: lessons 01 to $number; cut out of $file: $cut"
