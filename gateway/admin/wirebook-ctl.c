/*
 * wirebook-ctl.c - the operators' program: one request to the control socket of a venue, and what
 * came of it.
 *
 * Enters: a command line. Leaves: a line of JSON to the socket (request.h), its answer as text or,
 * with --json, as it came. What it prints is what the venue has answered; where it has not, it says
 * so. Failure modes are its exit codes, below.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/msg/operator.h"
#include "gateway/admin/ctl.h"

static const char help[] =
    "wirebook-ctl - steer a running venue, and look at it\n"
    "\n"
    "  wirebook-ctl [OPTIONS] COMMAND [ARGUMENTS]\n"
    "\n"
    "Looking (role viewer):\n"
    "  status                    the venue: day, phase, what is stopped\n"
    "  sessions                  accounts that are connected\n"
    "  accounts                  all accounts\n"
    "  instruments               all instruments: phase, terms, bands, touch\n"
    "  profiles                  risk profiles\n"
    "  lists                     symbols that may not be traded, or sold short\n"
    "  metrics                   every metric in the Prometheus text format\n"
    "  request NUMBER            what came of an earlier request, by its number\n"
    "  stages                    where orders' time goes: percentiles by stage, in ns\n"
    "  top                       a live screen; --once for one frame\n"
    "Stopping and letting go on (role operator):\n"
    "  disconnect USER           end the connection of an account\n"
    "  disable USER              no logins and no new orders; what is open stays\n"
    "  enable USER               ... until here\n"
    "  halt SYMBOL               halt an instrument\n"
    "  resume SYMBOL             take it to where the venue is\n"
    "  phase SYMBOL|all LETTER   P T X Z H V; then wide, late, closing as wanted\n"
    "  kill user USER | firm FIRM | venue       no new orders, all open ones are cancelled\n"
    "  restore user USER | firm FIRM | venue    ... orders are taken again\n"
    "  restrict SYMBOL user USER | firm FIRM | venue [short]     no new orders, or no short sales\n"
    "  unrestrict SYMBOL user USER | firm FIRM | venue [short]   ... until here\n"
    "Changing what the venue is (role admin):\n"
    "  instrument SYMBOL [tick=N] [lot=N] [reference=N] [tier=N] [collar_bps=N]\n"
    "                            add one, or change its terms and bands; prices in 1/10,000\n"
    "  limits user USER | firm FIRM [exposure=N] [daily=N] [position=N] [collar_bps=N] [open=N]\n"
    "              [inherit=WORDS]\n"
    "                            what may be at stake, and how many orders of a user open;\n"
    "                            what is not said is unlimited\n"
    "  checks USER [qty=N] [notional=N] [collar_bps=N] [orders=N] [symbol_orders=N] [repeat=N]\n"
    "              [repeat_ms=N] [forbid=WORDS] [inherit=WORDS] [profile=NAME|port]\n"
    "                            what is checked of its orders; what is not said stays; 0: "
    "nothing\n"
    "  profile NAME [base=NAME|none] [as checks] [exposure=N] [daily=N] [position=N] [last_bps=N]\n"
    "              [open=N]      the same for all who name it or are based on it\n"
    "                            words have commas between them; forbid: market, short,\n"
    "                            short_exempt, iso, peg, hidden, reserve, cross, or none;\n"
    "                            inherit: names of what is left to the profile, or the base;\n"
    "                            with `files` the next start takes again what the files say\n"
    "  break MATCH LETTER        break a trade: E erroneous, C consent, S supervisory, X external\n"
    "  day-end                   end the trading day now\n"
    "  snapshot                  write the whole state to a file now, so that a start is short\n"
    "  reload                    read config and reference data again, as SIGHUP does\n"
    "  drain                     end the process in order, as SIGTERM does\n"
    "\n"
    "Options:\n"
    "  --socket PATH    default $WIREBOOK_CONTROL, else /run/wirebook/control.sock\n"
    "  --reason TEXT    why; wanted by all but looks, kept in the journal\n"
    "  --yes            do not ask before kill, break, day-end, drain and phase all\n"
    "  --json           print the answer as it came\n"
    "  --timeout S      seconds to wait for an answer, default 10\n"
    "  --once           top: one frame, then end\n"
    "  --interval S     top: seconds between two frames, default 1\n"
    "\n"
    "Exit codes: 0 done; 1 wrong command line; 2 the venue cannot be reached; 3 refused; 4 it was "
    "so\n"
    "already; 5 your role does not allow it; 6 no answer in time; 7 not confirmed.\n";

struct options {
    struct ctl_conf ctl;
    const char *reason;
    bool yes;
    bool json;
    bool once;
    double interval_s;
};

static int usage(const char *wrong)
{
    fprintf(stderr, "wirebook-ctl: %s\n\nwirebook-ctl --help says more\n", wrong);
    return CTL_USAGE;
}

/* The same, with what the help says of that command. */
static int usage_of(const char *command, const char *wrong)
{
    size_t n = strlen(command);
    bool of_it = false;

    fprintf(stderr, "wirebook-ctl: %s: %s\n\n", command, wrong);
    for (const char *at = help; *at; at = strchrnul(at, '\n'), at += *at == '\n') {
        bool more = strncmp(at, "     ", 5) == 0; /* a line that goes on */
        of_it = more ? of_it
                     : strncmp(at, "  ", 2) == 0 && strncmp(at + 2, command, n) == 0 &&
                           (at[2 + n] == ' ' || at[2 + n] == '\n');
        if (of_it)
            fprintf(stderr, "%.*s\n", (int)strcspn(at, "\n"), at);
    }
    fputs("\nwirebook-ctl --help says more\n", stderr);
    return CTL_USAGE;
}

