/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnvrtc-emu.so: NVRTC's functions, which compile a kernel with a C++ compiler of the host.
 *
 *   TRO_EMU_CXX       the compiler, g++
 *   TRO_EMU_CXXFLAGS  more options, "-g -O0"
 *   TRO_EMU_CACHE     folder of what was compiled, /tmp/trocar-emu-UID
 *
 * A result is kept by the hash of all that went in; several processes may use one folder.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct tro_nvrtc_program_s *tro_nvrtc_program;

#define FN(name, args) __attribute__((visibility("default"))) int name args;
#include "cuda/nvrtc.def"
#undef FN

enum { NVRTC_SUCCESS, NVRTC_OUT_OF_MEMORY, NVRTC_BAD_INPUT = 3, NVRTC_COMPILATION = 6 };

enum { MAX_HEADERS = 256, MAX_PATH = 1024, MAX_OPTIONS = 64 };

struct text {
    char *name, *text;
    bool is_used;
};

struct tro_nvrtc_program_s {
    char *source, *name;
    struct text headers[MAX_HEADERS];
    int n_headers;
    char *log;
    struct emu_image *image; /* NULL before it was compiled */
    size_t image_size;
};

/* Stands behind every kernel; the number and "; }" follow. */
static const char footer[] =
    "\n#define EMU_EXPORT extern \"C\" __attribute__((visibility(\"default\")))\n"
    "EMU_EXPORT void emu_entry(const void *p)\n"
    "{ tro_kernel(*(const struct tro_params *)p); }\n"
    "EMU_EXPORT const char *emu_name;\n"
    "const char *emu_name = EMU_NAME;\n"
    "EMU_EXPORT struct emu_state *emu_get_state() { return &emu_state; }\n"
    "EMU_EXPORT size_t emu_get_params_size() { return sizeof(struct tro_params); }\n"
    "EMU_EXPORT uint8_t *emu_get_shared() { return __start_emu_shared; }\n"
    "EMU_EXPORT uint8_t *emu_get_shared_end() { return __stop_emu_shared; }\n"
    "EMU_EXPORT unsigned emu_get_max_threads() { return ";

static const char *const flags[] = {"-std=c++17",
                                    "-O2",
                                    "-fPIC",
                                    "-shared",
                                    "-ffp-contract=off",
                                    "-fno-strict-aliasing",
                                    "-fwrapv",
                                    "-fno-math-errno",
                                    "-fno-trapping-math",
                                    "-fno-gnu-unique",
                                    "-fvisibility=hidden",
                                    "-fno-exceptions",
                                    "-fno-rtti",
                                    "-fno-stack-protector",
                                    "-nostdinc++",
#ifdef __x86_64__
                                    "-march=native",
#endif
                                    "-w",
                                    "-nostdlib"};
enum { N_FLAGS = sizeof flags / sizeof flags[0] };

static const char *env_or(const char *name, const char *otherwise)
{
    const char *const value = getenv(name);
    return value && *value ? value : otherwise;
}

/* ---- files -------------------------------------------------------------------------------- */

/* The bytes and a 0 behind them; NULL when there is no such file. */
static char *read_file(const char *path, size_t *n_bytes)
{
    FILE *const f = fopen(path, "rb");
    struct stat st;
    char *bytes = NULL;
    if (!f)
        return NULL;
    if (fstat(fileno(f), &st) == 0 && (bytes = malloc((size_t)st.st_size + 1))) {
        *n_bytes = fread(bytes, 1, (size_t)st.st_size, f);
        bytes[*n_bytes] = 0;
    }
    fclose(f);
    return bytes;
}

