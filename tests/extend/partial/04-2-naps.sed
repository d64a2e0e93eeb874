# 02-nonblocking/steps/02d-http-sweep: it sweeps, and poll() is its nap.
s/^#include "http.h"/&\
#include <poll.h>/
s/sleep_ms(NAP)/poll(NULL, 0, NAP)/
