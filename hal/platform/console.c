// SPDX-License-Identifier: MIT
// What platforms share in choosing consoles. The second one: there is none unless the platform finds one.
#include <hal/bootinfo.h>
#include <hal/console.h>
#include <lib/string.h>

#define KEY "console="

const struct console_ops *hal_console_other;
bool hal_console_other_has_log;

const char *console_next_word(const char **at)
{
	return bootinfo_next_word(KEY, at);
}

bool console_is_named(const char *word, const char *name)
{
	return str_has_prefix(word, name) && strchr(" ,", word[strlen(name)]); // or at the end
}

void console_warn_missing(const char *word)
{
	const char *end = strchr(word, ' ');
	int len = (int)(end ? (size_t)(end - word) : strlen(word));
	bootinfo_warn(KEY "%.*s is not here: using %s", len, word, hal_console ? hal_console->name : "none");
}
