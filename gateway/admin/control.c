/*
 * control.c - see control.h. Thread: admin. Enters: bytes of operators, not to be trusted. Leaves:
 * lines of JSON.
 *
 * Failure modes: a peer without a role is told so and cut; so is one whose line is too long or who
 * does not take his answer before he asks again. One who is gone before his answer does not undo
 * his request. More than CONTROL_PEERS_MAX peers: one who is idle makes room, else the newcomer is
 * told and cut.
 */
#include "gateway/admin/control.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"

struct peer_conn {
    int fd; /* -1: free */
    struct peer peer;
    u64 serial; /* tells it from a later one in the same place */
    u32 in_used;
    char in[CONTROL_LINE_BYTES];
    bool waits; /* its request is parsed and waits for its turn, or is under way */
    struct request request;
    char *out; /* malloc'ed; NULL: nothing to be written */
    size_t out_at, out_bytes;
    bool closing; /* cut when `out` is written */
    u64 moved_ns; /* when bytes came or went last */
};

struct control {
    struct control_conf conf;
    struct operate *operate;
    int fd;
    u64 serials;
    u64 served; /* whose request is under way; 0: nobody's any more */
    u64 aside;  /* who waits for a snapshot; 0: nobody any more */
    u64 later;  /* whose request answers by itself; 0: nobody's */
    u32 next;   /* whose turn it is */
    u64 now_ns; /* of this turn */
    struct peer_conn peers[CONTROL_PEERS_MAX];
    struct metric connections;
    struct metric denied; /* by role */
};

/* ---- listening ---- */

/* True when another process listens at `at`, even if it takes nobody at the moment. */
static bool is_alive(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive =
        fd >= 0 && (connect(fd, (const struct sockaddr *)at, sizeof *at) == 0 || errno == EAGAIN);

    if (fd >= 0)
        close(fd);
    return alive;
}

/* True when what lies there is no socket: somebody's file, which we do not touch. */
static bool is_other(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode);
}

/* A file has its maker's group: where that is the right one, nothing need be allowed to us. */
static bool group_give(const char *path, const struct group *g)
{
    struct stat st;

    return !g || (stat(path, &st) == 0 && st.st_gid == g->gr_gid) ||
           chown(path, (uid_t)-1, g->gr_gid) == 0;
}

/* Nobody but owner and group may connect, from the first moment on. Returns 0, or what it is. */
static int listen_at(struct control *c, const struct sockaddr_un *at)
{
    const struct group *g = c->conf.group[0] ? getgrnam(c->conf.group) : NULL;
    mode_t before;

    unlink(at->sun_path);
    before = umask(0177);
    bool bound = bind(c->fd, (const struct sockaddr *)at, sizeof *at) == 0;
    int wrong = errno;
    umask(before);
    if (!bound)
        return wrong;
    bool good =
        group_give(at->sun_path, g) && chmod(at->sun_path, 0660) == 0 && listen(c->fd, 16) == 0;
    return good ? 0 : errno;
}

/* NULL, or why nobody listens at `path`. */
static const char *open_at(struct control *c, const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof at.sun_path)
        return "its path is longer than 107 characters";
    memcpy(at.sun_path, path, strlen(path));
    if (c->fd < 0)
        return strerror(errno);
    if (c->conf.group[0] && !getgrnam(c->conf.group))
        return "this machine has no such group";
    if (is_other(path))
        return "something lies there that is no socket; choose another path, or remove it";
    if (is_alive(&at))
        return "another process listens there";
    int wrong = listen_at(c, &at);
    return wrong ? strerror(wrong) : NULL;
}

struct control *control_new(const struct control_conf *conf, struct operate *operate)
{
    struct control *c = calloc(1, sizeof *c);

    ASSERT(c != NULL);
    c->conf = *conf;
    c->operate = operate;
    for (u32 i = 0; i < CONTROL_PEERS_MAX; i++)
        c->peers[i].fd = -1;
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const char *why = open_at(c, conf->path);
    if (why) {
        log_error("control socket %s cannot be made: %s; see control.socket and control.group",
                  conf->path, why);
        if (c->fd >= 0)
            close(c->fd);
        free(c);
        return NULL;
    }
    return c;
}

void control_register_metrics(const struct control *c)
{
    operate_register_metrics(c->operate);
    metrics_register("wirebook_control_connections_total", "", "Connections to the control socket.",
                     METRIC_COUNTER, &c->connections);
    metrics_register("wirebook_control_denied_total", "",
                     "Connections and requests of those whose role does not allow them.",
                     METRIC_COUNTER, &c->denied);
}

/* ---- one peer ---- */

