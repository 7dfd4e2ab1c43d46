/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of plans: free sizes, states, memory, threads. Results are judged by the reference. */
#include "session_kit.h"

#include <pthread.h>

/* ---- free sizes ------------------------------------------------------------------------ */

static const char fully_convolutional[] =
    "graph \"segments\"\n"
    "symbol N 1..8\n"
    "symbol H 224..512\n"
    "symbol W 224..512\n"
    "input %x : f32[N,3,H,W]\n"
    "const %w1 : f32[4,3,3,3] = splat 0.1\n"
    "const %b1 : f32[4] = 0.1 -0.2 0.3 0\n"
    "%c1 = conv(%x, %w1, %b1) {strides = [2,2], dilations = [1,1], pads = [1,1,1,1], group = 1}\n"
    "%r1 = tanh(%c1)\n"
    "%p1 = pool(%r1) {kernel = [2,2], strides = [2,2], dilations = [1,1], pads = [0,0,0,0]}\n"
    "const %w2 : f32[4,4,3,3] = splat -0.05\n"
    "%c2 = conv(%p1, %w2) {strides = [1,1], dilations = [1,1], pads = [1,1,1,1], group = 1}\n"
    "%s = add(%c2, %p1)\n"
    "%j = concat(%s, %p1) {axis = 1}\n"
    "const %w3 : f32[3,8,1,1] = splat 0.3\n"
    "%y = conv(%j, %w3) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0], group = 1}\n"
    "output %y\n";

static const int64_t profile[3][4] = {{1, 3, 224, 224}, {4, 3, 384, 384}, {8, 3, 512, 512}};

static struct kit_session open_profile(int n_threads)
{
    struct tro_plan_sizes sizes = {.input = 0, .rank = 4};
    memcpy(sizes.min, profile[0], sizeof profile[0]);
    memcpy(sizes.opt, profile[1], sizeof profile[1]);
    memcpy(sizes.max, profile[2], sizeof profile[2]);
    const struct tro_plan_parts parts = {.sizes = &sizes, .n_sizes = 1};
    return kit_session_open(fully_convolutional, &parts,
                            &(struct tro_session_opts){.n_threads = n_threads, .blocks = 1});
}

TEST(any_size_of_a_profile)
{
    struct kit_session k = open_profile(2);
    uint64_t random = 7;
    for (int i = 0; i < 20 && k.session; i++) {
        const int64_t n = i < 3 ? profile[i][0] : 1 + (int64_t)(kit_random(&random) * 3);
        const int64_t h = i < 3 ? profile[i][2] : 224 + (int64_t)(kit_random(&random) * 289);
        const int64_t w = i < 3 ? profile[i][3] : 224 + (int64_t)(kit_random(&random) * 289);
        struct tro_tensor x = {.dtype = TRO_F32, .rank = 4, .shape = {n, 3, h, w}};
        kit_noise(&x, (uint64_t)i);
        CHECK(kit_agrees(&k, &x, 1, 1e-5));
        tro_free(x.data);
    }
    CHECK(k.session != NULL);
    kit_session_close(&k);
}

TEST(sizes_outside_a_profile)
{
    static const int64_t wrong[][4] = {
        {9, 3, 224, 224}, {1, 3, 223, 224}, {1, 3, 224, 513}, {0, 3, 224, 224}, {1, 4, 224, 224}};
    struct kit_session k = open_profile(1);
    CHECK_OR_RETURN(k.session != NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct tro_tensor x = {.dtype = TRO_F32, .rank = 4};
        memcpy(x.shape, wrong[i], sizeof wrong[i]);
        kit_noise(&x, 1);
        struct tro_err err = {0};
        int rc = tro_session_bind(k.session, "x", &x, &err);
        if (rc >= 0)
            rc = tro_session_run(k.session, &err);
        CHECK_INT(rc, TRO_E_INPUT);
        CHECK_HAS(err.text, "x");
        tro_free(x.data);
    }
    struct tro_tensor x = {.dtype = TRO_F32, .rank = 4, .shape = {1, 3, 230, 240}};
    kit_noise(&x, 1);
    CHECK(kit_agrees(&k, &x, 1, 1e-5));
    tro_free(x.data);
    kit_session_close(&k);
}

/* ---- states ---------------------------------------------------------------------------- */

static const char recurrent_net[] = "graph \"state\"\n"
                                    "input %x : f32[2,5]\n"
                                    "input %h : f32[2,4]\n"
                                    "input %n : i64[1]\n"
                                    "const %w : f32[5,4] = splat 0.3\n"
                                    "const %u : f32[4,4] = splat -0.2\n"
                                    "const %one : i64[1] = 1\n"
                                    "%a = matmul(%x, %w)\n"
                                    "%b = matmul(%h, %u)\n"
                                    "%c = add(%a, %b)\n"
                                    "%t = tanh(%c)\n"
                                    "%e = exp(%t)\n"
                                    "%m = add(%n, %one)\n"
                                    "output %e, %t, %m\n";

