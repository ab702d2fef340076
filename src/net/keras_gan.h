/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks of ours in the layout of Keras's files, as trees. */
#pragma once

#include "net/keras.h"

/* What keras_save_gan writes; @path stands for the file in messages. */
struct hdf5 *keras_tree_gan (const struct gan_preset *preset, const struct gan_net *net, enum keras_part part,
                             struct weights *weights, const char *prefix, const char *path, GError **error);
