/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as the manifest of a style pack, or of another network's file, without weights: refused with a message of
 * one line. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "impasto/error.h"
#include "net/net_file.h"
#include "net/pack.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* A safetensors file of metadata only. */
static GByteArray *
file_of (const char *manifest)
{
  g_autoptr (JsonObject) header = json_object_new ();
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  JsonObject *metadata = json_object_new ();
  GByteArray *bytes = g_byte_array_new ();

  json_object_set_string_member (metadata, "impasto", manifest);
  json_object_set_object_member (header, "__metadata__", metadata);
  json_node_set_object (node, header);
  g_autofree char *text = json_to_string (node, FALSE);
  uint64_t length = GUINT64_TO_LE (strlen (text));
  g_byte_array_append (bytes, (const guint8 *) &length, sizeof length);
  g_byte_array_append (bytes, (const guint8 *) text, (guint) strlen (text));
  return bytes;
}

static void
check_refused (const void *result, const GError *error)
{
  g_assert_null (result);
  g_assert_true (g_error_matches (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT));
  g_assert_true (g_utf8_validate (error->message, -1, NULL) && strpbrk (error->message, "\r\n") == NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *manifest = g_strndup (size > 0 ? (const char *) data : "", size);
  g_autoptr (GError) error = NULL;

  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
  if (!g_utf8_validate (manifest, -1, NULL))
    return 0;
  g_autoptr (GByteArray) file = file_of (manifest);
  g_autoptr (pack) pack = pack_parse (file->data, file->len, "input", &error);
  check_refused (pack, error);
  for (int i = 0; net_table[i]; i++) {
    if (!net_table[i]->build)
      continue;
    g_autoptr (GError) other = NULL;
    g_autoptr (net_file) network = net_file_parse (file->data, file->len, "input", net_table[i], &other);
    check_refused (network, other);
  }
  return 0;
}
