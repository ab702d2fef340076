/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementary functions of one float without a branch, so that a loop over them vectorises. Each reduces its argument
 * to a short interval and evaluates a polynomial there (coefficients: minimax fits of the relative error, below
 * 2^-26), then puts the pieces together so that the small parts are added first. Within 2.5 ulp of the exact
 * value; right at zeros, infinities, NaN, denormals and where the result over- or underflows. Selections keep NaN: its
 * comparisons are false. Rounding to an integer is by adding 1.5 * 2^23 (in double 2^52) and taking it away again: the
 * low bits of the sum are the integer itself. For the loops of this room. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MATH_ROUND 0x1.8p23f
#define MATH_ROUND_BITS 0x4b400000u
#define MATH_ROUND_DOUBLE 0x1.8p52
#define MATH_LN2_HIGH 0x1.63p-1f /* ten bits: its products with an exponent are exact */
#define MATH_LN2_LOW -2.12194440054690583e-4f
#define MATH_TRIG_LIMIT 0x1p20f /* beyond it the reduction by pi/2 loses digits */

static inline uint32_t
math_bits (float x)
{
  uint32_t bits;

  memcpy (&bits, &x, sizeof bits);
  return bits;
}

static inline float
math_float (uint32_t bits)
{
  float x;

  memcpy (&x, &bits, sizeof x);
  return x;
}

/* bfloat16: the upper half of a float, rounded to nearest even. A NaN whose payload lies in the lower half would become
 * infinity: it gets a quiet bit. */
