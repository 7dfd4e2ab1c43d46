/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trocar, run-time half: errors, element types, tensors, sessions.
 *
 * Errors    Every function that can fail returns 0 (or a count) on success and a negative
 *           enum tro_status on failure, and then fills the caller's struct tro_err with a
 *           message that says what was expected, what was found and what to do. The err
 *           argument may be NULL.
 * Threads   Objects are not locked. One object may be used by one thread at a time; different
 *           objects may be used by different threads at the same time.
 * Ownership *_open and *_create return an object the caller ends with the matching *_close or
 *           *_destroy, which accept NULL. Strings returned stay owned by the object they came from.
 */
#ifndef TROCAR_TROCAR_H
#define TROCAR_TROCAR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRO_API __attribute__((visibility("default")))

#define TRO_VERSION_MAJOR 0
#define TRO_VERSION_MINOR 1
#define TRO_VERSION_PATCH 0

/* Highest rank of a tensor. */
#define TRO_MAX_RANK 8

/* "0.1.0": the version of the library at run time. */
TRO_API const char *tro_version(void);

/* ---- errors ---------------------------------------------------------------------------- */

enum tro_status {
    TRO_OK = 0,
    TRO_E_INPUT = -1,       /* bad use, or a file, tensor or argument that is wrong */
    TRO_E_UNSUPPORTED = -2, /* well formed, but beyond what this version does */
    TRO_E_IO = -3,          /* the operating system refused to read or write */
    TRO_E_NOMEM = -4,       /* memory ran out */
    TRO_E_DEVICE = -5,      /* the device or an optional library is missing or failed */
    TRO_E_INTERNAL = -6,    /* a defect of Trocar */
    TRO_E_CANCELLED = -7,   /* tro_session_cancel was called */
    TRO_E_FAULT = -8 /* the device faulted: nothing runs on it any more in this process; close
                               its sessions and go on elsewhere */
};

struct tro_err {
    int status;      /* enum tro_status */
    char text[1024]; /* one line without a newline, UTF-8, zero-terminated */
};

/* ---- element types --------------------------------------------------------------------- */

/*
 *   id            text          bits in a file and in memory
 * 4-bit types take one byte an element in memory (value in the low bits, int4 sign-extended)
 * and half a byte in ONNX files. bool is one byte, 0 or 1. FP8 names follow ONNX:
 * FN = finite and NaN, UZ = no negative zero.
 */
#define TRO_DTYPES(X)              \
    X(F32, "f32", 32)              \
    X(F16, "f16", 16)              \
    X(BF16, "bf16", 16)            \
    X(F64, "f64", 64)              \
    X(F8E4M3FN, "f8e4m3fn", 8)     \
    X(F8E4M3FNUZ, "f8e4m3fnuz", 8) \
    X(F8E5M2, "f8e5m2", 8)         \
    X(F8E5M2FNUZ, "f8e5m2fnuz", 8) \
    X(F4E2M1, "f4e2m1", 4)         \
    X(I8, "i8", 8)                 \
    X(I16, "i16", 16)              \
    X(I32, "i32", 32)              \
    X(I64, "i64", 64)              \
    X(I4, "i4", 4)                 \
    X(U8, "u8", 8)                 \
    X(U16, "u16", 16)              \
    X(U32, "u32", 32)              \
    X(U64, "u64", 64)              \
    X(U4, "u4", 4)                 \
    X(BOOL, "bool", 8)

enum tro_dtype {
    TRO_DTYPE_NONE = 0,
#define TRO_DTYPE_ENUM(id, text, bits) TRO_##id,
    TRO_DTYPES(TRO_DTYPE_ENUM)
#undef TRO_DTYPE_ENUM
        TRO_N_DTYPES
};

/* "f32", "i8", ...; "none" for TRO_DTYPE_NONE and values outside the enum. */
TRO_API const char *tro_dtype_name(enum tro_dtype dtype);

/* The type of that name, TRO_DTYPE_NONE if there is none. */
TRO_API enum tro_dtype tro_dtype_from_name(const char *name);

/* Bytes one element takes in memory: 1, 2, 4 or 8; 0 for TRO_DTYPE_NONE. */
TRO_API size_t tro_dtype_size(enum tro_dtype dtype);

/* ---- tensors --------------------------------------------------------------------------- */

