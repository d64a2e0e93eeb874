# bats' TAP for somebody who writes a server: without the lines of the tests where
# a row failed, unless the row has said nothing else; and the sums at the end.
# Exit status 0: all rows passed or were skipped.

function print_stack() {
    if (title != "")
        print "\nFAILED  " title
    printf "%s", stack
    stack = title = ""
    inside = 0
}

/^1\.\.[0-9]/ { plan = substr($0, 4); next }

/^(not )?ok / {
    print_stack()
    not_run = 0
    ok += /^ok/
    skipped += / # skip/
    failed = !/^ok/
    sub(/^(not )?ok [0-9]+ /, "")
    if (failed)
        title = $0
    else
        print "ok      " $0
    fflush()
    next
}

/^# \((from function|in test file) / { inside = 1 }

inside {
    stack = stack "    " substr($0, 3) "\n"
    if (/ failed( with status [0-9]+)?$/)
        inside = 0
    next
}

/^# not run: / && !not_run {
    print "not run " title ": the server does not start"
    stack = title = ""
    not_run = 1
}

not_run { next }

/^#/ {
    stack = ""
    print_stack()
    sub(/^#( |$)/, "    ")
    sub(/^    $/, "")
}

{ print; fflush() }

END {
    print_stack()
    printf "\n%d rows: %d ok, %d skipped, %d failed\n", plan, ok - skipped,
        skipped, plan - ok
    exit plan == 0 || ok != plan
}
