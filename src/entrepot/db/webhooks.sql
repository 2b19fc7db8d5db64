-- Whom to tell of changes, and how that went. The ninth part of the schema.

create table webhook (
    id            text primary key,
    pattern       text not null,              -- of repositories
    kinds         text not null default '',   -- of changes, with commas between; all where empty
    format        text not null,
    url           text not null,              -- this, and the two secrets, sealed by the key
    secret        text not null,
    secret_before text not null default '',   -- signs beside the new one, for a while
    before_until  real,
    key           text,
    about         text not null default '',
    paused        integer not null default 0,
    why_paused    text not null default '',   -- where the registry itself did it
    cursor        integer not null,           -- changes up to this one have become deliveries
    created_at    real not null,
    created_by    text not null
) without rowid;
create index webhook_key on webhook (key);

-- What is to be sent, or was: one row for each webhook and change.
create table webhook_delivery (
    id          integer primary key,
    webhook     text not null references webhook on delete cascade,
    change      integer not null,
    repository  text not null,
    state       text not null,                -- waiting, delivered, dead
    attempts    integer not null default 0,
    created_at  real not null,
    failed_at   real,                         -- the first time, since it was put in line
    ended_at    real,
    status      integer,                      -- of the last answer
    error       text not null default '',     -- of the last attempt
    took        real                          -- seconds of the last attempt
);
create unique index webhook_delivery_change on webhook_delivery (webhook, change);
create index webhook_delivery_line on webhook_delivery (webhook, repository, state, change);
create index webhook_delivery_state on webhook_delivery (webhook, state, id);
create index webhook_delivery_ended on webhook_delivery (ended_at, id) where ended_at is not null;

-- Deliveries of one repository wait in a line, of which only the first may be sent.
create table webhook_line (
    webhook     text not null references webhook on delete cascade,
    repository  text not null,
    next_at     real not null,
    primary key (webhook, repository)
) without rowid;
create index webhook_line_next on webhook_line (webhook, next_at);
