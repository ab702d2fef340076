/* SPDX-License-Identifier: Apache-2.0
 *
 * Brushwork for a painter of any style (transfer.c): a photograph is first painted with the styles of a pack that are
 * most like the painting, inside the same network, so that the painting's colours and light come over strokes. Which
 * styles those are follows from the descriptors that the pack carries (net/pack.h), or the user says it:
 *
 *   --brushwork auto              of masters.safetensors, for each painting those most like it; none without that pack
 *   --brushwork none
 *   --brushwork a:0.6,b:0.4       for all paintings, as --style has it
 *
 * Strength goes through the pack's row of the photograph, or, where it has none, blends what is painted with the
 * photograph. Owned by who opened it; constant once styles are chosen. In a recipe:
 *
 *   "brushwork": {"pack": base name, "sha256": ..., "run": if it is one's, "style": "auto" or the mix, "chosen": the mix of
 *                 each painting} */
#pragma once

#include "effect/canvas.h"
#include "effect/recipe.h"

struct brushwork;
typedef struct brushwork brushwork;

/* NULL without @error: there is none. IMPASTO_ERROR_USAGE: no such style; IMPASTO_ERROR_INPUT: the
 * pack. @eye describes paintings. */
struct brushwork *brushwork_open (const struct paint_settings *settings, const struct perceptual_net *eye,
                                  GError **error);
void brushwork_free (struct brushwork *brushwork);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (brushwork, brushwork_free)

/* The mix for each of @n paintings, of which @descriptors (n, perceptual_descriptor_size) tell what they look like.
 * IMPASTO_ERROR_MEMORY. */
bool brushwork_choose (struct brushwork *brushwork, const float *descriptors, int n, GError **error);

/* Before @net, whose rows are weights of the paintings and whose margin has room for it: its reach, normalisations, and
 * weights, which are new and the caller's. Its builder shall call brushwork_net first. */
struct weights *brushwork_join (const struct brushwork *brushwork, struct canvas_net *net);

/* The photograph, painted first; @control is as the canvas gives it. */
sym brushwork_net (const struct brushwork *brushwork, sym photo, const struct style_control *control);

const char *brushwork_file (const struct brushwork *brushwork); /* of the pack; borrowed */

/* The recipe's member, and the other way: fills settings->brushwork. @brushwork may be NULL. */
void brushwork_describe (const struct brushwork *brushwork, JsonObject *recipe);
bool brushwork_replay (JsonObject *recipe, const struct recipe_source *source, struct paint_settings *settings,
                       GError **error);
