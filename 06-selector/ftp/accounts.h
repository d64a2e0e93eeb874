/*
 * accounts: the users' names and passwords. They come from the command line
 * (-u), and stay in memory until the process ends.
 */
#ifndef FTP_ACCOUNTS_H
#define FTP_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MAX_ACCOUNTS = 100,
    NAME_SIZE = 64,       /* bytes of a user's name, with its 0 */
    ACCOUNTS_TIME = 1000, /* ms after a wrong password */
};

/* Add the account in text, NAME:PASSWORD. Overwrites the password in text with
   *, so that ps(1) does not show it. False: text is not of this form, NAME is
   too long, or there are MAX_ACCOUNTS already. */
bool accounts_add(char *text);

/* How many there are. */
int accounts_count(void);

/* Is there such a user? */
bool accounts_has(const char *name);

/* Is this the password of this user? */
bool accounts_match(const char *name, const char *password);

/* The password for this name was wrong: for ACCOUNTS_TIME no session may try
   another one. Else a client could guess faster in many sessions at once, or
   hang up before the reply. */
void accounts_close(const char *name);

/* How many ms that takes now; 0: a session may try a password. It is the same
   for a name that is no account, so it does not show which names are. */
int64_t accounts_wait(const char *name);

#endif
