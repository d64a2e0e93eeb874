# What the writers of reports share: the rows of rows.tsv, and the texts of the
# formats. The run is described by KIT_... in the environment.

BEGIN {
    FS = "\t"
    lesson = ENVIRON["KIT_LESSON"]
    trust = ENVIRON["KIT_TRUST"]
    note = ENVIRON["KIT_NOTE"]
    kit = "kit " ENVIRON["KIT_COMMIT"] ", tests " ENVIRON["KIT_TESTS"]
    for (i = 1; i < 256; i++)
        byte[sprintf("%c", i)] = i
}

/^[0-9]/ {
    n = $1
    group[n] = $2
    score[n] = $3
    most[n] = $4
    status[n] = $5
    took[n] = $6
    title[n] = $7
    sentence[n] = substr($7, 4)
    total += $3
    maximum += $4
    if (!first && status[n] == "failed")
        first = n
}

function passed(i) { return status[i] ~ /^passed/ }

# out_of_play(I): the row has not been judged, and costs nothing.
function out_of_play(i) { return status[i] ~ /^(cannot run|skipped)/ && !most[i] }

# message(I): what the row printed, or why there is nothing. Where the row says
# what it wanted, the lines of the tests where it failed are left out.
function message(i,    file, line, text, stack, inside) {
    if (passed(i))
        return status[i] == "passed" ? "" : status[i]
    if (status[i] != "failed")
        return status[i]
    file = ENVIRON["KIT_OUT"] "/rows/" i ".txt"
    while ((getline line < file) > 0)
        if (line !~ /^1\.\.1$/ && line !~ /^not ok 1 /) {
            sub(/^# ?/, "", line)
            inside = inside || line ~ /^\((from function|in test file) /
            if (inside)
                stack = stack line "\n"
            else
                text = text line "\n"
            if (line ~ / failed( with status [0-9]+)?$/)
                inside = 0
        }
    close(file)
    sub(/^\n/, "", text)
    return text == "" ? stack : text
}

# escape(TEXT, FORM): every byte that the format does not allow, as it wants it.
function escape(text, form,    i, c, out) {
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (form == "xml" && c ~ /[<>&"]/)
            c = "&#" byte[c] ";"
        else if (form == "json" && c ~ /["\\]/)
            c = "\\" c
        else if (c == "\n" || c == "\t")
            c = form == "json" ? (c == "\n" ? "\\n" : "\\t") : c
        else if (byte[c] < 32 || byte[c] > 126)
            c = "?"
        out = out c
    }
    return out
}

function json(text) { return "\"" escape(text, "json") "\"" }

function xml(text) { return escape(text, "xml") }
