-- What the target does by itself and a run switches off while it writes: how each item was is stored before anything is changed.

create table automation (
    run_id         text primary key references runs (id),
    place          text,
    state          text not null check (state in ('wanted', 'planned', 'off', 'restoring', 'on')),
    by_hand        json,
    error          json,
    tries          bigint not null default 0,
    try_at         timestamptz not null default now(),
    restore_asked  boolean not null default false,
    updated_at     timestamptz not null default now()
);
comment on table automation is 'A row for each run that switches automation of its target off.';
comment on column automation.place is 'The target itself, whatever connection leads to it: runs into one place have its switches in common.';
comment on column automation.state is 'wanted: is to be switched off; planned: automation_items says what; off: switched off, and seen to be; restoring: is being switched on again; on: nothing of this run is off.';
comment on column automation.by_hand is 'What acts on the run''s records and no API can switch off: a checklist for people.';
comment on column automation.error is 'Why the last try came to nothing; null while all goes well.';
comment on column automation.tries is 'Tries since the last that went well.';
comment on column automation.try_at is 'Not tried again before.';
comment on column automation.restore_asked is 'Somebody asked to have it on again now.';
create index automation_open on automation (run_id) where state <> 'on';

create table automation_items (
    run_id      text not null references automation (run_id),
    id          text not null,
    kind        text not null,
    name        text not null,
    object      text not null,
    was         json not null,
    off         json not null,
    state       text not null check (state in ('planned', 'off', 'failed', 'on_again', 'left', 'handed_on')),
    note        text,
    updated_at  timestamptz not null default now(),
    primary key (run_id, id)
);
comment on table automation_items is 'What a run switches off, item by item, and how it was before.';
comment on column automation_items.id is 'The target''s own.';
comment on column automation_items.was is 'Its state before it was switched off, which is brought back.';
comment on column automation_items.off is 'What is sent to switch it off.';
comment on column automation_items.state is 'planned: nothing is known to be sent; off: switched off; failed: the last try was refused; on_again: as it was; left: somebody else has changed it since; handed_on: another run needs it off, and switches it on.';
comment on column automation_items.note is 'Why it failed, was left or was handed on.';
create index automation_items_owed on automation_items (id) where state in ('planned', 'off', 'failed');
