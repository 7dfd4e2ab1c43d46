/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trocar-worker: hosts the plans of one device for trocard, which starts it:
 *
 *     trocar-worker CONTROL PIXELS SOCKET      descriptors that it inherits
 *
 * Everything else comes over the socket (docs/console.md, "Messages of workers").
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "console/core/worker.h"

static int fail_use(void)
{
    fprintf(stderr, "trocar-worker: expected the descriptors of a frame ring and a socket: it is "
                    "started by trocard\n");
    return 2;
}

static int parse_fd(const char *text)
{
    char *end;
    const long v = strtol(text, &end, 10);
    return *text && !*end && v > 2 && v < 1048576 ? (int)v : -1;
}

/* What libraries of the daemon left open is not for this process. */
static void close_others(const int *keep, int n)
{
#ifdef SYS_close_range
    for (unsigned first = 3; first != 0;) {
        unsigned next = ~0u;
        for (int i = 0; i < n; i++)
            if ((unsigned)keep[i] >= first && (unsigned)keep[i] < next)
                next = (unsigned)keep[i];
        if (next > first)
            syscall(SYS_close_range, first, next == ~0u ? next : next - 1, 0);
        first = next == ~0u ? 0 : next + 1;
    }
#else
    (void)keep, (void)n;
#endif
}

int main(int argc, char **argv)
{
    int fds[3];
    struct tro_err err = {0};
    if (argc != 4)
        return fail_use();
    for (int i = 0; i < 3; i++) {
        fds[i] = parse_fd(argv[1 + i]);
        if (fds[i] < 0)
            return fail_use();
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_others(fds, 3);
    const int rc = tro_worker_run(fds[0], fds[1], fds[2], &err);
    if (rc < 0)
        fprintf(stderr, "trocar-worker: %s\n", err.text);
    if (rc == TRO_E_FAULT)
        _exit(3);
    return rc < 0 ? 3 : 0;
}
