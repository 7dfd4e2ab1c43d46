/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs that the engines of CPU and GPU must compute bit by bit as the reference does. Scores in
 * steps make ties, boxes in steps make overlaps that meet the threshold. */
#ifndef TRO_TESTS_DETECT_KIT_H
#define TRO_TESTS_DETECT_KIT_H

/* %p: boxes, %q: scores. */
#define ONE_BOX(n, a, c) \
    "graph \"g\"\ninput %b : f32[" #n "," #a ",4]\ninput %s : f32[" #n "," #a "," #c "]\n"
#define OWN_BOX(n, a, c) \
    "graph \"g\"\ninput %b : f32[" #n "," #a "," #c ",4]\ninput %s : f32[" #n "," #a "," #c "]\n"
#define WHOLE "%p = round(%b)\n%q = round(%s)\n"
#define AS_IS "%p = neg(%b)\n%q = neg(%s)\n"
#define IN_STEPS(k)                                                                       \
    "const %k : f32[] = " #k "\n%bm = mul(%b, %k)\n%br = round(%bm)\n%sm = mul(%s, %k)\n" \
    "%sr = round(%sm)\n%p = div(%br, %k)\n%q = div(%sr, %k)\n"
/* Exports of YOLO: [n, 4 + c, a], split and turned around. */
#define TURNED(n, a, c, all)                                                    \
    "graph \"g\"\ninput %x : f32[" #n "," #all "," #a "]\n%e = neg(%x)\n"       \
    "const %parts : i64[2] = 4 " #c "\n%b, %s = split(%e, %parts) {axis = 1}\n" \
    "%p = transpose(%b) {perm = [0,2,1]}\n%q = transpose(%s) {perm = [0,2,1]}\n"
#define DETECT(attrs) \
    "%n, %y, %v, %k1, %a = detect(%p, %q) {" attrs "}\noutput %n, %y, %v, %k1, %a\n"

static const char *const detect_graphs[] = {
    ONE_BOX(1, 90, 3) AS_IS DETECT("score_threshold = 0.25, iou_threshold = 0.45, max_output = 20, "
                                   "y_scale = -1.1, "
                                   "x_offset = 7"),
    ONE_BOX(2, 300, 5) IN_STEPS(4)
        DETECT("score_threshold = 0.5, iou_threshold = 0.5, max_output = 50"),
    TURNED(1, 200, 8, 12) DETECT("score_threshold = -1, iou_threshold = 0.3, max_output = 100"),
    TURNED(2, 68, 3, 7)
        DETECT("boxes = center, score_threshold = 0.1, iou_threshold = 0.6, max_output = 9, "
               "x_scale = 1.7, y_scale = 0.3, x_offset = 0.1, y_offset = -3"),
    ONE_BOX(2, 70, 6) IN_STEPS(8)
        DETECT("boxes = center, score_threshold = 0.3, iou_threshold = 0.5, max_output = 30, "
               "is_class_agnostic = 1"),
    OWN_BOX(1, 150, 4) AS_IS DETECT(
        "score_threshold = 0.2, iou_threshold = 0.5, max_output = 40, max_per_class = 3, "
        "is_class_agnostic = 1"),
    OWN_BOX(1, 150, 4) IN_STEPS(4)
        DETECT("score_threshold = 0.2, iou_threshold = 0.7, max_output = 40, max_per_class = 2"),
    /* More candidates than are looked at. */
    ONE_BOX(1, 500, 7) AS_IS DETECT(
        "score_threshold = 0.3, iou_threshold = 0.5, max_output = 60, max_candidates = 100, "
        "is_logit = 1"),
    TURNED(1, 500, 7, 11)
        DETECT("score_threshold = 0, iou_threshold = 1, max_output = 300, max_candidates = 333"),
    ONE_BOX(1, 500, 9) IN_STEPS(2)
        DETECT("score_threshold = -2, iou_threshold = 1, max_output = 70, max_candidates = 65"),
    ONE_BOX(1, 700, 8) "%p = neg(%b)\nconst %z : f32[] = 0\n%q = mul(%s, %z)\n" DETECT(
        "score_threshold = 0, iou_threshold = 0.9, max_output = 1000, max_candidates = 1500"),
    ONE_BOX(1, 9000, 9)
        AS_IS DETECT("score_threshold = 1.2, iou_threshold = 0.5, max_output = 100"),
    /* A class that is left out, and one that does not exist. */
    ONE_BOX(3, 40, 4)
        AS_IS DETECT("score_threshold = 0, iou_threshold = 0.5, max_output = 25, background = 2"),
    TURNED(1, 40, 4, 8)
        DETECT("score_threshold = 0, iou_threshold = 0, max_output = 25, background = 9"),
    /* NaN and infinity. */
    ONE_BOX(1, 60, 4) "const %c : f32[4] = 0 nan inf -inf\n%q = add(%s, %c)\n%p = neg(%b)\n" DETECT(
        "score_threshold = -1, iou_threshold = 0.5, max_output = 80"),
    ONE_BOX(1, 60, 4) "const %c : f32[4] = 0 nan 0 0\n%q = neg(%s)\n%p = add(%b, %c)\n" DETECT(
        "score_threshold = -1, iou_threshold = 0.5, max_output = 80, is_class_agnostic = 1"),
    ONE_BOX(1, 60, 4) "const %c : f32[4] = inf 0 inf -inf\n%q = neg(%s)\n%p = add(%b, %c)\n" DETECT(
        "score_threshold = -1, iou_threshold = 0.5, max_output = 80"),
    ONE_BOX(1, 60, 4) "const %c : f32[4] = 0 inf -inf 100\n%q = add(%s, %c)\n%p = neg(%b)\n" DETECT(
        "score_threshold = 0, iou_threshold = 0.5, max_output = 80, is_logit = 1"),
    /* No area; nothing found; one of everything. */
    ONE_BOX(1, 60, 2) "const %c : f32[] = 0\n%q = neg(%s)\n%p = mul(%b, %c)\n" DETECT(
        "score_threshold = 0, iou_threshold = 0.5, max_output = 80"),
    ONE_BOX(1, 30, 3) AS_IS DETECT("score_threshold = 99, iou_threshold = 0.5, max_output = 5"),
    ONE_BOX(1, 1, 1) AS_IS DETECT("score_threshold = -9, iou_threshold = 0.5, max_output = 3"),
    ONE_BOX(1, 9, 1) AS_IS DETECT("score_threshold = -9, iou_threshold = 0.5, max_output = 3"),
    OWN_BOX(1, 1, 9) AS_IS DETECT("score_threshold = -9, iou_threshold = 0.5, max_output = 3"),
    /* Results that nobody wants. */
    ONE_BOX(1, 90, 3) AS_IS
    "%n, %y = detect(%p, %q) {score_threshold = 0.25, max_output = 7}\noutput %y\n",
    ONE_BOX(1, 90, 3) AS_IS
    "%n, _, %v, _, %a = detect(%p, %q) {score_threshold = 0.25, max_output = 7}\noutput %v, %a\n",
};

