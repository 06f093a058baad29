// SPDX-License-Identifier: MIT
// The console of the SBI firmware (DBCN, or the legacy calls): for the first lines, and for boards
// whose UART has no driver here. A call for each byte; its input has no interrupt.
#include <drivers/sbi_console.h>

#include <arch/sbi.h>
#include <hal/mmu.h>

enum { DBCN_WRITE, DBCN_READ, DBCN_WRITE_BYTE };

static uint8_t received;

static void dbcn_write(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sbi_call(SBI_EXT_DBCN, DBCN_WRITE_BYTE, (uint8_t)text[i], 0, 0);
}

static int dbcn_read(void)
{
	struct sbi_result r = sbi_call(SBI_EXT_DBCN, DBCN_READ, 1, hal_image_paddr(&received), 0);
	return r.error == 0 && r.value == 1 ? received : -1;
}

static void legacy_write(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sbi_call(SBI_LEGACY_PUTCHAR, 0, (uint8_t)text[i], 0, 0);
}

static int legacy_read(void)
{
	// Legacy calls answer in a0 alone.
	int64_t c = sbi_call(SBI_LEGACY_GETCHAR, 0, 0, 0, 0).error;
	return c >= 0 && c <= UINT8_MAX ? (int)c : -1;
}

static uint32_t no_irq(void)
{
	return UINT32_MAX;
}

static void no_input(void)
{
}

static const struct console_ops dbcn = {"hvc0", dbcn_write, dbcn_read, no_irq, no_input, NULL};
static const struct console_ops legacy = {"hvc0", legacy_write, legacy_read, no_irq, no_input, NULL};

const struct console_ops *sbi_console_init(void)
{
	if (sbi_has(SBI_EXT_DBCN))
		return &dbcn;
	return sbi_has(SBI_LEGACY_PUTCHAR) ? &legacy : NULL;
}
