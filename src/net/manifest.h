/* SPDX-License-Identifier: Apache-2.0
 *
 * What the weight files of impasto have in common: a JSON manifest in the metadata under "impasto" that names the
 * network, weights in half precision, and checks of both. Style packs (net/pack.h) and other networks (net/net_file.h)
 * build on it. Pure functions; any thread. */
#pragma once

#include <json-glib/json-glib.h>

#include "graph/graph.h"
#include "tensor/weights.h"

#define MANIFEST_FORMAT 1

/* IMPASTO_ERROR_INPUT "PATH: MESSAGE"; false. */
bool manifest_fail (GError **error, const char *path, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* The manifest @text, bounded in size and depth, of this format and for @network. Lives as long as @root, which the
 * caller unrefs. IMPASTO_ERROR_INPUT. */
JsonObject *manifest_parse (const char *text, const char *network, const char *path, JsonNode **root, GError **error);

/* The network that the manifest of the file @path names, whatever else it says; NULL: no such file, no manifest. */
char *manifest_network (const char *path);

/* A member that must be a string when it is there, on one line: what a file says is printed to terminals. A new string
 * in @value, or NULL. */
bool manifest_string (JsonObject *object, const char *name, char **value, const char *path, GError **error);
JsonObject *manifest_object (JsonObject *object, const char *name);                 /* or NULL */
void manifest_set_string (JsonObject *object, const char *name, const char *value); /* unless it is empty */

/* The parameters of @graph out of @loaded: every one there, of its shape, finite; as F32. */
struct weights *weights_checked (struct weights *loaded, struct graph *graph, const char *path, GError **error);

/* Half precision on disk; IMPASTO_ERROR_NUMERIC when one does not fit. */
bool weights_save_half (struct weights *weights, const char *manifest, const char *path, GError **error);
