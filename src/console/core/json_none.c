/* SPDX-License-Identifier: Apache-2.0 */
/* In place of the readers of JSON where jansson was not found. */
#include "console/core/raw_form.h"

#include "base/err.h"

int tro_raw_form_check(const char *path, const struct tro_frame_form *form, struct tro_err *err)
{
    (void)form;
    return tro_fail(err, TRO_E_DEVICE,
                    "%s: reading JSON needs jansson, which was not there when this program was "
                    "built: install libjansson-dev and build again",
                    path);
}
