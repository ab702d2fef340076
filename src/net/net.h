/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks: each is a struct net in its own file, with a table of its settings and a builder, and a row in net_table.
 * Parameters are named from the scope the caller has pushed. */
#pragma once

#include "op/sym.h"
#include "tensor/weights.h"

struct net {
  const char *name;             /* "style" */
  const char *help;             /* one line, with the source */
  const struct option *options; /* of the settings struct */
  size_t options_size;
  /* Builds it small, for the names and shapes of its parameters (net/net_file.h); NULL where no file holds one. */
  void (*build) (const struct net *net, struct graph *graph, const void *settings);
};

extern const struct net *const net_table[]; /* NULL-terminated */
const struct net *net_find (const char *name);

/* style.c: the painter. Feed-forward transformer network after Johnson et al. 2016 with upsampling and conditional
 * instance normalisation: photograph (n,3,h,w) in 0..1 -> painting of the same size in 0..1. Extents that are no
 * multiple of 4 are padded by reflection inside and cut off again. */
enum upsampling { UPSAMPLING_NEAREST, UPSAMPLING_BILINEAR, UPSAMPLING_TRANSPOSED };
extern const char *const upsampling_names[]; /* NULL-terminated */

/* What the network is made of: residual blocks, as said here; or the layers of a painter that is learnt against a
 * judge, a preset of net/gan.h, which knows one style and has no other rows. */
enum style_layers { STYLE_RESIDUAL, STYLE_PAINTER_GAN, STYLE_ANIME };
extern const char *const style_layers_names[]; /* NULL-terminated */

/* predictor.c: what rows of a painter a painting wants that it never learnt (Ghiasi et al. 2017), from what the
 * painting looks like (perceptual_descriptor). Weights over rows of their own, the basis: of the first, which were
 * styles once, a mix that adds up to 1; of the others, whatever the predictor likes. */
struct predictor_net {
  int64_t described;   /* numbers of a descriptor; 0: there is no predictor */
  int64_t mixed, free; /* rows of the basis */
  int64_t hidden;      /* between descriptor and the free rows' weights */
};
int64_t predictor_net_basis (const struct predictor_net *settings);
sym predictor_net (sym descriptor, const struct predictor_net *settings); /* (n, described) -> (n, basis) */

struct style_net {
  int64_t styles;    /* styles the network knows */
  bool photograph;   /* one row more: the photograph as it is */
  bool brush;        /* two rows more: what a coarser and a finer brush add to any style */
  int64_t width;     /* channels of the first convolution; then twice and `inner` */
  int64_t inner;     /* channels of the residual blocks, at a quarter of the size */
  int64_t residuals; /* residual blocks */
  int64_t ends;      /* kernel of the first and last convolution, odd */
  int upsampling;    /* enum upsampling */
  bool skip;         /* the last layer corrects the photograph instead of painting it anew */
  int layers;        /* enum style_layers; all but residual ones have no settings but `width` */
  struct predictor_net predictor;
};

/* A style is a point: weights over the rows of the normalisation tables. Rows are the styles, then the photograph, then
 * the coarser and the finer brush, then the predictor's basis, as far as the network has them. Weights of styles and
 * photograph add up to 1, or what the predictor says stands in for styles; those of the brushes are added to whatever
 * they are: brush size 2^b is max(b, 0) of the coarser and max(-b, 0) of the finer. Strength t is t of the styles and 1
 * - t of the photograph, below 0 when t is beyond 1. */
int64_t style_net_rows (const struct style_net *settings);
int64_t style_net_photograph_row (const struct style_net *settings); /* -1 = none */
int64_t style_net_brush_row (const struct style_net *settings);      /* of the coarser, the finer follows; -1 = none */
int64_t style_net_basis_row (const struct style_net *settings); /* the first of the basis, or behind the last row */

/* Where the statistics of instance normalisation come from: taken from elsewhere (given, every moments filled), or
 * noted down in the order in which the network meets them, (n, 2c, 1, 1): means, then variances. */
enum { STYLE_NORMS_MAX = 144 }; /* the deepest style network and an arbitrary one behind it */
struct style_statistics {
  bool given;
  int count; /* normalisations met so far */
  sym moments[STYLE_NORMS_MAX];
};

/* What the encoding half has seen, for losses over its features: the picture in -1..1, both strided convolutions, the
 * first and the fifth residual block, or the last of fewer. */
enum { STYLE_TAPS = 5 };

