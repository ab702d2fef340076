/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments of a primitive, each on its way from the value to what the primitive wants:
 *
 *   value --convert type--> home --reorder--> inner            and back for an output
 *
 * Steps that change nothing are left out. Scratch holds the buffers between them; those of a constant operand are
 * the primitive's own, filled when it is prepared. */
#include "device/cpu_primitive.h"

#include <stdlib.h>
#include <string.h>

#include "device/vector.h"
#include "impasto/error.h"

#define MAX_ARGUMENTS 4
#define CONVERT_CHUNK 16384 /* elements a thread converts at a time */

struct argument {
  int arg;
  bool output;
  const struct value *value;
  dnnl_memory_desc_t home_desc;
  dnnl_memory_t home, inner;                /* the same object when no reorder is needed */
  dnnl_primitive_t reorder;                 /* or NULL */
  dnnl_memory_t reorder_pad;                /* the reorder's scratchpad, or NULL */
  bool convert;                             /* value and home differ in type */
  void *own;                                /* constant: the inner buffer */
  bool borrowed;                            /* which is a twin's */
  size_t home_at, inner_at, reorder_pad_at; /* in scratch, bytes */
};

struct cpu_primitive {
  dnnl_primitive_t primitive;
  dnnl_memory_t pad; /* scratchpad, or NULL */
  size_t pad_at;
  int n_arguments;
  struct argument argument[MAX_ARGUMENTS];
  dnnl_exec_arg_t exec[MAX_ARGUMENTS + 1];
};

/* Engine and stream */

dnnl_engine_t
cpu_engine (void)
{
  static gsize engine;

  if (g_once_init_enter (&engine)) {
    dnnl_engine_t made = NULL;
    if (dnnl_engine_create (&made, dnnl_cpu, 0) != dnnl_success)
      g_error ("oneDNN finds no CPU engine"); /* cannot happen: the library is built for CPUs */
    g_once_init_leave (&engine, (gsize) made);
  }
  return (dnnl_engine_t) engine;
}

dnnl_stream_t
cpu_stream (void)
{
  static gsize stream;

  if (g_once_init_enter (&stream)) {
    dnnl_stream_t made = NULL;
    if (dnnl_stream_create (&made, cpu_engine (), dnnl_stream_default_flags) != dnnl_success)
      g_error ("oneDNN makes no stream");
    g_once_init_leave (&stream, (gsize) made);
  }
  return (dnnl_stream_t) stream;
}

bool
cpu_check (dnnl_status_t status, const char *what, GError **error)
{
  static const char *const names[] = {"success",       "out of memory", "invalid arguments", "unimplemented",
                                      "iterator ends", "runtime error", "not required"};

  if (status == dnnl_success)
    return true;
  g_set_error (error, IMPASTO_ERROR, status == dnnl_out_of_memory ? IMPASTO_ERROR_MEMORY : IMPASTO_ERROR_MODEL,
               "%s: oneDNN: %s", what, (size_t) status < G_N_ELEMENTS (names) ? names[status] : "unknown error");
  return false;
}

/* Descriptors */

dnnl_data_type_t
cpu_type (enum dtype dtype)
{
  g_assert (dtype == DTYPE_F32 || dtype == DTYPE_BF16);
  return dtype == DTYPE_BF16 ? dnnl_bf16 : dnnl_f32;
}

dnnl_memory_desc_t
cpu_desc (int rank, const int64_t *dims, enum dtype dtype, const int64_t *strides)
{
  dnnl_memory_desc_t desc;
  dnnl_status_t status = dnnl_memory_desc_init_by_strides (&desc, rank, dims, cpu_type (dtype), strides);

  g_assert (status == dnnl_success);
  return desc;
}

dnnl_memory_desc_t
cpu_desc_last (const struct value *value, enum dtype dtype)
{
  const int64_t *d = value->shape.dim, strides[4] = {d[1] * d[2] * d[3], 1, d[3] * d[1], d[1]};

  g_assert (value->shape.rank == 4 && (value->layout == LAYOUT_LAST || d[1] == 1 || d[2] * d[3] == 1));
  return cpu_desc (4, d, dtype, strides);
}

