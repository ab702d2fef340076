/* SPDX-License-Identifier: Apache-2.0
 *
 * Generators and judges as lists of layers, one row a layer, as the articles print them: building, describing and
 * training read the same rows. A preset is a struct gan_preset in its file, whose net has a row in net_table, and a row
 * in gan_presets. Pictures are (n, channels, side, side) in -1..1. */
#pragma once

#include "base/random.h"
#include "net/net.h"

struct gan_pass;
struct gan_layer;

/* A kind of layer; its parameters stand in the scope @name. */
struct gan_kind {
  const char *name;
  sym (*build) (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass);
  bool plain; /* has no parameters: that scope is opened for it */
};

/* Channels that are no multiple of the width: */
enum {
  GAN_PICTURE = -1, /* the picture's */
  GAN_SCORE = -2,   /* 1: the row that ends a judge; what stands before it is its trunk */
  GAN_MOMENTS = -3, /* two for each number of z */
  GAN_CODE = -4,    /* one for each number of the code */
};

struct gan_layer {
  const struct gan_kind *kind; /* NULL ends a list */
  int channels;                /* of a network of width 1 */
  int kernel, stride;
  int side;     /* of a reshaped picture; a dense layer has channels * side^2 outputs */
  double value; /* slope, rate, share by which running statistics follow */
  bool bare;    /* no bias */
};

extern const struct gan_kind gan_dense, gan_conv, gan_conv_transpose, gan_norm, gan_relu, gan_leaky_relu, gan_tanh,
  gan_up, gan_max_pool, gan_reshape, gan_flatten;
/* Rows that do nothing until an option asks for them: a judge's normalisation, dropout beyond the text's, the deviation
 * of the minibatch. */
extern const struct gan_kind gan_judge_norm, gan_dropout, gan_minibatch;

enum gan_conditional { GAN_UNCONDITIONAL, GAN_CONCATENATED, GAN_NORMALISED };
enum gan_judge {
  GAN_JUDGE_CONVOLUTIONAL,
  GAN_JUDGE_LINEAR,
  GAN_JUDGE_PAIRWISE
}; /* pairwise: by its loss, not its layers */
enum gan_normalisation { GAN_NORM_BATCH, GAN_NORM_INSTANCE, GAN_NORM_LAYER, GAN_NORM_NONE };
extern const char *const gan_conditional_names[], *const gan_judge_names[], *const gan_normalisation_names[];

/* Settings of every preset. */
struct gan_net {
  int64_t latent;   /* numbers of z */
  double width;     /* channels, times those of the text */
  int64_t channels; /* of the picture; 0 = the preset's */
  int64_t classes;  /* of conditional networks */
  int
    conditional; /* enum gan_conditional: labels beside z, or rows of the normalisations; to the judge as further channels */
  int judge;      /* enum gan_judge */
  int norm;       /* enum gan_normalisation: of the generator, where the text has batch normalisation */
  int judge_norm; /* of the judge, after all convolutions but the first */
  bool spectral;  /* spectral normalisation of the judge's weights */
  bool minibatch; /* the judge sees the deviation of the minibatch */
  double dropout; /* rate of the judge; less than 0 = the text's */
  int64_t codes, continuous; /* of the code beside z: categories, numbers in -1..1 (InfoGAN, Chen 2016); 0 = none */
  int64_t kinds;             /* of noise, up to latent; 0 = one, see gan_noise_fill */
};

#define GAN_CONTINUOUS_MAX 16
#define GAN_CLASSES_MAX 4096

#define GAN_KINDS_MAX 1024

/* The rows of its options but kinds, for a table of @TYPE that holds it as @AT: "net." or nothing. */
#define GAN_OPTIONS(TYPE, AT) \
  {"latent", OPTION_INT, offsetof (TYPE, AT latent), "length of the noise vector", 1, 4096, 100}, \
    {"width", OPTION_FLOAT, offsetof (TYPE, AT width), "channels of the layers, times those of the text", 0.01, 16, 1}, \
    {"channels", OPTION_INT, offsetof (TYPE, AT channels), "channels of the picture, 1 or 3; 0 = the preset's", 0, 3, 0}, \
    {"classes", OPTION_INT, offsetof (TYPE, AT classes), "classes of a conditional network; 0 = the data's", 0, \
     GAN_CLASSES_MAX, 0}, \
    {"conditional", OPTION_CHOICE, offsetof (TYPE, AT conditional), \
     "how the generator is told the class: labels beside the noise, or rows of the normalisations", \
     .choices = gan_conditional_names}, \
    {"judge", OPTION_CHOICE, offsetof (TYPE, AT judge), \
     "convolutional; the printed linear one; or pairwise: one that says which of two is real, by the relativistic " \
     "loss", \
     .choices = gan_judge_names}, \
    {"norm", OPTION_CHOICE, offsetof (TYPE, AT norm), "normalisation of the generator, where the text has one", \
     .choices = gan_normalisation_names}, \
    {"judge-norm", \
     OPTION_CHOICE, \
     offsetof (TYPE, AT judge_norm), \
     "normalisation of the judge, after its convolutions but the first", \
     .fallback = GAN_NORM_NONE, \
     .choices = gan_normalisation_names}, \
    {"spectral", OPTION_BOOL, offsetof (TYPE, AT spectral), "spectral normalisation of the judge"}, \
    {"minibatch", OPTION_BOOL, offsetof (TYPE, AT minibatch), \
     "the judge sees how much the pictures of a batch differ"}, \
    {"dropout", OPTION_FLOAT, offsetof (TYPE, AT dropout), "rate of the judge's; less than 0 = the text's", -1, 0.95, \
     -1}, \
    {"codes", OPTION_INT, offsetof (TYPE, AT codes), \
     "InfoGAN: categories of a code that a recogniser reads off the pictures again; 0 = none", 0, 1024, 0}, \
  { \
    "continuous", OPTION_INT, offsetof (TYPE, AT continuous), "InfoGAN: numbers in -1..1 of the code", 0, \
      GAN_CONTINUOUS_MAX, 0 \
  }
