/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool that takes ranges of NVTX, as Nsight Systems does: it writes down each thread's ranges in
 * the order of their ends, "DOMAIN DEPTH NAME\n". The program calls nvtx_tool_text.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 16, TEXT_SIZE = 1 << 16 };

/* nvtxEventAttributes_v2 */
struct event {
    uint16_t version, size;
    char unused[28];
    int32_t message_type;
    const char *message;
};
_Static_assert(sizeof(struct event) == 48, "the message is at 40");

typedef void function(void);
struct callbacks {
    size_t size;
    int (*get_module)(int module, function ****slots, unsigned *n);
};
struct version {
    size_t size;
    uint32_t version, reserved;
    void (*set_tool_version)(uint32_t version);
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char text[TEXT_SIZE];
static int n_starts;
static _Thread_local struct {
    void *domain;
    char name[160];
} open_ranges[MAX_DEPTH];
static _Thread_local int depth;

#define EXPORT __attribute__((visibility("default")))
EXPORT int InitializeInjectionNvtx2(const void *(*get_table)(uint32_t number));
EXPORT const char *nvtx_tool_text(void);
EXPORT int nvtx_tool_starts(void);

static void write_down(const char *domain, int at, const char *name)
{
    pthread_mutex_lock(&mutex);
    const size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, "%s %d %s\n", domain, at, name);
    pthread_mutex_unlock(&mutex);
}

/* A domain is its name. */
static void *create_domain(const char *name)
{
    static char names[4][32];
    static int n;
    if (n == 4)
        return NULL;
    snprintf(names[n], sizeof names[n], "%s", name);
    return names[n++];
}

static int push(void *domain, const struct event *e)
{
    if (!domain || depth == MAX_DEPTH || e->version != 3 || e->size != 48 || e->message_type != 1) {
        write_down("wrong", depth, "attributes");
        return -1;
    }
    open_ranges[depth].domain = domain;
    snprintf(open_ranges[depth].name, sizeof open_ranges[depth].name, "%s", e->message);
    return depth++;
}

static int pop(void *domain)
{
    if (depth == 0 || domain != open_ranges[depth - 1].domain) {
        write_down("wrong", depth, "pop");
        return -1;
    }
    depth--;
    write_down(domain, depth, open_ranges[depth].name);
    return depth;
}

static void enter(function ***slots, int number, const void *fn, size_t size)
{
    memcpy(slots[number], fn, size);
}

int InitializeInjectionNvtx2(const void *(*get_table)(uint32_t number))
{
    void *(*const create_fn)(const char *) = create_domain;
    int (*const push_fn)(void *, const struct event *) = push;
    int (*const pop_fn)(void *) = pop;
    const struct callbacks *const callbacks = get_table(1);
    const struct version *const version = get_table(3);
    function ***slots = NULL;
    unsigned n = 0;
    n_starts++;
    if (!callbacks || callbacks->size < sizeof *callbacks || !version || version->version != 3 ||
        get_table(2) || !callbacks->get_module(5, &slots, &n) || n != 16 || slots[0])
        return 0;
    version->set_tool_version(3);
    for (int module = 1; module <= 6; module++)
        if (!callbacks->get_module(module, NULL, &n) || n < 7)
            return 0;
    enter(slots, 4, &push_fn, sizeof push_fn);
    enter(slots, 5, &pop_fn, sizeof pop_fn);
    enter(slots, 12, &create_fn, sizeof create_fn);
    return !callbacks->get_module(7, NULL, &n);
}

const char *nvtx_tool_text(void)
{
    return text;
}

int nvtx_tool_starts(void)
{
    return n_starts;
}
