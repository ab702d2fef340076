/* SPDX-License-Identifier: Apache-2.0
 *
 * The eye by which sets of pictures are compared: what is taken of a picture, and in what parts. Either a feature
 * network, the means over the picture of its taps; or a classifier (`impasto train classifier`): what its last layer
 * sees, and how likely each class is. One thread at a time. */
#pragma once

#include "compile/plan.h"
#include "net/feature_net.h"
#include "net/net_file.h"

enum { EYE_BATCH = 16 }; /* pictures looked at in one go */

struct eye {
  struct features *features; /* a feature network, */
  struct net_file *reader;   /* or a classifier */
  struct plan *plan;         /* input "picture" (EYE_BATCH, channels, side, side), 0..1 */
  int side, channels;        /* of the pictures it is shown */
  int n_parts;               /* of what it sees; each has its own unit */
  int64_t part[FEATURE_TAPS];
  int64_t d;        /* numbers of a picture: the sum of the parts */
  int n_classes;    /* of a classifier; 0 = it is none */
  GPtrArray *names; /* of the classes */
};

/* The file that --features means: @given, or the one of that name that ships ("digits"); NULL: the feature network that
 * ships. A new string. IMPASTO_ERROR_INPUT: there is none. */
char *eye_find (const char *given, GError **error);

/* @given as of eye_find; @side of the pictures; a classifier has its own. IMPASTO_ERROR_INPUT: no such file, or no such
 * network in it. */
bool eye_open (struct eye *eye, const char *given, int side, int threads, GError **error);
void eye_close (struct eye *eye);

/* What figures say they are of: "perceptual", "classifier handwritten digits". */
char *eye_name (const struct eye *eye); /* a new string */

/* Looks at the first @n pictures of the plan's input: appends what it sees to @x, (n, d), and the likelihoods of the
 * classes to @p, (n, n_classes). */
void eye_look (struct eye *eye, int n, GArray *x, GArray *p);
