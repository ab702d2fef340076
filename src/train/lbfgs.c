/* SPDX-License-Identifier: Apache-2.0
 *
 * L-BFGS: the direction by the two-loop recursion over the last pairs (s, y) of changes in x and in the gradient, the
 * step along it by a line search for the strong Wolfe conditions; see lbfgs.h. The search keeps the best bracket it has
 * seen, so that the noise of float values near the minimum ends it instead of sending it astray. */
#include "train/lbfgs.h"

#include <math.h>
#include <string.h>

#include "impasto/error.h"

#define DECREASE 1e-4 /* c1: sufficient decrease */
#define CURVATURE 0.9 /* c2 */
#define GROWTH 4      /* of the step while the bracket is open */
#define CHUNK 4096    /* coordinates that are added up by themselves: sums of sums keep digits */

enum scalar { VALUE, COUNT, HEAD, EVALUATIONS, READY, SCALARS }; /* READY: value and gradient are those at x */

struct lbfgs {
  struct lbfgs_options options;
  int64_t n;
  struct tensor *s, *y;    /* (memory, n): a ring */
  struct tensor *gradient; /* (n) at x */
  struct tensor *scalar;   /* F64: enum scalar, then 1 / (s y) of each pair */
  float *start, *probed;   /* x before the step; gradient where the search looks */
  double *direction;
};

static double *
scalars (const struct lbfgs *lbfgs)
{
  return lbfgs->scalar->data;
}

static float *
pair (const struct lbfgs *lbfgs, struct tensor *ring, int i)
{
  return tensor_floats (ring) + i * lbfgs->n;
}

uint64_t
lbfgs_bytes (int64_t n, const struct lbfgs_options *options)
{
  uint64_t pairs = options->memory ? options->memory : 10;
  return (2 * pairs + 3) * n * sizeof (float) + n * sizeof (double);
}

struct lbfgs *
lbfgs_new (int64_t n, const struct lbfgs_options *options, GError **error)
{
  g_return_val_if_fail (n > 0 && options->memory >= 0 && options->memory <= 100, NULL);
  g_autoptr (lbfgs) lbfgs = g_new0 (struct lbfgs, 1);
  lbfgs->options = *options;
  int m = lbfgs->options.memory ? lbfgs->options.memory : 10;
  lbfgs->options.memory = m;
  lbfgs->options.evaluations = options->evaluations ? options->evaluations : 20;
  lbfgs->n = n;
  lbfgs->s = tensor_new (SHAPE (m, n), DTYPE_F32, error);
  lbfgs->y = lbfgs->s ? tensor_new (SHAPE (m, n), DTYPE_F32, error) : NULL;
  lbfgs->gradient = lbfgs->y ? tensor_new (SHAPE (n), DTYPE_F32, error) : NULL;
  lbfgs->scalar = lbfgs->gradient ? tensor_new (SHAPE (SCALARS + m), DTYPE_F64, error) : NULL;
  if (!lbfgs->scalar)
    return NULL;
  lbfgs->start = g_try_new (float, n);
  lbfgs->probed = g_try_new (float, n);
  lbfgs->direction = g_try_new (double, n);
  if (!lbfgs->start || !lbfgs->probed || !lbfgs->direction) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for the optimiser: %.0f MiB",
                 lbfgs_bytes (n, options) / 1048576.0);
    return NULL;
  }
  return g_steal_pointer (&lbfgs);
}

void
lbfgs_free (struct lbfgs *lbfgs)
{
  if (!lbfgs)
    return;
  g_clear_pointer (&lbfgs->s, tensor_unref);
  g_clear_pointer (&lbfgs->y, tensor_unref);
  g_clear_pointer (&lbfgs->gradient, tensor_unref);
  g_clear_pointer (&lbfgs->scalar, tensor_unref);
  g_free (lbfgs->start);
  g_free (lbfgs->probed);
  g_free (lbfgs->direction);
  g_free (lbfgs);
}

double
lbfgs_value (const struct lbfgs *lbfgs)
{
  return scalars (lbfgs)[VALUE];
}

