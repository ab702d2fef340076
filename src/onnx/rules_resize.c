/* SPDX-License-Identifier: Apache-2.0
 *
 * Resize and its predecessor Upsample, in all modes, along any axes. Every coordinate_transformation_mode says that
 * output i looks at start + i step of the input, which is how the graph's resize takes it (op/resize.h):
 *
 *   half_pixel              (i + 1/2) / scale - 1/2
 *   pytorch_half_pixel      the same, but 0 for a single output
 *   half_pixel_symmetric    the same, around the middle of an output whose extent was rounded
 *   asymmetric              i / scale
 *   align_corners           i (n - 1) / (m - 1)             n inputs, m = n scale, which need not be whole
 *   tf_half_pixel_for_nn    (i + 1/2) / scale
 *   tf_crop_and_resize      roi0 (n - 1) + i (roi1 - roi0) (n - 1) / (m - 1), blank where that is outside */
#include "op/resize.h"

#include <math.h>

#include "onnx/edges.h"
#include "onnx/rules.h"
#include "op/sym.h"

#define I64 "%" G_GINT64_FORMAT

/* What happens to one axis. */
struct line {
  int64_t size;
  double scale; /* as given, or the quotient of the sizes */
  double start, step;
  double roi[2];
};

struct resize {
  struct resize_attrs how; /* without sizes and places */
  const char *mode;        /* of coordinates */
  double outside;          /* what blank places show */
  struct line line[SHAPE_RANK_MAX];
};

static int
choice (const char *text, const char *const *names)
{
  for (int i = 0; names[i] != NULL; i++)
    if (g_str_equal (text, names[i]))
      return i;
  return -1;
}

