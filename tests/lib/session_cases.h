/* session_cases.h - the parts of the session suite, for session_suite.c and its cases alone. */
#ifndef WIREBOOK_TESTS_SESSION_CASES_H
#define WIREBOOK_TESTS_SESSION_CASES_H

#include "tests/lib/session_client.h"

/* A case gets an open rig and clients. */
struct suite {
    struct rig rig;
    struct rig_client a, b, c;
};

/* A login that must be answered with `reason` and the end. */
void suite_rejected(struct suite *s, const char *user, const char *password, const char *session,
                    const char *seq, u8 reason);

/* Client a logs in as ALICE, enters `orders` resting orders and sees all of them accepted. */
void suite_stream(struct suite *s, u32 orders);

/* ---- session_cases.c: logins, ends, time ---- */
void case_login(struct suite *s);
void case_login_41(struct suite *s);
void case_login_refused(struct suite *s);
void case_nothing_before_login(struct suite *s);
void case_login_deadline(struct suite *s);
void case_slow_auth(struct suite *s);
void case_takeover(struct suite *s);
void case_logout(struct suite *s);
void case_lost_while_logging_in(struct suite *s);
void case_orders_before_the_end_of_file_count(struct suite *s);
void case_heartbeats(struct suite *s);
void case_silence(struct suite *s);
void case_away(struct suite *s);
void case_guests(struct suite *s);
void case_rates(struct suite *s);
void case_rates_of_an_account(struct suite *s);

/* ---- session_copies.c: drop copies ---- */
void case_copy(struct suite *s);
void case_copy_of_all(struct suite *s);
void case_copy_says_nothing(struct suite *s);
void case_copy_logins(struct suite *s);
void case_copy_day_end(struct suite *s);
void case_copy_day_end_in_pieces(struct suite *s);
void case_copy_ahead_of_events(struct suite *s);

/* ---- session_checks.c: what operators change while clients trade ---- */
void case_checks(struct suite *s);
void case_checks_of_rates(struct suite *s);
void case_checks_under_attack(struct suite *s);

#endif
