/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX out: an inference graph with its weights becomes an .onnx file of standard ops that other runtimes read.
 *
 * Sizes. A graph of ours has fixed extents. To write a model for any size, the same network is given twice, built at
 * two sizes: an axis of an input in which the two differ becomes a dynamic one, and every node must have a form that
 * fits both ("the factor of this resize is 2 in both"). What has none is an error that names the node, so a model that
 * was written is right at every size. Let every two axes that are unrelated differ in their pair of extents.
 *
 * What is known is computed beforehand: parameters reshaped, tables of scales and shifts, folded normalisations become
 * initialisers. Common compositions go back to the op they stand for: mean, variance, instance normalisation, a
 * convolution's bias. */
#pragma once

#include "graph/graph.h"
#include "tensor/weights.h"

enum { ONNX_OPSET_MIN = 11, ONNX_OPSET_DEFAULT = 13, ONNX_OPSET_MAX = 17 };

/* What is done to a picture outside a convolutional network, inside the model: @margin mirrored pixels (the edge is
 * repeated: ... 1 0 0 1 2 ...) on every side, more at the bottom and right to a multiple of @multiple, and cut off
 * again. @input and @output are (n, c, h, w) in the graph, which is built for the padded size. */
struct onnx_frame {
  const char *input, *output;
  int margin, multiple;
  double range; /* values of the model's pictures are 0..range, those of the network 0..1 */
  bool last;    /* the model's pictures are (n, h, w, c) */
};

struct onnx_export_options {
  int opset; /* 0 = ONNX_OPSET_DEFAULT: read by runtimes since 2020, and the first that quantisers take */
  bool half; /* large weights as float16, cast when the model is loaded */
  const struct onnx_frame *frame;
  int width, height;           /* of the frame's picture when the size is fixed */
  const char *name, *doc;      /* of the graph; text for people */
  const char *version;         /* of the producer, impasto */
  const char *const *metadata; /* key, value, ..., NULL; a NULL or empty value is left out */
  GByteArray *into;            /* when not NULL: the file's bytes come here, and nothing is written */
};

/* @other: the same network at another size, or NULL when the size is fixed. Writes every named result of the graph.
 * IMPASTO_ERROR_MODEL: the graph's own mistake, an op without a form in ONNX, a node that depends on the size, weights
 * that are missing; IMPASTO_ERROR_OUTPUT. The message begins with the node's scope, or the path. */
bool onnx_export (struct graph *graph, struct graph *other, struct weights *weights,
                  const struct onnx_export_options *options, const char *path, GError **error);
