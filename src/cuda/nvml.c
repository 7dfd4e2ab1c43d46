/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/nvml.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SENSOR_GPU = 0, CLOCK_SM = 1 };

/* Opened once for the process, never closed. */
static struct {
    pthread_once_t once;
    bool is_open;
    char why_not[200];
#define FN(name, args) int(*name) args;
#define MAY FN
#include "cuda/nvml.def"
#undef MAY
#undef FN
} nvml = {.once = PTHREAD_ONCE_INIT};

static bool find_functions(void *library)
{
    void *symbol;
#define MAY(name, args)             \
    symbol = dlsym(library, #name); \
    memcpy(&nvml.name, &symbol, sizeof symbol);
#define FN(name, args)                                                                    \
    MAY(name, args)                                                                       \
    if (!symbol) {                                                                        \
        snprintf(nvml.why_not, sizeof nvml.why_not, "the library of NVML has no " #name); \
        return false;                                                                     \
    }
#include "cuda/nvml.def"
#undef FN
#undef MAY
    return true;
}

static void open_library(void)
{
    const char *const path = getenv("TROCAR_NVML");
    void *const library = dlopen(path ? path : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(nvml.why_not, sizeof nvml.why_not, "NVML was not found (%.150s)", dlerror());
        return;
    }
    if (!find_functions(library))
        return;
    const int rc = nvml.nvmlInit_v2();
    nvml.is_open = rc == 0;
    if (rc)
        snprintf(nvml.why_not, sizeof nvml.why_not, "NVML did not start (nvmlReturn %d)", rc);
}

tro_nvml_device tro_nvml_find(const struct tro_cuda_device *d, char why_not[256])
{
    tro_nvml_device device = NULL;
    pthread_once(&nvml.once, open_library);
    const int rc = nvml.is_open ? nvml.nvmlDeviceGetHandleByUUID(d->uuid, &device) : 0;
    if (!nvml.is_open)
        snprintf(why_not, 256, "%s", nvml.why_not);
    else if (rc)
        snprintf(why_not, 256, "NVML does not measure %s by itself (nvmlReturn %d)", d->uuid, rc);
    return rc ? NULL : device;
}

bool tro_nvml_energy(tro_nvml_device device, double *mj)
{
    unsigned long long n = 0;
    if (!nvml.nvmlDeviceGetTotalEnergyConsumption ||
        nvml.nvmlDeviceGetTotalEnergyConsumption(device, &n) != 0)
        return false;
    *mj = (double)n;
    return true;
}

static int64_t reasons_of(tro_nvml_device device)
{
    unsigned long long reasons = 0;
    int (*const get)(tro_nvml_device,
                     unsigned long long *) = nvml.nvmlDeviceGetCurrentClocksEventReasons
                                                 ? nvml.nvmlDeviceGetCurrentClocksEventReasons
                                                 : nvml.nvmlDeviceGetCurrentClocksThrottleReasons;
    return get && get(device, &reasons) == 0 ? (int64_t)reasons : -1;
}

struct tro_nvml_state tro_nvml_state(tro_nvml_device device)
{
    struct tro_nvml_state s = {-1, -1, -1, reasons_of(device)};
    unsigned n;
    if (nvml.nvmlDeviceGetTemperature && nvml.nvmlDeviceGetTemperature(device, SENSOR_GPU, &n) == 0)
        s.temperature_c = (int)n;
    if (nvml.nvmlDeviceGetClockInfo && nvml.nvmlDeviceGetClockInfo(device, CLOCK_SM, &n) == 0)
        s.sm_mhz = (int)n;
    if (nvml.nvmlDeviceGetPowerUsage && nvml.nvmlDeviceGetPowerUsage(device, &n) == 0)
        s.power_mw = (int)n;
    return s;
}
