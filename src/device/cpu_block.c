/* SPDX-License-Identifier: Apache-2.0
 *
 * Small products by oneDNN's matmul. A primitive may be executed by several threads at once as long as each brings
 * memory objects of its own. */
#include "device/cpu_block.h"

/* What a thread brings. */
struct party {
  dnnl_memory_t a, b, y, pad; /* the last NULL where nothing is wanted */
  dnnl_memory_t plain;        /* b before it is packed */
};

struct block_product {
  dnnl_primitive_t multiply, pack;
  dnnl_memory_desc_t b, plain;
  size_t scratch;
  const char *name;
  int threads;
  struct party *party;
};

static void
destroy_memory (dnnl_memory_t memory)
{
  if (memory != NULL)
    dnnl_memory_destroy (memory);
}

void
block_product_free (struct block_product *product)
{
  if (product == NULL)
    return;
  for (int i = 0; i < product->threads; i++) {
    struct party *party = &product->party[i];
    destroy_memory (party->a);
    destroy_memory (party->b);
    destroy_memory (party->y);
    destroy_memory (party->pad);
    destroy_memory (party->plain);
  }
  if (product->multiply != NULL)
    dnnl_primitive_destroy (product->multiply);
  if (product->pack != NULL)
    dnnl_primitive_destroy (product->pack);
  g_free (product->party);
  g_free (product);
}

static bool
make_memory (dnnl_memory_t *memory, const dnnl_memory_desc_t *desc, GError **error)
{
  return cpu_check (dnnl_memory_create (memory, desc, cpu_engine (), DNNL_MEMORY_NONE), "memory", error);
}

static bool
make_parties (struct block_product *product, const dnnl_memory_desc_t *a, const dnnl_memory_desc_t *y,
              const dnnl_memory_desc_t *pad, GError **error)
{
  bool ok = true;

  for (int i = 0; ok && i < product->threads; i++) {
    struct party *party = &product->party[i];
    ok = make_memory (&party->a, a, error) && make_memory (&party->b, &product->b, error) &&
         make_memory (&party->y, y, error) && (product->scratch == 0 || make_memory (&party->pad, pad, error)) &&
         (product->pack == NULL || make_memory (&party->plain, &product->plain, error));
  }
  return ok;
}

static bool
make_pack (struct block_product *product, GError **error)
{
  dnnl_primitive_desc_t desc = NULL;
  bool ok;

  if (!cpu_check (
        dnnl_reorder_primitive_desc_create (&desc, &product->plain, cpu_engine (), &product->b, cpu_engine (), NULL),
        "reorder", error))
    return false;
  ok = cpu_check (dnnl_primitive_create (&product->pack, desc), "reorder", error);
  dnnl_primitive_desc_destroy (desc);
  return ok;
}

static dnnl_primitive_t
create (const dnnl_memory_desc_t *a, const dnnl_memory_desc_t *b, const dnnl_memory_desc_t *y)
{
  dnnl_primitive_attr_t attr = cpu_attr (ACTIVATION_NONE, NULL);
  dnnl_primitive_t made = NULL;
  dnnl_matmul_desc_t op;

  if (dnnl_matmul_desc_init (&op, a, b, NULL, y) == dnnl_success) {
    made = cpu_create (&op, attr, NULL, CPU_NO_LOOPS);
    if (made == NULL)
      made = cpu_create (&op, attr, NULL, CPU_ALL);
  }
  dnnl_primitive_attr_destroy (attr);
  return made;
}

struct block_product *
block_product_new (const int64_t dims[3], enum dtype dtype, const int64_t *stride, bool transposed, int threads,
                   GError **error)
{
  struct block_product *product = g_new0 (struct block_product, 1);
  const int64_t a_dims[] = {dims[0], dims[1]}, b_dims[] = {dims[1], dims[2]}, y_dims[] = {dims[0], dims[2]};
  const int64_t own[] = {transposed ? 1 : dims[2], transposed ? dims[1] : 1};
  dnnl_memory_desc_t a = cpu_desc (2, a_dims, dtype, (const int64_t[]){dims[1], 1});
  dnnl_memory_desc_t y = cpu_desc (2, y_dims, DTYPE_F32, (const int64_t[]){dims[2], 1}), any;
  const_dnnl_primitive_desc_t desc = NULL;
  const dnnl_memory_desc_t *pad;

  product->threads = threads;
  product->party = g_new0 (struct party, threads);
  product->plain = cpu_desc (2, b_dims, dtype, stride != NULL ? stride : own);
  any = stride != NULL ? product->plain : cpu_desc_any (&product->plain);
  product->multiply = create (&a, &any, &y);
  if (!cpu_check (product->multiply != NULL ? dnnl_success : dnnl_unimplemented, "product", error) ||
      !cpu_check (dnnl_primitive_get_primitive_desc (product->multiply, &desc), "product", error)) {
    block_product_free (product);
    return NULL;
  }
  product->b = *dnnl_primitive_desc_query_md (desc, dnnl_query_exec_arg_md, DNNL_ARG_WEIGHTS);
  pad = dnnl_primitive_desc_query_md (desc, dnnl_query_scratchpad_md, 0);
  product->scratch = pad != NULL ? dnnl_memory_desc_get_size (pad) : 0;
  dnnl_primitive_desc_query (desc, dnnl_query_impl_info_str, 0, &product->name);
  if ((stride == NULL && !make_pack (product, error)) || !make_parties (product, &a, &y, pad, error)) {
    block_product_free (product);
    return NULL;
  }
  return product;
}

size_t
block_product_scratch (const struct block_product *product)
{
  return product->scratch;
}

size_t
block_product_packed (const struct block_product *product)
{
  return dnnl_memory_desc_get_size (&product->b);
}

const char *
block_product_name (const struct block_product *product)
{
  return product->name;
}

void
block_product_pack (struct block_product *product, int thread, const void *b, void *packed)
{
  struct party *party = &product->party[thread];
  dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, party->plain}, {DNNL_ARG_TO, party->b}};
  dnnl_status_t status;

  dnnl_memory_set_data_handle (party->plain, (void *) b);
  dnnl_memory_set_data_handle (party->b, packed);
  status = dnnl_primitive_execute (product->pack, cpu_stream (), 2, arguments);
  g_assert (status == dnnl_success);
}

void
block_product_run (struct block_product *product, int thread, const void *a, const void *b, float *y, void *scratch)
{
  struct party *party = &product->party[thread];
  dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, party->a},
                                 {DNNL_ARG_WEIGHTS, party->b},
                                 {DNNL_ARG_DST, party->y},
                                 {DNNL_ARG_SCRATCHPAD, party->pad}};
  dnnl_status_t status;

  dnnl_memory_set_data_handle (party->a, (void *) a);
  dnnl_memory_set_data_handle (party->b, (void *) b);
  dnnl_memory_set_data_handle (party->y, y);
  if (party->pad != NULL)
    dnnl_memory_set_data_handle (party->pad, scratch);
  status = dnnl_primitive_execute (product->multiply, cpu_stream (), party->pad != NULL ? 4 : 3, arguments);
  g_assert (status == dnnl_success);
}
