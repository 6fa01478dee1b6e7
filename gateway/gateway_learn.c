/*
 * gateway_learn.c - what a gateway is told before the threads run: instruments, accounts, profiles.
 *
 * Thread: main, at the start. All but networks, ports and drop copies comes as events later, too.
 */
#include "gateway/gateway.h"
#include "gateway/session/session.h"

void gateway_instrument_add(struct gateway *g, u16 id, const char symbol[8], u32 reference_price)
{
    struct instrument *i = directory_instrument_add(&gateway_sessions_of(g)->directory, id, symbol);

    i->reference_price = reference_price;
}

void gateway_account_add(struct gateway *g, u32 id, const char user[6])
{
    sessions_account(gateway_sessions_of(g), id, user);
}

void gateway_account_checks(struct gateway *g, const struct msg_checks *m)
{
    sessions_checks(gateway_sessions_of(g), m);
}

void gateway_profile(struct gateway *g, const struct msg_profile *m)
{
    sessions_profile(gateway_sessions_of(g), m);
}

const struct risk_limits *gateway_account_limits(struct gateway *g, const char user[6])
{
    struct account *a = sessions_account(gateway_sessions_of(g), 0, user);

    session_limits(gateway_sessions_of(g), a);
    return &a->limits;
}

void gateway_account_access(struct gateway *g, const char user[6],
                            const struct account_networks *networks,
                            const struct account_ports *ports)
{
    struct account *a = sessions_account(gateway_sessions_of(g), 0, user);

    a->networks = *networks;
    a->ports = *ports;
}

void gateway_account_copy(struct gateway *g, const char user[6], u8 scope)
{
    sessions_account(gateway_sessions_of(g), 0, user)->copy = scope;
}
