/*
 * summary: how often a program called what, how long the calls slept, and how
 * many bytes they copied; in a table for all threads together, and for each
 * thread the calls that it slept in.
 */
#ifndef SUMMARY_H
#define SUMMARY_H

#include "trace.h"
#include <stdio.h>

/* Count a call; EVENT is a CALL_ENDS. Ends the program with err(3) if there
   is no memory. */
void summary_add(const struct event *event);

/* Print all that was counted. */
void summary_print(FILE *out);

#endif
