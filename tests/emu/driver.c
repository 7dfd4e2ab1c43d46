/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcuda-emu.so: the functions of src/cuda/driver.def on a machine without GPU. Kernels come from
 * libnvrtc-emu.so. Everything is done when it is asked for; a stream is always empty. Like the real
 * driver it refuses what has no current context and, after a kernel failed, everything (code 700 and
 * the like stay until the last cuDevicePrimaryCtxRelease).
 *
 *   TRO_EMU_ARCH     90    compute capability times 10
 *   TRO_EMU_SMS      132
 *   TRO_EMU_MEMORY   bytes of the device, 16 GiB
 *   TRO_EMU_ORDER    "reverse": independent nodes of a graph, blocks and threads run last one first
 *   TRO_EMU_FAULT    "cuMemAlloc_v2:3,launch:2": the third call fails, the second kernel does
 *   TRO_EMU_TRACE    1: a line on stderr for each kernel, with its time
 *
 * All but the first two may change while the program runs. Device memory is filled with 0xff when it
 * is allocated. It ends less than 256 bytes before a page that no one may touch, and begins less than
 * a page behind one; the bytes between are checked after each kernel.
 */
#include "cuda/driver.h"

#include "block.h"
#include "image.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define FN(name, args) __attribute__((visibility("default"))) int name args;
#include "cuda/driver.def"
#undef FN

enum {
    OK = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    NO_BINARY_FOR_GPU = 209,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    ILLEGAL_ADDRESS = 700,
    LAUNCH_FAILED = 719,
    NOT_SUPPORTED = 801,
    UNKNOWN = 999
};

enum { PAGE = 4096, ALIGNMENT = 256, GUARD = 0xa5, POISON = 0xff };

/*
 *   block                     at                         block + n_mapped
 *     | forbidden page | guard | n_bytes | guard | forbidden page |
 */
struct memory {
    struct memory *next;
    char *block, *at;
    size_t n_bytes, n_mapped;
    bool is_host;
};

struct tro_cu_context_s {
    int unused;
};
struct tro_cu_stream_s {
    int unused;
};
struct tro_cu_event_s {
    bool is_recorded;
    double ms;
};
struct tro_cu_function_s {
    struct emu_kernel kernel;
    size_t params_size;
    unsigned max_shared, max_threads;
};
struct tro_cu_module_s {
    void *library;
    struct tro_cu_function_s function;
};

struct tro_cu_node_s {
    struct tro_cu_node_s *next;
    int index;
    tro_cu_function function;
    unsigned grid[3], block[3], shared_bytes;
    void *params;
    int *deps, n_deps;
};
struct tro_cu_graph_s {
    struct tro_cu_node_s *first, **last;
    int n_nodes;
};
struct tro_cu_graph_exec_s {
    struct tro_cu_node_s *nodes; /* copies */
    int n_nodes;
    bool *is_done;
};

/* Every function holds the mutex. */
static struct {
    pthread_mutex_t mutex;
    bool is_initialized;
    int n_retained;
    int failure; /* of a kernel */
    struct tro_cu_context_s context;
    struct memory *memory;
    size_t n_bytes; /* device memory in use */
} d = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local tro_cu_context current;

/* ---- settings ----------------------------------------------------------------------------- */

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *const text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static int device_arch(void)
{
    return (int)setting("TRO_EMU_ARCH", 90);
}

static size_t device_bytes(void)
{
    return setting("TRO_EMU_MEMORY", (uint64_t)16 << 30);
}

static bool is_reverse(void)
{
    const char *const text = getenv("TRO_EMU_ORDER");
    return text && strcmp(text, "reverse") == 0;
}

/* ---- faults ------------------------------------------------------------------------------- */

enum { MAX_FAULTS = 8 };

/* Counts start again when the text changes. */
static struct {
    char text[256];
    struct {
        char name[48];
        long left;
    } fault[MAX_FAULTS];
    int n;
} faults;

