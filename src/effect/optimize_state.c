/* SPDX-License-Identifier: Apache-2.0
 *
 * State files of painting by optimisation: safetensors with the identity as metadata; see optimize_state.h. */
#include "effect/optimize_state.h"

#include <stdlib.h>

#include "base/text_json.h"
#include "format/safetensors.h"
#include "impasto/error.h"

#define IDENTITY "optimize"
#define LEVEL "level"
#define STATE_DEPTH 16 /* of brackets in an identity */

bool
optimize_state_save (const char *path, const char *identity, int number, struct level *level, GError **error)
{
  g_autoptr (weights) weights = weights_new ();
  g_autofree char *text = g_strdup_printf ("%d", number);
  level_save (level, weights);
  weights_set_metadata (weights, IDENTITY, identity);
  weights_set_metadata (weights, LEVEL, text);
  return safetensors_save (weights, path, error);
}

/* The member of @now that @before has not, or otherwise; a new string. */
static char *
difference (const char *before, const char *now)
{
  g_autoptr (JsonNode) a = text_json_read (before, STATE_DEPTH);
  g_autoptr (JsonNode) b = text_json_read (now, STATE_DEPTH);
  if (!a || !b || !JSON_NODE_HOLDS_OBJECT (a))
    return g_strdup ("settings");
  g_autoptr (GList) names = json_object_get_members (json_node_get_object (b));
  for (GList *name = names; name; name = name->next) {
    JsonNode *x = json_object_get_member (json_node_get_object (a), name->data);
    JsonNode *y = json_object_get_member (json_node_get_object (b), name->data);
    if (!x || !json_node_equal (x, y))
      return g_strdup (name->data);
  }
  return g_strdup ("settings");
}

bool
optimize_state_load (const char *path, const char *identity, int levels, int *number, struct weights **state,
                     GError **error)
{
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return true;
  g_autoptr (weights) loaded = safetensors_load (path, error);
  if (!loaded) {
    g_prefix_error (error, "the state of a stopped painting: ");
    return false;
  }
  const char *found = weights_metadata (loaded, IDENTITY), *level = weights_metadata (loaded, LEVEL);
  int n = level ? atoi (level) : -1;
  if (!found || n < 0 || n >= levels) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: not the state of a stopped painting; move it away, or name another file with --state", path);
    return false;
  }
  g_autofree char *was = text_json_tidy (found);
  if (!g_str_equal (was, identity)) {
    g_autofree char *what = difference (was, identity);
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: holds a painting that was stopped with another %s; delete it to begin anew", path, what);
    return false;
  }
  *number = n;
  *state = g_steal_pointer (&loaded);
  return true;
}
