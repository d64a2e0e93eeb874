/*
 * accounts: the users' names and passwords. They come from the command line
 * (-u), and stay in memory until the process ends.
 */
#ifndef FTP_ACCOUNTS_H
#define FTP_ACCOUNTS_H

#include <stdbool.h>

enum {
    MAX_ACCOUNTS = 100,
    NAME_SIZE = 64, /* bytes of a user's name, with its 0 */
};

/* Add the account in text, NAME:PASSWORD. Overwrites the password in text with
   *, so that ps(1) does not show it. False: text is not of this form, NAME is
   too long, or there are MAX_ACCOUNTS already. */
bool accounts_add(char *text);

/* How many there are. */
int accounts_count(void);

/* Is this the password of this user? */
bool accounts_match(const char *name, const char *password);

#endif
