/*
 * listing: one line of a list of files. listing.h says what it does.
 *
 * Look at listing_line(): LIST is for people, so programs cannot rely on it.
 * NLST and MLSD are for programs.
 */
#include <stdio.h>
#include <time.h>

#include "listing.h"

enum {
    HALF_A_YEAR = 182 * 24 * 3600, /* seconds: for an older file, ls shows the
                                      year in the place of the time of day */
    MAX_YEAR = 9999,               /* the formats have four digits */
};

static struct tm utc_time(time_t time)
{
    struct tm utc = { .tm_mday = 1 };
    gmtime_r(&time, &utc);
    if (utc.tm_year > MAX_YEAR - 1900)
        utc.tm_year = MAX_YEAR - 1900;
    return utc;
}

void listing_time(char text[LISTING_TIME], const struct stat *file)
{
    struct tm utc = utc_time(file->st_mtime);
    strftime(text, LISTING_TIME, "%Y%m%d%H%M%S", &utc);
}

static int long_line(char *line, size_t size, const char *name,
                     const struct stat *file)
{
    char mode[] = "-rwxrwxrwx", when[sizeof "Jan 01  1970"];
    struct tm utc = utc_time(file->st_mtime);
    time_t age = time(NULL) - file->st_mtime;
    strftime(when, sizeof when, age < 0 || age > HALF_A_YEAR ? "%b %d  %Y" :
             "%b %d %H:%M", &utc);
    if (S_ISDIR(file->st_mode))
        mode[0] = 'd';
    for (int bit = 0; bit < 9; bit++)
        if ((file->st_mode & (0400u >> bit)) == 0)
            mode[1 + bit] = '-';
    return snprintf(line, size, "%s %2lu ftp ftp %12lld %s %s\r\n", mode,
                    (unsigned long)file->st_nlink, (long long)file->st_size,
                    when, name);
}

static int facts_line(char *line, size_t size, const char *name,
                      const struct stat *file)
{
    char modified[LISTING_TIME];
    listing_time(modified, file);
    if (S_ISDIR(file->st_mode))
        return snprintf(line, size, "type=dir;modify=%s; %s\r\n", modified,
                        name);
    return snprintf(line, size, "type=file;size=%lld;modify=%s; %s\r\n",
                    (long long)file->st_size, modified, name);
}

int listing_line(char *line, size_t size, enum listing_format format,
                 const char *prefix, const char *name,
                 const struct stat *file)
{
    if (format == LISTING_LIST)
        return long_line(line, size, name, file);
    if (format == LISTING_MLSD)
        return facts_line(line, size, name, file);
    return snprintf(line, size, "%s%s\r\n", prefix, name);
}