static void parse_faults(const char *text)
{
    char copy[sizeof faults.text];
    faults.n = 0;
    snprintf(faults.text, sizeof faults.text, "%s", text);
    memcpy(copy, faults.text, sizeof copy);
    for (char *save, *word = strtok_r(copy, ",", &save); word && faults.n < MAX_FAULTS;
         word = strtok_r(NULL, ",", &save)) {
        char *const colon = strchr(word, ':');
        if (!colon)
            continue;
        *colon = 0;
        snprintf(faults.fault[faults.n].name, sizeof faults.fault[0].name, "%.40s", word);
        faults.fault[faults.n++].left = strtol(colon + 1, NULL, 10);
    }
}

/* Whether this call of the function is the one that is to fail. */
static bool is_fault(const char *name)
{
    const char *const env = getenv("TRO_EMU_FAULT"), *const text = env ? env : "";
    if (strcmp(text, faults.text) != 0)
        parse_faults(text);
    bool is_now = false;
    for (int i = 0; i < faults.n; i++)
        if (strcmp(faults.fault[i].name, name) == 0)
            is_now |= --faults.fault[i].left == 0;
    return is_now;
}

/* ---- entry and exit of every function ----------------------------------------------------- */

static int leave(int rc)
{
    pthread_mutex_unlock(&d.mutex);
    return rc;
}

static int enter(const char *name, bool needs_context)
{
    pthread_mutex_lock(&d.mutex);
    if (d.failure)
        return d.failure;
    if (is_fault(name))
        return strstr(name, "Alloc") || strstr(name, "Instantiate") || strstr(name, "Upload")
                   ? OUT_OF_MEMORY
                   : UNKNOWN;
    if (needs_context && !current)
        return INVALID_CONTEXT;
    return OK;
}

#define ENTER(needs_context)                            \
    do {                                                \
        const int rc_ = enter(__func__, needs_context); \
        if (rc_)                                        \
            return leave(rc_);                          \
    } while (0)

/* ---- memory ------------------------------------------------------------------------------- */

static struct memory *find_memory(uintptr_t p, size_t n_bytes, bool is_host)
{
    for (struct memory *m = d.memory; m; m = m->next) {
        const uintptr_t offset = p - (uintptr_t)m->at;
        if (m->is_host == is_host && offset < m->n_bytes && m->n_bytes - offset >= n_bytes)
            return m;
    }
    return NULL;
}

static bool is_device(tro_cu_ptr p, size_t n_bytes, const char *what)
{
    if (n_bytes == 0 || find_memory((uintptr_t)p, n_bytes, false))
        return true;
    fprintf(stderr, "emu: %s: %zu bytes at 0x%llx are not all in one allocation\n", what, n_bytes,
            (unsigned long long)p);
    return false;
}

/* At most a page. */
static bool is_guard(const char *begin, const char *end)
{
    static unsigned char guard[PAGE];
    if (!guard[0])
        memset(guard, GUARD, sizeof guard);
    return memcmp(begin, guard, (size_t)(end - begin)) == 0;
}

static bool has_guards(const struct memory *m)
{
    return is_guard(m->block + PAGE, m->at) &&
           is_guard(m->at + m->n_bytes, m->block + m->n_mapped - PAGE);
}

/* NULL when all is well. */
static const struct memory *damaged_memory(void)
{
    for (const struct memory *m = d.memory; m; m = m->next)
        if (!has_guards(m))
            return m;
    return NULL;
}

