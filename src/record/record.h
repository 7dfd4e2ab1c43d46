/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records: a JSON text beside a model (docs/record.md) that says what its inputs really are, as
 * frames of a camera. Reading is strict: a key that is not known, a wrong type and a value out of
 * its range are errors that name the place ("net.json: inputs.images.mean[1]: ...").
 *
 * Applied to a model, a record puts a `camera` node in front of each input it speaks of, which then
 * takes u8 frames, and nodes that decode behind each output. Its text stays in the metadata (key
 * TRO_RECORD_KEY), from where it gets into the plan's notes.
 *
 * Records are read with jansson; without it reading ends in TRO_E_DEVICE and a message that says
 * so.
 */
#ifndef TRO_RECORD_RECORD_H
#define TRO_RECORD_RECORD_H

#include "base/arena.h"
#include "build/model.h"
#include "graph/camera.h"

#define TRO_RECORD_KEY "trocar.record"
#define TRO_RECORD_MAX_BYTES (1 << 20)

enum tro_record_layout { TRO_RECORD_LAYOUT_NCHW, TRO_RECORD_LAYOUT_NHWC };

/* An input of the network; has_: the record says so, else the metadata does (record/notes.h). */
struct tro_record_input {
    const char *name;
    struct tro_attrs_camera camera; /* height and width 0: those of the network */
    int64_t height, width;          /* of the frames, in pixels; 0: those of the network */
    bool has_order, has_layout, has_scale, has_mean, has_std;
    enum tro_record_layout layout;
    double scale, mean[TRO_CAMERA_CHANNELS], std[TRO_CAMERA_CHANNELS];
    int n_mean, n_std; /* 1: the same for all channels */
};

/* What the results of an output are turned into. */
enum tro_record_decode {
    TRO_RECORD_BOXES,   /* boxes and scores of all anchors into detections */
    TRO_RECORD_PEAKS,   /* heat maps into points */
    TRO_RECORD_CLASSES, /* scores of each pixel into the number of a class, u8 */
    TRO_RECORD_LINEAR,  /* x into x * scale + offset */
    TRO_RECORD_SCORES   /* logits of a picture into scores of 0 to 1 */
};

enum tro_record_activation {
    TRO_RECORD_NO_ACTIVATION,
    TRO_RECORD_SIGMOID,
    TRO_RECORD_SOFTMAX /* of scores alone */
};

/* In which pixels positions are: those of the map itself, of the network's input, of the frame. */
enum tro_record_space { TRO_RECORD_SPACE_MAP, TRO_RECORD_SPACE_NETWORK, TRO_RECORD_SPACE_FRAME };

struct tro_record_output {
    const char *name;
    enum tro_record_decode decode;
    const char *const *names; /* of classes or points */
    int n_names;
    enum tro_record_space space;
    const char *input;  /* whose pixels those are; NULL: the only one */
    const char *scores; /* boxes: the output that holds them; NULL: this one does, behind boxes */
    bool is_by_row;     /* boxes: [N, A, 4 + C], else [N, 4 + C, A] */
    bool has_objectness, is_fraction;
    struct tro_attrs_detect detect;
    struct tro_attrs_peaks peaks;
    bool is_nhwc, is_logit;                /* classes */
    double threshold;                      /* classes, where there is one channel; scores: a yes */
    enum tro_record_activation activation; /* scores */
    double scale, offset;                  /* linear */
};

/* An input takes the output of the frame before, zeros at first. */
struct tro_record_state {
    const char *input, *output;
};

/* What of the camera that gave a frame an input takes. */
enum tro_record_fact {
    TRO_RECORD_FOCAL_LENGTH /* in widths of the frame */
};

/* An input takes a fact of the camera. */
struct tro_record_optics {
    const char *input;
    enum tro_record_fact what;
};

struct tro_record {
    struct tro_arena arena; /* of everything below */
    const char *text;
    struct tro_record_input *inputs;
    size_t n_inputs;
    struct tro_record_output *outputs;
    size_t n_outputs;
    struct tro_record_state *states;
    size_t n_states;
    struct tro_record_optics *optics;
    size_t n_optics;
};

/* Both overwrite *out; on failure nothing is left to finish. name stands in messages. */
int tro_record_read(const char *path, struct tro_record *out, struct tro_err *err);
int tro_record_parse(const char *text, size_t n, const char *name, struct tro_record *out,
                     struct tro_err *err);
void tro_record_finish(struct tro_record *r);

/* Rewrites the model's graph and keeps the text. Inputs and outputs that the model lacks, or that
 * have not the form that the record says, are errors. Before a builder is made of the model. States
 * and optics are checked: whoever runs the network frame after frame hands them on. */
int tro_record_apply(const struct tro_record *r, struct tro_model *m, struct tro_err *err);

/* The same for a graph that is no model's; notes: what stands for the model's metadata. */
struct tro_preprocess;
int tro_record_apply_to_graph(const struct tro_record *r, struct tro_graph *g,
                              const struct tro_preprocess *notes, struct tro_err *err);

/* A graph that the record was applied to, and passes changed since: inputs and outputs are those of
 * the network again, which `plain` has. What is left of decoding has no use (pass dce).
 * TRO_E_UNSUPPORTED where passes have drawn the network into what the record put around it. */
int tro_record_remove(const struct tro_record *r, struct tro_graph *g,
                      const struct tro_graph *plain, struct tro_err *err);

#endif
