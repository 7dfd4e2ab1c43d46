/* SPDX-License-Identifier: Apache-2.0 */
#include <trocar/trocar.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *tro_version(void)
{
    return TEXT(TRO_VERSION_MAJOR) "." TEXT(TRO_VERSION_MINOR) "." TEXT(TRO_VERSION_PATCH);
}