static int allocate(size_t n_bytes, bool is_host, void **p)
{
    struct memory *const m = calloc(1, sizeof *m);
    const size_t aligned = (n_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    const size_t pages = (aligned + PAGE - 1) / PAGE * PAGE;
    char *const block = mmap(NULL, pages + 2 * PAGE, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!m || block == MAP_FAILED) {
        free(m);
        return OUT_OF_MEMORY;
    }
    *m = (struct memory){.next = d.memory,
                         .block = block,
                         .at = block + PAGE + pages - aligned,
                         .n_bytes = n_bytes,
                         .n_mapped = pages + 2 * PAGE,
                         .is_host = is_host};
    memset(block + PAGE, GUARD, (size_t)(m->at - block) - PAGE);
    memset(m->at, POISON, n_bytes);
    memset(m->at + n_bytes, GUARD, aligned - n_bytes);
    mprotect(block, PAGE, PROT_NONE);
    mprotect(block + PAGE + pages, PAGE, PROT_NONE);
    d.memory = m;
    d.n_bytes += is_host ? 0 : n_bytes;
    *p = m->at;
    return OK;
}

static int release(const void *p, bool is_host)
{
    for (struct memory **at = &d.memory; *at; at = &(*at)->next) {
        struct memory *const m = *at;
        if (m->at != p || m->is_host != is_host)
            continue;
        *at = m->next;
        d.n_bytes -= is_host ? 0 : m->n_bytes;
        if (!has_guards(m))
            fprintf(stderr, "emu: bytes around an allocation of %zu were written\n", m->n_bytes);
        munmap(m->block, m->n_mapped);
        free(m);
        return OK;
    }
    return INVALID_VALUE;
}

int cuMemGetInfo_v2(size_t *n_free, size_t *n_total)
{
    ENTER(true);
    *n_total = device_bytes();
    *n_free = *n_total > d.n_bytes ? *n_total - d.n_bytes : 0;
    return leave(OK);
}

int cuMemAlloc_v2(tro_cu_ptr *p, size_t n_bytes)
{
    void *at = NULL;
    ENTER(true);
    if (n_bytes == 0)
        return leave(INVALID_VALUE);
    if (n_bytes > device_bytes() || d.n_bytes > device_bytes() - n_bytes)
        return leave(OUT_OF_MEMORY);
    const int rc = allocate(n_bytes, false, &at);
    *p = (tro_cu_ptr)(uintptr_t)at;
    return leave(rc);
}

/* Memory goes back after a failure too, so that a leak in a test is one. */
int cuMemFree_v2(tro_cu_ptr p)
{
    pthread_mutex_lock(&d.mutex);
    const int rc = p ? release((const void *)(uintptr_t)p, false) : OK;
    return leave(d.failure ? d.failure : rc);
}

int cuMemHostAlloc(void **p, size_t n_bytes, unsigned flags)
{
    (void)flags;
    ENTER(true);
    return leave(n_bytes ? allocate(n_bytes, true, p) : INVALID_VALUE);
}

int cuMemFreeHost(void *p)
{
    pthread_mutex_lock(&d.mutex);
    const int rc = release(p, true);
    return leave(d.failure ? d.failure : rc);
}

int cuPointerGetAttribute(void *value, int attribute, tro_cu_ptr p)
{
    ENTER(true);
    const bool is_on_device = find_memory((uintptr_t)p, 1, false);
    if (attribute != TRO_CU_POINTER_MEMORY_TYPE)
        return leave(NOT_SUPPORTED);
    if (!is_on_device && !find_memory((uintptr_t)p, 1, true))
        return leave(INVALID_VALUE);
    const unsigned type = is_on_device ? TRO_CU_MEMORY_DEVICE : 1;
    memcpy(value, &type, sizeof type);
    return leave(OK);
}

/* ---- copies ------------------------------------------------------------------------------- */

static int copy_in(tro_cu_ptr to, const void *from, size_t n_bytes)
{
    if (!is_device(to, n_bytes, "copy to the device"))
        return INVALID_VALUE;
    memcpy((void *)(uintptr_t)to, from, n_bytes);
    return OK;
}

static int copy_out(void *to, tro_cu_ptr from, size_t n_bytes)
{
    if (!is_device(from, n_bytes, "copy from the device"))
        return INVALID_VALUE;
    memcpy(to, (const void *)(uintptr_t)from, n_bytes);
    return OK;
}

int cuMemcpyHtoD_v2(tro_cu_ptr to, const void *from, size_t n_bytes)
{
    ENTER(true);
    return leave(copy_in(to, from, n_bytes));
}

int cuMemcpyDtoH_v2(void *to, tro_cu_ptr from, size_t n_bytes)
{
    ENTER(true);
    return leave(copy_out(to, from, n_bytes));
}

int cuMemcpyHtoDAsync_v2(tro_cu_ptr to, const void *from, size_t n_bytes, tro_cu_stream stream)
{
    (void)stream;
    ENTER(true);
    return leave(copy_in(to, from, n_bytes));
}

int cuMemcpyDtoHAsync_v2(void *to, tro_cu_ptr from, size_t n_bytes, tro_cu_stream stream)
{
    (void)stream;
    ENTER(true);
    return leave(copy_out(to, from, n_bytes));
}

int cuMemcpyDtoDAsync_v2(tro_cu_ptr to, tro_cu_ptr from, size_t n_bytes, tro_cu_stream stream)
{
    (void)stream;
    ENTER(true);
    if (!is_device(from, n_bytes, "copy on the device"))
        return leave(INVALID_VALUE);
    return leave(copy_in(to, (const void *)(uintptr_t)from, n_bytes));
}

int cuMemsetD8Async(tro_cu_ptr to, unsigned char value, size_t n_bytes, tro_cu_stream stream)
{
    (void)stream;
    ENTER(true);
    if (!is_device(to, n_bytes, "fill"))
        return leave(INVALID_VALUE);
    memset((void *)(uintptr_t)to, value, n_bytes);
    return leave(OK);
}

/* ---- the driver and its device ------------------------------------------------------------ */

int cuInit(unsigned flags)
{
    pthread_mutex_lock(&d.mutex);
    d.is_initialized = true;
    return leave(flags ? INVALID_VALUE : is_fault(__func__) ? UNKNOWN : OK);
}

int cuDriverGetVersion(int *version)
{
    *version = 13000;
    return OK;
}

static const struct {
    int rc;
    const char *name, *text;
} errors[] = {
    {OK, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};
enum { N_ERRORS = sizeof errors / sizeof errors[0] };

int cuGetErrorName(int rc, const char **text)
{
    for (int i = 0; i < N_ERRORS; i++)
        if (errors[i].rc == rc) {
            *text = errors[i].name;
            return OK;
        }
    *text = NULL;
    return INVALID_VALUE;
}

int cuGetErrorString(int rc, const char **text)
{
    for (int i = 0; i < N_ERRORS; i++)
        if (errors[i].rc == rc) {
            *text = errors[i].text;
            return OK;
        }
    *text = NULL;
    return INVALID_VALUE;
}

int cuDeviceGetCount(int *n)
{
    *n = (int)setting("TRO_EMU_DEVICES", 1);
    return OK;
}

int cuDeviceGet(tro_cu_device *device, int ordinal)
{
    *device = ordinal;
    return ordinal == 0 ? OK : 101;
}

int cuDeviceGetName(char *name, int size, tro_cu_device device)
{
    (void)device;
    snprintf(name, (size_t)size, "Trocar emulated device");
    return OK;
}

/* What a block may have, opted in; CUDA C++ Programming Guide, "Technical specifications". */
static int shared_bytes_of(int arch)
{
    switch (arch) {
    case 80:
    case 87:
        return 163 << 10;
    case 86:
    case 89:
    case 120:
        return 99 << 10;
    case 75:
        return 64 << 10;
    default:
        return 227 << 10;
    }
}

int cuDeviceGetAttribute(int *value, int attribute, tro_cu_device device)
{
    (void)device;
    const int arch = device_arch();
    switch (attribute) {
    case TRO_CU_ATTR_SHARED_BYTES:
        *value = shared_bytes_of(arch);
        return OK;
    case TRO_CU_ATTR_MAJOR:
        *value = arch / 10;
        return OK;
    case TRO_CU_ATTR_MINOR:
        *value = arch % 10;
        return OK;
    case TRO_CU_ATTR_N_SMS:
        *value = (int)setting("TRO_EMU_SMS", 132);
        return OK;
    case TRO_CU_ATTR_INTEGRATED:
        *value = arch == 87;
        return OK;
    case TRO_CU_ATTR_L2_BYTES:
        *value = 50 << 20;
        return OK;
    case TRO_CU_ATTR_CLOCK_KHZ:
        *value = 1980000;
        return OK;
    case TRO_CU_ATTR_MEMORY_KHZ:
        *value = 3201000;
        return OK;
    case TRO_CU_ATTR_MEMORY_BITS:
        *value = 6144;
        return OK;
    default:
        fprintf(stderr, "emu: attribute %d of the device is not known\n", attribute);
        return INVALID_VALUE;
    }
}

int cuDeviceTotalMem_v2(size_t *n_bytes, tro_cu_device device)
{
    (void)device;
    *n_bytes = device_bytes();
    return OK;
}

int cuDevicePrimaryCtxRetain(tro_cu_context *context, tro_cu_device device)
{
    (void)device;
    ENTER(false);
    d.n_retained++;
    *context = &d.context;
    return leave(OK);
}

int cuDevicePrimaryCtxRelease_v2(tro_cu_device device)
{
    (void)device;
    pthread_mutex_lock(&d.mutex);
    if (d.n_retained == 0)
        return leave(INVALID_CONTEXT);
    if (--d.n_retained == 0)
        d.failure = OK;
    return leave(OK);
}

int cuCtxSetCurrent(tro_cu_context context)
{
    current = context;
    return OK;
}

int cuCtxGetCurrent(tro_cu_context *context)
{
    *context = current;
    return OK;
}

int cuCtxSynchronize(void)
{
    ENTER(true);
    return leave(OK);
}

int cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
    ENTER(true);
    *least = 0;
    *greatest = -5;
    return leave(OK);
}

/* ---- modules ------------------------------------------------------------------------------ */

static int check_image(const struct emu_image *image)
{
    const uint32_t arch = (uint32_t)device_arch();
    if (memcmp(image->magic, EMU_IMAGE_MAGIC, sizeof image->magic) != 0)
        return INVALID_IMAGE;
    if (image->is_ptx)
        return image->arch <= arch ? OK : NO_BINARY_FOR_GPU;
    if (image->is_exact)
        return image->arch == arch ? OK : NO_BINARY_FOR_GPU;
    return image->arch / 10 == arch / 10 && image->arch <= arch ? OK : NO_BINARY_FOR_GPU;
}

static bool write_all(int fd, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        const ssize_t n = write(fd, bytes, n_bytes);
        if (n <= 0)
            return false;
        bytes += n;
        n_bytes -= (size_t)n;
    }
    return true;
}

