/* SPDX-License-Identifier: Apache-2.0
 *
 * write_keras FOLDER: generators and a judge of random weights as files of Keras, for tests/oracle/keras_files.py.
 * write_keras FROM.h5 TO.h5: a file as it was read. */
#include <stdio.h>

#include "compile/plan.h"
#include "net/keras.h"

static int
copy (const char *from, const char *to, GError **error)
{
  g_autoptr (hdf5) root = hdf5_load (from, error);
  return root && hdf5_save (root, to, error) ? 0 : 1;
}

static bool
save (const char *folder, const struct gan_preset *preset, struct gan_net net, bool judge, const char *name,
      GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  g_autofree char *path = g_strdup_printf ("%s/%s.h5", folder, name);
  struct gan_pass pass = {.net = &net, .labels = gan_labels (graph, 1, &net), .code = gan_code (graph, 1, &net)};
  sym z = graph_input (graph, "z", SHAPE (1, net.latent)), picture = gan_generator (z, preset, pass);
  if (judge) {
    graph_push (graph, "judge");
    gan_score (picture, preset, pass);
    graph_pop (graph);
  }
  return weights_init (weights, graph, 1, error) && keras_save_gan (preset, &net, judge ? KERAS_JUDGE : KERAS_GENERATOR,
                                                                    weights, judge ? "judge." : "", path, error);
}

int
main (int argc, char **argv)
{
  static const struct gan_net plain = {.latent = 10, .width = 0.1, .judge_norm = GAN_NORM_NONE, .dropout = -1},
                              classes = {.latent = 10, .width = 0.1, .classes = 3, .conditional = GAN_NORMALISED},
                              codes = {.latent = 10, .width = 0.1, .codes = 4, .continuous = 1};
  g_autoptr (GError) error = NULL;
  if (argc == 3 && copy (argv[1], argv[2], &error) == 0)
    return 0;
  if (argc == 2 && save (argv[1], &gan_dcgan_28, plain, false, "dcgan-28", &error) &&
      save (argv[1], &gan_dcgan_28, classes, false, "classes", &error) &&
      save (argv[1], &gan_dcgan_28, codes, false, "codes", &error) &&
      save (argv[1], &gan_noise_gan_28, plain, false, "noise-gan-28", &error) &&
      save (argv[1], &gan_dcgan_64, plain, false, "dcgan-64", &error) &&
      save (argv[1], &gan_dcgan_64, plain, true, "judge", &error))
    return 0;
  fprintf (stderr, "write_keras: %s\n", error ? error->message : "FOLDER, or FROM and TO");
  return 1;
}
