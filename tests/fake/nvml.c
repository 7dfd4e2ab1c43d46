/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnvidia-ml with one device, that of tests/emu: 150 W all the time, which its counter of energy
 * follows every 50 ms. TRO_FAKE_NVML holds words:
 *   other    the device is not known
 *   still    the counter does not move
 *   mute     nothing is told
 *   hot      the clock is held back by heat and power
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))
enum { OK = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, WATTS = 150, STEP_MS = 50 };

EXPORT int nvmlInit_v2(void);
EXPORT int nvmlDeviceGetHandleByUUID(const char *uuid, void **device);
EXPORT int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj);
EXPORT int nvmlDeviceGetPowerUsage(void *device, unsigned *mw);
EXPORT int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius);
EXPORT int nvmlDeviceGetClockInfo(void *device, int clock, unsigned *mhz);
EXPORT int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons);

static int the_device;
static bool is_started;

static bool is_set(const char *word)
{
    const char *const text = getenv("TRO_FAKE_NVML");
    return text && strstr(text, word);
}

static int check(const void *device)
{
    return !is_started || device != &the_device || is_set("mute") ? NOT_SUPPORTED : OK;
}

int nvmlInit_v2(void)
{
    is_started = true;
    return OK;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **device)
{
    if (is_set("other") || strcmp(uuid, "GPU-54726f63-6172-2065-6d75-6c6174696f6e") != 0)
        return NOT_FOUND;
    *device = &the_device;
    return OK;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    const int64_t ms = is_set("still") ? 0 : t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
    *mj = (unsigned long long)(ms / STEP_MS * STEP_MS * WATTS);
    return check(device);
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *mw)
{
    *mw = WATTS * 1000;
    return check(device);
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius)
{
    *celsius = sensor == 0 ? 61 : 0;
    return check(device);
}

int nvmlDeviceGetClockInfo(void *device, int clock, unsigned *mhz)
{
    *mhz = clock == 1 ? 1980 : 0;
    return check(device);
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons)
{
    *reasons = is_set("hot") ? 0x4 | 0x20 | 0x2 : 0x1;
    return check(device);
}
