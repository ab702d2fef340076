/* SPDX-License-Identifier: Apache-2.0
 *
 * Products of matrices: MatMul, Gemm, Einsum. An equation of Einsum over two operands is one batched product: axes in
 * both and in the result are the batch, axes in both only are summed, axes of one are rows or columns; axes of one
 * operand that appear nowhere else are summed first. Several operands are taken from left to right. */
#include <string.h>

#include "onnx/rules.h"
#include "op/sym.h"

/* NumPy's product: a vector on the left is a row, on the right a column, and its axis disappears. One matrix on the
 * right for a batch on the left is one large product. */
static sym
product (sym a, sym b)
{
  struct shape as = sym_shape (a), bs = sym_shape (b), out;

  if (as.rank == 1)
    a = sym_reshape (a, SHAPE (1, as.dim[0]));
  if (bs.rank == 1)
    b = sym_reshape (b, SHAPE (bs.dim[0], 1));
  if (as.rank > 2 && bs.rank <= 2)
    a = sym_reshape (a, SHAPE (-1, as.dim[as.rank - 1]));
  sym y = sym_matmul (a, b);
  if (sym_null (y))
    return y;
  if (as.rank > 2 && bs.rank <= 2) {
    out = as;
    out.dim[out.rank - 1] = sym_shape (y).dim[1];
    y = sym_reshape (y, out);
  }
  if (as.rank != 1 && bs.rank != 1)
    return y;
  out = sym_shape (y);
  if (bs.rank == 1)
    out.rank--;
  if (as.rank == 1) { /* the axis before the last; the last when that is gone already */
    int gone = out.rank - (bs.rank == 1 ? 1 : 2);

    for (int i = gone; i + 1 < out.rank; i++)
      out.dim[i] = out.dim[i + 1];
    out.rank--;
  }
  return sym_reshape (y, out);
}

static bool
build_matmul (struct onnx_node *node, GError **error)
{
  if (onnx_node_shape (node, 0).rank == 0 || onnx_node_shape (node, 1).rank == 0)
    return onnx_node_fail (node, error, "wants two values of rank 1 or more");
  onnx_node_set (node, 0, product (onnx_node_sym (node, 0), onnx_node_sym (node, 1)));
  return true;
}

/* Gemm: y = alpha A' B' + beta C */
static bool
build_gemm (struct onnx_node *node, GError **error)
{
  double alpha = onnx_node_float (node, "alpha", 1), beta = onnx_node_float (node, "beta", 1);

  if (onnx_node_shape (node, 0).rank != 2 || onnx_node_shape (node, 1).rank != 2)
    return onnx_node_fail (node, error, "wants matrices, has ranks %d and %d", onnx_node_shape (node, 0).rank,
                           onnx_node_shape (node, 1).rank);
  sym y = sym_matmul_t (onnx_node_sym (node, 0), onnx_node_int (node, "transA", 0) != 0, onnx_node_sym (node, 1),
                        onnx_node_int (node, "transB", 0) != 0);
  y = alpha == 1 ? y : sym_scale (y, alpha);
  if (onnx_node_input (node, 2) != NULL && beta != 0) {
    struct shape shape = sym_shape (y);
    sym c = onnx_node_sym (node, 2);

    y = sym_add (y, beta == 1 ? c : sym_scale (c, beta));
    struct shape sum = sym_shape (y);
    if (!sym_null (y) && !shape_equal (&sum, &shape))
      return onnx_node_fail (node, error, "C does not broadcast to the product");
  }
  onnx_node_set (node, 0, y);
  return true;
}

/* Einsum */

#define LABELS_MAX SHAPE_RANK_MAX

/* A value whose axes have names: letters; digits for those of "...", counted from the last. */
struct term {
  sym value;
  char label[LABELS_MAX + 1];
};

static int
find_label (const struct term *term, char label)
{
  const char *at = label != '\0' ? strchr (term->label, label) : NULL;

  return at != NULL ? (int) (at - term->label) : -1;
}

static int64_t
extent_of (const struct term *term, char label)
{
  int axis = find_label (term, label);

  return axis >= 0 ? sym_shape (term->value).dim[axis] : 1;
}

/* Labels of one side of the equation, "..." standing for @dots axes. */
static bool
read_labels (struct onnx_node *node, const char *text, size_t length, int dots, char *label, GError **error)
{
  int n = 0;

  for (size_t i = 0; i < length; i++) {
    bool dot = text[i] == '.';

    if (text[i] == ' ')
      continue;
    if (dot && (i + 2 >= length || text[i + 1] != '.' || text[i + 2] != '.'))
      return onnx_node_fail (node, error, "equation has a dot that is none of \"...\"");
    if (!dot && !g_ascii_isalpha (text[i]))
      return onnx_node_fail (node, error, "equation has '%c'", g_ascii_isprint (text[i]) ? text[i] : '?');
    if (n + (dot ? dots : 1) > LABELS_MAX)
      return onnx_node_fail (node, error, "equation names more than %d axes of a value", LABELS_MAX);
    for (int k = dots; dot && k > 0; k--)
      label[n++] = (char) ('0' + k);
    if (dot)
      i += 2;
    else
      label[n++] = text[i];
  }
  label[n] = '\0';
  return true;
}

