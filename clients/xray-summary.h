/*
 * xray-summary: count calls, and print a table of them: how often the program
 * made each call, how long it slept, how many bytes it copied. The table is
 * for all threads together; after it come, for each thread, the calls that the
 * thread slept in.
 */
#ifndef XRAY_SUMMARY_H
#define XRAY_SUMMARY_H

#include "trace.h"
#include <stdio.h>

/* Count a call; EVENT is a CALL_ENDS. Ends the program with err(3) if there
   is no memory. */
void summary_add(const struct event *event);

/* Print all that was counted. */
void summary_print(FILE *out);

#endif
