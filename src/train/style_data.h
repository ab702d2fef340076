/* SPDX-License-Identifier: Apache-2.0
 *
 * What the style recipe learns from: paintings, their styles' names, their Gram matrices and crops, and which style,
 * brush and share of the photograph a step draws.
 *
 * A coarser brush is the same painting larger. With a brush every painting is measured at three anchors, half, whole
 * and twice `painting_size`, for brushes of -1, 0 and 1 (sizes 2^brush); between two anchors a target is the linear mix
 * of theirs. A table of targets has a row for each anchor of each style: row style * anchors + anchor. */
#pragma once

#include "compile/plan.h"
#include "image/picture.h"
#include "net/feature_net.h"

enum { STYLE_SCALES = 3, STYLE_ANCHORS = 3 };

struct style_data {
  int n_styles, n_anchors;                            /* anchors: 1 = the whole size alone, or STYLE_ANCHORS */
  char **names, **about;                              /* about: "TITLE, ARTIST, YEAR", what is not known left out */
  struct picture **paintings;                         /* at every anchor, as the rows of the tables */
  struct tensor *gram[STYLE_SCALES][FEATURE_TAPS];    /* (rows, c*c): Gram matrix over its root mean square */
  struct tensor *inverse[STYLE_SCALES][FEATURE_TAPS]; /* (rows, 1): one over that root */
  struct tensor *palette;                             /* (rows, LOSS_PALETTE): as loss_palette takes it */
  struct tensor *colors;                              /* (rows, LOSS_COLORS): as loss_colors does */
};

/* What one picture of a batch is trained towards. */
struct style_draw {
  int style;
  double brush;      /* -1..1, 0 wherever the photograph has a share */
  double photograph; /* its share, 0..1 */
};

/* A pure function of its arguments. Styles take turns; half of the pictures have the whole brush, the others one drawn
 * evenly; four fifths have nothing of the photograph, a twelfth all of it, the rest a share drawn evenly. */
struct style_draw style_draw (const struct style_net *net, uint64_t seed, int64_t step, int item, int64_t batch);

/* Weights over the rows of @net (style_net_rows) and over those of the tables (style_data_rows). */
void style_draw_rows (struct style_draw draw, const struct style_net *net, float *rows);
void style_draw_targets (struct style_draw draw, const struct style_data *data, float *targets);

/* Names from @names, as --names has them, or from the files of @paths; valid and each another. IMPASTO_ERROR_USAGE. */
bool style_data_name (struct style_data *data, char **paths, const char *names, GError **error);

/* Paintings of @paths with @painting_size pixels on their longer side, but large enough for crops of @size. */
bool style_data_load (struct style_data *data, char **paths, bool brush, int64_t painting_size, int64_t size,
                      GError **error);

/* Fills the tables by @features, in the precision and with the threads of @options: a painter's results are seen
 * through the same arithmetic. */
bool style_data_measure (struct style_data *data, const struct features *features, struct plan_options options,
                         GError **error);

/* Tables of noise for one style, for rehearsals. */
bool style_data_make_up (struct style_data *data, const struct features *features, bool brush, GError **error);

/* Frees the paintings at other anchors than the whole size: crops are of that one from now on. */
void style_data_keep_whole (struct style_data *data);

int64_t style_data_rows (const struct style_data *data);

/* A random crop of a painting at the anchor nearest to the brush, mirrored half of the time: (3, size, size). */
void style_data_crop (const struct style_data *data, struct style_draw draw, uint64_t seed, uint64_t step, int item,
                      int64_t size, float *out);

void style_data_clear (struct style_data *data);
