/* SPDX-License-Identifier: Apache-2.0
 *
 * A network of impasto's own in a file, other than a style pack: weights and a manifest
 *
 *   {"format": 1, "network": "perceptual", "settings": {...}, "title": "...", "license": "...", "provenance": "...",
 *    "training": {...}}
 *
 * The caller owns it; a loaded one is constant and may be shared between threads that only read it. */
#pragma once

#include <json-glib/json-glib.h>

#include "net/net.h"
#include "tensor/weights.h"

struct net_file {
  char *path; /* where it was loaded from, or NULL */
  const struct net *net;
  void *settings;          /* net's settings struct */
  struct weights *weights; /* F32 */
  char *title, *license, *provenance;
  JsonObject *training; /* recipe and figures, or NULL */
};
typedef struct net_file net_file;

/* Among the facts of training: what the classes of the data were called, an array of strings. */
#define NET_CLASS_NAMES "class-names"

struct net_file *net_file_new (const struct net *net, const void *settings, struct weights *weights);

/* IMPASTO_ERROR_INPUT: not a safetensors file, no manifest, another network or format, a weight that is missing or of
 * another shape, NaN. Half precision becomes F32. @net needs `build`. */
struct net_file *net_file_load (const char *path, const struct net *net, GError **error);

/* The same from memory; @name stands for the file in messages. */
struct net_file *net_file_parse (const void *data, size_t size, const char *name, const struct net *net,
                                 GError **error);

bool net_file_save (const struct net_file *file, const char *path, GError **error); /* half precision on disk */

/* Adds them, which may be any bytes; and those of @n classes, a number where the file does not tell: NULL-terminated,
 * to be freed by g_strfreev. */
void net_file_set_class_names (struct net_file *file, const char *const *names, int n);
char **net_file_class_names (const struct net_file *file, int n);
void net_file_free (struct net_file *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (net_file, net_file_free)