dnnl_memory_desc_t
cpu_desc_any (const dnnl_memory_desc_t *desc)
{
  dnnl_memory_desc_t any;
  dnnl_status_t status =
    dnnl_memory_desc_init_by_tag (&any, desc->ndims, desc->dims, desc->data_type, dnnl_format_tag_any);
  g_assert (status == dnnl_success);
  return any;
}

static bool
append_activation (dnnl_post_ops_t ops, enum activation activation, const float *p)
{
  switch (activation) {
  case ACTIVATION_NONE: return true;
  case ACTIVATION_RELU: return dnnl_post_ops_append_eltwise (ops, 1, dnnl_eltwise_relu, 0, 0) == dnnl_success;
  case ACTIVATION_LEAKY_RELU: return dnnl_post_ops_append_eltwise (ops, 1, dnnl_eltwise_relu, p[0], 0) == dnnl_success;
  case ACTIVATION_TANH: return dnnl_post_ops_append_eltwise (ops, 1, dnnl_eltwise_tanh, 0, 0) == dnnl_success;
  case ACTIVATION_SIGMOID: return dnnl_post_ops_append_eltwise (ops, 1, dnnl_eltwise_logistic, 0, 0) == dnnl_success;
  case ACTIVATION_CLAMP: return dnnl_post_ops_append_eltwise (ops, 1, dnnl_eltwise_clip, p[0], p[1]) == dnnl_success;
  }
  g_return_val_if_reached (false);
}

dnnl_primitive_attr_t
cpu_attr (enum activation activation, const float *p)
{
  dnnl_primitive_attr_t attr = NULL;
  dnnl_post_ops_t ops = NULL;
  bool ok = dnnl_primitive_attr_create (&attr) == dnnl_success &&
            dnnl_primitive_attr_set_scratchpad_mode (attr, dnnl_scratchpad_mode_user) == dnnl_success &&
            dnnl_post_ops_create (&ops) == dnnl_success && append_activation (ops, activation, p) &&
            dnnl_primitive_attr_set_post_ops (attr, ops) == dnnl_success;

  g_assert (ok);
  dnnl_post_ops_destroy (ops);
  return attr;
}

/* "brgconv:avx512_core_bf16"; valid as long as @desc. */
static const char *
desc_name (const_dnnl_primitive_desc_t desc)
{
  const char *name = NULL;

  dnnl_primitive_desc_query (desc, dnnl_query_impl_info_str, 0, &name);
  return name != NULL ? name : "unnamed";
}

/* jit_1x1:avx2 of 2.6, the weights' gradient of a strided 1x1 convolution of channels-last pictures: where eight does
 * not divide the channels, it adds up what happens to lie in its scratchpad. */
static bool
is_wrong (const_dnnl_op_desc_t op, const char *name)
{
  const dnnl_convolution_desc_t *conv = op; /* which kind it is, all descriptors say in their first field */

  return conv->primitive_kind == dnnl_convolution && conv->prop_kind == dnnl_backward_weights &&
         (conv->strides[0] > 1 || conv->strides[1] > 1) && g_str_has_prefix (name, "jit_1x1:avx2") &&
         (conv->src_desc.dims[1] % 8 != 0 || conv->diff_dst_desc.dims[1] % 8 != 0);
}

static bool
is_among (const char *name, enum cpu_ways ways)
{
  return (ways == CPU_ALL || !g_str_has_prefix (name, "ref")) &&
         (ways > CPU_NO_MATRIX || strstr (name, "gemm:") == NULL);
}

/* Some implementations of 2.6 promise what their code generator then cannot do (bf16 groups of few channels with a
 * sigmoid): only creating one tells. */