/* dlopen takes two files of one name for the same, whatever they hold: the number is never used
 * again. */
static void *open_object(const struct emu_image *image)
{
    static unsigned n_opened;
    char path[64];
    void *library = NULL;
    snprintf(path, sizeof path, "/tmp/trocar-emu-%u-XXXXXX.so", n_opened++);
    const int fd = mkstemps(path, 3);
    if (fd < 0)
        return NULL;
    if (write_all(fd, (const char *)(image + 1), image->n_bytes))
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fprintf(stderr, "emu: %s\n", dlerror());
    close(fd);
    unlink(path);
    return library;
}

static bool find_symbol(void *library, const char *name, void *to)
{
    void *const symbol = dlsym(library, name);
    memcpy(to, &symbol, sizeof symbol);
    return symbol;
}

static bool fill_function(void *library, struct tro_cu_function_s *f)
{
    struct emu_state *(*state)(void);
    size_t (*params_size)(void);
    unsigned (*max_threads)(void);
    uint8_t *(*begin)(void), *(*end)(void);
    if (!find_symbol(library, "emu_entry", &f->kernel.entry) ||
        !find_symbol(library, "emu_get_state", &state) ||
        !find_symbol(library, "emu_get_params_size", &params_size) ||
        !find_symbol(library, "emu_get_max_threads", &max_threads) ||
        !find_symbol(library, "emu_get_shared", &begin) ||
        !find_symbol(library, "emu_get_shared_end", &end))
        return false;
    const char *const *name = dlsym(library, "emu_name");
    f->kernel.name = name ? *name : "kernel";
    f->kernel.state = state();
    f->kernel.static_shared = begin();
    f->kernel.static_shared_end = end();
    f->params_size = params_size();
    f->max_shared = 48 << 10;
    f->max_threads = max_threads() ? max_threads() : 1024;
    return true;
}

