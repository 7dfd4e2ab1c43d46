/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tro_cu_context_s {
    int unused;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct tro_cu_context_s primary;
static int n_retained;
static _Thread_local tro_cu_context current;
int emu_failure;

/* ---- settings ----------------------------------------------------------------------------- */

uint64_t emu_setting(const char *name, uint64_t otherwise)
{
    const char *const text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

int emu_arch(void)
{
    return (int)emu_setting("TRO_EMU_ARCH", 90);
}

size_t emu_device_bytes(void)
{
    return emu_setting("TRO_EMU_MEMORY", (uint64_t)16 << 30);
}

bool emu_is_reverse(void)
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
bool emu_is_fault(const char *name)
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

/* ---- entry and exit ----------------------------------------------------------------------- */

void emu_enter_release(void)
{
    pthread_mutex_lock(&mutex);
}

int emu_leave(int rc)
{
    pthread_mutex_unlock(&mutex);
    return rc;
}

static bool can_lack_memory(const char *name)
{
    return strstr(name, "Alloc") || strstr(name, "Instantiate") || strstr(name, "Upload");
}

int emu_enter(const char *name, bool needs_context)
{
    pthread_mutex_lock(&mutex);
    if (emu_failure)
        return emu_failure;
    if (emu_is_fault(name))
        return can_lack_memory(name) ? OUT_OF_MEMORY : UNKNOWN;
    if (needs_context && !current)
        return INVALID_CONTEXT;
    return OK;
}

/* ---- the driver and its device ------------------------------------------------------------ */

int cuInit(unsigned flags)
{
    emu_enter_release();
    return emu_leave(flags ? INVALID_VALUE : emu_is_fault(__func__) ? UNKNOWN : OK);
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
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
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
    *n = (int)emu_setting("TRO_EMU_DEVICES", 1);
    return OK;
}

int cuDeviceGet(tro_cu_device *device, int ordinal)
{
    *device = ordinal;
    return ordinal == 0 ? OK : INVALID_DEVICE;
}

int cuDeviceGetName(char *name, int size, tro_cu_device device)
{
    (void)device;
    snprintf(name, (size_t)size, "Trocar emulated device");
    return OK;
}

int cuDeviceGetUuid_v2(struct tro_cu_uuid *uuid, tro_cu_device device)
{
    (void)device;
    memcpy(uuid->bytes, "Trocar emulation", sizeof uuid->bytes);
    return OK;
}

/* What a block may have, opted in; CUDA C++ Programming Guide, "Technical specifications". */
int emu_shared_bytes_limit(void)
{
    switch (emu_arch()) {
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
    const int arch = emu_arch();
    switch (attribute) {
    case TRO_CU_ATTR_SHARED_BYTES:
        *value = emu_shared_bytes_limit();
        return OK;
    case TRO_CU_ATTR_MAJOR:
        *value = arch / 10;
        return OK;
    case TRO_CU_ATTR_MINOR:
        *value = arch % 10;
        return OK;
    case TRO_CU_ATTR_N_SMS:
        *value = (int)emu_setting("TRO_EMU_SMS", 132);
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

int cuDevicePrimaryCtxRetain(tro_cu_context *context, tro_cu_device device)
{
    (void)device;
    ENTER(false);
    n_retained++;
    *context = &primary;
    return emu_leave(OK);
}

int cuDevicePrimaryCtxRelease_v2(tro_cu_device device)
{
    (void)device;
    emu_enter_release();
    if (n_retained == 0)
        return emu_leave(INVALID_CONTEXT);
    if (n_retained == 1)
        emu_drain();
    if (--n_retained == 0)
        emu_failure = OK;
    return emu_leave(OK);
}

int cuCtxSetCurrent(tro_cu_context context)
{
    current = context;
    return OK;
}

int cuCtxSynchronize(void)
{
    ENTER(true);
    return emu_leave(emu_drain());
}

int cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
    ENTER(true);
    *least = 0;
    *greatest = -5;
    return emu_leave(OK);
}