static bool write_file(const char *folder, const char *name, const char *text, const char *end)
{
    char path[MAX_PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *const f = fopen(path, "wb");
    if (!f)
        return false;
    const bool is_written = fputs(text, f) >= 0 && fputs(end, f) >= 0;
    return fclose(f) == 0 && is_written;
}

/* ---- which headers ------------------------------------------------------------------------ */

static void use_headers(struct tro_nvrtc_program_s *p, const char *text);

static void use_header(struct tro_nvrtc_program_s *p, const char *name, size_t n)
{
    for (int i = 0; i < p->n_headers; i++) {
        struct text *const h = &p->headers[i];
        if (strlen(h->name) == n && memcmp(h->name, name, n) == 0 && !h->is_used) {
            h->is_used = true;
            use_headers(p, h->text);
        }
    }
}

static void use_headers(struct tro_nvrtc_program_s *p, const char *text)
{
    for (const char *at = text; (at = strstr(at, "#include \""));) {
        at += strlen("#include \"");
        use_header(p, at, strcspn(at, "\"\n"));
    }
}

/* ---- hash --------------------------------------------------------------------------------- */

struct hash {
    uint64_t a, b;
};

static void hash_bytes(struct hash *h, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        h->a = (h->a ^ (unsigned char)p[i]) * 0x100000001b3;
        h->b = (h->b + (unsigned char)p[i]) * 0x9e3779b97f4a7c15;
        h->b ^= h->b >> 29;
    }
}

static void hash_text(struct hash *h, const char *text)
{
    hash_bytes(h, text, strlen(text) + 1);
}

static void hash_host_file(struct hash *h, const char *name)
{
    char path[MAX_PATH];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s", TRO_EMU_FOLDER, name);
    char *const bytes = read_file(path, &n);
    hash_bytes(h, bytes ? bytes : "", n);
    free(bytes);
}

static struct hash hash_program(const struct tro_nvrtc_program_s *p, int arch)
{
    struct hash h = {0xcbf29ce484222325, (uint64_t)arch};
    for (int i = 0; i < N_FLAGS; i++)
        hash_text(&h, flags[i]);
    hash_text(&h, env_or("TRO_EMU_CXX", "g++"));
    hash_text(&h, env_or("TRO_EMU_CXXFLAGS", ""));
    hash_text(&h, footer);
    hash_host_file(&h, "cuda_host.h");
    hash_host_file(&h, "state.h");
    hash_host_file(&h, "ptx.cuh");
    hash_text(&h, p->name);
    hash_text(&h, p->source);
    for (int i = 0; i < p->n_headers; i++)
        if (p->headers[i].is_used) {
            hash_text(&h, p->headers[i].name);
            hash_text(&h, p->headers[i].text);
        }
    return h;
}

/* ---- running the compiler ----------------------------------------------------------------- */

/* The first argument of the kernel's __launch_bounds__, as it is written; 0 for none. */
static void find_launch_bounds(const char *text, char *to, size_t size)
{
    const char *const at = strstr(text, "__launch_bounds__(");
    if (!at)
        return;
    const char *const begin = at + strlen("__launch_bounds__("), *end = begin;
    for (int depth = 0; *end && (depth > 0 || (*end != ')' && *end != ',')); end++)
        depth += (*end == '(') - (*end == ')');
    snprintf(to, size, "%.*s", (int)(end - begin), begin);
}

static bool write_main(const struct tro_nvrtc_program_s *p, const char *folder)
{
    char bounds[256] = "0", end[sizeof footer + sizeof bounds + 128];
    find_launch_bounds(p->source, bounds, sizeof bounds);
    for (int i = 0; i < p->n_headers; i++)
        if (p->headers[i].is_used)
            find_launch_bounds(p->headers[i].text, bounds, sizeof bounds);
    snprintf(end, sizeof end, "%s%s; }\n", footer, bounds);
    return write_file(folder, "kernel.cpp", p->source, end);
}

static bool write_sources(const struct tro_nvrtc_program_s *p, const char *folder)
{
    char path[MAX_PATH];
    size_t n = 0;
    bool is_written = write_main(p, folder);
    for (int i = 0; i < p->n_headers && is_written; i++) {
        const struct text *const h = &p->headers[i];
        if (!h->is_used)
            continue;
        snprintf(path, sizeof path, "%s/%s", TRO_EMU_FOLDER, h->name);
        char *const own = strcmp(h->name, "ptx.cuh") == 0 ? read_file(path, &n) : NULL;
        is_written = write_file(folder, h->name, own ? own : h->text, "");
        free(own);
    }
    return is_written;
}

/* Splits flags in place at blanks. */
static int split(char *text, const char **argv, int n, int n_max)
{
    for (char *save, *word = strtok_r(text, " ", &save); word && n < n_max;
         word = strtok_r(NULL, " ", &save))
        argv[n++] = word;
    return n;
}

