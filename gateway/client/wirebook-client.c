/*
 * wirebook-client - one session with the venue from the command line, a script or a terminal.
 *
 * Reads the options and leaves the rest to client_run.c. Exit codes are those of client_run.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "gateway/client/client_command.h"
#include "gateway/client/client_options.h"
#include "gateway/client/client_run.h"
#include "gateway/client/wb_bypass.h"

#define COMMANDS_MAX 1024
#define TIMEOUT_MS   5000u

static const char help[] =
    "wirebook-client - a session with the venue: OUCH 5.0 over SoupBinTCP\n"
    "\n"
    "  wirebook-client --user NAME [OPTION...] [COMMAND...]\n"
    "\n"
    "Commands come from the arguments, from --script FILE, or from the standard input. Arguments "
    "without\n"
    "blanks make one command together, else each argument is one; a semicolon parts them too:\n"
    "  wirebook-client --user ALFA01 buy 100 AAPL 225.50\n"
    "  wirebook-client --user ALFA01 'buy 100 AAPL 225.50; expect accepted' 'cancel last'\n"
    "\n"
    "Options:\n"
    "  --host HOST            default 127.0.0.1\n"
    "  --port PORT            default 9000\n"
    "  --vdev DEVICE          past the kernel, by our own TCP over this device of DPDK\n"
    "  --address A.B.C.D/N    our own address on it, default 10.9.0.2/24; HOST is an address then\n"
    "  --user NAME            the account, up to 6 characters\n"
    "  --password-file FILE   its first line; otherwise the variable WIREBOOK_PASSWORD\n"
    "  --session ID           default: the current session\n"
    "  --seq N                first wanted message; default 0: the most recent one\n"
    "  --resume FILE          keep session and next number in FILE, and go on from there\n"
    "  --soup 3.00|4.1        the login's version, default 3.00 (the same as 4.00)\n"
    "  --script FILE          commands, one a line\n"
    "  --timeout MS           of every wait, default 5000\n"
    "  --no-query             do not ask for the next free order number at the start; waits then\n"
    "                         look at replayed messages too\n"
    "  --json                 print messages as JSON objects, one a line\n"
    "  --quiet                print no messages\n"
    "  --label TEXT           put TEXT into each line\n"
    "  --help\n"
    "\n"
    "Commands:\n";

static const char help_exits[] = "\n"
                                 "Exit codes: 0 done, 1 options or commands that make no sense, 2 "
                                 "login rejected, 3 connection lost,\n"
                                 "4 what was expected or waited for did not come.\n";

enum {
    OPT_HOST,
    OPT_PORT,
    OPT_VDEV,
    OPT_ADDRESS,
    OPT_USER,
    OPT_PASSWORD,
    OPT_SESSION,
    OPT_SEQ,
    OPT_RESUME,
    OPT_SOUP,
    OPT_SCRIPT,
    OPT_TIMEOUT,
    OPT_NO_QUERY,
    OPT_JSON,
    OPT_QUIET,
    OPT_LABEL,
    OPT_HELP,
};

static const struct option option_list[] = {
    {"host", required_argument, NULL, OPT_HOST},
    {"port", required_argument, NULL, OPT_PORT},
    {"vdev", required_argument, NULL, OPT_VDEV},
    {"address", required_argument, NULL, OPT_ADDRESS},
    {"user", required_argument, NULL, OPT_USER},
    {"password-file", required_argument, NULL, OPT_PASSWORD},
    {"session", required_argument, NULL, OPT_SESSION},
    {"seq", required_argument, NULL, OPT_SEQ},
    {"resume", required_argument, NULL, OPT_RESUME},
    {"soup", required_argument, NULL, OPT_SOUP},
    {"script", required_argument, NULL, OPT_SCRIPT},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"no-query", no_argument, NULL, OPT_NO_QUERY},
    {"json", no_argument, NULL, OPT_JSON},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"label", required_argument, NULL, OPT_LABEL},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

__attribute__((noreturn)) static void usage(const char *what, const char *value)
{
    fprintf(stderr, "wirebook-client: %s%s%s; see --help\n", what, value[0] != 0 ? ": " : "",
            value);
    exit(CLIENT_USAGE);
}

static u64 wanted_number(const char *name, const char *text, u64 low, u64 high)
{
    u64 value;
    if (!client_number(text, low, high, &value))
        usage(name, text);
    return value;
}

static void copy_text(char *out, size_t size, const char *text, const char *name)
{
    if (strlen(text) >= size)
        usage(name, text);
    snprintf(out, size, "%s", text);
}

static struct wb_bypass_conf bypass = {.address = "10.9.0.2/24"}; /* without a device: sockets */

