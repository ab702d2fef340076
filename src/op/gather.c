/* SPDX-License-Identifier: Apache-2.0
 *
 * Picking elements along an axis by their indices, which are values like any others, and the adjoint:
 *
 *   gather (x, i)       y[a, k, b] = x[a, i(k), b]                x (a, n, b), i of any shape k, y (a, k, b)
 *   gather_back (d, i)  y[a, q, b] = sum of d[a, k, b] over k with i(k) = q
 *
 * Each is linear in its first input and the other's gradient; there is none for the indices. They are float32 as
 * everything is, hence exact up to 2^24; fractions are cut off. A negative index counts from the end; one outside is
 * held to the nearest end, so that no value of an index can make a plan read elsewhere. */
#include <omp.h>
#include <string.h>

#include "device/cpu.h"
#include "op/sym.h"
#include "op/table.h"

#define I64 "%" G_GINT64_FORMAT
#define BLOCK 256 /* elements of b that a task of the adjoint adds up */
#define PARALLEL_MIN 32768

struct gather_attrs {
  int64_t axis;
  int64_t extent; /* gather_back: of the axis of the result */
};

static const struct option gather_options[] = {
  {"axis", OPTION_INT, offsetof (struct gather_attrs, axis), "the axis that is indexed", .max = SHAPE_RANK_MAX - 1},
  {"extent", OPTION_INT, offsetof (struct gather_attrs, extent), "gather_back: extent of the axis of the result",
   .max = 1e15},
  {NULL},
};

/* The larger side as (a, n, b) and the smaller as (a, k, b). */
struct extents {
  int64_t a, n, k, b;
};

static struct extents
extents_of (int64_t axis, const struct shape *whole, const struct shape *index)
{
  struct extents e = {1, whole->dim[axis], shape_size (index), 1};

  for (int i = 0; i < axis; i++)
    e.a *= whole->dim[i];
  for (int i = (int) axis + 1; i < whole->rank; i++)
    e.b *= whole->dim[i];
  return e;
}

/* NaN becomes 0. */
static int64_t
place (double index, int64_t n)
{
  double at = index < 0 ? index + (double) n : index;

  return at > 0 ? at < (double) n ? (int64_t) at : n - 1 : 0;
}

/* Shapes */

static bool
gather_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct gather_attrs *g = attrs;
  int axis = (int) g->axis, k = x[1]->rank;

  if (g->axis < 0 || g->axis >= x[0]->rank)
    return op_fail (error, "axis " I64 " of an input of rank %d", g->axis, x[0]->rank);
  if (x[0]->rank - 1 + k > SHAPE_RANK_MAX)
    return op_fail (error, "rank %d indexed with rank %d gives more than %d axes", x[0]->rank, k, SHAPE_RANK_MAX);
  y->rank = x[0]->rank - 1 + k;
  for (int i = 0; i < y->rank; i++)
    y->dim[i] = i < axis ? x[0]->dim[i] : i < axis + k ? x[1]->dim[i - axis] : x[0]->dim[i - k + 1];
  return true;
}

static bool
gather_back_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  const struct gather_attrs *g = attrs;
  int axis = (int) g->axis, k = x[1]->rank;

  if (g->axis < 0 || g->extent < 1 || g->axis + k > x[0]->rank)
    return op_fail (error, "axis " I64 " of extent " I64 ", indexed with rank %d, in a value of rank %d", g->axis,
                    g->extent, k, x[0]->rank);
  for (int i = 0; i < k; i++)
    if (x[0]->dim[axis + i] != x[1]->dim[i]) {
      g_autofree char *value = shape_text (x[0]), *index = shape_text (x[1]);
      return op_fail (error, "value %s does not hold the indices' shape %s from axis %d on", value, index, axis);
    }
  if (x[0]->rank - k + 1 > SHAPE_RANK_MAX)
    return op_fail (error, "gives more than %d axes", SHAPE_RANK_MAX);
  y->rank = x[0]->rank - k + 1;
  for (int i = 0; i < y->rank; i++)
    y->dim[i] = i < axis ? x[0]->dim[i] : i == axis ? g->extent : x[0]->dim[i + k - 1];
  return true;
}

