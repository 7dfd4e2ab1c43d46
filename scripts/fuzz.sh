#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzz target with AddressSanitizer and UndefinedBehaviorSanitizer:
#     FUZZ_SECONDS=600 scripts/fuzz.sh [NAME...]       names as in tests/fuzz/fuzz_NAME.c
# Inputs found on the way gather in build-fuzz/corpus/NAME, findings in build-fuzz/findings/NAME.
# As many targets run at once as there are processors.
set -eu
cd "$(dirname "$0")/.."
FUZZ_SECONDS=${FUZZ_SECONDS:-600}
export FUZZ_SECONDS
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
command -v llvm-symbolizer-14 >/dev/null &&
    export ASAN_SYMBOLIZER_PATH="$(command -v llvm-symbolizer-14)"

if [ $# -eq 0 ]; then
    set -- $(ls tests/fuzz | sed -n 's/^fuzz_\(.*\)[.]c$/\1/p')
fi
if [ $# -eq 0 ]; then
    echo "fuzz: no target in tests/fuzz" >&2
    exit 1
fi

mkdir -p build-fuzz
if ! CC=clang scripts/build.sh build-fuzz -Dfuzz=true -Db_sanitize=address,undefined \
    >build-fuzz/build.log 2>&1; then
    tail -n 40 build-fuzz/build.log
    echo "fuzz: the build failed, see build-fuzz/build.log" >&2
    exit 1
fi

# Runs with the name of a target: seeds, what earlier runs found, then FUZZ_SECONDS of search.
one='
name=$1
mkdir -p build-fuzz/corpus/$name build-fuzz/findings/$name
seeds=tests/fuzz/corpus/$name
[ -d $seeds ] || seeds=
dict=tests/fuzz/$name.dict
[ -f $dict ] && dict=-dict=$dict || dict=
log=build-fuzz/$name.log
if build-fuzz/tests/fuzz_$name -max_total_time=$FUZZ_SECONDS -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix=build-fuzz/findings/$name/ $dict \
    build-fuzz/corpus/$name $seeds >$log 2>&1; then
    runs=$(sed -n "s/^stat::number_of_executed_units: *//p" $log)
    echo "PASS fuzz-$name: $runs runs in $FUZZ_SECONDS s"
else
    grep -m 3 -E "^SUMMARY|ERROR:|runtime error" $log || tail -n 3 $log
    echo "FAIL fuzz-$name: see $log and build-fuzz/findings/$name"
    exit 1
fi'
printf '%s\n' "$@" | xargs -P "$(nproc)" -I NAME sh -c "$one" fuzz NAME