/* Modes that came later than a version only have defaults there. */
static bool
read_how (struct onnx_node *node, struct resize *r, GError **error)
{
  static const char *const kernels[] = {"nearest", "linear", "cubic", NULL};
  static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
  static const char *const modes[] = {"half_pixel",    "pytorch_half_pixel", "half_pixel_symmetric", "asymmetric",
                                      "align_corners", "tf_crop_and_resize", "tf_half_pixel_for_nn", NULL};
  const char *kernel = onnx_node_string (node, "mode", "nearest");
  bool old = onnx_node_opset (node) < 11;

  if (g_str_equal (kernel, "bilinear") || g_str_equal (kernel, "trilinear")) /* Upsample's first names */
    kernel = "linear";
  r->mode = onnx_node_string (node, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
  r->outside = onnx_node_float (node, "extrapolation_value", 0);
  r->how = (struct resize_attrs){
    .cubic = onnx_node_float (node, "cubic_coeff_a", -0.75),
    .kernel = choice (kernel, kernels),
    .rounding = choice (onnx_node_string (node, "nearest_mode", old ? "floor" : "round_prefer_floor"), roundings),
    .exclude = onnx_node_int (node, "exclude_outside", 0) != 0,
    .blank = g_str_equal (r->mode, "tf_crop_and_resize"),
    .smooth = onnx_node_int (node, "antialias", 0) != 0,
  };
  if (r->how.kernel < 0)
    return onnx_node_fail (node, error, "mode is neither nearest, linear nor cubic");
  if (r->how.rounding < 0)
    return onnx_node_fail (node, error, "nearest_mode is not known");
  return choice (r->mode, modes) >= 0 ||
         onnx_node_fail (node, error, "coordinate_transformation_mode is not one of the standard's");
}

static bool
set_size (struct onnx_node *node, struct line *line, int64_t extent, double size, GError **error)
{
  if (!(size >= 1 && size <= (double) SHAPE_SIZE_MAX))
    return onnx_node_fail (node, error, "an axis of " I64 " would have %g", extent, size);
  line->size = (int64_t) size;
  return true;
}

static bool
set_scale (struct onnx_node *node, struct line *line, int64_t extent, double scale, GError **error)
{
  if (!(scale > 0) || !isfinite (scale))
    return onnx_node_fail (node, error, "scale is %g, wants more than 0", scale);
  line->scale = scale;
  return set_size (node, line, extent, floor ((double) ((float) extent * (float) scale)), error);
}

/* Which axis each scale or size is for. */
static bool
read_axes (struct onnx_node *node, int rank, int *axes, int *count, GError **error)
{
  int n = 0;
  const int64_t *given = onnx_node_ints (node, "axes", &n);

  if (given != NULL && n > rank)
    return onnx_node_fail (node, error, "axes has %d values for a rank of %d", n, rank);
  *count = given != NULL ? n : rank;
  for (int i = 0; i < *count; i++) {
    axes[i] = i;
    if (given != NULL && !onnx_node_axis (node, given[i], rank, &axes[i], error))
      return false;
  }
  return true;
}

/* keep_aspect_ratio_policy: one scale for all axes, so that no extent is larger (or smaller) than asked for. */
static bool
keep_ratio (struct onnx_node *node, struct resize *r, const struct shape *x, const int *axes, int n,
            const int64_t *sizes, GError **error)
{
  const char *policy = onnx_node_string (node, "keep_aspect_ratio_policy", "stretch");
  bool smaller = g_str_equal (policy, "not_larger");
  double scale = 0;

  if (g_str_equal (policy, "stretch"))
    return true;
  if (!smaller && !g_str_equal (policy, "not_smaller"))
    return onnx_node_fail (node, error, "keep_aspect_ratio_policy is not one of the standard's");
  for (int i = 0; i < n; i++) {
    double own = (double) sizes[i] / (double) x->dim[axes[i]];

    scale = i == 0 ? own : smaller ? MIN (scale, own) : MAX (scale, own);
  }
  for (int i = 0; i < n; i++) {
    r->line[axes[i]].scale = scale;
    if (!set_size (node, &r->line[axes[i]], x->dim[axes[i]], rint (scale * (double) x->dim[axes[i]]), error))
      return false;
  }
  return true;
}

/* Scales and sizes: attributes of the first Upsample; inputs 1 up to opset 10; roi, scales, sizes as 1, 2, 3 since. */
static bool
read_lines (struct onnx_node *node, struct resize *r, const struct shape *x, GError **error)
{
  bool upsample = g_str_equal (onnx_node_op (node), "Upsample");
  const double *scales = NULL, *roi = NULL;
  const int64_t *sizes = NULL;
  int n_scales = 0, n_sizes = 0, n_roi = 0, axes[SHAPE_RANK_MAX], count = 0;
  bool old = onnx_node_opset (node) < 11;
  double own[SHAPE_RANK_MAX] = {1, 1, 1, 1, 1, 1};

  for (int i = 0; i < x->rank; i++)
    r->line[i] = (struct line){.size = x->dim[i], .scale = 1, .roi = {0, 1}};
  if (!read_axes (node, x->rank, axes, &count, error))
    return false;
  if (upsample && onnx_node_opset (node) < 9) {
    const float *given = onnx_node_floats (node, "scales", &n_scales);

    for (int i = 0; i < MIN (n_scales, SHAPE_RANK_MAX); i++)
      own[i] = given[i];
    if (given == NULL && x->rank == 4) { /* opset 1 */
      own[2] = onnx_node_float (node, "height_scale", 1);
      own[3] = onnx_node_float (node, "width_scale", 1);
      n_scales = 4;
    }
    scales = own;
  } else if (!onnx_node_input_floats (node, old ? 1 : 2, &scales, &n_scales, error) ||
             (!old && (!onnx_node_input_ints (node, 3, &sizes, &n_sizes, error) ||
                       (r->how.blank && !onnx_node_input_floats (node, 1, &roi, &n_roi, error)))))
    return false;
  if ((n_scales > 0) == (n_sizes > 0))
    return onnx_node_fail (node, error, "wants either scales or sizes");
  if (n_scales + n_sizes != count)
    return onnx_node_fail (node, error, "has %d scales or sizes, wants %d", n_scales + n_sizes, count);
  if (r->how.blank && n_roi != 2 * count)
    return onnx_node_fail (node, error, "roi has %d values, wants %d", n_roi, 2 * count);
  for (int i = 0; i < count; i++) {
    struct line *line = &r->line[axes[i]];
    int64_t extent = x->dim[axes[i]];

    if (n_scales > 0 ? !set_scale (node, line, extent, scales[i], error)
                     : !set_size (node, line, extent, (double) sizes[i], error))
      return false;
    if (n_sizes > 0)
      line->scale = (double) line->size / (double) extent;
    if (r->how.blank) {
      line->roi[0] = roi[i];
      line->roi[1] = roi[count + i];
    }
  }
  return n_sizes == 0 || keep_ratio (node, r, x, axes, count, sizes, error);
}

/* Where the outputs of an axis look. */
static void
place (struct line *line, const char *mode, int64_t extent)
{
  double n = (double) extent, m = line->scale * n, step = 1 / line->scale, first = 0.5 * step - 0.5;
  bool one = line->size == 1;

  line->step = step;
  if (g_str_equal (mode, "half_pixel") || (g_str_equal (mode, "pytorch_half_pixel") && !one))
    line->start = first;
  else if (g_str_equal (mode, "half_pixel_symmetric"))
    line->start = n / 2 * (1 - (double) line->size / m) + first;
  else if (g_str_equal (mode, "tf_half_pixel_for_nn"))
    line->start = 0.5 * step;
  else if (g_str_equal (mode, "align_corners"))
    line->step = one ? 0 : (n - 1) / (m - 1);
  else if (g_str_equal (mode, "tf_crop_and_resize")) {
    double from = line->roi[0] * (n - 1), to = line->roi[1] * (n - 1);
    line->start = one ? 0.5 * (from + to) : from;
    line->step = one ? 0 : (to - from) / (m - 1);
  } else if (g_str_equal (mode, "pytorch_half_pixel"))
    line->step = 0;
}

/* Output i is input i. */
static bool
is_identity (const struct line *line, int64_t extent)
{
  return line->size == extent && fabs (line->start) < 1e-9 && fabs (line->step - 1) < 1e-9;
}

static void
set_axis (struct resize_attrs *attrs, int to, const struct line *line)
{
  attrs->size[to] = line->size;
  attrs->start[to] = line->start;
  attrs->step[to] = line->step;
}

/* Pixels become blocks of the same factor on both axes: nothing else can come of places within half a pixel of i / f,
 * or of floor (i / f). 0 when it is not so. */
static int
block_factor (const struct resize *r, int a, const struct shape *x)
{
  const struct line *line = r->line;
  int64_t factor = line[a].size / x->dim[a];
  double first = 0.5 / (double) MAX (factor, 1) - 0.5;

  if (r->how.kernel != RESIZE_NEAREST || r->how.blank || factor < 2 || factor > 1024)
    return 0;
  for (int i = a; i < a + 2; i++) {
    bool centred = r->how.rounding <= RESIZE_PREFER_CEIL && fabs (line[i].start - first) < 1e-9;
    bool cut = r->how.rounding == RESIZE_FLOOR && fabs (line[i].start) < 1e-9;

    if (line[i].size != x->dim[i] * factor || fabs (line[i].step * (double) factor - 1) > 1e-9 || (!centred && !cut))
      return 0;
  }
  return (int) factor;
}

/* The last two axes, by the op that says it best. */
static sym
resize_pictures (sym x, const struct resize *r, int a)
{
  struct shape s = sym_shape (x);
  struct resize_attrs attrs = r->how;

  if (sym_null (x)) /* another axis was refused */
    return x;
  int factor = block_factor (r, a, &s);
  if (factor > 0)
    return sym_upsample_nearest (x, factor);
  set_axis (&attrs, 0, &r->line[a]);
  set_axis (&attrs, 1, &r->line[a + 1]);
  return sym_resize (x, &attrs);
}

static sym
resize_axis (sym x, const struct resize *r, int axis)
{
  struct shape s = sym_shape (x);
  sym rows = edges_rows (x, axis);
  struct resize_attrs attrs = r->how;

  set_axis (&attrs, 0, &r->line[axis]);
  set_axis (&attrs, 1, &(struct line){.size = sym_shape (rows).dim[2], .step = 1});
  return edges_back (sym_resize (rows, &attrs), &s, axis);
}

/* Blank places take the value of outside. */
static bool
fill_outside (struct onnx_node *node, sym *y, const struct resize *r, const struct shape *x, GError **error)
{
  for (int axis = 0; axis < x->rank && r->how.blank && r->outside != 0 && !sym_null (*y); axis++) {
    const struct line *line = &r->line[axis];
    g_autofree float *inside = g_try_new0 (float, line->size);
    bool any = false;

    if (inside == NULL)
      return onnx_node_fail (node, error, "out of memory");
    for (int64_t i = 0; i < line->size; i++) {
      double at = line->start + (double) i * line->step;

      inside[i] = at > -1e-9 && at < (double) (x->dim[axis] - 1) + 1e-9;
      any |= inside[i] == 0;
    }
    *y = any ? edges_fill (*y, axis, inside, r->outside) : *y;
  }
  return true;
}

static bool
build_resize (struct onnx_node *node, GError **error)
{
  sym y = onnx_node_sym (node, 0);
  struct shape x = onnx_node_shape (node, 0);
  struct resize r = {0};

  if (sym_null (y))
    return true;
  if (x.rank < 1)
    return onnx_node_fail (node, error, "input is a scalar");
  if (!read_how (node, &r, error) || !read_lines (node, &r, &x, error))
    return false;
  for (int i = 0; i < x.rank; i++) {
    place (&r.line[i], r.mode, x.dim[i]);
    if (onnx_node_opset (node) == 10 && !g_str_equal (onnx_node_op (node), "Upsample") && r.line[i].scale < 1)
      r.how.rounding = RESIZE_CEIL; /* what version 10 means by nearest: its tests and ONNX Runtime have it so */
  }
  for (int i = 0; i < x.rank; i++) {
    if (x.rank >= 2 && i == x.rank - 2) {
      if (!is_identity (&r.line[i], x.dim[i]) || !is_identity (&r.line[i + 1], x.dim[i + 1]))
        y = resize_pictures (y, &r, i);
      break;
    }
    if (!is_identity (&r.line[i], x.dim[i]))
      y = resize_axis (y, &r, i);
  }
  if (!fill_outside (node, &y, &r, &x, error))
    return false;
  onnx_node_set (node, 0, y);
  return true;
}

const struct onnx_rule onnx_rules_resize[] = {
  {"Resize", build_resize, 1},
  {"Upsample", build_resize, 1},
  {NULL},
};
