-- one row per kind of value: usual, missing, hard
select *
from (values
    (
        'usual',
        timestamptz '2026-11-23 13:00:00+01', timestamp '2026-11-23 12:00:00', date '2026-11-23',
        time '12:00:00', interval '90 minutes', true, 42::bigint, 42::hugeint,
        1.10::decimal(10, 2), 0.1::float, 0.75::double, 'plain', 'ab'::blob,
        '018f3f6e-0000-7000-8000-000000000001'::uuid, 'open'::enum('open', 'closed'),
        ['a', 'b'], {'at': timestamptz '2026-11-23 12:00:00+00', 'n': 1.50::decimal(4, 2)},
        map {'k': date '2026-11-23'}, json '{"id": "q-1", "n": 1.10}'
    ),
    (
        'missing',
        null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
        null, null, null, null
    ),
    (
        'hard',
        timestamptz '2026-11-23 12:00:00.000001+00', timestamp '9999-12-31 23:59:59.5',
        date '0001-01-01', time '23:59:59.999999', interval '1 month 2 days 3 seconds', false,
        (-9223372036854775808)::bigint, 99999999999999999999999999999999999999::hugeint,
        (-0.05)::decimal(10, 2), (-1.5e-20)::float, 'nan'::double,
        'a|b, "c"' || chr(10) || chr(27) || '[31m<b>é日本' || chr(155) || '\', '\x00\xFF,'::blob,
        '00000000-0000-0000-0000-000000000000'::uuid, 'closed'::enum('open', 'closed'),
        [null, ''], {'at': null, 'n': null}, map {'k"': null},
        json '{
  "nested": [null, {"deep": "a|b\n"}],
  "big": 123456789012345678901234567890
}'
    ),
    (
        '',
        'infinity'::timestamptz, '-infinity'::timestamp, 'infinity'::date, time '00:00:00',
        interval '0 seconds', true, 0, 0, 0, 'inf'::float, '-inf'::double, '', ''::blob,
        'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, 'open'::enum('open', 'closed'),
        [], {'at': 'infinity'::timestamptz, 'n': 0}, map {}, json 'null'
    ),
) as hard(
    name, "at", at_local, "on", "time", span, flag, whole, huge, exact, real, share, "text", bytes, id,
    word, "list", "struct", "map", raw
)
