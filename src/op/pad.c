/* SPDX-License-Identifier: Apache-2.0
 *
 * Padding of the last two axes and its adjoint. Along each axis an output position shows one input position, or zero:
 *
 *   input        0 1 2           by 4 on the left, 2 on the right
 *   zero     . . . . 0 1 2 . .
 *   reflect  0 1 2 1 0 1 2 1 0   mirrored at the outermost pixels, again and again where the padding is wider
 *   replicate 0 0 0 0 0 1 2 2 2
 *   circular 2 0 1 2 0 1 2 0 1
 *
 * An axis of one pixel has nothing to mirror: reflect is then replicate. The adjoint, pad_back, adds every padded pixel
 * onto the pixel that it shows. Each is linear and the other's gradient. */
#include "op/separable.h"
#include "op/sym.h"
#include "op/table.h"

#define I64 "%" G_GINT64_FORMAT

static const char *const pad_modes[] = {"zero", "reflect", "replicate", "circular", NULL};

static const struct option pad_options[] = {
  {"pad", OPTION_INTS, offsetof (struct pad_attrs, amount), "rows and columns to add: top, left, bottom, right",
   .min = 0, .max = 1e9, .count = 4},
  {"mode", OPTION_CHOICE, offsetof (struct pad_attrs, mode), "what the added pixels show", .choices = pad_modes},
  {NULL},
};

int64_t
pad_shown (int mode, int64_t i, int64_t extent)
{
  int64_t period = mode == PAD_REFLECT ? MAX (2 * (extent - 1), 1) : extent;
  int64_t phase = (i % period + period) % period;

  switch ((enum pad_mode) mode) {
  case PAD_ZERO: return i >= 0 && i < extent ? i : -1;
  case PAD_REFLECT: return phase < extent ? phase : period - phase;
  case PAD_REPLICATE: return CLAMP (i, 0, extent - 1);
  case PAD_CIRCULAR: return phase;
  }
  g_return_val_if_reached (-1);
}

/* y := x with the last two extents changed by @sign times the padding. */
static bool
padded_shape (const struct pad_attrs *attrs, const struct shape *x, int sign, struct shape *y, GError **error)
{
  const int64_t *amount = attrs->amount;

  if (x->rank < 2) {
    return op_fail (error, "input has rank %d, wants at least the two axes to pad", x->rank);
  }
  for (int i = 0; i < 4; i++)
    if (amount[i] < 0 || amount[i] > SHAPE_SIZE_MAX) {
      return op_fail (error, "padding of " I64 ", wants 0 or more (slice cuts)", amount[i]);
    }
  *y = *x;
  y->dim[x->rank - 2] += sign * (amount[0] + amount[2]);
  y->dim[x->rank - 1] += sign * (amount[1] + amount[3]);
  if (y->dim[x->rank - 2] < 1 || y->dim[x->rank - 1] < 1) {
    g_autofree char *text = shape_text (x);
    return op_fail (error, "input %s is not larger than its padding", text);
  }
  return true;
}

static bool
pad_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  return padded_shape (attrs, x[0], 1, y, error);
}

static bool
pad_back_shape (const void *attrs, const struct shape *const *x, int n_inputs, struct shape *y, GError **error)
{
  return padded_shape (attrs, x[0], -1, y, error);
}

/* For every pixel of the padded picture that shows one of the small picture: small and padded index. */
static void
pad_walk (const struct op_call *call, const struct shape *small, const struct shape *padded, bool back)
{
  const struct pad_attrs *attrs = call->attrs;
  int64_t h = small->dim[small->rank - 2], w = small->dim[small->rank - 1];
  int64_t padded_h = padded->dim[padded->rank - 2], padded_w = padded->dim[padded->rank - 1];
  int64_t pictures = shape_size (small) / (h * w);

  for (int64_t n = 0; n < pictures; n++)
    for (int64_t i = 0; i < padded_h; i++)
      for (int64_t j = 0; j < padded_w; j++) {
        int64_t p = pad_shown (attrs->mode, i - attrs->amount[0], h), q = pad_shown (attrs->mode, j - attrs->amount[1], w);
        int64_t to = (n * padded_h + i) * padded_w + j, from = (n * h + p) * w + q;

        if (p < 0 || q < 0)
          continue;
        if (back)
          call->y[from] += call->x[0][to];
        else
          call->y[to] = call->x[0][from];
      }
}

static void
pad_reference (const struct op_call *call)
{
  pad_walk (call, call->x_shape[0], call->y_shape, false);
}

static void
pad_back_reference (const struct op_call *call)
{
  pad_walk (call, call->y_shape, call->x_shape[0], true);
}

static void
pad_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = graph_add (dy.graph, &op_pad_back, &dy, 1, attrs);
}

static void
pad_back_gradient (const void *attrs, const sym *x, int n_inputs, sym y, sym dy, const bool *wanted, sym *dx)
{
  dx[0] = graph_add (dy.graph, &op_pad, &dy, 1, attrs);
}

static struct taps *
pad_taps (enum pad_mode mode, int64_t extent, int64_t before, int64_t after, GError **error)
{
  struct taps *taps = taps_new (before + extent + after, extent, 1, error);

  for (int64_t i = -before; taps != NULL && i < extent + after; i++) {
    int64_t source = pad_shown (mode, i, extent);
    if (source >= 0)
      taps_add (taps, source, 1);
    taps_next (taps);
  }
  return taps;
}

