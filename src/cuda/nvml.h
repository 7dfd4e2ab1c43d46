/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a GPU tells of itself, by NVML, opened at run time: libnvidia-ml.so.1, or the library that
 * TROCAR_NVML names. Functions may be called by several threads.
 */
#ifndef TRO_CUDA_NVML_H
#define TRO_CUDA_NVML_H

#include <stdbool.h>

#include "cuda/device.h"

typedef struct tro_nvml_device_s *tro_nvml_device;

/* What holds the clock where it is (nvmlClocksEventReasons).
 *  bit    id                  the chip is slower than asked for */
#define TRO_NVML_REASONS(X)            \
    X(0x1, "idle", false)              \
    X(0x2, "application_clock", false) \
    X(0x4, "power_cap", true)          \
    X(0x8, "hardware_slowdown", true)  \
    X(0x10, "sync_boost", true)        \
    X(0x20, "software_thermal", true)  \
    X(0x40, "hardware_thermal", true)  \
    X(0x80, "power_brake", true)       \
    X(0x100, "display_clock", false)

struct tro_nvml_state {
    int temperature_c, sm_mhz, power_mw; /* -1: not known */
    int64_t reasons;                     /* bits; -1: not known */
};

/* The device; NULL with the reason in why_not. A part of a chip (MIG) is none. */
tro_nvml_device tro_nvml_find(const struct tro_cuda_device *d, char why_not[256]);

/* Millijoules since the driver was loaded. The counter moves every 20 to 100 ms. */
bool tro_nvml_energy(tro_nvml_device device, double *mj);

struct tro_nvml_state tro_nvml_state(tro_nvml_device device);

#endif