/* ---- the command line to a request ---- */

/* One positional argument of a command. */
struct place {
    const char *name;
    bool number;
};

struct command {
    const char *name;
    struct place places[2];
    bool of; /* user USER | firm FIRM | venue */
    bool dangerous;
    const char *flags;  /* words that may follow */
    const char *values; /* words that may follow with =NUMBER */
    const char *texts;  /* words that may follow with =TEXT */
};

#define VALUES "qty notional collar_bps orders symbol_orders repeat repeat_ms"

static const struct command commands[] = {
    {"status", {{0}}, false, false, "", "", ""},
    {"accounts", {{0}}, false, false, "", "", ""},
    {"instruments", {{0}}, false, false, "", "", ""},
    {"metrics", {{0}}, false, false, "", "", ""},
    {"disconnect", {{"user", false}}, false, false, "", "", ""},
    {"disable", {{"user", false}}, false, false, "", "", ""},
    {"enable", {{"user", false}}, false, false, "", "", ""},
    {"halt", {{"symbol", false}}, false, false, "", "", ""},
    {"resume", {{"symbol", false}}, false, false, "", "", ""},
    {"phase", {{"symbol", false}, {"phase", false}}, false, false, "wide late closing", "", ""},
    {"kill", {{0}}, true, true, "", "", ""},
    {"restore", {{0}}, true, false, "", "", ""},
    {"instrument", {{"symbol", false}}, false, false, "", "tick lot reference tier collar_bps", ""},
    {"limits", {{0}}, true, false, "files", "exposure daily position collar_bps open", "inherit"},
    {"checks", {{"user", false}}, false, false, "files", VALUES, "forbid inherit profile"},
    {"profile",
     {{"name", false}},
     false,
     false,
     "files",
     VALUES " exposure daily position last_bps open",
     "forbid inherit base"},
    {"profiles", {{0}}, false, false, "", "", ""},
    {"restrict", {{"symbol", false}}, true, false, "short files", "", ""},
    {"unrestrict", {{"symbol", false}}, true, false, "short files", "", ""},
    {"lists", {{0}}, false, false, "", "", ""},
    {"break", {{"match", true}, {"why", false}}, false, true, "", "", ""},
    {"day-end", {{0}}, false, true, "", "", ""},
    {"snapshot", {{0}}, false, false, "", "", ""},
    {"drain", {{0}}, false, true, "", "", ""},
    {"stages", {{0}}, false, false, "", "", ""},
    {"request", {{"number", true}}, false, false, "", "", ""},
    {"reload", {{0}}, false, false, "", "", ""},
};

