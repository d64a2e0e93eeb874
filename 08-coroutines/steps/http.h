/*
 * http.h: the HTTP of the step 08d, on the client's side.
 *
 * It makes no call on a socket. The step sends what make_request() has made,
 * receives until the server closes, and passes all bytes to find_page(). Both
 * functions return NULL, or a text that says what is wrong. Define _GNU_SOURCE
 * before you include this file, for strcasestr().
 * Source: RFC 9110 (status codes), RFC 9112 (the syntax, chunks).
 */
#ifndef HTTP_H
#define HTTP_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct request {
    char host[256], *port;
    char text[2048]; /* what the step sends */
    size_t size;     /* bytes of it */
};

/* The peer may send any bytes, and a terminal obeys control characters. So
   replace '\n' by a space, and every other byte that is not printable ASCII by
   '?'. Writes a zero byte to BYTES[LENGTH], too, and returns BYTES. */
static inline const char *printable(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] < ' ' || bytes[i] > '~')
            bytes[i] = bytes[i] == '\n' ? ' ' : '?';
    bytes[length] = '\0';
    return bytes;
}

/* Is every byte of TEXT a printable one of ASCII, and no space? */
static inline bool is_plain(const char *text)
{
    while (*text > ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

/* Make the request that gets URL, http://HOST[:PORT][/PATH]. The port is 80 if
   left out. */
static inline const char *make_request(const char *url, struct request *r)
{
    const char *host = url + strlen("http://");
    if (strncmp(url, "http://", strlen("http://")) != 0 || !is_plain(url))
        return "that is not http://HOST[:PORT][/PATH]";
    size_t host_size = strcspn(host, "/?#");
    const char *path = host + host_size;
    size_t path_size = strcspn(path, "#"); /* what follows is the browser's */
    if (host_size == 0 || host_size >= sizeof r->host || path_size > 1500)
        return "no host, or it is too long";
    r->size = (size_t)snprintf(
        r->text, sizeof r->text,
        "GET %s%.*s HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n\r\n",
        *path == '/' ? "" : "/", (int)path_size, path, (int)host_size, host);
    snprintf(r->host, sizeof r->host, "%.*s", (int)host_size, host);
    char *colon = strchr(r->host, ':');
    r->port = colon != NULL ? colon + 1 : "80";
    if (colon != NULL)
        *colon = '\0';
    return NULL;
}

/* Read the number at TEXT into *SIZE. It has no sign, and one of ENDS follows.
   False: it is not such a number. */
static inline bool parse_size(const char *text, int base, const char *ends,
                              size_t *size)
{
    const char *digits = base == 16 ? "0123456789abcdefABCDEF" : "0123456789";
    size_t length = strspn(text, digits);
    const char *end = text + length + strspn(text + length, " \t");
    errno = 0;
    *size = strtoul(text, NULL, base);
    return length > 0 && errno == 0 && strchr(ends, *end) != NULL;
}

/* Join the page's chunks, in place. A chunk is its size in hex, a line's end,
   so many bytes, a line's end; the last one is empty. *SIZE is at first the
   size of all chunks, at the end that of the page. */
static inline const char *join_chunks(char *bytes, size_t *size)
{
    char *chunk = bytes, *end = bytes + *size, *line_end;
    *size = 0;
    while ((line_end = memchr(chunk, '\n', (size_t)(end - chunk))) != NULL) {
        size_t length;
        char *data = line_end + 1;
        if (!parse_size(chunk, 16, "\r\n;", &length))
            return "a chunk has no size";
        if (length == 0)
            return NULL;
        if (length + 2 < length || length + 2 > (size_t)(end - data))
            break; /* more than has come; 2: the line's end */
        if (memcmp(data + length, "\r\n", 2) != 0)
            return "a chunk has not the size that it gives";
        memmove(bytes + *size, data, length);
        *size += length;
        chunk = data + length + 2;
    }
    return "cut off, in its chunks";
}

/* The value of the field NAME, as in "\r\nDate:", from HEADER on; or NULL. */
static inline const char *find_field(const char *header, const char *name)
{
    const char *field = strcasestr(header, name);
    if (field == NULL)
        return NULL;
    field += strlen(name);
    return field + strspn(field, " \t");
}

/* Find the page in ANSWER, which ends with a '\0'. *SIZE is at first the
   answer's size, at the end the page's. ANSWER changes. */
static inline const char *find_page(char *answer, char **page, size_t *size)
{
    char *header_end = strstr(answer, "\r\n\r\n");
    size_t length;
    int status;
    if (header_end == NULL || sscanf(answer, "HTTP/%*s %d", &status) != 1)
        return "this is no answer of HTTP";
    *header_end = '\0';
    *page = header_end + 4;
    *size -= (size_t)(*page - answer);
    if (status != 200)
        return printable(answer, strcspn(answer, "\r\n")); /* status line */
    const char *field = find_field(answer, "\r\nTransfer-Encoding:");
    if (field != NULL)
        return strcasecmp(field, "chunked") == 0 ||
               strncasecmp(field, "chunked\r", 8) == 0 ?
               join_chunks(*page, size) : "an unknown Transfer-Encoding";
    field = find_field(answer, "\r\nContent-Length:");
    if (field == NULL)
        return NULL;
    if (!parse_size(field, 10, "\r", &length))
        return "its Content-Length is not a number";
    if (length > *size)
        return "cut off";
    *size = length;
    return NULL;
}

#endif
