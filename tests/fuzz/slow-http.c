/*
 * slow-http: any bytes as a request to clients/slow-http. See tests/fuzz.sh.
 *
 * What must hold: the sanitizers find nothing; what it prints in its log has
 * no control characters; and a page has a size and a delay within its limits.
 */
#define main slow_http_main
#include "../../clients/slow-http.c"
#undef main

static void must(bool right)
{
    if (!right)
        abort();
}

static void check_text(const char *text)
{
    for (; *text != '\0'; text++)
        must(' ' < *text && *text <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int ends[2];
    struct request request = { .method = "-", .path = "-" };
    struct page page;
    const char *error = NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        err(1, "socketpair");
    send(ends[0], bytes, size, MSG_NOSIGNAL);
    close(ends[0]);
    bool came = read_request(ends[1], &request, &error);
    close(ends[1]);
    check_text(request.method);
    check_text(request.path);
    if (came && error == NULL && find_page(request.path, &page))
        must(page.size >= 0 && page.size <= MOST_BYTES && page.delay >= 0 &&
              page.delay <= MOST_MS);
    return 0;
}
