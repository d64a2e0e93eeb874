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
    SHORT_TIME = sizeof "Jan 01  1970",
};

/* The formats have four digits for the year. */
static const long long first_time = -62135596800; /* 0001-01-01 00:00:00 */
static const long long last_time = 253402300799;  /* 9999-12-31 23:59:59 */

static struct tm utc_time(const struct stat *file)
{
    struct tm utc = { .tm_mday = 1 };
    long long seconds = file->st_mtime;
    if (seconds < first_time)
        seconds = first_time;
    if (seconds > last_time)
        seconds = last_time;
    time_t time = (time_t)seconds;
    gmtime_r(&time, &utc);
    return utc;
}

/* strftime(3) does not fill %Y with zeros. */
static unsigned year_of(const struct tm *utc)
{
    return (unsigned)(utc->tm_year + 1900) % 10000;
}

void listing_time(char text[LISTING_TIME], const struct stat *file)
{
    struct tm utc = utc_time(file);
    char rest[sizeof "MMDDHHMMSS"];
    strftime(rest, sizeof rest, "%m%d%H%M%S", &utc);
    snprintf(text, LISTING_TIME, "%04u%s", year_of(&utc), rest);
}

/* As ls(1): "Jan 01 00:00", or "Jan 01  1970" for an old file, or for a time
   that has not come yet. */
static void short_time(char text[SHORT_TIME], const struct stat *file)
{
    struct tm utc = utc_time(file);
    time_t now = time(NULL);
    char day[sizeof "Jan 01"];
    strftime(day, sizeof day, "%b %d", &utc);
    if (file->st_mtime <= now && file->st_mtime >= now - HALF_A_YEAR)
        snprintf(text, SHORT_TIME, "%s %02u:%02u", day,
                 (unsigned)utc.tm_hour % 24, (unsigned)utc.tm_min % 60);
    else
        snprintf(text, SHORT_TIME, "%s  %04u", day, year_of(&utc));
}

static int long_line(char *line, size_t size, const char *name,
                     const struct stat *file)
{
    char mode[] = "-rwxrwxrwx", when[SHORT_TIME];
    short_time(when, file);
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