int64_t
lbfgs_evaluations (const struct lbfgs *lbfgs)
{
  return scalars (lbfgs)[EVALUATIONS];
}

/* --- Vectors --- */

static double
dot (const float *a, const float *b, int64_t n)
{
  double sum = 0;
  for (int64_t i = 0; i < n; i += CHUNK) {
    double part = 0;
    for (int64_t k = i; k < MIN (i + CHUNK, n); k++)
      part += (double) a[k] * b[k];
    sum += part;
  }
  return sum;
}

static double
dot_direction (const double *d, const float *b, int64_t n)
{
  double sum = 0;
  for (int64_t i = 0; i < n; i += CHUNK) {
    double part = 0;
    for (int64_t k = i; k < MIN (i + CHUNK, n); k++)
      part += d[k] * b[k];
    sum += part;
  }
  return sum;
}

static void
add_scaled (double *d, double scale, const float *b, int64_t n)
{
  for (int64_t i = 0; i < n; i++)
    d[i] += scale * b[i];
}

static double
largest (const float *a, int64_t n)
{
  double most = 0;
  for (int64_t i = 0; i < n; i++)
    most = fmax (most, fabsf (a[i]));
  return most;
}

/* --- The direction (algorithm 7.4) --- */

/* Place in the ring of the pair that is @age pairs old. */
static int
place (const struct lbfgs *lbfgs, int age)
{
  int m = lbfgs->options.memory;
  return ((int) scalars (lbfgs)[HEAD] - 1 - age + 2 * m) % m;
}

static void
find_direction (struct lbfgs *lbfgs)
{
  int64_t n = lbfgs->n;
  int count = scalars (lbfgs)[COUNT];
  double alpha[100], *d = lbfgs->direction;
  const double *rho = scalars (lbfgs) + SCALARS;
  const float *g = tensor_floats (lbfgs->gradient);
  for (int64_t i = 0; i < n; i++)
    d[i] = -g[i];
  for (int age = 0; age < count; age++) {
    int i = place (lbfgs, age);
    alpha[age] = rho[i] * dot_direction (d, pair (lbfgs, lbfgs->s, i), n);
    add_scaled (d, -alpha[age], pair (lbfgs, lbfgs->y, i), n);
  }
  if (count > 0) {
    const float *y = pair (lbfgs, lbfgs->y, place (lbfgs, 0));
    double gamma = 1 / (rho[place (lbfgs, 0)] * dot (y, y, n)); /* equation 7.20 */
    for (int64_t i = 0; i < n; i++)
      d[i] *= gamma;
  }
  for (int age = count - 1; age >= 0; age--) {
    int i = place (lbfgs, age);
    double beta = rho[i] * dot_direction (d, pair (lbfgs, lbfgs->y, i), n);
    add_scaled (d, alpha[age] - beta, pair (lbfgs, lbfgs->s, i), n);
  }
}

/* Keeps the step to @x and the change of the gradient, if the function curves upwards along it. */
static void
keep_pair (struct lbfgs *lbfgs, const float *x)
{
  int64_t n = lbfgs->n;
  int m = lbfgs->options.memory, at = scalars (lbfgs)[HEAD];
  float *s = pair (lbfgs, lbfgs->s, at), *y = pair (lbfgs, lbfgs->y, at);
  const float *g = tensor_floats (lbfgs->gradient);
  for (int64_t i = 0; i < n; i++) {
    s[i] = x[i] - lbfgs->start[i];
    y[i] = lbfgs->probed[i] - g[i];
  }
  double sy = dot (s, y, n), yy = dot (y, y, n);
  bool full = scalars (lbfgs)[COUNT] >= m;
  if (!(sy > 1e-10 * yy) || yy == 0) {
    if (full) /* the oldest was written over */
      scalars (lbfgs)[COUNT] = m - 1;
    return;
  }
  scalars (lbfgs)[SCALARS + at] = 1 / sy;
  scalars (lbfgs)[HEAD] = (at + 1) % m;
  scalars (lbfgs)[COUNT] += !full;
}

