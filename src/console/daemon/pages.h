/* SPDX-License-Identifier: Apache-2.0 */
/* The files of web/, in the program (scripts/embed_web.py writes the table). */
#ifndef TRO_CONSOLE_DAEMON_PAGES_H
#define TRO_CONSOLE_DAEMON_PAGES_H

#include <stddef.h>

struct tro_page {
    const char *path; /* "/", "/dashboard", "/expert.js" */
    const char *type; /* of its content */
    const char *etag; /* with its quotes; of the bytes */
    const unsigned char *bytes;
    size_t n_bytes;
};

extern const struct tro_page tro_pages[];
extern const int tro_n_pages;

#endif
