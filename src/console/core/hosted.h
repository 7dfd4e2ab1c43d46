/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker is asked to host and what it says it hosts: the JSON of the messages open, load,
 * unload and opened (docs/console.md, "Messages of workers"). Read with jansson; without it reading
 * ends in TRO_E_DEVICE.
 */
#ifndef TRO_CONSOLE_CORE_HOSTED_H
#define TRO_CONSOLE_CORE_HOSTED_H

#include "base/arena.h"
#include "console/core/finding.h"

#define TRO_HOSTED_MAX_TIERS 4
#define TRO_HOSTED_MAX_NETWORKS 16

struct tro_hosted_network {
    int network;      /* its place in the configuration */
    const char *name; /* for messages */
    int n_tiers;      /* 1 or more: the plan, then lower ones */
    const char *plans[TRO_HOSTED_MAX_TIERS];
    int64_t worst_ns[TRO_HOSTED_MAX_TIERS]; /* 0: to be measured */
    int every;                              /* frames */
    int64_t deadline_ns;                    /* from the frame in to its findings */
    int priority;                           /* 0 is the most urgent */
    bool is_trial;                          /* a lane of its own, at the lowest priority */
};

/* open and load; of load the networks are one, and the rest is not looked at. */
struct tro_hosted {
    const char *device; /* "cpu", "cuda:0" ... */
    int threads, lanes; /* of a CPU: of all lanes together, 0: all processors; of a GPU not used */
    int reader;         /* of the ring: the bit of the first lane */
    float focal_length; /* widths; 0: not known */
    bool is_realtime;   /* lanes of a GPU go before ordinary threads (realtime.h) */
    int n_networks;
    struct tro_hosted_network networks[TRO_HOSTED_MAX_NETWORKS];
};

bool tro_hosted_is_gpu(const char *device);
/* The lane of a device's n-th network that is not on trial, both from 0: on a CPU they take turns,
 * on a GPU each has one. */
int tro_hosted_lane(const char *device, int lanes, int nth);

void tro_hosted_write(const struct tro_hosted *h, struct tro_json *j);
/* Strings lie in the arena. */
int tro_hosted_read(const char *text, size_t n, struct tro_arena *arena, struct tro_hosted *out,
                    struct tro_err *err);

/* opened: what became of it. */
struct tro_opened_network {
    int network, n_tiers;
    uint64_t engine[TRO_HOSTED_MAX_TIERS];  /* hashes */
    int64_t alone_ns[TRO_HOSTED_MAX_TIERS]; /* measured without the others; 0: it was not */
    int64_t worst_ns[TRO_HOSTED_MAX_TIERS]; /* as given, or measured beside the others */
    struct tro_finding_names names;         /* of the labels of its findings */
    char error[1024];                       /* "": it runs */
};

struct tro_opened {
    char notice[512]; /* what the user should know of the worker; "": nothing */
    int n_networks;
    struct tro_opened_network networks[TRO_HOSTED_MAX_NETWORKS];
};

void tro_opened_write(const struct tro_opened *o, struct tro_json *j);
int tro_opened_read(const char *text, size_t n, struct tro_opened *out, struct tro_err *err);

#endif