static const struct tro_plan_state both_states[] = {{1, 1}, {2, 2}};

/* One run with noise of this seed; the states of the reference go from in to in. */
static void check_step(struct kit_session *k, uint64_t seed, struct tro_tensor in[3])
{
    struct tro_err err = {0};
    struct tro_tensor want[3], got;
    kit_noise(&in[0], seed);
    CHECK_OR_RETURN(tro_ref_run(k->graph, in, want, NULL, NULL, &err) >= 0);
    CHECK(tro_session_bind(k->session, "x", &in[0], &err) >= 0);
    CHECK_INT(tro_session_run(k->session, &err), 0);
    CHECK_INT(tro_session_output(k->session, 0, &got, &err), 0);
    CHECK(kit_error(&got, &want[0]) < 1e-5);
    tro_free(in[0].data);
    memcpy(in[1].data, want[1].data, 8 * sizeof(float));
    memcpy(in[2].data, want[2].data, sizeof(int64_t));
    for (int i = 0; i < 3; i++)
        tro_free(want[i].data);
}

TEST(states_over_many_runs)
{
    const struct tro_plan_parts parts = {.states = both_states, .n_states = 2};
    struct kit_session k = kit_session_open(recurrent_net, &parts, NULL);
    CHECK_OR_RETURN(k.session != NULL);
    CHECK_INT(tro_session_n_inputs(k.session), 1);
    CHECK_INT(tro_session_n_outputs(k.session), 1);
    float h[8] = {0};
    int64_t n = 0;
    struct tro_tensor in[3] = {{.dtype = TRO_F32, .rank = 2, .shape = {2, 5}},
                               {.dtype = TRO_F32, .rank = 2, .shape = {2, 4}, .data = h},
                               {.dtype = TRO_I64, .rank = 1, .shape = {1}, .data = &n}};
    for (uint64_t i = 0; i < 100; i++)
        check_step(&k, i, in);
    CHECK_INT(n, 100);
    memset(h, 0, sizeof h);
    n = 0;
    CHECK_INT(tro_session_reset_states(k.session, NULL), 0);
    for (uint64_t i = 0; i < 3; i++)
        check_step(&k, i + 200, in);
    kit_session_close(&k);
}

/* ---- memory ---------------------------------------------------------------------------- */

static const char everyday[] =
    "graph \"everyday\"\n"
    "input %x : f32[1,3,32,32]\n"
    "const %w1 : f32[16,3,3,3] = splat 0.1\n"
    "%c1 = conv(%x, %w1) {strides = [1,1], dilations = [1,1], pads = [1,1,1,1], group = 1}\n"
    "const %zero : f32[] = 0\n"
    "%r1 = max(%c1, %zero)\n"
    "const %w2 : f32[16,1,3,3] = splat 0.2\n"
    "%d1 = conv(%r1, %w2) {strides = [2,2], dilations = [1,1], pads = [1,1,1,1], group = 16}\n"
    "%p1 = pool(%d1) {kernel = [2,2], strides = [2,2], dilations = [1,1], pads = [0,0,0,0]}\n"
    "%t1 = transpose(%p1) {perm = [0,2,3,1]}\n"
    "const %s : i64[2] = 64 16\n"
    "%f = reshape(%t1, %s)\n"
    "const %w3 : f32[16,10] = splat 0.05\n"
    "%m = matmul(%f, %w3)\n"
    "%y = softmax(%m) {axis = 1}\n"
    "output %y\n";

TEST(runs_neither_allocate_nor_map)
{
    struct kit_session k = kit_session_open(everyday, NULL,
                                            &(struct tro_session_opts){.n_threads = 2});
    CHECK_OR_RETURN(k.session != NULL);
    struct tro_tensor x = {.dtype = TRO_F32, .rank = 4, .shape = {1, 3, 32, 32}};
    kit_noise(&x, 1);
    CHECK_INT(tro_session_is_growing(k.session), 0);
    CHECK(kit_agrees(&k, &x, 1, 1e-5));
    struct tro_err err = {0};
    int n_failed = 0;
    /* Until each thread has had a part, for which a sanitizer maps memory of its own. */
    for (int i = 0; i < 50; i++)
        n_failed += tro_session_run(k.session, &err) < 0;
    const size_t maps = kit_mapped();
    const int64_t calls = kit_allocations();
    tro_alloc_fail_after(0);
    for (int i = 0; i < 1000; i++)
        n_failed += tro_session_run(k.session, &err) < 0;
    tro_alloc_fail_after(-1);
    CHECK_INT(n_failed, 0);
    CHECK_INT(kit_allocations() - calls, 0);
    CHECK_INT(kit_mapped(), maps);
    kit_session_close(&k);
    tro_free(x.data);
}

