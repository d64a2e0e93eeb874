/*
 * deadline: when the loop must wake up, even if no fd is ready. It knows the
 * earliest deadline alone; each session keeps its own.
 */
#ifndef FTP_DEADLINE_H
#define FTP_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

/* The time in ms, on a clock that only goes forward. */
int64_t now_ms(void);

/* The loop must wake up at this time (in ms, as now_ms()), or before. */
void deadline_add(int64_t time);

/* For selector_select(): how many ms to wait; 0: a deadline has passed; -1:
   there is no deadline. */
int deadline_timeout(void);

/* Has the earliest deadline passed? If so, this forgets all deadlines, and the
   caller adds the later ones again. */
bool deadline_passed(void);

#endif
