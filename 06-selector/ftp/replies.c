/*
 * replies: the replies on one control connection. replies.h says what it does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "replies.h"

int replies_send(struct replies *r, const char *text)
{
    size_t most = 2 * strlen(text) + strlen("\r\n");
    char *pending = realloc(r->pending, r->pending_size + most);
    if (pending == NULL)
        return -1;
    char *to = pending + r->pending_size;
    for (; *text != '\0'; text++) {
        *to++ = *text;
        if (*text == (char)255)
            *to++ = *text;
    }
    *to++ = '\r';
    *to++ = '\n';
    r->pending = pending;
    r->pending_size = (size_t)(to - pending);
    return replies_flush(r);
}

bool replies_pending(const struct replies *r)
{
    return r->pending_size > 0;
}

int replies_flush(struct replies *r)
{
    ssize_t n = send(r->fd, r->pending, r->pending_size, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    r->pending_size -= (size_t)n;
    memmove(r->pending, r->pending + n, r->pending_size);
    if (r->pending_size == 0)
        replies_free(r);
    return 0;
}

void replies_free(struct replies *r)
{
    free(r->pending);
    r->pending = NULL;
    r->pending_size = 0;
}