static bool word_in(const char *words, const char *word, size_t n)
{
    for (; *words; words += strcspn(words, " "), words += *words == ' ')
        if (strcspn(words, " ") == n && memcmp(words, word, n) == 0)
            return true;
    return false;
}

static bool number_take(json_t *args, const char *name, const char *text)
{
    char *end;

    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno || *end || v > INT64_MAX || text[0] < '0' || text[0] > '9')
        return false;
    json_object_set_new(args, name, json_integer((json_int_t)v));
    return true;
}

/* user USER | firm FIRM | venue. Returns the words that it took, 0 when it is none of them. */
static int scope_take(json_t *args, char **words, int used)
{
    if (used >= 1 && strcmp(words[0], "venue") == 0) {
        json_object_set_new(args, "venue", json_true());
        return 1;
    }
    if (used < 2 || (strcmp(words[0], "user") != 0 && strcmp(words[0], "firm") != 0))
        return 0;
    json_object_set_new(args, words[0], json_string(words[1]));
    return 2;
}

static const char *rest_take(const struct command *c, json_t *args, char **words, int used)
{
    for (int i = 0; i < used; i++) {
        size_t n = strcspn(words[i], "=");
        if (json_object_getn(args, words[i], n))
            return "an argument is there twice";
        if (words[i][n] == '=' && word_in(c->values, words[i], n)) {
            words[i][n] = '\0';
            if (!number_take(args, words[i], words[i] + n + 1))
                return "a whole number is wanted behind =";
        } else if (words[i][n] == '=' && word_in(c->texts, words[i], n)) {
            words[i][n] = '\0';
            json_object_set_new(args, words[i], json_string(words[i] + n + 1));
        } else if (words[i][n] == '\0' && word_in(c->flags, words[i], n)) {
            json_object_set_new(args, words[i], json_true());
        } else {
            return "there is an argument that this command does not have";
        }
    }
    return NULL;
}

/* Returns what is wrong, or NULL. */
static const char *args_take(const struct command *c, json_t *args, char **words, int used)
{
    int at = 0;

    if (c->of && !c->places[0].name && (at = scope_take(args, words, used)) == 0)
        return "user USER, firm FIRM or venue is wanted";
    for (u32 i = 0; i < ARRAY_LEN(c->places) && c->places[i].name; i++, at++) {
        const struct place *p = &c->places[i];
        if (at >= used)
            return "an argument is missing";
        if (p->number && !number_take(args, p->name, words[at]))
            return "a whole number is wanted";
        bool all = strcmp(c->name, "phase") == 0 && strcmp(words[at], "all") == 0;
        if (!p->number && !all)
            json_object_set_new(args, p->name, json_string(words[at]));
    }
    if (c->of && c->places[0].name) { /* behind what it is about */
        int of = scope_take(args, words + at, used - at);
        if (of == 0)
            return "user USER, firm FIRM or venue is wanted";
        at += of;
    }
    return rest_take(c, args, words + at, used - at);
}

