// SPDX-License-Identifier: MIT
// Random calls against a model that knows for each page what is mapped there and what it holds. If
// this fails, the areas, the page table and the frames have come apart.
#include "space_test.h"

#define BASE 0x20000000ul
#define PAGES 64
#define SPACES 4
#define STEPS 6000

struct model {
	struct mm_space *space;
	uint8_t prot[PAGES]; // 0xff = not mapped
	uint32_t value[PAGES];
};

static struct model models[SPACES];
static uint64_t state;

static unsigned any(unsigned bound)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(state >> 33) % bound;
}

static void forget(struct model *model, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++) {
		model->prot[i] = 0xff;
		model->value[i] = 0;
	}
}

static unsigned any_prot(void)
{
	static const unsigned prots[] = {RW, RW, RW, R, 0, R | X};
	return prots[any(array_len(prots))];
}

static void do_map(struct model *model, unsigned first, unsigned count)
{
	unsigned prot = any_prot();
	EXPECT_EQ(t_map(model->space, BASE + first * PAGE, count * PAGE, prot), BASE + first * PAGE);
	forget(model, first, count);
	for (unsigned i = first; i < first + count; i++)
		model->prot[i] = (uint8_t)prot;
}

static void do_unmap(struct model *model, unsigned first, unsigned count)
{
	EXPECT_EQ(mm_unmap(model->space, BASE + first * PAGE, count * PAGE), 0);
	forget(model, first, count);
}

static void do_protect(struct model *model, unsigned first, unsigned count)
{
	unsigned prot = any_prot();
	err_t expected = 0;
	for (unsigned i = first; i < first + count; i++)
		expected = model->prot[i] == 0xff ? -ENOMEM : expected;
	EXPECT_EQ(mm_protect(model->space, BASE + first * PAGE, count * PAGE, prot), expected);
	for (unsigned i = first; !expected && i < first + count; i++)
		model->prot[i] = (uint8_t)prot;
}

static void do_store(struct model *model, unsigned page)
{
	uint32_t value = any(1 << 30);
	err_t err = t_store(model->space, BASE + page * PAGE, value);
	if (model->prot[page] == 0xff) {
		EXPECT_EQ(err, -EFAULT);
	} else if (!(model->prot[page] & W)) {
		EXPECT_EQ(err, -EACCES);
	} else {
		EXPECT_EQ(err, 0);
		model->value[page] = value;
	}
}

static void do_load(struct model *model, unsigned page)
{
	uint32_t value;
	err_t err = t_load(model->space, BASE + page * PAGE, &value);
	if (model->prot[page] == 0xff) {
		EXPECT_EQ(err, -EFAULT);
	} else if (model->prot[page] == 0) {
		EXPECT_EQ(err, -EACCES);
	} else {
		EXPECT_EQ(err, 0);
		EXPECT_EQ(value, model->value[page]);
	}
}

static void do_fork(struct model *model)
{
	struct model *child = &models[any(SPACES)];
	if (child == model)
		return;
	struct mm_space *space = mm_space_fork(model->space);
	EXPECT(space != NULL);
	if (!space)
		return;
	mm_space_put(child->space);
	*child = *model;
	child->space = space;
}

/** Move within the window, onto anything. */
static void do_remap(struct model *model, unsigned first, unsigned count)
{
	unsigned to = any(PAGES - count + 1);
	if (to < first + count && first < to + count)
		return;
	// One area only: the same protection; and a gap or a change on neither side matters.
	for (unsigned i = first; i < first + count; i++) {
		if (model->prot[i] == 0xff || model->prot[i] != model->prot[first])
			return;
	}
	vaddr_t moved;
	EXPECT_EQ(mm_remap(model->space, BASE + first * PAGE, count * PAGE, count * PAGE, 3,
			   BASE + to * PAGE, &moved),
		  0);
	for (unsigned i = 0; i < count; i++) {
		model->prot[to + i] = model->prot[first + i];
		model->value[to + i] = model->value[first + i];
	}
	forget(model, first, count);
}

static void do_drop(struct model *model, unsigned first, unsigned count)
{
	mm_advise(model->space, BASE + first * PAGE, count * PAGE, 4);
	for (unsigned i = first; i < first + count; i++)
		model->value[i] = 0;
}

static void step(void)
{
	struct model *model = &models[any(SPACES)];
	unsigned first = any(PAGES), count = 1 + any(min(PAGES - first, 20u));
	switch (any(12)) {
	case 0:
		do_map(model, first, count);
		break;
	case 1:
		do_unmap(model, first, count);
		break;
	case 2:
		do_protect(model, first, count);
		break;
	case 3:
		if (any(4) == 0)
			do_fork(model);
		break;
	case 4:
		do_remap(model, first, count);
		break;
	case 5:
		if (any(3) == 0)
			do_drop(model, first, count);
		break;
	case 6:
	case 7:
	case 8:
		do_load(model, first);
		break;
	default:
		do_store(model, first);
	}
}

/** What the accounts say of the space is what the model says. */
static void check_accounts(struct model *model)
{
	uint64_t total = 0, data = 0;
	for (unsigned i = 0; i < PAGES; i++) {
		total += model->prot[i] != 0xff;
		data += model->prot[i] != 0xff && (model->prot[i] & W);
	}
	EXPECT_EQ(model->space->total_pages, total);
	EXPECT_EQ(model->space->data_pages, data);
	struct mm_area_info info;
	uint64_t resident = 0;
	vaddr_t last = 0;
	for (vaddr_t at = 0; mm_area_next(model->space, at, &info); at = info.end) {
		EXPECT(info.start >= last && info.end > info.start);
		last = info.end;
		resident += info.resident_pages;
	}
	EXPECT_EQ(mm_resident_pages(model->space), resident);
}

TEST(mm, space_agrees_with_a_model)
{
	struct t_books books = t_books_open();
	state = 42;
	for (unsigned i = 0; i < SPACES; i++) {
		models[i].space = mm_space_create();
		forget(&models[i], 0, PAGES);
	}
	for (unsigned i = 0; i < STEPS; i++) {
		step();
		if (i % 64 == 0)
			check_accounts(&models[any(SPACES)]);
	}
	for (unsigned i = 0; i < SPACES; i++) {
		check_accounts(&models[i]);
		for (unsigned page = 0; page < PAGES; page++)
			do_load(&models[i], page);
		mm_space_put(models[i].space);
	}
	t_books_close(&books);
}
