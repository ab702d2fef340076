/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures and the world of files: every kind of bad input is one clear line, a failed save leaves nothing, metadata
 * survive and the place does not. */
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/bitmap.h"
#include "image/pixels.h"
#include "image_fixture.h"

#define TEST_SUITE "image-files"

static void
refuse (const char *path, const char *words)
{
  g_autoptr (GError) error = NULL, probe_error = NULL, bitmap_error = NULL;
  struct picture_info info;
  g_assert_null (picture_load (path, 0, &error));
  check_error (error, IMPASTO_ERROR_INPUT, path);
  g_assert_nonnull (strstr (error->message, words));
  g_assert_false (picture_probe (path, 0, &info, &probe_error));
  check_error (probe_error, IMPASTO_ERROR_INPUT, path);
  g_assert_null (bitmap_load (path, 64, 0, &bitmap_error));
  check_error (bitmap_error, IMPASTO_ERROR_INPUT, path);
}

static void
test_bad_files (void)
{
  g_autofree char *missing = file ("missing.png"), *empty = file ("empty.jpg"), *text = file ("text.png");
  g_autofree char *sub = file ("folder.png"), *fifo = file ("fifo.png"), *svg = file ("drawing.svg");
  g_autofree char *tiny = file ("tiny.jpg"), *newline = file ("two\nlines.png");
  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  g_assert_true (g_file_set_contents (text, "not a picture at all", -1, NULL));
  g_assert_true (g_file_set_contents (svg, "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", -1, NULL));
  g_assert_true (g_file_set_contents (tiny, "\xff\xd8\xff", 3, NULL));
  g_assert_cmpint (g_mkdir (sub, 0755), ==, 0);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  refuse (missing, "no such file");
  refuse (empty, "is empty");
  refuse (text, "is not a picture");
  refuse (svg, "is not a picture");
  refuse (tiny, "damaged or truncated JPEG");
  refuse (sub, "is a folder");
  refuse (fifo, "is not a regular file");
  g_autoptr (GError) error = NULL;
  g_assert_null (picture_load (newline, 0, &error));
  g_assert_null (strchr (error->message, '\n'));
}

/* What other formats are called. */
static void
test_foreign (void)
{
  static const struct {
    const char *name, *bytes, *called;
    size_t size;
  } files[] = {
    {"a.gif", "GIF89a\x28\0\x1e\0", "is GIF, which is not read; PNG", 10},
    {"b.jpg", "BM\xf6\x0d\0\0\0\0\0\0", "is BMP", 10},
    {"c.ppm", "P6\n40 30\n255\n", "is PPM or PGM", 13},
    {"d.TGA", "\0\0\2\0\0\0\0\0\0\0", "is TGA", 10},
    {"e.png", "\0\0\0\fJXL \r\n\x87\n", "is JPEG XL", 12},
    {"f.jxl", "\xff\n\0", "is JPEG XL", 3},
    {"g.jpg", "PS: it is not", "is not a picture", 13},
  };
  for (size_t i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *path = file (files[i].name);
    g_assert_true (g_file_set_contents (path, files[i].bytes, (gssize) files[i].size, NULL));
    refuse (path, files[i].called);
  }
}

/* libvips does not tell that a PNG is animated. */
static void
test_animated (void)
{
  static const char control[] = "\0\0\0\x08"
                                "acTL\0\0\0\3\0\0\0\0\xce\xed\xba\xc0";
  const size_t header = 8 + 25, added = sizeof control - 1;
  g_autofree char *still = file ("still.png"), *moving = file ("moving.png"), *bytes = NULL;
  g_autoptr (picture) picture = make_picture (40, 25, false, 8);
  struct picture_info info;
  size_t size;

  save (picture, still, NULL);
  g_assert_true (picture_probe (still, 0, &info, NULL));
  g_assert_cmpint (info.frames, ==, 1);
  g_assert_true (g_file_get_contents (still, &bytes, &size, NULL));
  bytes = g_realloc (bytes, size + added);
  memmove (bytes + header + added, bytes + header, size - header);
  memcpy (bytes + header, control, added);
  g_assert_true (g_file_set_contents (moving, bytes, (gssize) (size + added), NULL));
  g_assert_true (picture_probe (moving, 0, &info, NULL));
  g_assert_cmpint (info.frames, ==, 3);
  g_autoptr (picture) first = load (moving);
  g_assert_cmpfloat (worst_difference (first->rgb, picture->rgb, 3 * 40 * 25), <, 0.003);
}