/*
 * A dense, row-major array: the last dimension varies fastest. Rank 0 is a scalar with one
 * element. The struct is a view: whoever made the data owns it, for as long as the function
 * that hands the view out says.
 */
struct tro_tensor {
    enum tro_dtype dtype;
    int rank;
    int64_t shape[TRO_MAX_RANK];
    void *data; /* aligned to the element size at least */
};

/* Product of the shape; 1 for a scalar. The tensor must be valid. */
TRO_API int64_t tro_tensor_n_elems(const struct tro_tensor *t);

/* tro_tensor_n_elems times tro_dtype_size. */
TRO_API size_t tro_tensor_n_bytes(const struct tro_tensor *t);

/* ---- inputs and outputs ---------------------------------------------------------------- */

/* What a network takes or gives. shape[i] is -1 where the size is known only at run time;
 * dim_name[i] is then the symbol ("N", "height") or "". rank is -1 where it is unknown. */
struct tro_io_info {
    const char *name;
    enum tro_dtype dtype;
    int rank;
    int64_t shape[TRO_MAX_RANK];
    const char *dim_name[TRO_MAX_RANK];
};

/* ---- plans ----------------------------------------------------------------------------- */

/* A plan file (docs/plan-format.md), in memory and checked: an optimized network with its weights,
 * what was tuned for which chip, golden inputs with outputs. */
struct tro_plan;

/* Reads the file into own memory, checks hashes and every rule, and uses that copy. NULL with err
 * filled when the file cannot be read, is damaged, or is of a format this version does not know
 * (the message names it). */
TRO_API struct tro_plan *tro_plan_open(const char *path, struct tro_err *err);

/* The same from memory, which is copied; name stands in messages instead of a path. */
TRO_API struct tro_plan *tro_plan_open_memory(const void *bytes, size_t n_bytes, const char *name,
                                              struct tro_err *err);

/* Sessions of a plan must end before it. */
TRO_API void tro_plan_close(struct tro_plan *p);

/* ---- sessions -------------------------------------------------------------------------- */

struct tro_session;

/* Scratch memory that several sessions take turns in: it grows to what the largest needs, when
 * sessions are created. Sessions that share it must not run at the same time. */
struct tro_scratch;
TRO_API struct tro_scratch *tro_scratch_create(struct tro_err *err);
/* After the last session that uses it. */
TRO_API void tro_scratch_destroy(struct tro_scratch *p);

struct tro_session_opts {
    const char *device; /* NULL or "cpu"; "cuda" or "cuda:1", an NVIDIA GPU; "ref": the reference
                              kernels */
    int n_threads;      /* 0: TROCAR_THREADS, else the processors this process may use */
    int blocks;         /* 1: threads sleep between steps; 0: they spin while a run lasts, which
                              is faster where the processors are theirs alone */
    struct tro_scratch *scratch; /* NULL: scratch memory of its own */
    int priority; /* of a session on a GPU among others there: 0, or less for more urgent ones (down
                     to -5 on an H200); beyond what the device has is the most it has */
    const char *cpu; /* NULL: all the processor has; else a level to stay below: "generic",
                              "avx2", "avx512" ... */
};

/* Prepares everything for the sizes that are known: for a plan without free sizes these are all,
 * for profiles the least, the optimal and the greatest, and the buckets. After that a run neither
 * allocates nor locks nor calls the system for memory, unless tro_session_is_growing says so. Other
 * sizes of a profile are prepared when a run first meets them, which allocates. The plan must
 * outlive the session. opts may be NULL. */
TRO_API struct tro_session *tro_session_create(struct tro_plan *p,
                                               const struct tro_session_opts *opts,
                                               struct tro_err *err);

/* Ends a session; NULL is fine. Outputs it handed out are gone with it. */
TRO_API void tro_session_destroy(struct tro_session *s);

TRO_API int tro_session_n_inputs(const struct tro_session *s);
TRO_API int tro_session_n_outputs(const struct tro_session *s);

/* 0 <= i < n; the strings live as long as the session. */
TRO_API struct tro_io_info tro_session_input_info(const struct tro_session *s, int i);
TRO_API struct tro_io_info tro_session_output_info(const struct tro_session *s, int i);

/* Memory of the host that a GPU reads by itself: inputs bound from it are not copied before they
 * are sent. Several of them in turn let a frame arrive while the one before is worked on. NULL with
 * the reason in err. */
struct tro_pinned;
TRO_API struct tro_pinned *tro_pinned_create(const char *device, size_t n_bytes,
                                             struct tro_err *err);