dnnl_primitive_t
cpu_create (const_dnnl_op_desc_t op, dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint, enum cpu_ways ways)
{
  dnnl_primitive_desc_iterator_t all = NULL;
  dnnl_primitive_t primitive = NULL;
  dnnl_status_t status = dnnl_primitive_desc_iterator_create (&all, op, attr, cpu_engine (), hint);

  while (status == dnnl_success && primitive == NULL) {
    dnnl_primitive_desc_t desc = dnnl_primitive_desc_iterator_fetch (all);
    bool wanted = desc != NULL && is_among (desc_name (desc), ways) && !is_wrong (op, desc_name (desc));

    if (wanted && dnnl_primitive_create (&primitive, desc) != dnnl_success)
      primitive = NULL;
    dnnl_primitive_desc_destroy (desc);
    if (primitive == NULL) /* looking at the next one takes as long as making this one */
      status = dnnl_primitive_desc_iterator_next (all);
  }
  if (all != NULL)
    dnnl_primitive_desc_iterator_destroy (all);
  return primitive;
}

/* Building */

struct cpu_primitive *
cpu_primitive_new (void)
{
  return g_new0 (struct cpu_primitive, 1);
}

void
cpu_primitive_free (struct cpu_primitive *primitive)
{
  if (primitive == NULL)
    return;
  for (int i = 0; i < primitive->n_arguments; i++) {
    struct argument *a = &primitive->argument[i];
    if (a->reorder != NULL)
      dnnl_primitive_destroy (a->reorder);
    if (a->reorder_pad != NULL)
      dnnl_memory_destroy (a->reorder_pad);
    if (a->inner != a->home)
      dnnl_memory_destroy (a->inner);
    if (a->home != NULL)
      dnnl_memory_destroy (a->home);
    if (!a->borrowed)
      free (a->own);
  }
  if (primitive->pad != NULL)
    dnnl_memory_destroy (primitive->pad);
  if (primitive->primitive != NULL)
    dnnl_primitive_destroy (primitive->primitive);
  g_free (primitive);
}

void
cpu_primitive_argument (struct cpu_primitive *primitive, int arg, const struct value *value,
                        const dnnl_memory_desc_t *home, bool output)
{
  g_assert (primitive->n_arguments < MAX_ARGUMENTS);
  primitive->argument[primitive->n_arguments++] = (struct argument){
    .arg = arg,
    .output = output,
    .value = value,
    .home_desc = *home,
    .convert = home->data_type != cpu_type (value->dtype),
  };
}

/* Room for @size bytes in @scratch, whose end is returned; where they begin is put into @at. */
static size_t
reserve (size_t scratch, size_t size, size_t *at)
{
  *at = scratch;
  return scratch + (size + 63) / 64 * 64;
}

/* A memory object for @desc without memory; NULL stays NULL when there is nothing to hold. */
static bool
make_memory (dnnl_memory_t *memory, const dnnl_memory_desc_t *desc, GError **error)
{
  return cpu_check (dnnl_memory_create (memory, desc, cpu_engine (), DNNL_MEMORY_NONE), "memory", error);
}

static bool
make_pad (dnnl_memory_t *pad, const_dnnl_primitive_desc_t desc, size_t *at, size_t *scratch, GError **error)
{
  const dnnl_memory_desc_t *pad_desc = dnnl_primitive_desc_query_md (desc, dnnl_query_scratchpad_md, 0);
  size_t size = pad_desc != NULL ? dnnl_memory_desc_get_size (pad_desc) : 0;

  if (size == 0)
    return true;
  *scratch = reserve (*scratch, size, at);
  return make_memory (pad, pad_desc, error);
}

static bool
make_reorder (struct argument *a, const dnnl_memory_desc_t *inner, size_t *scratch, GError **error)
{
  const dnnl_memory_desc_t *from = a->output ? inner : &a->home_desc, *to = a->output ? &a->home_desc : inner;
  dnnl_primitive_attr_t attr = cpu_attr (ACTIVATION_NONE, NULL);
  dnnl_primitive_desc_t desc = NULL;
  dnnl_status_t status = dnnl_reorder_primitive_desc_create (&desc, from, cpu_engine (), to, cpu_engine (), attr);
  bool ok;

  dnnl_primitive_attr_destroy (attr);
  if (!cpu_check (status, "reorder", error))
    return false;
  ok = cpu_check (dnnl_primitive_create (&a->reorder, desc), "reorder", error) &&
       make_pad (&a->reorder_pad, desc, &a->reorder_pad_at, scratch, error) && make_memory (&a->inner, inner, error);
  dnnl_primitive_desc_destroy (desc);
  return ok;
}

