-- Several shards open the same day at the same time: one makes the partitions, the others wait for it, rather than fail.

create or replace function open_day(which date) returns void
    language plpgsql security definer set search_path from current as
$$
declare
    parent    text;
    partition text;
begin
    perform pg_advisory_xact_lock('executions'::regclass::oid::bigint); -- of this schema
    foreach parent in array array['executions', 'orders', 'rejects', 'sessions', 'event_log', 'broken_trades', 'controls',
                                  'market'] loop
        partition := parent || '_' || to_char(which, 'YYYYMMDD');
        continue when to_regclass(partition) is not null;
        execute format('create table %I (like %I including defaults including constraints)', partition, parent);
        execute format('alter table %I attach partition %I for values in (%L)', parent, partition, which);
    end loop;
end
$$;
