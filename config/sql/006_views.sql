-- The views of 003 again, for all that can happen to an order, and without trades that were broken.

drop view open_orders, fills_by_account, turnover, order_trail;

-- Orders that are open as of the mark, a row each: client's number, because the venue's may change (T). What is executed or
-- taken off after its A or U is subtracted; one that was replaced lives on in its replacement.
create view open_orders as
select o.day, o.shard, o.account, o.user_name, o.firm, o.symbol, o.side, coalesce(t.price, o.price) as price,
       o.qty - coalesce(e.qty, 0) - coalesce(c.qty, 0) as open_qty,
       o.qty as entered_qty, coalesce(t.order_ref, o.order_ref) as order_ref, o.user_ref, o.user_ref_idx, o.clordid, o.time,
       o.seq
from orders o
left join (select day, shard, account, user_ref, user_ref_idx, sum(qty) as qty from executions group by 1, 2, 3, 4, 5) e
    using (day, shard, account, user_ref, user_ref_idx)
left join (select day, shard, account, user_ref, user_ref_idx, sum(qty) as qty from orders
           where event in ('C', 'D', 'M') group by 1, 2, 3, 4, 5) c
    using (day, shard, account, user_ref, user_ref_idx)
left join (select distinct on (day, shard, account, user_ref, user_ref_idx)
                  day, shard, account, user_ref, user_ref_idx, order_ref, price from orders
           where event = 'T' order by day, shard, account, user_ref, user_ref_idx, seq desc, idx desc) t
    using (day, shard, account, user_ref, user_ref_idx)
where o.event in ('A', 'U')
  and o.leaves > 0
  and o.qty > coalesce(e.qty, 0) + coalesce(c.qty, 0)
  and not exists (
      select from orders r
      where r.day = o.day and r.shard = o.shard and r.account = o.account and r.event = 'U'
        and r.user_ref_idx = o.user_ref_idx and r.orig_user_ref = o.user_ref and r.seq > o.seq);

create view trades_that_stand as
select e.* from executions e
where not exists (select from broken_trades b where b.day = e.day and b.shard = e.shard and b.match = e.match);

create view fills_by_account as
select day, shard, account, user_name, firm, symbol, side,
       count(*) as fills, sum(qty) as shares, sum(qty * price) as notional,
       round(sum(qty * price) / sum(qty), 4) as average_price
from trades_that_stand
group by day, shard, account, user_name, firm, symbol, side;

-- A fill has two rows, one a side: only the buyer's is counted.
create view turnover as
select day, symbol,
       count(*) as trades, sum(qty) as shares, sum(qty * price) as notional,
       min(price) as low, max(price) as high,
       (array_agg(price order by seq desc, idx desc))[1] as last,
       round(sum(qty * price) / sum(qty), 4) as average_price
from trades_that_stand
where side = 'B'
group by day, symbol;

create table order_events (
    event   "char" primary key,
    meaning text not null
);

insert into order_events values
    ('A', 'accepted'), ('U', 'replaced'), ('C', 'cancelled'), ('D', 'self-trade prevented'), ('M', 'modified'),
    ('R', 'restated'), ('P', 'cancel pending'), ('I', 'cancel rejected'), ('T', 'new priority');

-- All that happened to orders. One order: audit_trail below, or where account = ... and user_ref = ... order by seq, idx.
create view order_trail as
select o.day, o.shard, o.seq, o.idx, o.time, o.ns, o.order_ref, o.account, o.user_name, o.firm, o.symbol,
       w.meaning as event, o.side, o.qty, o.leaves, o.price, o.user_ref, o.user_ref_idx, o.orig_user_ref,
       null::bigint as match, c.meaning as reason, o.clordid, o.options
from orders o
join order_events w using (event)
left join cancel_reasons c using (reason)
union all
select e.day, e.shard, e.seq, e.idx, e.time, e.ns, e.order_ref, e.account, e.user_name, e.firm, e.symbol,
       'executed', e.side, e.qty, null, e.price, e.user_ref, e.user_ref_idx, null, e.match, e.liquidity::text, null, null
from executions e
union all
select b.day, b.shard, b.seq, b.idx, b.time, b.ns, null, b.account, b.user_name, b.firm, null,
       'trade broken', null, null, null, null, b.user_ref, b.user_ref_idx, null, b.match, b.reason::text, b.clordid, null
from broken_trades b;

-- One order from its first request to its end, over all replacements, whichever of its numbers is given.
create function audit_trail(which_day date, which_shard integer, which_account integer, which_ref bigint,
                            which_idx integer default 0) returns setof order_trail
    language sql stable set search_path from current as
$$
    with recursive older(ref) as (
        select which_ref
        union
        select o.orig_user_ref from orders o join older on o.user_ref = older.ref
        where o.day = which_day and o.shard = which_shard and o.account = which_account and o.user_ref_idx = which_idx
          and o.event = 'U'
    ), chain(ref) as (
        select ref from older
        union
        select o.user_ref from orders o join chain on o.orig_user_ref = chain.ref
        where o.day = which_day and o.shard = which_shard and o.account = which_account and o.user_ref_idx = which_idx
          and o.event = 'U'
    )
    select t.* from order_trail t
    where t.day = which_day and t.shard = which_shard and t.account = which_account and t.user_ref_idx = which_idx
      and t.user_ref in (select ref from chain)
    order by t.seq, t.idx
$$;
