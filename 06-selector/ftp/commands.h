/*
 * commands: the table of the FTP commands that this server has.
 */
#ifndef FTP_COMMANDS_H
#define FTP_COMMANDS_H

#include "session.h"

/* For struct settings. A name that is NULL ends the table. */
extern const struct command commands[];

#endif