static void
test_bomb (void)
{
  g_autofree char *bomb = file ("bomb.png"), *good = file ("good.png");
  write_bomb (bomb, 100000, 100000);
  refuse (bomb, "10000.0 megapixels");

  g_autoptr (picture) picture = make_picture (40, 25, false, 8);
  save (picture, good, NULL);
  struct picture_info info;
  g_autoptr (GError) error = NULL, load_error = NULL, bitmap_error = NULL;
  g_assert_true (picture_probe (good, 1000, &info, NULL));
  g_assert_false (picture_probe (good, 999, &info, &error));
  check_error (error, IMPASTO_ERROR_INPUT, good);
  g_assert_null (picture_load (good, 999, &load_error));
  check_error (load_error, IMPASTO_ERROR_INPUT, good);
  g_assert_null (bitmap_load (good, 10, 999, &bitmap_error));
  check_error (bitmap_error, IMPASTO_ERROR_INPUT, good);
}

/* What a format has no room for is said by size alone. */
static void
test_sides (void)
{
  static const struct {
    const char *name;
    int side;
  } most[] = {{"a.webp", 16383}, {"a.jpg", 65500}, {"a.avif", 16384}, {"a.heic", 16384}, {"a.png", 0}, {"a.tif", 0}};
  for (size_t i = 0; i < G_N_ELEMENTS (most); i++) {
    int side = most[i].side ? most[i].side : 1000000;
    g_autoptr (GError) error = NULL, other = NULL;
    g_assert_true (picture_can_save_size (most[i].name, side, 1, NULL));
    g_assert_true (picture_can_save_size (most[i].name, 1, side, NULL));
    if (!most[i].side)
      continue;
    g_assert_false (picture_can_save_size (most[i].name, side + 1, 1, &error));
    check_error (error, IMPASTO_ERROR_USAGE, most[i].name);
    g_assert_false (picture_can_save_size (most[i].name, 1, side + 1, &other));
    check_error (other, IMPASTO_ERROR_USAGE, "save as .tif or .png");
  }
}

/* A file that is cut anywhere is an error, unless all of its pixels were before the cut. */
static void
test_truncation (void)
{
  const char *extensions[] = {"png", "jpg", "webp", "tif", "avif", "heic"};
  g_autoptr (picture) picture = make_picture (160, 120, false, 8);
  for (int i = 0; i < 3 * 160 * 120; i++) /* texture, so that the data are longer than the header */
    picture->rgb[i] = 0.7f * picture->rgb[i] + 0.3f * (i * 2654435761u >> 24) / 255.0f;
  for (size_t i = 0; i < G_N_ELEMENTS (extensions); i++) {
    g_autofree char *name = g_strdup_printf ("whole.%s", extensions[i]), *whole = file (name);
    g_autofree char *cut_name = g_strdup_printf ("cut.%s", extensions[i]), *cut = file (cut_name);
    g_autofree char *bytes = NULL;
    size_t size;
    int refused = 0;
    save (picture, whole, NULL);
    g_autoptr (picture) expected = load (whole);
    g_assert_true (g_file_get_contents (whole, &bytes, &size, NULL));
    for (int k = 0; k < 40; k++) {
      const size_t length = k < 16 ? 1 + (size_t) k * k * 3 : 1 + (size - 2) * (k - 15) / 24;
      if (length >= size)
        continue;
      g_assert_true (g_file_set_contents (cut, bytes, length, NULL));
      g_autoptr (GError) error = NULL;
      g_autoptr (picture) loaded = picture_load (cut, 0, &error);
      if (loaded)
        g_assert_cmpfloat (worst_difference (expected->rgb, loaded->rgb, 3 * 160 * 120), ==, 0);
      else
        check_error (error, IMPASTO_ERROR_INPUT, cut);
      refused += !loaded;
    }
    g_test_message ("%s: %zu bytes, %d cuts refused", extensions[i], size, refused);
    g_assert_cmpint (refused, >=, 28); /* TIFF has its profile after the pixels */
  }
}

