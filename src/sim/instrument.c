/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/instrument.h"

#include <stddef.h>

#include "sim/rand.h"

#define SHAFT_LENGTH_MM 320.0f
#define CONTACT_MM 1.0f /* how close to tissue a tip comes */
#define N_BACK 16       /* steps back out of tissue */
#define DENT_RADIUS_MM 12.0f
#define PRESS_SHARE 0.4f /* of the way that tissue stands in: the rest is not gone */
#define MAX_PRESS_MM 3.0f

/* Channels of the motion of one instrument. */
enum { MOVE_X, MOVE_Y, MOVE_Z, MOVE_FINE_X, MOVE_FINE_Y, MOVE_ROLL };

void tro_instrument_init(struct tro_instrument *tool, enum tro_tool_kind kind, int index,
                         uint64_t seed)
{
    struct tro_rand r = tro_rand_start(seed, TRO_STREAM_INSTRUMENT + (uint64_t)index);
    const float side = index == 0 ? -1 : 1;
    tool->kind = kind;
    tool->port.x = side * tro_rand_range(&r, 52, 92);
    tool->port.y = tro_rand_range(&r, -52, 26);
    tool->port.z = tro_rand_range(&r, -15, 30);
    tool->radius = tro_rand_range(&r, 2.5f, 3.6f);
    tool->jaw_length = tro_rand_range(&r, 11, 17);
    tool->has_steel_shaft = tro_rand_below(&r, 5) < 2;
    tool->motion_key = tro_rand_at(r.key, r.counter);
}

/* Where its end is wanted while it is at work, before tissue stops it. */
static struct vec3 place_of_work(const struct tro_instrument *tool, const struct tro_task *task,
                                 double seconds)
{
    const uint64_t key = tool->motion_key;
    const double slow = seconds * 0.45, fine = seconds * 1.7;
    const struct vec3 sway = v3(
        tro_motion(key, MOVE_X, slow) + 0.12f * tro_motion(key, MOVE_FINE_X, fine),
        tro_motion(key, MOVE_Y, slow) + 0.12f * tro_motion(key, MOVE_FINE_Y, fine),
        tro_motion(key, MOVE_Z, slow));
    return v3_add(task->target, v3_mul(sway, task->sway));
}

struct vec3 tro_instrument_local_direction(const struct tro_instrument_pose *pose, struct vec3 d)
{
    return v3(v3_dot(d, pose->x), v3_dot(d, pose->y), v3_dot(d, pose->z));
}

struct vec3 tro_instrument_local(const struct tro_instrument_pose *pose, struct vec3 p)
{
    return tro_instrument_local_direction(pose, v3_sub(p, pose->origin));
}

/* A box with rounded edges round the origin. */
static float box_distance(struct vec3 p, struct vec3 half, float round)
{
    const struct vec3 q = v3(f_abs(p.x) - half.x + round, f_abs(p.y) - half.y + round,
                             f_abs(p.z) - half.z + round);
    const struct vec3 out = v3(f_max(q.x, 0), f_max(q.y, 0), f_max(q.z, 0));
    return v3_length(out) + f_min(f_max(q.x, f_max(q.y, q.z)), 0) - round;
}

static float rod_distance(struct vec3 p, float radius, float z_lo, float z_hi, float round)
{
    const float side = sqrtf(p.x * p.x + p.y * p.y) - radius + round;
    const float end = f_max(z_lo - p.z, p.z - z_hi) + round;
    const float a = f_max(side, 0), b = f_max(end, 0);
    return sqrtf(a * a + b * b) + f_min(f_max(side, end), 0) - round;
}

#define HINGE_SHARE 0.7f      /* of the clevis's length */
#define ELECTRODE_SHARE 0.27f /* of the shaft's radius */
#define HOOK_SHARE 0.34f      /* of the length up to the bend: how far its end stands off */

struct vec3 tro_instrument_wrist(const struct tro_instrument_pose *pose)
{
    const float share = pose->tool->kind == TRO_TOOL_HOOK ? 1 : HINGE_SHARE;
    return v3_along(pose->origin, pose->z, share * pose->clevis);
}

/* How far the jaw's end is bent to the side, in its length. */
static float jaw_bend(enum tro_tool_kind kind)
{
    return kind == TRO_TOOL_SCISSORS ? 0.16f : 0;
}

struct vec3 tro_instrument_tip(const struct tro_instrument_pose *pose)
{
    const float length = pose->tool->jaw_length;
    if (pose->tool->kind == TRO_TOOL_HOOK) {
        const float to_middle = length - ELECTRODE_SHARE * pose->tool->radius;
        const struct vec3 bend = v3_along(tro_instrument_wrist(pose), pose->z, to_middle);
        return v3_along(bend, pose->y, HOOK_SHARE * length);
    }
    const struct vec3 ahead = v3_along(tro_instrument_wrist(pose), pose->z,
                                       length * pose->cos_open);
    return v3_along(ahead, pose->x, length * jaw_bend(pose->tool->kind));
}

/* ---- placement ------------------------------------------------------------------------------ */

