-- Channels, and what may be promoted into them. The seventh part of the schema.

-- A channel is a tag that only a promotion moves. They belong to a project, or to a repository,
-- whose own then count alone.
create table channel (
    id          integer primary key,
    scope       text not null,      -- whose: team or team/app
    name        text not null,      -- of its tag
    place       integer not null,   -- in the order in which versions go through them
    gates       text not null default '{}', -- JSON
    created_at  real not null,
    created_by  text not null,
    unique (scope, name)
);

-- Until when nothing is promoted there; a rollback goes through.
create table channel_freeze (
    scope       text not null,
    channel     text not null,
    until       real,               -- null: until it is thawed
    reason      text not null,
    created_at  real not null,
    created_by  text not null,
    primary key (scope, channel)
) without rowid;

-- The time that a manifest was in a channel.
create table stay (
    id          integer primary key,
    repository  integer not null references repository on delete cascade,
    channel     text not null,
    digest      text not null,
    version     text not null,      -- the tag by which it came; or its digest
    since       real not null,
    actor       text not null,      -- who brought it
    reason      text not null,
    until       real,               -- null while it is there
    ended       text,               -- superseded or rolled back; or closed, with the channel
    kept        integer not null    -- whether it is there, or could be gone back to
);
create index stay_channel on stay (repository, channel, id);
create index stay_digest on stay (repository, digest);
create index stay_kept on stay (repository, channel) where kept = 1;
create unique index stay_open on stay (repository, channel) where until is null;

-- Approvals are of a manifest: whoever moves the tag must ask for new ones.
create table approval (
    repository  integer not null references repository on delete cascade,
    digest      text not null,
    channel     text not null,
    actor       text not null,
    comment     text not null,
    at          real not null,
    primary key (repository, digest, channel, actor)
) without rowid;

-- What a test said of a manifest; of one name the newest counts.
create table report (
    id          integer primary key,
    repository  integer not null references repository on delete cascade,
    digest      text not null,
    name        text not null,
    passed      integer not null,
    url         text not null,
    document    text not null,      -- what it said, as it was given
    actor       text not null,
    at          real not null
);
create index report_digest on report (repository, digest, name, id);

-- What is promoted nowhere until a maintainer frees it.
create table bad_version (
    repository  integer not null references repository on delete cascade,
    digest      text not null,
    version     text not null,      -- as it was called then
    reason      text not null,
    actor       text not null,
    at          real not null,
    primary key (repository, digest)
) without rowid;
