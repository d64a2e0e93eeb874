# classroom.json, for GitHub Classroom's grading reporter (README.md: base64 of
# it goes into an environment variable).

END {
    printf "{\"version\":1,\"status\":\"%s\",\"max_score\":%d,",
        total == maximum ? "pass" : "fail", maximum
    printf "\"kit\":%s,\"tests\":[", json(kit "; " trust)
    for (i = 1; i <= n; i++) {
        printf "%s\n{\"name\":%s,\"status\":\"%s\",\"score\":%d,",
            (i > 1 ? "," : ""), json(sentence[i]), passed(i) ? "pass" : "fail",
            score[i]
        printf "\"message\":%s,\"test_code\":\"\",", json(message(i))
        printf "\"filename\":\"tests/%s.bats\",\"line_no\":0,\"duration\":%d}",
            lesson, took[i] * 1000
    }
    print "\n]}"
}
