# A sheet, NN-name/exercises/NN-K.txt, describes one exercise. This program
# prints what stands in it, or cuts its function out of the lesson's source:
#
#     awk -v get=hint [-v nth=2] -f tests/sheet.awk SHEET
#     awk -v id=03-1 -f tests/sheet.awk SHEET SOURCE > skeleton
#
# Exit status 1, and a line on stderr: the sheet and the source do not agree.
# With -v get=cut alone: the names of the functions that it cuts.
#
# A line of a sheet is a word and its text. Indented lines continue the line
# before them. # is a comment.
#
#     title    what the student makes: at most 48 characters
#     minutes  90                   or: hours 3-4
#     file     server.c             the file that the student writes: a file of
#                                   the lesson
#     from     03-select/steps/03k-http.c   what it begins as, if it is not the
#                                   lesson's file of that name
#     copy     03-select/steps/http.h   a file that has to lie beside it
#     task     TEXT                 what to do, where the title is too short
#     include  <err.h>              the stubs need this header
#     cut      FUNCTION             replace the whole body of the function ...
#              the stub's lines     ... by these. Their indentation counts from
#                                   the first of them, which gets 4 spaces
#     cut      FUNCTION from REGEX  replace its end, from the line that matches
#              the stub's lines
#     model    edge [only]          the lesson's rows, and those of this part in
#                                   tests/points; only: without the rest of the
#                                   lesson, but for the groups start and bytes
#     flags    -b poll              the server is started with these flags
#     gate                          with the skeleton the gate's row is red
#     red      SENTENCE             ... or these rows, a line each, and no other.
#                                   They run after the gate
#     may      SENTENCE             but this one may be red, too: it depends on
#                                   the machine
#     rows     tests/extend/03-2.bats   rows of the exercise itself. With a cut
#                                   they run after the gate; without one they
#                                   are all its rows
#     read     PLACE                three lines: what to read first
#     hint     TEXT                 observe; look up; outline: three, in order
#     learn    TEXT                 what you will have understood
#
# A sheet without cut is an extension: its file begins as a whole copy.
#
# A stub line "TODO TEXT" becomes C that prints "TODO NN-K: TEXT" on stderr,
# once, and not with -q. It takes err.h.
#
# Rows of "rows FILE": @test "03-2 the sentence" { ... }. A row is worth one
# point, or what tests/extend/points says:  points | 03-2 | the sentence

function fail(text) {
    print "sheet: " sheet ": " text | "cat 1>&2"
    close("cat 1>&2")
    failed = 1
    exit 1
}

# Add a line to what the word before it says.
function add(line,    width) {
    match(line, /^ */)
    width = RLENGTH
    if (lines[count] == 0)
        indent = width
    lines[count]++
    more[count, lines[count]] = substr(line, (width < indent ? width : indent) + 1)
}

# How many words of this name there are, and where they stand.
function find(word,    i, n) {
    for (i = 1; i <= count; i++)
        if (name[i] == word)
            at[++n] = i
    return n + 0
}

function print_words(word,    n, i, j, k) {
    n = find(word)
    for (i = 1; i <= n; i++) {
        if (nth && nth != i)
            continue
        k = at[i]
        if (word == "cut") {
            sub(/ .*/, "", text[k])
            print text[k]
            continue
        }
        print text[k]
        for (j = 1; j <= lines[k]; j++)
            print more[k, j]
    }
}

# The line where the body of FUNCTION begins, its "{".
function body_of(function_name,    i, j, place, found, where) {
    for (i = 1; i <= n_source; i++) {
        place = index(source[i], function_name "(")
        if (source[i] !~ /^[a-z]/ || source[i] ~ /;$/ || place < 2 ||
            substr(source[i], place - 1, 1) !~ /[ *]/)
            continue
        for (j = i; j <= n_source && source[j] !~ /^[{}]|^$/; j++)
            continue
        if (substr(source[j], 1, 1) == "{") {
            found++
            where = j
        }
    }
    if (found != 1)
        fail(source_name " has " found + 0 " functions " function_name "()")
    return where
}

# The lines of stub K, at line WHERE, in the place of those up to its "}".
function put_stub(k, where,    j, line) {
    stub[where] = ""
    for (j = 1; j <= lines[k]; j++) {
        line = more[k, j]
        if (line ~ /^TODO /) {
            sub(/^TODO /, "", line)
            line = "static int todo = 1; /* TODO " id ": your lines, in " \
                "place of these */\n    if (todo" (has_quiet ? " && !quiet" : "") \
                ")\n        warnx(\"TODO " id ": \"\n              \"" line "\");\n    todo = 0;"
        }
        stub[where] = stub[where] (line == "" ? "" : "    ") line "\n"
    }
    for (j = where; substr(source[j], 1, 1) != "}"; j++)
        gone[j]
}

function cut(k,    function_name, regex, begin, i, found, where) {
    function_name = text[k]
    sub(/ .*/, "", function_name)
    regex = text[k]
    begin = body_of(function_name)
    if (!sub(/^[^ ]* +from +/, "", regex)) {
        put_stub(k, begin + 1)
        return
    }
    for (i = begin + 1; substr(source[i], 1, 1) != "}"; i++)
        if (source[i] ~ regex) {
            found++
            where = i
        }
    if (found != 1)
        fail(source_name ": " function_name "() has " found + 0 \
            " lines like " regex)
    put_stub(k, where)
}

FNR == 1 && NR != 1 { in_source = 1; source_name = FILENAME }

in_source && /^static bool quiet;/ { has_quiet = 1 }
in_source { source[++n_source] = $0; next }

FNR == 1 { sheet = FILENAME }
/^#/ || /^[ \t]*$/ { next }
/^ / && count { add($0); next }
/^[a-z]/ {
    name[++count] = $1
    sub(/^[a-z]+ */, "")
    text[count] = $0
    lines[count] = 0
    next
}
{ fail("line " FNR " is no word: " $0) }

END {
    if (failed)
        exit 1
    if (get != "") {
        print_words(get)
        exit
    }
    n = find("cut")
    for (c = 1; c <= n; c++)
        cut(at[c])
    n = find("include")
    for (i = 1; i <= n_source; i++) {
        if (n && source[i] ~ /^#include </) {
            for (c = 1; c <= n; c++)
                print "#include " text[at[c]]
            n = 0
        }
        if (i in stub)
            printf "%s", stub[i]
        if (!(i in gone))
            print source[i]
    }
}