int cuModuleLoadDataEx(tro_cu_module *module, const void *image, unsigned n_options, int *options,
                       void **values)
{
    (void)n_options;
    (void)options;
    (void)values;
    ENTER(true);
    const int rc = check_image(image);
    if (rc)
        return leave(rc);
    struct tro_cu_module_s *const m = calloc(1, sizeof *m);
    if (!m)
        return leave(OUT_OF_MEMORY);
    m->library = open_object(image);
    if (!m->library || !fill_function(m->library, &m->function)) {
        free(m);
        return leave(INVALID_IMAGE);
    }
    *module = m;
    return leave(OK);
}

int cuModuleUnload(tro_cu_module module)
{
    pthread_mutex_lock(&d.mutex);
    dlclose(module->library);
    free(module);
    return leave(d.failure);
}

int cuModuleGetFunction(tro_cu_function *function, tro_cu_module module, const char *name)
{
    ENTER(true);
    *function = &module->function;
    return leave(strcmp(name, "tro_kernel") == 0 ? OK : NOT_FOUND);
}

int cuFuncSetAttribute(tro_cu_function function, int attribute, int value)
{
    ENTER(true);
    if (attribute != TRO_CU_FUNC_MAX_SHARED || value < 0 || value > shared_bytes_of(device_arch()))
        return leave(INVALID_VALUE);
    function->max_shared = (unsigned)value;
    return leave(OK);
}