static const struct command *command_find(const char *name)
{
    if (strcmp(name, "sessions") == 0)
        name = "accounts";
    for (u32 i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* True when nobody need be asked, or he has said yes. */
static bool confirmed(const struct options *o, const struct command *c, char **words, int used)
{
    bool all = strcmp(c->name, "phase") == 0 && used > 0 && strcmp(words[0], "all") == 0;
    char line[16];

    if (o->yes || (!c->dangerous && !all))
        return true;
    if (!isatty(STDIN_FILENO))
        return false;
    fprintf(stderr, "%s", c->name);
    for (int i = 0; i < used; i++)
        fprintf(stderr, " %s", words[i]);
    fputs(": really? [yes/no] ", stderr);
    return fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0;
}

/* ---- one request ---- */

#define FOLLOW_S 0.25

/* A request that is still under way is looked up by its number until there is an answer, or the
 * time is over. Takes `answer` over; returns the last one. */
static json_t *follow(const struct options *o, json_t *answer)
{
    for (double s = 0; s < o->ctl.timeout_s; s += FOLLOW_S) {
        const char *outcome = json_string_value(json_object_get(answer, "outcome"));
        json_t *number = json_object_get(answer, "request");
        json_t *later = NULL;
        if (!outcome || strcmp(outcome, "timeout") != 0 || !number)
            break;
        nanosleep(&(struct timespec){.tv_nsec = (long)(FOLLOW_S * 1e9)}, NULL);
        json_t *request = json_pack("{ss s{sO}}", "command", "request", "args", "number", number);
        if (ctl_ask(&o->ctl, request, &later) == CTL_DONE) {
            json_decref(answer);
            answer = later;
        }
        json_decref(request);
    }
    return answer;
}

static int ask(const struct options *o, const char *name, json_t *args)
{
    json_t *request =
        json_pack("{ss sO ss*}", "command", strcmp(name, "sessions") == 0 ? "accounts" : name,
                  "args", args, "reason", o->reason);
    json_t *answer = NULL;
    int rc = ctl_ask(&o->ctl, request, &answer);

    json_decref(request);
    if (rc == CTL_DONE)
        answer = follow(o, answer);
    if (rc == CTL_DONE)
        rc = ctl_print(name, answer, o->json, stdout);
    json_decref(answer);
    return rc;
}

/* What is no UTF-8 has no place in a request: an argument that is dropped may leave another request
 * than was meant. */
static const char *texts_check(const struct options *o, char **words, int used)
{
    json_t *reason = o->reason ? json_string(o->reason) : json_null();
    bool good = reason != NULL;

    json_decref(reason);
    for (int i = 0; i < used && good; i++) {
        json_t *word = json_string(words[i]);
        good = word != NULL;
        json_decref(word);
    }
    if (good && o->reason && strlen(o->reason) > OPERATOR_REASON_BYTES)
        fprintf(stderr, "wirebook-ctl: the journal keeps the first %u bytes of the reason\n",
                OPERATOR_REASON_BYTES);
    return good ? NULL : "arguments and reason must be UTF-8";
}

static int run(const struct options *o, char **words, int used)
{
    const struct command *c = command_find(words[0]);
    json_t *args;
    const char *wrong;

    if (strcmp(words[0], "top") == 0 && used > 1)
        return usage_of("top", "there is an argument that this command does not have");
    if (strcmp(words[0], "top") == 0)
        return ctl_top(&o->ctl, o->once, o->interval_s);
    if (!c)
        return usage("no such command");
    args = json_object();
    wrong = texts_check(o, words, used);
    if (!wrong)
        wrong = args_take(c, args, words + 1, used - 1);
    int rc = CTL_NOT_CONFIRMED;
    if (wrong)
        rc = usage_of(words[0], wrong);
    else if (confirmed(o, c, words + 1, used - 1))
        rc = ask(o, words[0], args);
    else
        fputs("wirebook-ctl: not confirmed: nothing was done (--yes for scripts)\n", stderr);
    json_decref(args);
    return rc;
}

static bool seconds(const char *text, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= 0.05 && *out <= 3600;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"reason", required_argument, NULL, 'r'},
        {"yes", no_argument, NULL, 'y'},
        {"json", no_argument, NULL, 'j'},
        {"timeout", required_argument, NULL, 't'},
        {"once", no_argument, NULL, 'o'},
        {"interval", required_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *env = getenv("WIREBOOK_CONTROL");
    struct options o = {
        .ctl = {.socket = env && *env ? env : "/run/wirebook/control.sock", .timeout_s = 10},
        .interval_s = 1,
    };
    int what;

    while ((what = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (what) {
        case 's':
            o.ctl.socket = optarg;
            break;
        case 'r':
            o.reason = optarg;
            break;
        case 'y':
            o.yes = true;
            break;
        case 'j':
            o.json = true;
            break;
        case 'o':
            o.once = true;
            break;
        case 't':
        case 'i':
            if (!seconds(optarg, what == 't' ? &o.ctl.timeout_s : &o.interval_s))
                return usage("0.05 to 3600 seconds are wanted");
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default: /* getopt has said what is wrong */
            fputs("wirebook-ctl --help says more\n", stderr);
            return CTL_USAGE;
        }
    }
    if (optind == argc)
        return usage("a command is wanted");
    return run(&o, argv + optind, argc - optind);
}
