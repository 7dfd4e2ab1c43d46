/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/driver.h"

#include "base/err.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Opened once for the process, never closed: threads of the driver outlive its users. */
static struct {
    pthread_mutex_t mutex;
    bool is_tried, is_open;
    struct tro_cu cu;
    struct tro_err err; /* why not */
} driver = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static const char *describe(const struct tro_cu *cu, int rc, int (*fn)(int rc, const char **text))
{
    const char *text = NULL;
    (void)cu;
    return fn && fn(rc, &text) == TRO_CU_SUCCESS && text ? text : "unknown error";
}

/* After these every call of the process fails (CUDA Driver API, CUresult). */
static bool is_fault(int rc)
{
    return rc == 214 /* ECC */ || rc == 700 /* illegal address */ || rc == 702 /* timeout */ ||
           (rc >= 709 && rc <= 710) || (rc >= 714 && rc <= 719);
}

int tro_cu_check(const struct tro_cu *cu, int rc, const char *what, struct tro_err *err)
{
    if (rc == TRO_CU_SUCCESS)
        return 0;
    const enum tro_status status = rc == TRO_CU_OUT_OF_MEMORY ? TRO_E_NOMEM
                                   : is_fault(rc)             ? TRO_E_FAULT
                                                              : TRO_E_DEVICE;
    return tro_fail(err, status, "CUDA: %s: %s (%s)", what, describe(cu, rc, cu->cuGetErrorString),
                    describe(cu, rc, cu->cuGetErrorName));
}

static int find_functions(void *library, struct tro_cu *cu, struct tro_err *err)
{
#define FN(name, args)                                                                    \
    {                                                                                     \
        void *const symbol = dlsym(library, #name);                                       \
        if (!symbol)                                                                      \
            return tro_fail(                                                              \
                err, TRO_E_DEVICE,                                                        \
                "CUDA: expected a driver of CUDA 12.8 or newer, found one without " #name \
                "; update the driver or use --device cpu");                               \
        memcpy(&cu->name, &symbol, sizeof symbol);                                        \
    }
#include "cuda/driver.def"
#undef FN
    return 0;
}

static int open_driver(struct tro_err *err)
{
    const char *const path = getenv("TROCAR_CUDA_DRIVER");
    void *const library = dlopen(path ? path : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    int n = 0;
    if (!library)
        return tro_fail(err, TRO_E_DEVICE,
                        "CUDA: expected the driver's library, found none (%s); "
                        "use --device cpu",
                        dlerror());
    TRO_TRY(find_functions(library, &driver.cu, err));
    TRO_CU(&driver.cu, err, cuInit, 0);
    TRO_CU(&driver.cu, err, cuDeviceGetCount, &n);
    if (n == 0)
        return tro_fail(err, TRO_E_DEVICE, "CUDA: expected a GPU, found none; use --device cpu");
    return 0;
}

const struct tro_cu *tro_cu_open(struct tro_err *err)
{
    pthread_mutex_lock(&driver.mutex);
    if (!driver.is_tried) {
        driver.is_tried = true;
        driver.is_open = open_driver(&driver.err) >= 0;
    }
    const bool is_open = driver.is_open;
    pthread_mutex_unlock(&driver.mutex);
    if (!is_open)
        tro_fail(err, (enum tro_status)driver.err.status, "%s", driver.err.text);
    return is_open ? &driver.cu : NULL;
}