static bool
prepare (struct kernel *kernel, const struct shape *small, bool back, GError **error)
{
  const struct pad_attrs *attrs = kernel->attrs;
  const int64_t *amount = attrs->amount;
  int64_t h = small->dim[small->rank - 2], w = small->dim[small->rank - 1];
  struct taps *rows = pad_taps (attrs->mode, h, amount[0], amount[2], error);
  struct taps *columns = rows == NULL ? NULL : pad_taps (attrs->mode, w, amount[1], amount[3], error);

  return separable_prepare (kernel, rows, columns, back, error);
}

static bool
pad_prepare (struct kernel *kernel, GError **error)
{
  return prepare (kernel, &kernel->x[0]->shape, false, error);
}

static bool
pad_back_prepare (struct kernel *kernel, GError **error)
{
  return prepare (kernel, &kernel->y->shape, true, error);
}

sym
sym_pad (sym x, enum pad_mode mode, int64_t top, int64_t left, int64_t bottom, int64_t right)
{
  struct pad_attrs attrs = {.amount = {top, left, bottom, right}, .mode = mode};

  if (top == 0 && left == 0 && bottom == 0 && right == 0)
    return x;
  return graph_add (x.graph, &op_pad, &x, 1, &attrs);
}

static const struct pad_attrs zero_1 = {{1, 1, 1, 1}, PAD_ZERO}, zero_uneven = {{0, 2, 1, 0}, PAD_ZERO};
static const struct pad_attrs reflect_1 = {{1, 1, 1, 1}, PAD_REFLECT}, reflect_4 = {{4, 4, 4, 4}, PAD_REFLECT};
static const struct pad_attrs reflect_wide = {{7, 5, 3, 9}, PAD_REFLECT}, reflect_down = {{0, 0, 3, 0}, PAD_REFLECT};
static const struct pad_attrs replicate = {{2, 1, 0, 3}, PAD_REPLICATE}, circular = {{1, 2, 3, 1}, PAD_CIRCULAR};
static const struct pad_attrs circular_wide = {{5, 4, 0, 8}, PAD_CIRCULAR}, negative = {{1, -1, 0, 0}, PAD_ZERO};

static const struct op_case pad_cases[] = {
  {"zero", {SHAPE (2, 3, 4, 5)}, 1, &zero_1},
  {"zero, uneven, 16 channels", {SHAPE (1, 16, 3, 7)}, 1, &zero_uneven},
  {"reflect, 19 channels", {SHAPE (2, 19, 5, 6)}, 1, &reflect_1},
  {"reflect, 1 channel", {SHAPE (2, 1, 6, 5)}, 1, &reflect_4},
  {"reflect, wider than the picture", {SHAPE (1, 3, 3, 2)}, 1, &reflect_wide},
  {"reflect, below only", {SHAPE (1, 5, 4, 3)}, 1, &reflect_down},
  {"reflect, 1x1", {SHAPE (2, 4, 1, 1)}, 1, &reflect_4},
  {"reflect, one row", {SHAPE (1, 3, 1, 6)}, 1, &reflect_1},
  {"reflect, a plane", {SHAPE (5, 6)}, 1, &reflect_1},
  {"replicate", {SHAPE (3, 3, 4, 3)}, 1, &replicate},
  {"circular", {SHAPE (1, 8, 4, 5)}, 1, &circular},
  {"circular, wider than the picture", {SHAPE (2, 3, 2, 3)}, 1, &circular_wide},
  {"a vector", {SHAPE (5)}, 1, &reflect_1, .error = "rank 1"},
  {"negative padding", {SHAPE (1, 1, 4, 4)}, 1, &negative, .error = "padding of -1"},
  {NULL},
};

static const struct op_case pad_back_cases[] = {
  {"zero", {SHAPE (2, 3, 6, 7)}, 1, &zero_1},
  {"zero, uneven, 16 channels", {SHAPE (1, 16, 4, 9)}, 1, &zero_uneven},
  {"reflect, 19 channels", {SHAPE (2, 19, 7, 8)}, 1, &reflect_1},
  {"reflect, 1 channel", {SHAPE (2, 1, 14, 13)}, 1, &reflect_4},
  {"reflect, wider than the picture", {SHAPE (1, 3, 13, 16)}, 1, &reflect_wide},
  {"reflect, to 1x1", {SHAPE (2, 4, 9, 9)}, 1, &reflect_4},
  {"reflect, a plane", {SHAPE (7, 8)}, 1, &reflect_1},
  {"replicate", {SHAPE (3, 3, 6, 7)}, 1, &replicate},
  {"circular", {SHAPE (1, 8, 8, 8)}, 1, &circular},
  {"circular, wider than the picture", {SHAPE (2, 3, 7, 15)}, 1, &circular_wide},
  {"nothing left", {SHAPE (1, 1, 2, 4)}, 1, &zero_1, .error = "not larger than its padding"},
  {NULL},
};

const struct op op_pad = {
  .name = "pad",
  .formula = "y(i,j) = x(s(i - top), s(j - left)), s = the position shown, or zero",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct pad_attrs),
  .attrs = pad_options,
  .flags = OP_SPATIAL,
  .shape = pad_shape,
  .reference = pad_reference,
  .gradient = pad_gradient,
  .prepare = pad_prepare,
  .cases = pad_cases,
};

const struct op op_pad_back = {
  .name = "pad_back",
  .formula = "y(p,q) = sum of x(i,j) where s(i - top) = p, s(j - left) = q",
  .min_inputs = 1,
  .max_inputs = 1,
  .attrs_size = sizeof (struct pad_attrs),
  .attrs = pad_options,
  .flags = OP_SPATIAL,
  .shape = pad_back_shape,
  .reference = pad_back_reference,
  .gradient = pad_back_gradient,
  .prepare = pad_back_prepare,
  .cases = pad_back_cases,
};
