/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of a profile, as SVG inside a page. */
#ifndef TRO_TOOLS_PROFILE_SVG_H
#define TRO_TOOLS_PROFILE_SVG_H

#include "profile.h"

/* "convolution"; "#3b76c4" */
const char *tro_profile_group_name(enum tro_profile_group group);
const char *tro_profile_group_colour(enum tro_profile_group group);

/* One run, the one nearest the median: each thread's parts over time. */
void tro_profile_svg_timeline(const struct tro_profile *p, struct tro_buf *out);
/* A bar for each step, as high as it takes long. */
void tro_profile_svg_steps(const struct tro_profile *p, struct tro_buf *out);
/* Operations a second over operations a byte, both logarithmic. */
void tro_profile_svg_roofline(const struct tro_profile *p, struct tro_buf *out);

#endif
