-- What operators have asked: who, why, and what came of it. Out of the raw log, which has it all: engine/msg/operator.h.

create table operator_whys (
    why     integer primary key,
    meaning text not null
);

insert into operator_whys values
    (0, ''), (1, 'impossible values'), (2, 'no such account'), (3, 'no such instrument'), (4, 'no room for one more'),
    (5, 'open orders stand at prices that the new tick does not divide'), (6, 'no trading day is open'),
    (7, 'not a trade of the open day'), (8, 'the trade was broken before'), (9, 'a party of the trade has no stream today'),
    (10, 'not a command of operators'), (11, 'no such profile'), (12, 'the profile would be based on itself');

-- Text in a message, which zeros fill up.
create function message_text(message bytea, at integer, bytes integer) returns text
    language sql immutable strict as
$$
    select convert_from(rtrim(substring(message from at + 1 for bytes), '\x00'::bytea), 'UTF8')
$$;

-- A row a request; outcome is null while its work goes on. Put `where day = ...` on it.
create view operator_requests as
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
       message_number(e.message, 48, 4) as orders_gone
from asked a
left join message_types t on t.type = get_byte(a.message, 44)
left join ended e on e.day = a.day and e.shard = a.shard and e.request = message_number(a.message, 32, 8)
left join operator_whys w on w.why = get_byte(e.message, 58);