/* Bytes that are wrong must not crash; what comes out is a picture or one line. */
static void
test_damage (void)
{
  const char *extensions[] = {"png", "jpg", "webp", "tif", "avif"};
  g_autoptr (picture) picture = make_picture (64, 48, true, 8);
  picture->recipe = g_strdup ("{}");
  uint32_t random = 1;
  for (size_t i = 0; i < G_N_ELEMENTS (extensions); i++) {
    g_autofree char *name = g_strdup_printf ("damaged.%s", extensions[i]), *path = file (name);
    g_autofree char *bytes = NULL;
    size_t size;
    save (picture, path, NULL);
    g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
    for (int k = 0; k < 60; k++) {
      random = random * 1664525 + 1013904223;
      const size_t at = (random >> 8) % (k % 2 ? size : MIN (size, 200));
      const char old = bytes[at];
      bytes[at] = random >> 24;
      g_assert_true (g_file_set_contents (path, bytes, size, NULL));
      bytes[at] = old;
      g_autoptr (GError) error = NULL;
      g_autoptr (picture) loaded = picture_load (path, 1 << 20, &error);
      if (!loaded)
        check_error (error, IMPASTO_ERROR_INPUT, path);
    }
  }
}

static int
count_gps (const char *path)
{
  VipsImage *image = vips_image_new_from_file (path, NULL);
  g_auto (GStrv) fields = vips_image_get_fields (image);
  int n = 0;
  for (char **field = fields; *field; field++)
    n += g_str_has_prefix (*field, "exif-ifd3-");
  g_object_unref (image);
  return n;
}

static char *
get_string (const char *path, const char *field)
{
  VipsImage *image = vips_image_new_from_file (path, NULL);
  const char *text = NULL;
  if (vips_image_get_typeof (image, field))
    vips_image_get_string (image, field, &text);
  char *copy = g_strdup (text);
  g_object_unref (image);
  return copy;
}

/* The XMP packet as a string; libvips calls that of HEIC and AVIF by its media type. */
static char *
get_xmp (const char *path)
{
  VipsImage *image = vips_image_new_from_file (path, NULL);
  g_auto (GStrv) fields = vips_image_get_fields (image);
  char *xmp = NULL;
  for (char **field = fields; *field && !xmp; field++)
    if (g_str_equal (*field, VIPS_META_XMP_NAME) || g_str_has_prefix (*field, "heif-mime-")) {
      const void *blob;
      size_t size;
      g_assert_cmpint (vips_image_get_blob (image, *field, &blob, &size), ==, 0);
      xmp = g_strndup (blob, size);
    }
  g_object_unref (image);
  return xmp;
}

