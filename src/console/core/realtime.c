/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/realtime.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"

/* glibc keeps this one for the kernel's headers, which do not go together with its own. */
#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

static atomic_bool is_allowed;

static int set_policy(int policy, int priority)
{
    const struct sched_param param = {.sched_priority = priority};
    return sched_setscheduler(0, policy | SCHED_RESET_ON_FORK, &param);
}

/* A CUDA context reserves far more than there is memory: pages are locked once they are touched. */
static int lock_memory(struct tro_err *err)
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
        return 0;
    return tro_fail(err, TRO_E_DEVICE,
                    "memory cannot be locked (%s): allow it with LimitMEMLOCK=infinity or "
                    "CAP_IPC_LOCK",
                    strerror(errno));
}

int tro_realtime_allow(struct tro_err *err)
{
    if (set_policy(SCHED_FIFO, TRO_REALTIME_CAPTURE) < 0)
        return tro_fail(err, TRO_E_DEVICE,
                        "threads cannot have real-time priorities (%s): allow them with "
                        "LimitRTPRIO=%d or CAP_SYS_NICE",
                        strerror(errno), TRO_REALTIME_CAPTURE);
    set_policy(SCHED_OTHER, 0);
    atomic_store(&is_allowed, true);
    return lock_memory(err);
}

void tro_realtime_enter(int priority)
{
    if (atomic_load(&is_allowed))
        set_policy(SCHED_FIFO, priority);
}
