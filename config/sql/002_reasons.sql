-- OUCH 5.0's reasons in words, for the views.
create table reject_reasons (
    reason  integer primary key,
    meaning text not null
);

insert into reject_reasons values
    (1, 'quote unavailable'), (2, 'destination closed'), (3, 'invalid display'), (4, 'invalid max floor'),
    (5, 'invalid peg type'), (6, 'fat finger'), (7, 'halted'), (8, 'ISO not allowed'), (9, 'invalid side'),
    (10, 'processing error'), (11, 'cancel pending'), (12, 'firm not authorized'), (13, 'invalid min quantity'),
    (14, 'no closing reference price'), (15, 'other'), (16, 'cancel not allowed'), (17, 'pegging not allowed'),
    (18, 'crossed market'), (19, 'invalid quantity'), (20, 'invalid cross order'), (21, 'replace not allowed'),
    (22, 'routing not allowed'), (23, 'invalid symbol'), (24, 'test'), (25, 'late LOC too aggressive'),
    (26, 'retail not allowed'), (27, 'invalid midpoint post-only price'), (28, 'invalid destination'),
    (29, 'invalid price'), (30, 'shares exceed threshold'), (31, 'exceeds maximum notional'),
    (32, 'risk: aggregate exposure'), (33, 'risk: market impact'), (34, 'risk: restricted stock'),
    (35, 'risk: short sell restricted'), (36, 'risk: ISO not allowed'), (37, 'risk: exceeds ADV limit'),
    (38, 'risk: fat finger'), (39, 'risk: locate required'), (40, 'risk: symbol message rate'),
    (41, 'risk: port message rate'), (42, 'risk: duplicate message rate'), (43, 'risk: short sell not allowed'),
    (44, 'risk: market order not allowed'), (45, 'risk: pre-market not allowed'),
    (46, 'risk: post-market not allowed'), (47, 'risk: short sell exempt not allowed'),
    (48, 'risk: single order notional'), (49, 'risk: max quantity'), (50, 'Reg SHO state not available'),
    (51, 'risk: IPO market buy not allowed'), (64, 'invalid AIQ');

create table cancel_reasons (
    reason  "char" primary key,
    meaning text not null
);

insert into cancel_reasons values
    ('D', 'regulatory restriction'), ('E', 'closed'), ('F', 'post-only'), ('G', 'post-only'),
    ('H', 'symbol halted'), ('I', 'immediate-or-cancel remainder'), ('K', 'market collar'),
    ('Q', 'self-match prevention'), ('S', 'supervisory'), ('T', 'time in force expired'),
    ('U', 'user request'), ('X', 'opening price protection'), ('Z', 'system'),
    ('e', 'direct-listing quantity exceeded');