static void
test_metadata (void)
{
  g_autofree char *source = file ("source.jpg");
  const char *xmp = "<x:xmpmeta xmlns:x='adobe:ns:meta/'>"
                    "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
                    "<rdf:Description tiff:Orientation='6' dc:title='Harbour'/></rdf:RDF></x:xmpmeta>";
  g_autoptr (picture) picture = make_picture (48, 32, false, 8);
  VipsImage *image = image_of (picture);
  vips_image_set_string (image, "exif-ifd0-Artist", "Somebody");
  vips_image_set_string (image, "exif-ifd3-GPSLatitude", "48/1 6/1 0/1");
  vips_image_set_string (image, "exif-ifd3-GPSLatitudeRef", "N");
  vips_image_set_int (image, VIPS_META_ORIENTATION, 6);
  vips_image_set_blob_copy (image, VIPS_META_XMP_NAME, xmp, strlen (xmp));
  vips_image_set_blob_copy (image, "jpeg-thumbnail-data", "thumbnail of the photograph", 27);
  write_image (image, source);
  g_object_unref (image);
  g_assert_cmpint (count_gps (source), >, 0);

  const char *recipe = "{\"style\": \"a <b> & 'c'\",\n\t\"\xc3\xa9\": \"]]>\"}";
  const char *extensions[] = {"png", "jpg", "webp", "tif", "avif", "heic"};
  for (size_t i = 0; i < G_N_ELEMENTS (extensions); i++) {
    g_test_message ("%s", extensions[i]);
    g_autofree char *name = g_strdup_printf ("out.%s", extensions[i]), *path = file (name);
    g_autoptr (picture) loaded = load (source), painted = make_picture (32, 48, false, 8);
    g_assert_null (loaded->recipe);
    picture_keep_meta (painted, loaded);
    painted->recipe = g_strdup (recipe);
    save (painted, path, NULL);

    g_autoptr (picture) again = load (path);
    g_assert_cmpstr (again->recipe, ==, recipe);
    g_assert_cmpint (again->width, ==, 32); /* upright already */
    g_assert_cmpint (count_gps (path), ==, 0);
    g_autofree char *bytes = NULL, *artist = get_string (path, "exif-ifd0-Artist"), *packet = get_xmp (path);
    size_t size;
    g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
    g_assert_nonnull (strstr (packet, "Harbour"));
    g_assert_nonnull (strstr (packet, "tiff:Orientation='1'"));
    g_assert_null (memmem (bytes, size, "thumbnail of", 12));
    if (!g_str_equal (extensions[i], "tif")) /* libvips writes no EXIF into TIFF */
      g_assert_true (g_str_has_prefix (artist, "Somebody"));

    g_clear_pointer (&again->recipe, g_free);
    again->recipe = g_strdup ("second");
    save (again, path, NULL); /* the recipe is replaced, not added */
    g_autoptr (picture) third = load (path);
    g_assert_cmpstr (third->recipe, ==, "second");

    save (loaded, path, &(struct picture_save_options){.keep_gps = true});
    if (!g_str_equal (extensions[i], "tif"))
      g_assert_cmpint (count_gps (path), >, 0);
    g_autoptr (picture) without = load (path);
    g_assert_null (without->recipe);
  }
}

/* What a painting of a photograph with this packet says in its own; NULL: it has none. */
static char *
painted_xmp (const char *xmp, bool keep_gps)
{
  g_autofree char *source = file ("source.png"), *out = file ("out.png");
  g_autoptr (picture) picture = make_picture (8, 8, false, 8);
  VipsImage *image = image_of (picture);
  vips_image_set_blob_copy (image, VIPS_META_XMP_NAME, xmp, strlen (xmp));
  write_image (image, source);
  g_object_unref (image);
  g_autoptr (picture) loaded = load (source);
  save (loaded, out, &(struct picture_save_options){.keep_gps = keep_gps});
  return get_xmp (out);
}

