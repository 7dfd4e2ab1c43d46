/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as the user names them. */
#include "build/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cuda/driver.h"

/* Multiprocessors of the largest common chip of an architecture, for builds elsewhere. */
static int n_sms_of(int arch)
{
    static const int table[][2] = {{80, 108}, {86, 84}, {87, 16}, {89, 142}, {90, 132}, {100, 148}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i][0] == arch)
            return table[i][1];
    return 108;
}

/* The first to name an architecture decides. */
static int add(struct tro_build_targets *t, int arch, int n_sms, struct tro_err *err)
{
    size_t at = 0;
    while (at < t->n_gpu && t->gpu[at].arch < arch)
        at++;
    if (at < t->n_gpu && t->gpu[at].arch == arch)
        return 0;
    if (t->n_gpu == TRO_BUILD_MAX_TARGETS)
        return tro_fail(err, TRO_E_INPUT, "expected at most %d GPU architectures, found more",
                        TRO_BUILD_MAX_TARGETS);
    memmove(&t->gpu[at + 1], &t->gpu[at], (t->n_gpu - at) * sizeof t->gpu[0]);
    t->gpu[at] = (struct tro_plan_target){arch, n_sms};
    t->n_gpu++;
    return 0;
}

/* A number of one to three digits, from text to its end. */
static bool parse_number(const char *text, int *out)
{
    const size_t n = strspn(text, "0123456789");
    *out = n > 0 && n <= 3 && !text[n] ? atoi(text) : -1;
    return *out >= 0;
}

static int add_machine(struct tro_build_targets *t, int ordinal, struct tro_err *err)
{
    const struct tro_cu *const cu = tro_cu_open(err);
    tro_cu_device device;
    int n = 0, major = 0, minor = 0, n_sms = 0;
    if (!cu)
        return TRO_E_DEVICE;
    TRO_CU(cu, err, cuDeviceGetCount, &n);
    if (ordinal >= n)
        return tro_fail(err, TRO_E_DEVICE, "expected a GPU below cuda:%d, found cuda:%d", n,
                        ordinal);
    TRO_CU(cu, err, cuDeviceGet, &device, ordinal);
    TRO_CU(cu, err, cuDeviceGetAttribute, &major, TRO_CU_ATTR_MAJOR, device);
    TRO_CU(cu, err, cuDeviceGetAttribute, &minor, TRO_CU_ATTR_MINOR, device);
    TRO_CU(cu, err, cuDeviceGetAttribute, &n_sms, TRO_CU_ATTR_N_SMS, device);
    if (!t->here[0])
        snprintf(t->here, sizeof t->here, "cuda:%d", ordinal);
    return add(t, 10 * major + minor, n_sms, err);
}

static int add_named(struct tro_build_targets *t, const char *name, struct tro_err *err)
{
    int number = 0;
    if (strcmp(name, "cpu") == 0) {
        t->has_cpu = true;
        return 0;
    }
    if (strcmp(name, "cuda") == 0 ||
        (strncmp(name, "cuda:", 5) == 0 && parse_number(name + 5, &number)))
        return add_machine(t, number, err);
    if (strcmp(name, "sm_90a") == 0)
        name = "sm_90";
    if (strncmp(name, "sm_", 3) != 0 || !parse_number(name + 3, &number))
        return tro_fail(err, TRO_E_INPUT,
                        "expected devices as in cpu,sm_80,sm_90 (cpu, cuda, cuda:N, sm_NN), found "
                        "'%s'",
                        name);
    if (number < 80)
        return tro_fail(err, TRO_E_INPUT, "expected sm_80 or newer, found '%s'", name);
    return add(t, number, n_sms_of(number), err);
}

int tro_build_targets_parse(const char *devices, struct tro_build_targets *out, struct tro_err *err)
{
    *out = (struct tro_build_targets){.has_cpu = !devices};
    for (const char *at = devices; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char name[32];
        const size_t n = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), at);
        TRO_TRY(tro_err_prefix(err, add_named(out, name, err), "device: "));
    }
    return 0;
}