/* The same of memory that is there already, pages of a mapping as a whole, writable or not; it
 * stays the caller's and must outlive this. */
TRO_API struct tro_pinned *tro_pinned_register(const char *device, const void *data, size_t n_bytes,
                                               struct tro_err *err);
TRO_API void *tro_pinned_data(const struct tro_pinned *p);
TRO_API void tro_pinned_destroy(struct tro_pinned *p);

/* Binds the caller's memory to an input, read at each run: of the host, pinned, or of the session's
 * GPU. It must stay valid until the next bind of that input or the session's end. The element type
 * must be equal and the shape must fit the input's; TRO_E_INPUT otherwise, and the former binding
 * stays. */
TRO_API int tro_session_bind(struct tro_session *s, const char *input, const struct tro_tensor *t,
                             struct tro_err *err);

/* Runs the network once on what is bound. All inputs must be bound. */
TRO_API int tro_session_run(struct tro_session *s, struct tro_err *err);

/* The output of the last successful run, by index in the model's order. The data belongs to the
 * session and is valid until its next run or its end. */
TRO_API int tro_session_output(const struct tro_session *s, int i, struct tro_tensor *out,
                               struct tro_err *err);

/* The same as run in two halves: start returns at once, wait ends when the run has. Between them
 * only cancel may be called, from any thread; the run then ends after the step at hand and wait
 * returns TRO_E_CANCELLED. */
TRO_API int tro_session_start(struct tro_session *s, struct tro_err *err);
TRO_API int tro_session_wait(struct tro_session *s, struct tro_err *err);
TRO_API void tro_session_cancel(struct tro_session *s);

/* States (outputs that the builder was told to feed back into inputs) begin as zeros. Neither their
 * input nor their output needs to be bound or copied; reset makes them zeros again. */
TRO_API int tro_session_reset_states(struct tro_session *s, struct tro_err *err);

/* 1: runs may allocate memory, since the network has sizes that only its data tell, or operators
 * that only the reference kernels have; never admitted to a deadline. */
TRO_API int tro_session_is_growing(const struct tro_session *s);

/* Bytes of each kind that the session holds now. */
struct tro_session_memory {
    size_t scratch; /* shared where sessions share it */
    size_t live;    /* the least any plan of scratch memory needs for the greatest sizes */
    size_t weights; /* of the plan, shared by its sessions: the network's own form */
    size_t packed;  /* likewise, in the form of kernels */
    size_t outputs; /* outputs and states */
    size_t threads; /* scratch of threads */
};
TRO_API void tro_session_memory(const struct tro_session *s, struct tro_session_memory *out);

/* ---- self-test ----------------------------------------------------------------------------- */

struct tro_verify_report {
    int n_samples;      /* golden samples of the plan; with 0 nothing was shown */
    int n_outputs;      /* compared, in all samples */
    int n_different;    /* of them */
    double worst;       /* greatest error over what is allowed: above 1 is different */
    double worst_error; /* the same error: over the output's greatest value for floating point, in
                             quanta for integers; infinity where type, shape or a NaN differs */
    int worst_sample;   /* where */
    char worst_output[256];
    int n_chosen; /* outputs whose detections or peaks are others at a narrow precision, in all
                     samples: judged by their number and scores, places and classes not at all */
};

/* Runs the golden samples of a plan on a session made for it and compares: floating point within
 * 1e-4 of the output's greatest value (2e-3 for f16, 1.6e-2 for bf16, 0.13 for FP8 and FP4), 4-,
 * 8- and 16-bit integers within one, all else equal. A plan of a narrow precision on a GPU has more
 * room: 5e-3 for tf32, 2e-2 for fp16, 0.15 for bf16, and so large a part of the integers of an
 * output may be others. Where floats are quantized to 8 bits as a plan runs, all devices have room
 * for what rounds to the next quantum: 0.06. Scores that nearly tie change places there: where
 * detections or peaks of heat maps are others, their scores may be off by that room in the mean,
 * their number by a tenth and one, and what follows from them is free as long as it is finite.
 * Returns the number of outputs that differ. opts and report may be NULL. */
TRO_API int tro_plan_verify(struct tro_plan *p, const struct tro_session_opts *opts,
                            struct tro_verify_report *report, struct tro_err *err);

#ifdef __cplusplus
}
#endif
#endif
