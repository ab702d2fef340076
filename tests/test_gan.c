/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks, losses, penalties and stabilisers of adversarial training: values and gradients against PyTorch
 * (tests/oracle/gan.py), and what each promises. */
#include <math.h>
#include <string.h>

#include "compile/grad.h"
#include "net/gan.h"
#include "noise.h"
#include "oracle.h"
#include "train/gan_augment.h"
#include "train/gan_code.h"
#include "train/gan_loss.h"
#include "train/optimizer.h"

#define REFERENCE "gan.json"
#define TOLERANCE 1e-5
#define NET_TOLERANCE 1e-4

static sym
parameter (struct graph *graph, const char *name, struct shape shape)
{
  return graph_parameter (graph, name, shape, (struct init){INIT_ZERO, 0});
}

/* Judge at label 1, judge at label 0.9, generator, of score maps. */
static sym
build_loss (struct graph *graph, const char *name)
{
  int kind = 0;
  while (strcmp (gan_loss_names[kind], name))
    kind++;
  const struct gan_loss *loss = &gan_losses[kind];
  sym real = sym_scale (parameter (graph, "real", SHAPE (4, 1, 3, 2)), 20);
  sym fake = sym_scale (parameter (graph, "fake", SHAPE (4, 1, 3, 2)), 20);
  sym values[] = {loss->judge (real, fake, 1), loss->judge (real, fake, 0.9), loss->generator (real, fake)};
  for (int i = 0; i < 3; i++)
    values[i] = sym_reshape (values[i], SHAPE (1));
  return sym_concat (values, 3, 0);
}

static sym
critic (sym x)
{
  struct graph *graph = x.graph;
  sym weight = parameter (graph, "conv.weight", SHAPE (6, 2, 4, 4));
  x = sym_conv2d (x, weight, (struct conv_options){.stride = 2, .pad = 1});
  x = sym_tanh (sym_add (x, parameter (graph, "conv.bias", SHAPE (1, 6, 1, 1))));
  return sym_matmul_t (sym_reshape (x, SHAPE (3, -1)), false, parameter (graph, "dense.weight", SHAPE (1, 120)), true);
}

static sym
build_penalty (struct graph *graph, const char *name)
{
  sym picture = oracle_constant (graph, "picture", SHAPE (3, 2, 8, 10), 2, 0), score = critic (picture);
  return g_str_equal (name, "r1") ? gan_r1 (score, picture) : gan_gradient_penalty (score, picture);
}

/* Categories 2, 0, 1, 2 of three, and two continuous numbers. */
static sym
build_code_losses (struct graph *graph, const char *name)
{
  static const int64_t category[] = {2, 0, 1, 2};
  struct gan_net net = {.codes = 3, .continuous = 2};
  g_autoptr (tensor) tensor = tensor_new (SHAPE (4, 3), DTYPE_F32, NULL);
  memset (tensor->data, 0, tensor->size);
  for (int i = 0; i < 4; i++)
    tensor_floats (tensor)[i * 3 + category[i]] = 1;
  sym parts[] = {graph_constant (graph, tensor), oracle_constant (graph, "continuous", SHAPE (4, 2), 2, 0)};
  sym code = sym_concat (parts, 2, 1), read = sym_scale (parameter (graph, "read", SHAPE (4, 5)), 6);
  sym values[] = {gan_code_category_loss (code, read, &net), gan_code_continuous_loss (code, read, &net)};
  for (int i = 0; i < 2; i++)
    values[i] = sym_reshape (values[i], SHAPE (1));
  return sym_concat (values, 2, 0);
}

/* Codes as they are drawn: one category each, all of them met, and numbers all over -1..1. */
static void
test_code_draw (void)
{
  enum { N = 400, CODES = 5, SIZE = CODES + 2 };
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  struct gan_net net = {.codes = CODES, .continuous = 2};
  int met[CODES] = {0};
  double least = 1, most = -1, product = 0;
  graph_output (graph, "code", gan_code_draw (graph, N, &net, 5));
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  plan_run (plan, 3, 5);
  const float *code = tensor_floats (plan_output (plan, "code"));
  for (int i = 0; i < N; i++, code += SIZE) {
    int ones = 0;
    for (int k = 0; k < CODES; k++) {
      g_assert_true (code[k] == 0 || code[k] == 1);
      ones += code[k];
      met[k] += code[k];
    }
    g_assert_cmpint (ones, ==, 1);
    least = MIN (least, MIN (code[CODES], code[CODES + 1])), most = MAX (most, MAX (code[CODES], code[CODES + 1]));
    product += code[CODES] * code[CODES + 1] / N;
  }
  for (int k = 0; k < CODES; k++)
    g_assert_true (met[k] > 50 && met[k] < 110);
  g_assert_true (least > -1.0001 && least < -0.97 && most > 0.97 && most < 1.0001);
  g_assert_cmpfloat (fabs (product), <, 0.08); /* a third if they were the same number */
}

