/*
 * columns: how wide a text is on a terminal. Below it: play-common.
 *
 * A text is in UTF-8. A Chinese character takes two columns. A byte that is no
 * UTF-8 takes one. setlocale(3) must have been called.
 */
#ifndef COLUMNS_H
#define COLUMNS_H

#include <stddef.h>

/* The columns of the one character at S (-1: it cannot be shown), and its
   *LENGTH in bytes. */
int columns_at(const char *s, size_t *length);

/* The columns that a text takes. */
int columns_of(const char *s);

/* How many bytes of S fit into ROOM columns (one character at least); *USED is
   the number of columns that they take. A line ends at a space, or beside a
   Chinese character; but no line begins with a closing mark or ends with an
   opening one. */
size_t columns_fit(const char *s, int room, int *used);

#endif
