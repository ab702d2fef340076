/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPU through oneDNN 2.6: this room is the only one that includes dnnl.h, so that oneDNN 3 is a change in one
 * place. Each prepare function fills a struct kernel from its operands: chooses formats, creates the primitive, lays
 * out constant weights once, asks for its scratch. One engine and stream a process; kernels of one plan run one after
 * another. */
#pragma once

#include "base/option.h"
#include "device/kernel.h"

/* Geometry of a 2-D convolution. Weight is (o, i/groups, kh, kw); padding is with zeros. */
struct conv_attrs {
  int64_t stride[2];   /* h, w */
  int64_t pad[4];      /* top, left, bottom, right */
  int64_t dilation[2]; /* 1 = dense */
  int64_t groups;
  int64_t extent[2]; /* conv2d_back_x: h, w of the result; conv2d_back_w: kh, kw of the result; else unused */
};

/* y = x * w                      x (n,c,h,w) w (o,c/g,kh,kw) */
bool cpu_conv2d (struct kernel *kernel, GError **error);
/* dx from inputs (dy, w): the transposed convolution */
bool cpu_conv2d_back_x (struct kernel *kernel, GError **error);
/* dw from inputs (x, dy) */
bool cpu_conv2d_back_w (struct kernel *kernel, GError **error);

/* Batched y = op(a) op(b) of row-major operands, float32; leading axes broadcast. */
struct matmul_attrs {
  bool transpose_a, transpose_b;
};
bool cpu_matmul (struct kernel *kernel, GError **error);

/* y = softmax (scale q k^T + bias) v of row-major float32 q (..., n, d), k (..., m, d), v (..., m, e) and perhaps a
 * bias that broadcasts to (..., n, m). With kernel->brief the products are of bfloat16. */
struct attention_attrs {
  double scale;
  bool columns; /* k is (..., d, m) */
};
bool cpu_attention (struct kernel *kernel, GError **error);

/* y (n,c,d) = a b^T of channels-last pictures a (n,c,h,w), b (n,d,h,w), float32 or bf16 with float32 sums */
bool cpu_gram (struct kernel *kernel, GError **error);
/* y (n,d,h,w) = s f of a channels-last picture f (n,c,h,w) and float32 matrices s (n,d,c) */
bool cpu_gram_back (struct kernel *kernel, GError **error);

/* "avx512_amx", "avx512_bf16", "avx512", "avx2", "sse41": what oneDNN may use here. */
const char *cpu_isa (void);
bool cpu_has_bf16 (void);

/* "oneDNN 2.6.3" */
const char *cpu_version (void);

/* Threads for oneDNN and for our own loops; 0 = all. Must be the same when a kernel is prepared and run. */
void cpu_set_threads (int threads);
int cpu_threads (void);

/* What a run needs of its thread and puts back: the number of threads (0 = all), and denormals flushed to zero, which
 * it sets in every worker too. Enter and leave in the same thread. */
struct cpu_scope {
  int threads;
  unsigned control;
};
struct cpu_scope cpu_enter (int threads);
void cpu_leave (struct cpu_scope scope);

/* Measured peak of @threads threads (0 = all) in GFLOP/s: the fastest of a few dense convolutions that fit the caches,
 * every operation carried out. Takes about 0.2 s. */
double cpu_peak_gflops (bool bf16, int threads);

/* Bytes of physical memory that can be had now (MemAvailable, less with a cgroup limit). */
uint64_t cpu_memory_available (void);
