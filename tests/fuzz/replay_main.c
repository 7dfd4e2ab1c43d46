/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target once on each file given, and on each file of each folder given, so that what
 * a fuzzer once found stays found:
 *     build/tests/replay_fuzz_NAME [FILE|FOLDER...]
 * The name is printed before the run: after a crash the last line names the input.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECONDS_PER_INPUT 60

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int n_inputs;

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        fprintf(stderr, "%s: cannot open\n", path);
        if (f)
            fclose(f);
        return -1;
    }
    /* Exactly as large as the file, so that a sanitizer sees a read past its end. */
    const size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1);
    const int is_read = data && fread(data, 1, size, f) == size;
    fclose(f);
    if (is_read) {
        printf("%s\n", path);
        fflush(stdout);
        alarm(SECONDS_PER_INPUT);
        LLVMFuzzerTestOneInput(data, size);
        alarm(0);
        n_inputs++;
    } else {
        fprintf(stderr, "%s: cannot read\n", path);
    }
    free(data);
    return is_read ? 0 : -1;
}

static int replay_folder(const char *path)
{
    struct dirent **names;
    const int n = scandir(path, &names, NULL, alphasort);
    int rc = n < 0 ? -1 : 0;
    for (int i = 0; i < n; i++) {
        char file[4096];
        snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && replay_file(file) < 0)
            rc = -1;
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return rc;
}

int main(int argc, char **argv)
{
    int n_failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        const int is_folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
        if ((is_folder ? replay_folder(argv[i]) : replay_file(argv[i])) < 0)
            n_failed++;
    }
    printf("%d passed, %d failed\n", n_inputs, n_failed);
    return n_failed != 0;
}
