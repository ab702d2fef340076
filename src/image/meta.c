/* SPDX-License-Identifier: Apache-2.0
 *
 * Metadata: what of a file survives being painted. EXIF lives in libvips as one blob plus one string per tag, made
 * when the blob is set; a tag whose string is gone is left out when the file is written, which is how the place (IFD
 * 3, GPS) and the thumbnail of the photograph are dropped; of XMP its GPS properties are. Pixels are upright after
 * loading, so EXIF and XMP must say so. Our recipe is one rdf:Description in the XMP packet, the only place that PNG,
 * JPEG, WebP, TIFF, HEIC and AVIF share. */
#include "image/vips.h"

#define RECIPE_OPEN "<impasto:recipe>"
#define RECIPE_CLOSE "</impasto:recipe>"
#define DESCRIPTION_OPEN "<rdf:Description rdf:about=\"\" xmlns:impasto=\"urn:impasto:1#\">" RECIPE_OPEN
#define DESCRIPTION_CLOSE RECIPE_CLOSE "</rdf:Description>"
#define RDF_CLOSE "</rdf:RDF>"
#define PACKET_OPEN \
  "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>" \
  "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
#define PACKET_CLOSE RDF_CLOSE "</x:xmpmeta><?xpacket end=\"w\"?>"
#define PACKET_MAX 65000 /* bytes: JPEG has one segment for it */

/* Blobs are copied: some loaders let them die with the image that was loaded. What HEIC and AVIF hold as "mime" is XMP,
 * but libvips 8.14 does not say so. */
static void *
keep_field (VipsImage *from, const char *name, GValue *value, void *to)
{
  const void *blob;
  size_t size;
  if (strcmp (name, VIPS_META_RESOLUTION_UNIT) == 0)
    vips_image_set (to, name, value);
  if (G_VALUE_TYPE (value) != VIPS_TYPE_BLOB || vips_image_get_blob (from, name, &blob, &size) != 0)
    return NULL;
  if (strcmp (name, VIPS_META_EXIF_NAME) == 0)
    vips_image_set_blob_copy (to, VIPS_META_EXIF_NAME, blob, size);
  else if (strcmp (name, VIPS_META_XMP_NAME) == 0 ||
           (g_str_has_prefix (name, "heif-mime-") && memmem (blob, size, RDF_CLOSE, strlen (RDF_CLOSE))))
    vips_image_set_blob_copy (to, VIPS_META_XMP_NAME, blob, size);
  return NULL;
}

VipsImage *
meta_keep (VipsImage *from)
{
  VipsImage *meta = vips_image_new ();
  vips_image_init_fields (meta, 1, 1, 1, VIPS_FORMAT_UCHAR, VIPS_CODING_NONE, VIPS_INTERPRETATION_B_W, from->Xres,
                          from->Yres);
  vips_image_map (from, keep_field, meta);
  return meta;
}

static char *
xmp_packet (VipsImage *meta)
{
  const void *blob;
  size_t size;
  if (!vips_image_get_typeof (meta, VIPS_META_XMP_NAME) ||
      vips_image_get_blob (meta, VIPS_META_XMP_NAME, &blob, &size) != 0)
    return NULL;
  return g_strndup (blob, size);
}

static void
append_text (GMarkupParseContext *context, const char *text, size_t size, void *out, GError **error)
{
  g_string_append_len (out, text, size);
}

char *
meta_recipe (VipsImage *meta)
{
  g_autofree char *xmp = xmp_packet (meta);
  char *start = xmp ? strstr (xmp, RECIPE_OPEN) : NULL;
  char *end = start ? strstr (start, RECIPE_CLOSE) : NULL;
  if (!end)
    return NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GMarkupParseContext) context =
    g_markup_parse_context_new (&(GMarkupParser){.text = append_text}, G_MARKUP_DEFAULT_FLAGS, text, NULL);
  const bool parsed = g_markup_parse_context_parse (context, "<r>", 3, NULL) &&
                      g_markup_parse_context_parse (context, start + strlen (RECIPE_OPEN),
                                                    end - start - strlen (RECIPE_OPEN), NULL) &&
                      g_markup_parse_context_parse (context, "</r>", 4, NULL);
  return parsed ? g_strdup (text->str) : NULL;
}

/* The packet without our recipe, and upright: tiff:Orientation="6" and <tiff:Orientation>6< become 1. */
static void
clean_packet (GString *xmp)
{
  for (char *start; (start = strstr (xmp->str, DESCRIPTION_OPEN));) {
    const char *end = strstr (start, DESCRIPTION_CLOSE);
    if (!end)
      break;
    g_string_erase (xmp, start - xmp->str, end + strlen (DESCRIPTION_CLOSE) - start);
  }
  const char *tag = "tiff:Orientation";
  for (char *at = strstr (xmp->str, tag); at; at = strstr (at, tag)) {
    at += strlen (tag);
    at += strspn (at, "=\"'> ");
    if (g_ascii_isdigit (*at))
      *at = '1';
  }
}

/* A packet being copied without what says where the photograph was taken. */
struct copy {
  GString *xmp;
  int dropped; /* elements that are open and left out */
};

/* Properties of IPTC and Photoshop that name where a photograph was taken. */
static const char *const place_names[] = {"City",     "State",           "Country",       "CountryCode", "CountryName",
                                          "Location", "LocationCreated", "LocationShown", NULL};

static bool
is_gps (const char *name)
{
  return g_ascii_strncasecmp (name, "gps", 3) == 0;
}