static void drop(struct peer_conn *p)
{
    close(p->fd);
    free(p->out);
    if (p->waits)
        request_free(&p->request);
    *p = (struct peer_conn){.fd = -1};
}

static void say(struct peer_conn *p, json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT);

    json_decref(answer);
    ASSERT(text != NULL && p->out == NULL);
    p->out_bytes = strlen(text) + 1;
    p->out = text;
    text[p->out_bytes - 1] = '\n'; /* in the place of the final zero */
    p->out_at = 0;
}

static void denied_log(const struct peer *p, const char *command, enum role wants)
{
    char user[40];

    log_event(LOG_WARN, "operator_denied", "user=%s uid=%u role=%s command=%s wants=%s",
              log_word(user, sizeof user, p->user, sizeof p->user), p->uid, role_name(p->role),
              command, role_name(wants));
}

/* Refused here; `r` NULL: it is the connection that is. */
static void refuse(struct control *c, struct peer_conn *p, const struct request *r, u8 why,
                   const char *text)
{
    struct refusal f = {.peer = &p->peer, .request = r, .why = why, .text = text};

    if (why == WHY_ROLE)
        metric_add(&c->denied, 1);
    operate_refused(c->operate, &f, c->now_ns);
    say(p, operate_answer(why == WHY_ROLE ? "denied" : "error", text));
}

/* His request is under way, or is answered aside or by itself. */
static bool is_served(const struct control *c, const struct peer_conn *p)
{
    return p->serial == c->served || p->serial == c->aside || p->serial == c->later;
}

/* A free place. Where there is none, the one who has said and taken nothing for longest, and for
 * CONTROL_IDLE_NS, makes room: forgotten terminals keep nobody from the kill switch. NULL: none. */
static struct peer_conn *place_find(struct control *c, u64 now_ns)
{
    struct peer_conn *idle = NULL;

    for (u32 i = 0; i < CONTROL_PEERS_MAX; i++) {
        struct peer_conn *p = &c->peers[i];
        if (p->fd < 0)
            return p;
        if (!p->waits && !is_served(c, p) && now_ns >= p->moved_ns + CONTROL_IDLE_NS &&
            (!idle || p->moved_ns < idle->moved_ns))
            idle = p;
    }
    if (idle)
        drop(idle);
    return idle;
}