/* A place may be in the XMP as well: that alone is dropped, in whatever form, and with it all that cannot be read. */
static void
test_xmp_gps (void)
{
  const char *xmp = "<?xpacket begin=\"\xef\xbb\xbf\"?><x:xmpmeta><rdf:RDF>"
                    "<rdf:Description exif:GPSLatitude='48,6N' dc:title='Tom &amp; Anna&apos;s GPS' d:GpsLongitude='2' "
                    "gps:lat='3' photoshop:City='Paris'>"
                    "<exif:GPSLongitude>2,5E</exif:GPSLongitude><e:GPSAltitude rdf:value='35/1'/>"
                    "<exif:GPSDestBearing><rdf:Seq><rdf:li>12/1</rdf:li></rdf:Seq></exif:GPSDestBearing>"
                    "<dc:rights>Anna &lt;a@b&gt;</dc:rights><!-- GPS: 48,6N -->"
                    "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>";
  g_autofree char *all = painted_xmp (xmp, true), *rest = painted_xmp (xmp, false);
  g_assert_cmpstr (all, ==, xmp);
  g_assert_cmpstr (rest, ==,
                   "<?xpacket begin=\"\xef\xbb\xbf\"?><x:xmpmeta><rdf:RDF>"
                   "<rdf:Description dc:title=\"Tom &amp; Anna&apos;s GPS\"><dc:rights>Anna &lt;a@b&gt;</dc:rights>"
                   "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>");
  g_autofree char *broken = painted_xmp ("<x:xmpmeta><rdf:RDF exif:GPSLatitude='48,6N'></x:xmpmeta>", false);
  g_assert_null (broken);
  g_autofree char *without = painted_xmp ("<x:xmpmeta><dc:title>any form", false);
  g_assert_cmpstr (without, ==, "<x:xmpmeta><dc:title>any form");
}

static void
refuse_save (const struct picture *picture, const char *path, const struct picture_save_options *options, int code)
{
  const guint before = count_files (folder);
  g_autoptr (GError) error = NULL;
  g_assert_false (picture_save (picture, path, options, &error));
  check_error (error, code, path);
  g_assert_cmpuint (count_files (folder), ==, before);
}

static void
test_bad_saves (void)
{
  g_autoptr (picture) picture = make_picture (300, 200, false, 8);
  g_autofree char *unknown = file ("a.bmp"), *none = file ("a"), *good = file ("a.png"), *sub = file ("sub.png");
  g_autofree char *nowhere = file ("no/such/folder.png"), *bytes = NULL, *after = NULL;
  refuse_save (picture, unknown, NULL, IMPASTO_ERROR_USAGE);
  refuse_save (picture, none, NULL, IMPASTO_ERROR_USAGE);
  refuse_save (picture, nowhere, NULL, IMPASTO_ERROR_OUTPUT);
  refuse_save (picture, good, &(struct picture_save_options){.quality = 101}, IMPASTO_ERROR_USAGE);
  refuse_save (picture, good, &(struct picture_save_options){.bits = 12}, IMPASTO_ERROR_USAGE);
  g_assert_cmpint (g_mkdir (sub, 0755), ==, 0);
  refuse_save (picture, sub, NULL, IMPASTO_ERROR_OUTPUT);

  size_t size, after_size;
  save (picture, good, NULL);
  g_assert_true (g_file_get_contents (good, &bytes, &size, NULL));
  const float bad[] = {NAN, INFINITY, -INFINITY};
  for (int i = 0; i < 3; i++) {
    picture->rgb[12345] = bad[i];
    refuse_save (picture, good, NULL, IMPASTO_ERROR_NUMERIC);
  }
  g_assert_true (g_file_get_contents (good, &after, &after_size, NULL)); /* the old file stands */
  g_assert_cmpmem (bytes, size, after, after_size);

  picture->rgb[12345] = 0;
  picture->recipe = g_strnfill (49 * 1024, 'x');
  refuse_save (picture, good, NULL, IMPASTO_ERROR_USAGE);
}

