/*
 * ftp-commands: the commands of FTP that this server knows, in one table.
 */
#ifndef FTP_COMMANDS_H
#define FTP_COMMANDS_H

#include <stdbool.h>

#include "ftp-session.h"

/* May this line be obeyed while a transfer runs? The others wait. */
bool command_is_urgent(const char *line);

/* Obey this line (without its CR LF), or refuse; in any case there is a reply,
   at once or, to a wrong password, later. */
void command_obey(struct session *s, char *line);

#endif
