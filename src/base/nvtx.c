/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVTX 3, the program's side (nvtxTypes.h and nvtxInit.h of NVIDIA's NVTX, load sequence 2): the
 * tool's InitializeInjectionNvtx2 gets a function that gives tables by number. From the table of
 * callbacks it asks for the functions of a module, and enters its own where it wants to be called.
 */
#include "base/nvtx.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

atomic_int tro_nvtx_state;

/* ---- what the tool sees ------------------------------------------------------------------- */

enum { TABLE_CALLBACKS = 1, TABLE_VERSION = 3 };
enum { MODULE_CORE2 = 5, N_MODULES = 7, MAX_FUNCTIONS = 16 };
enum { DOMAIN_RANGE_PUSH = 4, DOMAIN_RANGE_POP = 5, DOMAIN_CREATE = 12 }; /* of CORE2 */
enum { VERSION = 3 };

typedef void function(void);
static function *functions[N_MODULES][MAX_FUNCTIONS];
/* Where the tool enters a function of a module; none has number 0. */
static function **slots[N_MODULES][MAX_FUNCTIONS + 1];
static const unsigned n_functions[N_MODULES] = {0, 16, 9, 15, 7, 16, 7};

static int get_module(int module, function ****slots_out, unsigned *n_out)
{
    if (module <= 0 || module >= N_MODULES)
        return 0;
    for (unsigned i = 1; i < n_functions[module]; i++)
        slots[module][i] = &functions[module][i];
    if (slots_out)
        *slots_out = slots[module];
    if (n_out)
        *n_out = n_functions[module];
    return 1;
}

static void set_tool_version(uint32_t version)
{
    (void)version;
}

static const void *get_table(uint32_t number)
{
    static const struct {
        size_t size;
        int (*get_module)(int module, function ****slots_out, unsigned *n_out);
    } callbacks = {sizeof callbacks, get_module};
    static const struct {
        size_t size;
        uint32_t version, reserved;
        void (*set_tool_version)(uint32_t version);
    } version = {sizeof version, VERSION, 0, set_tool_version};
    return number == TABLE_CALLBACKS ? (const void *)&callbacks
           : number == TABLE_VERSION ? (const void *)&version
                                     : NULL;
}

/* ---- the tool's functions ----------------------------------------------------------------- */

/* nvtxEventAttributes_v2 */
struct event {
    uint16_t version, size;
    uint32_t category;
    int32_t color_type;
    uint32_t color;
    int32_t payload_type, reserved;
    uint64_t payload;
    int32_t message_type;
    const char *message;
};
enum { MESSAGE_ASCII = 1 };

static struct {
    pthread_once_t once;
    void *domain;
    int (*push)(void *domain, const struct event *event);
    int (*pop)(void *domain);
    char why_not[512];
} tool = {.once = PTHREAD_ONCE_INIT};

static bool call_tool(void *library)
{
    int (*init)(const void *(*)(uint32_t)) = NULL;
    void *const symbol = dlsym(library, "InitializeInjectionNvtx2");
    memcpy(&init, &symbol, sizeof init);
    return init && init(get_table) != 0;
}

static bool take_functions(void)
{
    function *const *const core2 = functions[MODULE_CORE2];
    void *(*create)(const char *name) = NULL;
    memcpy(&create, &core2[DOMAIN_CREATE], sizeof create);
    memcpy(&tool.push, &core2[DOMAIN_RANGE_PUSH], sizeof tool.push);
    memcpy(&tool.pop, &core2[DOMAIN_RANGE_POP], sizeof tool.pop);
    if (!create || !tool.push || !tool.pop)
        return false;
    tool.domain = create("trocar");
    return true;
}

static void start(void)
{
    const char *const path = getenv("NVTX_INJECTION64_PATH");
    void *const library = path && *path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    const bool is_on = library && call_tool(library) && take_functions();
    if (path && *path && !is_on)
        snprintf(tool.why_not, sizeof tool.why_not,
                 "NVTX_INJECTION64_PATH: %s: expected the library of a tool that takes ranges, %s",
                 path, library ? "found another" : "found none");
    atomic_store_explicit(&tro_nvtx_state, is_on ? TRO_NVTX_ON : TRO_NVTX_OFF,
                          memory_order_release);
}

const char *tro_nvtx_missing(void)
{
    pthread_once(&tool.once, start);
    return tool.why_not[0] ? tool.why_not : NULL;
}

/* ---- ranges ------------------------------------------------------------------------------- */

void tro_nvtx_push(const char *what, const char *name)
{
    char text[160];
    pthread_once(&tool.once, start);
    if (atomic_load_explicit(&tro_nvtx_state, memory_order_acquire) != TRO_NVTX_ON)
        return;
    snprintf(text, sizeof text, "%s %s", what, name);
    const struct event event = {
        .version = VERSION, .size = sizeof event, .message_type = MESSAGE_ASCII, .message = text};
    tool.push(tool.domain, &event);
}

void tro_nvtx_pop(void)
{
    tool.pop(tool.domain);
}
