/*
 * figure: what the two drawings of a timeline share. See figure.h.
 */
#include "figure.h"
#include <stdio.h>
#include <string.h>

void call_label(const struct event *event, char *label)
{
    size_t digits = strspn(event->arguments, "0123456789");
    if (digits > 0 && event->arguments[digits] == '\0')
        snprintf(label, LABEL, "%s(%.12s)", event->name, event->arguments);
    else
        snprintf(label, LABEL, "%s", event->name);
}

size_t line_length(const char *text, size_t most)
{
    size_t length = strlen(text);
    if (length <= most)
        return length;
    for (length = most; length > 0 && text[length] != ' '; length--)
        continue;
    return length > 0 ? length : most;
}

double axis_step(double to)
{
    double step = 1e-3;
    for (int i = 0; to / step > 10; i++)
        step *= i % 3 == 1 ? 2.5 : 2; /* 1, 2, 5, 10, 20 ... */
    return step;
}
