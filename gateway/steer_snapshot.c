/*
 * steer_snapshot.c - see steer_snapshot.h. Thread: admin's.
 *
 * Enters: an operator's wish, noted in the journal by now. Leaves: the file, its transaction, its
 * size and how long it took, or why there is none. The work is the snapshot agent's (shadow.h);
 * nobody waits for it here.
 */
#include "gateway/steer_snapshot.h"

#include <stdio.h>

#include "persist/shadow.h"
#include "persist/snapshot.h"

static const char *hindered(void *topology)
{
    const struct topology *t = topology;

    return t->shadow ? NULL : "this process makes no snapshots; see journal.snapshot_transactions";
}

static u64 ask(void *topology)
{
    struct topology *t = topology;

    return shadow_ask(t->shadow);
}

static void set_text(json_t *answer, const char *key, const char *text)
{
    json_object_set_new(answer, key, json_string(text));
}

static void tell(json_t *answer, const struct shadow_taken *taken)
{
    double seconds = (double)taken->took_ns / NS_PER_SEC;
    char file[DISK_NAME_MAX];
    char text[160];

    snprintf(file, sizeof file, "%016llx" SNAPSHOT_SUFFIX, (unsigned long long)taken->seq);
    snprintf(text, sizeof text, "%s, up to transaction %llu: %llu bytes in %.3f s", file,
             (unsigned long long)taken->seq, (unsigned long long)taken->bytes, seconds);
    set_text(answer, "text", text);
    set_text(answer, "file", file);
    json_object_set_new(answer, "snapshot_seq", json_integer((json_int_t)taken->seq));
    json_object_set_new(answer, "bytes", json_integer((json_int_t)taken->bytes));
    json_object_set_new(answer, "seconds", json_real(seconds));
}

static bool answer_of(void *topology, u64 asked, json_t *answer)
{
    const struct topology *t = topology;
    struct shadow_taken taken;

    if (!shadow_answer(t->shadow, asked, &taken))
        return false;
    if (taken.why.text[0] == '\0') {
        tell(answer, &taken);
        return true;
    }
    set_text(answer, "outcome", "refused");
    set_text(answer, "text", taken.why.text);
    return true;
}

struct operate_snapshots steer_snapshots(struct topology *t)
{
    return (struct operate_snapshots){
        .hindered = hindered, .ask = ask, .answer = answer_of, .ctx = t};
}