/* exif:GPSLatitude, whatever stands for exif; drone-dji:GpsLatitude; gps:lat; photoshop:City. */
static bool
is_place (const char *name)
{
  const char *colon = strrchr (name, ':'), *local = colon ? colon + 1 : name;
  if (g_str_has_prefix (name, "xmlns"))
    return false;
  return is_gps (name) || is_gps (local) || g_strv_contains (place_names, local);
}

/* Whether a packet may say where: one that does not is left as it is, byte by byte. */
static bool
mentions_place (const char *xmp)
{
  bool found = strcasestr (xmp, "gps") != NULL;
  for (const char *const *name = place_names; *name && !found; name++)
    found = strstr (xmp, *name) != NULL;
  return found;
}

static void
copy_start (GMarkupParseContext *context, const char *name, const char **names, const char **values, void *data,
            GError **error)
{
  struct copy *copy = data;
  if (copy->dropped > 0 || is_place (name)) {
    copy->dropped++;
    return;
  }
  g_string_append_printf (copy->xmp, "<%s", name);
  for (; *names; names++, values++) {
    g_autofree char *value = g_markup_escape_text (*values, -1);
    if (!is_place (*names))
      g_string_append_printf (copy->xmp, " %s=\"%s\"", *names, value);
  }
  g_string_append_c (copy->xmp, '>');
}

static void
copy_end (GMarkupParseContext *context, const char *name, void *data, GError **error)
{
  struct copy *copy = data;
  if (copy->dropped > 0)
    copy->dropped--;
  else
    g_string_append_printf (copy->xmp, "</%s>", name);
}

static void
copy_text (GMarkupParseContext *context, const char *text, size_t size, void *data, GError **error)
{
  struct copy *copy = data;
  g_autofree char *escaped = g_markup_escape_text (text, (gssize) size);
  if (copy->dropped == 0)
    g_string_append (copy->xmp, escaped);
}

/* The marks of the packet; comments may say anything and are left out. */
static void
copy_rest (GMarkupParseContext *context, const char *text, size_t size, void *data, GError **error)
{
  struct copy *copy = data;
  if (copy->dropped == 0 && g_str_has_prefix (text, "<?xpacket"))
    g_string_append_len (copy->xmp, text, (gssize) size);
}

/* The packet without what says where, as attributes and as elements; a new string, or NULL: what cannot be read may say
 * anything. */
static char *
without_place (const char *xmp)
{
  static const GMarkupParser parser = {copy_start, copy_end, copy_text, copy_rest, NULL};
  g_autoptr (GString) kept = g_string_new (NULL);
  struct copy copy = {.xmp = kept};
  g_autoptr (GMarkupParseContext) context =
    g_markup_parse_context_new (&parser, G_MARKUP_TREAT_CDATA_AS_TEXT, &copy, NULL);
  const bool whole =
    g_markup_parse_context_parse (context, xmp, -1, NULL) && g_markup_parse_context_end_parse (context, NULL);
  return whole ? g_strdup (kept->str) : NULL;
}

/* The packet to be written, or NULL for none. */
static char *
make_packet (VipsImage *meta, bool keep_gps, const char *recipe)
{
  g_autofree char *kept = meta ? xmp_packet (meta) : NULL;
  if (kept && !keep_gps && mentions_place (kept)) {
    char *clean = without_place (kept);
    g_free (kept);
    kept = clean;
  }
  g_autoptr (GString) xmp = g_string_new (kept ? kept : "");
  clean_packet (xmp);
  if (!recipe)
    return xmp->len > 0 ? g_strdup (xmp->str) : NULL;

  g_autofree char *escaped = g_markup_escape_text (recipe, -1);
  g_autofree char *description = g_strconcat (DESCRIPTION_OPEN, escaped, DESCRIPTION_CLOSE, NULL);
  const char *end = strstr (xmp->str, RDF_CLOSE);
  if (end && xmp->len + strlen (description) <= PACKET_MAX)
    g_string_insert (xmp, end - xmp->str, description);
  else
    g_string_printf (xmp, "%s%s%s", PACKET_OPEN, description, PACKET_CLOSE);
  return g_strdup (xmp->str);
}

static void *
apply_field (VipsImage *meta, const char *name, GValue *value, void *to)
{
  if (strcmp (name, VIPS_META_EXIF_NAME) == 0 || strcmp (name, VIPS_META_RESOLUTION_UNIT) == 0)
    vips_image_set (to, name, value);
  return NULL;
}

static void *
find_gps (VipsImage *image, const char *name, GValue *value, void *names)
{
  if (g_str_has_prefix (name, "exif-ifd3-"))
    g_ptr_array_add (names, g_strdup (name));
  return NULL;
}

static void
drop_gps (VipsImage *image)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  vips_image_map (image, find_gps, names);
  for (guint i = 0; i < names->len; i++)
    vips_image_remove (image, names->pdata[i]);
}

void
meta_apply (VipsImage *to, VipsImage *meta, bool keep_gps, const char *recipe)
{
  if (meta)
    vips_image_map (meta, apply_field, to);
  if (!keep_gps)
    drop_gps (to);
  vips_image_remove (to, "jpeg-thumbnail-data");
  vips_image_set_int (to, VIPS_META_ORIENTATION, 1);

  g_autofree char *xmp = make_packet (meta, keep_gps, recipe);
  if (xmp)
    vips_image_set_blob_copy (to, VIPS_META_XMP_NAME, xmp, strlen (xmp));

  VipsBlob *profile = NULL;
  if (vips_profile_load ("srgb", &profile, NULL) == 0 && profile) {
    size_t size;
    const void *data = vips_blob_get (profile, &size);
    vips_image_set_blob_copy (to, VIPS_META_ICC_NAME, data, size);
    vips_area_unref (VIPS_AREA (profile));
  }
}
