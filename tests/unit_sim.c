/* SPDX-License-Identifier: Apache-2.0 */
/* The endoscopy simulator: the same bytes again, labels that a plain ray march confirms, pictures
 * that show what the labels say. */
#include "base/alloc.h"
#include "base/hash.h"
#include "base/thread.h"
#include "sim/endoscopy.h"
#include "sim/theatre.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#define WIDTH 96
#define HEIGHT 72
#define N_PX (WIDTH * HEIGHT)

struct picture {
    uint8_t rgb[N_PX * 3], label[N_PX];
};

static struct tro_endoscopy *open_procedure(uint64_t seed)
{
    struct tro_err err = {0};
    struct tro_endoscopy *e = tro_endoscopy_create(
        &(struct tro_endoscopy_opts){.seed = seed, .width = WIDTH, .height = HEIGHT, .fps = 25},
        &err);
    if (!CHECK(e != NULL))
        printf("%s\n", err.text);
    return e;
}

static bool draw(struct tro_endoscopy *e, int64_t index, struct picture *p)
{
    struct tro_err err = {0};
    return CHECK(
        tro_endoscopy_render(
            e, index, &(struct tro_endoscopy_frame){.rgb = p->rgb, .label = p->label}, &err) == 0);
}

static bool same(const struct picture *a, const struct picture *b)
{
    return memcmp(a->rgb, b->rgb, sizeof(a->rgb)) == 0 &&
           memcmp(a->label, b->label, sizeof(a->label)) == 0;
}

static double share_of_label_changes(const struct picture *a, const struct picture *b)
{
    int n = 0;
    for (int i = 0; i < N_PX; i++)
        n += a->label[i] != b->label[i];
    return (double)n / N_PX;
}

TEST(sim_same_seed_same_bytes)
{
    static struct picture first, again, other_threads;
    struct tro_endoscopy *a = open_procedure(5), *b = open_procedure(5);
    CHECK_OR_RETURN(a && b);
    draw(a, 31, &first);
    tro_threads_set(1);
    for (int i = 0; i < 3; i++)
        draw(b, i, &again);
    draw(b, 31, &again);
    tro_threads_set(5);
    draw(b, 31, &other_threads);
    tro_threads_set(0);
    CHECK(same(&first, &again));
    CHECK(same(&first, &other_threads));
    tro_endoscopy_destroy(a);
    tro_endoscopy_destroy(b);
}

/* The demo network is trained on these pictures: a change to them must be meant. */
TEST(sim_pictures_as_recorded)
{
    static struct picture p;
    struct tro_endoscopy *e = open_procedure(2024);
    CHECK_OR_RETURN(e);
    draw(e, 250, &p);
    const uint64_t rgb = tro_hash64(p.rgb, sizeof(p.rgb), 0);
    const uint64_t label = tro_hash64(p.label, sizeof(p.label), 0);
    test_check(rgb == UINT64_C(0x795e4a8c80737302) && label == UINT64_C(0x0bc88256199f9f4e),
               __FILE__, __LINE__, "hash of the picture 0x%016llx, of the labels 0x%016llx",
               (unsigned long long)rgb, (unsigned long long)label);
    tro_endoscopy_destroy(e);
}

TEST(sim_frames_and_seeds_differ)
{
    static struct picture a, b, c;
    struct tro_endoscopy *e = open_procedure(1), *f = open_procedure(2);
    CHECK_OR_RETURN(e && f);
    draw(e, 0, &a);
    draw(e, 1, &b);
    draw(f, 0, &c);
    CHECK(!same(&a, &b));
    CHECK(share_of_label_changes(&a, &c) > 0.1);
    tro_endoscopy_destroy(e);
    tro_endoscopy_destroy(f);
}

/* Between two frames little moves, in ten seconds much. */
TEST(sim_motion_is_smooth)
{
    static struct picture last, now, first;
    struct tro_endoscopy *e = open_procedure(8);
    CHECK_OR_RETURN(e);
    draw(e, 0, &first);
    last = first;
    for (int i = 1; i <= 25; i++) {
        draw(e, i, &now);
        const double changed = share_of_label_changes(&last, &now);
        test_check(changed < 0.04, __FILE__, __LINE__, "frame %d: %.3f of the labels changed", i,
                   changed);
        last = now;
    }
    draw(e, 250, &now);
    CHECK(share_of_label_changes(&first, &now) > 0.05);
    tro_endoscopy_destroy(e);
}

