/* SPDX-License-Identifier: Apache-2.0
 *
 * Options as a program sees them: several option tables behind one set of names. */
#include "effect/options.h"

#include "base/text.h"
#include "base/text_json.h"

struct group {
  const char *heading;
  const struct option *table;
  struct option *made; /* the table, when it was made from a program's, or a copy with other help texts */
  void *object;
};

struct _ImpastoOptions {
  GArray *groups;
  GHashTable *given; /* names that were set */
};

static void
group_clear (gpointer data)
{
  struct group *group = data;
  option_clear (group->table, group->object);
  g_free (group->object);
  g_free (group->made);
}

ImpastoOptions *
impasto_options_new (void)
{
  ImpastoOptions *options = g_new0 (ImpastoOptions, 1);
  options->groups = g_array_new (FALSE, TRUE, sizeof (struct group));
  g_array_set_clear_func (options->groups, group_clear);
  options->given = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return options;
}

void
impasto_options_free (ImpastoOptions *options)
{
  if (!options)
    return;
  g_array_unref (options->groups);
  g_hash_table_unref (options->given);
  g_free (options);
}

/* The group that has an option @name, or NULL. */
static struct group *
find (const ImpastoOptions *options, const char *name)
{
  for (guint i = 0; i < options->groups->len; i++) {
    struct group *group = &g_array_index (options->groups, struct group, i);
    if (option_find (group->table, name))
      return group;
  }
  return NULL;
}

static void *
add (ImpastoOptions *options, struct group group, size_t size)
{
  for (const struct option *option = group.table; option->name; option++)
    g_warn_if_fail (!find (options, option->name));
  group.object = g_malloc0 (MAX (size, 1));
  option_init (group.table, group.object);
  g_array_append_val (options->groups, group);
  return group.object;
}

void *
options_add (ImpastoOptions *options, const char *heading, const struct option *table, size_t size)
{
  return add (options, (struct group){.heading = heading, .table = table}, size);
}

void *
options_settings (const ImpastoOptions *options, const struct option *table)
{
  for (guint i = 0; i < options->groups->len; i++)
    if (g_array_index (options->groups, struct group, i).table == table)
      return g_array_index (options->groups, struct group, i).object;
  return NULL;
}

void
options_explain (ImpastoOptions *options, const char *name, const char *help)
{
  struct group *group = find (options, name);
  gsize n = 1; /* with the end */
  g_return_if_fail (group && !group->made);
  while (group->table[n - 1].name)
    n++;
  group->made = g_memdup2 (group->table, n * sizeof *group->made);
  ((struct option *) option_find (group->made, name))->help = help;
}

void
impasto_options_add (ImpastoOptions *options, const char *heading, const ImpastoOption *table)
{
  static const enum option_type types[] = {
    [IMPASTO_OPTION_BOOLEAN] = OPTION_BOOL,
    [IMPASTO_OPTION_INT] = OPTION_INT,
    [IMPASTO_OPTION_FLOAT] = OPTION_FLOAT,
    [IMPASTO_OPTION_STRING] = OPTION_STRING,
  };
  size_t n = 0;
  while (table[n].name)
    n++;
  struct option *made = g_new0 (struct option, n + 1);
  for (size_t i = 0; i < n; i++)
    made[i] = (struct option){
      .name = table[i].name,
      .type = types[table[i].type],
      .offset = i * sizeof (int64_t), /* every field fits into eight bytes */
      .help = table[i].help,
      .min = table[i].min,
      .max = table[i].max,
      .fallback = table[i].fallback,
      .text = table[i].text,
      .metavar = table[i].metavar,
    };
  add (options, (struct group){.heading = heading, .table = made, .made = made}, n * sizeof (int64_t));
}

char *
impasto_json_tidy (const char *json)
{
  return text_json_tidy (json);
}

const char *
impasto_nearest (const char *text, const char *const *names)
{
  return text_nearest (text, names);
}

static const char *
nearest (const ImpastoOptions *options, const char *name)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (guint i = 0; i < options->groups->len; i++)
    for (const struct option *o = g_array_index (options->groups, struct group, i).table; o->name; o++)
      g_ptr_array_add (names, (gpointer) o->name);
  g_ptr_array_add (names, NULL);
  return text_nearest (name, (const char *const *) names->pdata);
}

gboolean
impasto_options_set (ImpastoOptions *options, const char *name, const char *text, GError **error)
{
  struct group *group = find (options, name);
  if (group && !option_set (group->table, group->object, name, text, error))
    return FALSE;
  if (group) {
    g_hash_table_add (options->given, g_strdup (name));
    return TRUE;
  }
  g_autofree char *shown = text_show (name);
  const char *meant = nearest (options, name);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
               meant ? "unknown option --%s; did you mean --%s?" : "unknown option --%s", shown, meant);
  return FALSE;
}

bool
options_given (const ImpastoOptions *options, const char *name)
{
  return g_hash_table_contains (options->given, name);
}

gboolean
impasto_options_given (const ImpastoOptions *options, const char *name)
{
  return options_given (options, name);
}

const char **
options_all_given (const ImpastoOptions *options)
{
  return (const char **) g_hash_table_get_keys_as_array (options->given, NULL);
}

gboolean
impasto_options_has (const ImpastoOptions *options, const char *name)
{
  return find (options, name) != NULL;
}

gboolean
impasto_options_wants_value (const ImpastoOptions *options, const char *name)
{
  struct group *group = find (options, name);
  return group && option_find (group->table, name)->type != OPTION_BOOL;
}

char *
impasto_options_get (const ImpastoOptions *options, const char *name)
{
  struct group *group = find (options, name);
  g_return_val_if_fail (group, NULL);
  return option_get (group->table, group->object, name);
}

/* The address of the value of @name, which must be of @type. */
static const void *
value_of (const ImpastoOptions *options, const char *name, enum option_type type)
{
  struct group *group = find (options, name);
  const struct option *option = group ? option_find (group->table, name) : NULL;
  g_return_val_if_fail (option && option->type == type, NULL);
  return (const char *) group->object + option->offset;
}

gboolean
impasto_options_get_boolean (const ImpastoOptions *options, const char *name)
{
  const bool *value = value_of (options, name, OPTION_BOOL);
  return value && *value;
}

gint64
impasto_options_get_int (const ImpastoOptions *options, const char *name)
{
  const int64_t *value = value_of (options, name, OPTION_INT);
  return value ? *value : 0;
}

char *
impasto_options_help (const ImpastoOptions *options)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < options->groups->len; i++) {
    const struct group *group = &g_array_index (options->groups, struct group, i);
    g_autofree char *help = option_help (group->made ? group->made : group->table);
    if (!*help)
      continue;
    g_string_append_printf (text, "%s%s%s", text->len ? "\n" : "", group->heading ? group->heading : "",
                            group->heading ? ":\n" : "");
    g_string_append (text, help);
  }
  return g_string_free (text, FALSE);
}
