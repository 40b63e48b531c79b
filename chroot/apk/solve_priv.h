/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the solver. Its words:
 *
 *   word      anything that can be depended on: a package's name, so:libc.so.6, cmd:sh ...
 *   cand      a package that could be installed; what several repositories have alike is one
 *   offer     a cand seen as one of the words it answers to, with the version it has as that word
 *   need      a dependency with its word looked up
 *   user      of a word: a word with a cand that depends on it
 *   follower  of a word: a word with a cand that has it in install_if
 *
 * The way: solve_names.c makes the table of words; solve_explore.c walks what world can reach;
 * solve_choose.c decides; solve_order.c brings the decisions into apk's order; solve_explain.c
 * tells why it did not work. Everything refers to words and cands by index.
 */
#ifndef PMKMOD_APK_SOLVE_PRIV_H
#define PMKMOD_APK_SOLVE_PRIV_H

#include "chroot/apk/apk_solve.h"

#define NONE UINT32_MAX
#define WORLD (UINT32_MAX - 1) /* in place of a cand: the user asked for it */
#define REPOS_MAX 64 /* bits in a mask */

struct span {
	uint32_t first, n;
};

struct need {
	uint32_t word;
	const struct apk_dep *dep;
};

struct offer {
	uint32_t cand; /* NONE: nothing answers to the word */
	const char *version; /* "": provided without a version */
};

/* Why a cand is out of the question, or a word was asked for. */
enum why_kind { WHY_NOT, WHY_REFUSED, WHY_NEED, WHY_RIVAL, WHY_TRANSIT, WHY_BROKEN, WHY_BANNED };
struct why {
	enum why_kind kind;
	uint32_t by; /* cand, WORLD or (WHY_TRANSIT) word */
	const struct apk_dep *dep; /* the dependency that did it */
};

enum queue { Q_NONE, Q_READY, Q_AUTO, Q_REST };

/* What is decided about a word; wiped when the search starts again. */
struct word_state {
	bool locked; /* decided, by `chosen` */
	bool dirty; /* waits to be looked at again */
	bool recheck_needs, recheck_if;
	bool has_options; /* more than one way, or the only one needs a tag */
	bool has_auto; /* something here may be chosen without being named */
	bool has_if; /* an install_if has come true */
	bool no_if; /* none can come true any more */
	bool if_needed; /* an install_if asks whether this stays away */
	bool users_done; /* nobody undecided depends on it */
	bool shared_unversioned;
	enum queue queue;
	uint32_t wants; /* how many ask for it; 0: nobody */
	uint32_t shared_needs, shared_provides;
	struct offer chosen;
	struct why asked; /* the first who asked */
};

struct word {
	const char *text;
	uint32_t hash, chain;
	struct span offers;
	struct span users, followers; /* in s->links */
	uint32_t followers_walked; /* by explore() */
	uint32_t installed; /* the installed cand of this very name */
	uint32_t rank; /* of two undecided words the higher goes first */
	uint32_t state; /* in s->states; 0: out of reach */
	bool explored;
};

struct cand_state {
	bool possible;
	bool if_true, if_failed; /* install_if */
	bool upgrade; /* prefer the newest over the installed */
	bool tag_ok, tag_preferred;
	bool faulty; /* chosen although it cannot be */
	uint64_t tags; /* repository tags that may be used for it */
	struct why why;
};

struct cand {
	const struct apk_pkg *p;
	uint32_t name;
	struct span needs, provides, ifs; /* in s->needs */
	uint32_t provides_walked, ifs_walked; /* by explore() */
	uint64_t repos;
	bool installed, loaded, explored;
	bool unfit; /* of a newer format, another architecture ... */
	bool banned; /* led into a dead end: see solve.c */
	struct cand_state st;
};

/* Growable list of indices. */
struct u32vec {
	uint32_t *v;
	uint32_t n, cap;
};
void u32vec_add(struct u32vec *l, uint32_t x);

