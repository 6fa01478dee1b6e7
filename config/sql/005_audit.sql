-- The raw log, and rows for what happens to an order, an instrument or the venue beside A, U and C. See README.md.

-- The journal itself, a row a transaction: the command as it was taken, then its events, each message as it lies in the
-- journal (engine/msg/msg.h: 64-byte slots, the second byte of a message is how many it has). The view `events` takes it apart.
create table event_log (
    day      date not null,
    shard    integer not null,
    seq      bigint not null,
    time     timestamptz not null,
    ns       smallint not null,
    messages bytea not null,
    primary key (shard, seq, day)
) partition by list (day);

-- orders.event is one of A accepted, U replaced, C cancelled and now: D cancelled by self-trade prevention, M modified,
-- R restated (a reserve order shows its next part), P cancel pending, I cancel rejected, T a new number and maybe price.
-- qty: A, U open shares; C, D, M shares taken off; R shares that are shown. leaves: open after the event, where it says so.
alter table orders alter column qty drop not null;
alter table orders alter column leaves drop not null;

-- A half of a trade that was broken; orders and positions are not restored.
create table broken_trades (
    day          date not null,
    shard        integer not null,
    seq          bigint not null,
    idx          smallint not null,
    time         timestamptz not null,
    ns           smallint not null,
    session_seq  bigint not null,
    account      integer not null,
    user_name    text,
    firm         text,
    match        bigint not null,
    user_ref     bigint not null,
    user_ref_idx smallint not null,
    reason       "char",   -- E erroneous, C consent, S supervisory, X external
    clordid      text,
    primary key (shard, seq, idx, day)
) partition by list (day);

-- Who may trade, and what goes at once: mass cancel, disable, enable (of a client); kill, restore (of an operator).
create table controls (
    day          date not null,
    shard        integer not null,
    seq          bigint not null,
    idx          smallint not null,
    time         timestamptz not null,
    ns           smallint not null,
    session_seq  bigint,           -- of a client's
    account      integer,          -- that it is for; none: a firm or the venue
    user_name    text,
    event        text not null,
    firm         text,
    symbol       text,             -- mass cancel: none is all
    side         "char",           -- mass cancel: none is both
    group_id     integer,          -- mass cancel
    user_ref     bigint,
    user_ref_idx smallint,
    primary key (shard, seq, idx, day)
) partition by list (day);

-- An instrument's day: course (a change of phase begins; no symbol: of all), phase, cross, bands.
create table market (
    day            date not null,
    shard          integer not null,
    seq            bigint not null,
    idx            smallint not null,
    time           timestamptz not null,
    ns             smallint not null,
    event          text not null,
    symbol         text,
    phase          "char",         -- P O T C X Z H V, see engine/README.md
    next           "char",         -- phase: what follows the work that begins here
    cross_type     "char",         -- O C H
    reason         "char",         -- S schedule, O operator, L limit state, P pause over
    wide           boolean,        -- bands are doubled
    late           boolean,        -- orders for the next cross cannot be cancelled
    until          timestamptz,    -- phase V: when it ends; course: when the schedule wanted it
    price          numeric(14, 4), -- cross: none if nothing trades
    reference      numeric(14, 4), -- of the bands
    lower          numeric(14, 4),
    upper          numeric(14, 4),
    paired         bigint,         -- cross: shares
    imbalance      bigint,
    imbalance_side "char",         -- B S N
    primary key (shard, seq, idx, day)
) partition by list (day);

create index orders_client on orders (account, user_ref);

create or replace function open_day(which date) returns void
    language plpgsql security definer set search_path from current as
$$
declare
    parent    text;
    partition text;
begin
    foreach parent in array array['executions', 'orders', 'rejects', 'sessions', 'event_log', 'broken_trades', 'controls',
                                  'market'] loop
        partition := parent || '_' || to_char(which, 'YYYYMMDD');
        continue when to_regclass(partition) is not null;
        execute format('create table %I (like %I including defaults including constraints)', partition, parent);
        execute format('alter table %I attach partition %I for values in (%L)', parent, partition, which);
    end loop;
end
$$;

create or replace function forget_shard(which integer) returns void
    language plpgsql set search_path from current as
$$
declare
    name text;
begin
    foreach name in array array['executions', 'orders', 'rejects', 'sessions', 'event_log', 'broken_trades', 'controls',
                                'market', 'instruments', 'accounts', 'venue', 'export_mark'] loop
        execute format('delete from %I where shard = %L', name, which);
    end loop;
