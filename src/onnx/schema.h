/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of onnx.proto and where their fields lie in the structs of proto.h: the one list that
 * reading and writing both follow. Field numbers are those of ONNX 1.18 (IR version 11).
 */
#ifndef TRO_ONNX_SCHEMA_H
#define TRO_ONNX_SCHEMA_H

#include "onnx/proto.h"

/*  kind           member at `at`                    member at `aux`                            */
enum tro_field_kind {
    TRO_FIELD_TEXT,       /* struct tro_str, any bytes      bool: it is there; or none          */
    TRO_FIELD_NAME,       /* struct tro_str, a name         bool: another member of the oneof
                                                            is there, this one does not count   */
    TRO_FIELD_DOMAIN,     /* struct tro_str, a name         bool: it was "ai.onnx"              */
    TRO_FIELD_I64,        /* int64_t                        bool: it is there                   */
    TRO_FIELD_I32,        /* int32_t                        bool: it is there                   */
    TRO_FIELD_I32_OR_NOT, /* int32_t                        bool: it is not there               */
    TRO_FIELD_F32,        /* float                          bool: it is there                   */
    TRO_FIELD_FLAG,       /* bool, from 0 or 1              bool: it is there                   */
    TRO_FIELD_INLINE,     /* a struct                       bool: it is there; or none: always  */
    TRO_FIELD_SUB,        /* a pointer to a struct          none                                */
    TRO_FIELD_SUBS,       /* a pointer to an array          size_t: how many; so for all below  */
    TRO_FIELD_TEXTS,      /* struct tro_str *                                                   */
    TRO_FIELD_NAMES,      /* struct tro_str *                                                   */
    TRO_FIELD_I64S,       /* int64_t *, packed or not                                           */
    TRO_FIELD_F32S,       /* float *, packed or not                                             */
    TRO_FIELD_VARINTS,    /* struct tro_str, packed         int32_t: number of the field that   */
    TRO_FIELD_FIXED32S,   /* struct tro_str, packed         is there; several fields share both */
    TRO_FIELD_FIXED64S    /* struct tro_str, packed                                             */
};

#define TRO_NO_AUX UINT16_MAX
/* A field that the messages of a SUB or SUBS field must have, not empty; ANY: one at least. The
 * structs of messages that may be empty would take many times the file's bytes. */
#define TRO_NEEDS_ANY 255

struct tro_onnx_message;

struct tro_onnx_field {
    uint8_t number;
    uint8_t kind;
    uint8_t needs;
    uint16_t at, aux;
    const char *name; /* as onnx.proto says */
    const struct tro_onnx_message *child;
};

#define TRO_MAX_FIELDS 16

struct tro_onnx_message {
    const char *name;
    size_t size;                         /* of the struct */
    const struct tro_onnx_field *fields; /* by number */
    size_t n_fields;
    /* What reading has to add when all fields are there; NULL: nothing. */
    int (*finish)(void *message, struct tro_err *err);
    size_t unknown_at; /* struct tro_str for the fields that are not in the list */
};

extern const struct tro_onnx_message *const tro_onnx_model_message;
extern const struct tro_onnx_message *const tro_onnx_tensor_message;

#endif
