/* SPDX-License-Identifier: Apache-2.0 */
#include "record/view.h"

#include "base/err.h"

#include <string.h>

/* NULL: the input takes no frames. */
static const struct tro_node *find_camera(const struct tro_graph *g, tro_value_id input)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(g, b->nodes[i]);
        if (n->op == TRO_OP_CAMERA && tro_value_eq(n->in[0], input))
            return n;
    }
    return NULL;
}

/* The only one that takes frames, if there is just one. */
static bool find_frames(const struct tro_graph *g, tro_value_id *out)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    int n = 0;
    for (size_t i = 0; i < b->n_inputs; i++) {
        if (!find_camera(g, b->inputs[i]))
            continue;
        *out = b->inputs[i];
        n++;
    }
    return n == 1;
}

static int find_input(const struct tro_graph *g, const char *input, tro_value_id *out,
                      struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    if (!input && find_frames(g, out))
        return 0;
    if (!input && b->n_inputs != 1)
        return tro_fail(err, TRO_E_INPUT,
                        "expected the key input, since the network has %zu of them", b->n_inputs);
    for (size_t i = 0; i < b->n_inputs; i++) {
        *out = b->inputs[i];
        if (!input || strcmp(tro_value_get(g, *out)->name, input) == 0)
            return 0;
    }
    return tro_fail(err, TRO_E_INPUT, "input: expected the name of an input, found '%s'", input);
}

static void see_frame(const struct tro_graph *g, const struct tro_node *n,
                      enum tro_record_space space, struct tro_view *v)
{
    const struct tro_shape *const s = &tro_value_get(g, n->in[0])->shape;
    struct tro_tensor frame = {.dtype = TRO_U8, .rank = s->rank, .shape = {1}};
    struct tro_camera c;
    for (int i = 1; i < s->rank; i++)
        frame.shape[i] = tro_dim_value(s->dim[i]);
    tro_camera_init(n->attrs, &frame, &c);
    *v = (struct tro_view){(double)c.out_width, (double)c.out_height, 0, 0, 1, 1};
    if (space != TRO_RECORD_SPACE_FRAME)
        return;
    v->left = (double)c.left;
    v->top = (double)c.top;
    v->by_x = (double)c.width / (double)c.fit_width;
    v->by_y = (double)c.height / (double)c.fit_height;
}

int tro_view_of(const struct tro_graph *g, const char *input, enum tro_record_space space,
                struct tro_view *out, struct tro_err *err)
{
    tro_value_id v;
    TRO_TRY(find_input(g, input, &v, err));
    const struct tro_node *const camera = find_camera(g, v);
    if (camera) {
        see_frame(g, camera, space, out);
        return 0;
    }
    const struct tro_shape *const s = &tro_value_get(g, v)->shape;
    const int64_t last = s->rank == 4 ? tro_dim_value_or_minus1(s->dim[3]) : -1;
    const bool is_nhwc = s->rank == 4 && (last == 1 || last == 3);
    const int64_t width = is_nhwc ? tro_dim_value_or_minus1(s->dim[2]) : last;
    const int64_t height = s->rank == 4 ? tro_dim_value_or_minus1(s->dim[is_nhwc ? 1 : 2]) : -1;
    if (space == TRO_RECORD_SPACE_FRAME)
        return tro_fail(err, TRO_E_INPUT,
                        "space: expected frame where the record speaks of the input alone: add it "
                        "to inputs");
    if (width < 1 || height < 1)
        return tro_fail(err, TRO_E_INPUT,
                        "expected an input of pictures of fixed height and width");
    *out = (struct tro_view){(double)width, (double)height, 0, 0, 1, 1};
    return 0;
}
