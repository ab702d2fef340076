/* SPDX-License-Identifier: Apache-2.0
 *
 * A look at the bytes of a model before protobuf-c unpacks them. Its unpacker recurses without a limit, turns two bytes
 * into a message of hundreds, and merges repeated occurrences of a single message in quadratic time. This scan follows
 * the same descriptors, refuses those, and adds up what unpacking would allocate.
 * Format: protobuf.dev/programming-guides/encoding. */
#include <string.h>

#include "impasto/error.h"
#include "onnx/model.h"

#define DEPTH_MAX 48 /* an If in an If takes three: graph, node, attribute */
#define BASE_COST ((uint64_t) 256 << 20)
#define COST_FACTOR 12 /* per byte of the file: an int64 in a byte, or in two as a field of its own */

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LENGTH = 2, WIRE_32 = 5 };

struct scan {
  uint64_t cost, limit;
  const char *mistake;
};

/* A base-128 number; false when it runs beyond @end or 64 bits. */
static bool
read_varint (const uint8_t **at, const uint8_t *end, uint64_t *value)
{
  *value = 0;
  for (int shift = 0; shift < 64 && *at < end; shift += 7) {
    uint8_t byte = *(*at)++;

    *value |= (uint64_t) (byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return true;
  }
  return false;
}

static bool
wrong (struct scan *scan, const char *mistake)
{
  scan->mistake = mistake;
  return false;
}

static bool
pay (struct scan *scan, uint64_t cost)
{
  scan->cost += cost;
  return scan->cost <= scan->limit || wrong (scan, "it would unpack to far more than its size");
}

/* Skips a field's value; of one with a length, @*body and @*length tell where it lies. */
static bool
read_value (struct scan *scan, int wire, const uint8_t **at, const uint8_t *end, const uint8_t **body, uint64_t *length)
{
  uint64_t left = (uint64_t) (end - *at), number;

  *body = *at;
  *length = 0;
  switch (wire) {
  case WIRE_VARINT: return read_varint (at, end, &number) || wrong (scan, "a number is cut off");
  case WIRE_64: *length = 8; break;
  case WIRE_32: *length = 4; break;
  case WIRE_LENGTH:
    if (!read_varint (at, end, length))
      return wrong (scan, "a length is cut off");
    left = (uint64_t) (end - *at);
    *body = *at;
    break;
  default: return wrong (scan, "a field has an unknown wire type");
  }
  if (*length > left)
    return wrong (scan, "a field is longer than what holds it");
  *at += *length;
  return true;
}

static bool scan_message (struct scan *scan, const ProtobufCMessageDescriptor *type, const uint8_t *at,
                          const uint8_t *end, int depth);

static bool
scan_field (struct scan *scan, const ProtobufCFieldDescriptor *field, bool *seen, const uint8_t *body, uint64_t length,
            int depth)
{
  bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;

  if (field->type == PROTOBUF_C_TYPE_STRING && memchr (body, 0, length) != NULL)
    return wrong (scan, "a name holds a zero byte");
  if (field->type != PROTOBUF_C_TYPE_MESSAGE)
    return pay (scan, 32 + length * (repeated ? 9 : 1));
  if (!repeated && *seen)
    return wrong (scan, "a part that may be there once is there twice");
  *seen = true;
  return scan_message (scan, field->descriptor, body, body + length, depth + 1);
}

static bool
scan_message (struct scan *scan, const ProtobufCMessageDescriptor *type, const uint8_t *at, const uint8_t *end,
              int depth)
{
  bool seen[64] = {false};

  if (depth > DEPTH_MAX)
    return wrong (scan, "it is nested too deeply");
  if (!pay (scan, type->sizeof_message + 32))
    return false;
  g_assert (type->n_fields <= G_N_ELEMENTS (seen));
  while (at < end) {
    const ProtobufCFieldDescriptor *field;
    const uint8_t *body;
    uint64_t tag, length;

    if (!read_varint (&at, end, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
      return wrong (scan, "a field has no number");
    if (!read_value (scan, tag & 7, &at, end, &body, &length))
      return false;
    field = protobuf_c_message_descriptor_get_field (type, (unsigned) (tag >> 3));
    if (field == NULL || (tag & 7) != WIRE_LENGTH) {
      if (!pay (scan, 64 + (field == NULL ? length : 0)))
        return false;
    } else if (!scan_field (scan, field, &seen[field - type->fields], body, length, depth))
      return false;
  }
  return true;
}

bool
onnx_scan (const uint8_t *data, size_t size, GError **error)
{
  struct scan scan = {.limit = BASE_COST + (uint64_t) size * COST_FACTOR};

  if (scan_message (&scan, &onnx__model_proto__descriptor, data, data + size, 0))
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "damaged, or no ONNX model: %s", scan.mistake);
  return false;
}
