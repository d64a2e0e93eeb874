#!/bin/sh
# Print a step's question, and wait for Enter, before the step runs.
#
#     clients/ask.sh STEP.c
#
# `make 01a` begins with it. The question is in the step's first comment: from
# "Question:" to the first line that ends with "?". The answer is in what the
# step prints. Without a terminal, and with PACE=0, nothing is printed.

[ -t 0 ] && [ -t 1 ] && [ "${PACE:-}" != 0 ] || exit 0
question=$(sed -n '/^ \* Question: /,/?$/ {
    s/^ \* Question: /   ? /
    s/^ \* /     /
    p
}' "$1")
[ -n "$question" ] || exit 0
printf '\n%s\n     [Enter] ' "$question"
read -r _
echo
