-- How jobs are sent: how many of them at once, and small ones by calls that answer at once.

create table rooms (
    instance    text not null,
    migration   text not null,
    connection  text not null,
    at_most     bigint not null,
    at_once     bigint not null,
    under_way   bigint not null,
    lowered_by  text check (lowered_by in ('locks', 'throttling')),
    lowered_at  timestamptz,
    seen_at     timestamptz not null default now(),
    primary key (instance, migration, connection)
);
comment on table rooms is 'How many jobs each loader has on their way to a target, and may have.';
comment on column rooms.at_most is 'Jobs at once where nothing stands against it.';
comment on column rooms.at_once is 'Jobs at once now: fewer after records were fought over, or the target asked to be left alone.';
comment on column rooms.lowered_by is 'Why there are fewer; null where there are not.';

alter table jobs add column sent_by text not null default 'job' check (sent_by in ('job', 'calls'));
comment on column jobs.sent_by is 'job: the target works on it by itself; calls: so few records that calls which answer at once are cheaper, and then its manifests hold the rows.';
