#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The console at work:
#     scripts/console.sh [--prepare] [--frames N] [--port P] [--seconds S] [-- TROCARD_OPTION...]
# A synthetic operation as the camera, networks of models/ on its frames, the page of the remote
# expert and the operator's dashboard. What it needs is made once, in build/console: frames, plans
# in 8-bit integers, tokens, the configuration. --prepare makes that and ends.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
out=build/console
n_frames=240
port=8480
seconds=
prepare=

while [ $# -gt 0 ]; do
    case $1 in
    --prepare) prepare=1 ;;
    --frames) n_frames=$2 && shift ;;
    --port) port=$2 && shift ;;
    --seconds) seconds=$2 && shift ;;
    --) shift && break ;;
    *)
        sed -n '3,7s/^# *//p' "$0" >&2
        exit 2
        ;;
    esac
    shift
done
for program in trocar trocard trocar-worker; do
    if [ ! -x build/$program ]; then
        echo "console: build/$program is missing; run make first" >&2
        exit 2
    fi
done
mkdir -p $out

# The operation, as a camera of 30 frames a second sees it, with the truth that tests look at.
make_frames() {
    [ "$(cat $out/frames/.n 2>/dev/null || true)" = "$n_frames" ] && return 0
    echo "console: drawing $n_frames frames of a synthetic operation"
    rm -rf $out/frames
    build/trocar sim endoscopy -o $out/frames --frames "$n_frames" --first 4000 --size 640x360 \
        --seed 4000003 --fps 30 --truth >$out/frames.log
    echo "$n_frames" >$out/frames/.n
}

# What other procedures look like, clean and disturbed: integers need data.
make_calibration() {
    [ -f $out/calibration/frames.jsonl ] && return 0
    echo "console: drawing frames to calibrate on"
    build/trocar sim dataset -o $out/calibration.new --procedures 2 --frames 2 --size 256x144 \
        --seed 77000 --strengths 0.5 >$out/calibration.log
    mv $out/calibration.new $out/calibration
}

make_plan() {
    plan=$out/$1.plan
    [ $plan -nt models/endoscopy_$1.onnx ] && [ $plan -nt build/trocar ] && return 0
    echo "console: $plan"
    build/trocar build models/endoscopy_$1.onnx --record models/endoscopy_$1.json \
        --frames nv12:640x360 --precision int8 --calib $out/calibration --tune 1 --threads 1 \
        -o $plan >$out/$1.log 2>&1 || {
        tail -n 5 $out/$1.log >&2
        exit 1
    }
}

make_tokens() {
    [ -f $out/tokens ] && return 0
    random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
    (
        umask 077
        printf 'expert %s Dr. Remote\noperator %s Theatre\n' "$(random)" "$(random)" >$out/tokens
    )
}

make_frames
make_calibration
for name in unet_small detector_small depth_small landmarks_small outside_small; do
    make_plan $name
done
make_tokens
focal=$(sed -n '1s/.*"focal_length": *\([0-9.]*\).*/\1/p' $out/frames/frames.jsonl)
sed "s/@PORT@/$port/; s/@FOCAL@/$focal/" examples/console/demo.yaml >$out/trocard.yaml
cp examples/console/rules.yaml $out/rules.yaml
[ -z "$prepare" ] || exit 0

expert=$(sed -n 's/^expert \([^ ]*\).*/\1/p' $out/tokens)
operator=$(sed -n 's/^operator \([^ ]*\).*/\1/p' $out/tokens)
echo "console: the expert's page:        http://127.0.0.1:$port/#token=$expert"
echo "console: the operator's dashboard: http://127.0.0.1:$port/dashboard#token=$operator"
echo "console: ends with Ctrl-C"
set -- build/trocard --config $out/trocard.yaml "$@"
[ -z "$seconds" ] || set -- "$@" --frames $((seconds * 30))
exec "$@"