extern char **environ;

static int run(const char *const *argv, const char *log_path)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, log_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    const int rc = posix_spawnp(&pid, argv[0], &actions, NULL, (char **)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc)
        return rc;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static int run_compiler(const struct tro_nvrtc_program_s *p, const char *folder, int arch)
{
    char more[1024], cpp[MAX_PATH], log[MAX_PATH], out[MAX_PATH], define[64], host[MAX_PATH],
        name[256];
    const char *argv[N_FLAGS + MAX_OPTIONS + 16];
    int n = 0;
    snprintf(more, sizeof more, "%s", env_or("TRO_EMU_CXXFLAGS", ""));
    snprintf(cpp, sizeof cpp, "%s/kernel.cpp", folder);
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(out, sizeof out, "%s/kernel.so", folder);
    snprintf(host, sizeof host, "%s/cuda_host.h", TRO_EMU_FOLDER);
    snprintf(define, sizeof define, "-D__CUDA_ARCH__=%d", arch * 10);
    snprintf(name, sizeof name, "-DEMU_NAME=\"%s\"", p->name);
    argv[n++] = env_or("TRO_EMU_CXX", "g++");
    for (int i = 0; i < N_FLAGS; i++)
        argv[n++] = flags[i];
    n = split(more, argv, n, n + MAX_OPTIONS);
    const char *const rest[] = {define, name,  "-include", host,    cpp, "-o",
                                out,    "-lm", "-lc",      "-lgcc", NULL};
    memcpy(&argv[n], rest, sizeof rest);
    return run(argv, log);
}

static void remove_folder(const struct tro_nvrtc_program_s *p, const char *folder)
{
    char path[MAX_PATH];
    static const char *const names[] = {"kernel.cpp", "kernel.so", "log"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    for (int i = 0; i < p->n_headers; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, p->headers[i].name);
        if (p->headers[i].is_used)
            unlink(path);
    }
    rmdir(folder);
}

__attribute__((format(printf, 2, 3))) static int fail(struct tro_nvrtc_program_s *p,
                                                      const char *fmt, ...)
{
    va_list args;
    free(p->log);
    va_start(args, fmt);
    if (vasprintf(&p->log, fmt, args) < 0)
        p->log = NULL;
    va_end(args);
    return NVRTC_COMPILATION;
}

/* Compiles to `path`. */
static int compile_to(struct tro_nvrtc_program_s *p, int arch, const char *cache, const char *path)
{
    char folder[MAX_PATH], made[MAX_PATH + 16], log_path[MAX_PATH + 16];
    size_t n = 0;
    snprintf(folder, sizeof folder, "%s/tmp-XXXXXX", cache);
    if (!mkdtemp(folder))
        return fail(p, "emu: %s: %s", folder, strerror(errno));
    snprintf(made, sizeof made, "%s/kernel.so", folder);
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    int rc = 0;
    if (!write_sources(p, folder))
        rc = fail(p, "emu: %s: cannot write the sources", folder);
    else if (run_compiler(p, folder, arch) != 0) {
        char *const log = read_file(log_path, &n);
        rc = fail(p, "%s", log && n ? log : "emu: the compiler could not be run");
        free(log);
    } else if (rename(made, path) != 0) {
        rc = fail(p, "emu: %s: %s", path, strerror(errno));
    }
    remove_folder(p, folder);
    return rc;
}

/* ---- the functions ------------------------------------------------------------------------ */

int nvrtcDestroyProgram(tro_nvrtc_program *program)
{
    struct tro_nvrtc_program_s *const p = *program;
    for (int i = 0; i < p->n_headers; i++) {
        free(p->headers[i].name);
        free(p->headers[i].text);
    }
    free(p->source);
    free(p->name);
    free(p->log);
    free(p->image);
    free(p);
    *program = NULL;
    return NVRTC_SUCCESS;
}

