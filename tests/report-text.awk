# report.txt, for people: each group, then the first thing to do.

END {
    printf "%s: %d of %d points\n", lesson, total, maximum
    printf "%s; %s; %d s\n", kit, trust, ENVIRON["KIT_SECONDS"]
    if (note != "")
        printf "\n%s\n", note
    for (i = 1; i <= n; i++)
        if (!(group[i] in seen)) {
            seen[group[i]]
            print_group(group[i])
        }
    if (first) {
        printf "\nFirst: row %d, %s\n", first, sentence[first]
        text = message(first)
        gsub(/\n/, "\n    ", text)
        printf "\n    %s\n", text
        print "What each row printed: rows/NUMBER.txt"
    } else if (total == maximum)
        print "\nAll points."
}

function print_group(name,    i, got, of) {
    for (i = 1; i <= n; i++)
        if (group[i] == name) {
            got += score[i]
            of += most[i]
        }
    printf "\n%-40s %3d of %3d\n", name, got, of
    for (i = 1; i <= n; i++)
        if (group[i] == name)
            printf "  %2d %-4s %d/%d  %s%s\n", i, passed(i) ? "ok" : "-",
                score[i], most[i], sentence[i],
                status[i] == "passed" ? "" : " (" status[i] ")"
}