int cuFuncGetAttribute(int *value, int attribute, tro_cu_function function)
{
    ENTER(true);
    switch (attribute) {
    case TRO_CU_FUNC_MAX_SHARED:
        *value = (int)function->max_shared;
        return leave(OK);
    case TRO_CU_FUNC_LOCAL:
        *value = 0;
        return leave(OK);
    case TRO_CU_FUNC_REGISTERS:
        *value = 32;
        return leave(OK);
    default:
        return leave(INVALID_VALUE);
    }
}

/* ---- streams and events ------------------------------------------------------------------- */

static double clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

int cuStreamCreateWithPriority(tro_cu_stream *stream, unsigned flags, int priority)
{
    (void)flags;
    (void)priority;
    ENTER(true);
    *stream = calloc(1, sizeof **stream);
    return leave(*stream ? OK : OUT_OF_MEMORY);
}

int cuStreamDestroy_v2(tro_cu_stream stream)
{
    pthread_mutex_lock(&d.mutex);
    free(stream);
    return leave(d.failure);
}

int cuStreamSynchronize(tro_cu_stream stream)
{
    (void)stream;
    ENTER(true);
    return leave(OK);
}

int cuEventCreate(tro_cu_event *event, unsigned flags)
{
    (void)flags;
    ENTER(true);
    *event = calloc(1, sizeof **event);
    return leave(*event ? OK : OUT_OF_MEMORY);
}

int cuEventDestroy_v2(tro_cu_event event)
{
    pthread_mutex_lock(&d.mutex);
    free(event);
    return leave(d.failure);
}

int cuEventRecord(tro_cu_event event, tro_cu_stream stream)
{
    (void)stream;
    ENTER(true);
    event->is_recorded = true;
    event->ms = clock_ms();
    return leave(OK);
}

int cuEventQuery(tro_cu_event event)
{
    (void)event;
    ENTER(true);
    return leave(OK);
}

int cuEventSynchronize(tro_cu_event event)
{
    (void)event;
    ENTER(true);
    return leave(OK);
}

int cuEventElapsedTime_v2(float *ms, tro_cu_event begin, tro_cu_event end)
{
    ENTER(true);
    if (!begin->is_recorded || !end->is_recorded)
        return leave(INVALID_HANDLE);
    *ms = (float)(end->ms - begin->ms);
    return leave(OK);
}

/* ---- launches ----------------------------------------------------------------------------- */

static int check_launch(const struct tro_cu_function_s *f, const unsigned grid[3],
                        const unsigned block[3], unsigned shared_bytes)
{
    const uint64_t n = (uint64_t)block[0] * block[1] * block[2];
    const size_t shared = shared_bytes +
                          (size_t)(f->kernel.static_shared_end - f->kernel.static_shared);
    const char *why = NULL;
    if (n == 0 || n > 1024 || block[2] > 64)
        why = "size of the block";
    else if (n > f->max_threads)
        why = "more threads than __launch_bounds__";
    else if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0 || grid[0] > 0x7fffffff ||
             grid[1] > 65535 || grid[2] > 65535)
        why = "size of the grid";
    else if (shared_bytes > f->max_shared || shared > (size_t)shared_bytes_of(device_arch()))
        why = "shared memory";
    if (why)
        fprintf(stderr,
                "emu: kernel %s: grid (%u, %u, %u), block (%u, %u, %u), %u bytes of shared memory "
                "(%u allowed): %s is not possible\n",
                f->kernel.name, grid[0], grid[1], grid[2], block[0], block[1], block[2],
                shared_bytes, f->max_shared, why);
    return why ? INVALID_VALUE : OK;
}

