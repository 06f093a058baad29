// SPDX-License-Identifier: MIT
// If these fail, queues lose, repeat or reorder their elements.
#include <lib/list.h>
#include <lib/test.h>

struct item {
	int value;
	struct list link;
};

static struct item items[4];

static void fill(struct list *head)
{
	list_init(head);
	for (int i = 0; i < 4; i++) {
		items[i].value = i;
		list_push_back(head, &items[i].link);
	}
}

static int digits(const struct list *head)
{
	struct item *it;
	int n = 0;

	list_for_each_entry(it, head, link)
		n = 10 * n + it->value + 1;
	return n;
}

TEST(lib, list_keeps_order)
{
	struct list head = LIST_INIT(head);
	struct item *it;
	int back = 0;

	EXPECT(list_is_empty(&head));
	EXPECT(list_first(&head) == NULL && list_last(&head) == NULL);
	EXPECT(list_first_entry(&head, struct item, link) == NULL);
	EXPECT(list_pop_front(&head) == NULL && list_pop_back(&head) == NULL);
	fill(&head);
	EXPECT_EQ(digits(&head), 1234);
	list_for_each_entry_reverse(it, &head, link)
		back = 10 * back + it->value + 1;
	EXPECT_EQ(back, 4321);
	EXPECT_EQ(list_count(&head), 4);
	EXPECT(list_last_entry(&head, struct item, link) == &items[3]);
	EXPECT(list_next_entry(&head, &items[0], link) == &items[1]);
	EXPECT(list_next_entry(&head, &items[3], link) == NULL);
}

TEST(lib, list_removes_and_inserts)
{
	struct list head;

	fill(&head);
	list_remove(&items[1].link);
	EXPECT(!list_is_linked(&items[1].link));
	EXPECT(list_is_linked(&items[2].link));
	list_remove(&items[1].link); // harmless: it is linked to itself
	EXPECT_EQ(digits(&head), 134);
	list_push_front(&head, &items[1].link);
	EXPECT_EQ(digits(&head), 2134);
	list_remove(&items[3].link);
	list_insert_before(&items[0].link, &items[3].link);
	EXPECT_EQ(digits(&head), 2413);
	list_remove(&items[3].link);
	list_insert_after(&items[2].link, &items[3].link);
	EXPECT_EQ(digits(&head), 2134);
	EXPECT(list_pop_front_entry(&head, struct item, link) == &items[1]);
	EXPECT(list_pop_back(&head) == &items[3].link);
	EXPECT_EQ(digits(&head), 13);
}

TEST(lib, list_survives_removal_while_walking)
{
	struct list head;
	struct item *it, *tmp;
	int seen = 0;

	fill(&head);
	list_for_each_entry_safe(it, tmp, &head, link) {
		list_remove(&it->link);
		seen++;
	}
	EXPECT_EQ(seen, 4);
	EXPECT(list_is_empty(&head));
}

TEST(lib, list_splices)
{
	struct list a = LIST_INIT(a), b;

	fill(&b);
	list_splice_back(&a, &b);
	EXPECT(list_is_empty(&b));
	EXPECT_EQ(digits(&a), 1234);
	list_splice_back(&a, &b); // an empty list adds nothing
	EXPECT_EQ(digits(&a), 1234);
	list_remove(&items[0].link);
	list_push_back(&b, &items[0].link);
	list_splice_back(&a, &b);
	EXPECT_EQ(digits(&a), 2341);
}
