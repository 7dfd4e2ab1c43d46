/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/spawn.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"

extern char **environ;

/* Signals as a shell would leave them, whatever the daemon blocks or ignores; those of a terminal
 * go to the daemon alone, which ends its workers. */
static void set_signals(posix_spawnattr_t *a)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(a, &none);
    posix_spawnattr_setsigdefault(a, &all);
    posix_spawnattr_setpgroup(a, 0);
    posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                    POSIX_SPAWN_SETPGROUP);
}

/* What this process has but for a variable of that name, and one more. */
static char **environment_with(const char *more)
{
    const size_t n_name = strcspn(more, "=") + 1;
    size_t n = 0, n_out = 0;
    while (environ[n])
        n++;
    char **const out = tro_calloc(n + 2, sizeof *out);
    for (size_t i = 0; out && i < n; i++)
        if (strncmp(environ[i], more, n_name) != 0)
            out[n_out++] = environ[i];
    if (out)
        out[n_out] = (char *)more;
    return out;
}

int tro_spawn_worker(const char *program, const int fds[3], const char *more, pid_t *pid,
                     struct tro_err *err)
{
    char **const with = more ? environment_with(more) : NULL;
    if (more && !with)
        return tro_fail_nomem(err);
    char numbers[3][16];
    char *argv[5] = {(char *)program, numbers[0], numbers[1], numbers[2], NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    set_signals(&attributes);
    for (int i = 0; i < 3; i++) {
        snprintf(numbers[i], sizeof numbers[i], "%d", fds[i]);
        /* Onto itself: stays open in the new process alone. */
        posix_spawn_file_actions_adddup2(&actions, fds[i], fds[i]);
    }
    const int failed = posix_spawn(pid, program, &actions, &attributes, argv,
                                   with ? with : environ);
    tro_free(with);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed)
        return tro_fail(err, TRO_E_IO, "%s: cannot be started: %s", program, strerror(failed));
    return 0;
}

int tro_spawn_path(const char *name, char *out, size_t n_out, struct tro_err *err)
{
    char self[4096];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    char *const slash = strrchr(self, '/');
    if (!slash || (size_t)snprintf(out, n_out, "%.*s/%s", (int)(slash - self), self, name) >= n_out)
        return tro_fail(err, TRO_E_IO, "%s: the folder of the program is not known", name);
    return 0;
}

void tro_spawn_why(int status, char *out, size_t n_out)
{
    if (WIFSIGNALED(status))
        snprintf(out, n_out, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(out, n_out, "exit %d", WEXITSTATUS(status));
}
