/* SPDX-License-Identifier: Apache-2.0 */
#include "ort/ort_api.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#if defined(__x86_64__)
#define NPM_ARCH "x64"
#elif defined(__aarch64__)
#define NPM_ARCH "arm64"
#else
#define NPM_ARCH "unknown"
#endif
#define NPM_LIBRARY \
    "npm/node_modules/onnxruntime-node/bin/napi-v*/linux/" NPM_ARCH "/libonnxruntime.so*"

#define WHAT_TO_DO                                                                      \
    "run \"npm install --ignore-scripts --prefix build/npm onnxruntime-node\", or set " \
    "TROCAR_ORT_LIBRARY to the path of libonnxruntime.so"

struct search {
    void *handle;
    size_t n_tried; /* length of tried */
    char tried[700];
};

static void note(struct search *s, const char *what)
{
    const size_t left = sizeof s->tried - s->n_tried;
    const int n = snprintf(s->tried + s->n_tried, left, "%s%s", s->n_tried ? "; " : "", what);
    if (n > 0)
        s->n_tried += (size_t)n < left ? (size_t)n : left - 1;
}

static bool try_path(struct search *s, const char *path)
{
    s->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!s->handle)
        note(s, dlerror()); /* names the path */
    return s->handle != NULL;
}

/* Several versions of the package's folder: the last in order first. */
static bool try_pattern(struct search *s, const char *pattern)
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0) {
        note(s, pattern);
        return false;
    }
    size_t i = found.gl_pathc;
    while (i > 0 && !try_path(s, found.gl_pathv[i - 1]))
        i--;
    globfree(&found);
    return i > 0;
}

static bool try_beside_executable(struct search *s)
{
    char exe[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe);
    if (n <= 0 || (size_t)n >= sizeof exe)
        return false;
    exe[n] = 0;
    for (int up = 0; up < 2; up++) {
        char *const slash = strrchr(exe, '/');
        if (!slash)
            return false;
        *slash = 0;
        char pattern[PATH_MAX + sizeof NPM_LIBRARY];
        snprintf(pattern, sizeof pattern, "%s/%s", exe, NPM_LIBRARY);
        if (try_pattern(s, pattern))
            return true;
    }
    return false;
}

static int find_library(struct search *s, const char *path, struct tro_err *err)
{
    const char *const env = getenv("TROCAR_ORT_LIBRARY");
    const bool is_given = path || (env && *env);
    if (is_given) {
        if (try_path(s, path ? path : env))
            return 0;
        return tro_fail(err, TRO_E_DEVICE, "cannot load the ONNX Runtime library given%s: %s",
                        path ? "" : " by TROCAR_ORT_LIBRARY", s->tried);
    }
    if (try_beside_executable(s) || try_pattern(s, "build/" NPM_LIBRARY) ||
        try_path(s, "libonnxruntime.so.1") || try_path(s, "libonnxruntime.so"))
        return 0;
    return tro_fail(err, TRO_E_DEVICE, "ONNX Runtime is not installed: %s; tried %s", WHAT_TO_DO,
                    s->tried);
}

static void fill_api(struct ort_api *api, const void *const *slots, int version)
{
#define ORT_TAKE_STATUS(slot, name, parameters) memcpy(&api->name, &slots[slot], sizeof api->name);
#define ORT_TAKE_OTHER(slot, result, name, parameters) ORT_TAKE_STATUS(slot, name, parameters)
    ORT_SLOTS(ORT_TAKE_STATUS, ORT_TAKE_OTHER)
    if (version >= 24) {
        ORT_SLOTS_24(ORT_TAKE_STATUS, ORT_TAKE_OTHER)
    }
#undef ORT_TAKE_STATUS
#undef ORT_TAKE_OTHER
}

/* The table's version to ask for: asking for one the library lacks makes it write to stderr. */
static int version_of(const char *text)
{
    int major = 0, minor = 0;
    if (sscanf(text, "%d.%d", &major, &minor) != 2)
        return 0;
    return major > 1 || minor > ORT_API_NEWEST ? ORT_API_NEWEST : minor;
}

static int read_api(struct tro_ort_lib *lib, struct tro_err *err)
{
    struct base {
        const void *const *(*get_api)(uint32_t version);
        const char *(*get_version)(void);
    };
    const struct base *(*get_base)(void) = NULL;
    void *const symbol = dlsym(lib->handle, "OrtGetApiBase");
    if (!symbol)
        return tro_fail(err, TRO_E_DEVICE,
                        "not a library of ONNX Runtime: it has no function OrtGetApiBase; %s",
                        WHAT_TO_DO);
    memcpy(&get_base, &symbol, sizeof symbol);
    lib->version = get_base()->get_version();
    const int version = version_of(lib->version);
    if (version < ORT_API_OLDEST)
        return tro_fail(err, TRO_E_DEVICE,
                        "ONNX Runtime 1.%d or newer is needed, but the library found is %s; %s",
                        ORT_API_OLDEST, lib->version, WHAT_TO_DO);
    const void *const *const slots = get_base()->get_api((uint32_t)version);
    if (!slots)
        return tro_fail(err, TRO_E_DEVICE,
                        "ONNX Runtime %s does not offer version %d of its C interface; %s",
                        lib->version, version, WHAT_TO_DO);
    fill_api(&lib->api, slots, version);
    return 0;
}

int tro_ort_lib_open(struct tro_ort_lib *lib, const char *path, struct tro_err *err)
{
    struct search s = {0};
    TRO_TRY(find_library(&s, path, err));
    *lib = (struct tro_ort_lib){.handle = s.handle};
    const int rc = read_api(lib, err);
    if (rc < 0)
        tro_ort_lib_close(lib);
    return rc;
}

void tro_ort_lib_close(struct tro_ort_lib *lib)
{
    if (lib->handle)
        dlclose(lib->handle);
    *lib = (struct tro_ort_lib){0};
}

static enum tro_status status_of(int error_code)
{
    switch (error_code) {
    case ORT_ERROR_NO_FILE:
        return TRO_E_IO;
    case ORT_ERROR_ENGINE:
    case ORT_ERROR_PROVIDER:
        return TRO_E_DEVICE;
    case ORT_ERROR_NOT_IMPLEMENTED:
        return TRO_E_UNSUPPORTED;
    default: /* a model or an input it does not accept */
        return TRO_E_INPUT;
    }
}

int tro_ort_check(const struct ort_api *api, struct ort_status *status, struct tro_err *err)
{
    if (!status)
        return 0;
    char line[sizeof err->text];
    snprintf(line, sizeof line, "%s", api->error_message(status));
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    const enum tro_status rc = status_of(api->error_code(status));
    api->release_status(status);
    return tro_fail(err, rc, "onnxruntime: %s", line);
}
