/* SPDX-License-Identifier: Apache-2.0
 *
 * Event files. The few messages that are needed are put down in protobuf's wire format by hand: a field is its number
 * and wire type, then a varint, 4 or 8 bytes little-endian, or a length and bytes. Formats: tensorflow.org/tutorials/
 * load_data/tfrecord, protobuf.dev/programming-guides/encoding, event.proto and summary.proto of TensorFlow. */
#include "format/events.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "impasto/error.h"

G_STATIC_ASSERT (G_BYTE_ORDER == G_LITTLE_ENDIAN); /* numbers are written as they lie in memory */

enum { VARINT = 0, BITS64 = 1, BYTES = 2, BITS32 = 5 }; /* wire types */

/* Numbers of fields. */
enum { EVENT_WALL_TIME = 1, EVENT_STEP = 2, EVENT_FILE_VERSION = 3, EVENT_SUMMARY = 5, EVENT_SESSION_LOG = 7 };
enum { SESSION_STATUS = 1, SESSION_START = 1 };
enum { SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_SIMPLE = 2, VALUE_IMAGE = 4 };
enum { IMAGE_HEIGHT = 1, IMAGE_WIDTH = 2, IMAGE_COLORSPACE = 3, IMAGE_BYTES = 4 };

#define PNG_HEAD 26 /* bytes until the colour type */

struct events {
  char *path;
  int fd;
};

/* CRC-32C (Castagnoli, reflected 0x82f63b78). */
static uint32_t
crc32c (const uint8_t *bytes, size_t n)
{
  uint32_t crc = ~0u;

  for (size_t i = 0; i < n; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

/* As TFRecords have it: a sum over data that holds sums would otherwise be weak. */
static uint32_t
masked_crc (const uint8_t *bytes, size_t n)
{
  uint32_t crc = crc32c (bytes, n);
  return (crc >> 15 | crc << 17) + 0xa282ead8;
}

/* Fields */

static void
put_varint (GByteArray *to, uint64_t value)
{
  do {
    uint8_t byte = (value & 0x7f) | (value > 0x7f ? 0x80 : 0);
    g_byte_array_append (to, &byte, 1);
    value >>= 7;
  } while (value > 0);
}

static void
put_key (GByteArray *to, int field, int type)
{
  put_varint (to, (uint64_t) field << 3 | (uint64_t) type);
}

static void
put_number (GByteArray *to, int field, int64_t value)
{
  put_key (to, field, VARINT);
  put_varint (to, (uint64_t) value);
}

static void
put_bytes (GByteArray *to, int field, const void *bytes, size_t n)
{
  put_key (to, field, BYTES);
  put_varint (to, n);
  g_byte_array_append (to, bytes, (guint) n);
}

/* Takes @message over. */
static void
put_message (GByteArray *to, int field, GByteArray *message)
{
  put_bytes (to, field, message->data, message->len);
  g_byte_array_unref (message);
}

static GByteArray *
event_new (int64_t step)
{
  GByteArray *event = g_byte_array_new ();
  double now = g_get_real_time () * 1e-6;

  put_key (event, EVENT_WALL_TIME, BITS64);
  g_byte_array_append (event, (const guint8 *) &now, sizeof now);
  if (step > 0)
    put_number (event, EVENT_STEP, step);
  return event;
}

/* Records */

static bool
write_all (struct events *events, const uint8_t *bytes, size_t n, GError **error)
{
  while (n > 0) {
    ssize_t done = write (events->fd, bytes, n);

    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s: cannot be written: %s", events->path,
                   g_strerror (errno));
      return false;
    }
    bytes += done;
    n -= (size_t) done;
  }
  return true;
}

/* Writes @event as one record and frees it. */
static bool
write_event (struct events *events, GByteArray *event, GError **error)
{
  g_autoptr (GByteArray) record = g_byte_array_new ();
  uint64_t length = event->len;
  uint32_t head = masked_crc ((const uint8_t *) &length, sizeof length), body = masked_crc (event->data, event->len);

  g_byte_array_append (record, (const guint8 *) &length, sizeof length);
  g_byte_array_append (record, (const guint8 *) &head, sizeof head);
  g_byte_array_append (record, event->data, event->len);
  g_byte_array_append (record, (const guint8 *) &body, sizeof body);
  g_byte_array_unref (event);
  return write_all (events, record->data, record->len, error);
}