/* --- The line search (algorithms 3.5 and 3.6) --- */

struct point {
  double step, value, slope;
};

struct search {
  struct lbfgs *lbfgs;
  float *x;
  lbfgs_function function;
  void *data;
  struct point origin, last;
  int left; /* evaluations */
  bool stopped;
};

/* Looks at @step; false when the search must end. A value that is not finite counts as infinite. */
static bool
probe (struct search *search, double step)
{
  struct lbfgs *lbfgs = search->lbfgs;
  if (search->left-- <= 0)
    return false;
  for (int64_t i = 0; i < lbfgs->n; i++)
    search->x[i] = lbfgs->start[i] + step * lbfgs->direction[i];
  double value;
  if (!search->function (search->x, &value, lbfgs->probed, search->data)) {
    search->stopped = true;
    return false;
  }
  scalars (lbfgs)[EVALUATIONS]++;
  double slope = dot_direction (lbfgs->direction, lbfgs->probed, lbfgs->n);
  bool finite = isfinite (value) && isfinite (slope);
  search->last = (struct point){step, finite ? value : INFINITY, finite ? slope : INFINITY};
  return true;
}

static bool
decreases (const struct search *search, struct point p)
{
  return p.value <= search->origin.value + DECREASE * p.step * search->origin.slope;
}

static bool
is_flat (const struct search *search, struct point p)
{
  return fabs (p.slope) <= -CURVATURE * search->origin.slope;
}

/* Minimum of the cubic through both points (equation 3.59), kept off the ends of the bracket. */
static double
between (struct point a, struct point b)
{
  double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step), square = d1 * d1 - a.slope * b.slope;
  double d2 = copysign (sqrt (fmax (square, 0)), b.step - a.step);
  double step = b.step - (b.step - a.step) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
  double low = fmin (a.step, b.step), high = fmax (a.step, b.step), margin = 0.1 * (high - low);
  if (!isfinite (step) || square < 0)
    return (low + high) / 2;
  return CLAMP (step, low + margin, high - margin);
}

/* A point that meets the conditions, or the best of those that decrease. False when there is none; the search stands
 * where it looked last, which need not be the point. */
static bool
find_step (struct search *search, double first, struct point *found)
{
  struct point low = search->origin, high = {0};
  bool bracketed = false;
  double step = first;
  while (probe (search, step)) {
    struct point p = search->last;
    if (!decreases (search, p) || (p.value >= low.value && low.step > 0)) {
      high = p;
      bracketed = true;
    } else if (is_flat (search, p)) {
      *found = p;
      return true;
    } else if (!bracketed && p.slope < 0) {
      low = p;
      step = GROWTH * p.step;
      continue;
    } else {
      if (!bracketed || p.slope * (high.step - low.step) >= 0)
        high = low;
      bracketed = true;
      low = p;
    }
    if (fabs (high.step - low.step) < 1e-9 * fmax (fabs (low.step), 1e-12))
      break;
    step = between (low, high);
  }
  *found = low;
  return low.step > 0 && !search->stopped;
}

/* A first evaluation at x. */
static enum lbfgs_result
begin (struct lbfgs *lbfgs, const float *x, lbfgs_function function, void *data)
{
  double value;
  if (!function (x, &value, tensor_floats (lbfgs->gradient), data))
    return LBFGS_STOPPED;
  scalars (lbfgs)[VALUE] = value;
  if (!isfinite (value) || tensor_find_nonfinite (lbfgs->gradient) >= 0)
    return LBFGS_FAILED;
  scalars (lbfgs)[EVALUATIONS]++;
  scalars (lbfgs)[READY] = 1;
  return LBFGS_STEPPED;
}

static double
first_step (const struct lbfgs *lbfgs)
{
  const float *g = tensor_floats (lbfgs->gradient);
  if (scalars (lbfgs)[COUNT] > 0)
    return 1;
  if (lbfgs->options.first > 0)
    return lbfgs->options.first / largest (g, lbfgs->n);
  return fmin (1, 1 / sqrt (dot (g, g, lbfgs->n)));
}

