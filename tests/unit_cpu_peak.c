/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu.h"
#include "cpu/peak.h"
#include "test.h"

TEST(peaks_are_of_this_world)
{
    const struct tro_cpu_peak one = tro_cpu_peak_measure(0, 1);
    const struct tro_cpu_peak all = tro_cpu_peak_measure(tro_cpu_flags(), 2);
    CHECK_INT(one.n_threads, 1);
    CHECK_INT(all.n_threads, 2);
    CHECK(one.gflops > 0.05 && one.gflops < 1000);
    CHECK(one.gbytes > 0.05 && one.gbytes < 5000);
    CHECK(all.gbytes > 0.05 && all.gflops > 0.05);
    CHECK_INT(tro_cpu_peak_measure(0, 0).n_threads, 1);
}