TEST(sim_every_class_appears)
{
    static struct picture p;
    for (uint64_t seed = 20; seed < 22; seed++) {
        struct tro_endoscopy *e = open_procedure(seed);
        CHECK_OR_RETURN(e);
        int64_t n[256] = {0};
        for (int i = 0; i < 24; i++) {
            draw(e, 40 * i, &p);
            for (int k = 0; k < N_PX; k++)
                n[p.label[k]]++;
        }
        for (int k = 0; k < 256; k++)
            test_check((n[k] > 24 * N_PX / 1000) == (k < TRO_N_ENDOSCOPY_CLASSES), __FILE__,
                       __LINE__, "seed %d: label %d has %lld pixels", (int)seed, k,
                       (long long)n[k]);
        tro_endoscopy_destroy(e);
    }
}

/* ---- labels against a march of small steps through the whole scene ----------------------- */

struct truth {
    struct tro_theatre theatre;
    struct tro_stage stage;
};

static bool truth_init(struct truth *t, uint64_t seed, double seconds)
{
    struct tro_err err = {0};
    struct tro_moment moment;
    if (!CHECK_INT(tro_theatre_create(&t->theatre, seed, &err), 0))
        return false;
    tro_theatre_stage(&t->theatre, WIDTH, HEIGHT, seconds, &(struct tro_disturbances){0}, &t->stage,
                      &moment);
    return true;
}

static uint8_t true_label(const struct truth *t, struct vec3 dir)
{
    for (float at = 1; at < 260;) {
        const struct vec3 p = v3_along(t->stage.view.eye, dir, at);
        const struct tro_scene *const scene = t->stage.scene;
        const struct tro_scene_hit hit = tro_scene_at(scene, &scene->outside.parts,
                                                      tro_stage_rest(&t->stage, p));
        float d = hit.distance;
        uint8_t label = scene->organs[hit.organ].label;
        for (int i = 0; i < TRO_N_INSTRUMENTS; i++) {
            enum tro_instrument_part part;
            const struct vec3 local = tro_instrument_local(&t->stage.instruments[i], p);
            const float tool = tro_instrument_distance(&t->stage.instruments[i], local, &part);
            if (tool < d) {
                d = tool;
                label = (uint8_t)(TRO_ENDOSCOPY_SHAFT + (int)part);
            }
        }
        if (d < 0.03f)
            return label;
        at += 0.3f * d;
    }
    return TRO_ENDOSCOPY_OUTSIDE;
}

TEST(sim_labels_are_what_rays_meet)
{
    static struct picture p;
    int n_instrument = 0;
    for (uint64_t seed = 40; seed < 42; seed++) {
        struct truth t = {0};
        struct tro_endoscopy *e = open_procedure(seed);
        CHECK_OR_RETURN(e && truth_init(&t, seed, 4));
        draw(e, 100, &p);
        int n = 0, n_wrong = 0;
        for (int i = (int)seed % 5; i < N_PX; i += 5) {
            const float x = (float)(i % WIDTH) + 0.5f, y = (float)(i / WIDTH) + 0.5f;
            const bool is_inside = tro_view_inside_px(&t.stage.view, x, y) > 0;
            const uint8_t want = is_inside ? true_label(&t, tro_view_ray(&t.stage.view, x, y))
                                           : (uint8_t)TRO_ENDOSCOPY_OUTSIDE;
            n++;
            n_wrong += p.label[i] != want;
            n_instrument += want >= TRO_ENDOSCOPY_SHAFT;
        }
        test_check(n_wrong * 100 <= n, __FILE__, __LINE__, "seed %d: %d of %d labels differ",
                   (int)seed, n_wrong, n);
        tro_endoscopy_destroy(e);
        tro_theatre_destroy(&t.theatre);
    }
    CHECK(n_instrument > 100);
}

/* The same scene whatever the number of pixels. */
TEST(sim_size_changes_only_the_grain)
{
    static uint8_t rgb[4 * N_PX * 3], label[4 * N_PX];
    static struct picture p;
    struct tro_err err = {0};
    struct tro_endoscopy *e = open_procedure(60);
    struct tro_endoscopy *f = tro_endoscopy_create(
        &(struct tro_endoscopy_opts){
            .seed = 60, .width = 2 * WIDTH, .height = 2 * HEIGHT, .fps = 25},
        &err);
    CHECK_OR_RETURN(e && f);
    draw(e, 75, &p);
    CHECK_INT(tro_endoscopy_render(f, 75, &(struct tro_endoscopy_frame){.rgb = rgb, .label = label},
                                   &err),
              0);
    int n_same = 0;
    for (int i = 0; i < N_PX; i++) {
        const uint8_t *large = label + 2 * (i / WIDTH) * (2 * WIDTH) + 2 * (i % WIDTH);
        n_same += large[0] == p.label[i] || large[2 * WIDTH + 1] == p.label[i];
    }
    CHECK(n_same > N_PX * 0.985);
    tro_endoscopy_destroy(e);
    tro_endoscopy_destroy(f);
}

/* ---- colours ------------------------------------------------------------------------------ */

struct color_sum {
    double red, green, blue, n;
};

