# junit.xml: valid XML, whatever bytes a server prints.

END {
    for (i = 1; i <= n; i++) {
        failures += status[i] == "failed"
        skipped += !passed(i) && status[i] != "failed"
    }
    print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
    printf "<testsuite name=\"%s\" tests=\"%d\" failures=\"%d\" ", xml(lesson),
        n, failures
    printf "skipped=\"%d\" errors=\"0\" time=\"%d\">\n", skipped,
        ENVIRON["KIT_SECONDS"]
    printf "<properties><property name=\"kit\" value=\"%s\"/>", xml(kit)
    printf "<property name=\"trust\" value=\"%s\"/>", xml(trust)
    printf "<property name=\"points\" value=\"%d of %d\"/></properties>\n",
        total, maximum
    for (i = 1; i <= n; i++) {
        printf "<testcase classname=\"%s\" name=\"%s\" time=\"%d\">",
            xml(lesson), xml(sentence[i]), took[i]
        if (status[i] == "failed")
            printf "<failure message=\"%d of %d points\">%s</failure>",
                score[i], most[i], xml(message(i))
        else if (!passed(i))
            printf "<skipped message=\"%s\"/>", xml(status[i])
        print "</testcase>"
    }
    if (note != "")
        printf "<system-out>%s</system-out>\n", xml(note)
    print "</testsuite>"
}