/* Of kinds: what is drawn in a graph and by index, all of them met, the rest a normal distribution of deviation 1. */
static void
check_noise (const float *z, int n, const struct gan_net *net)
{
  int met[3] = {0};
  double squares = 0;
  g_assert_cmpint (net->kinds, ==, 3);
  for (int i = 0; i < n; i++, z += net->latent) {
    int kind = z[1] > z[0] ? 1 : 0;
    kind = z[2] > z[kind] ? 2 : kind;
    met[kind]++;
    for (int k = 0; k < net->latent; k++) {
      double rest = k == kind ? z[k] - 10 : z[k];
      squares += rest * rest / n / net->latent;
      g_assert_cmpfloat (fabs (rest), <, 5);
    }
  }
  for (int k = 0; k < 3; k++)
    g_assert_true (met[k] > n / 4 && met[k] < n * 5 / 12);
  g_assert_cmpfloat_with_epsilon (squares, 1, 0.03);
}

static void
test_noise_draw (void)
{
  enum { N = 400, LATENT = 100 };
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  struct gan_net net = {.latent = LATENT, .kinds = 3};
  struct random_key key = {.seed = 1, .stream = 7};
  g_autofree float *z = g_new (float, N * LATENT), *again = g_new (float, LATENT);
  graph_output (graph, "z", gan_noise_draw (graph, N, &net, 5, 6));
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  plan_run (plan, 3, 5);
  check_noise (tensor_floats (plan_output (plan, "z")), N, &net);
  for (int i = 0; i < N; i++)
    gan_noise_fill (key, i, &net, 0, z + i * LATENT);
  check_noise (z, N, &net);
  gan_noise_fill (key, 9, &net, 1.5, again);
  int large = 0;
  for (int k = 0; k < LATENT; k++) {
    bool kept = again[k] == z[9 * LATENT + k]; /* the kind, and what was not too large */
    g_assert_true (kept ? fabs (again[k]) <= 1.5 || k < 3 : fabs (again[k]) <= 1.5 || again[k] > 8.5);
    large += !kept;
  }
  g_assert_true (large > 3 && large < 30);
  net.kinds = 0; /* as models from before there were kinds are drawn */
  g_autofree float *plain = g_new (float, LATENT);
  gan_noise_fill (key, 9, &net, 0, again);
  random_normal_fill (key, 9 * LATENT, plain, LATENT);
  g_assert_cmpmem (again, LATENT * sizeof (float), plain, LATENT * sizeof (float));
  gan_noise_fill (key, 9, &net, 1.5, again);
  for (int k = 0; k < LATENT; k++) {
    struct random_key next = key;
    for (next.step = 1; fabsf (plain[k]) > 1.5; next.step++)
      plain[k] = random_normal (next, 9 * LATENT + k);
  }
  g_assert_cmpmem (again, LATENT * sizeof (float), plain, LATENT * sizeof (float));
}

/* On the great circle: of equal lengths the length stays, halfway is as far from both; the ends are the ends. */
static void
test_walk (void)
{
  float a[] = {3, 0, 4, 0}, b[] = {0, 5, 0, 0}, z[4];
  gan_walk (a, b, 4, 0.5, z);
  double length = 0, to_a = 0, to_b = 0;
  for (int i = 0; i < 4; i++)
    length += z[i] * z[i], to_a += z[i] * a[i], to_b += z[i] * b[i];
  g_assert_cmpfloat_with_epsilon (length, 25, 1e-5);
  g_assert_cmpfloat_with_epsilon (to_a, 25 * sqrt (0.5), 1e-4);
  g_assert_cmpfloat_with_epsilon (to_b, 25 * sqrt (0.5), 1e-4);
  gan_walk (a, b, 4, 1, z);
  for (int i = 0; i < 4; i++)
    g_assert_cmpfloat_with_epsilon (z[i], b[i], 1e-6);
  gan_walk (a, a, 4, 0.3, z); /* no angle */
  for (int i = 0; i < 4; i++)
    g_assert_cmpfloat_with_epsilon (z[i], a[i], 1e-6);
}

