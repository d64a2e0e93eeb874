/*
 * scene: a .play file, read into an array of actions. scene.md is the manual
 * of the language. Nothing here acts: actions.c leads from an action's verb to
 * the function that does it. Below it:
 * words, pattern, play-common.
 */
#ifndef SCENE_H
#define SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "play-common.h"

enum verb { /* and which members of an action it uses */
    SAY, ASK,                    /* text: the sentence */
    SERVER,                      /* arguments */
    RUN,                         /* text: the program; arguments */
    LIMIT,                       /* number: of files */
    TYPE, TYPE_EOF,              /* bytes; nothing */
    SEE,                         /* text: the regular expression */
    SIGNAL, SIGNAL_CLIENT,       /* number; text: its name; client */
    EXPECT_EXIT, EXPECT_KILLED,  /* number: exit status, or signal */
    IDLE, MEASURE, WAIT,         /* seconds */
    MEMORY,                      /* number: KiB */
    CROWD,                       /* number: of clients */
    CROWD_SEND, CROWD_EXPECT,    /* bytes */
    CROWD_LEAVES, CROWD_RESETS,
    CONNECT, SHUT, CLOSE, RESET, /* client; and so all below */
    SEND,                        /* bytes; seconds: between two of them, or 0;
                                    urgent */
    EXPECT,                      /* bytes */
    EXPECT_EOF, EXPECT_RESET,
    SILENT,                      /* seconds */
    VERBS
};

struct action {
    enum verb verb;
    int line;           /* in the file; the first is 1 */
    const char *source; /* the action and the rest of its line, as written */
    bool joined;        /* a ';' joins it to the action before */
    size_t client;      /* an index in scene.clients */
    struct bytes bytes;
    double seconds;
    long number;
    bool urgent;
    const char *text;
    char **arguments; /* [0] is left free for the program; NULL ends them */
};

struct scene {
    const char *file;  /* its name; "-": standard input */
    const char *title; /* its first comment, or the file's name */
    struct action *actions;
    size_t n_actions;
    int n_lines;
    char **clients; /* the names, in the order in which they appear */
    size_t n_clients;
};

/* Read and check FILE. False: it cannot be read, or has a mistake; failure()
   is the whole message, with file, line and word. What *SCENE points to is
   kept until the program ends. */
bool scene_read(struct scene *scene, const char *file);

/* Print the form of every action, one a line, after INDENT. */
void scene_print_forms(FILE *to, const char *indent);

#endif
