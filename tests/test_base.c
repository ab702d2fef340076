/* SPDX-License-Identifier: Apache-2.0
 *
 * base: random numbers against the published vectors of Random123, option tables by their round trips and messages,
 * text helpers. */
#include <errno.h>
#include <glib.h>
#include <math.h>
#include <string.h>

#include "base/option.h"
#include "base/random.h"
#include "base/text.h"
#include "base/text_json.h"
#include "impasto/error.h"

/* --- Random numbers --- */

/* kat_vectors of Random123: "philox4x32 10". */
static void
test_philox_vectors (void)
{
  static const struct {
    struct random_block counter;
    uint32_t key0, key1;
    struct random_block result;
  } vectors[] = {
    {{{0, 0, 0, 0}}, 0, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
    {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
     0xffffffff,
     0xffffffff,
     {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
    {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
     0xa4093822,
     0x299f31d0,
     {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (vectors); i++) {
    struct random_block result = random_philox (vectors[i].counter, vectors[i].key0, vectors[i].key1);

    g_assert_cmpmem (result.word, sizeof result.word, vectors[i].result.word, sizeof vectors[i].result.word);
  }
}

/* The bits of a key are words of Philox, laid out as the header of random.c says. */
static void
test_random_layout (void)
{
  struct random_key key = {.seed = 0x1111111122222222, .stream = 0x33333333, .step = 0x4444555566667777};
  uint64_t block = 0x123456789abcdef;
  struct random_block direct = random_philox ((struct random_block){{0x89abcdef, 0x66667777, 0x33333333, 0x45675555}},
                                              0x22222222, 0x11111111 ^ 0x01234444);

  for (uint64_t i = 0; i < 4; i++)
    g_assert_cmphex (random_bits (key, 4 * block + i), ==, direct.word[i]);
}

/* Seed, stream, step (low and high) and index each change the bits: 32 draws collide with probability 1e-7. */
static void
test_random_independence (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (int i = 0; i < 32; i++) {
    struct random_key key = {.seed = i & 1 ? 1ull << 40 : 0, .stream = i & 2 ? 1 : 0, .step = i & 4 ? 1ull << 60 : 0};

    key.step += i & 8 ? 1 : 0;
    g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (random_bits (key, i & 16 ? 1ull << 61 : 0))));
  }
}

static void
test_random_fill (void)
{
  struct random_key key = {.seed = 7, .stream = 3, .step = 11};
  float out[23];

  for (uint64_t first = 0; first < 9; first++) {
    for (size_t n = 0; n <= G_N_ELEMENTS (out); n++) {
      random_uniform_fill (key, first, out, n);
      for (size_t i = 0; i < n; i++)
        g_assert_cmpfloat (out[i], ==, (float) random_uniform (key, first + i));
      random_normal_fill (key, first, out, n);
      for (size_t i = 0; i < n; i++)
        g_assert_cmpfloat (out[i], ==, (float) random_normal (key, first + i));
    }
  }
}

/* Moments within five standard errors, ranges always. */
static void
test_random_moments (void)
{
  enum { N = 100000 };
  struct random_key key = {.seed = 1};
  double uniform_sum = 0, normal_sum = 0, square_sum = 0, fourth_sum = 0;
  guint counts[10] = {0};

  for (uint64_t i = 0; i < N; i++) {
    double u = random_uniform (key, i), x = random_normal (key, i);

    g_assert_true (u >= 0 && u < 1 && isfinite (x) && fabs (x) < 6.7);
    uniform_sum += u;
    normal_sum += x;
    square_sum += x * x;
    fourth_sum += x * x * x * x;
    counts[random_below (key, i, 10)]++;
  }
  g_assert_cmpfloat_with_epsilon (uniform_sum / N, 0.5, 5 * sqrt (1.0 / 12 / N));
  g_assert_cmpfloat_with_epsilon (normal_sum / N, 0, 5 * sqrt (1.0 / N));
  g_assert_cmpfloat_with_epsilon (square_sum / N, 1, 5 * sqrt (2.0 / N));
  g_assert_cmpfloat_with_epsilon (fourth_sum / N, 3, 5 * sqrt (96.0 / N));
  for (int i = 0; i < 10; i++)
    g_assert_cmpfloat_with_epsilon (counts[i], N / 10.0, 5 * sqrt (N * 0.09));
}

/* random_below is the upper half of a product of 64 and 64 bits. */
static void
test_random_below (void)
{
  static const uint64_t limits[] = {1, 2, 3, 1000, 1ull << 32, (1ull << 40) + 12345, G_MAXUINT64};
  __extension__ typedef unsigned __int128 wide;
  struct random_key key = {.seed = 99, .step = 5};

  for (size_t i = 0; i < G_N_ELEMENTS (limits); i++) {
    for (uint64_t index = 0; index < 100; index++) {
      uint64_t bits = (uint64_t) random_bits (key, 2 * index + 1) << 32 | random_bits (key, 2 * index);

      g_assert_cmpuint (random_below (key, index, limits[i]), ==, (uint64_t) ((wide) bits * limits[i] >> 64));
    }
  }
}

/* --- Option tables --- */

struct settings {
  bool keep, bright;
  int64_t steps, wide, stride[2], pad[3];
  double strength, rate;
  char *photos, *name;
  int mode;
};

#define FIELD(member) offsetof (struct settings, member)
static const char *const modes[] = {"auto", "f32", "bf16", NULL};
static const struct option table[] = {
  {.name = "keep", .type = OPTION_BOOL, .offset = FIELD (keep), .help = "keep the colours"},
  {.name = "bright", .type = OPTION_BOOL, .offset = FIELD (bright), .help = "brighten", .fallback = 1},
  {.name = "steps",
   .type = OPTION_INT,
   .offset = FIELD (steps),
   .help = "steps to train",
   .min = 1,
   .max = 1e6,
   .fallback = 500},
  {.name = "wide", .type = OPTION_INT, .offset = FIELD (wide), .help = "any number"},
  {.name = "stride",
   .type = OPTION_INTS,
   .offset = FIELD (stride),
   .help = "rows, columns",
   .count = 2,
   .min = 1,
   .max = 64,
   .fallback = 1},
  {.name = "pad", .type = OPTION_INTS, .offset = FIELD (pad), .help = "three numbers", .count = 3, .text = "1,2,-3"},
  {.name = "strength",
   .type = OPTION_FLOAT,
   .offset = FIELD (strength),
   .help = "how far to go from the photograph",
   .max = 1,
   .fallback = 0.7},
  {.name = "learning-rate",
   .type = OPTION_FLOAT,
   .offset = FIELD (rate),
   .help = "of Adam",
   .max = INFINITY,
   .fallback = 1e-3},
  {.name = "photos",
   .type = OPTION_STRING,
   .offset = FIELD (photos),
   .help = "folder of photographs",
   .metavar = "DIR"},
  {.name = "name", .type = OPTION_STRING, .offset = FIELD (name), .help = "of the style", .text = "mine"},
  {.name = "precision",
   .type = OPTION_CHOICE,
   .offset = FIELD (mode),
   .help = "of the arithmetic",
   .choices = modes,
   .fallback = 2},
  {.name = NULL},
};

static void
test_option_defaults (void)
{
  struct settings s = {0};

  option_init (table, &s);
  g_assert_true (!s.keep && s.bright);
  g_assert_cmpint (s.steps, ==, 500);
  g_assert_true (s.stride[0] == 1 && s.stride[1] == 1 && s.pad[0] == 1 && s.pad[1] == 2 && s.pad[2] == -3);
  g_assert_cmpfloat (s.strength, ==, 0.7);
  g_assert_cmpstr (s.photos, ==, NULL);
  g_assert_cmpstr (s.name, ==, "mine");
  g_assert_cmpint (s.mode, ==, 2);
  option_clear (table, &s);
  g_assert_true (s.name == NULL && s.pad[2] == 0 && s.strength == 0);
}

static void
test_option_set (void)
{
  static const struct {
    const char *name, *text, *back;
  } good[] = {
    {"keep", NULL, "true"},
    {"keep", "no", "false"},
    {"keep", "1", "true"},
    {"steps", "1000000", "1000000"},
    {"wide", "-9223372036854775808", "-9223372036854775808"},
    {"stride", "2", "2,2"},
    {"stride", "3,4", "3,4"},
    {"pad", "0,-1,9", "0,-1,9"},
    {"strength", "1", "1"},
    {"strength", "0.1", "0.1"},
    {"learning-rate", "1e-5", "1e-05"},
    {"photos", "a, b", "a, b"},
    {"photos", "", ""},
    {"precision", "f32", "f32"},
  };
  struct settings s = {0};

  option_init (table, &s);
  for (size_t i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *back = NULL;

    g_assert_true (option_set (table, &s, good[i].name, good[i].text, &error));
    g_assert_no_error (error);
    back = option_get (table, &s, good[i].name);
    g_assert_cmpstr (back, ==, good[i].back);
  }
  option_clear (table, &s);
}

static void
test_option_refusals (void)
{
  static const struct {
    const char *name, *text, *message;
  } bad[] = {
    {"strength", "abc", "--strength wants a number from 0 to 1, not 'abc'"},
    {"strength", "1.01", "--strength wants a number from 0 to 1, not '1.01'"},
    {"strength", "nan", "--strength wants a number from 0 to 1, not 'nan'"},
    {"strength", "", "--strength wants a number from 0 to 1, not ''"},
    {"strength", "0.5x", "--strength wants a number from 0 to 1, not '0.5x'"},
    {"strength", NULL, "--strength wants a number from 0 to 1"},
    {"learning-rate", "inf", "--learning-rate wants a number of 0 or more, not 'inf'"},
    {"steps", "0", "--steps wants a whole number from 1 to 1000000, not '0'"},
    {"steps", "1.5", "--steps wants a whole number from 1 to 1000000, not '1.5'"},
    {"wide", "99999999999999999999", "--wide wants a whole number, not '99999999999999999999'"},
    {"wide", " 1", "--wide wants a whole number, not ' 1'"},
    {"keep", "maybe", "--keep wants yes or no, not 'maybe'"},
    {"precision", "fp16\n", "--precision wants one of auto, f32, bf16, not 'fp16?'"},
    {"stride", "1,2,3", "--stride wants 2 whole numbers from 1 to 64, joined by commas, not '1,2,3'"},
    {"stride", "1,", "--stride wants 2 whole numbers from 1 to 64, joined by commas, not '1,'"},
    {"stregnth", "1", "unknown option --stregnth; did you mean --strength?"},
    {"zebra", "1", "unknown option --zebra"},
  };
  struct settings s = {0};
  g_autoptr (JsonObject) before = NULL, after = NULL;
  g_autoptr (JsonNode) before_node = json_node_new (JSON_NODE_OBJECT), after_node = json_node_new (JSON_NODE_OBJECT);

  option_init (table, &s);
  before = option_to_json (table, &s);
  for (size_t i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_false (option_set (table, &s, bad[i].name, bad[i].text, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE);
    g_assert_cmpstr (error->message, ==, bad[i].message);
  }
  after = option_to_json (table, &s);
  json_node_set_object (before_node, before);
  json_node_set_object (after_node, after);
  g_assert_true (json_node_equal (before_node, after_node));
  option_clear (table, &s);
}

static void
random_settings (struct settings *s, uint64_t round)
{
  struct random_key key = {.seed = 42, .step = round};
  char name[8] = {0};

  option_init (table, s);
  s->keep = random_below (key, 0, 2) == 1;
  s->bright = random_below (key, 1, 2) == 1;
  s->steps = 1 + (int64_t) random_below (key, 2, 1000000);
  s->wide = (int64_t) ((uint64_t) random_bits (key, 100) << 32 | random_bits (key, 101));
  s->stride[0] = 1 + (int64_t) random_below (key, 3, 64);
  s->stride[1] = 1 + (int64_t) random_below (key, 4, 64);
  s->pad[2] = -(int64_t) random_below (key, 5, 1u << 31);
  s->strength = random_uniform (key, 200) / 3;
  s->rate = ldexp (random_uniform (key, 201), -(int) random_below (key, 6, 1000));
  for (guint i = 0; i < 7; i++)
    name[i] = (char) (' ' + random_below (key, 20 + i, 95));
  g_free (s->name);
  s->name = g_strdup (random_below (key, 7, 4) == 0 ? NULL : name);
  s->mode = (int) random_below (key, 8, 3);
}

static void
assert_same (const struct settings *a, const struct settings *b)
{
  g_assert_true (a->keep == b->keep && a->bright == b->bright && a->steps == b->steps && a->wide == b->wide);
  g_assert_cmpmem (a->stride, sizeof a->stride, b->stride, sizeof b->stride);
  g_assert_cmpmem (a->pad, sizeof a->pad, b->pad, sizeof b->pad);
  g_assert_cmpfloat (a->strength, ==, b->strength);
  g_assert_cmpfloat (a->rate, ==, b->rate);
  g_assert_cmpstr (a->photos, ==, b->photos);
  g_assert_cmpstr (a->name, ==, b->name);
  g_assert_cmpint (a->mode, ==, b->mode);
}

/* Any settings survive text and JSON (written and read as text too) to the last bit. */
static void
test_option_round_trip (void)
{
  for (uint64_t round = 0; round < 500; round++) {
    struct settings s = {0}, from_text = {0}, from_json = {0};
    g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT), read = NULL;
    g_autoptr (GError) error = NULL;
    g_autofree char *written = NULL;

    random_settings (&s, round);
    option_init (table, &from_text);
    option_init (table, &from_json);
    g_clear_pointer (&from_text.name, g_free);
    for (const struct option *option = table; option->name != NULL; option++) {
      g_autofree char *text = option_get (table, &s, option->name);

      g_assert_true (text == NULL || option_set (table, &from_text, option->name, text, &error));
    }
    assert_same (&s, &from_text);

    json_node_take_object (node, option_to_json (table, &s));
    written = text_json_write (node, FALSE);
    read = text_json_read (written, 4);
    g_assert_nonnull (read);
    g_assert_true (option_from_json (table, &from_json, json_node_get_object (read), &error));
    assert_same (&s, &from_json);
    option_clear (table, &s);
    option_clear (table, &from_text);
    option_clear (table, &from_json);
  }
}

static void
test_option_json (void)
{
  static const struct {
    const char *json, *message; /* NULL: fine */
  } cases[] = {
    {"{}", NULL},
    {"{\"strength\": 1, \"stride\": [2, 3], \"photos\": null, \"keep\": true}", NULL},
    {"{\"strength\": 2}", "strength wants a number from 0 to 1, not '2'"},
    {"{\"strength\": \"0.5\"}", "strength wants a number from 0 to 1, not '\"0.5\"'"},
    {"{\"steps\": 2.0}", "steps wants a whole number from 1 to 1000000, not '2.0'"},
    {"{\"stride\": [1, 2.5]}", "stride wants 2 whole numbers from 1 to 64, joined by commas, not '[1,2.5]'"},
    {"{\"stride\": [1, 2, 3]}", "stride wants 2 whole numbers from 1 to 64, joined by commas, not '1,2,3'"},
    {"{\"stride\": []}", "stride wants 2 whole numbers from 1 to 64, joined by commas, not ''"},
    {"{\"stride\": {}}", "stride wants 2 whole numbers from 1 to 64, joined by commas, not '{}'"},
    {"{\"keep\": 1}", "keep wants yes or no, not '1'"},
    {"{\"precision\": \"f64\"}", "precision wants one of auto, f32, bf16, not 'f64'"},
    {"{\"name\": 3}", "name wants a text, not '3'"},
    {"{\"photo\": \"a\"}", "unknown option photo; did you mean photos?"},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (JsonNode) node = json_from_string (cases[i].json, NULL);
    g_autoptr (GError) error = NULL;
    struct settings s = {0};

    option_init (table, &s);
    g_assert_cmpint (option_from_json (table, &s, json_node_get_object (node), &error), ==, cases[i].message == NULL);
    if (cases[i].message != NULL) {
      g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
      g_assert_cmpstr (error->message, ==, cases[i].message);
    }
    option_clear (table, &s);
  }
}

static void
test_option_help (void)
{
  g_autofree char *help = option_help (table);

  g_assert_cmpstr (help, ==,
                   "  --keep                    keep the colours\n"
                   "  --bright=no               brighten (on by default)\n"
                   "  --steps N                 steps to train (from 1 to 1000000; default 500)\n"
                   "  --wide N                  any number (default 0)\n"
                   "  --stride N,...            rows, columns (from 1 to 64; default 1,1)\n"
                   "  --pad N,...               three numbers (default 1,2,-3)\n"
                   "  --strength NUMBER         how far to go from the photograph (from 0 to 1;\n"
                   "                            default 0.7)\n"
                   "  --learning-rate NUMBER    of Adam (of 0 or more; default 0.001)\n"
                   "  --photos DIR              folder of photographs\n"
                   "  --name TEXT               of the style (default mine)\n"
                   "  --precision NAME          of the arithmetic (one of auto, f32, bf16; default\n"
                   "                            bf16)\n");
}

/* --- Text --- */

#define FIFTY "01234567890123456789012345678901234567890123456789"

static void
test_text_base_name (void)
{
  g_autofree char *longest = g_strnfill (255, 'a'), *longer = g_strnfill (256, 'a');
  for (const char *const *good = (const char *const[]){"00001-gan", "a", "a b", longest, NULL}; *good; good++)
    g_assert_true (text_is_base_name (*good));
  for (const char *const *bad = (const char *const[]){"", ".", "..", ".ck", "a/b", "/a", longer, NULL}; *bad; bad++)
    g_assert_false (text_is_base_name (*bad));
}

static void
test_text_show (void)
{
  static const struct {
    const char *text, *shown;
  } cases[] = {
    {"plain", "plain"},
    {"two\nlines\x1b[31m", "two?lines?[31m"},
    {"caf\xc3\xa9", "caf\xc3\xa9"},
    {"bad\xff", "bad\xef\xbf\xbd"},
    {FIFTY "0123456789", FIFTY "0123456789"},
    {FIFTY "0123456789a", FIFTY "0123456789..."},
  };

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *shown = text_show (cases[i].text);

    g_assert_cmpstr (shown, ==, cases[i].shown);
  }
}

static void
test_text_cause (void)
{
  g_autoptr (GError) missing = NULL, plain = g_error_new_literal (G_FILE_ERROR, 0, "no colon");
  g_assert_null (g_dir_open ("/nowhere: at all", 0, &missing));
  g_assert_cmpstr (text_cause (missing), ==, g_strerror (ENOENT));
  g_assert_cmpstr (text_cause (plain), ==, "no colon");
}

static void
test_text_nearest (void)
{
  static const char *const names[] = {"starry-night", "great-wave", "the-scream", "mosaic", "a", NULL};
  static const char *const short_names[] = {"gan", "style", NULL};

  g_assert_cmpstr (text_nearest ("stary-night", names), ==, "starry-night");
  g_assert_cmpstr (text_nearest ("greatwave", names), ==, "great-wave");
  g_assert_cmpstr (text_nearest ("mosiac", names), ==, "mosaic");
  g_assert_cmpstr (text_nearest ("mosaic", names), ==, "mosaic");
  g_assert_cmpstr (text_nearest ("gna", short_names), ==, "gan"); /* a swap is one slip */
  g_assert_cmpstr (text_nearest ("agn", short_names), ==, "gan");
  g_assert_cmpstr (text_nearest ("nag", short_names), ==, NULL);
  g_assert_cmpstr (text_nearest ("MOSAIC", names), ==, "mosaic");
  g_assert_cmpstr (text_nearest ("Great-Waev", names), ==, "great-wave");
  g_assert_cmpstr (text_nearest ("star", names), ==, "starry-night"); /* a beginning */
  g_assert_cmpstr (text_nearest ("st", names), ==, NULL);
  g_assert_cmpstr (text_nearest ("keep", (const char *const[]){"keep-colors", "keep-gps", NULL}), ==, NULL);
  g_assert_cmpstr (text_nearest ("b", names), ==, NULL);
  g_assert_cmpstr (text_nearest ("cubism", names), ==, NULL);
  g_assert_cmpstr (text_nearest ("", names), ==, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/random/philox-vectors", test_philox_vectors);
  g_test_add_func ("/random/layout", test_random_layout);
  g_test_add_func ("/random/independence", test_random_independence);
  g_test_add_func ("/random/fill", test_random_fill);
  g_test_add_func ("/random/moments", test_random_moments);
  g_test_add_func ("/random/below", test_random_below);
  g_test_add_func ("/option/defaults", test_option_defaults);
  g_test_add_func ("/option/set", test_option_set);
  g_test_add_func ("/option/refusals", test_option_refusals);
  g_test_add_func ("/option/round-trip", test_option_round_trip);
  g_test_add_func ("/option/json", test_option_json);
  g_test_add_func ("/option/help", test_option_help);
  g_test_add_func ("/text/show", test_text_show);
  g_test_add_func ("/text/base_name", test_text_base_name);
  g_test_add_func ("/text/cause", test_text_cause);
  g_test_add_func ("/text/nearest", test_text_nearest);
  return g_test_run ();
}
