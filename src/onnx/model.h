/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room share of an opened model: the unpacked message, its checked graphs, its decoded tensors.
 * Nothing here changes after onnx_open. */
#pragma once

#include <onnx.pb-c.h>

#include "onnx/onnx.h"

/* A graph, the body of an If, or a function of the model: nodes in an order that computes every value before it is
 * read. Nodes that no output needs are left out. */
struct onnx_body {
  const Onnx__NodeProto **nodes; /* in that order */
  guint n_nodes;
};

struct onnx_model {
  char *name, *folder; /* of the file, for messages; where external data may lie, or NULL */
  Onnx__ModelProto *proto;
  int opset;
  GHashTable *constants;    /* const Onnx__TensorProto * -> struct onnx_constant *, of every tensor in the file */
  GHashTable *bodies;       /* const Onnx__GraphProto * or Onnx__FunctionProto * -> struct onnx_body * */
  GHashTable *functions;    /* "domain/name" -> const Onnx__FunctionProto * */
  GArray *inputs, *outputs; /* struct onnx_port */
  int64_t parameters, elements; /* of floating tensors, of all */
};

/* scan.c: whether @data may be given to protobuf-c: nesting, lengths, and what unpacking would take. */
bool onnx_scan (const uint8_t *data, size_t size, GError **error);

/* tensor.c: the elements of a tensor. External data is read from below @folder. */
struct onnx_constant *onnx_tensor_decode (const Onnx__TensorProto *tensor, const char *folder, GError **error);

/* order.c: the nodes that @outputs need. Names that no node makes are taken to come from outside; what is made twice
 * and cycles are errors. Free with onnx_body_free. */
struct onnx_body *onnx_body_new (Onnx__NodeProto *const *nodes, size_t n_nodes, const char *const *outputs,
                                 size_t n_outputs, GError **error);
void onnx_body_free (struct onnx_body *body);

/* Whether a domain is the standard one: "" or "ai.onnx", or absent. */
bool onnx_standard_domain (const char *domain);

/* How a node is called in messages: "node 'conv1' (Conv)"; one without a name by its first output. A new string. */
char *onnx_node_title (const Onnx__NodeProto *proto);

/* IMPASTO_ERROR_MODEL; returns false. */
bool onnx_fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);
