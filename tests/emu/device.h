/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcuda-emu.so: the functions of src/cuda/driver.def on a machine without GPU. Kernels come from
 * libnvrtc-emu.so. What a stream is given waits until somebody waits for it: a missing
 * synchronization shows. Like the real driver it refuses what has no current context and, after a
 * kernel failed, everything (the failure stays until the last cuDevicePrimaryCtxRelease).
 *
 *   TRO_EMU_ARCH     90    compute capability times 10
 *   TRO_EMU_SMS      132
 *   TRO_EMU_MEMORY   bytes of the device, 16 GiB
 *   TRO_EMU_DEVICES  1
 *   TRO_EMU_SYNC     1: streams do at once what they are given
 *   TRO_EMU_ORDER    "reverse": independent nodes of a graph, blocks, threads run last one first,
 *                          copies to shared memory end at once rather than when they are waited for
 *   TRO_EMU_FAULT    "cuMemAlloc_v2:3,launch:2": the third call fails, the second kernel does
 *   TRO_EMU_TRACE    1: a line on stderr for each kernel, with its time
 *
 * All but the first three may change while the program runs. Device memory is filled with 0xff when
 * it is allocated. It ends less than 256 bytes before a page that no one may touch, and begins less
 * than a page behind one; the bytes between are checked after each kernel.
 */
#ifndef TRO_EMU_DEVICE_H
#define TRO_EMU_DEVICE_H

#include "cuda/driver.h"

#include "block.h"

#include <stdbool.h>

#define FN(name, args) __attribute__((visibility("default"))) int name args;
#include "cuda/driver.def"
#undef FN

/* For libraries that look on, as CUPTI does: when nodes are cloned, when each node runs. */
struct emu_graph_hooks {
    void (*cloned)(tro_cu_node node, tro_cu_node original);
    void (*begins)(tro_cu_node node, uint32_t launch);
    void (*ended)(tro_cu_node node, uint32_t launch);
};
__attribute__((visibility("default"))) void emu_set_graph_hooks(const struct emu_graph_hooks *h);
__attribute__((visibility("default"))) uint64_t emu_node_id(tro_cu_node node);

/* CUresult */
enum {
    OK = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    NO_BINARY_FOR_GPU = 209,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
    MISALIGNED_ADDRESS = 716,
    LAUNCH_FAILED = 719,
    NOT_SUPPORTED = 801,
    UNKNOWN = 999
};

/* ---- device.c ----------------------------------------------------------------------------- */

/* Every function of the driver that changes something is between ENTER and emu_leave, which hold a
 * mutex. */
int emu_enter(const char *name, bool needs_context);
int emu_leave(int rc);
#define ENTER(needs_context)                                \
    do {                                                    \
        const int rc_ = emu_enter(__func__, needs_context); \
        if (rc_)                                            \
            return emu_leave(rc_);                          \
    } while (0)
/* For what gives something back: works after a failure, too. */
void emu_enter_release(void);

/* Of a kernel; 0 for none. */
extern int emu_failure;

uint64_t emu_setting(const char *name, uint64_t otherwise);
bool emu_is_reverse(void);
int emu_arch(void);
size_t emu_device_bytes(void);
int emu_shared_bytes_limit(void); /* of a block */
/* Whether this call is the one that TRO_EMU_FAULT wants to fail. */
bool emu_is_fault(const char *name);

/* ---- memory.c ----------------------------------------------------------------------------- */

/* Whether p .. p + n_bytes is all in one allocation. */
bool emu_is_device(uintptr_t p, size_t n_bytes);
bool emu_is_pinned(uintptr_t p, size_t n_bytes);
/* False after a message that names `what`. */
bool emu_check_device(uintptr_t p, size_t n_bytes, const char *what);
/* Size of an allocation around which somebody wrote; 0 when all is well. */
size_t emu_damaged_bytes(void);

/* ---- module.c ----------------------------------------------------------------------------- */

struct tro_cu_function_s {
    struct emu_kernel kernel;
    size_t params_size;
    unsigned max_shared, max_threads;
};

/* ---- launch.c ----------------------------------------------------------------------------- */

struct emu_launch {
    tro_cu_function function;
    unsigned grid[3], block[3], shared_bytes;
    void *params; /* params_size bytes, owned */
};

int emu_launch_init(struct emu_launch *l, tro_cu_function function, const unsigned grid[3],
                    const unsigned block[3], unsigned shared_bytes, const void *params);
int emu_launch_copy(struct emu_launch *l, const struct emu_launch *from);
void emu_launch_finish(struct emu_launch *l);
/* Runs it now. */
int emu_launch_run(const struct emu_launch *l);

/* ---- graph.c ------------------------------------------------------------------------------ */

int emu_graph_run(tro_cu_graph_exec exec);

/* ---- stream.c ----------------------------------------------------------------------------- */

enum emu_work_kind { EMU_COPY, EMU_FILL, EMU_LAUNCH, EMU_GRAPH, EMU_EVENT };

struct emu_work {
    struct emu_work *next;
    enum emu_work_kind kind;
    void *to; /* copy, fill */
    const void *from;
    size_t n_bytes;
    unsigned char value;
    void *owned; /* from, or NULL */
    struct emu_launch launch;
    tro_cu_graph_exec exec;
    tro_cu_event event;
    uint64_t number; /* of the record of an event */
};

/* Takes over what w owns, also when it fails. */
int emu_stream_add(tro_cu_stream stream, const struct emu_work *w);
/* All that waits in a stream, or in all of them. */
int emu_stream_drain(tro_cu_stream stream);
int emu_drain(void);
/* What happens before work of the default stream. */
int emu_drain_blocking(void);

#endif
