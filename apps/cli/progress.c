/* SPDX-License-Identifier: Apache-2.0
 *
 * The progress line, JSON lines, and signals. */
#include "progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_INTERVAL 100000 /* microseconds */
#define BAR_WIDTH 20

bool
progress_init (struct progress *progress, const struct arguments *arguments, GError **error)
{
  g_autofree char *how = arguments_text (arguments, "progress");
  bool json = g_str_equal (how, "json"), automatic = g_str_equal (how, "auto");
  if (!json && !automatic && !g_str_equal (how, "none")) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--progress wants auto, json or none, not '%s'", how);
    return false;
  }
  *progress = (struct progress){
    .quiet = arguments_quiet (arguments),
    .verbose = arguments_flag (arguments, "verbose"),
    .json = json,
  };
  progress->terminal = automatic && !progress->quiet && isatty (STDERR_FILENO);
  return true;
}

bool
progress_due (struct progress *progress)
{
  gint64 now = g_get_monotonic_time ();
  if (!progress->terminal || now - progress->last < LINE_INTERVAL)
    return false;
  progress->last = now;
  return true;
}

void
progress_show (struct progress *progress, const char *format, ...)
{
  if (!progress->terminal)
    return;
  fputs ("\r\033[K", stderr);
  if (format) {
    va_list args;
    va_start (args, format);
    g_autofree char *line = g_strdup_vprintf (format, args);
    va_end (args);
    struct winsize size;
    int columns = ioctl (STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : G_MAXINT;
    if (g_utf8_validate (line, -1, NULL) && g_utf8_strlen (line, -1) > columns) /* what wraps cannot be taken back */
      *g_utf8_offset_to_pointer (line, columns) = '\0';
    fputs (line, stderr);
  }
  fflush (stderr);
}

void
print_json_node (JsonNode *node, bool pretty)
{
  g_autofree char *written = json_to_string (node, pretty), *tidy = impasto_json_tidy (written);
  g_autofree char *text = g_utf8_make_valid (tidy, -1); /* names of files may be of any bytes */
  puts (text);
  fflush (stdout);
}

void
print_json_line (JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  json_node_take_object (node, object);
  print_json_node (node, false);
}

void
progress_json (struct progress *progress, JsonObject *object)
{
  if (progress->json)
    print_json_line (object);
  else
    json_object_unref (object);
}

gboolean
progress_pictures (guint done, guint all, gpointer data)
{
  struct progress *progress = data;
  if (progress_due (progress)) {
    g_autofree char *bar = progress_bar ((double) done / MAX (all, 1));
    progress_show (progress, "%s %u of %u picture%s", bar, done, all, plural (all));
  }
  return !interrupt_pending ();
}

char *
progress_bar (double share)
{
  GString *bar = g_string_new ("[");
  for (int i = 0; i < BAR_WIDTH; i++)
    g_string_append_c (bar, i < share * BAR_WIDTH - 0.5 ? '#' : '.');
  g_string_append_c (bar, ']');
  return g_string_free (bar, FALSE);
}

const char *
plural (gint64 n)
{
  return n == 1 ? "" : "s";
}

char *
duration_text (double seconds)
{
  int s = CLAMP (seconds + 0.5, 0, 1e9);
  if (s >= 3600)
    return g_strdup_printf ("%d h %02d min", s / 3600, s / 60 % 60);
  return s >= 60 ? g_strdup_printf ("%d min %02d s", s / 60, s % 60) : g_strdup_printf ("%d s", s);
}

guint64
peak_memory (void)
{
  g_autofree char *text = NULL;
  const char *line = g_file_get_contents ("/proc/self/status", &text, NULL, NULL) ? strstr (text, "VmHWM:") : NULL;
  return line ? g_ascii_strtoull (line + strlen ("VmHWM:"), NULL, 10) * 1024 : 0;
}

static volatile gint holding, noted;

static void
end (void)
{
  static const char text[] = "\nimpasto: stopped\n";
  impasto_abandon ();
  ssize_t written = write (STDERR_FILENO, text, sizeof text - 1);
  _exit (written < 0 ? IMPASTO_ERROR_CANCELLED : IMPASTO_ERROR_CANCELLED);
}

static void
on_signal (int number)
{
  if (!holding || noted)
    end ();
  noted = 1;
}

void
interrupt_install (void)
{
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  if (sigaction (SIGHUP, NULL, &before) == 0 &&
      before.sa_handler != SIG_IGN) /* else it is meant to outlive its terminal */
    sigaction (SIGHUP, &action, NULL);
}

void
interrupt_hold (bool hold)
{
  g_atomic_int_add (&holding, hold ? 1 : -1);
  if (!holding && noted)
    end ();
}

bool
interrupt_pending (void)
{
  return noted;
}

void
interrupt_forget (void)
{
  noted = 0;
}
