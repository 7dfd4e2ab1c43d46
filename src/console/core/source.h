/* SPDX-License-Identifier: Apache-2.0 */
/* Where frames come from and where they are shown: kinds, as configurations name them. */
#ifndef TRO_CONSOLE_CORE_SOURCE_H
#define TRO_CONSOLE_CORE_SOURCE_H

/* clang-format off */
/* THE list of sources: id, name. */
#define TRO_SOURCES(X)                                                                   \
    X(FRAMES, "frames")  /* a folder of pictures, or a data set's (docs/dataset.md) */   \
    X(FILE, "file")      /* whatever GStreamer can decode */                             \
    X(RTSP, "rtsp")      /* URL */                                                       \
    X(V4L2, "v4l2")      /* device */                                                    \
    X(GST, "gst")        /* a pipeline that ends in raw video */

/* THE list of displays: id, name. */
#define TRO_DISPLAYS(X)                                                                  \
    X(WINDOW, "window")                                                                  \
    X(FILE, "file")      /* Matroska, H.264 */                                           \
    X(RTSP, "rtsp")      /* rtsp://HOST:PORT/NAME */                                     \
    X(NONE, "none")
/* clang-format on */

enum tro_source {
#define TRO_SOURCE_ENUM(id, name) TRO_SOURCE_##id,
    TRO_SOURCES(TRO_SOURCE_ENUM)
#undef TRO_SOURCE_ENUM
        TRO_N_SOURCES
};

enum tro_display {
#define TRO_DISPLAY_ENUM(id, name) TRO_DISPLAY_##id,
    TRO_DISPLAYS(TRO_DISPLAY_ENUM)
#undef TRO_DISPLAY_ENUM
        TRO_N_DISPLAYS
};

#define TRO_MAX_DISPLAYS 4

#endif