struct style_control {
  sym rows; /* (k, rows): mixes; k is n, or how many regions there are. Null (or no graph): one row, without tables */
  sym maps; /* null, or (1, k, h, w): the share of each mix at each pixel, adding up to 1; n is 1 then */
  struct style_statistics *statistics; /* NULL: each picture's own */
  bool gate; /* where the photograph's weight exceeds a half, the painting goes over into it, and at 1 is it exactly;
                for painting: in training the row must draw the photograph itself */
  bool wrap; /* the picture is a torus: every border shows the opposite side. Extents are multiples of 4 then */
  sym *taps; /* when not NULL, receives STYLE_TAPS feature maps; of residual layers */
  bool training; /* of other layers: by the statistics of the batch, which the running ones follow; once a graph */
};
extern const struct net net_style;
sym style_net (sym photo, struct style_control control, const struct style_net *settings);

/* With given statistics a painted pixel depends on the photograph and the maps up to this many pixels away in each
 * direction; a multiple of 4. */
int style_net_reach (const struct style_net *settings);

/* Channels of the normalisations in the order in which they are met; returns their number. */
int style_net_norms (const struct style_net *settings, int64_t channels[STYLE_NORMS_MAX]);

/* vgg.c: VGG-19 up to relu3_4 (Simonyan and Zisserman 2015) over RGB in 0..1, normalised inside as torchvision does.
 * Fills relu[b][i] with relu(b+1)_(i+1) for the layers up to @last, counted 0 = conv1_1 .. 7 = conv3_4. */
struct vgg {
  sym relu[3][4];
};
enum { VGG_RELU1_2 = 1, VGG_RELU2_2 = 3, VGG_RELU3_2 = 5, VGG_RELU3_4 = 7 };
extern const struct net net_vgg19;
struct vgg vgg19 (sym picture, int last);

/* RGB in 0..1 as torchvision normalises it: (x - mean) / deviation of ImageNet's channels. */
sym imagenet_normalize (sym picture);

/* Weights of VGG-19 from a safetensors file: our layout "features.conv1_1.weight" or torchvision's "features.0.weight".
 * Names become "conv1_1.weight", biases (1, c, 1, 1). IMPASTO_ERROR_INPUT says which layer is missing or misshapen. */
struct weights *vgg19_load (const char *path, GError **error);

/* resnet.c: ResNet-18 (He et al. 2016) over RGB in 0..1, normalised inside as torchvision does, without the classifier.
 * tap[0] is the first convolution at 1/2 (64 channels), tap[1..3] the stages at 1/4, 1/8, 1/16 (64, 128, 256), up to
 * tap @last. Batch normalisations are in the convolutions: "layer1.0.conv1.weight", "layer1.0.conv1.bias". */
struct resnet {
  sym tap[4];
};
extern const struct net net_resnet18;
struct resnet resnet18 (sym picture, int last);

/* Weights of a torchvision ResNet-18 from a safetensors file: "conv1.weight", "bn1.running_mean",
 * "layer2.0.downsample.1.bias" ...; what comes after the third stage is not read. IMPASTO_ERROR_INPUT says which tensor
 * is missing or misshapen. */
struct weights *resnet18_load (const char *path, GError **error);

/* perceptual.c: a narrow VGG that was distilled from VGG-19: the eye that ships. Convolutions as VGG-19's conv1_1 to
 * conv3_4; relu1_2, relu2_2, relu3_2 and relu3_4 are features[0..3], up to @last; head[i] (C, c, 1, 1) and bias
 * (1, C, 1, 1) take features[i] to VGG-19's C channels over a common factor. */
struct perceptual_net {
  int64_t channels[3]; /* of the three blocks */
};
struct perceptual {
  sym features[4], head[4], bias[4];
};
extern const struct net net_perceptual;
struct perceptual perceptual_net (sym picture, int last, const struct perceptual_net *settings);

/* What a painting looks like, in numbers: means, then deviations, of each channel of the picture itself, relu1_2,
 * relu2_2 and relu3_4. Pictures (n,3,h,w) -> (n, perceptual_descriptor_size). */
int64_t perceptual_descriptor_size (const struct perceptual_net *settings);
sym perceptual_descriptor (sym picture, const struct perceptual_net *settings);

/* How much number @k of a descriptor counts when paintings are compared, by differences in deviations among known ones:
 * all together 1. Half of the say is the colours', half that of relu2_2, where strokes are seen: coarser features see
 * what is in a painting, finer ones the photograph of it. Weights fall with the squared distance over the temperature
 * as a Gibbs distribution does. */
#define PERCEPTUAL_TEMPERATURE 0.1
double perceptual_descriptor_share (const struct perceptual_net *settings, int64_t k);

