/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUDA MPS, with which several processes compute on a GPU at once: without it they take turns, and
 * a launch waits for the other's slice (1.7 ms were measured instead of 12 us).
 */
#ifndef TRO_CONSOLE_CORE_MPS_H
#define TRO_CONSOLE_CORE_MPS_H

#include <stdbool.h>
#include <stddef.h>

/* Does an MPS control daemon answer where a program that uses CUDA would look for it, in the folder
 * CUDA_MPS_PIPE_DIRECTORY or /tmp/nvidia-mps? why: "", or what there is instead. */
bool tro_mps_answers(char *why, size_t n_why);

#endif
