# The rows that a lesson's tests have, with their points:
#
#     awk -v lesson=03-select [-v model=edge] -f rows.awk points 03-select.bats
#
# A line a row, in the table's order: number, group, points, flags that the row
# is about, "also" or "only" (the part's) or "-", "gate" or "-", title; with tabs
# between. With -v check=1 it prints
# instead the rows that do not stand in the table exactly once.

function trim(s) { gsub(/^ +| +$/, "", s); return s }

# points_in(WHERE, NAME, USUAL): what a row is worth there; -1: it is not there.
function points_in(where, name, usual,    n, word, w, i) {
    n = split(where, word, / +/)
    for (i = 1; i <= n; i++) {
        w = word[i]
        if (w == name || (w ~ /^[0-9]+-[0-9]+$/ && name ~ /^[0-9]+$/ &&
            substr(w, 1, 2) <= name && name <= substr(w, 4)))
            return usual
        if (index(w, name "=") == 1)
            return substr(w, length(name) + 2)
    }
    return -1
}

# Remember the row that stands in the table, in this part ("": in none).
function plan(part, n,    key, p) {
    p = points_in(where[n], part == "" ? number : part, points[n])
    if (p < 0)
        return
    key = begins[part] row[n]
    if (!(key in title)) {
        printf "tests/points: %s has no row \"%s\"\n", lesson, key
        bad = 1
    }
    found[key]++
    if (!check && p > 0 && (part in chosen ||
        (part == "" && (!only || group[n] ~ /^(start|bytes)$/))))
        rows[++count] = group[n] (part == "" ? "" : " " substr(part, 4)) "\t" \
            p "\t" (part == "" ? "-\t-" : flags[part] "\t" how[part]) "\t" \
            (row[n] == gate ? "gate" : "-") "\t" title[key]
}

BEGIN { FS = "|"; number = substr(lesson, 1, 2) }

FNR == 1 { file++ }

file == 1 && /^[^#]/ {
    for (i = 1; i <= NF; i++)
        $i = trim($i)
    if ($1 == "gate")
        gate = $2
    else if ($1 == "part" && index($2, number) == 1) {
        part[++parts] = $2
        how[$2] = $3
        flags[$2] = $4 == "" ? "-" : $4
        begins[$2] = $5 == "" ? "" : $5 " "
        names = names " " substr($2, 4)
        if ((model == "all" && $3 == "also") || (" " model " ") ~ (" " substr($2, 4) " ")) {
            chosen[$2]
            only = only || $3 == "only"
        }
    } else if ($1 != "part") {
        points[++n] = $1
        group[n] = $2
        where[n] = $3
        row[n] = $4
    }
}

# client 06, selector.h and 08 co: are tests of the kit's own parts.
file == 2 && /^@test "[0-9]+ / && !/^@test "[0-9]+ co: / {
    sub(/^@test "/, "")
    sub(/" \{.*/, "")
    sentence = substr($0, 4)
    title[sentence] = $0
    in_order[++tests] = sentence
}

END {
    m = split(model, word, " ")
    for (i = 1; i <= m; i++)
        if (word[i] != "all" && !((number "-" word[i]) in flags)) {
            printf "MODEL=%s: lesson %s has these:%s\n", word[i], number,
                names == "" ? " none" : names > "/dev/stderr"
            exit 2
        }
    begins[""] = ""
    for (p = 0; p <= parts; p++)
        for (i = 1; i <= n; i++)
            plan(p == 0 ? "" : part[p], i)
    for (i = 1; i <= count && !bad; i++)
        printf "%d\t%s\n", i, rows[i]
    for (i = 1; check && i <= tests; i++)
        if (found[in_order[i]] != 1) {
            printf "tests/points has %d times: %s\n", found[in_order[i]],
                title[in_order[i]]
            bad = 1
        }
    exit bad
}