static void trace(const char *name, const unsigned grid[3], const unsigned block[3], double ms)
{
    if (setting("TRO_EMU_TRACE", 0))
        fprintf(stderr, "emu: %9.3f ms  %s <<<(%u, %u, %u), (%u, %u, %u)>>>\n", ms, name, grid[0],
                grid[1], grid[2], block[0], block[1], block[2]);
}

/* A failure stays. */
static int run_kernel(const struct tro_cu_function_s *f, const unsigned grid[3],
                      const unsigned block[3], unsigned shared_bytes, const void *params)
{
    const double begin = clock_ms();
    int rc = is_fault("launch")
                 ? ILLEGAL_ADDRESS
                 : emu_run(&f->kernel, grid, block, shared_bytes, params, is_reverse());
    const struct memory *const damaged = rc ? NULL : damaged_memory();
    if (damaged) {
        fprintf(stderr, "emu: kernel %s wrote around an allocation of %zu bytes\n", f->kernel.name,
                damaged->n_bytes);
        rc = ILLEGAL_ADDRESS;
    }
    trace(f->kernel.name, grid, block, clock_ms() - begin);
    d.failure = rc;
    return rc;
}

int cuLaunchKernel(tro_cu_function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                   tro_cu_stream stream, void **params, void **extra)
{
    (void)stream;
    (void)extra;
    const unsigned grid[3] = {grid_x, grid_y, grid_z}, block[3] = {block_x, block_y, block_z};
    ENTER(true);
    const int rc = check_launch(function, grid, block, shared_bytes);
    return leave(rc ? rc : run_kernel(function, grid, block, shared_bytes, params[0]));
}

/* ---- graphs ------------------------------------------------------------------------------- */

static void finish_node(struct tro_cu_node_s *n)
{
    free(n->params);
    free(n->deps);
}

/* Everything but next, index and deps. */
static bool copy_node(struct tro_cu_node_s *to, const struct tro_cu_node_s *from,
                      const void *params)
{
    const size_t size = from->function->params_size;
    *to = *from;
    to->params = malloc(size + 1);
    to->deps = malloc(((size_t)from->n_deps + 1) * sizeof *to->deps);
    if (!to->params || !to->deps) {
        finish_node(to);
        return false;
    }
    memcpy(to->params, params, size);
    if (from->n_deps)
        memcpy(to->deps, from->deps, (size_t)from->n_deps * sizeof *to->deps);
    return true;
}

int cuGraphCreate(tro_cu_graph *graph, unsigned flags)
{
    ENTER(true);
    struct tro_cu_graph_s *const g = calloc(1, sizeof *g);
    if (!g || flags) {
        free(g);
        return leave(g ? INVALID_VALUE : OUT_OF_MEMORY);
    }
    g->last = &g->first;
    *graph = g;
    return leave(OK);
}

int cuGraphDestroy(tro_cu_graph graph)
{
    pthread_mutex_lock(&d.mutex);
    for (struct tro_cu_node_s *n = graph->first, *next; n; n = next) {
        next = n->next;
        finish_node(n);
        free(n);
    }
    free(graph);
    return leave(d.failure);
}

static bool is_in_graph(const struct tro_cu_graph_s *g, const struct tro_cu_node_s *node)
{
    const struct tro_cu_node_s *n = g->first;
    while (n && n != node)
        n = n->next;
    return n;
}

static int check_deps(const struct tro_cu_graph_s *g, const tro_cu_node *deps, size_t n_deps,
                      int *indices)
{
    for (size_t i = 0; i < n_deps; i++) {
        if (!is_in_graph(g, deps[i]))
            return INVALID_VALUE;
        indices[i] = deps[i]->index;
        for (size_t k = 0; k < i; k++)
            if (indices[k] == indices[i])
                return INVALID_VALUE;
    }
    return OK;
}

