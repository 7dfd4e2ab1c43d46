/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/build: the devices that a plan is built for, and its kernels for them. */
#ifndef TRO_BUILD_TARGET_H
#define TRO_BUILD_TARGET_H

#include <trocar/build.h>

#include "cuda/code.h"
#include "plan/plan.h"

#define TRO_BUILD_MAX_TARGETS 16

struct tro_build_targets {
    bool has_cpu;
    struct tro_plan_target gpu[TRO_BUILD_MAX_TARGETS]; /* by architecture */
    size_t n_gpu;
    char here[16]; /* "cuda:1": the first GPU of this machine that was named, which can be tuned
                      for; "" for none */
};

/* "cpu,sm_80,cuda:1"; NULL is "cpu". */
int tro_build_targets_parse(const char *devices, struct tro_build_targets *out,
                            struct tro_err *err);

/* Kernels for all targets and all sizes of the plan: machine code for each, and PTX for the lowest,
 * so that chips which come later run it too. Parts of the plan that follow from them are filled:
 * they view codes. */
struct tro_build_code {
    struct tro_cuda_codes codes;
    struct tro_plan_code *plan;
};
void tro_build_code_finish(struct tro_build_code *c);
/* Could it be made here? */
int tro_build_code_check(const struct tro_build_targets *targets, struct tro_err *err);
int tro_build_code_make(const struct tro_build_opts *o, const struct tro_build_targets *targets,
                        struct tro_plan_parts *parts, struct tro_build_code *out,
                        struct tro_err *err);

#endif