/* How many letters a side has, its dots aside; *@dotted := whether it has any. */
static int
count_letters (const char *text, size_t length, bool *dotted)
{
  int letters = 0;

  *dotted = memchr (text, '.', length) != NULL;
  for (size_t i = 0; i < length; i++)
    letters += g_ascii_isalpha (text[i]);
  return letters;
}

static sym
sum_axis (sym x, int axis)
{
  struct shape shape = sym_shape (x);

  for (int i = axis; i + 1 < shape.rank; i++)
    shape.dim[i] = shape.dim[i + 1];
  shape.rank--;
  return sym_reshape (sym_sum (x, AXIS (axis)), shape);
}

static void
drop_label (struct term *term, int axis)
{
  memmove (term->label + axis, term->label + axis + 1, strlen (term->label + axis));
}

/* Sums axes that neither @keep nor @other has. */
static void
sum_lonely (struct term *term, const char *keep, const struct term *other)
{
  for (int i = (int) strlen (term->label) - 1; i >= 0; i--)
    if (strchr (keep, term->label[i]) == NULL && (other == NULL || find_label (other, term->label[i]) < 0)) {
      term->value = sum_axis (term->value, i);
      drop_label (term, i);
    }
}

/* A label twice in a value takes its diagonal: every (n + 1)-th of the two axes in one. */
static sym
diagonal (sym x, int first, int second)
{
  struct shape shape = sym_shape (x), rest = {.rank = 0}, flat;
  int64_t n = shape.dim[first];
  int axes[SHAPE_RANK_MAX], k = 0;

  if (shape.dim[second] != n)
    return graph_fail (x.graph, "einsum: a diagonal of sides %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT, n,
                       shape.dim[second]);
  for (int i = 0; i < shape.rank; i++)
    if (i != first && i != second) {
      axes[k++] = i;
      rest.dim[rest.rank++] = shape.dim[i];
    }
  axes[k++] = first;
  axes[k] = second;
  flat = rest;
  flat.dim[flat.rank++] = n * n;
  rest.dim[rest.rank++] = n;
  sym y = sym_slice (sym_reshape (sym_permute (x, axes), flat), flat.rank - 1, 0, n * n, n + 1);
  int back[SHAPE_RANK_MAX], from = 0;
  for (int i = 0; i < rest.rank; i++)
    back[i] = i == first ? rest.rank - 1 : from++;
  return sym_permute (sym_reshape (y, rest), back);
}

static void
take_diagonals (struct term *term)
{
  for (int i = 0; term->label[i] != '\0'; i++)
    for (int k = (int) strlen (term->label) - 1; k > i && !sym_null (term->value); k--)
      if (term->label[k] == term->label[i]) {
        term->value = diagonal (term->value, i, k);
        drop_label (term, k);
      }
}

/* @term with the axes of @groups, in this order, each group one axis: labels that it lacks are extents of 1. */
static sym
arrange (const struct term *term, const char *const *groups, int n)
{
  struct shape shape = {.rank = n};
  int axes[SHAPE_RANK_MAX], k = 0;

  for (int g = 0; g < n; g++) {
    shape.dim[g] = 1;
    for (const char *at = groups[g]; *at != '\0'; at++)
      if (find_label (term, *at) >= 0) {
        axes[k++] = find_label (term, *at);
        shape.dim[g] *= extent_of (term, *at);
      }
  }
  return sym_reshape (sym_permute (term->value, axes), shape);
}

static void
push_label (char *labels, char label)
{
  size_t n = strlen (labels);

  labels[n] = label;
  labels[n + 1] = '\0';
}

/* Axes of dots broadcast: an extent of 1 that meets another is repeated before products. */
static void
stretch (struct term *term, const struct term *other)
{
  struct shape shape = sym_shape (term->value);

  for (int i = 0; i < shape.rank; i++)
    if (shape.dim[i] == 1)
      shape.dim[i] = extent_of (other, term->label[i]);
  term->value = sym_broadcast (term->value, shape);
}

