/*
 * listing: one line of a list of files, in the three formats of FTP. It only
 * formats text: RFC 959 (LIST, NLST), RFC 3659 (MLSD, MDTM).
 */
#ifndef FTP_LISTING_H
#define FTP_LISTING_H

#include <stddef.h>
#include <sys/stat.h>

enum listing_format { /* named after the commands */
    LISTING_LIST, /* like ls -l, for people */
    LISTING_NLST, /* names alone, for programs */
    LISTING_MLSD, /* type, size and time, for programs */
};

enum {
    LISTING_LINE = 3 * 1024,               /* bytes: no line is longer */
    LISTING_TIME = sizeof "YYYYMMDDHHMMSS",
};

/* Write the line about one file or directory, with CR LF and a 0, to
   line[size]. prefix comes before the name (LISTING_NLST only; else ""). It
   works like snprintf(3): returns the length, which is below size if the line
   fits. */
int listing_line(char *line, size_t size, enum listing_format format,
                 const char *prefix, const char *name,
                 const struct stat *file);

/* Write the time of the file's last change, in UTC: YYYYMMDDHHMMSS. The year
   has four digits; a time before 0001 or after 9999 becomes the first or the
   last one in them. */
void listing_time(char text[LISTING_TIME], const struct stat *file);

#endif