static int add_node(struct tro_cu_graph_s *g, const struct tro_cu_kernel_node *k, int *indices,
                    size_t n_deps, tro_cu_node *node)
{
    struct tro_cu_node_s from = {.index = g->n_nodes,
                                 .function = k->function,
                                 .shared_bytes = k->shared_bytes,
                                 .deps = indices,
                                 .n_deps = (int)n_deps};
    memcpy(from.grid, k->grid, sizeof from.grid);
    memcpy(from.block, k->block, sizeof from.block);
    struct tro_cu_node_s *const n = malloc(sizeof *n);
    if (!n || !copy_node(n, &from, k->params[0])) {
        free(n);
        return OUT_OF_MEMORY;
    }
    *g->last = n;
    g->last = &n->next;
    g->n_nodes++;
    *node = n;
    return OK;
}

int cuGraphAddNode_v2(tro_cu_node *node, tro_cu_graph graph, const tro_cu_node *deps,
                      const struct tro_cu_edge *edges, size_t n_deps,
                      struct tro_cu_node_params *params)
{
    (void)edges;
    ENTER(true);
    const struct tro_cu_kernel_node *const k = &params->u.kernel;
    if (params->type != 0)
        return leave(NOT_SUPPORTED);
    int rc = check_launch(k->function, k->grid, k->block, k->shared_bytes);
    if (rc)
        return leave(rc);
    int *const indices = malloc((n_deps + 1) * sizeof *indices);
    if (!indices)
        return leave(OUT_OF_MEMORY);
    rc = check_deps(graph, deps, n_deps, indices);
    if (!rc)
        rc = add_node(graph, k, indices, n_deps, node);
    free(indices);
    return leave(rc);
}

static void destroy_exec(struct tro_cu_graph_exec_s *e)
{
    for (int i = 0; i < e->n_nodes; i++)
        finish_node(&e->nodes[i]);
    free(e->nodes);
    free(e->is_done);
    free(e);
}

int cuGraphInstantiateWithFlags(tro_cu_graph_exec *exec, tro_cu_graph graph,
                                unsigned long long flags)
{
    (void)flags;
    ENTER(true);
    struct tro_cu_graph_exec_s *const e = calloc(1, sizeof *e);
    if (!e)
        return leave(OUT_OF_MEMORY);
    e->nodes = calloc((size_t)graph->n_nodes + 1, sizeof *e->nodes);
    e->is_done = calloc((size_t)graph->n_nodes + 1, sizeof *e->is_done);
    bool is_copied = e->nodes && e->is_done;
    for (const struct tro_cu_node_s *n = graph->first; n && is_copied; n = n->next) {
        is_copied = copy_node(&e->nodes[n->index], n, n->params);
        e->n_nodes += is_copied;
    }
    if (!is_copied) {
        destroy_exec(e);
        return leave(OUT_OF_MEMORY);
    }
    *exec = e;
    return leave(OK);
}

int cuGraphExecDestroy(tro_cu_graph_exec exec)
{
    pthread_mutex_lock(&d.mutex);
    destroy_exec(exec);
    return leave(d.failure);
}

int cuGraphUpload(tro_cu_graph_exec exec, tro_cu_stream stream)
{
    (void)exec;
    (void)stream;
    ENTER(true);
    return leave(OK);
}

static bool is_ready(const struct tro_cu_graph_exec_s *e, int i)
{
    const struct tro_cu_node_s *const n = &e->nodes[i];
    bool is_all = !e->is_done[i];
    for (int k = 0; k < n->n_deps; k++)
        is_all &= e->is_done[n->deps[k]];
    return is_all;
}

/* The ready node that was added first, or last. A node's dependencies were added before it, so that
 * there is always one. */
static int next_node(const struct tro_cu_graph_exec_s *e, bool is_last_first)
{
    int found = -1;
    for (int i = 0; i < e->n_nodes; i++)
        if (is_ready(e, i)) {
            found = i;
            if (!is_last_first)
                break;
        }
    return found;
}

int cuGraphLaunch(tro_cu_graph_exec exec, tro_cu_stream stream)
{
    (void)stream;
    ENTER(true);
    int rc = OK;
    memset(exec->is_done, 0, (size_t)exec->n_nodes * sizeof *exec->is_done);
    for (int k = 0; k < exec->n_nodes && !rc; k++) {
        const int i = next_node(exec, is_reverse());
        const struct tro_cu_node_s *const n = &exec->nodes[i];
        rc = run_kernel(n->function, n->grid, n->block, n->shared_bytes, n->params);
        exec->is_done[i] = true;
    }
    return leave(rc);
}
