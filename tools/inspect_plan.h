/* SPDX-License-Identifier: Apache-2.0 */
/* trocar inspect PLAN */
#ifndef TRO_TOOLS_INSPECT_PLAN_H
#define TRO_TOOLS_INSPECT_PLAN_H

#include <trocar/trocar.h>

/* Prints what is in a plan; json_path and html_path may be NULL. */
int tro_inspect_plan(const char *path, const char *json_path, const char *html_path,
                     struct tro_err *err);

#endif
