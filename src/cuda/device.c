/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/device.h"

#include "base/alloc.h"
#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the pool ----------------------------------------------------------------------------- */

/*
 * Blocks of the driver, handed out whole: a plan takes one for its weights and a session one for
 * its memory, so blocks are few and large. A freed one waits for the next user whom it fits without
 * half of it being wasted; the last close gives all back.
 */
struct block {
    tro_cu_ptr at;
    size_t n_bytes;
    bool is_used;
};

struct tro_cuda_pool {
    struct block *blocks;
    size_t n, cap;
};

#define GRAIN ((size_t)1 << 16)

static struct block *find_free(const struct tro_cuda_pool *p, size_t n_bytes)
{
    struct block *best = NULL;
    for (size_t i = 0; i < p->n; i++) {
        struct block *const b = &p->blocks[i];
        if (b->is_used || b->n_bytes < n_bytes || b->n_bytes / 2 > n_bytes)
            continue;
        best = !best || b->n_bytes < best->n_bytes ? b : best;
    }
    return best;
}

/* Gives the driver what nobody uses. */
static void trim(const struct tro_cuda_device *d)
{
    struct tro_cuda_pool *const p = d->pool;
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (p->blocks[i].is_used)
            p->blocks[n++] = p->blocks[i];
        else
            d->cu->cuMemFree_v2(p->blocks[i].at);
    }
    p->n = n;
}

static int take_block(struct tro_cuda_device *d, size_t n_bytes, tro_cu_ptr *out,
                      struct tro_err *err)
{
    struct tro_cuda_pool *const p = d->pool;
    struct block *const old = find_free(p, n_bytes);
    if (old) {
        old->is_used = true;
        *out = old->at;
        return 0;
    }
    if (TRO_GROW(&p->blocks, p->n, &p->cap) < 0)
        return tro_fail_nomem(err);
    int rc = d->cu->cuMemAlloc_v2(out, n_bytes);
    if (rc == TRO_CU_OUT_OF_MEMORY) {
        trim(d);
        rc = d->cu->cuMemAlloc_v2(out, n_bytes);
    }
    if (rc == TRO_CU_OUT_OF_MEMORY) {
        size_t n_free = 0, n_total = 0;
        d->cu->cuMemGetInfo_v2(&n_free, &n_total);
        return tro_fail(
            err, TRO_E_NOMEM,
            "%s: expected %zu MB of free memory, found %zu of %zu MB; close other plans "
            "or use --device cpu",
            d->name, (n_bytes + ((size_t)1 << 20) - 1) >> 20, n_free >> 20, n_total >> 20);
    }
    TRO_TRY(tro_cu_check(d->cu, rc, "cuMemAlloc", err));
    p->blocks[p->n++] = (struct block){*out, n_bytes, true};
    return 0;
}

/* ---- devices ------------------------------------------------------------------------------ */

enum { MAX_DEVICES = 16 };

static struct {
    pthread_mutex_t mutex;
    struct tro_cuda_device devices[MAX_DEVICES];
    int n_users[MAX_DEVICES];
} all = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static int parse_name(const char *name, int *ordinal, struct tro_err *err)
{
    char *end = NULL;
    *ordinal = 0;
    if (!strcmp(name, "cuda"))
        return 0;
    const bool has_prefix = !strncmp(name, "cuda:", 5);
    const long n = has_prefix ? strtol(name + 5, &end, 10) : -1;
    if (!has_prefix || end == name + 5 || *end || n < 0 || n >= MAX_DEVICES)
        return tro_fail(err, TRO_E_INPUT, "expected device cuda or cuda:0 to cuda:%d, found '%s'",
                        MAX_DEVICES - 1, name);
    *ordinal = (int)n;
    return 0;
}

/* Operations of a multiprocessor in a cycle: NVIDIA's architecture papers (A100, Orin, Ada, H100,
 * Blackwell); dense f16 products with sums in f32, and f32. */
static const struct {
    int arch;
    double tensor, fp32;
} rates[] = {{80, 2048, 128}, {86, 512, 256},  {87, 1024, 256},
             {89, 1024, 256}, {90, 4096, 256}, {100, 8192, 256}};

/* What the chip can do at most, by its clocks. */
static void set_rates(struct tro_cuda_device *d, int clock_khz, int memory_khz, int memory_bits)
{
    const double cycles = 1e-6 * clock_khz * d->n_sms;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        if (rates[i].arch > d->arch)
            continue;
        d->tensor_gflops = rates[i].tensor * cycles;
        d->fp32_gflops = rates[i].fp32 * cycles;
    }
    d->gbytes = 2e-6 * memory_khz * memory_bits / 8;
}