/* arbitrary.c: the painter of any style at once (Huang and Belongie 2017, Liu et al. 2021). A painting becomes a few
 * symbols once, arbitrary_encode; arbitrary_net paints any number of photographs with them. Its encoder is a
 * perceptual network, in the scope "encoder"; what is trained is in the scope "decoder". */
struct arbitrary_net {
  struct perceptual_net encoder;
  int64_t keys;      /* numbers by which places of photograph and painting are compared */
  int64_t residuals; /* residual blocks of the decoder, at a quarter of the size */
};

/* A painting, cut into tokens of 16x16 pixels, t in all: what places are found by, (n, t, keys), what they are like,
 * (n, t, 2c), and the means over the whole, (n, c, 1, 1), c being arbitrary_channels. */
struct arbitrary_style {
  sym keys, values, mean;
};
struct arbitrary_control {
  const struct arbitrary_style *styles;
  int n_styles;
  sym weights;   /* (n, n_styles), adding up to 1; null: 1, for one style. With maps (k, n_styles), k mixes */
  sym maps;      /* null, or (1, k, h, w): the share of each mix at each pixel, adding up to 1; n is 1 then. Attention
                    has them at an eighth of the size */
  sym attention; /* (n, 1): 0 = moments of the whole painting (AdaIN) .. 1 = those of places alike; null: 0 */
  sym strength;  /* (n, 1): 0 = the photograph's own moments .. 1 = the style's; null: 1 */
  struct style_statistics
    *statistics;  /* NULL: each photograph's own; seven of them. Given ones may be (k, 2c, 1, 1) with
                                          maps: as each mix alone has them, so that a region is what its mix is alone */
  sym *unclamped; /* when not NULL, receives the painting before it is held to 0..1: for training */
};
extern const struct net net_arbitrary;
struct arbitrary_style arbitrary_encode (sym picture, const struct arbitrary_net *settings); /* multiples of 16 */
int64_t arbitrary_tokens (int64_t height, int64_t width);                                    /* t */
int64_t arbitrary_channels (const struct arbitrary_net *settings);
/* As style_net_reach, at multiples of 8; and style_net_norms. */
int arbitrary_net_reach (const struct arbitrary_net *settings);
int arbitrary_net_norms (const struct arbitrary_net *settings, int64_t channels[STYLE_NORMS_MAX]);
/* photograph (n,3,h,w) in 0..1 -> painting of the same size in 0..1 */
sym arbitrary_net (sym photo, struct arbitrary_control control, const struct arbitrary_net *settings);

/* patchgan.c: judges overlapping patches (Isola et al. 2017): picture -> one score map a head, (n, heads, h', w'). With
 * three layers and one dense one a patch is 70x70 pixels. */
struct patch_net {
  int64_t heads;
  int64_t width;  /* channels of the first convolution, doubled by each further one */
  int64_t layers; /* strided convolutions */
  int64_t dense;  /* further ones of stride 1; where there are any, the heads' kernel is 4x4, too, otherwise 3x3 */
  bool norm;      /* instance normalisation after all but the first */
};
extern const struct net net_patch;
sym patch_net (sym picture, const struct patch_net *settings);

/* classifier.c: pictures (n, channels, h, w) in 0..1 -> scores of classes. */
struct classifier_net {
  int64_t classes;
  int64_t size;     /* side of the pictures it was trained on, pixels */
  int64_t channels; /* of the picture: 1 = grey, 3 */
  int64_t width;    /* channels of the first convolution, doubled by each further one */
  int64_t layers;   /* convolutions; the size is halved between them */
};
struct classifier {
  sym features; /* (n, width 2^(layers-1)) */
  sym logits;   /* (n, classes): logarithms of probabilities but for a constant */
};
extern const struct net net_classifier;

/* In @training batches are normalised by their own statistics, and the running ones follow by @follow
 * (net/layers.h). */
struct classifier classifier_net (sym picture, const struct classifier_net *settings, bool training, double follow);

/* The rows of its options that are left to choose, for a table of @TYPE that holds it as @AT: "net." or nothing. */
#define CLASSIFIER_OPTIONS(TYPE, AT) \
  {"channels", OPTION_INT, offsetof (TYPE, AT channels), "of the picture: 1 = grey, or 3", 1, 3, 1}, \
    {"width", OPTION_INT, offsetof (TYPE, AT width), "channels of the first convolution, doubled by each further one", \
     4, 256, 16}, \
  { \
    "layers", OPTION_INT, offsetof (TYPE, AT layers), "convolutions; the size is halved between them", 1, 6, 4 \
  }
