/* SPDX-License-Identifier: Apache-2.0
 *
 * The copies of device/kernel.h, compared with an index by index copy over many axes, strides, layouts and types: every
 * element of the target's memory is looked at, those that must stay untouched included. */
#include <glib.h>

#include "base/random.h"
#include "device/kernel.h"

static double
element (const void *data, enum dtype dtype, int64_t i)
{
  const float *floats = data;
  const uint16_t *halves = data;

  return (double) (dtype == DTYPE_F32 ? floats[i] : bfloat_to_float (halves[i]));
}

static double
rounded (double x, enum dtype dtype)
{
  return dtype == DTYPE_F32 ? x : (double) bfloat_to_float (bfloat_from_float ((float) x));
}

/* Element i is some float that depends on i, of 24 bits, never the -1 that targets are filled with. */
static void *
new_array (int64_t n, enum dtype dtype)
{
  struct random_key key = {.seed = 17};
  g_autofree float *floats = g_new (float, n);
  uint16_t *halves;

  random_uniform_fill (key, 0, floats, (size_t) n);
  if (dtype == DTYPE_F32)
    return g_steal_pointer (&floats);
  halves = g_new (uint16_t, n);
  for (int64_t i = 0; i < n; i++)
    halves[i] = bfloat_from_float (floats[i]);
  return halves;
}

static void *
new_target (int64_t n, enum dtype dtype)
{
  float *floats = g_new (float, n);
  uint16_t *halves = (uint16_t *) floats;

  for (int64_t i = 0; i < n; i++)
    if (dtype == DTYPE_F32)
      floats[i] = -1;
    else
      halves[i] = bfloat_from_float (-1);
  return floats;
}

static int64_t
span (const struct shape *shape, const int64_t *strides)
{
  int64_t last = 0;

  for (int i = 0; i < shape->rank; i++)
    last += (shape->dim[i] - 1) * ABS (strides[i]);
  return last + 1;
}

/* Offset of the first element, so that negative strides stay inside. */
static int64_t
origin (const struct shape *shape, const int64_t *strides)
{
  int64_t first = 0;

  for (int i = 0; i < shape->rank; i++)
    first += strides[i] < 0 ? (1 - shape->dim[i]) * strides[i] : 0;
  return first;
}

/* Copies and looks at every element of the target's memory, those between the strides included. */
static void
check_copy (const struct shape *shape, const int64_t *ts, enum dtype tt, const int64_t *ss, enum dtype st)
{
  int64_t t_size = span (shape, ts), s_size = span (shape, ss), n = shape_size (shape);
  int64_t t0 = origin (shape, ts), s0 = origin (shape, ss);
  g_autofree void *source = new_array (s_size, st), *target = new_target (t_size, tt);
  g_autofree double *want = g_new (double, t_size);

  for (int64_t i = 0; i < t_size; i++)
    want[i] = -1;
  for (int64_t i = 0; i < n; i++) {
    int64_t to = t0, from = s0, rest = i;

    for (int a = shape->rank - 1; a >= 0; a--) {
      to += rest % shape->dim[a] * ts[a];
      from += rest % shape->dim[a] * ss[a];
      rest /= shape->dim[a];
    }
    want[to] = rounded (element (source, st, from), tt);
  }
  strided_copy (shape, (char *) target + t0 * (int64_t) dtype_size (tt), tt, ts,
                (const char *) source + s0 * (int64_t) dtype_size (st), st, ss);
  for (int64_t i = 0; i < t_size; i++)
    if (element (target, tt, i) != want[i]) {
      g_autofree char *text = shape_text (shape);
      g_error ("copy of %s: element %" G_GINT64_FORMAT " is %g, wants %g", text, i, element (target, tt, i), want[i]);
    }
}

static const enum dtype types[] = {DTYPE_F32, DTYPE_BF16};

static void
check_copy_types (const struct shape *shape, const int64_t *ts, const int64_t *ss)
{
  for (int i = 0; i < 4; i++)
    check_copy (shape, ts, types[i & 1], ss, types[i >> 1]);
}

/* Row-major strides of the axes in a random order, some with gaps; a broadcast or backward axis now and then. */
static void
draw_strides (struct random_key key, uint64_t *draw, const struct shape *shape, bool source, int64_t *strides)
{
  int order[SHAPE_RANK_MAX];
  int64_t step = 1;

  for (int i = 0; i < shape->rank; i++) {
    int j = (int) random_below (key, (*draw)++, (uint64_t) i + 1);
    order[i] = order[j];
    order[j] = i;
  }
  for (int i = 0; i < shape->rank; i++) {
    int a = order[i];
    uint64_t kind = random_below (key, (*draw)++, 8);

    if (kind == 0)
      step *= 2;
    strides[a] = source && kind == 1 ? 0 : source && kind == 2 ? -step : step;
    step *= shape->dim[a];
  }
}

