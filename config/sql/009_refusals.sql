-- Requests of operators that were refused before the engine was asked are notes in the journal: what was asked, and what
-- was answered. engine/msg/operator.h: struct msg_note, within a CMD_OPERATOR from byte 64 on.

insert into operator_whys values
    (13, 'the role does not allow it'), (14, 'not a request that can be'), (15, 'the process could not');

-- Text of others, to be shown: what is no UTF-8 stays legible and stops no query.
create or replace function message_text(message bytea, at integer, bytes integer) returns text
    language plpgsql immutable strict as
$$
declare
    raw bytea := rtrim(substring(message from at + 1 for bytes), '\x00'::bytea);
begin
    return convert_from(raw, 'UTF8');
exception when others then
    return encode(raw, 'escape');
end
$$;

-- As before, and: note (what a CMD_NOTE is about), asked, answered, unnoted (more of the same caller's that have no row).
create or replace view operator_requests as
with asked as (
    select l.day, l.shard, l.seq, l.time, m.message
    from event_log l, split_messages(l.messages) m
    where get_byte(l.messages, 0) = 56 and m.idx = 0
), ended as (
    select l.day, l.shard, message_number(m.message, 32, 8) as request, m.message
    from event_log l, split_messages(l.messages) m
    where get_byte(l.messages, 0) in (56, 32) and get_byte(m.message, 0) = 203
)
select a.day, a.shard, a.seq, a.time, message_number(a.message, 32, 8) as request,
       message_text(a.message, 48, 16) as user_name, message_number(a.message, 40, 4) as uid,
       (array['none', 'viewer', 'operator', 'admin'])[get_byte(a.message, 45) + 1] as role,
       t.name as command, message_text(a.message, 160, 96) as reason,
       (array['done', 'nothing', 'refused'])[get_byte(e.message, 57) + 1] as outcome, w.meaning as why,
       message_number(e.message, 48, 4) as orders_gone,
       n.note, n.asked, n.answered, n.unnoted
from asked a
left join message_types t on t.type = get_byte(a.message, 44)
left join ended e on e.day = a.day and e.shard = a.shard and e.request = message_number(a.message, 32, 8)
left join operator_whys w on w.why = get_byte(e.message, 58)
left join lateral (
    select (array['drain', 'snapshot', 'reload', 'repair', 'refused'])[get_byte(a.message, 64)] as note,
           trim(message_text(a.message, 72, 12) || ' ' || message_text(a.message, 84, 8)) as asked,
           message_text(a.message, 92, 68) as answered, message_number(a.message, 68, 4) as unnoted
) n on t.name = 'CMD_NOTE';
