/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/hosted.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool tro_hosted_is_gpu(const char *device)
{
    return strncmp(device, "cuda", 4) == 0;
}

int tro_hosted_lane(const char *device, int lanes, int nth)
{
    return tro_hosted_is_gpu(device) ? nth : nth % lanes;
}

static void write_network(const struct tro_hosted_network *n, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_int(j, "network", n->network);
    tro_json_string(j, "name", n->name);
    tro_json_array_begin(j, "plans");
    for (int i = 0; i < n->n_tiers; i++)
        tro_json_string(j, NULL, n->plans[i]);
    tro_json_array_end(j);
    tro_json_array_begin(j, "worst_ns");
    for (int i = 0; i < n->n_tiers; i++)
        tro_json_int(j, NULL, n->worst_ns[i]);
    tro_json_array_end(j);
    tro_json_int(j, "every", n->every);
    tro_json_int(j, "deadline_ns", n->deadline_ns);
    tro_json_int(j, "priority", n->priority);
    tro_json_bool(j, "trial", n->is_trial);
    tro_json_object_end(j);
}

void tro_hosted_write(const struct tro_hosted *h, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "device", h->device);
    tro_json_int(j, "threads", h->threads);
    tro_json_int(j, "lanes", h->lanes);
    tro_json_int(j, "reader", h->reader);
    tro_json_number(j, "focal_length", (double)h->focal_length);
    tro_json_bool(j, "realtime", h->is_realtime);
    tro_json_array_begin(j, "networks");
    for (int i = 0; i < h->n_networks; i++)
        write_network(&h->networks[i], j);
    tro_json_array_end(j);
    tro_json_object_end(j);
}

static void write_opened(const struct tro_opened_network *n, struct tro_json *j)
{
    char hash[24];
    tro_json_object_begin(j, NULL);
    tro_json_int(j, "network", n->network);
    tro_json_array_begin(j, "engines");
    for (int i = 0; i < n->n_tiers; i++) {
        snprintf(hash, sizeof hash, "%016" PRIx64, n->engine[i]);
        tro_json_string(j, NULL, hash);
    }
    tro_json_array_end(j);
    tro_json_array_begin(j, "worst_ns");
    for (int i = 0; i < n->n_tiers; i++)
        tro_json_int(j, NULL, n->worst_ns[i]);
    tro_json_array_end(j);
    tro_json_array_begin(j, "alone_ns");
    for (int i = 0; i < n->n_tiers; i++)
        tro_json_int(j, NULL, n->alone_ns[i]);
    tro_json_array_end(j);
    tro_json_array_begin(j, "names");
    for (int i = 0; i < n->names.n; i++)
        tro_json_string(j, NULL, n->names.name[i]);
    tro_json_array_end(j);
    tro_json_array_begin(j, "kinds");
    for (int i = 0; i < n->names.n; i++)
        tro_json_int(j, NULL, n->names.kinds[i]);
    tro_json_array_end(j);
    tro_json_string(j, "error", n->error);
    tro_json_object_end(j);
}

void tro_opened_write(const struct tro_opened *o, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "notice", o->notice);
    tro_json_array_begin(j, "networks");
    for (int i = 0; i < o->n_networks; i++)
        write_opened(&o->networks[i], j);
    tro_json_array_end(j);
    tro_json_object_end(j);
}
