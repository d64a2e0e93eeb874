/*
 * http.h: the HTTP of the steps 02d, 03k and 05d. A step shows one I/O model;
 * what all three have in common is here, and the file is the same in all.
 *
 * It makes no call on a socket. The step reads bytes into c->request, then
 *
 *     while (next_answer(fd, c, &page))
 *         send all of c->answer;
 *
 * and the step counts its calls in a struct page, which the answers show.
 * Source: RFC 9110 (methods, fields, status codes) and RFC 9112 (the syntax of
 * a request, and when the connection stays open).
 */
#ifndef HTTP_H
#define HTTP_H

#include "step.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    READ_SIZE = 2048,        /* bytes: one read, as in the notes */
    REQUEST_SIZE = 8 * 1024, /* bytes: a longer header gets status 431 */
    ANSWER_SIZE = 8 * 1024,  /* bytes: the page and its header */
    MAX_CALLS = 8,           /* different calls that a step counts */
};

/* A client, as the step keeps it: by fd, in a static table. An entry that was
   never used costs no memory. A new client has all numbers 0 and last false;
   the two buffers need no clearing. */
struct client {
    bool open;         /* for the step; http.h does not use it */
    bool last;         /* answer is the last one: the step shuts down the
                          connection after it and ignores what it reads */
    size_t length;     /* bytes in request that have no answer yet */
    size_t size, sent; /* bytes in answer; the rest of them is pending */
    char request[REQUEST_SIZE];
    char answer[ANSWER_SIZE];
};

/* What the page shows. The step sets model, summary, colour and calls once,
   and start to time(NULL). Then it counts; next_answer() counts requests. */
struct page {
    const char *model, *summary, *colour; /* the colour as CSS has it */
    const char *calls[MAX_CALLS];         /* names; NULL ends the list */
    unsigned long count[MAX_CALLS];       /* of each call, in that order */
    unsigned long eagain_count;           /* calls that failed with EAGAIN */
    unsigned long rounds, idle_rounds;    /* idle: in which nothing happened */
    unsigned long requests;
    int clients; /* that are connected now */
    time_t start;
};

/* The beginning of every page: title and colour are to be filled in. */
static const char page_head[] =
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
    "content='width=device-width'><title>%s</title><style>"
    ":root{color-scheme:light dark;--c:%s;font:1.25rem/1.5 "
    "system-ui,sans-serif}body{max-width:46rem;margin:auto;padding:2rem "
    "1.5rem}h1{font-size:2.6rem;line-height:1.1;margin:0;color:var(--c)}"
    "main{display:grid;grid-template-columns:repeat(3,1fr);gap:1rem}"
    "main p{border-top:.3rem solid var(--c);margin:0;padding:.5rem 0}"
    "b{display:block;font-size:2.2rem;line-height:1.2}table{width:100%%}"
    "b,td{font-variant-numeric:tabular-nums}th{text-align:left}"
    "td{text-align:right;padding-right:1rem}td+td{width:80%%}"
    "i{display:block;height:1.3rem;background:var(--c)}"
    "@media(max-width:29rem){main{grid-template-columns:1fr 1fr}}"
    "</style><h1>";

static inline unsigned long count_all(const struct page *p)
{
    unsigned long all = 0;
    for (int i = 0; i < MAX_CALLS; i++)
        all += p->count[i];
    return all;
}

/* Write the table of the calls to HTML, a buffer of SIZE bytes. Returns its
   length without the final zero byte. */
static inline int write_table(char *html, size_t size, const struct page *p)
{
    unsigned long all = count_all(p);
    int n = 0;
    for (int i = 0; i < MAX_CALLS && p->calls[i] != NULL; i++)
        n += snprintf(html + n, size - (size_t)n, "<tr><th>%s<td>%lu<td>"
                      "<i style=width:%lu%%></i>", p->calls[i], p->count[i],
                      all == 0 ? 0 : p->count[i] * 100 / all);
    return n;
}

/* Write the page to HTML, a buffer of SIZE bytes; for a STATUS other than
   "200 OK", an error page. Returns its length without the final zero byte. No
   byte in it comes from a client, so nothing has to be escaped. */
static inline int write_page(char *html, size_t size, const char *status,
                             const struct page *p)
{
    int n = snprintf(html, size, page_head, p->model, p->colour);
    if (status[0] != '2')
        return n + snprintf(html + n, size - (size_t)n, "%s</h1><p>This "
                            "server has one page: <a href=/>/</a>\n", status);
    n += snprintf(html + n, size - (size_t)n, "%s</h1><p>%s<main>"
                  "<p><b>%d</b>clients now<p><b>%lu</b>requests so far"
                  "<p><b>%.1f</b>calls per request"
                  "<p><b>%lu</b>idle rounds, of %lu"
                  "<p><b>%lu</b>times EAGAIN<p><b>%.0f ms</b>of CPU, "
                  "in %.0f s</main><h2>The calls, counted</h2><table>",
                  p->model, p->summary, p->clients, p->requests,
                  (double)count_all(p) / (double)p->requests,
                  p->idle_rounds, p->rounds, p->eagain_count,
                  (double)clock() * 1000 / CLOCKS_PER_SEC,
                  difftime(time(NULL), p->start));
    n += write_table(html + n, size - (size_t)n, p);
    return n + snprintf(html + n, size - (size_t)n, "</table><p>Wait ten "
                        "seconds and reload: which numbers have grown?\n");
}

/* The empty lines that these bytes begin with: their length in bytes. A client
   may send some before a request (RFC 9112, 2.2). */
static inline size_t empty_lines_size(const char *bytes, size_t length)
{
    size_t i = 0;
    for (;;)
        if (i < length && bytes[i] == '\n')
            i += 1;
        else if (i + 1 < length && bytes[i] == '\r' && bytes[i + 1] == '\n')
            i += 2;
        else
            return i;
}

