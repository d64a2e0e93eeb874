/*
 * accounts: the users' names and passwords. accounts.h says what it does.
 *
 * Look at is_password(): it must not leak the password through the time that
 * it takes.
 */
#include <stdlib.h>
#include <string.h>

#include "accounts.h"
#include "deadline.h"

enum {
    SLOTS = 256, /* names with the same slot wait for each other */
};

static struct account {
    const char *name, *password;
} accounts[MAX_ACCOUNTS];

static int count;
static int64_t closed_until[SLOTS]; /* ms, as now_ms() */

bool accounts_add(char *text)
{
    char *name = strdup(text);
    char *colon = name == NULL ? NULL : strchr(name, ':');
    if (colon == NULL || colon == name || colon - name >= NAME_SIZE ||
        count == MAX_ACCOUNTS) {
        free(name);
        return false;
    }
    *colon = '\0';
    accounts[count++] = (struct account){ name, colon + 1 };
    memset(strchr(text, ':') + 1, '*', strlen(colon + 1));
    return true;
}

int accounts_count(void)
{
    return count;
}

/* Always compare all the bytes: with strcmp(), a longer time would show that
   more bytes are right. */
static bool is_password(const char *given, const char *right)
{
    size_t length = strlen(given), size = strlen(right) + 1;
    size_t difference = length ^ (size - 1);
    for (size_t i = 0; i < length; i++)
        difference |= (size_t)(given[i] ^ right[i % size]);
    return difference == 0;
}

bool accounts_has(const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(accounts[i].name, name) == 0)
            return true;
    return false;
}

bool accounts_match(const char *name, const char *password)
{
    for (int i = 0; i < count; i++)
        if (strcmp(accounts[i].name, name) == 0 &&
            is_password(password, accounts[i].password))
            return true;
    return false;
}

/* The slot of a name, by the hash function FNV-1a. */
static int64_t *slot(const char *name)
{
    uint32_t hash = 2166136261;
    for (int i = 0; i < NAME_SIZE - 1 && name[i] != '\0'; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619;
    return &closed_until[hash % SLOTS];
}

void accounts_close(const char *name)
{
    *slot(name) = now_ms() + ACCOUNTS_TIME;
}

int64_t accounts_wait(const char *name)
{
    int64_t left = *slot(name) - now_ms();
    return left > 0 ? left : 0;
}
