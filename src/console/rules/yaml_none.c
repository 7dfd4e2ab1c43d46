/* SPDX-License-Identifier: Apache-2.0 */
/* In place of yaml_parse.c where libyaml was not found. */
#include "console/rules/yaml.h"

int tro_yaml_parse(struct tro_yaml *y, const char *text, size_t n, const char *file,
                   struct tro_err *err)
{
    (void)text, (void)n;
    *y = (struct tro_yaml){.file = file, .err = err};
    return tro_fail(err, TRO_E_DEVICE,
                    "%s: reading YAML needs libyaml, which was not there when this program was "
                    "built: install libyaml-dev and build again",
                    file);
}