static inline uint16_t
math_to_bfloat (float x)
{
  uint32_t bits = math_bits (x);
  uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
  uint32_t quiet = bits & 0x7f0000 ? bits : bits | 0x400000;

  return (uint16_t) (((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded) >> 16);
}

static inline float
math_from_bfloat (uint16_t b)
{
  return math_float ((uint32_t) b << 16);
}

static inline uint64_t
math_double_bits (double x)
{
  uint64_t bits;

  memcpy (&bits, &x, sizeof bits);
  return bits;
}

static inline double
math_double (uint64_t bits)
{
  double x;

  memcpy (&x, &bits, sizeof x);
  return x;
}

static inline float
math_abs (float x)
{
  return math_float (math_bits (x) & 0x7fffffff);
}

/* 2^n for n in -126..127 given as a two's complement. */
static inline float
math_exponent (uint32_t n)
{
  return math_float ((n + 127) << 23);
}

/* exp (r) - 1 for |r| <= ln 2 / 2. */
static inline float
math_expm1_reduced (float r)
{
  float p = 1.38823956e-3f;

  p = p * r + 8.36718082e-3f;
  p = p * r + 4.16672230e-2f;
  p = p * r + 1.66665390e-1f;
  p = p * r + 4.99999970e-1f;
  return p * (r * r) + r;
}

/* exp (x) = 2^n exp (x - n ln 2); 2^n in two factors, since n reaches from -150 (denormals) to 128 (infinity). */
static inline float
math_exp (float x)
{
  float t, n, r;
  uint32_t k, half;

  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  t = x * 1.44269504f + MATH_ROUND;
  n = t - MATH_ROUND;
  r = (x - n * MATH_LN2_HIGH) - n * MATH_LN2_LOW;
  k = math_bits (t) - MATH_ROUND_BITS;
  half = (uint32_t) ((int32_t) k >> 1);
  return (math_expm1_reduced (r) + 1) * math_exponent (half) * math_exponent (k - half);
}

/* 2^x for x <= 0, which is how softmax asks; 0 below -126. The exponent's bias is added with the rounding. */
static inline float
math_exp2_negative (float x)
{
  float t = x + (MATH_ROUND + 127), r = x - (t - (MATH_ROUND + 127)), p = 1.53533619e-4f;

  p = p * r + 1.33988744e-3f;
  p = p * r + 9.61843736e-3f;
  p = p * r + 5.55033247e-2f;
  p = p * r + 2.40226479e-1f;
  p = p * r + 6.93147203e-1f;
  p = (p * r + 1) * math_float (math_bits (t) << 23);
  return x < -126.0f ? 0.0f : p;
}

/* log (2^e m) = e ln 2 + log (1 + f), f = m - 1 in [sqrt 1/2 - 1, sqrt 2 - 1]; x is normal and positive, and
 * @shift is added to its exponent. */
static inline float
math_log_normal (float x, float shift)
{
  uint32_t bits = math_bits (x);
  int32_t k = (int32_t) (bits - 0x3f3504f3u) >> 23; /* so that m >= sqrt 1/2 */
  float f = math_float (bits - ((uint32_t) k << 23)) - 1, e = (float) k + shift, z = f * f;
  float p = -7.65776485e-2f;

  p = p * f + 1.27967358e-1f;
  p = p * f - 1.31681934e-1f;
  p = p * f + 1.41976044e-1f;
  p = p * f - 1.66221663e-1f;
  p = p * f + 2.00013608e-1f;
  p = p * f - 2.50008553e-1f;
  p = p * f + 3.33333313e-1f;
  return (p * f * z + e * MATH_LN2_LOW - 0.5f * z + f) + e * MATH_LN2_HIGH;
}

static inline float
math_log (float x)
{
  float scaled = x < 0x1p-126f ? x * 0x1p23f : x, shift = x < 0x1p-126f ? -23.0f : 0.0f;
  float y = math_log_normal (scaled, shift);
  float edge = x == 0 ? -__builtin_inff () : __builtin_nanf ("");

  y = x < __builtin_inff () ? y : x;
  return x > 0 ? y : edge;
}

/* log (1 + e) for e in [0, 1]: the logarithm of the rounded sum and the derivative times what rounding lost. */
static inline float
math_log1p_unit (float e)
{
  float u = 1 + e;

  return math_log_normal (u, 0) + (e - (u - 1)) / u;
}

/* tanh a = E / (E + 2), E = exp (2a) - 1 = 2^n (exp r - 1) + (2^n - 1), a = |x|; beyond 10 it is 1. */
static inline float
math_tanh (float x)
{
  float a = math_abs (x), t, n, r, scale, e;

  a = a > 10.0f ? 10.0f : a;
  t = (a + a) * 1.44269504f + MATH_ROUND;
  n = t - MATH_ROUND;
  r = (a + a - n * MATH_LN2_HIGH) - n * MATH_LN2_LOW;
  scale = math_exponent (math_bits (t) - MATH_ROUND_BITS);
  e = scale * math_expm1_reduced (r) + (scale - 1);
  return math_float (math_bits (e / (e + 2)) | (math_bits (x) & 0x80000000));
}

/* erf x = x + x p(x^2) below 1; above, with a = |x|, 1 - exp (-a q(a)): what is left to 1 is small there, so that the
 * errors of q and of the exponential hardly count. Beyond 4 it is 1. */
static inline float
math_erf (float x)
{
  float a = math_abs (x), z = x * x, p, q;

  p = 7.85386116e-05f;
  p = p * z - 8.01019357e-04f;
  p = p * z + 5.18832768e-03f;
  p = p * z - 2.68538119e-02f;
  p = p * z + 1.12835851e-01f;
  p = p * z - 3.76126258e-01f;
  p = p * z + 1.28379167e-01f;
  a = a > 4.0f ? 4.0f : a;
  q = 1.39622750e-05f;
  q = q * a - 3.50590372e-04f;
  q = q * a + 3.75747016e-03f;
  q = q * a - 2.40100547e-02f;
  q = q * a + 1.06530849e-01f;
  q = q * a + 6.34969541e-01f;
  q = q * a + 1.12869433e+00f;
  q = math_float (math_bits (1 - math_exp (-a * q)) | (math_bits (x) & 0x80000000));
  return math_abs (x) < 1 ? p * x + x : q;
}

/* 1 / (1 + exp -x), with the exponential of a negative number on either side. */
static inline float
math_sigmoid (float x)
{
  float e = math_exp (-math_abs (x));

  return (x < 0 ? e : 1.0f) / (1 + e);
}

/* log (1 + exp x) = max (x, 0) + log (1 + exp -|x|) */
static inline float
math_softplus (float x)
{
  return (x < 0 ? 0.0f : x) + math_log1p_unit (math_exp (-math_abs (x)));
}

/* sin (x + turn pi/2) for |x| <= MATH_TRIG_LIMIT: the remainder by pi/2 in double, then sine or cosine by the
 * quarter. The first of the two parts of pi/2 has 33 bits. */
static inline float
math_trig (float x, uint32_t turn)
{
  double t = (double) x * 6.36619772367581382e-1 + MATH_ROUND_DOUBLE, n = t - MATH_ROUND_DOUBLE;
  double rest = ((double) x - n * 1.57079632673412561417e+00) - n * 6.07710050650619224932e-11;
  float r = (float) rest, z = r * r, sine, cosine;
  uint32_t quarter = (uint32_t) math_double_bits (t) + turn;

  sine = (-1.95087414e-4f * z + 8.33211280e-3f) * z - 1.66666538e-1f;
  sine = r == 0 ? r : sine * z * r + r; /* -0 stays */
  cosine = (2.44256807e-5f * z - 1.38872513e-3f) * z + 4.16666456e-2f;
  cosine = cosine * (z * z) + (1 - 0.5f * z);
  return math_float (math_bits (quarter & 1 ? cosine : sine) ^ (quarter & 2) << 30);
}

/* a^b = exp (b log |a|) in double, then as C's pow: the sign of a for odd b; NaN for a negative a and b no integer.
 * log (2^e m) by the series of the inverse hyperbolic tangent in s = (m - 1) / (m + 1). */
static inline float
math_pow (float a, float b)
{
  float positive = math_abs (a);
  float scaled = positive < 0x1p-126f ? positive * 0x1p23f : positive, shift = positive < 0x1p-126f ? -23.0f : 0.0f;
  uint32_t bits = math_bits (scaled);
  int32_t k = (int32_t) (bits - 0x3f3504f3u) >> 23;
  double f = (double) math_float (bits - ((uint32_t) k << 23)) - 1, s = f / (f + 2), z = s * s;
  double exponent = (double) ((float) k + shift), power = (double) b, half = power * 0.5;
  double log, v, t, n, r, p, y;
  bool integer = (power + MATH_ROUND_DOUBLE) - MATH_ROUND_DOUBLE == power;
  bool odd = integer & ((half + MATH_ROUND_DOUBLE) - MATH_ROUND_DOUBLE != half);

  p = 1.9587958034950873e-1;
  p = p * z + 2.2175941833819640e-1;
  p = p * z + 2.8572114614176110e-1;
  p = p * z + 3.9999995574991487e-1;
  p = p * z + 6.6666666675923700e-1;
  log = exponent * 0.69314718055994531 + (p * z * s + 2 * s);
  log = positive < __builtin_inff () ? log : (double) positive;
  log = positive == 0 ? -__builtin_inf () : log;
  v = log == 0 ? 0 : power * log;
  v = v < -110 ? -110 : v;
  v = v > 90 ? 90 : v;
  t = v * 1.44269504088896341 + MATH_ROUND_DOUBLE;
  n = t - MATH_ROUND_DOUBLE;
  r = v - n * 0.69314718055994531;
  p = 1.9789261415057487e-4;
  p = p * r + 1.3945752280060553e-3;
  p = p * r + 8.3335037560606580e-3;
  p = p * r + 4.1666280325475440e-2;
  p = p * r + 1.6666665820089208e-1;
  p = p * r + 5.0000000716718430e-1;
  y = p * (r * r) + r + 1;
  y *= math_double ((math_double_bits (t) - math_double_bits (MATH_ROUND_DOUBLE) + 1023) << 52);
  y = (odd & (math_bits (a) >> 31)) ? -y : y;
  y = ((a < 0) & !integer) ? __builtin_nan ("") : y;
  return b == 0 ? 1.0f : (float) y;
}