TEST(scratch_is_near_what_is_alive)
{
    struct kit_session k = kit_session_open(everyday, NULL, NULL);
    CHECK_OR_RETURN(k.session != NULL);
    struct tro_session_memory m;
    tro_session_memory(k.session, &m);
    CHECK(m.live > 0);
    CHECK((double)m.scratch <= 1.1 * (double)m.live + 4096);
    kit_session_close(&k);
}

TEST(sessions_share_scratch)
{
    struct tro_err err = {0};
    struct tro_scratch *const scratch = tro_scratch_create(&err);
    CHECK_OR_RETURN(scratch != NULL);
    const struct tro_session_opts opts = {.n_threads = 1, .scratch = scratch};
    struct kit_session small = kit_session_open(recurrent_net, NULL, &opts);
    struct kit_session large = kit_session_open(everyday, NULL, &opts);
    struct tro_tensor x = {.dtype = TRO_F32, .rank = 4, .shape = {1, 3, 32, 32}};
    struct tro_tensor in[3] = {{.dtype = TRO_F32, .rank = 2, .shape = {2, 5}},
                               {.dtype = TRO_F32, .rank = 2, .shape = {2, 4}},
                               {.dtype = TRO_I64, .rank = 1, .shape = {1}}};
    kit_noise(&x, 1);
    for (int i = 0; i < 3; i++)
        kit_noise(&in[i], (uint64_t)i);
    for (int i = 0; i < 3 && small.session && large.session; i++) {
        CHECK(kit_agrees(&small, in, 3, 1e-5));
        CHECK(kit_agrees(&large, &x, 1, 1e-5));
    }
    CHECK(small.session && large.session);
    kit_session_close(&small);
    kit_session_close(&large);
    tro_scratch_destroy(scratch);
    tro_free(x.data);
    for (int i = 0; i < 3; i++)
        tro_free(in[i].data);
}

/* ---- threads --------------------------------------------------------------------------- */

TEST(start_wait_cancel)
{
    struct kit_session k = kit_session_open(everyday, NULL,
                                            &(struct tro_session_opts){.n_threads = 2});
    CHECK_OR_RETURN(k.session != NULL);
    struct tro_tensor x = {.dtype = TRO_F32, .rank = 4, .shape = {1, 3, 32, 32}};
    struct tro_err err = {0};
    kit_noise(&x, 1);
    CHECK_INT(tro_session_wait(k.session, &err), TRO_E_INPUT);
    CHECK_INT(tro_session_bind(k.session, "x", &x, &err), 0);
    int n_cancelled = 0;
    for (int i = 0; i < 200; i++) {
        CHECK_INT(tro_session_start(k.session, &err), 0);
        if (i % 2)
            tro_session_cancel(k.session);
        const int rc = tro_session_wait(k.session, &err);
        n_cancelled += rc == TRO_E_CANCELLED;
        CHECK(rc == 0 || (i % 2 && rc == TRO_E_CANCELLED));
    }
    CHECK(n_cancelled > 0);
    CHECK(kit_agrees(&k, &x, 1, 1e-5));
    CHECK_INT(tro_session_start(k.session, &err), 0);
    CHECK_INT(tro_session_start(k.session, &err), TRO_E_INPUT);
    kit_session_close(&k);
    tro_free(x.data);
}

struct worker {
    struct tro_plan *plan;
    const struct tro_tensor *x, *want;
    int n_wrong;
};

static void *work(void *arg)
{
    struct worker *const w = arg;
    struct tro_err err = {0};
    struct tro_session *const s = tro_session_create(
        w->plan, &(struct tro_session_opts){.n_threads = 2, .blocks = 1}, &err);
    struct tro_tensor got;
    w->n_wrong = s && tro_session_bind(s, "x", w->x, &err) >= 0 ? 0 : 1000;
    for (int i = 0; i < 20 && w->n_wrong < 1000; i++)
        w->n_wrong += tro_session_run(s, &err) < 0 || tro_session_output(s, 0, &got, &err) < 0 ||
                      !(kit_error(&got, w->want) < 1e-5);
    tro_session_destroy(s);
    return NULL;
}

TEST(sessions_at_the_same_time)
{
    enum { N = 3 };
    struct kit_session k = kit_session_open(everyday, NULL, NULL);
    CHECK_OR_RETURN(k.session != NULL);
    struct tro_tensor x = {.dtype = TRO_F32, .rank = 4, .shape = {1, 3, 32, 32}}, want;
    struct tro_err err = {0};
    kit_noise(&x, 1);
    CHECK_OR_RETURN(tro_ref_run(k.graph, &x, &want, NULL, NULL, &err) >= 0);
    pthread_t threads[N];
    struct worker workers[N];
    for (int i = 0; i < N; i++) {
        workers[i] = (struct worker){k.plan, &x, &want, 0};
        CHECK_INT(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(workers[i].n_wrong, 0);
    }
    tro_free(want.data);
    tro_free(x.data);
    kit_session_close(&k);
}