end
$$;

-- The messages of a transaction, numbered from 0: the command.
create function split_messages(messages bytea) returns table (idx integer, message bytea)
    language plpgsql immutable strict as
$$
declare
    at   integer := 0;
    size integer;
begin
    idx := 0;
    while at < length(messages) loop
        size := 64 * get_byte(messages, at + 1);
        message := substring(messages from at + 1 for size);
        return next;
        at := at + size;
        idx := idx + 1;
    end loop;
end
$$;

-- A little-endian number in a message.
create function message_number(message bytea, at integer, bytes integer) returns bigint
    language sql immutable strict as
$$
    select sum(get_byte(message, at + i)::bigint << 8 * i)::bigint from generate_series(0, bytes - 1) i
$$;

-- Names of engine/msg/head.h.
create table message_types (
    type integer primary key,
    name text not null
);

insert into message_types values
    (1, 'CMD_START'), (2, 'CMD_DAY_OPEN'), (3, 'CMD_DAY_END'), (4, 'CMD_INSTRUMENT'), (5, 'CMD_ACCOUNT'),
    (16, 'CMD_LOGIN'), (17, 'CMD_DISCONNECT'), (18, 'CMD_ENTER'), (19, 'CMD_REPLACE'), (20, 'CMD_CANCEL'),
    (21, 'CMD_QUERY'), (22, 'CMD_MODIFY'), (23, 'CMD_MASS_CANCEL'), (24, 'CMD_DISABLE'), (25, 'CMD_ENABLE'),
    (32, 'CMD_CONTINUE'), (33, 'CMD_TICK'), (40, 'CMD_PHASE'), (41, 'CMD_BREAK'), (48, 'CMD_KILL'), (49, 'CMD_RESTORE'),
    (129, 'EV_STARTED'), (130, 'EV_DAY_OPENED'), (131, 'EV_DAY_ENDED'), (132, 'EV_INSTRUMENT'), (133, 'EV_ACCOUNT'),
    (134, 'EV_WORK'), (135, 'EV_COURSE'), (136, 'EV_PHASE'), (137, 'EV_CROSS'), (138, 'EV_BANDS'),
    (144, 'EV_BOUND'), (145, 'EV_UNBOUND'), (146, 'EV_LOGIN_REJECTED'),
    (160, 'EV_SYSTEM'), (161, 'EV_ACCEPTED'), (162, 'EV_REPLACED'), (163, 'EV_CANCELLED'), (164, 'EV_EXECUTED'),
    (165, 'EV_REJECTED'), (166, 'EV_QUERIED'), (167, 'EV_MODIFIED'), (168, 'EV_MASS_CANCELLED'), (169, 'EV_DISABLED'),
    (170, 'EV_ENABLED'), (171, 'EV_AIQ_CANCELLED'), (172, 'EV_RESTATED'), (176, 'EV_BROKEN'),
    (177, 'EV_CANCEL_PENDING'), (178, 'EV_CANCEL_REJECTED'), (179, 'EV_PRIORITY'), (192, 'EV_KILLED'),
    (193, 'EV_RESTORED'), (202, 'EV_OPERATOR'), (203, 'EV_OPERATED'), (204, 'EV_BARRED'), (205, 'EV_UNBARRED'),
    (42, 'CMD_LIMIT'), (50, 'CMD_CHECKS'), (194, 'EV_CHECKS'), (56, 'CMD_OPERATOR'), (139, 'EV_LIMIT'), (140, 'EV_UNTRADED'),
    (57, 'CMD_BAR'), (58, 'CMD_UNBAR'), (59, 'CMD_EXPEL'), (60, 'CMD_NOTE'), (61, 'CMD_LOOK'), (206, 'EV_SEEN'),
    (51, 'CMD_PROFILE'), (195, 'EV_PROFILE'), (52, 'CMD_LISTED'), (196, 'EV_LISTED');

-- The raw log message by message. Put `where day = ...` and a range of seq on it.
create view events as
select l.day, l.shard, l.seq, m.idx, l.time, l.ns, t.name as type,
       message_number(m.message, 4, 4) as account,
       case when get_byte(m.message, 0) >= 128 then message_number(m.message, 16, 8) end as session_seq,
       m.message
from event_log l, split_messages(l.messages) m
left join message_types t on t.type = get_byte(m.message, 0);
