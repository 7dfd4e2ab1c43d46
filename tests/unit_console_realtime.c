/* SPDX-License-Identifier: Apache-2.0 */
/* console/core/realtime.h: who gets a priority, and who does not. */
#include "console/core/realtime.h"

#include <pthread.h>
#include <sched.h>

#include "test.h"

/* The policy without the flag that children are ordinary. */
static int policy_now(int *priority)
{
    struct sched_param param = {0};
    sched_getparam(0, &param);
    *priority = param.sched_priority;
    return sched_getscheduler(0) & 0xff;
}

static void *look(void *policy)
{
    int priority;
    *(int *)policy = policy_now(&priority);
    return NULL;
}

static int policy_of_new_thread(void)
{
    pthread_t thread;
    int policy = -1;
    if (CHECK_INT(pthread_create(&thread, NULL, look, &policy), 0))
        pthread_join(thread, NULL);
    return policy;
}

TEST(nobody_before_it_is_allowed)
{
    int priority;
    tro_realtime_enter(TRO_REALTIME_CAPTURE);
    CHECK_INT(policy_now(&priority), SCHED_OTHER);
}

TEST(who_enters_alone)
{
    static struct tro_err err; /* a reason to skip is read later */
    int priority;
    const int rc = tro_realtime_allow(&err);
    CHECK_INT(policy_now(&priority), SCHED_OTHER); /* the asking thread stays as it was */
    tro_realtime_enter(TRO_REALTIME_LANE);
    if (policy_now(&priority) != SCHED_FIFO) {
        CHECK_INT(rc, TRO_E_DEVICE);
        CHECK_HAS(err.text, "LimitRTPRIO=20");
        SKIP(err.text);
    }
    CHECK_INT(priority, TRO_REALTIME_LANE);
    CHECK_INT(policy_of_new_thread(), SCHED_OTHER);
    tro_realtime_enter(TRO_REALTIME_CAPTURE);
    CHECK_INT(policy_now(&priority), SCHED_FIFO);
    CHECK_INT(priority, TRO_REALTIME_CAPTURE);
    if (rc < 0)
        CHECK_HAS(err.text, "LimitMEMLOCK");
}
