/*
 * deadline: when the loop must wake up. deadline.h says what it does.
 */
#include <time.h>

#include "deadline.h"

#define NEVER INT64_MAX

static int64_t earliest = NEVER; /* ms */

int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void deadline_add(int64_t time)
{
    if (time < earliest)
        earliest = time;
}

int deadline_timeout(void)
{
    if (earliest == NEVER)
        return -1;
    int64_t left = earliest - now_ms();
    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

bool deadline_passed(void)
{
    if (now_ms() < earliest)
        return false;
    earliest = NEVER;
    return true;
}
