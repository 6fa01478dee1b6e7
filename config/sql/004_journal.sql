-- Whose rows these are: see README.md, "Exactly once" and "Another journal".

alter table export_mark
    add column journal text check (journal ~ '^[0-9a-f]{16}$'), -- the journal's identity, as wirebook-journal prints it
    add column process text check (process ~ '^[0-9a-f]{16}$'), -- drawn by each process: two may have the same epoch
    add column time_ns bigint;                                  -- of the transaction seq: the same only in the same history

-- On purpose: another journal may then be exported as this shard, from its beginning. Call it with nothing exporting.
create function forget_shard(which integer) returns void
    language plpgsql set search_path from current as
$$
declare
    name text;
begin
    foreach name in array array['executions', 'orders', 'rejects', 'sessions', 'instruments', 'accounts', 'venue',
                                'export_mark'] loop
        execute format('delete from %I where shard = %L', name, which);
    end loop;
end
$$;
