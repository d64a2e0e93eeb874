/*
 * load-stream: the bytes that load's clients send, and the answers to them.
 * See load-stream.h.
 */
#include "load-stream.h"
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PHASE = 12347 }; /* bytes from one client's start to the next one's */

/* Both hold the pattern twice, so that no slice has to wrap. */
static char pattern[2 * PERIOD];
static char answer[2 * PERIOD];

/* a-z become A-Z, every other byte stays. */
static void upper(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] -= ('a' <= bytes[i] && bytes[i] <= 'z') * ('a' - 'A');
}

void stream_init(void)
{
    uint32_t x = 2463534242; /* Marsaglia's xorshift: the same in each run */
    for (int i = 0; i < PERIOD; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        pattern[i] = pattern[i + PERIOD] = (char)(x >> 24);
    }
    memcpy(answer, pattern, sizeof answer);
    upper(answer, sizeof answer);
}

static size_t place(int client, long long offset)
{
    return (size_t)((client * (long long)PHASE + offset) % PERIOD);
}

const char *stream_bytes(int client, long long offset)
{
    return pattern + place(client, offset);
}

const char *stream_answer(int client, long long offset)
{
    return answer + place(client, offset);
}
