-- What the target does by itself and a run switches off while it writes: how each item was is stored before anything is changed.
-- The PostgreSQL schema says what each column means.

create table automation (
    run_id         text primary key references runs (id),
    place          text,
    state          text not null check (state in ('wanted', 'planned', 'off', 'restoring', 'on')),
    by_hand        text,
    error          text,
    tries          integer not null default 0,
    try_at         text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    restore_asked  integer not null default false check (restore_asked in (0, 1)),
    updated_at     text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) strict;
create index automation_open on automation (run_id) where state <> 'on';

create table automation_items (
    run_id      text not null references automation (run_id),
    id          text not null,
    kind        text not null,
    name        text not null,
    object      text not null,
    was         text not null,
    off         text not null,
    state       text not null check (state in ('planned', 'off', 'failed', 'on_again', 'left', 'handed_on')),
    note        text,
    updated_at  text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    primary key (run_id, id)
) strict;
create index automation_items_owed on automation_items (id) where state in ('planned', 'off', 'failed');
