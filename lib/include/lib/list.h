// SPDX-License-Identifier: MIT
// Intrusive circular doubly linked list. A struct list is both the head and the link inside an
// element; an element that is on no list points to itself, so removing it twice does no harm.
// The caller holds whatever lock the list needs.
#pragma once

#include <lib/types.h>

struct list {
	struct list *next;
	struct list *prev;
};

#define LIST_INIT(name) {&(name), &(name)}

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

/** Whether @node is on a list. The node was initialised by list_init(). */
static inline bool list_is_linked(const struct list *node)
{
	return node->next != node;
}

/** Put @node in front of @at, which is an element or the head. */
static inline void list_insert_before(struct list *at, struct list *node)
{
	struct list *prev = at->prev;

	node->next = at;
	node->prev = prev;
	prev->next = node;
	at->prev = node;
}

static inline void list_insert_after(struct list *at, struct list *node)
{
	list_insert_before(at->next, node);
}

static inline void list_push_front(struct list *head, struct list *node)
{
	list_insert_before(head->next, node);
}

static inline void list_push_back(struct list *head, struct list *node)
{
	list_insert_before(head, node);
}

/** Take @node off its list; it is linked to itself afterwards. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/** The first element, NULL when the list is empty. */
static inline struct list *list_first(const struct list *head)
{
	return list_is_empty(head) ? NULL : head->next;
}

static inline struct list *list_last(const struct list *head)
{
	return list_is_empty(head) ? NULL : head->prev;
}

/** The element after @node, NULL at the end. */
static inline struct list *list_next(const struct list *head, const struct list *node)
{
	return node->next == head ? NULL : node->next;
}

static inline struct list *list_pop_front(struct list *head)
{
	struct list *node = list_first(head);

	if (node)
		list_remove(node);
	return node;
}

static inline struct list *list_pop_back(struct list *head)
{
	struct list *node = list_last(head);

	if (node)
		list_remove(node);
	return node;
}

/** Append every element of @from to @head; @from is empty afterwards. */
static inline void list_splice_back(struct list *head, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = head->prev;
	head->prev->next = from->next;
	from->prev->next = head;
	head->prev = from->prev;
	list_init(from);
}

/** The number of elements, by walking. */
static inline size_t list_count(const struct list *head)
{
	size_t n = 0;

	for (const struct list *l = head->next; l != head; l = l->next)
		n++;
	return n;
}

#define list_entry(node, type, member) container_of(node, type, member)

#define list_entry_or_null_(node, type, member)                                                    \
	({                                                                                         \
		struct list *node_ = (node);                                                       \
		node_ ? list_entry(node_, type, member) : (type *)NULL;                            \
	})
#define list_first_entry(head, type, member) list_entry_or_null_(list_first(head), type, member)
#define list_last_entry(head, type, member) list_entry_or_null_(list_last(head), type, member)
#define list_pop_front_entry(head, type, member)                                                   \
	list_entry_or_null_(list_pop_front(head), type, member)
#define list_next_entry(head, pos, member)                                                         \
	list_entry_or_null_(list_next(head, &(pos)->member), __typeof__(*(pos)), member)

/** Visit every element; the body may not remove @pos. */
#define list_for_each_entry(pos, head, member)                                                     \
	for (pos = list_entry((head)->next, __typeof__(*pos), member); &pos->member != (head);     \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))

#define list_for_each_entry_reverse(pos, head, member)                                             \
	for (pos = list_entry((head)->prev, __typeof__(*pos), member); &pos->member != (head);     \
	     pos = list_entry(pos->member.prev, __typeof__(*pos), member))

/** As above; the body may remove @pos (and nothing else). @tmp: same type as @pos. */
#define list_for_each_entry_safe(pos, tmp, head, member)                                           \
	for (pos = list_entry((head)->next, __typeof__(*pos), member),                             \
	    tmp = list_entry(pos->member.next, __typeof__(*pos), member);                          \
	     &pos->member != (head);                                                               \
	     pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*pos), member))