static void take_peers(struct control *c, u64 now_ns)
{
    int fd;

    while ((fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct peer_conn *p = place_find(c, now_ns);
        metric_add(&c->connections, 1);
        if (!p) {
            static const char full[] = "{\"outcome\":\"error\",\"text\":\"too many operators\"}\n";
            if (write(fd, full, sizeof full - 1) < 0)
                log_debug("control: a peer too many did not hear why");
            close(fd);
            continue;
        }
        p->fd = fd;
        p->serial = ++c->serials;
        p->moved_ns = now_ns;
        if (!roles_peer(&c->conf.roles, fd, &p->peer) || p->peer.role == ROLE_NONE) {
            denied_log(&p->peer, "-", ROLE_VIEWER);
            refuse(c, p, NULL, WHY_ROLE,
                   "you have no role here; see control.viewers, operators, admins");
            p->closing = true;
        }
    }
}

/* False: his role forbids his request; that was answered, and the request is given back. */
static bool may(struct control *c, struct peer_conn *p)
{
    const struct request_kind *kind = p->request.kind;
    char text[128];

    if (p->peer.role >= kind->role)
        return true;
    snprintf(text, sizeof text, "%s wants the role %s; %s has %s", kind->name,
             role_name(kind->role), p->peer.user, role_name(p->peer.role));
    denied_log(&p->peer, kind->name, kind->role);
    refuse(c, p, &p->request, WHY_ROLE, text);
    request_free(&p->request);
    return false;
}

/* A whole line: a request that waits, or an answer to what it is not. */
static void line_take(struct control *c, struct peer_conn *p, const char *line, size_t bytes)
{
    const char *wrong = request_parse(&p->request, line, bytes);

    if (wrong) {
        refuse(c, p, &p->request, WHY_REQUEST, wrong);
        return;
    }
    p->waits = may(c, p);
}

/* What has come; at most one line is taken before its answer is out, and the lines before an end
 * before it. Returns 1 for some work. */
static int read_some(struct control *c, struct peer_conn *p)
{
    ssize_t n = read(p->fd, p->in + p->in_used, sizeof p->in - p->in_used);

    char *end = memchr(p->in, '\n', p->in_used + (n > 0 ? (u32)n : 0));

    if ((n == 0 && !end) || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        drop(p);
        return 1;
    }
    p->in_used += n > 0 ? (u32)n : 0;
    if (end) {
        u32 bytes = (u32)(end - p->in);
        line_take(c, p, p->in, bytes);
        p->in_used -= bytes + 1;
        memmove(p->in, end + 1, p->in_used);
    } else if (p->in_used == sizeof p->in) {
        refuse(c, p, NULL, WHY_REQUEST, "the line is too long");
        p->closing = true;
    }
    return end || n > 0;
}

static int write_some(struct peer_conn *p)
{
    ssize_t n = send(p->fd, p->out + p->out_at, p->out_bytes - p->out_at, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        drop(p);
        return 1;
    }
    p->out_at += n > 0 ? (size_t)n : 0;
    if (p->out_at < p->out_bytes)
        return n > 0;
    free(p->out);
    p->out = NULL;
    if (p->closing)
        drop(p);
    return 1;
}

/* ---- the turn ---- */

/* The next who waits is served. */
static int serve_next(struct control *c, u64 now_ns)
{
    for (u32 i = 0; i < CONTROL_PEERS_MAX; i++) {
        struct peer_conn *p = &c->peers[(c->next + i) % CONTROL_PEERS_MAX];
        if (p->fd < 0 || !p->waits)
            continue;
        c->next = (u32)(p - c->peers) + 1;
        p->waits = false;
        if (!may(c, p)) /* a reload has taken his role while he waited */
            return 1;
        c->served = p->serial;
        operate_begin(c->operate, &p->request, &p->peer, now_ns);
        p->request.args = NULL;
        return 1;
    }
    return 0;
}

/* To the peer of that serial, or to nobody. */
static int answered(struct control *c, u64 *serial, json_t *answer)
{
    u64 whose = *serial;

    *serial = 0;
    for (u32 i = 0; i < CONTROL_PEERS_MAX; i++) {
        struct peer_conn *p = &c->peers[i];
        if (p->fd >= 0 && p->serial == whose && whose) {
            say(p, answer);
            return 1;
        }
    }
    json_decref(answer);
    return 1;
}

/* A request has ended without an answer: a snapshot is being made, and others are served meanwhile.
 * Or it is there. */
static int aside_turn(struct control *c)
{
    if (c->served && !operate_busy(c->operate) && c->operate->aside && !c->aside) {
        c->aside = c->served;
        c->served = 0;
    }
    json_t *answer = operate_aside(c->operate);
    if (!answer)
        return 0;
    for (u32 i = 0; i < CONTROL_PEERS_MAX; i++)
        if (c->aside && c->peers[i].fd >= 0 && c->peers[i].serial == c->aside)
            say(&c->peers[i], json_incref(answer));
    c->aside = 0;
    json_decref(answer);
    return 1;
}

void control_answer(struct control *c, json_t *answer)
{
    answered(c, &c->later, answer);
}

void control_roles_set(struct control *c, const struct roles *roles)
{
    c->conf.roles = *roles;
    for (u32 i = 0; i < CONTROL_PEERS_MAX; i++)
        if (c->peers[i].fd >= 0 && !roles_peer(roles, c->peers[i].fd, &c->peers[i].peer))
            c->peers[i].peer.role = ROLE_NONE;
}

static bool all_said(const struct control *c)
{
    for (u32 i = 0; i < CONTROL_PEERS_MAX; i++)
        if (c->peers[i].out)
            return false;
    return true;
}

int control_do_work(struct control *c, u64 now_ns)
{
    u32 from = c->operate->from;

    c->now_ns = now_ns;
    json_t *answer = operate_step(c->operate, now_ns);
    int work = c->operate->from != from; /* a page more of a list */

    if (answer)
        work += answered(c, &c->served, answer);

    work += aside_turn(c);
    if (!answer && c->served && !operate_busy(c->operate)) {
        c->later = c->served; /* and others go on meanwhile */
        c->served = 0;
    }
    take_peers(c, now_ns);
    for (u32 i = 0; i < CONTROL_PEERS_MAX; i++) {
        struct peer_conn *p = &c->peers[i];
        int moved = 0;
        if (p->fd >= 0 && p->out)
            moved = write_some(p);
        else if (p->fd >= 0 && !p->waits && !is_served(c, p))
            moved = read_some(c, p);
        if (moved)
            p->moved_ns = now_ns;
        work += moved;
    }
    if (c->operate->drain_ns != 0 && (all_said(c) || now_ns >= c->operate->drain_ns))
        operate_drain(c->operate);
    if (!operate_busy(c->operate))
        work += serve_next(c, now_ns);
    return work;
}

void control_free(struct control *c)
{
    if (!c)
        return;
    for (u32 i = 0; i < CONTROL_PEERS_MAX; i++)
        if (c->peers[i].fd >= 0)
            drop(&c->peers[i]);
    operate_free(c->operate);
    close(c->fd);
    unlink(c->conf.path);
    free(c);
}
