/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans allocate nothing while they run. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>

#include "compile/plan.h"
#include "noise.h"
#include "op/sym.h"
#include "process.h"

/* Allocations by our own code, not by oneDNN and OpenMP, while plans run: malloc is replaced and looks at its
 * caller. */
#if !defined __SANITIZE_ADDRESS__ && defined __GLIBC__
#define COUNTS_ALLOCATIONS 1

#pragma GCC visibility push(default) /* for libraries to find them */
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *old, size_t size);
void *__libc_memalign (size_t alignment, size_t size);

static atomic_bool counting;
static atomic_int own_allocations;

static void
count (const void *caller)
{
  static const void *own_base;
  Dl_info info;

  if (!atomic_load (&counting) || dladdr (caller, &info) == 0)
    return;
  if (own_base == NULL) {
    Dl_info self;
    if (dladdr ((void *) &counting, &self) != 0)
      own_base = self.dli_fbase;
  }
  if (info.dli_fbase == own_base || strstr (info.dli_fname, "libglib") != NULL)
    atomic_fetch_add (&own_allocations, 1);
}

void *
malloc (size_t size)
{
  count (__builtin_return_address (0));
  return __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  count (__builtin_return_address (0));
  return __libc_calloc (n, size);
}

void *
realloc (void *old, size_t size)
{
  count (__builtin_return_address (0));
  return __libc_realloc (old, size);
}

int
posix_memalign (void **out, size_t alignment, size_t size)
{
  count (__builtin_return_address (0));
  *out = __libc_memalign (alignment, size);
  return *out != NULL ? 0 : ENOMEM;
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  count (__builtin_return_address (0));
  return __libc_memalign (alignment, size);
}
#pragma GCC visibility pop
#else
#define COUNTS_ALLOCATIONS 0
static bool counting;
static int own_allocations;
#endif

/* One of every kind of step: convolutions with their gradient, pooling, resampling, padding, copies, loops, reductions,
 * matmul, noise, in-place updates. */
static void
build_everything (struct graph *graph)
{
  sym x = graph_input (graph, "x", SHAPE (2, 3, 24, 24));
  sym w = graph_parameter (graph, "w", SHAPE (16, 3, 3, 3), (struct init){INIT_NORMAL, 0.2});
  sym b = graph_parameter (graph, "b", SHAPE (1, 16, 1, 1), (struct init){INIT_ZERO, 0});
  sym y = sym_relu (sym_add (sym_conv2d (sym_pad (x, PAD_REFLECT, 1, 1, 1, 1), w, (struct conv_options){0}), b));
  sym pooled = sym_max_pool (y, 2, 2, 0), up = sym_resize_bilinear (sym_upsample_nearest (pooled, 2), 24, 24);
  sym both[2] = {up, sym_dropout (y, 0.5, 1)};
  sym joined = sym_permute (sym_slice (sym_concat (both, 2, 1), 1, 4, 28, 1), (int[]){0, 2, 3, 1});
  sym loss = sym_add (sym_mean (sym_gram (y), AXES_ALL),
                      sym_reshape (sym_mean (sym_softmax (joined, 3), AXES_ALL), SHAPE (1, 1, 1)));
  sym dw = sym_mul (w, sym_reshape (loss, SHAPE (1, 1, 1, 1)));

  loss = sym_reshape (loss, SHAPE_SCALAR);
  graph_output (graph, "loss", loss);
  graph_output (graph, "scores",
                sym_matmul (sym_reshape (pooled, SHAPE (2, -1)), sym_normal (graph, SHAPE (16 * 144, 4), 2)));
  graph_assign (graph, w, sym_sub (w, sym_scale (dw, 0.01)));
  graph_assign (graph, b, sym_shift (b, 0.001));
}

static void
test_no_allocation (void)
{
  for (int precision = PRECISION_F32; precision <= PRECISION_BF16; precision++) {
    g_autoptr (graph) graph = graph_new ();
    g_autoptr (weights) weights = weights_new ();
    g_autoptr (GError) error = NULL;

    build_everything (graph);
    g_assert_true (weights_init (weights, graph, 1, NULL));
    g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = precision}, &error);
    g_assert_no_error (error);
    g_auto (GStrv) slow = plan_reference_steps (plan);
    g_assert_null (slow[0]);
    struct tensor *x = plan_input (plan, "x");
    noise_fill ("x", 2, 0, tensor_floats (x), shape_size (&x->shape));
    for (int i = 0; i < 10; i++) /* what libraries keep from then on */
      plan_run (plan, 1, (uint64_t) i);
    uint64_t before = process_bytes ("VmRSS:");
    own_allocations = 0;
    counting = true;
    for (int i = 0; i < 50; i++)
      plan_run (plan, 1, (uint64_t) i);
    counting = false;
    g_assert_cmpint (own_allocations, ==, 0);
    g_assert_true (!COUNTS_ALLOCATIONS ||
                   process_bytes ("VmRSS:") < before + (4 << 20)); /* sanitizers keep what is freed */
  }
  if (!COUNTS_ALLOCATIONS)
    g_test_message ("allocations are not counted under a sanitizer");
}

/* The counter does count. */
static void
test_counter (void)
{
  if (!COUNTS_ALLOCATIONS) {
    g_test_skip ("allocations are not counted under a sanitizer");
    return;
  }
  own_allocations = 0;
  counting = true;
  g_free (g_malloc (100));
  g_free (g_new0 (int, 100));
  counting = false;
  g_assert_cmpint (own_allocations, ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plan/allocation/counter", test_counter);
  g_test_add_func ("/plan/allocation/none", test_no_allocation);
  return g_test_run ();
}
