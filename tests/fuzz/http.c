/*
 * http: any bytes as requests to the web servers of 02d, 03k and 05d, which
 * share http.h. See tests/fuzz.sh.
 *
 * An input's first byte says how many bytes one read returns (0: all). What
 * must hold: each answer is a status line, a header and a page of the length
 * that the header says; and TCP may cut the bytes anywhere, so the answers are
 * the same where each read returns one byte.
 */
#include "../../03-select/steps/http.h"
#include <stdint.h>

enum { MOST_ANSWERS = 64 };

static void must(bool right, const char *what)
{
    if (right)
        return;
    fprintf(stderr, "http: %s\n", what);
    abort();
}

/* Check an answer; returns its status, 200 to 505. */
static int check_answer(const struct client *c)
{
    int status = 0, end = 0, length = -1;
    must(c->size > 0 && c->size < ANSWER_SIZE, "the size of the answer");
    char *text = malloc(c->size + 1); /* a read beyond it is found */
    memcpy(text, c->answer, c->size);
    text[c->size] = '\0';
    must(strlen(text) == c->size, "a zero byte in the answer");
    sscanf(text, "HTTP/1.1 %d %n", &status, &end);
    must(end > 0 && status >= 200 && status <= 505, "the status line");
    const char *page = strstr(text, "\r\n\r\n");
    const char *field = strstr(text, "Content-Length: ");
    must(page != NULL && field != NULL && field < page, "the header");
    sscanf(field, "Content-Length: %d", &length);
    int size = (int)strlen(page + 4);
    must(size == length || size == 0, "the length of the page");
    free(text);
    return status;
}

/* What the server answers, where one read returns at most STEP bytes: the
   statuses. Returns how many. */
static int answers(const uint8_t *bytes, size_t size, size_t piece,
                   int *statuses)
{
    static struct client c;
    static struct page page = { .model = "fuzz", .summary = "", .colour = "",
                                .calls = { "none" } };
    int n = 0;
    c.last = false;
    c.length = c.size = c.sent = 0;
    while (size > 0 && !c.last && n < MOST_ANSWERS) {
        size_t room = REQUEST_SIZE - c.length;
        size_t part = piece < room ? piece : room;
        part = part < size ? part : size;
        must(part > 0, "no room, and no answer");
        memcpy(c.request + c.length, bytes, part);
        c.length += part;
        bytes += part;
        size -= part;
        while (n < MOST_ANSWERS && next_answer(4, &c, &page))
            statuses[n++] = check_answer(&c);
        must(c.length <= REQUEST_SIZE, "the length of the request");
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int some[MOST_ANSWERS], others[MOST_ANSWERS];
    if (size == 0)
        return 0;
    step.flag['q'] = true;
    size_t piece = bytes[0] == 0 ? READ_SIZE : bytes[0];
    int n = answers(bytes + 1, size - 1, piece, some);
    must(n == answers(bytes + 1, size - 1, 1, others) &&
          memcmp(some, others, (size_t)n * sizeof *some) == 0,
          "other answers to the same bytes, cut elsewhere");
    return 0;
}
