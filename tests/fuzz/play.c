/*
 * play: any text as a scene, a .play file. See tests/fuzz.sh.
 *
 * scene_read() reads a scene and acts nothing. What must hold: the sanitizers
 * find nothing; and where it refuses a scene, it says why.
 */
#include "../../clients/scene.h"
#include <err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char name[] = "/tmp/fuzz-play-XXXXXX";
    struct scene scene;
    int fd = mkstemp(name);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        err(1, "%s", name);
    close(fd);
    memset(&scene, 0, sizeof scene);
    bool valid = scene_read(&scene, name);
    unlink(name);
    if (valid ? scene.n_actions > size : *failure() == '\0')
        abort();
    return 0;
}
