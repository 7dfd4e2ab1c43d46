/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"
#include "image.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tro_cu_module_s {
    void *library;
    struct tro_cu_function_s function;
};

static int check_image(const struct emu_image *image)
{
    const uint32_t arch = (uint32_t)emu_arch();
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
        return emu_leave(rc);
    struct tro_cu_module_s *const m = calloc(1, sizeof *m);
    if (!m)
        return emu_leave(OUT_OF_MEMORY);
    m->library = open_object(image);
    if (!m->library || !fill_function(m->library, &m->function)) {
        free(m);
        return emu_leave(INVALID_IMAGE);
    }
    *module = m;
    return emu_leave(OK);
}

int cuModuleUnload(tro_cu_module module)
{
    emu_enter_release();
    emu_drain();
    dlclose(module->library);
    free(module);
    return emu_leave(emu_failure);
}

int cuModuleGetFunction(tro_cu_function *function, tro_cu_module module, const char *name)
{
    ENTER(true);
    *function = &module->function;
    return emu_leave(strcmp(name, "tro_kernel") == 0 ? OK : NOT_FOUND);
}

int cuFuncSetAttribute(tro_cu_function function, int attribute, int value)
{
    ENTER(true);
    if (attribute != TRO_CU_FUNC_MAX_SHARED || value < 0 || value > emu_shared_bytes_limit())
        return emu_leave(INVALID_VALUE);
    function->max_shared = (unsigned)value;
    return emu_leave(OK);
}