static void
test_copy_random (void)
{
  static const int64_t extents[] = {1, 2, 3, 4, 5, 8, 16, 19, 33};
  struct random_key key = {.seed = 23};
  uint64_t draw = 0;

  for (int trial = 0; trial < 400; trial++) {
    struct shape shape = {.rank = (int) random_below (key, draw++, 7)};
    int64_t ts[SHAPE_RANK_MAX], ss[SHAPE_RANK_MAX];

    for (int i = 0; i < shape.rank; i++)
      shape.dim[i] = extents[random_below (key, draw++, shape.rank > 4 ? 4 : G_N_ELEMENTS (extents))];
    draw_strides (key, &draw, &shape, false, ts);
    draw_strides (key, &draw, &shape, true, ss);
    if (shape_size (&shape) <= 20000)
      check_copy_types (&shape, ts, ss);
  }
}

static void
test_copy_layouts (void)
{
  static const struct shape shapes[] = {
    {4, {1, 3, 64, 64}},  {4, {2, 3, 61, 67}},   {4, {1, 4, 100, 101}}, {4, {1, 16, 50, 50}}, {4, {2, 19, 37, 53}},
    {4, {1, 64, 64, 64}}, {4, {1, 130, 31, 33}}, {4, {3, 1, 9, 9}},     {4, {2, 300, 1, 1}},  {4, {1, 2, 300, 301}},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (shapes); i++) {
    struct value plain_value = {.shape = shapes[i], .layout = LAYOUT_PLAIN};
    struct value last_value = {.shape = shapes[i], .layout = LAYOUT_LAST};
    int64_t plain_strides[SHAPE_RANK_MAX], last_strides[SHAPE_RANK_MAX], c = shapes[i].dim[1], w = shapes[i].dim[3];

    value_strides (&plain_value, plain_strides);
    value_strides (&last_value, last_strides);
    g_assert_cmpint (plain_strides[1], ==, shapes[i].dim[2] * w);
    g_assert_cmpint (plain_strides[3], ==, 1);
    g_assert_cmpint (last_strides[1], ==, 1);
    g_assert_cmpint (last_strides[2], ==, w * c);
    g_assert_cmpint (last_strides[3], ==, c);
    check_copy_types (&shapes[i], last_strides, plain_strides);
    check_copy_types (&shapes[i], plain_strides, last_strides);
    check_copy_types (&shapes[i], last_strides, last_strides);
  }
}

/* Long runs, which are cut for the threads; a scalar; rows and columns of a large matrix; a fill. */
static void
test_copy_large (void)
{
  struct shape line = SHAPE (100003), matrix = SHAPE (301, 307), scalar = SHAPE_SCALAR;

  check_copy_types (&line, (int64_t[]){1}, (int64_t[]){1});
  check_copy_types (&line, (int64_t[]){1}, (int64_t[]){3});
  check_copy_types (&line, (int64_t[]){2}, (int64_t[]){-1});
  check_copy_types (&line, (int64_t[]){1}, (int64_t[]){0});
  check_copy_types (&matrix, (int64_t[]){307, 1}, (int64_t[]){1, 301});
  check_copy_types (&matrix, (int64_t[]){1, 301}, (int64_t[]){320, 1});
  check_copy_types (&matrix, (int64_t[]){307, 1}, (int64_t[]){1, 0});
  check_copy_types (&scalar, NULL, NULL);
}

static void
test_value_copy (void)
{
  struct shape shape = SHAPE (2, 5, 6, 7);
  g_autofree float *data = new_array (420, DTYPE_F32), *back = new_target (420, DTYPE_F32);
  g_autofree uint16_t *half = new_target (420, DTYPE_BF16);
  struct value source = {.shape = shape, .layout = LAYOUT_PLAIN, .dtype = DTYPE_F32, .data = data};
  struct value middle = {.shape = shape, .layout = LAYOUT_LAST, .dtype = DTYPE_BF16, .data = half};
  struct value target = {.shape = shape, .layout = LAYOUT_PLAIN, .dtype = DTYPE_F32, .data = back};

  g_assert_cmpuint (value_bytes (&source), ==, 1680);
  g_assert_cmpuint (value_bytes (&middle), ==, 840);
  value_copy (&middle, &source);
  value_copy (&target, &middle);
  for (int i = 0; i < 420; i++)
    g_assert_cmpfloat (back[i], ==, bfloat_to_float (bfloat_from_float (data[i])));
  g_assert_cmphex (half[((1 * 6 + 2) * 7 + 3) * 5 + 4], ==, bfloat_from_float (data[((1 * 5 + 4) * 6 + 2) * 7 + 3]));
}

static void
free_count (void *state)
{
  ++*(int *) state;
}

static void
test_kernel_clear (void)
{
  int freed = 0;
  struct kernel kernel = {.state = &freed, .free_state = free_count, .scratch = 64, .implementation = "x"};

  kernel_clear (&kernel);
  kernel_clear (&kernel);
  g_assert_cmpint (freed, ==, 1);
  g_assert_null (kernel.state);
  g_assert_cmpuint (kernel.scratch, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/copy/random", test_copy_random);
  g_test_add_func ("/copy/layouts", test_copy_layouts);
  g_test_add_func ("/copy/large", test_copy_large);
  g_test_add_func ("/copy/value", test_value_copy);
  g_test_add_func ("/kernel/clear", test_kernel_clear);
  return g_test_run ();
}
