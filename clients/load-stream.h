/*
 * load-stream: the bytes that load's clients send, and the answers to them.
 *
 * Each client sends slices of one pattern, from a place of its own. The length
 * of the pattern is a prime, so no message is like the one before: bytes that
 * are lost, sent twice, swapped or another client's differ from the right
 * ones. And load need not keep what it has sent.
 */
#ifndef LOAD_STREAM_H
#define LOAD_STREAM_H

enum { PERIOD = 65537 }; /* bytes of the pattern: a prime above 64 KiB */

/* Make the pattern. Call it first. */
void stream_init(void);

/* What this client (1 or more) sends from this offset of its stream on, and
   the right answer to that. At least PERIOD bytes follow. */
const char *stream_bytes(int client, long long offset);
const char *stream_answer(int client, long long offset);

#endif