/* Mean colours of the classes over several procedures. */
static void mean_colors(struct color_sum sums[TRO_N_ENDOSCOPY_CLASSES])
{
    static struct picture p;
    for (uint64_t seed = 70; seed < 72; seed++) {
        struct tro_endoscopy *e = open_procedure(seed);
        for (int i = 0; e && i < 6; i++) {
            draw(e, 60 * i, &p);
            for (int k = 0; k < N_PX; k++) {
                struct color_sum *s = &sums[p.label[k]];
                s->red += p.rgb[3 * k];
                s->green += p.rgb[3 * k + 1];
                s->blue += p.rgb[3 * k + 2];
                s->n++;
            }
        }
        tro_endoscopy_destroy(e);
    }
    for (int i = 0; i < TRO_N_ENDOSCOPY_CLASSES; i++) {
        sums[i].red /= sums[i].n;
        sums[i].green /= sums[i].n;
        sums[i].blue /= sums[i].n;
    }
}

TEST(sim_picture_shows_what_labels_say)
{
    struct color_sum c[TRO_N_ENDOSCOPY_CLASSES] = {{0}};
    mean_colors(c);
    const struct color_sum outside = c[TRO_ENDOSCOPY_OUTSIDE], liver = c[TRO_ENDOSCOPY_LIVER];
    const struct color_sum fat = c[TRO_ENDOSCOPY_FAT], gallbladder = c[TRO_ENDOSCOPY_GALLBLADDER];
    CHECK(outside.red < 30 && outside.green < 30 && outside.blue < 30);
    CHECK(liver.red > 1.7 * liver.green && liver.red > 1.7 * liver.blue);
    CHECK(fat.red > fat.green && fat.green > 1.5 * fat.blue);
    CHECK(gallbladder.green > 0.8 * gallbladder.red);
    for (int i = TRO_ENDOSCOPY_SHAFT; i <= TRO_ENDOSCOPY_TIP; i++) {
        CHECK(c[i].green > 0.8 * c[i].red && c[i].blue > 0.8 * c[i].red);
        CHECK(c[i].green < 1.2 * c[i].red && c[i].blue < 1.2 * c[i].red);
    }
}

/* ---- contract ----------------------------------------------------------------------------- */

TEST(sim_class_names)
{
    for (int i = 0; i < TRO_N_ENDOSCOPY_CLASSES; i++) {
        const char *name = tro_endoscopy_classes[i].name;
        CHECK(name[0] && !strpbrk(name, " ,\t"));
        for (int k = 0; k < i; k++) {
            CHECK(strcmp(name, tro_endoscopy_classes[k].name) != 0);
            CHECK(memcmp(tro_endoscopy_classes[i].rgb, tro_endoscopy_classes[k].rgb, 3) != 0);
        }
    }
}

TEST(sim_bad_options)
{
    const struct tro_endoscopy_opts bad[] = {
        {.width = 15, .height = 64},
        {.width = 64, .height = 4097},
        {.width = -1, .height = 64},
        {.width = 64, .height = 64, .fps = -1},
        {.width = 64, .height = 64, .fps = NAN},
        {.width = 64, .height = 64, .fps = 1001},
        {.width = 64, .height = 64, .fps = 0.5},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct tro_err err = {0};
        CHECK(tro_endoscopy_create(&bad[i], &err) == NULL);
        CHECK_INT(err.status, TRO_E_INPUT);
        CHECK_HAS(err.text, "found");
    }
    static struct picture p;
    const struct tro_endoscopy_frame out = {.rgb = p.rgb, .label = p.label};
    struct tro_err err = {0};
    struct tro_endoscopy *e = open_procedure(1);
    CHECK_OR_RETURN(e);
    CHECK_INT(tro_endoscopy_render(e, -1, &out, &err), TRO_E_INPUT);
    CHECK_INT(tro_endoscopy_render(e, 1000001, &out, &err), TRO_E_INPUT);
    CHECK_INT(tro_endoscopy_render(e, 1000000, &out, &err), 0);
    tro_endoscopy_destroy(e);
    tro_endoscopy_destroy(NULL);
}

TEST(sim_memory_runs_out)
{
    const struct tro_endoscopy_opts opts = {.seed = 1, .width = 32, .height = 32};
    int n_failed = 0;
    for (int64_t n = 0; n < 20; n++) {
        struct tro_err err = {0};
        tro_alloc_fail_after(n);
        struct tro_endoscopy *e = tro_endoscopy_create(&opts, &err);
        tro_alloc_fail_after(-1);
        if (e) {
            tro_endoscopy_destroy(e);
            break;
        }
        CHECK_INT(err.status, TRO_E_NOMEM);
        n_failed++;
    }
    CHECK(n_failed >= 3 && n_failed < 20);
}