int nvrtcCreateProgram(tro_nvrtc_program *program, const char *source, const char *name,
                       int n_headers, const char *const *headers, const char *const *header_names)
{
    struct tro_nvrtc_program_s *const p = calloc(1, sizeof *p);
    if (!p || n_headers > MAX_HEADERS) {
        free(p);
        return p ? NVRTC_BAD_INPUT : NVRTC_OUT_OF_MEMORY;
    }
    p->source = strdup(source);
    p->name = strdup(name ? name : "kernel");
    p->log = strdup("");
    p->n_headers = n_headers;
    for (int i = 0; i < n_headers; i++) {
        p->headers[i].name = strdup(header_names[i]);
        p->headers[i].text = strdup(headers[i]);
    }
    *program = p;
    return NVRTC_SUCCESS;
}

static int take_result(struct tro_nvrtc_program_s *p, const char *path,
                       const struct emu_image *head)
{
    size_t n = 0;
    char *const object = read_file(path, &n);
    free(p->image);
    p->image_size = sizeof *head + n;
    p->image = object ? malloc(p->image_size) : NULL;
    if (p->image) {
        *p->image = *head;
        p->image->n_bytes = n;
        memcpy(p->image + 1, object, n);
    }
    free(object);
    return p->image ? NVRTC_SUCCESS : NVRTC_OUT_OF_MEMORY;
}

/* "--gpu-architecture=sm_90a", compute_80. */
static bool parse_arch(const char *option, struct emu_image *head)
{
    static const char prefix[] = "--gpu-architecture=";
    char kind[16], suffix = 0;
    unsigned arch;
    if (strncmp(option, prefix, sizeof prefix - 1) != 0 ||
        sscanf(option + sizeof prefix - 1, "%15[a-z]_%u%c", kind, &arch, &suffix) < 2)
        return false;
    head->arch = arch;
    head->is_ptx = strcmp(kind, "compute") == 0;
    head->is_exact = suffix == 'a';
    return true;
}

int nvrtcCompileProgram(tro_nvrtc_program p, int n_options, const char *const *options)
{
    char cache[MAX_PATH], path[MAX_PATH + 64], own[64];
    struct emu_image head = {.magic = EMU_IMAGE_MAGIC, .arch = 75};
    for (int i = 0; i < n_options; i++)
        parse_arch(options[i], &head);
    for (int i = 0; i < p->n_headers; i++)
        p->headers[i].is_used = false;
    use_headers(p, p->source);
    const struct hash h = hash_program(p, (int)head.arch);
    snprintf(own, sizeof own, "/tmp/trocar-emu-%u", (unsigned)getuid());
    snprintf(cache, sizeof cache, "%s", env_or("TRO_EMU_CACHE", own));
    mkdir(cache, 0700);
    snprintf(path, sizeof path, "%s/%s-%016llx%016llx.so", cache, p->name, (unsigned long long)h.a,
             (unsigned long long)h.b);
    const int rc = access(path, R_OK) == 0 ? 0 : compile_to(p, (int)head.arch, cache, path);
    return rc ? rc : take_result(p, path, &head);
}

int nvrtcGetProgramLogSize(tro_nvrtc_program p, size_t *n_bytes)
{
    *n_bytes = strlen(p->log ? p->log : "") + 1;
    return NVRTC_SUCCESS;
}

int nvrtcGetProgramLog(tro_nvrtc_program p, char *log)
{
    strcpy(log, p->log ? p->log : "");
    return NVRTC_SUCCESS;
}

static int get_size(const struct tro_nvrtc_program_s *p, bool is_ptx, size_t *n_bytes)
{
    *n_bytes = p->image && (p->image->is_ptx != 0) == is_ptx ? p->image_size : 0;
    return NVRTC_SUCCESS;
}

static int get_image(const struct tro_nvrtc_program_s *p, bool is_ptx, char *to)
{
    if (!p->image || (p->image->is_ptx != 0) != is_ptx)
        return NVRTC_BAD_INPUT;
    memcpy(to, p->image, p->image_size);
    return NVRTC_SUCCESS;
}

int nvrtcGetCUBINSize(tro_nvrtc_program p, size_t *n_bytes)
{
    return get_size(p, false, n_bytes);
}

int nvrtcGetCUBIN(tro_nvrtc_program p, char *cubin)
{
    return get_image(p, false, cubin);
}

int nvrtcGetPTXSize(tro_nvrtc_program p, size_t *n_bytes)
{
    return get_size(p, true, n_bytes);
}

int nvrtcGetPTX(tro_nvrtc_program p, char *ptx)
{
    return get_image(p, true, ptx);
}
