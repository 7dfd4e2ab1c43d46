/* SPDX-License-Identifier: Apache-2.0 */
/* Records of procedures: from what was written the same sentences come again, byte for byte. */
#include "console/rules/recording.h"
#include "rules_kit.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/random.h"

#if defined(TRO_HAVE_YAML) && defined(TRO_HAVE_JANSSON)
#define NEED_READERS
#else
#define NEED_READERS SKIP("built without libyaml or jansson")
#endif

static const char rules_file[] = "examples/console/rules.yaml";

static void temporary(char path[64])
{
    strcpy(path, "/tmp/trocar_recording_XXXXXX");
    const int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
}

/* ---- a procedure ---------------------------------------------------------------------------- */

/* The hook nears artery and bowel, the view turns, blood comes, smoke hides, a network fails. */
static void set_scene(struct kit *k, int frame)
{
    const bool is_smoky = frame > 400 && frame < 460;
    const float turn = (frame < 120 ? 3 : 18) * 3.14159265f / 180;
    memset(k->labels, L_FAT, sizeof k->labels);
    kit_anatomy(k);
    k->points[P_ORIGIN].x = 100;
    k->points[P_ORIGIN].y = 100;
    k->points[P_INSERTION].x = 100 + 100 * cosf(turn);
    k->points[P_INSERTION].y = 100 - 100 * sinf(turn);
    k->points[P_NECK].x = 236 + 0.1f * (float)(frame % 7);
    k->points[P_NECK].y = 228;
    k->points[P_FUNDUS].x = 300;
    k->points[P_FUNDUS].y = 130;
    for (int i = 0; i < 4; i++)
        k->points[i].score = is_smoky ? 0.2f : 0.9f;
    k->hook.x = NAN;
    if (frame > 100) {
        k->hook.x = 400 - (float)(frame < 262 ? frame - 100 : frame < 290 ? 162 : 20);
        k->hook.y = frame < 290 ? 244.0f : 304.0f;
        k->hook.score = is_smoky ? 0.3f : 0.87f;
        kit_draw_hook(k);
    }
    k->bleeding = frame > 300 && frame < 340 ? 0.9f : 0.1f + 0.001f * (float)(frame % 3);
    k->outside = frame > 360 && frame < 380 ? 0.99f : 0.01f;
}

static uint32_t networks_of(int frame)
{
    uint32_t networks = KIT_ALL;
    if (frame % 2)
        networks &= ~(1u << LANDMARKS);
    if (frame > 500)
        networks &= ~(1u << TISSUE);
    return networks;
}

#define N_FRAMES 540

static int record(const char *path)
{
    struct tro_err err = {0};
    struct kit *const k = kit_create();
    struct tro_rules *const r = tro_rules_load(rules_file, &kit_opts, &err);
    struct tro_recorder *const to = tro_recorder_create(path, &kit_opts, &err);
    int n_events = 0;
    CHECK_STR(err.text, "");
    for (int frame = 0; r && to && frame < N_FRAMES; frame++, k->frame++) {
        set_scene(k, frame);
        for (int i = 0; i < KIT_NETWORKS; i++) {
            struct tro_sentence s;
            if (!(networks_of(frame) >> i & 1))
                continue;
            const struct tro_findings *const f = kit_findings(k, i);
            const enum tro_rules_event event = tro_rules_feed(r, f, &s);
            tro_recorder_put(to, f, event, &s);
            n_events += event != TRO_RULES_SAME;
        }
    }
    CHECK_INT(tro_recorder_close(to, &err), 0);
    tro_rules_destroy(r);
    kit_destroy(k);
    return n_events;
}

/* Lines of sentences of a file. */
static struct tro_buf sentences_of(const char *path)
{
    struct tro_buf out = {0};
    struct tro_file f;
    CHECK_INT(tro_file_read(&f, path, 0, NULL), 0);
    for (const char *p = f.data, *const end = p + f.n_bytes; p < end;) {
        const char *const next = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
        if (strncmp(p, "{\"sentence\"", 11) == 0)
            tro_buf_put(&out, p, (size_t)(next - p));
        p = next;
    }
    tro_file_finish(&f);
    return out;
}

static int append(void *ctx, const char *line, size_t n, struct tro_err *err)
{
    (void)err;
    tro_buf_put(ctx, line, n);
    return 0;
}

