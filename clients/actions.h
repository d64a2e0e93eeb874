/*
 * actions: what each verb of a scene does. Below it: client-actions, stage,
 * pattern, proc, scene.
 */
#ifndef ACTIONS_H
#define ACTIONS_H

#include <stdbool.h>
#include "scene.h"
#include "stage.h"

/* Do what the action says, draw it, and wait until it is done. False: it did
   not come as expected, or cannot be done; failure() says why. */
bool act(struct stage *s, const struct action *a);

#endif
