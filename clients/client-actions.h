/*
 * client-actions: what each verb of a client and of a crowd does. Below it:
 * stage, scene.
 *
 * A crowd for which the system does not allow enough open files is skipped:
 * stage_warn() says so, and the scene goes on.
 */
#ifndef CLIENT_ACTIONS_H
#define CLIENT_ACTIONS_H

#include <stdbool.h>
#include "scene.h"
#include "stage.h"

/* As act() in actions.h, for the verbs from CROWD on in scene.h. */
bool act_client(struct stage *s, const struct action *a);

#endif
