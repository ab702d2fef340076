/* SPDX-License-Identifier: Apache-2.0
 *
 * An ONNX model being written: nodes one after another, attributes on the node before them, initialisers, inputs,
 * outputs, the card; then one file. Everything handed out (names of values) lives as long as the writer; tensors are
 * referenced, not copied. Names are made unique. Knows nothing of our graphs: that is the exporter (export.h). One
 * thread.
 *
 *     const char *y = onnx_write_node (writer, "down1.conv", "Conv", (const char *const[]){x, weight, NULL});
 *     onnx_write_ints (writer, "strides", (const int64_t[]){2, 2}, 2); */
#pragma once

#include "onnx/constant.h"

typedef struct onnx_writer onnx_writer;

/* One axis of an input or output: an extent, or the name of one that is known at run time, or neither. */
struct onnx_dim {
  int64_t extent; /* 0 = not fixed */
  const char *name;
};

struct onnx_writer *onnx_writer_new (int opset);
void onnx_writer_free (struct onnx_writer *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (onnx_writer, onnx_writer_free)

int onnx_writer_opset (const struct onnx_writer *writer);

/* A node of one output: its name, @name or "NAME_2" when that is taken. @inputs end with NULL; "" leaves one out. */
const char *onnx_write_node (struct onnx_writer *writer, const char *name, const char *op, const char *const *inputs);

/* Attributes of the node written last. */
void onnx_write_int (struct onnx_writer *writer, const char *name, int64_t value);
void onnx_write_ints (struct onnx_writer *writer, const char *name, const int64_t *values, size_t n);
void onnx_write_float (struct onnx_writer *writer, const char *name, double value);
void onnx_write_string (struct onnx_writer *writer, const char *name, const char *value);

/* Initialisers: a float tensor under its shape or another of as many elements, stored as float16 and cast when @half;
 * and small constants, which are written once however often they are asked for. */
const char *onnx_write_tensor (struct onnx_writer *writer, const char *name, struct tensor *tensor, struct shape shape,
                               bool half, GError **error);
const char *onnx_write_scalar (struct onnx_writer *writer, double value);                      /* float, rank 0 */
const char *onnx_write_floats (struct onnx_writer *writer, const double *values, size_t n);    /* rank 1 */
const char *onnx_write_int_scalar (struct onnx_writer *writer, int64_t value);                 /* int64, rank 0 */
const char *onnx_write_int_list (struct onnx_writer *writer, const int64_t *values, size_t n); /* rank 1 */

const char *onnx_write_input (struct onnx_writer *writer, const char *name, const struct onnx_dim *dims, int rank);

/* @value becomes the output @name: renamed where it can be, else copied. */
void onnx_write_output (struct onnx_writer *writer, const char *name, const char *value, const struct onnx_dim *dims,
                        int rank);

/* The card; each may be NULL. */
void onnx_write_producer (struct onnx_writer *writer, const char *name, const char *version);
void onnx_write_doc (struct onnx_writer *writer, const char *graph_name, const char *text);
void onnx_write_metadata (struct onnx_writer *writer, const char *key, const char *value);

/* The file, or @into when it is not NULL: the bytes of one. IMPASTO_ERROR_OUTPUT: the file could not be written;
 * nothing half-written stays. IMPASTO_ERROR_MODEL: more than the 2 GiB that an ONNX file can hold. */
bool onnx_writer_save (struct onnx_writer *writer, const char *path, GByteArray *into, GError **error);
