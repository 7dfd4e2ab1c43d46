/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of ONNX Runtime's C interface that is used. Its library exports one function,
 * OrtGetApiBase, which leads to a table of function pointers. The table only ever grows at its
 * end, so a function is known for good by its slot, counted from 0; each slot used stands here
 * with its signature, and nothing else of the interface is declared.
 *
 * Functions that return struct ort_status * return NULL on success. Objects they hand out are the
 * caller's and end with the release function of their type, unless a row says otherwise.
 */
#ifndef TRO_ORT_ORT_API_H
#define TRO_ORT_ORT_API_H

#include <stdbool.h>
#include <trocar/trocar.h>

struct ort_status;
struct ort_env;
struct ort_session;
struct ort_options;
struct ort_memory;
struct ort_value;
struct ort_type;  /* type of an input or output */
struct ort_shape; /* element type and shape of a tensor */
struct ort_allocator;

/* A version of the interface adds slots; 1.N of the library brings version N. */
#define ORT_API_OLDEST 17 /* set_deterministic */
#define ORT_API_NEWEST 24 /* has_shape */

/* clang-format off */
/* S(slot, name, parameters) gives a status; F(slot, result, name, parameters) does not. What is
 * called lent stays the library's. */
#define ORT_SLOTS(S, F)                                                                           \
    F(1,   int,          error_code,      (const struct ort_status *))                            \
    F(2,   const char *, error_message,   (const struct ort_status *))                            \
    S(3,   create_env,                (int log_level, const char *id, struct ort_env **))         \
    S(7,   create_session,            (const struct ort_env *, const char *path,                  \
                                       const struct ort_options *, struct ort_session **))        \
    S(8,   create_session_from_memory, (const struct ort_env *, const void *bytes, size_t n_bytes,\
                                       const struct ort_options *, struct ort_session **))        \
    S(9,   run,                       (struct ort_session *, const void *run_options,             \
                                       const char *const *in_names,                               \
                                       const struct ort_value *const *in, size_t n_in,            \
                                       const char *const *out_names, size_t n_out,                \
                                       struct ort_value **out))                                   \
    S(10,  create_options,            (struct ort_options **))                                    \
    S(11,  set_optimized_path,        (struct ort_options *, const char *path))                   \
    S(23,  set_optimization,          (struct ort_options *, int level))                          \
    S(24,  set_intra_threads,         (struct ort_options *, int n))                              \
    S(30,  n_inputs,                  (const struct ort_session *, size_t *))                     \
    S(31,  n_outputs,                 (const struct ort_session *, size_t *))                     \
    S(33,  input_type,                (const struct ort_session *, size_t i, struct ort_type **)) \
    S(34,  output_type,               (const struct ort_session *, size_t i, struct ort_type **)) \
    S(36,  input_name,                (const struct ort_session *, size_t i,                      \
                                       struct ort_allocator *, char **))                          \
    S(37,  output_name,               (const struct ort_session *, size_t i,                      \
                                       struct ort_allocator *, char **))                          \
    S(49,  create_tensor,             (const struct ort_memory *, void *data, size_t n_bytes,     \
                                       const int64_t *shape, size_t rank, int type,               \
                                       struct ort_value **))                                      \
    S(51,  tensor_data,               (struct ort_value *, void **lent))                          \
    S(55,  type_to_shape,             (const struct ort_type *, const struct ort_shape **lent))   \
    S(56,  type_kind,                 (const struct ort_type *, int *))                           \
    S(60,  element_type,              (const struct ort_shape *, int *))                          \
    S(61,  rank,                      (const struct ort_shape *, size_t *))                       \
    S(62,  dims,                      (const struct ort_shape *, int64_t *, size_t n))            \
    S(63,  dim_names,                 (const struct ort_shape *, const char **lent, size_t n))    \
    S(65,  value_shape,               (const struct ort_value *, struct ort_shape **))            \
    S(67,  value_kind,                (const struct ort_value *, int *))                          \
    S(69,  create_cpu_memory,         (int allocator, int use, struct ort_memory **))             \
    S(76,  allocator_free,            (struct ort_allocator *, void *))                           \
    S(78,  default_allocator,         (struct ort_allocator **lent))                              \
    F(92,  void,         release_env,     (struct ort_env *))                                     \
    F(93,  void,         release_status,  (struct ort_status *))                                  \
    F(94,  void,         release_memory,  (struct ort_memory *))                                  \
    F(95,  void,         release_session, (struct ort_session *))                                 \
    F(96,  void,         release_value,   (struct ort_value *))                                   \
    F(98,  void,         release_type,    (struct ort_type *))                                    \
    F(99,  void,         release_shape,   (struct ort_shape *))                                   \
    F(100, void,         release_options, (struct ort_options *))                                 \
    S(130, set_config,                (struct ort_options *, const char *key, const char *value)) \
    S(273, set_deterministic,         (struct ort_options *, bool))

/* From version 24 on; NULL before. */
#define ORT_SLOTS_24(S, F)                                                                        \
    F(390, bool,         has_shape,       (const struct ort_shape *))
/* clang-format on */

struct ort_api {
#define ORT_STATUS_FIELD(slot, name, parameters) struct ort_status *(*name)parameters;
#define ORT_OTHER_FIELD(slot, result, name, parameters) result(*name) parameters;
    ORT_SLOTS(ORT_STATUS_FIELD, ORT_OTHER_FIELD)
    ORT_SLOTS_24(ORT_STATUS_FIELD, ORT_OTHER_FIELD)
#undef ORT_STATUS_FIELD
#undef ORT_OTHER_FIELD
};

/* Values of its enumerations. */
enum ort_error {
    ORT_ERROR_NO_FILE = 3,
    ORT_ERROR_ENGINE = 5,
    ORT_ERROR_NOT_IMPLEMENTED = 9,
    ORT_ERROR_PROVIDER = 11
};
enum { ORT_LOG_FATAL = 4 };
enum { ORT_KIND_TENSOR = 1 };
enum { ORT_ALLOCATOR_DEVICE = 0, ORT_MEMORY_DEFAULT = 0 };

/* An opened library. */
struct tro_ort_lib {
    void *handle;
    const char *version; /* the library's own string */
    struct ort_api api;
};

/* Finds and opens the library as ort.h says; path may be NULL. close accepts an all-zero struct. */
int tro_ort_lib_open(struct tro_ort_lib *lib, const char *path, struct tro_err *err);
void tro_ort_lib_close(struct tro_ort_lib *lib);

/* Turns a status of the library into ours and releases it: 0 for NULL. */
int tro_ort_check(const struct ort_api *api, struct ort_status *status, struct tro_err *err);

#endif
