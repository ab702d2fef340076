/* SPDX-License-Identifier: Apache-2.0
 *
 * What an artist steers by, made into numbers: mixes of styles, their strength, the brush, and regions. Each is weights
 * over the rows of a style network (net/net.h), per picture or per pixel:
 *
 *   --style a:0.6,b:0.4           a mix: weights are brought to a sum of 1; a colon and a number is a weight
 *   --region MASK=b:0.5,c@0.4     a mix (here of strength 0.4) where the picture MASK is white
 *
 * With --style-image mixes are of paintings instead, FILE:0.6,OTHER:0.4 (style_images.h), in regions too.
 *
 * Mix 0 is --style, everywhere; the regions follow, a later one over the earlier. Whoever made a control owns it; once
 * it is made it is constant but for control_fit. */
#pragma once

#include "effect/paint.h"
#include "net/net.h"

struct control_part {
  char *style; /* as style_find takes it; the file of a painting */
  char *name;  /* of the style alone, and its row in the network: filled in by whoever finds it */
  int row;
  double weight;
};

struct control_mix {
  GArray *parts;  /* struct control_part; weights add up to 1 */
  GArray *images; /* struct style_image of each part; or NULL */
  double strength;
  char *mask;   /* the picture's file; NULL for mix 0 */
  char *sha256; /* of the mask */
  int width, height;
  float *grey;      /* (h,w), 0..1: as in the file, or smaller (control_fit) */
  int fit_w, fit_h; /* what `fitted` was made for */
  int small_w, small_h;
  float *fitted; /* (small_h, small_w), or NULL: grey serves */
};

struct control {
  GPtrArray *mixes; /* struct control_mix, at least one */
  double brush;     /* b: the brush is 2^b times as wide */
};
typedef struct control control;

enum { CONTROL_PARTS_MAX = 64, CONTROL_REGIONS_MAX = 32 };

/* "a:0.6,b:0.4" of option @option -> parts. IMPASTO_ERROR_USAGE: nothing, a weight that is empty, negative or no
 * number, or weights that are all zero. */
GArray *control_parse_mix (const char *option, const char *text, GError **error);

/* Reads the settings, mixes of a pack's styles or (@images) of paintings, and the masks. IMPASTO_ERROR_USAGE: text that
 * makes no sense; IMPASTO_ERROR_INPUT: a mask that cannot be read, or is black all over. */
struct control *control_new (const struct paint_settings *settings, bool images, GError **error);
void control_free (struct control *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (control, control_free)

const struct control_mix *control_mix_at (const struct control *control, int i);

/* "a:0.6,b:0.4" from the names of the parts; and "a+b", to name a file after. New strings. */
char *control_mix_text (const struct control_mix *mix);
char *control_mix_label (const struct control_mix *mix);

/* The files of the paintings that the mixes are of, each once, borrowed; each part's row becomes its place there.
 * IMPASTO_ERROR_USAGE: more than STYLE_IMAGES_MAX. */
GPtrArray *control_paintings (const struct control *control, GError **error);

double control_least_strength (const struct control *control);

/* Weights over the rows of @net: (mixes, style_net_rows), from the parts' rows, with strength and brush as far as the
 * network has rows for them. @strength: the same for all mixes, NULL = their own. */
void control_rows (const struct control *control, const struct style_net *net, const double *strength, float *rows);

/* Gets the masks ready for a painting of this size. IMPASTO_ERROR_MEMORY. */
bool control_fit (struct control *control, int width, int height, GError **error);

/* The share of each mix at each pixel of a rectangle of the painting that was fitted last: (mixes, h, w), adding up to
 * 1. What lies outside of the painting is mirrored. */
void control_shares (const struct control *control, int x, int y, int w, int h, float *shares);

/* The strength at each pixel of such a rectangle, (h, w). */
void control_strength (const struct control *control, int x, int y, int w, int h, float *map);

/* Adds "regions": [{"mask": base name, "sha256": ..., "style": ..., "strength": ...}], when there are any. */
void control_describe (const struct control *control, JsonObject *recipe);

/* Adds the files of paintings and masks to @paths, new strings. */
void control_sources (const struct control *control, GPtrArray *paths);

uint64_t control_bytes (const struct control *control); /* that the masks take, fitted ones included */
