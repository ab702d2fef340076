/* SPDX-License-Identifier: Apache-2.0
 *
 * Random values inside a graph: element i (row-major) is draw i of the key (seed of the run, stream of the node, step
 * of the run), the same by any number of threads and in any layout. Dropout is composed of a uniform mask. */
#include <string.h>

#include "base/random.h"
#include "device/kernel.h"
#include "op/sym.h"
#include "op/table.h"

#define CHUNK 4096 /* draws a thread takes at a time */

struct random_attrs {
  int64_t rank;
  int64_t dim[SHAPE_RANK_MAX];
  int64_t stream;
};

static const struct option random_options[] = {
  {"rank", OPTION_INT, offsetof (struct random_attrs, rank), "axes of the result", .max = SHAPE_RANK_MAX},
  {"shape", OPTION_INTS, offsetof (struct random_attrs, dim), "extents of the result, then zeros", .max = 1e15,
   .count = SHAPE_RANK_MAX},
  {"stream", OPTION_INT, offsetof (struct random_attrs, stream), "which use: other streams, other numbers",
   .max = UINT32_MAX},
  {NULL},
};

static bool
random_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct random_attrs *random = attrs;

  if (random->rank < 0 || random->rank > SHAPE_RANK_MAX)
    return op_fail (error, "rank %" G_GINT64_FORMAT ", wants 0 to %d", random->rank, SHAPE_RANK_MAX);
  *y = (struct shape){.rank = (int) random->rank};
  memcpy (y->dim, random->dim, sizeof y->dim);
  if (shape_valid (y))
    return true;
  g_autofree char *text = shape_text (y);
  return op_fail (error, "no value has the shape %s", text);
}

static struct random_key
key_of (const void *attrs, uint64_t seed, uint64_t step)
{
  const struct random_attrs *random = attrs;

  return (struct random_key){.seed = seed, .stream = (uint32_t) random->stream, .step = step};
}

static void
uniform_reference (const struct op_call *call)
{
  struct random_key key = key_of (call->attrs, call->seed, call->step);
  int64_t n = shape_size (call->y_shape);

  for (int64_t i = 0; i < n; i++)
    call->y[i] = random_uniform (key, (uint64_t) i);
}

static void
normal_reference (const struct op_call *call)
{
  struct random_key key = key_of (call->attrs, call->seed, call->step);
  int64_t n = shape_size (call->y_shape);

  for (int64_t i = 0; i < n; i++)
    call->y[i] = random_normal (key, (uint64_t) i);
}

/* Kernels: draws go straight to a row-major float32 result, else by way of the scratch. */

typedef void (*fill_fn) (struct random_key key, uint64_t index, float *out, size_t n);

static void
fill (const struct kernel *kernel, void *scratch, const struct run_context *context, fill_fn fn)
{
  const struct value *y = kernel->y;
  struct random_key key = key_of (kernel->attrs, context->seed, context->step);
  struct value draws = {.shape = y->shape, .layout = LAYOUT_PLAIN, .dtype = DTYPE_F32, .data = scratch};
  int64_t n = shape_size (&y->shape);

  if (kernel->scratch == 0)
    draws.data = y->data;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < n; i += CHUNK)
    fn (key, (uint64_t) i, (float *) draws.data + i, (size_t) MIN (CHUNK, n - i));
  if (kernel->scratch != 0)
    value_copy (y, &draws);
}

static void
uniform_run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  fill (kernel, scratch, context, random_uniform_fill);
}

static void
normal_run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  fill (kernel, scratch, context, random_normal_fill);
}

static void
want_scratch (struct kernel *kernel)
{
  const struct value *y = kernel->y;
  bool direct = y->dtype == DTYPE_F32 && (y->layout == LAYOUT_PLAIN || y->shape.rank != 4);

  kernel->scratch = direct ? 0 : (size_t) shape_size (&y->shape) * sizeof (float);
  kernel->implementation = "philox";
}

static bool
uniform_prepare (struct kernel *kernel, GError **error)
{
  want_scratch (kernel);
  kernel->run = uniform_run;
  return true;
}

static bool
normal_prepare (struct kernel *kernel, GError **error)
{
  want_scratch (kernel);
  kernel->run = normal_run;
  return true;
}

/* Builders */

static sym
draw (const struct op *op, struct graph *graph, struct shape shape, unsigned stream)
{
  struct random_attrs attrs = {.rank = shape.rank, .stream = stream};

  for (int i = 0; i < shape.rank && i < SHAPE_RANK_MAX; i++)
    attrs.dim[i] = shape.dim[i];
  return graph_add (graph, op, NULL, 0, &attrs);
}

sym
sym_uniform (struct graph *graph, struct shape shape, unsigned stream)
{
  return draw (&op_uniform, graph, shape, stream);
}

sym
sym_normal (struct graph *graph, struct shape shape, unsigned stream)
{
  return draw (&op_normal, graph, shape, stream);
}

/* A draw below the rate drops the element. */
sym
sym_dropout (sym x, double rate, unsigned stream)
{
  double scale = 1 / (1 - rate);
  sym dropped;

  if (sym_null (x) || rate == 0)
    return x;
  if (!(rate > 0 && rate < 1))
    return graph_fail (x.graph, "dropout: rate %g, wants 0 or more and less than 1", rate);
  dropped = sym_greater (graph_scalar (x.graph, rate), sym_uniform (x.graph, sym_shape (x), stream));
  return sym_mul (x, sym_affine (dropped, -scale, scale));
}

/* Cases */

static const struct random_attrs picture = {4, {2, 3, 5, 7}, 1}, many = {4, {1, 19, 31, 17}, 2}, vector = {1, {33}, 3},
                                 scalar = {0, {0}, 4}, empty = {2, {3, 0}, 5}, deep = {7, {1, 1, 1, 1, 1, 1}, 6};

static const struct op_case random_cases[] = {
  {"picture", {SHAPE_SCALAR}, 0, &picture, .no_gradient = true},
  {"more than a chunk", {SHAPE_SCALAR}, 0, &many, .no_gradient = true},
  {"vector", {SHAPE_SCALAR}, 0, &vector, .no_gradient = true},
  {"scalar", {SHAPE_SCALAR}, 0, &scalar, .no_gradient = true},
  {"no extent", {SHAPE_SCALAR}, 0, &empty, .error = "no value has the shape (3, 0)"},
  {"rank 7", {SHAPE_SCALAR}, 0, &deep, .error = "rank 7"},
  {NULL},
};

const struct op op_uniform = {
  .name = "uniform",
  .formula = "draws from [0, 1)",
  .attrs_size = sizeof (struct random_attrs),
  .attrs = random_options,
  .flags = OP_RANDOM | OP_STRIDED,
  .shape = random_shape,
  .reference = uniform_reference,
  .prepare = uniform_prepare,
  .cases = random_cases,
};

const struct op op_normal = {
  .name = "normal",
  .formula = "draws from the standard normal distribution",
  .attrs_size = sizeof (struct random_attrs),
  .attrs = random_options,
  .flags = OP_RANDOM | OP_STRIDED,
  .shape = random_shape,
  .reference = normal_reference,
  .prepare = normal_prepare,
  .cases = random_cases,
};
