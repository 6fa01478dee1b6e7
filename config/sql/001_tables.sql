-- Where the exporter writes. One row per event of the journal, under the key (shard, seq, idx): the number of the
-- transaction and the event's place within it. `time` is cut to the microsecond and `ns` has the nanoseconds cut off.
-- The columns are those of persist/copy_rows.c, by name; see README.md beside this file.

-- How far a shard has been exported. The exporter moves it in the same transaction as the rows, and only while epoch,
-- claim and seq are what it left there; so each row is in exactly once, and an older process can write nothing.
create table export_mark (
    shard   integer primary key,
    epoch   bigint not null,           -- of the process that may write: raised at every start and take-over
    claim   bigint not null,           -- raised by each connection: a batch of a lost one cannot land late
    seq     bigint not null default 0, -- all transactions up to this one are in
    day     date,                      -- the trading day that was open at seq, or the last one
    moved   timestamptz not null default now()
);

create table executions (
    day          date not null,
    shard        integer not null,
    seq          bigint not null,
    idx          smallint not null,
    time         timestamptz not null,
    ns           smallint not null,
    session_seq  bigint not null,  -- number of the message in the account's stream of the day
    account      integer not null,
    user_name    text,
    firm         text,             -- the account's default firm
    symbol       text,
    order_ref    bigint not null,
    user_ref     bigint not null,  -- the client's UserRefNum
    user_ref_idx smallint not null,
    side         "char" not null,  -- B, S
    qty          integer not null,
    price        numeric(14, 4) not null,
    liquidity    "char",           -- A added, R removed, ...
    taker        boolean not null, -- this side is the aggressor
    match        bigint not null,  -- the same on both sides of a fill
    primary key (shard, seq, idx, day)
) partition by list (day);

-- One row per Accepted (A), Replaced (U) and Cancelled (C).
create table orders (
    day           date not null,
    shard         integer not null,
    seq           bigint not null,
    idx           smallint not null,
    time          timestamptz not null,
    ns            smallint not null,
    session_seq   bigint not null,
    account       integer not null,
    user_name     text,
    firm          text,             -- the order's own, else the account's default firm
    symbol        text,
    event         "char" not null,
    order_ref     bigint not null,
    user_ref      bigint not null,
    user_ref_idx  smallint not null,
    orig_user_ref bigint,           -- U: the order that it replaces
    side          "char",           -- B, S, T, E; of a C only B or S
    qty           integer not null, -- A, U: open shares; C: shares taken off
    leaves        integer not null, -- open after this event
    price         numeric(14, 4),
    tif           "char",
    display       "char",
    capacity      "char",
    cross_type    "char",
    iso           boolean,
    reason        "char",           -- C: why
    clordid       text,
    options       jsonb,            -- what else the order asked for, by name
    primary key (shard, seq, idx, day)
) partition by list (day);

create table rejects (
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
    symbol       text,     -- as the client sent it
    request      "char",   -- O enter, U replace
    user_ref     bigint not null,
    user_ref_idx smallint not null,
    side         "char",
    qty          bigint,
    price        numeric(14, 4),
    reason       integer not null, -- see reject_reasons
    clordid      text,
    primary key (shard, seq, idx, day)
) partition by list (day);

-- Logins (B bound), ends of connections (U unbound) and refused logins (J).
create table sessions (
    day       date not null,
    shard     integer not null,
    seq       bigint not null,
    idx       smallint not null,
    time      timestamptz not null,
    ns        smallint not null,
    account   integer not null,
    user_name text,
    event     "char" not null,
    reason    "char",   -- U: C closed, O logout, H silent, T taken over, P protocol, L slow, D shutdown; J: A, S
    gateway   smallint not null,
    conn      bigint not null,
    bind_id   bigint,
    peer      inet,
    peer_port integer,
    from_seq  bigint,   -- B: first session_seq that was asked for
    next_seq  bigint,   -- B: session_seq of the next message
    primary key (shard, seq, idx, day)
) partition by list (day);

-- Reference data as it changed; the newest row of an id is the one in force.
create table instruments (
    shard      integer not null,
    seq        bigint not null,
    idx        smallint not null,
    time       timestamptz not null,
    ns         smallint not null,
    instrument integer not null,
    symbol     text not null,
    tick       numeric(14, 4) not null,
    lot        integer not null,
    halted     boolean not null,
    primary key (shard, seq, idx)
);

create table accounts (
    shard     integer not null,
    seq       bigint not null,
    idx       smallint not null,
    time      timestamptz not null,
    ns        smallint not null,
    account   integer not null,
    user_name text not null,
    firm      text,
    disabled  boolean not null,
    primary key (shard, seq, idx)
);

-- The venue's own course: started (with its epoch), day opened, day ended.
create table venue (
    shard integer not null,
    seq   bigint not null,
    idx   smallint not null,
    time  timestamptz not null,
    ns    smallint not null,
    event text not null,
    epoch bigint,
    day   date,
    primary key (shard, seq, idx)
);

-- For the questions of 003_views.sql. Order numbers only grow, so these trees grow at their right edge.
create index executions_order on executions (order_ref);
create index executions_account on executions (account, seq);
create index orders_order on orders (order_ref);

-- The partitions of one trading day. The exporter calls it in the transaction that brings the day's first rows.
-- A table is made beside its parent and attached, which does not wait for readers as creating it in place would.
create function open_day(which date) returns void
    language plpgsql security definer set search_path from current as
$$
declare
    parent    text;
    partition text;
begin
    foreach parent in array array['executions', 'orders', 'rejects', 'sessions'] loop
        partition := parent || '_' || to_char(which, 'YYYYMMDD');
        continue when to_regclass(partition) is not null;
        execute format('create table %I (like %I including defaults including constraints)', partition, parent);
        execute format('alter table %I attach partition %I for values in (%L)', parent, partition, which);
    end loop;
end
$$;