static void print_uuid(const unsigned char bytes[16], char out[48])
{
    int n = snprintf(out, 48, "GPU");
    for (int i = 0; i < 16; i++)
        n += snprintf(out + n, 48 - (size_t)n, "%s%02x",
                      i == 0 || i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
}

static int read_attributes(struct tro_cuda_device *d, tro_cu_device device, struct tro_err *err)
{
    const struct tro_cu *const cu = d->cu;
    struct tro_cu_uuid uuid;
    int major = 0, minor = 0, clock_khz = 0, memory_khz = 0, memory_bits = 0;
    const struct {
        int attribute, *value;
    } rows[] = {{TRO_CU_ATTR_MAJOR, &major},
                {TRO_CU_ATTR_MINOR, &minor},
                {TRO_CU_ATTR_N_SMS, &d->n_sms},
                {TRO_CU_ATTR_SHARED_BYTES, &d->shared_bytes},
                {TRO_CU_ATTR_INTEGRATED, &d->is_integrated},
                {TRO_CU_ATTR_CLOCK_KHZ, &clock_khz},
                {TRO_CU_ATTR_MEMORY_KHZ, &memory_khz},
                {TRO_CU_ATTR_MEMORY_BITS, &memory_bits}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        TRO_CU(cu, err, cuDeviceGetAttribute, rows[i].value, rows[i].attribute, device);
    TRO_CU(cu, err, cuDeviceGetName, d->name, (int)sizeof d->name, device);
    TRO_CU(cu, err, cuDeviceGetUuid_v2, &uuid, device);
    print_uuid(uuid.bytes, d->uuid);
    TRO_CU(cu, err, cuDriverGetVersion, &d->driver_version);
    d->arch = 10 * major + minor;
    set_rates(d, clock_khz, memory_khz, memory_bits);
    if (d->arch < 80)
        return tro_fail(err, TRO_E_DEVICE,
                        "%s: expected compute capability 8.0 or newer, found %d.%d; use --device "
                        "cpu",
                        d->name, major, minor);
    return 0;
}

static int open_device(struct tro_cuda_device *d, int ordinal, struct tro_err *err)
{
    tro_cu_device device;
    int n = 0;
    *d = (struct tro_cuda_device){.cu = tro_cu_open(err), .ordinal = ordinal};
    if (!d->cu)
        return TRO_E_DEVICE;
    TRO_CU(d->cu, err, cuDeviceGetCount, &n);
    if (ordinal >= n)
        return tro_fail(err, TRO_E_DEVICE, "expected a GPU with number %d, found %d of them",
                        ordinal, n);
    TRO_CU(d->cu, err, cuDeviceGet, &device, ordinal);
    TRO_TRY(read_attributes(d, device, err));
    d->pool = tro_calloc(1, sizeof *d->pool);
    if (!d->pool)
        return tro_fail_nomem(err);
    const int rc = tro_cu_check(d->cu, d->cu->cuDevicePrimaryCtxRetain(&d->context, device),
                                "cuDevicePrimaryCtxRetain", err);
    if (rc < 0)
        tro_free(d->pool);
    return rc;
}

struct tro_cuda_device *tro_cuda_device_open(const char *name, struct tro_err *err)
{
    int ordinal;
    if (parse_name(name, &ordinal, err) < 0)
        return NULL;
    pthread_mutex_lock(&all.mutex);
    struct tro_cuda_device *d = &all.devices[ordinal];
    if (all.n_users[ordinal] == 0 && open_device(d, ordinal, err) < 0)
        d = NULL;
    else
        all.n_users[ordinal]++;
    pthread_mutex_unlock(&all.mutex);
    return d;
}

void tro_cuda_device_close(struct tro_cuda_device *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&all.mutex);
    if (--all.n_users[d->ordinal] == 0) {
        d->cu->cuCtxSetCurrent(d->context);
        trim(d);
        tro_free(d->pool->blocks);
        tro_free(d->pool);
        d->cu->cuDevicePrimaryCtxRelease_v2(d->ordinal);
    }
    pthread_mutex_unlock(&all.mutex);
}

int tro_cuda_device_enter(const struct tro_cuda_device *d, struct tro_err *err)
{
    return tro_cu_check(d->cu, d->cu->cuCtxSetCurrent(d->context), "cuCtxSetCurrent", err);
}

int tro_cuda_alloc(struct tro_cuda_device *d, size_t n_bytes, tro_cu_ptr *out, struct tro_err *err)
{
    pthread_mutex_lock(&all.mutex);
    const int rc = take_block(d, (n_bytes + GRAIN) / GRAIN * GRAIN, out, err);
    pthread_mutex_unlock(&all.mutex);
    return rc;
}

void tro_cuda_free(struct tro_cuda_device *d, tro_cu_ptr p)
{
    pthread_mutex_lock(&all.mutex);
    for (size_t i = 0; p && i < d->pool->n; i++)
        if (d->pool->blocks[i].at == p)
            d->pool->blocks[i].is_used = false;
    pthread_mutex_unlock(&all.mutex);
}
