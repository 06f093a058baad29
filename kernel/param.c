// SPDX-License-Identifier: MIT
// The kernel command line, split once into words in place. Words without meaning to anybody are
// remembered as such, so that a misspelt one is named in the boot log.
#include <hal/bootinfo.h>
#include <kernel/log.h>
#include <kernel/param.h>
#include <kernel/main.h>
#include <lib/string.h>

#define WORDS_MAX 64

struct word {
	const char *name;
	const char *value; // "" for a bare name
	bool is_known;
};

static char text[BOOT_CMDLINE_MAX];
static struct word words[WORDS_MAX];
static unsigned word_count;
static const char *init_words[WORDS_MAX];
static unsigned init_count;

/** Cut the next word off *@p; double quotes keep blanks together. NULL at the end. */
static char *next_word(char **p)
{
	char *from = *p;
	while (*from == ' ' || *from == '\t' || *from == '\n')
		from++;
	if (!*from)
		return NULL;
	char *word = from, *to = from;
	bool quoted = false;
	for (; *from && (quoted || (*from != ' ' && *from != '\t' && *from != '\n')); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	*p = *from ? from + 1 : from;
	*to = 0;
	return word;
}

void param_init(void)
{
	strlcpy(text, bootinfo.cmdline, sizeof(text));
	char *p = text, *word;
	bool for_init = false;
	while ((word = next_word(&p))) {
		if (for_init) {
			if (init_count < WORDS_MAX)
				init_words[init_count++] = word;
		} else if (strcmp(word, "--") == 0) {
			for_init = true;
		} else if (word_count < WORDS_MAX) {
			char *equals = strchr(word, '=');
			if (equals)
				*equals++ = 0;
			words[word_count++] = (struct word){word, equals ? equals : "", false};
		}
	}
}

const char *param_get(const char *name)
{
	const char *value = NULL;
	for (unsigned i = 0; i < word_count; i++) {
		if (strcmp(words[i].name, name) == 0) {
			words[i].is_known = true;
			value = words[i].value;
		}
	}
	return value;
}

bool param_is_set(const char *name)
{
	return param_get(name) != NULL;
}

uint64_t param_get_u64(const char *name, uint64_t fallback)
{
	const char *value = param_get(name), *end;
	uint64_t number;
	if (!value)
		return fallback;
	if (parse_size(value, &number, &end) && !*end)
		return number;
	if (parse_u64(value, 0, &number, &end) && !*end)
		return number;
	log_warn("command line: %s=%s is not a number, ignored", name, value);
	return fallback;
}

unsigned param_init_args(const char **argv, unsigned max_words)
{
	unsigned n = min(init_count, max_words);
	for (unsigned i = 0; i < n; i++)
		argv[i] = init_words[i];
	return n;
}

void param_warn_unknown(void)
{
	for (unsigned i = 0; i < word_count; i++) {
		if (!words[i].is_known)
			log_warn("command line: unknown word \"%s%s%s\", ignored", words[i].name,
				 *words[i].value ? "=" : "", words[i].value);
	}
}
