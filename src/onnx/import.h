/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of an import, for the files that run it: import.c walks the nodes, node.c is what rules see of one
 * (rule.h). */
#pragma once

#include "onnx/model.h"
#include "onnx/rule.h"

#define IMPORT_NODES_MAX (4 << 20) /* nodes run, functions and branches counted each time */

/* What constants made on the way may hold in all, in elements: this much, and in proportion to what is there. */
#ifndef IMPORT_ELEMENTS_BASE
#define IMPORT_ELEMENTS_BASE ((int64_t) 1 << 26)
#endif
#define IMPORT_PER_CONSTANT 8
#define IMPORT_PER_INPUT 64
#define IMPORT_WORK 64 /* elements read, for each that may be made */

/* Names and what they stand for: a graph, a branch within it (with a parent), a call of a function. */
struct scope {
  const struct scope *parent;
  GHashTable *values;     /* name -> struct onnx_value *, owned */
  GHashTable *attributes; /* of a function's call: name -> const Onnx__AttributeProto *, or NULL */
  int opset;
};

struct importer {
  struct onnx_model *model;
  struct graph *graph;
  struct weights *weights;
  char *title;            /* of the node whose rule runs: the graph's scope; NULL between nodes */
  GHashTable *names;      /* of inputs and parameters of the graph */
  GHashTable *parameters; /* struct tensor * -> name of its parameter, both borrowed */
  int64_t left;           /* elements of constants that may still be made */
  int64_t work;           /* elements of constants that may still be read */
  int nodes, depth;
};

struct onnx_node {
  struct importer *importer;
  const struct scope *scope;
  const Onnx__NodeProto *proto;
  int n_inputs, n_outputs;
  struct onnx_value **input; /* NULL: absent */
  struct onnx_value *output; /* constant references are owned until the scope takes them */
  GPtrArray *owned;          /* what getters hand out */
  GError *mistake;           /* of a getter */
};

/* bounds.c: of a value of the graph. */
struct bounds onnx_bounds (sym value);

/* node.c */
void node_init (struct onnx_node *node, struct importer *importer, const struct scope *scope,
                const Onnx__NodeProto *proto);
void node_clear (struct onnx_node *node);
const Onnx__AttributeProto *node_attribute (const struct onnx_node *node, const char *name); /* or NULL */
struct onnx_value *scope_find (const struct scope *scope, const char *name);                 /* or NULL */

/* A constant as a value of the graph: made at the first call, remembered in the value. */
sym value_sym (struct importer *importer, struct onnx_value *value, GError **error);
