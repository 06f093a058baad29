// SPDX-License-Identifier: MIT
// The real-time clock in CMOS (Motorola MC146818A), taken as UTC.
#include <drivers/pc.h>
#include <hal/clock.h>
#include <hal/mmio.h>

enum { CMOS_INDEX = 0x70, CMOS_DATA = 0x71 };
enum { SECOND = 0, MINUTE = 2, HOUR = 4, DAY = 7, MONTH = 8, YEAR = 9 };
enum { STATUS_A = 10, STATUS_B = 11 };
#define STATUS_A_UPDATING 0x80
#define STATUS_B_BINARY 0x04
#define STATUS_B_24_HOURS 0x02
#define HOUR_PM 0x80
#define READ_TRIES 10000

struct date {
	unsigned second, minute, hour, day, month, year, century;
};

static uint8_t cmos_read(uint8_t reg)
{
	hal_port_write8(CMOS_INDEX, reg);
	return hal_port_read8(CMOS_DATA);
}

static struct date read_raw(void)
{
	uint8_t century = pc_info.has_fadt ? pc_info.fadt.century : 0;
	return (struct date){
		cmos_read(SECOND), cmos_read(MINUTE), cmos_read(HOUR), cmos_read(DAY),
		cmos_read(MONTH), cmos_read(YEAR), century ? cmos_read(century) : 0,
	};
}

static bool is_same(const struct date *a, const struct date *b)
{
	return a->second == b->second && a->minute == b->minute && a->hour == b->hour &&
	       a->day == b->day && a->month == b->month && a->year == b->year;
}

static unsigned from_bcd(unsigned value)
{
	return (value >> 4) * 10 + (value & 15);
}

static void normalise(struct date *d, uint8_t status_b)
{
	bool is_pm = !(status_b & STATUS_B_24_HOURS) && (d->hour & HOUR_PM);
	if (!(status_b & STATUS_B_24_HOURS))
		d->hour &= ~(unsigned)HOUR_PM;
	if (!(status_b & STATUS_B_BINARY)) {
		d->second = from_bcd(d->second);
		d->minute = from_bcd(d->minute);
		d->hour = from_bcd(d->hour);
		d->day = from_bcd(d->day);
		d->month = from_bcd(d->month);
		d->year = from_bcd(d->year);
		d->century = from_bcd(d->century);
	}
	if (!(status_b & STATUS_B_24_HOURS))
		d->hour = d->hour % 12 + (is_pm ? 12 : 0);
	d->year += d->century >= 19 ? d->century * 100 : d->year < 70 ? 2000 : 1900;
}

/** Days since 1970-01-01 of a Gregorian date: years begin in March, so the leap day is last. */
static uint64_t days_from_date(const struct date *d)
{
	unsigned year = d->month <= 2 ? d->year - 1 : d->year;
	unsigned month = d->month <= 2 ? d->month + 9 : d->month - 3;
	uint64_t days = 365ull * year + year / 4 - year / 100 + year / 400;
	return days + (153 * month + 2) / 5 + d->day - 1 - 719468;
}

uint64_t hal_rtc_read(void)
{
	struct date date = {0}, again;

	// Two equal readings outside an update are one moment's. An update takes 2 ms; an emulator on a busy
	// host may say for longer that there is one, but what it shows is whole all the same.
	for (unsigned i = 0; i < READ_TRIES; i++) {
		if (cmos_read(STATUS_A) & STATUS_A_UPDATING && i < READ_TRIES - READ_TRIES / 10)
			continue;
		date = read_raw();
		again = read_raw();
		if (is_same(&date, &again))
			break;
	}
	normalise(&date, cmos_read(STATUS_B));
	bool is_sane = date.second < 60 && date.minute < 60 && date.hour < 24 && date.day >= 1 &&
		       date.day <= 31 && date.month >= 1 && date.month <= 12 && date.year >= 1970;
	if (!is_sane)
		return 0;
	return days_from_date(&date) * 86400 + date.hour * 3600 + date.minute * 60 + date.second;
}
