/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "console/daemon/server.h"

struct tro_server *tro_server_create(const struct tro_server_opts *opts, struct tro_err *err)
{
    (void)opts;
    tro_fail(err, TRO_E_DEVICE, "server: built without libmicrohttpd; install it and build again");
    return NULL;
}

void tro_server_destroy(struct tro_server *s)
{
    (void)s;
}

int tro_server_port(const struct tro_server *s)
{
    (void)s;
    return 0;
}

void tro_server_event(struct tro_server *s, const char *name, const char *json, size_t n)
{
    (void)s;
    (void)name;
    (void)json;
    (void)n;
}

void tro_server_forget(struct tro_server *s, const char *id)
{
    (void)s;
    (void)id;
}
