/* SPDX-License-Identifier: Apache-2.0 */
/* In place of console*.c where jansson was not found. */
#include "console/daemon/console.h"

#include "base/err.h"

int tro_console_run(const struct tro_config *config, const struct tro_console_opts *opts,
                    struct tro_err *err)
{
    (void)config, (void)opts;
    return tro_fail(err, TRO_E_DEVICE,
                    "the console needs jansson, which was not there when this program was built: "
                    "install libjansson-dev and build again, or use --no-media");
}