/* Presets at a sixteenth of their width. */
static const struct {
  const char *name;
  const struct gan_preset *preset;
  sym (*build) (sym x, const struct gan_preset *preset, struct gan_pass pass);
  int channels;
  struct gan_net net;
} nets[] = {
  {"dcgan_28_generator", &gan_dcgan_28, gan_generator, 0, {0}},
  {"dcgan_28_generator_normalised", &gan_dcgan_28, gan_generator, 0, {.classes = 3, .conditional = GAN_NORMALISED}},
  {"dcgan_28_judge", &gan_dcgan_28, gan_score, 1, {.judge_norm = GAN_NORM_NONE}},
  {"dcgan_28_recogniser",
   &gan_dcgan_28,
   gan_recognise,
   1,
   {.judge_norm = GAN_NORM_NONE, .codes = 3, .continuous = 1}},
  {"linear_judge", &gan_dcgan_28, gan_score, 1, {.classes = 3, .judge = GAN_JUDGE_LINEAR}},
  {"noise_gan_28_generator", &gan_noise_gan_28, gan_generator, 0, {0}},
  {"noise_gan_28_judge_normed", &gan_noise_gan_28, gan_score, 1, {.judge_norm = GAN_NORM_BATCH}},
  {"vae_28_encoder", &gan_vae_28, gan_encoder, 1, {0}},
  {"dcgan_64_generator_labelled", &gan_dcgan_64, gan_generator, 0, {.classes = 3, .conditional = GAN_CONCATENATED}},
  {"dcgan_64_judge_steadied",
   &gan_dcgan_64,
   gan_score,
   3,
   {.classes = 3, .judge_norm = GAN_NORM_NONE, .spectral = true, .minibatch = true}},
};

static sym
build_net (struct graph *graph, const char *name)
{
  int i = 0;
  while (strcmp (nets[i].name, name))
    i++;
  int side = nets[i].preset->side;
  struct gan_net net = nets[i].net;
  struct gan_pass pass = {.net = &net, .training = true, .follow = true};
  net.latent = 20;
  net.width = 1.0 / 16;
  if (net.classes)
    pass.labels = oracle_constant (graph, "labels", SHAPE (4, net.classes), 1, 0.5);
  sym x = nets[i].channels ? oracle_constant (graph, "picture", SHAPE (4, nets[i].channels, side, side), 2, 0)
                           : oracle_constant (graph, "z", SHAPE (4, 20), 2, 0);
  return nets[i].build (x, nets[i].preset, pass);
}

static void
test_net (gconstpointer name)
{
  struct oracle oracle = {name, build_net};
  oracle_check (REFERENCE, &oracle, PRECISION_F32, NET_TOLERANCE);
}

static void
test_oracle (gconstpointer oracle)
{
  oracle_check (REFERENCE, oracle, PRECISION_F32, TOLERANCE);
}

/* Augmentation: what becomes of @n pictures (n,2,16,12) that fill @x; @gradient gets that of a weighted sum. */
enum { AUGMENT_N = 64, AUGMENT_C = 2, AUGMENT_H = 16, AUGMENT_W = 12, AUGMENT_PLANE = AUGMENT_H * AUGMENT_W };
#define AUGMENT_SIZE (AUGMENT_N * AUGMENT_C * AUGMENT_PLANE)

static void
augment (struct gan_augment what, double probability, float *x, float *y, float *gradient)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  struct shape shape = SHAPE (AUGMENT_N, AUGMENT_C, AUGMENT_H, AUGMENT_W);
  sym picture = graph_input (graph, "picture", shape), dx;
  sym changed = gan_augment (picture, what, graph_scalar (graph, probability), 7);
  sym sum = sym_sum (sym_mul (changed, oracle_constant (graph, "probe", shape, 1, 0)), AXES_ALL);
  graph_gradient (sum, &picture, 1, &dx);
  graph_output (graph, "y", changed);
  graph_output (graph, "dx", dx);
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  noise_fill ("augmented", 1.8, 0, x, AUGMENT_SIZE);
  memcpy (tensor_floats (plan_input (plan, "picture")), x, AUGMENT_SIZE * sizeof (float));
  plan_run (plan, 3, 5);
  memcpy (y, tensor_floats (plan_output (plan, "y")), AUGMENT_SIZE * sizeof (float));
  if (gradient)
    memcpy (gradient, tensor_floats (plan_output (plan, "dx")), AUGMENT_SIZE * sizeof (float));
}