/* A file size limit stands for a full disk: wherever writing stops, be it before the last byte, nothing is left. */
static void
test_full_disk (void)
{
  const char *extensions[] = {"png", "jpg", "webp", "tif", "avif"};
  g_autoptr (picture) picture = make_picture (300, 200, false, 8);
  struct rlimit old, limited;
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  limited = old;
  signal (SIGXFSZ, SIG_IGN);
  for (size_t i = 0; i < G_N_ELEMENTS (extensions); i++) {
    g_autofree char *name = g_strdup_printf ("full.%s", extensions[i]), *path = file (name);
    GStatBuf status;
    save (picture, path, NULL);
    g_assert_cmpint (g_stat (path, &status), ==, 0);
    g_assert_cmpint (g_unlink (path), ==, 0);
    const rlim_t limits[] = {0, 100, status.st_size / 2, status.st_size - 1};
    for (size_t k = 0; k < G_N_ELEMENTS (limits); k++) {
      g_autoptr (GError) error = NULL;
      limited.rlim_cur = limits[k];
      g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limited), ==, 0);
      const bool saved = picture_save (picture, path, NULL, &error);
      g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
      g_test_message ("%s, %d of %d bytes: %s", extensions[i], (int) limits[k], (int) status.st_size,
                      saved ? "saved" : error->message);
      g_assert_false (saved);
      check_error (error, IMPASTO_ERROR_OUTPUT, path);
      g_assert_cmpuint (count_files (folder), ==, 0);
    }
  }
}

static bool
never (void *data)
{
  return false;
}

static bool
no_more (void *data)
{
  ++*(int *) data;
  return false;
}

/* Who waits may end scaling and saving; nothing is left of what was written. */
static void
test_stopped (void)
{
  const char *extensions[] = {"png", "jpg", "tif"};
  g_autoptr (picture) picture = make_picture (600, 400, true, 8);
  g_autoptr (GError) error = NULL;
  g_assert_null (picture_resize_while (picture, 900, 600, never, NULL, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  for (size_t i = 0; i < G_N_ELEMENTS (extensions); i++) {
    g_autofree char *name = g_strdup_printf ("a.%s", extensions[i]), *path = file (name);
    g_autoptr (GError) stopped = NULL;
    int asked = 0;
    struct picture_save_options options = {.go_on = no_more, .data = &asked};
    g_assert_false (picture_save (picture, path, &options, &stopped));
    check_error (stopped, IMPASTO_ERROR_CANCELLED, path);
    g_assert_cmpint (asked, >, 0);
  }
  g_assert_cmpuint (count_files (folder), ==, 0);
}

static void
test_unwritable (void)
{
  g_autoptr (picture) picture = make_picture (8, 8, false, 8);
  g_autofree char *path = file ("a.png");
  const bool root = geteuid () == 0;
  g_assert_cmpint (g_chmod (folder, 0555), ==, 0);
  if (root && seteuid (65534) != 0) {
    g_test_skip ("cannot give up root's rights");
  } else {
    g_autoptr (GError) error = NULL;
    g_assert_false (picture_save (picture, path, NULL, &error));
    if (root)
      g_assert_cmpint (seteuid (0), ==, 0);
    check_error (error, IMPASTO_ERROR_OUTPUT, path);
    g_assert_nonnull (strstr (error->message, "Permission denied"));
  }
  g_assert_cmpint (g_chmod (folder, 0755), ==, 0);
  g_assert_cmpuint (count_files (folder), ==, 0);
}

static void
test_names (void)
{
  const char *names[] = {"we[ird],page=1 n\xc3\xa4me.jpg", "-o.png", "%s%n.png", "UPPER.JPG", "\xff\xfe.png"};
  g_autoptr (picture) picture = make_picture (24, 16, false, 8);
  for (size_t i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = file (names[i]);
    save (picture, path, NULL);
    g_autoptr (picture) again = load (path);
    g_assert_cmpint (again->width, ==, 24);
  }
  g_assert_cmpuint (count_files (folder), ==, G_N_ELEMENTS (names));
}

int
main (int argc, char **argv)
{
  static const struct test tests[] = {
    TEST (bad_files),  TEST (foreign),  TEST (animated), TEST (bomb),      TEST (truncation),
    TEST (damage),     TEST (metadata), TEST (xmp_gps),  TEST (bad_saves), TEST (full_disk),
    TEST (unwritable), TEST (stopped),  TEST (names),    TEST (sides),
  };
  return run_tests (argc, argv, tests, G_N_ELEMENTS (tests));
}
