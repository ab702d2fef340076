/* SPDX-License-Identifier: Apache-2.0
 *
 * Scheduling: decides for a lowered graph where every value lies (layout and type) and which nodes are evaluated inside
 * the loop of another (fusion). What is left runs in the graph's own order. */
#pragma once

#include "compile/plan.h"
#include "device/kernel.h"
#include "graph/op.h"

enum role {
  ROLE_UNUSED,
  ROLE_LEAF,     /* input, parameter or constant */
  ROLE_VIEW,     /* the bytes of its input */
  ROLE_INLINE,   /* evaluated inside the loops that use it */
  ROLE_LOOP,     /* root of a fused loop */
  ROLE_KERNEL,   /* a device kernel */
  ROLE_EPILOGUE, /* done by the convolution before it; `epilogue_root` is the last node of it */
  ROLE_BAND      /* done by the convolution after it, band by band (device/cpu_band.h), or measured by the one before */
};

struct schedule_node {
  enum role role;
  enum layout layout;
  enum dtype dtype;
  int n_users;
  const int *users;           /* node ids */
  bool result;                /* read by a graph result */
  bool assigned;              /* a parameter that a result overwrites */
  int kernel_root;            /* of an epilogue's last node: the convolution; else -1 */
  int bias;                   /* likewise: node id of the bias, or -1 */
  enum activation activation; /* likewise: what its kernel applies at the end */
  bool band;                  /* a convolution's last node: it runs in bands of rows ... */
  int band_pad;               /* ... with this padding before it, or -1, */
  int band_enlarge;           /* this enlargement before that, or -1, */
  int band_source;            /* of this picture: ROLE_BAND when it is computed band by band, */
  int band_moments;           /* and this node measures the result, or -1 */
};

struct schedule {
  int count;
  struct schedule_node *node; /* by node id */
  int *users;
};

struct schedule *schedule_new (const struct graph *lowered, enum precision precision);
void schedule_free (struct schedule *schedule);