/* With probability 0 nothing changes, with a half about a half of the pictures. */
static void
test_augment_probability (void)
{
  static const struct gan_augment all = {true, true, true};
  g_autofree float *x = g_new (float, AUGMENT_SIZE), *y = g_new (float, AUGMENT_SIZE);
  int changed = 0, size = AUGMENT_C * AUGMENT_PLANE;
  augment (all, 0, x, y, NULL);
  for (int i = 0; i < AUGMENT_SIZE; i++)
    g_assert_cmpfloat_with_epsilon (x[i], y[i], 1e-6);
  augment ((struct gan_augment){.translation = true}, 0.5, x, y, NULL);
  for (int i = 0; i < AUGMENT_N; i++)
    changed += memcmp (x + i * size, y + i * size, size * sizeof (float)) != 0;
  g_assert_cmpint (changed, >, AUGMENT_N / 4);
  g_assert_cmpint (changed, <, 3 * AUGMENT_N / 4);
}

/* Whether @y is @x moved by (dy, dx), 0 coming in; then the gradient is the probe moved back. */
static bool
is_moved (const float *x, const float *y, int dy, int dx)
{
  for (int c = 0; c < AUGMENT_C; c++)
    for (int i = 0; i < AUGMENT_H; i++)
      for (int j = 0; j < AUGMENT_W; j++) {
        bool inside = i - dy >= 0 && i - dy < AUGMENT_H && j - dx >= 0 && j - dx < AUGMENT_W;
        float from = inside ? x[c * AUGMENT_PLANE + (i - dy) * AUGMENT_W + j - dx] : 0;
        if (y[c * AUGMENT_PLANE + i * AUGMENT_W + j] != from)
          return false;
      }
  return true;
}

static void
test_augment_translation (void)
{
  g_autofree float *x = g_new (float, AUGMENT_SIZE), *y = g_new (float, AUGMENT_SIZE),
                   *dx = g_new (float, AUGMENT_SIZE);
  g_autofree float *probe = g_new (float, AUGMENT_SIZE);
  int met[5][5] = {0}, places = 0;
  augment ((struct gan_augment){.translation = true}, 1, x, y, dx);
  noise_fill ("probe", 1, 0, probe, AUGMENT_SIZE);
  for (int n = 0; n < AUGMENT_N; n++) {
    int at = n * AUGMENT_C * AUGMENT_PLANE, found = 0;
    for (int i = -2; i <= 2; i++)
      for (int j = -2; j <= 2; j++)
        if (is_moved (x + at, y + at, i, j)) {
          found++;
          met[i + 2][j + 2] = 1;
          g_assert_true (is_moved (probe + at, dx + at, -i, -j));
        }
    g_assert_cmpint (found, ==, 1);
  }
  for (int i = 0; i < 25; i++)
    places += met[i / 5][i % 5];
  g_assert_cmpint (places, >, 15); /* of 25 */
}

static void
test_augment_cutout (void)
{
  g_autofree float *x = g_new (float, AUGMENT_SIZE), *y = g_new (float, AUGMENT_SIZE);
  int whole = 0;
  augment ((struct gan_augment){.cutout = true}, 1, x, y, NULL);
  for (int n = 0; n < AUGMENT_N; n++) {
    const float *a = x + n * AUGMENT_C * AUGMENT_PLANE, *b = y + n * AUGMENT_C * AUGMENT_PLANE;
    int top = AUGMENT_H, bottom = -1, left = AUGMENT_W, right = -1, holes = 0;
    for (int i = 0; i < AUGMENT_PLANE; i++)
      if (b[i] == 0 && b[i + AUGMENT_PLANE] == 0) {
        top = MIN (top, i / AUGMENT_W), bottom = MAX (bottom, i / AUGMENT_W);
        left = MIN (left, i % AUGMENT_W), right = MAX (right, i % AUGMENT_W);
        holes++;
      } else
        g_assert_true (a[i] == b[i] && a[i + AUGMENT_PLANE] == b[i + AUGMENT_PLANE]);
    int height = bottom - top + 1, width = right - left + 1;
    g_assert_cmpint (holes, ==, height * width); /* a rectangle */
    g_assert_true (height <= AUGMENT_H / 2 && (height == AUGMENT_H / 2 || top == 0 || bottom == AUGMENT_H - 1));
    g_assert_true (width <= AUGMENT_W / 2 && (width == AUGMENT_W / 2 || left == 0 || right == AUGMENT_W - 1));
    whole += height == AUGMENT_H / 2 && width == AUGMENT_W / 2;
  }
  g_assert_cmpint (whole, >, 4);
}