static float tissue_distance(const struct tro_scene *scene, const struct tro_warp *warp,
                             struct vec3 p)
{
    const struct vec3 rest = tro_warp_rest(warp, TRO_ALL_PULLS, p);
    return tro_scene_at(scene, &scene->outside.parts, rest).distance;
}

/* Draws the tip back along the axis until neither its end nor the clevis is in tissue. */
static struct vec3 keep_outside(const struct tro_scene *scene, const struct tro_warp *warp,
                                struct vec3 tip, struct vec3 axis, float jaw_length)
{
    for (int i = 0; i < N_BACK; i++) {
        const float at_end = tissue_distance(scene, warp, tip);
        const float at_hinge = tissue_distance(scene, warp, v3_along(tip, axis, -jaw_length));
        const float missing = CONTACT_MM - f_min(at_end, at_hinge - 3);
        if (missing <= 0)
            break;
        tip = v3_along(tip, axis, -1.3f * missing);
    }
    return tip;
}

/* Along the axis, rolled about it; the hook points down. */
static void turn(struct tro_instrument_pose *pose, struct vec3 axis, float roll)
{
    const struct vec3 across = v3_normalize(v3_cross(v3(0, 1, 0), axis));
    const struct vec3 up = v3_cross(axis, across);
    if (pose->tool->kind == TRO_TOOL_HOOK)
        roll += 0.5f;
    const float s = f_sin_turns(roll), c = f_cos_turns(roll);
    pose->x = v3_along(v3_scale(across, c), up, s);
    pose->y = v3_along(v3_scale(up, c), across, -s);
    pose->z = axis;
}

void tro_instrument_place(struct tro_instrument_pose *pose, const struct tro_instrument *tool,
                          const struct tro_task *task, const struct tro_scene *scene,
                          const struct tro_warp *warp, struct vec3 tissue_at, double seconds)
{
    const struct vec3 port = v3_sub(tool->port, tissue_at); /* as the tissue sees it */
    const struct vec3 work = place_of_work(tool, task, seconds);
    const struct vec3 wanted = v3_mix(work, port, task->away);
    const struct vec3 axis = v3_normalize(v3_sub(work, port));
    const struct vec3 stopped = keep_outside(scene, warp, wanted, axis, tool->jaw_length);
    const float press = f_min(PRESS_SHARE * v3_length(v3_sub(wanted, stopped)), MAX_PRESS_MM);
    const float open_turns = f_mix(0.005f, 0.085f, task->open);
    *pose = (struct tro_instrument_pose){
        .tool = tool,
        .clevis = 2.6f * tool->radius,
        .sin_open = f_sin_turns(open_turns),
        .cos_open = f_cos_turns(open_turns),
        .dent = {stopped, v3_scale(axis, press), DENT_RADIUS_MM},
    };
    turn(pose, axis, 0.3f * tro_motion(tool->motion_key, MOVE_ROLL, seconds * 0.3));
    const struct vec3 tip = v3_add(v3_along(stopped, axis, press), tissue_at);
    pose->origin = v3_sub(tip, tro_instrument_tip(pose));
}

/* ---- geometry ------------------------------------------------------------------------------- */

/* One jaw from its hinge at the origin along z, lying on the side y > 0. */
static float jaw_distance(const struct tro_instrument *tool, struct vec3 p)
{
    const float length = tool->jaw_length, r = tool->radius;
    const float t = f_clamp(p.z / length, 0, 1);
    const float bend = jaw_bend(tool->kind) * length * t * t;
    float width = 0.8f * r, thick = 0.42f * r;
    if (tool->kind == TRO_TOOL_GRASPER) {
        width *= 1 - 0.2f * t;
        thick *= 1 - 0.35f * t;
    } else {
        width *= 0.45f;
        thick *= 1.3f - 0.9f * t;
    }
    const struct vec3 q = v3(p.x - bend, p.y - thick, p.z - length * 0.5f);
    float d = box_distance(q, v3(width, thick, length * 0.5f), 0.35f * thick);
    if (tool->kind == TRO_TOOL_GRASPER) {
        const float z = f_max(f_abs(p.z - 0.55f * length) - 0.26f * length, 0);
        d = f_max(d, 0.4f * r - sqrtf(p.x * p.x + z * z));
    }
    return 0.85f * d;
}

static float jaws_distance(const struct tro_instrument_pose *pose, struct vec3 local)
{
    const float y = local.y, z = local.z - HINGE_SHARE * pose->clevis;
    const float s = pose->sin_open, c = pose->cos_open;
    const float upper = jaw_distance(pose->tool, v3(local.x, c * y - s * z, s * y + c * z));
    const float lower = jaw_distance(pose->tool, v3(local.x, -c * y - s * z, -s * y + c * z));
    return f_min(upper, lower);
}

