/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of a console (docs/console.md, "Configuration"): read, checked and complete.
 * What the file leaves out has its default here; paths are joined to the file's folder.
 */
#ifndef TRO_CONSOLE_RULES_CONFIG_H
#define TRO_CONSOLE_RULES_CONFIG_H

#include "base/arena.h"
#include "console/core/board.h"
#include "console/core/frame.h"
#include "console/core/source.h"

#define TRO_CONFIG_MAX_TIERS 4
#define TRO_CONFIG_MAX_WORKERS 9 /* the processor and eight devices */

/* Of a key in the file, from 1; line 0: it is not there. */
struct tro_config_place {
    int line, column;
};

struct tro_config_device {
    bool is_cuda;
    int index; /* of a CUDA device; 0 of the processor */
};

struct tro_config_network {
    const char *name;
    int n_tiers; /* 1 or more: plan, then lower */
    const char *plans[TRO_CONFIG_MAX_TIERS];
    struct tro_config_device device;
    int every; /* frames: the period */
    double deadline_ms;
    int priority;    /* 0 is the most urgent */
    double worst_ms; /* 0: to be measured */
    bool is_trial;
    struct tro_config_place place;
};

struct tro_config_worker {
    struct tro_config_device device;
    int threads; /* that one run may use, on the processor; 0: all, shared by the lanes */
    int lanes;   /* on the processor; on a GPU each network is one */
};

struct tro_config {
    struct tro_arena arena;
    const char *path; /* of the file, as it was given */
    const char *name;
    enum tro_language language;
    struct {
        enum tro_source kind;
        const char *location;
        struct tro_frame_form form;
        double fps;
        float focal_length; /* widths of the picture; 0: not known */
        bool has_mark, loops;
    } source;
    double budget_ms;
    bool is_realtime; /* threads go before others of the machine */
    int n_networks;
    struct tro_config_network networks[TRO_BOARD_MAX_NETWORKS];
    bool ignores_mps; /* what is on trial stays in the worker of its GPU */
    int n_workers;    /* one for each device that networks name, in their order */
    struct tro_config_worker workers[TRO_CONFIG_MAX_WORKERS];
    float max_age_ms, fade_ms;
    float keep_ms, smoothing_ms; /* of the tracker */
    const char *rules;           /* NULL: none */
    struct {
        int network;      /* -1: nothing is blurred */
        const char *name; /* of a scalar of it; blurred while it is above or not known */
        float above;
        struct tro_config_place place;
    } privacy;
    int n_displays;
    struct {
        enum tro_display kind;
        const char *location; /* NULL of window and none */
    } displays[TRO_MAX_DISPLAYS];
    int bitrate_kbps;
    struct {
        bool is_there;
        const char *host; /* "127.0.0.1", "::1", "0.0.0.0", a name */
        int port;         /* 0: one that is free */
        bool is_loopback;
        const char *certificate, *key; /* NULL: plain HTTP, on a loopback address alone */
        const char *tokens;
        int viewers;
    } server;
};

/* TRO_E_INPUT with "FILE:LINE:COLUMN: key: expected ..., found ..."; TRO_E_DEVICE: built without
 * libyaml. out is empty after a failure. */
int tro_config_read(const char *path, struct tro_config *out, struct tro_err *err);
/* The same of a text; path is for messages and for the paths in it. */
int tro_config_parse(const char *text, size_t n, const char *path, struct tro_config *out,
                     struct tro_err *err);
void tro_config_finish(struct tro_config *c);

/* "KIND:LOCATION" of the command line in place of the source's; the path is relative to the folder
 * the program runs in. */
int tro_config_set_source(struct tro_config *c, const char *text, struct tro_err *err);

/* A message that begins with a place of the file: "FILE:LINE:COLUMN: ". Returns TRO_E_INPUT. */
int tro_config_fail(const struct tro_config *c, struct tro_config_place place, struct tro_err *err,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