/* Both channels' sum is stretched about its mean by the contrast alone, their difference by the saturation too. */
static void
test_augment_colour (void)
{
  g_autofree float *x = g_new (float, AUGMENT_SIZE), *y = g_new (float, AUGMENT_SIZE);
  double least[3] = {9, 9, 9}, most[3] = {-9, -9, -9};
  augment ((struct gan_augment){.colour = true}, 1, x, y, NULL);
  for (int n = 0; n < AUGMENT_N; n++) {
    const float *a = x + n * AUGMENT_C * AUGMENT_PLANE, *b = y + n * AUGMENT_C * AUGMENT_PLANE;
    double mean_a = 0, mean_b = 0;
    for (int i = 0; i < AUGMENT_C * AUGMENT_PLANE; i++)
      mean_a += a[i] / (AUGMENT_C * AUGMENT_PLANE), mean_b += b[i] / (AUGMENT_C * AUGMENT_PLANE);
    double contrast = (b[0] + b[AUGMENT_PLANE] - 2 * mean_b) / (a[0] + a[AUGMENT_PLANE] - 2 * mean_a);
    double saturation = (b[0] - b[AUGMENT_PLANE]) / (a[0] - a[AUGMENT_PLANE]) / contrast;
    double values[] = {contrast, saturation, mean_b - mean_a};
    for (int i = 0; i < AUGMENT_PLANE; i++) {
      double sum = a[i] + a[i + AUGMENT_PLANE] - 2 * mean_a, difference = a[i] - a[i + AUGMENT_PLANE];
      g_assert_cmpfloat_with_epsilon (b[i] + b[i + AUGMENT_PLANE], sum * contrast + 2 * mean_b, 1e-4);
      g_assert_cmpfloat_with_epsilon (b[i] - b[i + AUGMENT_PLANE], difference * contrast * saturation, 1e-4);
    }
    for (int k = 0; k < 3; k++)
      least[k] = MIN (least[k], values[k]), most[k] = MAX (most[k], values[k]);
  }
  static const double low[] = {0.5, 0, -0.5}, high[] = {1.5, 2, 0.5};
  for (int k = 0; k < 3; k++) { /* all of the range and nothing beyond */
    double tenth = (high[k] - low[k]) / 10;
    g_assert_true (least[k] > low[k] - 1e-3 && least[k] < low[k] + tenth);
    g_assert_true (most[k] < high[k] + 1e-3 && most[k] > high[k] - tenth);
  }
}