/* Reference */

static void
gather_reference (const struct op_call *call)
{
  struct extents e = extents_of (((const struct gather_attrs *) call->attrs)->axis, call->x_shape[0], call->x_shape[1]);

  for (int64_t i = 0; i < e.a * e.k * e.b; i++)
    call->y[i] = call->x[0][(i / (e.k * e.b) * e.n + place (call->x[1][i / e.b % e.k], e.n)) * e.b + i % e.b];
}

static void
gather_back_reference (const struct op_call *call)
{
  struct extents e = extents_of (((const struct gather_attrs *) call->attrs)->axis, call->y_shape, call->x_shape[1]);

  for (int64_t i = 0; i < e.a * e.k * e.b; i++)
    call->y[(i / (e.k * e.b) * e.n + place (call->x[1][i / e.b % e.k], e.n)) * e.b + i % e.b] += call->x[0][i];
}

/* Builders and gradients */

sym
sym_gather (sym x, int axis, sym index)
{
  sym inputs[2] = {x, index};

  return graph_add (x.graph, &op_gather, inputs, 2, &(struct gather_attrs){.axis = axis});
}

sym
sym_gather_back (sym dy, sym index, int axis, int64_t extent)
{
  sym inputs[2] = {dy, index};

  return graph_add (dy.graph, &op_gather_back, inputs, 2, &(struct gather_attrs){.axis = axis, .extent = extent});
}

static void
gather_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  int axis = (int) ((const struct gather_attrs *) attrs)->axis;

  if (wanted[0])
    dx[0] = sym_gather_back (dy, x[1], axis, sym_shape (x[0]).dim[axis]);
}

static void
gather_back_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  if (wanted[0])
    dx[0] = sym_gather (dy, (int) ((const struct gather_attrs *) attrs)->axis, x[1]);
}

/* Kernels: row-major float32 */

static void
run_gather (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  int64_t axis = ((const struct gather_attrs *) kernel->attrs)->axis;
  struct extents e = extents_of (axis, &kernel->x[0]->shape, &kernel->x[1]->shape);
  const float *x = kernel->x[0]->data, *index = kernel->x[1]->data;
  float *y = kernel->y->data;

#pragma omp parallel for schedule(static) num_threads(cpu_threads()) if (e.a * e.k * e.b >= PARALLEL_MIN)
  for (int64_t i = 0; i < e.a * e.k; i++) {
    const float *from = x + (i / e.k * e.n + place ((double) index[i % e.k], e.n)) * e.b;

    if (e.b == 1)
      y[i] = *from;
    else
      memcpy (y + i * e.b, from, (size_t) e.b * sizeof *y);
  }
}

/* A task owns a block of b of one a, so that sums are made in the order of k by one thread. */
static void
run_gather_back (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  int64_t axis = ((const struct gather_attrs *) kernel->attrs)->axis;
  struct extents e = extents_of (axis, &kernel->y->shape, &kernel->x[1]->shape);
  const float *d = kernel->x[0]->data, *index = kernel->x[1]->data;
  float *y = kernel->y->data;
  int64_t blocks = (e.b + BLOCK - 1) / BLOCK;

  memset (y, 0, value_bytes (kernel->y));
#pragma omp parallel for schedule(static) num_threads(cpu_threads()) if (e.a * e.k * e.b >= PARALLEL_MIN)
  for (int64_t task = 0; task < e.a * blocks; task++) {
    int64_t a = task / blocks, begin = task % blocks * BLOCK, count = MIN (BLOCK, e.b - begin);

    for (int64_t k = 0; k < e.k; k++) {
      float *to = y + (a * e.n + place ((double) index[k], e.n)) * e.b + begin;
      const float *from = d + (a * e.k + k) * e.b + begin;

      for (int64_t i = 0; i < count; i++)
        to[i] += from[i];
    }
  }
}