/* Recorded once more, it is the same file. */
static void check_same(const char *path)
{
    char again[64];
    struct tro_file a, b;
    temporary(again);
    record(again);
    CHECK_INT(tro_file_read(&a, path, 0, NULL), 0);
    CHECK_INT(tro_file_read(&b, again, 0, NULL), 0);
    CHECK(a.n_bytes == b.n_bytes && memcmp(a.data, b.data, a.n_bytes) == 0);
    tro_file_finish(&a);
    tro_file_finish(&b);
    unlink(again);
}

static bool has(const struct tro_buf *b, const char *text)
{
    return memmem(b->p, b->n, text, strlen(text)) != NULL;
}

TEST(recording_replays_byte_for_byte)
{
    NEED_READERS;
    char path[64];
    struct tro_err err = {0};
    struct tro_buf first = {0}, second = {0};
    temporary(path);
    const int n_events = record(path);
    struct tro_buf said = sentences_of(path);
    CHECK(n_events > 12);
    check_same(path);
    CHECK_INT(tro_recording_replay(path, rules_file, append, &first, &err), 0);
    CHECK_INT(tro_recording_replay(path, rules_file, append, &second, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_INT(first.n, said.n);
    CHECK(first.n == said.n && memcmp(first.p, said.p, said.n) == 0);
    CHECK(second.n == said.n && memcmp(second.p, said.p, said.n) == 0);
    CHECK(has(&said, "View is off axis: rotate the scope 15 degrees clockwise and advance along "
                     "the yellow path; probable right hepatic artery 3 mm to the lower left."));
    CHECK(has(&said, "电钩距离肠壁过近，请抬高操作角度"));
    CHECK(has(&said, "\"rule\": \"hook-close-to-artery\""));
    CHECK(has(&said, "\"rule\": \"bleeding\""));
    CHECK(has(&said, "\"rule\": \"out-of-body\""));
    CHECK(has(&said, "\"rule\": \"view-unclear\""));
    CHECK(has(&said, "\"rule\": \"not-analysed\""));
    CHECK(has(&said, "\"event\": \"changed\""));
    CHECK(has(&said, "\"event\": \"ended\""));
    tro_buf_finish(&said);
    tro_buf_finish(&first);
    tro_buf_finish(&second);
    unlink(path);
}

/* Without `why` and `draw`, whose last digits are those of a machine's atan2. */
static int append_said(void *ctx, const char *line, size_t n, struct tro_err *err)
{
    const char *const why = memmem(line, n, ",\"why\"", 6);
    (void)err;
    tro_buf_put(ctx, line, why ? (size_t)(why - line) : n - 1);
    tro_buf_str(ctx, "\n");
    return 0;
}

/* Findings of the networks of models/ on a procedure of the simulator, drawn and looked at slower
 * than a camera's pace, with the times of 30 frames a second; depths at half size, on each seventh
 * frame. */
TEST(recording_of_networks)
{
    NEED_READERS;
    static const char expected[] =
        "{\"sentence\": {\"event\": \"began\",\"at_ns\": 1133333332,\"id\": 1,\"rule\": "
        "\"view-off-axis\",\"frame\": 168,\"priority\": 5,\"text\": {\"en\": \"View is off axis: "
        "rotate the scope 15 degrees clockwise and advance along the yellow path; probable right "
        "hepatic artery 6 mm to the lower left.\",\"zh\": "
        "\"视野偏离轴线：请将内镜顺时针旋转 15 "
        "度，并沿黄色路径前进；疑似肝右动脉位于左下方 6 毫米处\"}\n"
        "{\"sentence\": {\"event\": \"began\",\"at_ns\": 1233333331,\"id\": 2,\"rule\": "
        "\"hook-close-to-liver\",\"frame\": 171,\"priority\": 4,\"text\": {\"en\": \"The hook is 1 "
        "mm from the liver: mind its surface.\",\"zh\": \"电钩距肝脏 1 毫米，注意保护肝面\"}\n"
        "{\"sentence\": {\"event\": \"ended\",\"at_ns\": 1633333327}}\n";
    struct tro_err err = {0};
    struct tro_buf said = {0};
    CHECK_INT(tro_recording_replay("tests/procedures/off_axis.jsonl", rules_file, append_said,
                                   &said, &err),
              0);
    CHECK_STR(err.text, "");
    tro_buf_u8(&said, 0);
    CHECK_STR((const char *)said.p, expected);
    tro_buf_finish(&said);
}

/* ---- what is read is what was written -------------------------------------------------------- */

static float any_float(uint64_t seed, uint64_t i, float lo, float hi)
{
    return lo +
           (hi - lo) * (float)((double)(tro_random_word(seed, 0, i) >> 11) / 9007199254740992.0);
}

/* Findings of network TISSUE that no scene would make. */
static void fill_any(struct kit *k, struct tro_findings *f, uint64_t seed)
{
    kit_begin(k, TISSUE);
    f->engine = tro_random_word(seed, 1, 0);
    for (int i = 0; i < 40; i++) {
        const uint64_t at = (uint64_t)i * 8;
        struct tro_finding mask = {.kind = TRO_FINDING_MASK,
                                   .label = i % 10,
                                   .score = any_float(seed, at, 0, 1),
                                   .track = (uint32_t)tro_random_word(seed, 2, at) | 1,
                                   .x = any_float(seed, at + 1, -10, 650),
                                   .y = any_float(seed, at + 2, -10, 370),
                                   .x0 = any_float(seed, at + 3, -10, 300),
                                   .y0 = any_float(seed, at + 4, -10, 200),
                                   .x1 = any_float(seed, at + 5, 300, 640),
                                   .y1 = any_float(seed, at + 6, 200, 360),
                                   .area_px = any_float(seed, at + 7, 0, 1e6f),
                                   .age_ms = i % 2 ? any_float(seed, at + 8, 0, 90) : 0};
        CHECK(tro_findings_add(f, &mask));
    }
    for (int i = 0; i < KIT_MAP_WIDTH * KIT_MAP_HEIGHT; i++)
        k->labels[i] = (uint8_t)(tro_random_word(seed, 3, (uint64_t)i / 3) % 10);
    tro_findings_pack(f, k->labels, KIT_MAP_WIDTH, KIT_MAP_HEIGHT);
    f->grid_width = 37;
    f->grid_height = 11;
    for (int i = 0; i < 37 * 11; i++)
        f->grid[i] = (uint16_t)tro_random_word(seed, 4, (uint64_t)i);
    f->is_cut = seed % 2;
}

TEST(recording_loses_nothing)
{
    NEED_READERS;
    static uint8_t wrote[524288], read[524288];
    char path[64];
    struct tro_err err = {0};
    struct tro_findings back;
    const struct tro_sentence none = {0};
    struct kit *const k = kit_create();
    temporary(path);
    CHECK_INT(tro_findings_init(&back, NULL), 0);
    struct tro_recorder *const to = tro_recorder_create(path, &kit_opts, &err);
    for (uint64_t seed = 0; seed < 8; seed++, k->frame++) {
        fill_any(k, &k->f[TISSUE], seed);
        tro_recorder_put(to, &k->f[TISSUE], TRO_RULES_SAME, &none);
    }
    CHECK_INT(tro_recorder_close(to, &err), 0);
    struct tro_recording *const from = tro_recording_open(path, &err);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(from != NULL);
    CHECK_INT(tro_recording_opts(from)->n_networks, KIT_NETWORKS);
    CHECK_NEAR(tro_recording_opts(from)->focal_length, 0.75, 0);
    CHECK_STR(tro_recording_opts(from)->networks[DEPTH].name, "depth");
    CHECK_INT(tro_recording_opts(from)->networks[TISSUE].names->n, 10);
    k->frame = 1;
    for (uint64_t seed = 0; seed < 8; seed++, k->frame++) {
        fill_any(k, &k->f[TISSUE], seed);
        CHECK_INT(tro_recording_next(from, &back, &err), 1);
        const size_t n = tro_findings_write(&k->f[TISSUE], wrote, sizeof wrote);
        CHECK_INT(tro_findings_write(&back, read, sizeof read), n);
        CHECK(memcmp(read, wrote, n) == 0);
    }
    CHECK_INT(tro_recording_next(from, &back, &err), 0);
    tro_recording_close(from);
    tro_findings_finish(&back);
    kit_destroy(k);
    unlink(path);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static const char first_line[] =
    "{\"recording\": 1, \"width\": 640, \"height\": 360, \"focal_length\": 0.75, "
    "\"max_age_ms\": 100, \"networks\": [{\"name\": \"t\", \"kinds\": [\"mask\", \"\"], "
    "\"labels\": [\"a\", \"b\"]}]}\n";
#define HEAD_OF(network, frame)                                                                 \
    "{\"findings\": {\"frame\": " frame ", \"network\": \"" network                             \
    "\", \"tier\": 0, \"engine\": "                                                             \
    "\"0123456789abcdef\", \"captured_ns\": 1, \"started_ns\": 1, \"ready_ns\": 1, \"width\": " \
    "640, \"height\": 360, \"items\": ["
#define ONE_ITEM(item) HEAD_OF("t", "1") item "]}}\n"
#define WITH(planes) HEAD_OF("t", "1") "], " planes "}}\n"

struct bad {
    const char *first, *second, *message;
};

static const struct bad bad[] = {
    {"", "", "r:1: expected {\"recording\": 1, ...}, found nothing"},
    {"{}\n", "", "r:1: expected the key recording, which is missing"},
    {"[]\n", "", "r:1: expected an object, found a list"},
    {"{\"recording\": 2}\n", "", "r:1: recording: expected 1 to 1, found 2"},
    {"{\"recording\": 1", "", "r:1: expected a line that ends, found the end of the file"},
    {NULL, "x\n", "r:2: line 1, column 1: expected JSON, found: '[' or '{' expected near 'x'"},
    {NULL, "{}\n", "r:2: expected findings or a sentence"},
    {NULL, "{\"other\": 1}\n", "r:2: expected one of the keys findings, sentence, found 'other'"},
    {NULL, "{\"findings\": 1}\n", "r:2: findings: expected an object, found an integer"},
    {NULL, HEAD_OF("u", "1") "]}}\n",
     "r:2: findings: expected one of the networks of the first "
     "line, found 'u'"},
    {NULL, HEAD_OF("t", "0") "]}}\n",
     "r:2: findings.frame: expected 1 to 9223372036854775807, "
     "found 0"},
    {NULL, ONE_ITEM("{\"kind\": \"mask\"}"),
     "r:2: findings.items[0]: expected the key name, which "
     "is missing"},
    {NULL, ONE_ITEM("{\"kind\": \"mask\", \"name\": \"c\"}"),
     "r:2: findings.items[0]: expected a label of the network, found 'c'"},
    {NULL, ONE_ITEM("{\"kind\": \"mask\", \"name\": \"a\", \"box\": [1, 2]}"),
     "r:2: findings.items[0]: expected 4 numbers at box, found 2"},
    {NULL, ONE_ITEM("{\"kind\": \"mask\", \"name\": \"a\", \"area_px\": -1}"),
     "r:2: findings.items[0]: expected at most 128 items, places within 2^17 pixels, ages and "
     "areas of 0 or more"},
    {NULL, WITH("\"map\": {\"width\": 2, \"height\": 1, \"runs\": \"*\"}"),
     "r:2: findings.map: expected base64 at runs"},
    {NULL, WITH("\"map\": {\"width\": 2, \"height\": 1, \"runs\": \"AAAA\"}"),
     "r:2: findings: run 0: expected a label below 64 and a length of 1 or more, found 0 and 0"},
    {NULL, WITH("\"map\": {\"width\": 2, \"height\": 1, \"runs\": \"AAEA\"}"),
     "r:2: findings: expected pixels in the runs of 2 to 2, found 1"},
    {NULL, WITH("\"grid\": {\"width\": 2, \"height\": 1, \"mm\": \"AAAA\"}"),
     "r:2: findings.grid: expected 2 bytes for each of 2 x 1 elements, at most 65536, found 3 "
     "bytes"},
};

static void check_bad(const struct bad *b)
{
    char text[4096];
    struct tro_err err = {0};
    struct tro_findings f;
    snprintf(text, sizeof text, "%s%s", b->first ? b->first : first_line, b->second);
    CHECK_INT(tro_findings_init(&f, NULL), 0);
    FILE *const file = *text ? fmemopen(text, strlen(text), "r") : fopen("/dev/null", "r");
    struct tro_recording *const r = tro_recording_of(file, "r", &err);
    CHECK(b->first ? !r : r != NULL);
    if (r)
        CHECK_INT(tro_recording_next(r, &f, &err), TRO_E_INPUT);
    CHECK_STR(err.text, b->message);
    tro_recording_close(r);
    tro_findings_finish(&f);
}

TEST(recording_bad)
{
    NEED_READERS;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_bad(&bad[i]);
}

TEST(recording_file_that_cannot_be)
{
    struct tro_err err = {0};
    CHECK(!tro_recorder_create("no/such/folder", &kit_opts, &err));
    CHECK_STR(err.text, "no/such/folder: cannot write: No such file or directory");
    struct tro_recorder *const r = tro_recorder_create("/dev/full", &kit_opts, &err);
    CHECK_OR_RETURN(r != NULL);
    CHECK_INT(tro_recorder_close(r, &err), TRO_E_IO);
    CHECK_STR(err.text, "/dev/full: cannot write: No space left on device");
}
