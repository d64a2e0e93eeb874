/*
 * main() of a fuzzer where the compiler has no libFuzzer: it tries each input
 * of a corpus once. (clang -fsanitize=fuzzer brings its own main(), which also
 * invents inputs.)
 *
 *     build/fuzz/http FILE...      options, which begin with '-', are ignored
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_SIZE = 1024 * 1024 }; /* bytes of an input */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int main(int argc, char **argv)
{
    static uint8_t bytes[MAX_SIZE];
    int tried = 0;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-')
            continue;
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL)
            err(1, "%s", argv[i]);
        size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        uint8_t *copy = malloc(size + 1); /* its end is the end of a block */
        if (copy == NULL)
            err(1, "malloc");
        for (size_t j = 0; j < size; j++)
            copy[j] = bytes[j];
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
        tried++;
    }
    fprintf(stderr, "%d inputs tried\n", tried); /* ftp closes stdout */
}