static enum lbfgs_result
search_along (struct lbfgs *lbfgs, float *x, lbfgs_function function, void *data)
{
  const float *g = tensor_floats (lbfgs->gradient);
  size_t bytes = lbfgs->n * sizeof (float);
  find_direction (lbfgs);
  struct search search = {.lbfgs = lbfgs,
                          .x = x,
                          .function = function,
                          .data = data,
                          .origin = {0, scalars (lbfgs)[VALUE], dot_direction (lbfgs->direction, g, lbfgs->n)},
                          .left = lbfgs->options.evaluations};
  if (!(search.origin.slope < 0))
    return LBFGS_CONVERGED;
  double evaluations = scalars (lbfgs)[EVALUATIONS];
  struct point found;
  memcpy (lbfgs->start, x, bytes);
  bool ok = find_step (&search, first_step (lbfgs), &found);
  if (ok && found.step != search.last.step) {
    search.left = 1;
    ok = probe (&search, found.step);
  }
  if (ok) {
    keep_pair (lbfgs, x);
    memcpy (tensor_floats (lbfgs->gradient), lbfgs->probed, bytes);
    scalars (lbfgs)[VALUE] = search.last.value;
    return LBFGS_STEPPED;
  }
  memcpy (x, lbfgs->start, bytes);
  if (search.stopped) {
    scalars (lbfgs)[EVALUATIONS] = evaluations;
    return LBFGS_STOPPED;
  }
  return isfinite (search.last.value) ? LBFGS_CONVERGED : LBFGS_FAILED;
}

enum lbfgs_result
lbfgs_step (struct lbfgs *lbfgs, float *x, lbfgs_function function, void *data)
{
  enum lbfgs_result result = scalars (lbfgs)[READY] ? LBFGS_STEPPED : begin (lbfgs, x, function, data);
  if (result != LBFGS_STEPPED)
    return result;
  if (largest (tensor_floats (lbfgs->gradient), lbfgs->n) == 0)
    return LBFGS_CONVERGED;
  result = search_along (lbfgs, x, function, data);
  if (result != LBFGS_CONVERGED || scalars (lbfgs)[COUNT] == 0)
    return result;
  scalars (lbfgs)[COUNT] = 0; /* what was learnt about the curvature misleads: down the gradient once more */
  return search_along (lbfgs, x, function, data);
}

void
lbfgs_refresh (struct lbfgs *lbfgs)
{
  scalars (lbfgs)[READY] = 0;
}

/* --- Saving --- */

static const char *const parts[] = {"s", "y", "gradient", "scalars"};

static struct tensor *
part (const struct lbfgs *lbfgs, guint i)
{
  return (struct tensor *[]){lbfgs->s, lbfgs->y, lbfgs->gradient, lbfgs->scalar}[i];
}

void
lbfgs_save (struct lbfgs *lbfgs, struct weights *weights, const char *prefix)
{
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    g_autofree char *name = g_strdup_printf ("%s.%s", prefix, parts[i]);
    weights_add (weights, name, part (lbfgs, i));
  }
}

bool
lbfgs_load (struct lbfgs *lbfgs, struct weights *weights, const char *prefix, const char *path, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    g_autofree char *name = g_strdup_printf ("%s.%s", prefix, parts[i]);
    struct tensor *from = weights_find (weights, name), *to = part (lbfgs, i);
    const double *scalar = from ? from->data : NULL;
    int m = lbfgs->options.memory;
    bool fits =
      from && from->dtype == to->dtype && shape_equal (&from->shape, &to->shape) && tensor_find_nonfinite (from) < 0;
    if (fits && to == lbfgs->scalar)
      fits = scalar[COUNT] >= 0 && scalar[COUNT] <= m && scalar[HEAD] >= 0 && scalar[HEAD] < m;
    if (!fits) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: no state of the optimiser: %s is %s", path, name,
                   from ? "not as it should be" : "missing");
      return false;
    }
    memcpy (to->data, from->data, to->size);
  }
  return true;
}
