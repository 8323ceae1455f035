-- The pass over keys sends what it needs of each record.

alter table objects add column key_pass_columns json not null default '[]';
comment on column objects.key_pass_columns is 'The source''s columns that the pass over keys needs; all where none is named.';