/* a b summed over what @keep has not. */
static bool
multiply (struct onnx_node *node, struct term *a, struct term *b, const char *keep, GError **error)
{
  char batch[2 * LABELS_MAX + 1] = "", rows[LABELS_MAX + 1] = "", columns[LABELS_MAX + 1] = "",
                              inner[LABELS_MAX + 1] = "";
  struct shape shape = {.rank = 0};

  stretch (a, b);
  stretch (b, a);
  sum_lonely (a, keep, b);
  sum_lonely (b, keep, a);
  for (const char *at = a->label; *at != '\0'; at++) {
    bool shared = find_label (b, *at) >= 0;

    if (shared && extent_of (a, *at) != extent_of (b, *at))
      return onnx_node_fail (node, error, "axis '%c' has %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT, *at,
                             extent_of (a, *at), extent_of (b, *at));
    push_label (!shared ? rows : strchr (keep, *at) != NULL ? batch : inner, *at);
  }
  for (const char *at = b->label; *at != '\0'; at++)
    if (find_label (a, *at) < 0)
      push_label (columns, *at);
  sym left = arrange (a, (const char *const[]){batch, rows, inner}, 3);
  sym right = arrange (b, (const char *const[]){batch, inner, columns}, 3);
  struct term y = {.value = sym_matmul (left, right)};
  const struct term *from[3] = {a, a, b};
  const char *const parts[3] = {batch, rows, columns};
  if (strlen (batch) + strlen (rows) + strlen (columns) > LABELS_MAX)
    return onnx_node_fail (node, error, "a product of more than %d axes", LABELS_MAX);
  for (int g = 0; g < 3; g++)
    for (const char *at = parts[g]; *at != '\0'; at++) {
      push_label (y.label, *at);
      shape.dim[shape.rank++] = extent_of (from[g], *at);
    }
  y.value = sym_reshape (y.value, shape);
  *a = y;
  return true;
}

/* Labels that the result or a term from @next on has. */
static void
labels_needed (const struct term *terms, int next, int n, const char *result, char *keep)
{
  g_strlcpy (keep, result, LABELS_MAX + 1);
  for (int i = next; i < n; i++)
    for (const char *at = terms[i].label; *at != '\0'; at++)
      if (strchr (keep, *at) == NULL)
        push_label (keep, *at);
}

/* Without "->" the result has the dots, then the letters that appear once, in the order of the alphabet. */
static void
implied_result (const char *equation, int dots, char *result)
{
  int n = 0;

  for (int k = dots; k > 0; k--)
    result[n++] = (char) ('0' + k);
  for (int c = 'A'; c <= 'z'; c++) {
    const char *at = g_ascii_isalpha (c) ? strchr (equation, c) : NULL;

    if (at != NULL && strchr (at + 1, c) == NULL && n < LABELS_MAX)
      result[n++] = (char) c;
  }
  result[n] = '\0';
}

#define TERMS_MAX 8

/* Reads the equation's terms and result. */
static bool
read_equation (struct onnx_node *node, const char *equation, struct term *terms, int n, char *result, GError **error)
{
  const char *arrow = strstr (equation, "->"), *end = arrow != NULL ? arrow : equation + strlen (equation);
  const char *at = equation;
  int dots = 0;
  bool dotted;

  for (int i = 0; i < n; i++) {
    const char *comma = memchr (at, ',', (size_t) (end - at)), *stop = comma != NULL ? comma : end;
    struct shape shape = onnx_node_shape (node, i);
    int letters = count_letters (at, (size_t) (stop - at), &dotted), more = dotted ? shape.rank - letters : 0;

    if (more < 0 || letters + more != shape.rank || (comma == NULL) != (i == n - 1))
      return onnx_node_fail (node, error, "equation does not fit input %d of rank %d", i, shape.rank);
    if (!read_labels (node, at, (size_t) (stop - at), more, terms[i].label, error))
      return false;
    dots = MAX (dots, more);
    terms[i].value = onnx_node_sym (node, i);
    at = stop + 1;
  }
  if (arrow == NULL) {
    implied_result (equation, dots, result);
    return true;
  }
  if (!read_labels (node, arrow + 2, strlen (arrow + 2), dots, result, error))
    return false;
  for (const char *label = result; *label != '\0'; label++) {
    bool found = false;

    for (int i = 0; i < n; i++)
      found |= find_label (&terms[i], *label) >= 0;
    if (!found || strchr (label + 1, *label) != NULL)
      return onnx_node_fail (node, error, "equation's result names '%c' %s", *label,
                             found ? "twice" : "which no input has");
  }
  return true;
}

static bool
build_einsum (struct onnx_node *node, GError **error)
{
  const char *equation = onnx_node_string (node, "equation", "");
  int n = onnx_node_input_count (node), axes[SHAPE_RANK_MAX] = {0};
  char result[LABELS_MAX + 1] = "", keep[128];
  struct term terms[TERMS_MAX] = {0};

  if (n > TERMS_MAX)
    return onnx_node_fail (node, error, "has %d inputs, wants %d or fewer", n, TERMS_MAX);
  if (!read_equation (node, equation, terms, n, result, error))
    return false;
  for (int i = 0; i < n; i++)
    take_diagonals (&terms[i]);
  for (int i = 1; i < n; i++) {
    labels_needed (terms, i + 1, n, result, keep);
    if (!multiply (node, &terms[0], &terms[i], keep, error))
      return false;
  }
  sum_lonely (&terms[0], result, NULL);
  for (int i = 0; result[i] != '\0'; i++)
    axes[i] = MAX (find_label (&terms[0], result[i]), 0);
  onnx_node_set (node, 0, sym_permute (terms[0].value, axes));
  return true;
}

const struct onnx_rule onnx_rules_matmul[] = {
  {"Einsum", build_einsum, 1},
  {"Gemm", build_gemm, 2},
  {"MatMul", build_matmul, 2},
  {NULL},
};