static bool
gather_prepare (struct kernel *kernel, GError **error)
{
  kernel->run = run_gather;
  kernel->implementation = "gather";
  return true;
}

static bool
gather_back_prepare (struct kernel *kernel, GError **error)
{
  kernel->run = run_gather_back;
  kernel->implementation = "scatter, add";
  return true;
}

/* Cases: indices are drawn as x is, hence negative and outside ones among them */

static const struct gather_attrs axis_0 = {.axis = 0}, axis_1 = {.axis = 1}, axis_3 = {.axis = 3}, axis_4 = {.axis = 4};
static const struct gather_attrs into_0_7 = {0, 7}, into_1_5 = {1, 5}, into_2_300 = {2, 300}, into_none = {0, 0};

static const struct op_case gather_cases[] = {
  {"rows of a matrix", {SHAPE (5, 7), SHAPE (9)}, 2, &axis_0, .low = -4, .high = 6},
  {"channels of pictures", {SHAPE (2, 5, 3, 4), SHAPE (4)}, 2, &axis_1, .low = -4, .high = 6},
  {"columns, by a matrix of indices", {SHAPE (1, 2, 3, 6), SHAPE (2, 3)}, 2, &axis_3, .low = -5, .high = 8},
  {"one element of a vector", {SHAPE (4), SHAPE_SCALAR}, 2, &axis_0, .low = 0, .high = 3},
  {"no such axis", {SHAPE (2, 3), SHAPE (2)}, 2, &axis_4, .error = "axis 4 of an input of rank 2"},
  {"too many axes",
   {SHAPE (2, 3, 4, 5), SHAPE (2, 2, 2, 2)},
   2,
   &axis_1,
   .error = "rank 4 indexed with rank 4 gives more than 6 axes"},
  {NULL},
};

static const struct op_case gather_back_cases[] = {
  {"rows of a matrix", {SHAPE (9, 7), SHAPE (9)}, 2, &into_0_7, .low = -6, .high = 6},
  {"channels of pictures", {SHAPE (2, 4, 3, 4), SHAPE (4)}, 2, &into_1_5, .low = -4, .high = 6},
  {"long rows", {SHAPE (2, 3, 6, 530), SHAPE (6)}, 2, &into_2_300, .low = -4, .high = 6},
  {"one element of a vector", {SHAPE_SCALAR, SHAPE_SCALAR}, 2, &into_0_7, .low = 0, .high = 3},
  {"another shape", {SHAPE (4, 3), SHAPE (5)}, 2, &into_0_7, .error = "value (4, 3) does not hold"},
  {"to nothing", {SHAPE (5), SHAPE (5)}, 2, &into_none, .error = "extent 0"},
  {NULL},
};

const struct op op_gather = {
  .name = "gather",
  .formula = "y(a,k,b) = x(a, i(k), b)",
  .min_inputs = 2,
  .max_inputs = 2,
  .attrs_size = sizeof (struct gather_attrs),
  .attrs = gather_options,
  .flags = OP_FLOAT,
  .shape = gather_shape,
  .reference = gather_reference,
  .gradient = gather_gradient,
  .prepare = gather_prepare,
  .cases = gather_cases,
};

const struct op op_gather_back = {
  .name = "gather_back",
  .formula = "y(a,q,b) = sum of d(a,k,b) over k where i(k) = q",
  .min_inputs = 2,
  .max_inputs = 2,
  .attrs_size = sizeof (struct gather_attrs),
  .attrs = gather_options,
  .flags = OP_FLOAT,
  .shape = gather_back_shape,
  .reference = gather_back_reference,
  .gradient = gather_back_gradient,
  .prepare = gather_back_prepare,
  .cases = gather_back_cases,
};
