/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/mps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FOLDER "/tmp/nvidia-mps"

/* 0, or errno. A socket that a dead daemon left behind refuses. Does not wait: a daemon with a full
 * queue is there. */
static int try_connect(const struct sockaddr_un *to, int type)
{
    const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    const int failed = connect(fd, (const struct sockaddr *)to, sizeof *to) < 0 ? errno : 0;
    close(fd);
    return failed == EAGAIN ? 0 : failed;
}

bool tro_mps_answers(char *why, size_t n_why)
{
    const char *const set = getenv("CUDA_MPS_PIPE_DIRECTORY");
    const char *const folder = set && *set ? set : FOLDER;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const int n = snprintf(to.sun_path, sizeof to.sun_path, "%s/control", folder);
    int failed = n < 0 || (size_t)n >= sizeof to.sun_path ? ENAMETOOLONG
                                                          : try_connect(&to, SOCK_SEQPACKET);
    if (failed == EPROTOTYPE) /* a socket of the other type listens there */
        failed = try_connect(&to, SOCK_STREAM);
    snprintf(why, n_why, "%s%s%s", failed ? to.sun_path : "", failed ? ": " : "",
             failed ? strerror(failed) : "");
    return failed == 0;
}
