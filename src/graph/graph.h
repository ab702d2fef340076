/* SPDX-License-Identifier: Apache-2.0
 *
 * The graph language: an append-only list of nodes, each one op, a few inputs, one output; in topological order by
 * construction. A graph means NCHW float32; layouts, precision and memory are the plan's business (compile/plan.h).
 *
 * Building is sticky: the first mistake stays in the graph with its scope name ("generator.res3.conv1: conv2d: input
 * has 64 channels, weight wants 128"), every later builder returns a null symbol, and graph_check (or plan_compile)
 * reports it, so that a network reads like its paper. Equal nodes (op, inputs, attributes) are one node.
 * A graph owns its nodes; one thread at a time may build it; a finished graph may be read by many. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "tensor/tensor.h"

struct graph;
struct op;
typedef struct graph graph;

/* One value of a graph. Passed by value; a null symbol has id -1. */
typedef struct sym {
  struct graph *graph;
  int id;
} sym;

enum init_kind { INIT_ZERO, INIT_CONSTANT, INIT_NORMAL, INIT_UNIFORM };

/* How a parameter starts: constant value, or normal with standard deviation / uniform in +-value. */
struct init {
  enum init_kind kind;
  double value;
};

struct node {
  const struct op *op;
  struct shape shape;
  int n_inputs;
  const int *input;     /* ids of earlier nodes */
  const void *attrs;    /* the op's attribute struct, owned by the graph; NULL when it has none */
  const char *scope;    /* "generator.res3.conv1", "" at the top */
  const char *name;     /* of an input or parameter: its full name; else NULL */
  struct tensor *value; /* of a constant: F32 */
  struct init init;     /* of a parameter */
};

/* A value the plan computes: to be read under @name, or stored into the parameter @target after a run (then name is
 * NULL). */
struct graph_result {
  const char *name;
  int target; /* node id of the parameter, or -1 */
  int id;
};

struct graph *graph_new (void);
void graph_free (struct graph *graph);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (graph, graph_free)

/* FALSE with the first building mistake (IMPASTO_ERROR_MODEL). */
bool graph_check (struct graph *graph, GError **error);

/* Scopes: names of parameters and messages between push and pop begin with "NAME.". Format as printf. */
void graph_push (struct graph *graph, const char *format, ...) G_GNUC_PRINTF (2, 3);
void graph_pop (struct graph *graph);

int graph_count (const struct graph *graph);
const struct node *graph_node (const struct graph *graph, int id);
double graph_node_flops (const struct graph *graph, int id); /* a multiply-add counts two; 0 where it is not counted */
const struct node *sym_node (sym s);                         /* NULL for a null symbol */
struct shape sym_shape (sym s);                              /* scalar for a null symbol */
bool sym_null (sym s);

/* Leaves. A name is used once; a parameter's begins with the scope, an input's is as given. A parameter of a name that
 * exists returns the same node (shared weights) and must agree in shape. */
sym graph_input (struct graph *graph, const char *name, struct shape shape);
sym graph_parameter (struct graph *graph, const char *name, struct shape shape, struct init init);
sym graph_constant (struct graph *graph, struct tensor *value); /* takes a reference; F32 */
sym graph_scalar (struct graph *graph, double value);

/* Adds @op over @inputs; @attrs is copied. The builders in op/sym.h call it; nothing else needs to. */
sym graph_add (struct graph *graph, const struct op *op, const sym *inputs, int n_inputs, const void *attrs);

/* Puts the error "SCOPE: message" into the graph unless one is there; returns the null symbol. */
sym graph_fail (struct graph *graph, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* What the plan computes. */
void graph_output (struct graph *graph, const char *name, sym value);
void graph_assign (struct graph *graph, sym parameter, sym value); /* parameter := value after each run */
guint graph_result_count (const struct graph *graph);
struct graph_result graph_result (const struct graph *graph, guint i);

/* A line a node: "%7 = conv2d(%3, %5) stride=2 : (1, 64, 32, 32)  # generator.conv1"; and Graphviz. New strings. */
char *graph_text (const struct graph *graph);
char *graph_dot (const struct graph *graph);

/* The ops of the leaves; they have no kernel: the plan binds them. */
extern const struct op op_input, op_parameter, op_constant;
