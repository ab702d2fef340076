/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights: tensors by name, in the order they were added; the parameters of a network, or a whole checkpoint, with
 * string metadata. Reference counted; owned by one thread at a time. Names are dotted paths: "res3.conv1.weight". */
#pragma once

#include "tensor/tensor.h"

typedef struct weights weights;

struct weights *weights_new (void);
struct weights *weights_ref (struct weights *weights);
void weights_unref (struct weights *weights);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (weights, weights_unref)

/* Takes a reference to @tensor; replaces an entry of the same name, keeping its place. */
void weights_add (struct weights *weights, const char *name, struct tensor *tensor);
struct tensor *weights_find (struct weights *weights, const char *name); /* borrowed, or NULL */
bool weights_remove (struct weights *weights, const char *name);

guint weights_count (struct weights *weights);
const char *weights_name (struct weights *weights, guint i);
struct tensor *weights_at (struct weights *weights, guint i); /* borrowed */

void weights_set_metadata (struct weights *weights, const char *key, const char *value);
const char *weights_metadata (struct weights *weights, const char *key); /* or NULL */
/* NULL-terminated sorted keys; free with g_strfreev. */
char **weights_metadata_keys (struct weights *weights);
