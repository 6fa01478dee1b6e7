-- What people ask for. Put `where day = ...` on each: only that day's partitions are then read.

-- Orders that are open as of the mark. An order begins with its A or U; what is executed or taken off later is
-- subtracted; one that was replaced lives on in its replacement.
create view open_orders as
select o.day, o.shard, o.account, o.user_name, o.firm, o.symbol, o.side, o.price,
       o.qty - coalesce(e.qty, 0) - coalesce(c.qty, 0) as open_qty,
       o.qty as entered_qty, o.order_ref, o.user_ref, o.user_ref_idx, o.clordid, o.time, o.seq
from orders o
left join (select day, shard, order_ref, sum(qty) as qty from executions group by 1, 2, 3) e
    using (day, shard, order_ref)
left join (select day, shard, order_ref, sum(qty) as qty from orders where event = 'C' group by 1, 2, 3) c
    using (day, shard, order_ref)
where o.event in ('A', 'U')
  and o.leaves > 0
  and o.qty > coalesce(e.qty, 0) + coalesce(c.qty, 0)
  and not exists (
      select from orders r
      where r.day = o.day and r.shard = o.shard and r.account = o.account and r.event = 'U'
        and r.user_ref_idx = o.user_ref_idx and r.orig_user_ref = o.user_ref and r.seq > o.seq);

create view fills_by_account as
select day, shard, account, user_name, firm, symbol, side,
       count(*) as fills, sum(qty) as shares, sum(qty * price) as notional,
       round(sum(qty * price) / sum(qty), 4) as average_price
from executions
group by day, shard, account, user_name, firm, symbol, side;

-- A fill has two rows, one a side: only the buyer's is counted.
create view turnover as
select day, symbol,
       count(*) as trades, sum(qty) as shares, sum(qty * price) as notional,
       min(price) as low, max(price) as high,
       (array_agg(price order by seq desc, idx desc))[1] as last,
       round(sum(qty * price) / sum(qty), 4) as average_price
from executions
where side = 'B'
group by day, symbol;

-- All that happened to an order: where order_ref = 42 order by seq, idx.
create view order_trail as
select o.day, o.shard, o.seq, o.idx, o.time, o.ns, o.order_ref, o.account, o.user_name, o.firm, o.symbol,
       case o.event when 'A' then 'accepted' when 'U' then 'replaced' else 'cancelled' end as event,
       o.side, o.qty, o.leaves, o.price, o.user_ref, o.orig_user_ref, null::bigint as match,
       c.meaning as reason, o.clordid, o.options
from orders o
left join cancel_reasons c using (reason)
union all
select e.day, e.shard, e.seq, e.idx, e.time, e.ns, e.order_ref, e.account, e.user_name, e.firm, e.symbol,
       'executed', e.side, e.qty, null, e.price, e.user_ref, null, e.match, e.liquidity::text, null, null
from executions e;

create view rejects_in_words as
select r.*, coalesce(w.meaning, 'code ' || r.reason) as meaning
from rejects r
left join reject_reasons w using (reason);
