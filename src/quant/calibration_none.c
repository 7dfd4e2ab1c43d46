/* SPDX-License-Identifier: Apache-2.0 */
/* In place of calibration_read.c where jansson was not found. */
#include "quant/calibration.h"

#include "base/err.h"

int tro_calibration_parse(struct tro_calibration *c, struct tro_quant *q, const char *text,
                          size_t n, const char *name, struct tro_err *err)
{
    (void)c, (void)q, (void)text, (void)n;
    return tro_fail(
        err, TRO_E_DEVICE,
        "%s: reading a calibration needs jansson, which was not there when this program "
        "was built: install libjansson-dev and build again",
        name);
}

int tro_calibration_read(struct tro_calibration *c, struct tro_quant *q, const char *path,
                         struct tro_err *err)
{
    return tro_calibration_parse(c, q, "", 0, path, err);
}
