/* SPDX-License-Identifier: Apache-2.0 */
/* What golden samples of detections prove at FP16: places and classes may be others, their number
 * and scores may not, and nothing may be NaN. */
#include "builder_kit.h"

#include "base/alloc.h"
#include "cuda_kit.h"
#include "record/record.h"

enum { COUNT, BOXES, SCORES };

static struct tro_plan *build(void)
{
    struct tro_record_output output = {
        .name = "y",
        .decode = TRO_RECORD_BOXES,
        .space = TRO_RECORD_SPACE_NETWORK,
        .detect = {.boxes = tro_box_code_center, .max_output = 20, .iou_threshold = 0.45}};
    const struct tro_record r = {.text = "{}", .outputs = &output, .n_outputs = 1};
    struct tro_err err = {0};
    struct tro_model *const m = kit_model("in x f32[1,6,40]; y = Neg(x); out y");
    struct tro_builder *b = NULL;
    struct tro_plan *p = NULL;
    if (tro_record_apply(&r, m, &err) == 0)
        b = tro_builder_create(m, &err);
    if (b)
        p = tro_builder_plan(b, &(struct tro_build_opts){.device = "cuda", .precision = "fp16"},
                             &err);
    test_check(p != NULL, __FILE__, __LINE__, "%s", err.text);
    tro_builder_destroy(b);
    tro_model_close(m);
    return p;
}

/* The report of the plan with the first element of a golden output replaced. */
static struct tro_verify_report verify(const struct tro_plan *p, int output, const void *value)
{
    struct tro_err err = {0};
    struct tro_verify_report r = {0};
    struct tro_plan_parts parts = *tro_plan_contents(p);
    void *const data = parts.samples[0].out[output].data;
    struct tro_buf b;
    uint32_t before;
    memcpy(&before, data, sizeof before);
    memcpy(data, value, sizeof before);
    CHECK_INT(tro_plan_write(&parts, &b, &err), 0);
    memcpy(data, &before, sizeof before);
    struct tro_plan *const forged = tro_plan_open_owned(b.p, b.n, "forged", &err);
    const struct tro_session_opts opts = {.device = "cuda"};
    test_check(forged && tro_plan_verify(forged, &opts, &r, &err) == r.n_different, __FILE__,
               __LINE__, "%s", err.text);
    tro_plan_close(forged);
    return r;
}

TEST(detections_that_are_wrong_are_found_out)
{
    struct tro_plan *const p = cuda_kit_device() ? build() : NULL;
    if (!p)
        return;
    const struct tro_tensor *const want = tro_plan_contents(p)->samples[0].out;
    const float place = ((const float *)want[BOXES].data)[0];
    CHECK_INT(((const int32_t *)want[COUNT].data)[0], 20);
    const struct tro_verify_report right = verify(p, BOXES, &place);
    CHECK_INT(right.n_different, 0);

    const struct tro_verify_report moved = verify(p, BOXES, &(const float){place + 100});
    CHECK_INT(moved.n_different, 0);
    CHECK(moved.n_chosen > 0);
    CHECK_INT(verify(p, BOXES, &(const float){NAN}).n_different, 1);
    CHECK_INT(verify(p, SCORES, &(const float){50}).n_different, 1);
    CHECK_INT(verify(p, SCORES, &(const float){NAN}).n_different, 1);
    CHECK_INT(verify(p, COUNT, &(const int32_t){2}).n_different, 1);
    CHECK_INT(verify(p, COUNT, &(const int32_t){19}).n_different, 0);
    tro_plan_close(p);
}
