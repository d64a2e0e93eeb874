/*
 * log: the server's log. log.h says what it does.
 */
#include "log.h"

bool log_quiet;