/* May a request begin with these bytes, of which there is at least one? A TLS
   client (https://...) begins with the byte 0x16 and need never send a '\n':
   the server must not wait for one. */
static inline bool may_begin_request(const char *bytes, size_t length)
{
    return ('!' <= bytes[0] && bytes[0] <= '~') ||
           (bytes[0] == '\r' && length == 1);
}

/* The header that these bytes begin with: its length in bytes, with the empty
   line at its end; 0 if that line is not there yet. A line may end in "\n"
   alone, as nc sends it. */
static inline size_t header_size(const char *bytes, size_t length)
{
    bool empty = false; /* the line has no byte so far, or "\r" */
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n' && empty)
            return i + 1;
        empty = bytes[i] == '\n' || (bytes[i] == '\r' && empty);
    }
    return 0;
}

struct request {
    char method[16], minor[2]; /* minor: of the version, "0" or "1" */
    char *path;
    int hosts;          /* lines "Host: ..." */
    bool closes, keeps; /* the request wants the connection closed, kept */
    bool last;          /* the server closes it after the answer */
};

/* Read the lines after the first: "NAME: VALUE". *REST is where strtok_r()
   continues. Returns false if a line has no name, or if an HTTP/1.1 request
   has not exactly one Host. The server reads no body: after a request that may
   have one, it closes the connection. */
static inline bool read_fields(struct request *r, char **rest)
{
    char *line, *more;
    while ((line = strtok_r(NULL, "\r\n", rest)) != NULL) {
        char *value = line + strcspn(line, ": \t");
        if (value == line || *value != ':')
            return false;
        *value++ = '\0';
        r->hosts += strcasecmp(line, "Host") == 0;
        r->closes |= strcasecmp(line, "Content-Length") == 0 ||
                     strcasecmp(line, "Transfer-Encoding") == 0;
        if (strcasecmp(line, "Connection") != 0)
            continue;
        for (; (value = strtok_r(value, ", \t", &more)); value = NULL) {
            r->closes |= strcasecmp(value, "close") == 0;
            r->keeps |= strcasecmp(value, "keep-alive") == 0;
        }
    }
    return r->hosts == 1 || (r->hosts == 0 && r->minor[0] == '0');
}

/* Read a header of SIZE bytes, as header_size() returns it, into *R. The bytes
   are cut into strings, and r->path points to one of them. sscanf() reads
   "METHOD PATH HTTP/1.MINOR"; its %n are where the path begins and ends, and
   the end of all. Returns the status of the answer; if it is 400 or 405, only
   r->method is valid. */
static inline const char *read_request(char *header, size_t size,
                                       struct request *r)
{
    int from = 0, to = 0, end = 0;
    char *rest;
    header[size - 1] = '\0';
    bool valid = strlen(header) == size - 1; /* no zero byte before that */
    for (char *cr = header; (cr = strchr(cr, '\r')) != NULL; cr++)
        valid &= cr[1] == '\n' || cr + 2 == header + size; /* no CR alone */
    char *line = strtok_r(header, "\r\n", &rest);
    if (!valid || line == NULL ||
        sscanf(line, "%15[!-~] %n%*[!-~]%n HTTP/1.%1[0-9]%n", r->method,
               &from, &to, r->minor, &end) != 2 || line[end] != '\0' ||
        !read_fields(r, &rest))
        return "400 Bad Request";
    if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0)
        return "405 Method Not Allowed";
    r->last = r->closes || (r->minor[0] == '0' && !r->keeps);
    line[to] = '\0';
    r->path = line + from;
    if (strncasecmp(r->path, "http://", 7) == 0) /* as to a proxy */
        r->path += 7 + strcspn(r->path + 7, "/");
    r->path[strcspn(r->path, "?")] = '\0';
    bool found = strcmp(r->path, "/") == 0 || *r->path == '\0';
    return found ? "200 OK" : "404 Not Found";
}

/* Take SIZE bytes off the beginning of the client's request bytes. */
static inline void drop_bytes(struct client *c, size_t size)
{
    c->length -= size;
    memmove(c->request, c->request + size, c->length);
}

/* If c->request holds a whole request, or bytes that can never become one,
   write the answer to c->answer (c->size bytes, c->sent is 0), take the
   request off c->request, and return true. c->answer must have been sent
   before. Returns false if bytes are missing, or after the last answer. */
static inline bool next_answer(int fd, struct client *c, struct page *p)
{
    struct request r = { .method = "-", .path = "-", .last = true };
    char html[ANSWER_SIZE - 512];
    if (c->last)
        return false;
    drop_bytes(c, empty_lines_size(c->request, c->length));
    if (c->length == 0)
        return false;
    size_t size = header_size(c->request, c->length);
    bool begins = may_begin_request(c->request, c->length);
    if (begins && size == 0 && c->length < REQUEST_SIZE)
        return false;

    const char *status = !begins ? "400 Bad Request"
                       : size == 0 ? "431 Request Header Fields Too Large"
                       : read_request(c->request, size, &r);
    LOG("fd %d: %s %.40s: %s", fd, r.method, r.path, status);
    p->requests++;
    c->last = r.last;
    int length = write_page(html, sizeof html, status, p);
    c->sent = 0;
    c->size = (size_t)snprintf(c->answer, sizeof c->answer, "HTTP/1.1 %s\r\n"
        "Content-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n"
        "Allow: GET, HEAD\r\nCache-Control: no-store\r\nConnection: %s\r\n"
        "\r\n%s", status, length, c->last ? "close" : "keep-alive",
        strcmp(r.method, "HEAD") == 0 ? "" : html);
    drop_bytes(c, size);
    return true;
}

#endif