/* A fork with a pin across, at the end of the shaft. */
static float clevis_distance(const struct tro_instrument_pose *pose, struct vec3 local)
{
    const float r = pose->tool->radius;
    const float body = rod_distance(local, 0.88f * r, -1, pose->clevis, 0.5f);
    const struct vec3 slot = v3(local.x, local.y, local.z - pose->clevis);
    const float fork = f_max(body,
                             -box_distance(slot, v3(0.42f * r, 2 * r, 0.55f * pose->clevis), 0.1f));
    const struct vec3 pin = v3(local.z - HINGE_SHARE * pose->clevis, local.y, local.x);
    return f_min(fork, rod_distance(pin, 0.3f * r, -0.96f * r, 0.96f * r, 0.12f));
}

/* A line of thickness from `from` on, `length` along z or y. */
static float wire_distance(struct vec3 from, bool is_along_z, float length, float radius)
{
    const float at = f_clamp(is_along_z ? from.z : from.y, 0, length);
    const struct vec3 off = is_along_z ? v3(from.x, from.y, from.z - at)
                                       : v3(from.x, from.y - at, from.z);
    return v3_length(off) - radius;
}

static float hook_distance(const struct tro_instrument_pose *pose, struct vec3 local)
{
    const float length = pose->tool->jaw_length, radius = ELECTRODE_SHARE * pose->tool->radius;
    const float bend = length - radius; /* middle of the foot, from the sleeve */
    const struct vec3 from = v3(local.x, local.y, local.z - pose->clevis);
    const struct vec3 from_bend = v3(local.x, local.y, from.z - bend);
    const float foot = wire_distance(from_bend, false, HOOK_SHARE * length - radius, radius);
    return f_smooth_min(wire_distance(from, true, bend, radius), foot, 0.6f * radius);
}

/* What insulates the electrode: a step thinner than the shaft, then a cone to the wire. */
static float sleeve_distance(const struct tro_instrument_pose *pose, struct vec3 local)
{
    const float r = pose->tool->radius, t = f_clamp(local.z / pose->clevis, 0, 1);
    const float radius = f_mix(0.82f, 0.42f, f_smoothstep(0.35f, 1, t)) * r;
    return 0.9f * rod_distance(local, radius, -1, pose->clevis, 0.3f);
}

float tro_instrument_distance(const struct tro_instrument_pose *pose, struct vec3 local,
                              enum tro_instrument_part *part)
{
    const struct tro_instrument *tool = pose->tool;
    const float r = tool->radius, reach = pose->clevis + tool->jaw_length;
    const float shaft = rod_distance(local, r, -SHAFT_LENGTH_MM, 0, 0.5f);
    if (part)
        *part = TRO_PART_SHAFT;
    const struct vec3 from_middle = v3(local.x, local.y, local.z - 0.5f * reach);
    const float bound = v3_length(from_middle) - (0.5f * reach + 2 * r);
    if (bound > f_max(shaft, 1))
        return f_min(shaft, bound);

    const bool is_hook = tool->kind == TRO_TOOL_HOOK;
    const float wrist = is_hook ? sleeve_distance(pose, local) : clevis_distance(pose, local);
    const float tip = is_hook ? hook_distance(pose, local) : jaws_distance(pose, local);
    if (part && f_min(wrist, tip) < shaft)
        *part = tip < wrist ? TRO_PART_TIP : TRO_PART_WRIST;
    return f_min(shaft, f_min(wrist, tip));
}

struct vec3 tro_instrument_normal(const struct tro_instrument_pose *pose, struct vec3 local)
{
    static const float h = 0.06f;
    static const struct vec3 corners[4] = {{1, -1, -1}, {-1, -1, 1}, {-1, 1, -1}, {1, 1, 1}};
    struct vec3 n = v3(0, 0, 0);
    for (int i = 0; i < 4; i++)
        n = v3_along(n, corners[i],
                     tro_instrument_distance(pose, v3_along(local, corners[i], h), NULL));
    return v3_normalize(n);
}

/* The nearest approach of the ray of light to the axis decides; the tip is taken as a rod. */
float tro_instrument_shadow(const struct tro_instrument_pose *pose, struct vec3 p,
                            struct vec3 light)
{
    const struct vec3 from = tro_instrument_local(pose, p);
    const struct vec3 to = tro_instrument_local(pose, light);
    const struct vec3 d = v3_sub(to, from);
    const float d2 = d.x * d.x + d.y * d.y;
    if (d2 < 1e-6f)
        return 1;
    const float t = f_clamp(-(from.x * d.x + from.y * d.y) / d2, 0.01f, 1);
    const struct vec3 near = v3_along(from, d, t);
    const float reach = pose->clevis + pose->tool->jaw_length;
    const float beyond = f_max(near.z - (reach - 3), 0);
    const float tip_share = pose->tool->kind == TRO_TOOL_HOOK ? ELECTRODE_SHARE : 0.7f;
    const float r = near.z > pose->clevis ? tip_share * pose->tool->radius : pose->tool->radius;
    const float gap = sqrtf(near.x * near.x + near.y * near.y + beyond * beyond) - r;
    const float blur = 0.6f + 0.12f * t * v3_length(d);
    return f_smoothstep(-blur, blur, gap);
}
