/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a configuration, and the same bytes as a file of tokens: what is accepted is whole,
 * what is refused has a reason with its place. */
#include "console/rules/config.h"
#include "console/rules/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what, const struct tro_err *err)
{
    fprintf(stderr, "%s: %s\n", what, err ? err->text : "");
    abort();
}

static void check_network(const struct tro_config *c, int i)
{
    const struct tro_config_network *const n = &c->networks[i];
    for (int k = 0; k < i; k++)
        if (strcmp(c->networks[k].name, n->name) == 0)
            fail("two networks of one name", NULL);
    if (n->n_tiers < 1 || !n->plans[n->n_tiers - 1] || !(n->deadline_ms > 0) || n->every < 1)
        fail("a network that cannot run", NULL);
}

static void check_config(const struct tro_config *c)
{
    if (!tro_frame_n_bytes(&c->source.form) || !c->source.location || !(c->source.fps > 0))
        fail("no source", NULL);
    for (int i = 0; i < c->n_networks; i++)
        check_network(c, i);
    if ((c->n_networks > 0) != (c->n_workers > 0) || c->n_workers > TRO_CONFIG_MAX_WORKERS)
        fail("networks without workers", NULL);
    if (c->privacy.network >= c->n_networks || (c->privacy.network >= 0 && !c->privacy.name))
        fail("privacy without a network", NULL);
    if (c->server.is_there && !c->server.is_loopback && !c->server.certificate)
        fail("plain HTTP for all", NULL);
    if (!c->server.certificate != !c->server.key)
        fail("half a certificate", NULL);
}

static void read_tokens(const char *text, size_t n)
{
    struct tro_tokens t;
    struct tro_err err = {0};
    if (tro_tokens_parse(text, n, "input", &t, &err) < 0) {
        if (strncmp(err.text, "input:", 6) != 0)
            fail("no name in the message", &err);
        return;
    }
    for (int i = 0; i < t.n; i++)
        if (tro_tokens_find(&t, t.items[i].token, strlen(t.items[i].token)) != &t.items[i])
            fail("a token that is not found", NULL);
    tro_tokens_finish(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tro_config c;
    struct tro_err err = {0};
    read_tokens((const char *)data, size);
    if (tro_config_parse((const char *)data, size, "input", &c, &err) < 0) {
        if (strncmp(err.text, "input:", 6) != 0)
            fail("no place in the message", &err);
        return 0;
    }
    check_config(&c);
    tro_config_finish(&c);
    return 0;
}
