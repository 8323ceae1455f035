-- How jobs are sent: how many of them at once, and small ones by calls that answer at once.

create table rooms (
    instance    text not null,
    migration   text not null,
    connection  text not null,
    at_most     integer not null,
    at_once     integer not null,
    under_way   integer not null,
    lowered_by  text check (lowered_by in ('locks', 'throttling')),
    lowered_at  text,
    seen_at     text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    primary key (instance, migration, connection)
) strict;

alter table jobs add column sent_by text not null default 'job' check (sent_by in ('job', 'calls'));
