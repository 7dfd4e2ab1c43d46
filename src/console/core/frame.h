/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of a camera as the console passes them on: bytes in one block, rows without gaps.
 *
 *   nv12   height * 3 / 2 rows of width bytes: Y, then Cb, Cr by turns; width and height even
 *   yuyv   height rows of width * 2 bytes: Y Cb Y Cr; width even
 *   rgb8   height rows of width * 3 bytes
 *
 * Times are of the monotonic clock (tro_clock_ns), in nanoseconds. Ids count from 1 without gaps.
 */
#ifndef TRO_CONSOLE_CORE_FRAME_H
#define TRO_CONSOLE_CORE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* THE list of formats: id, name in configurations and records. */
#define TRO_FRAME_FORMATS(X) \
    X(NV12, "nv12")          \
    X(YUYV, "yuyv")          \
    X(RGB8, "rgb8")

enum tro_frame_format {
#define TRO_FRAME_ENUM(id, name) TRO_FRAME_##id,
    TRO_FRAME_FORMATS(TRO_FRAME_ENUM)
#undef TRO_FRAME_ENUM
        TRO_N_FRAME_FORMATS
};

#define TRO_FRAME_MAX_SIDE 8192

struct tro_frame_form {
    enum tro_frame_format format;
    int width, height;  /* pixels */
    bool is_bt601;      /* else BT.709; of nv12 and yuyv */
    bool is_full_range; /* else limited; likewise */
};

struct tro_frame {
    uint64_t id; /* 0: none */
    int64_t captured_ns;
    struct tro_frame_form form;
    const uint8_t *bytes; /* tro_frame_n_bytes of them */
};

const char *tro_frame_format_name(enum tro_frame_format format);

/* 0 where a side is out of range or odd and must not be. */
size_t tro_frame_n_bytes(const struct tro_frame_form *form);

#endif