/* Five steps down a bowl, as torch.optim goes; its RMSprop leaves the bias in. */
static void
test_descent (gconstpointer data)
{
  static const struct {
    const char *name;
    struct optimizer_options options;
  } cases[] = {
    {"adam", {OPTIMIZER_ADAM, 0.5, 0.99, 1e-12}},
    {"adam clipped", {OPTIMIZER_ADAM, 0.5, 0.99, 1e-12, .clip = 0.5}},
    {"rmsprop", {OPTIMIZER_RMSPROP, 0.5, 0.99, 1e-12}},
    {"sgd", {OPTIMIZER_SGD, 0.5}},
    {"sgd regularised", {OPTIMIZER_SGD, 0.5, .l1 = 0.2, .l2 = 0.3}},
  };
  int i = GPOINTER_TO_INT (data);
  g_autoptr (GError) error = NULL;
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  sym w = parameter (graph, "net.weight", SHAPE (3, 5)), b = parameter (graph, "net.bias", SHAPE (1, 5));
  sym y = sym_shift (sym_add (sym_matmul (oracle_constant (graph, "x", SHAPE (4, 3), 1, 0), w), b), -1);
  sym loss = sym_reshape (sym_sum (sym_square (y), AXES_ALL), SHAPE_SCALAR);
  sym rate = graph_input (graph, "rate", SHAPE_SCALAR), decay = graph_input (graph, "decay", SHAPE_SCALAR);
  graph_output (graph, "norm", optimizer_step (loss, "net.", rate, decay, &cases[i].options));
  weights_init (weights, graph, 1, &error);
  noise_fill ("net.weight", 1, 0, tensor_floats (weights_find (weights, "net.weight")), 15);
  noise_fill ("net.weight", 1, 0, tensor_floats (weights_find (weights, "average.net.weight")), 15);
  noise_fill ("net.bias", 1, 0, tensor_floats (weights_find (weights, "net.bias")), 5);
  g_autoptr (plan) plan = plan_compile (graph, weights, &(struct plan_options){.precision = PRECISION_F32}, &error);
  g_assert_no_error (error);
  tensor_floats (plan_input (plan, "decay"))[0] = 0.75;
  for (int step = 0; step < 5; step++) {
    bool biased = cases[i].options.kind == OPTIMIZER_RMSPROP;
    tensor_floats (plan_input (plan, "rate"))[0] = biased ? 0.02 : optimizer_rate (&cases[i].options, 0.02, step);
    plan_run (plan, 0, step);
  }
  JsonObject *wanted = json_object_get_object_member (oracle_member (REFERENCE, "descents"), cases[i].name);
  oracle_compare ("weight", weights_find (weights, "net.weight"), json_object_get_object_member (wanted, "weight"),
                  TOLERANCE, 0);
  oracle_compare ("bias", weights_find (weights, "net.bias"), json_object_get_object_member (wanted, "bias"), TOLERANCE,
                  0);
  oracle_compare ("average", weights_find (weights, "average.net.weight"),
                  json_object_get_object_member (wanted, "average"), TOLERANCE, 0);
}

/* RMSprop is Adam without momentum: its first step is as long as the rate says, too. */
static void
test_bias (void)
{
  struct optimizer_options adam = {OPTIMIZER_ADAM, .beta2 = 0.999}, rmsprop = {OPTIMIZER_RMSPROP, .beta2 = 0.999};
  for (int step = 0; step < 3000; step += 300)
    g_assert_cmpfloat_with_epsilon (optimizer_rate (&rmsprop, 0.01, step), optimizer_rate (&adam, 0.01, step), 1e-12);
  g_assert_cmpfloat_with_epsilon (optimizer_rate (&rmsprop, 0.01, 0), 0.01 * sqrt (0.001), 1e-12);
}

int
main (int argc, char **argv)
{
  static const struct oracle oracles[] = {
    {"minimax", build_loss},
    {"non-saturating", build_loss},
    {"least-squares", build_loss},
    {"hinge", build_loss},
    {"wasserstein", build_loss},
    {"relativistic", build_loss},
    {"gradient_penalty", build_penalty},
    {"r1", build_penalty},
    {"code_losses", build_code_losses},
  };
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (oracles); i++) {
    g_autofree char *path = g_strdup_printf ("/gan/pytorch/%s", oracles[i].name);
    g_test_add_data_func (path, &oracles[i], test_oracle);
  }
  for (guint i = 0; i < G_N_ELEMENTS (nets); i++) {
    g_autofree char *path = g_strdup_printf ("/gan/nets/%s", nets[i].name);
    g_test_add_data_func (path, nets[i].name, test_net);
  }
  g_test_add_func ("/gan/code/draw", test_code_draw);
  g_test_add_func ("/gan/noise", test_noise_draw);
  g_test_add_func ("/gan/walk", test_walk);
  g_test_add_func ("/gan/augment/probability", test_augment_probability);
  g_test_add_func ("/gan/augment/translation", test_augment_translation);
  g_test_add_func ("/gan/augment/cutout", test_augment_cutout);
  g_test_add_func ("/gan/augment/colour", test_augment_colour);
  for (int i = 0; i < 5; i++) {
    g_autofree char *path = g_strdup_printf ("/gan/descent/%d", i);
    g_test_add_data_func (path, GINT_TO_POINTER (i), test_descent);
  }
  g_test_add_func ("/gan/descent/bias", test_bias);
  return g_test_run ();
}
