/*
 * http.h: the HTTP of the step 08d, on the client's side.
 *
 * It makes no call on a socket. The step sends what make_request() has made,
 * receives until the server closes, and passes all bytes to find_page(). Both
 * functions return NULL, or a text that says what is wrong. Define _GNU_SOURCE
 * before you include this file: it calls strcasestr().
 * Source: RFC 9110 (status codes), RFC 9112 (the syntax, chunks).
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
    char host[256], *port;
    char text[1024]; /* what the step sends */
    size_t size;     /* bytes of it */
};

/* Make the request that gets URL, http://HOST[:PORT][/PATH]. The port is 80 if
   left out. */
static inline const char *make_request(const char *url, struct request *r)
{
    char path[600] = "/";
    if (sscanf(url, "http://%255[^/]%599s", r->host, path) < 1)
        return "that is not http://HOST[:PORT][/PATH]";
    r->size = (size_t)snprintf(r->text, sizeof r->text, "GET %s HTTP/1.1\r\n"
                               "Host: %s\r\nConnection: close\r\n\r\n", path,
                               r->host);
    char *colon = strchr(r->host, ':');
    r->port = colon != NULL ? colon + 1 : "80";
    if (colon != NULL)
        *colon = '\0';
    return NULL;
}

/* Join the page's chunks, in place. A chunk is its size in hex, a line's end,
   so many bytes, a line's end; the last one is empty. *SIZE is at first the
   size of all chunks, at the end that of the page. */
static inline const char *join_chunks(char *bytes, size_t *size)
{
    char *chunk = bytes, *end = bytes + *size, *line_end;
    *size = 0;
    while ((line_end = memchr(chunk, '\n', (size_t)(end - chunk))) != NULL) {
        size_t length = strtoul(chunk, NULL, 16);
        char *data = line_end + 1;
        if (length == 0)
            return *chunk == '0' ? NULL : "a chunk has no size";
        if (length + 2 < length || length + 2 > (size_t)(end - data))
            break; /* more than has come; 2: the line's end */
        memmove(bytes + *size, data, length);
        *size += length;
        chunk = data + length + 2;
    }
    return "cut off, in its chunks";
}

/* Find the page in ANSWER, which ends with a '\0'. *SIZE is at first the
   answer's size, at the end the page's. ANSWER changes. */
static inline const char *find_page(char *answer, char **page, size_t *size)
{
    char *header_end = strstr(answer, "\r\n\r\n"), *field;
    int status;
    if (header_end == NULL || sscanf(answer, "HTTP/%*s %d", &status) != 1)
        return "this is no answer of HTTP";
    *header_end = '\0';
    *page = header_end + 4;
    *size -= (size_t)(*page - answer);
    if (status != 200)
        return strtok(answer, "\r\n"); /* the status line */
    if (strcasestr(answer, "\r\nTransfer-Encoding: chunked") != NULL)
        return join_chunks(*page, size);
    field = strcasestr(answer, "\r\nContent-Length:");
    if (field != NULL) {
        size_t length = strtoul(strchr(field, ':') + 1, NULL, 10);
        if (length > *size)
            return "cut off";
        *size = length;
    }
    return NULL;
}

#endif