/* Sets what one option says. */
static void take_option(struct client_run *o, int option, const char **password_file,
                        const char **script)
{
    switch (option) {
    case OPT_HOST:
        o->host = optarg;
        return;
    case OPT_PORT:
        o->port = (u16)wanted_number("--port is 1..65535", optarg, 1, 65535);
        return;
    case OPT_VDEV:
        bypass.device = optarg;
        return;
    case OPT_ADDRESS:
        bypass.address = optarg;
        return;
    case OPT_USER:
        copy_text(o->login.user, sizeof(o->login.user), optarg, "--user has up to 6 characters");
        return;
    case OPT_PASSWORD:
        *password_file = optarg;
        return;
    case OPT_SESSION:
        copy_text(o->login.session, sizeof(o->login.session), optarg,
                  "--session has up to 10 characters");
        return;
    case OPT_SEQ:
        o->login.seq = wanted_number("--seq is a number", optarg, 0, UINT64_MAX);
        return;
    case OPT_RESUME:
        o->resume_file = optarg;
        return;
    case OPT_SOUP:
        if (strcmp(optarg, "4.1") != 0 && strcmp(optarg, "3.00") != 0 &&
            strcmp(optarg, "4.00") != 0)
            usage("--soup is 3.00, 4.00 or 4.1", optarg);
        o->login.version = strcmp(optarg, "4.1") == 0 ? WB_SOUP_4_1 : WB_SOUP_3_00;
        return;
    case OPT_SCRIPT:
        *script = optarg;
        return;
    case OPT_TIMEOUT:
        o->timeout_ms = wanted_number("--timeout is 1..86400000 ms", optarg, 1, 86400000);
        return;
    case OPT_NO_QUERY:
        o->no_query = true;
        return;
    case OPT_JSON:
        o->json = true;
        return;
    case OPT_QUIET:
        o->quiet = true;
        return;
    case OPT_LABEL:
        o->label = optarg;
        return;
    case OPT_HELP:
        printf("%s%s%s", help, command_help, help_exits);
        exit(CLIENT_OK);
    default:
        usage("an option that there is not, or without its value", "");
    }
}

/* Arguments without blanks make one command together, else each is one; semicolons part them. */
static void take_commands(struct client_run *o, char **args, int n)
{
    static char *commands[COMMANDS_MAX];
    static char joined[4096];
    size_t used = 0;
    bool separate = false;
    for (int i = 0; i < n; i++)
        separate = separate || strpbrk(args[i], " ;") != NULL;
    for (int i = 0; i < n && !separate; i++) {
        int more = snprintf(joined + used, sizeof(joined) - used, "%s ", args[i]);
        used += (size_t)more;
        if (used >= sizeof(joined))
            usage("that command is too long", "");
    }
    char *together = joined;
    char **from = separate ? args : &together;
    o->commands = commands;
    for (int i = 0; i < (separate ? n : 1); i++) {
        char *rest = NULL;
        for (char *c = strtok_r(from[i], ";", &rest); c != NULL; c = strtok_r(NULL, ";", &rest)) {
            if (o->commands_used == COMMANDS_MAX)
                usage("too many commands: use --script", "");
            commands[o->commands_used++] = c;
        }
    }
}

int main(int argc, char **argv)
{
    struct client_run o = {
        .host = "127.0.0.1",
        .port = 9000,
        .login = {.seq = 0, .timeout_ms = 15000},
        .label = "",
        .timeout_ms = TIMEOUT_MS,
        .lines_fd = -1,
    };
    const char *password_file = NULL;
    const char *script = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "+", option_list, NULL)) != -1)
        take_option(&o, option, &password_file, &script);
    if (o.login.user[0] == 0)
        usage("--user NAME is needed", "");
    const char *wrong = client_password(&o.login, password_file);
    if (wrong != NULL)
        usage(wrong, "");
    if (script != NULL && optind < argc)
        usage("either --script or commands", "");
    if (script != NULL) {
        o.lines_fd = open(script, O_RDONLY | O_CLOEXEC);
        if (o.lines_fd < 0)
            usage(script, strerror(errno));
    } else if (optind < argc) {
        take_commands(&o, argv + optind, argc - optind);
    } else {
        o.lines_fd = 0;
    }
    signal(SIGPIPE, SIG_IGN);
    clock_init();
    char error[512];
    if (bypass.device != NULL && !wb_bypass_start(&bypass, error, sizeof(error)))
        usage(error, "");
    int code = client_run(&o);
    wb_bypass_stop();
    return code;
}