extern const struct option gan_options[];

struct gan_preset {
  struct net net;
  int side, channels;
  const struct gan_layer *generator;
  const struct gan_layer *judge;   /* convolutional; NULL: trained without */
  /* Of its training, where none is given; 0 = as usual. */
  double rate;
  double r1; /* weight of the convolutional judge's penalty */
  int batch, warm_up, kinds;
  const struct gan_layer *encoder; /* of an autoencoder: picture -> means, then logarithms of variances of z; or NULL */
  int enlarges; /* of a painter, whose generator reads pictures: it draws so many times as large; 0 = it reads noise */
  const struct gan_layer *recogniser; /* behind the judge's trunk: -> code; NULL where there is no judge */
};
/* The net of a preset. */
#define GAN_NET(NAME, HELP) \
  { \
    .name = NAME, .help = HELP, .options = gan_options, .options_size = sizeof (struct gan_net), .build = gan_build \
  }
void gan_build (const struct net *net, struct graph *graph, const void *settings);

extern const struct gan_preset *const gan_presets[]; /* NULL-terminated */
extern const char *const gan_preset_names[];         /* likewise, in that order */
extern const struct gan_preset gan_dcgan_28, gan_noise_gan_28, gan_vae_28, gan_dcgan_64;
const struct gan_preset *gan_preset_of (const struct net *net); /* NULL: it is none of them */

/* Painters: pairs whose generator reads a picture. They are trained by the translate recipe and painted with as style
 * networks (struct style_net); their nets are for description. */
extern const struct gan_preset gan_painter_gan, gan_anime;
extern const struct option gan_painter_options[];
#define GAN_PAINTER_NET(NAME, HELP) \
  { \
    .name = NAME, .help = HELP, .options = gan_painter_options, .options_size = sizeof (struct gan_net) \
  }
const struct gan_preset *painter_preset (const struct style_net *settings); /* NULL: it is the residual one */
const struct gan_preset *painter_preset_of (const struct net *net);         /* NULL: it is none of them */

/* Of a painter or a judge whose first convolution has @width channels; the texts' have PAINTER_WIDTH. */
enum { PAINTER_WIDTH = 64 };
struct gan_net painter_gan_net (int64_t width);

/* As style_net and style_net_reach, for settings with a preset. */
sym painter_net (sym photo, const struct style_control *control, const struct style_net *settings);
int painter_reach (const struct style_net *settings);

/* One pass through a network. */
struct gan_pass {
  const struct gan_net *net;
  bool training;   /* statistics of the batch, dropout */
  bool follow;     /* running statistics and spectral vectors follow: in one pass of each network a graph */
  sym labels;      /* (n, classes): shares of the classes; null (or no graph) for unconditional networks */
  enum pad_mode pad; /* of convolutions */
  sym code;        /* (n, gan_code_size): of a generator with a code; null (or no graph) without */
  sym *recognised; /* of a judge, when not NULL: what its recogniser, scope "code", reads off the pictures, see gan_recognise */
  unsigned stream; /* of the first dropout; those that follow count on */
  int spectral;    /* enum layer_spectral: of the network that is being built; gan_score fills it in */
};

/* Number of channels of pictures. */
int64_t gan_channels (const struct gan_preset *preset, const struct gan_net *net);

/* The input "labels" (n, classes) of a conditional network; of another the null symbol. */
sym gan_labels (struct graph *graph, int64_t n, const struct gan_net *net);

/* Numbers of a code: shares of the categories, then the continuous ones. */
int64_t gan_code_size (const struct gan_net *net);

/* The input "code" (n, gan_code_size) of a network that has one; of another the null symbol. */
sym gan_code (struct graph *graph, int64_t n, const struct gan_net *net);

/* Noise number @index of @key: @z gets net->latent numbers of a normal distribution, drawn again while they are larger
 * than @truncate, where that is not 0. With kinds, one of the first so many, drawn evenly, is larger by gan_kind_step.
 * That is a mixture of normal distributions with next to nothing between them (after Gurumurthy 2017), each on its own
 * axis: what pictures there are fall into kinds, too, and of one distribution the generator draws what lies between. */
void gan_noise_fill (struct random_key key, int64_t index, const struct gan_net *net, double truncate, float *z);
double gan_kind_step (const struct gan_net *net); /* the length of the rest, so that both are as loud */

/* What lies at @t, 0 = @a .. 1 = @b, on the way from one noise to another, @n numbers: along the great circle, with the
 * lengths in between (Shoemake 1985), since the noise of a normal distribution has nearly one length and straight lines
 * would cut through where it never is (White 2016). */
void gan_walk (const float *a, const float *b, int64_t n, double t, float *z);

sym gan_generator (sym z, const struct gan_preset *preset, struct gan_pass pass);     /* (n, latent) -> pictures */
sym gan_score (sym picture, const struct gan_preset *preset, struct gan_pass pass);   /* -> scores (n, 1) */
sym gan_encoder (sym picture, const struct gan_preset *preset, struct gan_pass pass); /* -> (n, 2 latent) */

/* The judge's trunk alone, by which it sees: pictures -> what its last layer reads. */
sym gan_features (sym picture, const struct gan_preset *preset, struct gan_pass pass);

/* The judge's trunk and the recogniser behind it alone: pictures -> (n, gan_code_size), logits of the categories, then
 * the continuous numbers. */
sym gan_recognise (sym picture, const struct gan_preset *preset, struct gan_pass pass);
