/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/view.h"

#include "sim/rand.h"

enum {
    MOVE_AIM_X,
    MOVE_AIM_Y,
    MOVE_ZOOM,
    MOVE_ROLL,
    MOVE_SIDE_X,
    MOVE_SIDE_Y,
    MOVE_SHAKE_X,
    MOVE_SHAKE_Y
};

void tro_optics_init(struct tro_optics *optics, uint64_t seed)
{
    struct tro_rand r = tro_rand_start(seed, TRO_STREAM_CAMERA);
    optics->port.x = tro_rand_range(&r, -14, 14);
    optics->port.y = tro_rand_range(&r, -4, 16);
    optics->port.z = tro_rand_range(&r, -8, 2);
    optics->half_diagonal_turns = tro_rand_range(&r, 0.094f, 0.113f);
    optics->distortion = tro_rand_range(&r, 0.05f, 0.2f);
    optics->circle = tro_rand_range(&r, 0.76f, 0.97f);
    optics->circle_x = tro_rand_range(&r, -0.03f, 0.03f);
    optics->circle_y = tro_rand_range(&r, -0.03f, 0.03f);
    optics->light_angle_turns = tro_rand_range(&r, 0, 1);
    optics->breath_mm = tro_rand_range(&r, 0.8f, 2.5f);
    optics->breath_hz = tro_rand_range(&r, 0.2f, 0.3f);
    optics->motion_key = tro_rand_at(r.key, r.counter);
}

static void pose_init(struct tro_view *view, const struct tro_optics *optics,
                      const struct tro_scene *scene, float stand_back, double seconds)
{
    const uint64_t key = optics->motion_key;
    const double slow = seconds * 0.25, shake = seconds * 1.5;
    const struct vec3 aim = v3_add(
        v3_mix(scene->focus, v3(0, 0, 90), 0.45f),
        v3(17 * tro_motion(key, MOVE_AIM_X, slow) + tro_motion(key, MOVE_SHAKE_X, shake),
           12 * tro_motion(key, MOVE_AIM_Y, slow) + tro_motion(key, MOVE_SHAKE_Y, shake), 0));
    const struct vec3 from = v3_add(optics->port, v3(7 * tro_motion(key, MOVE_SIDE_X, slow),
                                                     6 * tro_motion(key, MOVE_SIDE_Y, slow), 0));
    const float zoom = 4 + 16 * tro_motion(key, MOVE_ZOOM, seconds * 0.2) - stand_back;
    view->forward = v3_normalize(v3_sub(aim, from));
    view->eye = v3_along(from, view->forward, zoom);

    const float roll = 0.035f * tro_motion(key, MOVE_ROLL, slow);
    const float s = f_sin_turns(roll), c = f_cos_turns(roll);
    const struct vec3 level = v3_normalize(v3_cross(v3(0, 1, 0), view->forward));
    const struct vec3 above = v3_cross(view->forward, level);
    view->right = v3_along(v3_scale(level, c), above, s);
    view->up = v3_along(v3_scale(above, c), level, -s);
}

/* Tangent of the angle of one pixel. */
static float px_size_of(const struct tro_optics *optics, float half_diagonal_px)
{
    const float half = optics->half_diagonal_turns;
    return f_sin_turns(half) / f_cos_turns(half) / half_diagonal_px;
}

static float half_diagonal_of(float half_width_px, float half_height_px)
{
    return sqrtf(half_width_px * half_width_px + half_height_px * half_height_px);
}

float tro_optics_focal_length(const struct tro_optics *optics, int width, int height)
{
    const float half_diagonal_px = half_diagonal_of(0.5f * (float)width, 0.5f * (float)height);
    return 1 / (px_size_of(optics, half_diagonal_px) * (float)width);
}

void tro_view_init(struct tro_view *view, const struct tro_optics *optics,
                   const struct tro_scene *scene, int width, int height, float stand_back,
                   double seconds)
{
    *view = (struct tro_view){
        .half_width_px = 0.5f * (float)width,
        .half_height_px = 0.5f * (float)height,
        .distortion = optics->distortion,
    };
    pose_init(view, optics, scene, stand_back, seconds);
    const float w = view->half_width_px, h = view->half_height_px;
    const float half_diagonal_px = half_diagonal_of(w, h);
    view->px_size = px_size_of(optics, half_diagonal_px);
    view->circle_x_px = w + optics->circle_x * half_diagonal_px;
    view->circle_y_px = h + optics->circle_y * half_diagonal_px;
    view->circle_radius_px = optics->circle * half_diagonal_px;

    const float light_x = 4 * f_cos_turns(optics->light_angle_turns);
    const float light_y = 4 * f_sin_turns(optics->light_angle_turns);
    view->light = v3_along(v3_along(view->eye, view->right, light_x), view->up, light_y);
    const float breath = f_sin_turns(optics->breath_hz * (float)seconds);
    const float beat = tro_scene_beat_share(scene, seconds) - 0.5f;
    view->tissue_at = v3(0, optics->breath_mm * breath,
                         0.3f * optics->breath_mm * breath + 0.15f * beat);
}

struct vec3 tro_view_ray(const struct tro_view *view, float x_px, float y_px)
{
    const float u = (x_px - view->half_width_px) * view->px_size;
    const float v = (view->half_height_px - y_px) * view->px_size;
    const float stretch = 1 + view->distortion * (u * u + v * v);
    const struct vec3 d = v3_along(view->forward, view->right, u * stretch);
    return v3_normalize(v3_along(d, view->up, v * stretch));
}

bool tro_view_project(const struct tro_view *view, struct vec3 p, float *x_px, float *y_px)
{
    const struct vec3 d = v3_sub(p, view->eye);
    const float z = v3_dot(d, view->forward);
    *x_px = *y_px = 0;
    if (z < 0.1f)
        return false;
    const float a = v3_dot(d, view->right) / z, b = v3_dot(d, view->up) / z;
    const float stretched = sqrtf(a * a + b * b);
    float r = stretched; /* by Newton: r + distortion r^3 = stretched */
    for (int i = 0; i < 8; i++) {
        const float k = view->distortion * r * r;
        r -= (r + k * r - stretched) / (1 + 3 * k);
    }
    const float back = stretched > 0 ? r / stretched : 1;
    *x_px = view->half_width_px + a * back / view->px_size;
    *y_px = view->half_height_px - b * back / view->px_size;
    return true;
}

float tro_view_inside_px(const struct tro_view *view, float x_px, float y_px)
{
    const float x = x_px - view->circle_x_px, y = y_px - view->circle_y_px;
    return view->circle_radius_px - sqrtf(x * x + y * y);
}