/* A file of its own, also when the last one was begun in the same second. */
static bool
open_file (struct events *events, const char *folder, GError **error)
{
  int64_t now = g_get_real_time () / G_USEC_PER_SEC;

  do {
    g_free (events->path);
    events->path = g_strdup_printf ("%s/events.out.tfevents.%" G_GINT64_FORMAT ".impasto", folder, now++);
    events->fd = open (events->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
  } while (events->fd < 0 && errno == EEXIST);
  if (events->fd >= 0)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s: cannot be written: %s", events->path,
               g_strerror (errno));
  return false;
}

struct events *
events_new (const char *folder, int64_t step, GError **error)
{
  static const char version[] = "brain.Event:2";
  g_autoptr (events) events = g_new0 (struct events, 1);

  events->fd = -1;
  if (!open_file (events, folder, error))
    return NULL;
  GByteArray *first = event_new (0);
  put_bytes (first, EVENT_FILE_VERSION, version, strlen (version));
  if (!write_event (events, first, error))
    return NULL;
  if (step > 0) {
    GByteArray *start = event_new (step + 1), *log = g_byte_array_new ();
    put_number (log, SESSION_STATUS, SESSION_START);
    put_message (start, EVENT_SESSION_LOG, log);
    if (!write_event (events, start, error))
      return NULL;
  }
  return g_steal_pointer (&events);
}

void
events_free (struct events *events)
{
  if (!events)
    return;
  if (events->fd >= 0)
    close (events->fd);
  g_free (events->path);
  g_free (events);
}

bool
events_add (struct events *events, int64_t step, int n, const char *const *names, const double *values, GError **error)
{
  GByteArray *event = event_new (step), *summary = g_byte_array_new ();

  for (int i = 0; i < n; i++) {
    GByteArray *value = g_byte_array_new ();
    float x = (float) values[i];
    put_bytes (value, VALUE_TAG, names[i], strlen (names[i]));
    put_key (value, VALUE_SIMPLE, BITS32);
    g_byte_array_append (value, (const guint8 *) &x, sizeof x);
    put_message (summary, SUMMARY_VALUE, value);
  }
  put_message (event, EVENT_SUMMARY, summary);
  return write_event (events, event, error);
}

static int64_t
read_big_endian (const char *at)
{
  const uint8_t *bytes = (const uint8_t *) at;
  return (int64_t) bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

bool
events_add_picture (struct events *events, int64_t step, const char *name, const char *path, GError **error)
{
  static const int channels[] = {1, 0, 3, 3, 2, 0, 4}; /* by PNG's colour type */
  g_autofree char *bytes = NULL;
  gsize n = 0;

  if (!g_file_get_contents (path, &bytes, &n, NULL) || n < PNG_HEAD || memcmp (bytes, "\x89PNG\r\n\x1a\n", 8) != 0 ||
      n > G_MAXINT32) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: cannot be read as a PNG file", path);
    return false;
  }
  GByteArray *image = g_byte_array_new (), *value = g_byte_array_new (), *summary = g_byte_array_new (),
             *event = event_new (step);
  put_number (image, IMAGE_HEIGHT, read_big_endian (bytes + 20));
  put_number (image, IMAGE_WIDTH, read_big_endian (bytes + 16));
  put_number (image, IMAGE_COLORSPACE, channels[MIN (bytes[25] & 7, 6)]);
  put_bytes (image, IMAGE_BYTES, bytes, n);
  put_bytes (value, VALUE_TAG, name, strlen (name));
  put_message (value, VALUE_IMAGE, image);
  put_message (summary, SUMMARY_VALUE, value);
  put_message (event, EVENT_SUMMARY, summary);
  return write_event (events, event, error);
}