static bool
make_argument (struct argument *a, const_dnnl_primitive_desc_t desc, size_t *scratch, GError **error)
{
  const dnnl_memory_desc_t *inner = dnnl_primitive_desc_query_md (desc, dnnl_query_exec_arg_md, a->arg);

  if (!make_memory (&a->home, &a->home_desc, error))
    return false;
  if (a->convert)
    *scratch = reserve (*scratch, dnnl_memory_desc_get_size (&a->home_desc), &a->home_at);
  if (dnnl_memory_desc_equal (inner, &a->home_desc)) {
    a->inner = a->home;
    return true;
  }
  *scratch = reserve (*scratch, dnnl_memory_desc_get_size (inner), &a->inner_at);
  return make_reorder (a, inner, scratch, error);
}

/* Running */

static void
convert (void *to, enum dtype type, const void *from, int64_t n)
{
  const struct vector_kernels *vector = vector_kernels ();

#pragma omp parallel for schedule(static)
  for (int64_t at = 0; at < n; at += CONVERT_CHUNK) {
    size_t count = (size_t) MIN (CONVERT_CHUNK, n - at);
    if (type == DTYPE_BF16)
      vector->to_bf16 ((uint16_t *) to + at, (const float *) from + at, count);
    else
      vector->from_bf16 ((float *) to + at, (const uint16_t *) from + at, count);
  }
}

static void
set_handle (dnnl_memory_t memory, void *data)
{
  if (memory != NULL)
    dnnl_memory_set_data_handle (memory, data);
}

static void
execute (dnnl_primitive_t primitive, int n, const dnnl_exec_arg_t *arguments)
{
  dnnl_status_t status = dnnl_primitive_execute (primitive, cpu_stream (), n, arguments);

  g_assert (status == dnnl_success);
}

static void
reorder (const struct argument *a, char *scratch)
{
  dnnl_exec_arg_t arguments[3] = {{DNNL_ARG_FROM, a->output ? a->inner : a->home},
                                  {DNNL_ARG_TO, a->output ? a->home : a->inner},
                                  {DNNL_ARG_SCRATCHPAD, a->reorder_pad}};

  set_handle (a->reorder_pad, scratch + a->reorder_pad_at);
  execute (a->reorder, a->reorder_pad != NULL ? 3 : 2, arguments);
}

/* Points the memory objects to value, scratch or own buffer. */
static void
bind (const struct argument *a, char *scratch)
{
  set_handle (a->home, a->convert ? scratch + a->home_at : a->value->data);
  if (a->reorder != NULL)
    set_handle (a->inner, a->own != NULL ? a->own : scratch + a->inner_at);
}

static void
bring (const struct argument *a, char *scratch)
{
  bind (a, scratch);
  if (a->convert)
    convert (scratch + a->home_at, a->value->dtype == DTYPE_BF16 ? DTYPE_F32 : DTYPE_BF16, a->value->data,
             shape_size (&a->value->shape));
  if (a->reorder != NULL)
    reorder (a, scratch);
}

static void
take_back (const struct argument *a, char *scratch)
{
  if (a->reorder != NULL)
    reorder (a, scratch);
  if (a->convert)
    convert (a->value->data, a->value->dtype, scratch + a->home_at, shape_size (&a->value->shape));
}

