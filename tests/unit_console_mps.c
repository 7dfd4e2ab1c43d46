/* SPDX-License-Identifier: Apache-2.0 */
/* console/core/mps.h with sockets in place of NVIDIA's control daemon. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "console/core/mps.h"
#include "test.h"

static char folder[64];
static char why[300];

static void begin(void)
{
    strcpy(folder, "/tmp/trocar-mps-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    setenv("CUDA_MPS_PIPE_DIRECTORY", folder, 1);
}

static struct sockaddr_un control(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s/control", folder);
    return at;
}

static void end(void)
{
    unlink(control().sun_path);
    rmdir(folder);
}

static int listen_there(int type)
{
    const struct sockaddr_un at = control();
    const int fd = socket(AF_UNIX, type, 0);
    CHECK_INT(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    CHECK_INT(listen(fd, 1), 0);
    return fd;
}

TEST(no_daemon)
{
    begin();
    CHECK(!tro_mps_answers(why, sizeof why));
    CHECK_HAS(why, "/control: No such file");
    FILE *const f = fopen(control().sun_path, "w"); /* a file alone is none */
    fclose(f);
    CHECK(!tro_mps_answers(why, sizeof why));
    CHECK_HAS(why, "refused");
    end();
    setenv("CUDA_MPS_PIPE_DIRECTORY",
           "/a/path/that/is/longer/than/the/address/of/a/socket/can/be/which/is/one/hundred/and/"
           "eight/bytes/with/its/end",
           1);
    CHECK(!tro_mps_answers(why, sizeof why));
    CHECK_HAS(why, "too long");
}

TEST(a_daemon_that_has_gone)
{
    begin();
    close(listen_there(SOCK_SEQPACKET));
    CHECK(!tro_mps_answers(why, sizeof why));
    CHECK_HAS(why, "refused");
    end();
}

TEST(a_daemon_that_answers)
{
    static const int types[] = {SOCK_SEQPACKET, SOCK_STREAM};
    for (int i = 0; i < 2; i++) {
        begin();
        const int fd = listen_there(types[i]);
        for (int k = 0; k < 4; k++) /* with a full queue too */
            CHECK(tro_mps_answers(why, sizeof why));
        CHECK_STR(why, "");
        close(fd);
        end();
    }
}
