# results.json, for Gradescope's autograder.

END {
    printf "{\"execution_time\":%d,\"visibility\":\"visible\",",
        ENVIRON["KIT_SECONDS"]
    printf "\"stdout_visibility\":\"hidden\",\"test_output_format\":\"text\",\n"
    printf "\"output\":%s,\n\"tests\":[", json(kit ", " total " of " maximum \
        "; " trust (note == "" ? "" : "\n" note))
    for (i = 1; i <= n; i++) {
        printf "%s\n{\"number\":\"%d.%d\",\"name\":%s,", (i > 1 ? "," : ""),
            substr(lesson, 1, 2), i, json(sentence[i])
        printf "\"score\":%d,\"max_score\":%d,", score[i], most[i]
        if (!out_of_play(i))
            printf "\"status\":\"%s\",", passed(i) ? "passed" : "failed"
        printf "\"output\":%s,\"tags\":[%s],\"visibility\":\"visible\"}",
            json(message(i)), json(group[i])
    }
    print "\n]}"
}
