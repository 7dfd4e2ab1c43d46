/* SPDX-License-Identifier: Apache-2.0 */
/* `detect` and `peaks`: the reference against another way to compute them, the kernels of the CPU
 * against the reference. */
#include "detect_kit.h"
#include "engine_kit.h"

/* ---- the reference -------------------------------------------------------------------------- */

struct scene {
    const struct tro_attrs_detect *a;
    int64_t n_anchors, n_classes;
    float *boxes, *scores;
    bool *is_gone; /* by anchor, then class */
};

static double overlap(const float *a, const float *b)
{
    const double w = fmin(a[2], b[2]) - fmax(a[0], b[0]), h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    const double area_a = ((double)a[2] - a[0]) * ((double)a[3] - a[1]);
    const double area_b = ((double)b[2] - b[0]) * ((double)b[3] - b[1]);
    return w > 0 && h > 0 ? w * h / (area_a + area_b - w * h) : 0;
}

/* The best of those that are left: anchor * n_classes + class, or -1. */
static int64_t best_of(const struct scene *s)
{
    int64_t best = -1;
    for (int64_t k = 0; k < s->n_classes; k++)
        for (int64_t i = 0; i < s->n_anchors; i++) {
            const int64_t at = i * s->n_classes + k;
            if (!s->is_gone[at] && s->scores[at] >= s->a->score_threshold &&
                (best < 0 || s->scores[at] > s->scores[best]))
                best = at;
        }
    return best;
}

static void take(struct scene *s, int64_t best)
{
    const float *const box = s->boxes + best / s->n_classes * 4;
    s->is_gone[best] = true;
    for (int64_t at = 0; at < s->n_anchors * s->n_classes; at++) {
        const bool is_same = at % s->n_classes == best % s->n_classes;
        if ((is_same || s->a->is_class_agnostic) &&
            overlap(box, s->boxes + at / s->n_classes * 4) >= s->a->iou_threshold)
            s->is_gone[at] = true;
    }
}

/* Corners and scores in eighths: overlaps of exactly a half, and ties. */
static struct scene scene_of(const struct tro_attrs_detect *a, uint64_t seed)
{
    struct scene s = {.a = a, .n_anchors = 40 + (int64_t)(seed % 30), .n_classes = 3};
    uint64_t state = seed;
    const size_t n = (size_t)(s.n_anchors * s.n_classes);
    s.boxes = malloc((size_t)s.n_anchors * 4 * sizeof *s.boxes);
    s.scores = malloc(n * sizeof *s.scores);
    s.is_gone = calloc(n, sizeof *s.is_gone);
    for (int64_t i = 0; i < s.n_anchors; i++)
        for (int64_t k = 0; k < 2; k++) {
            const float at = (float)floor(engine_kit_noise(&state) * 4);
            s.boxes[i * 4 + k] = at / 8;
            s.boxes[i * 4 + k + 2] = (at + (float)floor(engine_kit_noise(&state) * 4 + 5)) / 8;
        }
    for (size_t i = 0; i < n; i++)
        s.scores[i] = (float)floor(engine_kit_noise(&state) * 8) / 8;
    s.scores[seed % n] = NAN;
    return s;
}

static void check_scene(const struct tro_attrs_detect *a, uint64_t seed)
{
    struct scene s = scene_of(a, seed);
    const struct tro_tensor in[2] = {
        {.dtype = TRO_F32, .rank = 3, .shape = {1, s.n_anchors, 4}, .data = s.boxes},
        {.dtype = TRO_F32, .rank = 3, .shape = {1, s.n_anchors, s.n_classes}, .data = s.scores}};
    struct tro_tensor out[5] = {0};
    struct tro_err err = {0};
    int64_t n = 0;
    if (tro_ref_eval(TRO_OP_DETECT, a, 2, in, 5, out, NULL, NULL, &err) < 0) {
        test_check(false, __FILE__, __LINE__, "%s", err.text);
        return;
    }
    for (int64_t i = 0; i < a->max_output; i++) {
        const int64_t best = best_of(&s);
        const float *const row = (float *)out[1].data + 4 * i;
        const int64_t anchor = best < 0 ? -1 : best / s.n_classes;
        CHECK(((int32_t *)out[4].data)[i] == anchor);
        CHECK(((int32_t *)out[3].data)[i] == (best < 0 ? -1 : best % s.n_classes));
        CHECK(((float *)out[2].data)[i] == (best < 0 ? 0 : s.scores[best]));
        for (int64_t k = 0; k < 4; k++)
            CHECK(row[k] == (best < 0 ? 0 : s.boxes[anchor * 4 + k]));
        if (best >= 0)
            take(&s, best);
        n += best >= 0;
    }
    CHECK(*(int32_t *)out[0].data == n);
    for (int i = 0; i < 5; i++)
        tro_free(out[i].data);
    free(s.boxes);
    free(s.scores);
    free(s.is_gone);
}

TEST(reference_against_search)
{
    for (uint64_t seed = 1; seed < 60; seed++)
        for (int is_agnostic = 0; is_agnostic < 2; is_agnostic++) {
            check_scene(&(struct tro_attrs_detect){.score_threshold = 0.125,
                                                   .iou_threshold = 0.5,
                                                   .max_output = 30,
                                                   .is_class_agnostic = is_agnostic},
                        seed);
            check_scene(&(struct tro_attrs_detect){.score_threshold = -9,
                                                   .iou_threshold = 0.25,
                                                   .max_output = 7,
                                                   .is_class_agnostic = is_agnostic},
                        seed);
        }
}

/* ---- engines -------------------------------------------------------------------------------- */

static void check_on(const char *kernel, const char *graph)
{
    test_check(engine_check(graph, 0), __FILE__, __LINE__, "%s", graph);
    test_check(strstr(engine_kernels(), kernel) && !strstr(engine_kernels(), "reference"), __FILE__,
               __LINE__, "%s ran on %s", graph, engine_kernels());
}

TEST(detect_on_cpu)
{
    for (size_t i = 0; i < N_OF(detect_graphs); i++)
        check_on("detect", detect_graphs[i]);
}

TEST(peaks_on_cpu)
{
    for (size_t i = 0; i < N_OF(peak_graphs); i++)
        check_on("peaks", peak_graphs[i]);
}

/* What no kernel is asked for. */
TEST(nothing_to_look_at)
{
    ENGINE(0, ONE_BOX(1, 0, 3) AS_IS DETECT("max_output = 2"));
    ENGINE(0, ONE_BOX(0, 4, 3) AS_IS DETECT("max_output = 2"));
    ENGINE(0, MAPS(1, 0, 3, 2) PEAKS("n_peaks = 2"));
}