static void
run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct cpu_primitive *primitive = kernel->state;

  set_handle (primitive->pad, (char *) scratch + primitive->pad_at);
  for (int i = 0; i < primitive->n_arguments; i++) {
    const struct argument *a = &primitive->argument[i];
    if (a->output)
      bind (a, scratch);
    else if (a->own == NULL)
      bring (a, scratch);
  }
  execute (primitive->primitive, primitive->n_arguments + (primitive->pad != NULL), primitive->exec);
  for (int i = 0; i < primitive->n_arguments; i++)
    if (primitive->argument[i].output)
      take_back (&primitive->argument[i], scratch);
}

static void
free_state (void *state)
{
  cpu_primitive_free (state);
}

static void *
allocate (size_t size, GError **error)
{
  void *buffer = aligned_alloc (64, (size + 63) / 64 * 64);

  if (buffer == NULL)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory: %.1f MiB for a laid-out weight",
                 (double) size / (1 << 20));
  return buffer;
}

/* Takes what a twin laid out of the same operand; false when there is nothing that fits. */
static bool
borrow_constant (struct argument *a, int i, const struct kernel *twin)
{
  const struct cpu_primitive *other = twin != NULL && twin->run == run ? twin->state : NULL;
  const struct argument *b = other != NULL && i < other->n_arguments ? &other->argument[i] : NULL;
  const dnnl_memory_desc_t *inner, *other_inner;

  if (b == NULL || b->own == NULL || b->arg != a->arg || !dnnl_memory_desc_equal (&b->home_desc, &a->home_desc))
    return false;
  dnnl_memory_get_memory_desc (a->inner, &inner);
  dnnl_memory_get_memory_desc (b->inner, &other_inner);
  if (!dnnl_memory_desc_equal (inner, other_inner))
    return false;
  a->own = b->own;
  a->borrowed = true;
  set_handle (a->inner, a->own);
  return true;
}

/* Lays out a constant operand, the @i'th, with @scratch_size bytes to help, unless @twin did. */
static bool
keep_constant (struct argument *a, int i, const struct kernel *twin, size_t scratch_size, GError **error)
{
  const dnnl_memory_desc_t *inner;
  void *scratch;

  if ((a->reorder == NULL && !a->convert) || borrow_constant (a, i, twin))
    return true;
  scratch = allocate (scratch_size, error);
  if (scratch == NULL)
    return false;
  dnnl_memory_get_memory_desc (a->inner, &inner);
  a->own = allocate (dnnl_memory_desc_get_size (inner), error);
  if (a->own != NULL) {
    bring (a, scratch);
    if (a->reorder == NULL) {
      memcpy (a->own, (char *) scratch + a->home_at, dnnl_memory_desc_get_size (inner));
      set_handle (a->inner, a->own);
    }
  }
  free (scratch);
  return a->own != NULL;
}

bool
cpu_primitive_finish (struct cpu_primitive *taken, struct kernel *kernel, dnnl_primitive_t made, const char *what,
                      GError **error)
{
  g_autoptr (cpu_primitive) primitive = taken;
  const_dnnl_primitive_desc_t desc = NULL;
  size_t scratch = 0;

  primitive->primitive = made;
  if (!cpu_check (made != NULL ? dnnl_success : dnnl_unimplemented, what, error) ||
      !cpu_check (dnnl_primitive_get_primitive_desc (made, &desc), what, error) ||
      !make_pad (&primitive->pad, desc, &primitive->pad_at, &scratch, error))
    return false;
  for (int i = 0; i < primitive->n_arguments; i++) {
    struct argument *a = &primitive->argument[i];
    bool constant = a->value->constant && !a->output;
    size_t once = 0; /* scratch for this preparation only */

    if (!make_argument (a, desc, constant ? &once : &scratch, error) ||
        (constant && !keep_constant (a, i, kernel->twin, once, error)))
      return false;
    primitive->exec[i] = (dnnl_exec_arg_t){a->arg, a->inner};
  }
  primitive->exec[primitive->n_arguments] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, primitive->pad};

  kernel->scratch = scratch;
  kernel->implementation = desc_name (desc);
  kernel->state = g_steal_pointer (&primitive);
  kernel->run = run;
  kernel->free_state = free_state;
  return true;
}
