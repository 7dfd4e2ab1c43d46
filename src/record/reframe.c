/* SPDX-License-Identifier: Apache-2.0 */
/* A record for another camera. */
#include "record/reframe.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

/* What a record says of the camera, beside what it says of the network. */
static const char *const of_camera[] = {"format", "matrix", "range", "source",
                                        "resize", "anchor", "pad"};

static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static bool set_input(json_t *input, const struct tro_record_frames *f)
{
    for (size_t i = 0; i < sizeof of_camera / sizeof *of_camera; i++)
        json_object_del(input, of_camera[i]);
    const bool is_set = set(input, "format", json_string(f->format)) &&
                        set(input, "resize", json_string("stretch")) &&
                        set(input, "source", json_pack("[ii]", f->height, f->width));
    if (!is_set || !f->matrix)
        return is_set;
    return set(input, "matrix", json_string(f->matrix)) &&
           set(input, "range", json_string(f->range));
}

/* Positions, where an output has some. */
static bool set_output(json_t *output)
{
    const char *const decode = json_string_value(json_object_get(output, "decode"));
    const bool has_places = decode &&
                            (strcmp(decode, "boxes") == 0 || strcmp(decode, "peaks") == 0);
    return !has_places || set(output, "space", json_string("frame"));
}

static bool set_all(json_t *record, const struct tro_record_frames *f)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(record, "inputs"), key, value)
    {
        if (!set_input(value, f))
            return false;
    }
    json_object_foreach(json_object_get(record, "outputs"), key, value)
    {
        if (!set_output(value))
            return false;
    }
    return true;
}

/* NULL: no memory. In malloc's memory. */
static char *reframed(const char *text, const struct tro_record_frames *f)
{
    json_t *const record = json_loads(text, 0, NULL);
    char *const made = record && set_all(record, f)
                           ? json_dumps(record, JSON_INDENT(2) | JSON_PRESERVE_ORDER)
                           : NULL;
    json_decref(record);
    return made;
}

int tro_record_reframe(struct tro_record *r, const struct tro_record_frames *f, struct tro_err *err)
{
    struct tro_record made;
    if (r->n_inputs == 0)
        return tro_fail(err, TRO_E_INPUT,
                        "expected inputs that take frames, found none: there is nothing that "
                        "another camera could feed");
    char *const text = reframed(r->text, f);
    if (!text)
        return tro_fail_nomem(err);
    const int rc = tro_record_parse(text, strlen(text), "the record for these frames", &made, err);
    free(text);
    if (rc < 0)
        return rc;
    tro_record_finish(r);
    *r = made;
    return 0;
}