struct solver {
	const struct apk_universe *u;
	unsigned flags;
	struct need *world; /* in apk's order: by name without regard to case */
	uint32_t n_world;

	struct word *words;
	struct word_state *states; /* [0] serves all words out of reach */
	uint32_t n_states;
	uint32_t n_words, cap_words;
	uint32_t *buckets;
	struct cand *cands;
	uint32_t n_cands;
	uint32_t n_installed; /* the first of cands */
	struct offer *offers;
	struct need *needs;
	uint32_t n_needs, cap_needs;
	struct u32vec links;
	struct u32vec explored; /* words */

	const char **tags; /* [0] is NULL: no tag */
	uint64_t *tag_repos;
	uint32_t n_tags;

	struct u32vec dirty, ready; /* first in, first out */
	uint32_t dirty_head, ready_head;
	struct u32vec heap[2]; /* Q_AUTO, Q_REST: highest rank first */
	struct u32vec picked; /* cands in the order of decision */
	struct u32vec present; /* cands that are there in the end: decided upon and needed */
	uint32_t problems;
	bool beyond_apk;
	uint32_t next_rank;

	struct apk_change *changes;
	size_t n_changes, cap_changes;
};

/* solve_names.c */
int names_build(struct solver *s, const struct apk_deps *world, struct err *e);
void names_free(struct solver *s);
uint32_t word_get(struct solver *s, const char *text);
/* Look up the words of a cand's depends; once is enough. */
void cand_load(struct solver *s, uint32_t c);
/* Sort words as apk's table of names would list them: see there. */
void words_sort(const struct solver *s, uint32_t *v, uint32_t n);

/* solve_explore.c */
void explore(struct solver *s);

/* solve_queue.c */
void mark_dirty(struct solver *s, uint32_t word);
/*
 * Put a word among those that wait for a decision. Words in a queue stay where they are, unless
 * they became ready, or `moved`: their kind has changed.
 */
void enqueue(struct solver *s, uint32_t word, bool moved);
uint32_t next_undecided(struct solver *s);

/* solve_rules.c */
/* Does `o` satisfy the dependency `d` of `owner` (a cand or WORLD)? */
bool satisfies(
	const struct solver *s, uint32_t owner, const struct apk_dep *d, const struct offer *o);
/* May it be chosen without being named? What has no version needs a priority for that. */
bool is_auto(const struct solver *s, const struct offer *o);
/* From now on the dependency `need` of `by` (a cand or WORLD) must hold. */
void impose(struct solver *s, uint32_t by, const struct need *need);
void rule_out(struct solver *s, uint32_t cand, struct why why);
void look_again(struct solver *s, uint32_t word);
/* Those who depend on a word, or have it in install_if, must be looked at again. */
void recheck_users(struct solver *s, uint32_t word);
void recheck_followers(struct solver *s, uint32_t word);
void recheck_followers_of(struct solver *s, const struct cand *c); /* of all its words */

/* solve_choose.c */
void choose_all(struct solver *s);

/* solve_order.c: fills s->changes; counts dependencies that are not fulfilled as problems. */
int order_changes(struct solver *s, struct err *e);
void change_add(struct solver *s, const struct apk_pkg *old, const struct apk_pkg *new_pkg);

/* solve_explain.c */
int explain(const struct solver *s, struct err *e);

static inline struct offer *offer_at(const struct solver *s, uint32_t word, uint32_t i)
{
	return &s->offers[s->words[word].offers.first + i];
}

static inline struct need *need_at(const struct solver *s, struct span sp, uint32_t i)
{
	return &s->needs[sp.first + i];
}

static inline uint32_t link_at(const struct solver *s, struct span sp, uint32_t i)
{
	return s->links.v[sp.first + i];
}

static inline struct word_state *ws(const struct solver *s, uint32_t word)
{
	return &s->states[s->words[word].state];
}

static inline bool explored(const struct solver *s, uint32_t word)
{
	return s->words[word].explored;
}

static inline bool unversioned(const struct offer *o)
{
	return o->version[0] == '\0';
}

#endif