/* Maps of which %e lies as the input does, and %l with channels last. */
#define MAPS(n, h, w, c) "graph \"g\"\ninput %x : f32[" #n "," #c "," #h "," #w "]\n%e = neg(%x)\n"
#define MAPS_LAST(n, h, w, c)                                                  \
    "graph \"g\"\ninput %x : f32[" #n "," #h "," #w "," #c "]\n%t = neg(%x)\n" \
    "%e = transpose(%t) {perm = [0,3,1,2]}\n"
#define PEAKS(attrs) "%y = peaks(%e) {" attrs "}\noutput %y\n"

static const char *const peak_graphs[] = {
    MAPS(1, 16, 12, 3) PEAKS("n_peaks = 1, threshold = -9"),
    MAPS(2, 16, 12, 3) PEAKS("n_peaks = 1, refine = quarter"),
    MAPS_LAST(2, 16, 12, 5) PEAKS("n_peaks = 1, refine = parabola"),
    MAPS_LAST(1, 30, 41, 4) PEAKS("n_peaks = 7, radius = 2, threshold = 0.5, refine = parabola, "
                                  "x_scale = 4.1, "
                                  "y_scale = 3.9, x_offset = -0.7, y_offset = 11"),
    MAPS(1, 30, 41, 2) PEAKS("n_peaks = 50, radius = 4, threshold = -9, refine = quarter"),
    MAPS(1, 100, 100, 1) PEAKS("n_peaks = 4, radius = 7, threshold = 1, refine = parabola"),
    /* More elements that are peaks than kernels have room for. */
    MAPS(1, 60, 60, 1) PEAKS("n_peaks = 5, radius = 0, threshold = -9, refine = quarter"),
    MAPS(1, 5, 4, 2) PEAKS("n_peaks = 30, threshold = -9, refine = parabola"),
    MAPS(1, 1, 9, 2) PEAKS("n_peaks = 3, radius = 1, threshold = -9, refine = quarter"),
    MAPS(1, 1, 1, 2) PEAKS("n_peaks = 2, radius = 3, threshold = -9, refine = parabola"),
    MAPS(1, 9, 9, 2) PEAKS("n_peaks = 2, radius = 3, threshold = 99"),
    /* Plateaus; NaN and infinity. */
    "graph \"g\"\ninput %x : f32[1,2,20,20]\n%e = round(%x)\n" PEAKS(
        "n_peaks = 40, radius = 1, refine = parabola"),
    "graph \"g\"\ninput %x : f32[1,2,6,5]\nconst %c : f32[5] = 0 nan 0 inf -inf\n"
    "%e = add(%x, %c)\n" PEAKS("n_peaks = 12, radius = 1, threshold = -9, refine = parabola"),
    "graph \"g\"\ninput %x : f32[1,2,6,5]\nconst %c : f32[] = nan\n"
    "%e = add(%x, %c)\n" PEAKS("n_peaks = 2, radius = 1, threshold = -9, refine = quarter"),
};

#define N_OF(list) (sizeof(list) / sizeof((list)[0]))

#endif
