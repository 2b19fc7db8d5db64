-- Who may do what, and who did: the second half of the schema. A subject is written kind:name, such
-- as user:alice. Of secrets only hashes are kept, but for the keys that sign tokens.

create table account (
    id          integer primary key,
    kind        text not null,      -- user or robot
    name        text not null,
    description text not null default '',
    email       text,
    password    text,               -- Argon2id; a user without one comes by single sign-on
    identity    text,               -- issuer and subject of single sign-on
    disabled    integer not null default 0,
    created_at  real not null,
    created_by  text not null,
    seen_at     real,
    unique (kind, name),
    check (kind in ('user', 'robot'))
);
create unique index account_identity on account (identity) where identity is not null;

create table user_group (
    name        text primary key,
    description text not null default '',
    created_at  real not null,
    created_by  text not null
) without rowid;

create table member (
    user_group  text not null references user_group on delete cascade,
    account     integer not null references account on delete cascade,
    single      integer not null default 0, -- came by single sign-on, and goes with it
    primary key (user_group, account)
) without rowid;
create index member_account on member (account);

create table secret (
    id          integer primary key,
    kind        text not null,      -- personal, robot or refresh
    account     integer not null references account on delete cascade,
    name        text not null,
    hash        text not null unique,
    limits      text,               -- JSON, [[role, pattern], …]: less than the account may
    parent      integer references secret on delete cascade,
    created_at  real not null,
    expires_at  real,
    used_at     real
);
create index secret_account on secret (account, kind, name);
create index secret_parent on secret (parent) where parent is not null;
create index secret_expires on secret (expires_at) where expires_at is not null;

-- Sign-ons at the provider that wait to be picked up once: by the command line, or from a page.
create table sign_on (
    code        text primary key,   -- its hash
    account     integer not null references account on delete cascade,
    proof       text not null,      -- of whoever began: the challenge that their secret must answer
    ends_at     real not null
) without rowid;

create table permission (           -- a grant; that word is SQL's own
    id          integer primary key,
    subject     text not null,
    role        text not null,
    pattern     text not null,
    created_at  real not null,
    created_by  text not null,
    used_at     real,
    unique (subject, role, pattern)
);

create table project (
    name        text primary key,   -- the first part of its repositories' names
    public      integer not null default 0,
    description text not null default '',
    quota       integer,            -- bytes
    read_only   integer not null default 0,
    networks    text not null default '[]', -- JSON; where it is not empty, nobody else may come
    certificate integer not null default 0, -- whether a client certificate is required
    longest     real,               -- seconds that a token may live to be good here
    created_at  real not null,
    created_by  text not null
) without rowid;

-- Each repository that was here before there were projects gets its own, private.
insert into project (name, created_at, created_by)
    select distinct substr(name, 1, instr(name || '/', '/') - 1), unixepoch(), 'upgrade'
    from repository;

create table issuer (               -- of tokens that workloads bring
    url         text primary key,
    ca          text,               -- PEM
    jwks        text,               -- JSON; where null, the keys are found by discovery
    created_at  real not null,
    created_by  text not null
) without rowid;

create table trust (
    name        text primary key,
    issuer      text not null references issuer on delete cascade,
    audience    text not null,
    claims      text not null,      -- JSON, {path: pattern}
    created_at  real not null,
    created_by  text not null
) without rowid;

create table certificate_rule (
    name        text primary key,
    field       text not null,      -- cn, dns, email, uri or subject
    pattern     text not null,
    subject     text not null,      -- user:alice; user:* takes what the pattern's * took
    created_at  real not null,
    created_by  text not null
) without rowid;

create table signing_key (
    id          text primary key,
    private     text not null,      -- PEM
    created_at  real not null,
    retired_at  real                -- from then on it verifies, and signs no more
) without rowid;

-- Rows are chained: each one's hash covers its own words and the hash before.
create table audit (
    id          integer primary key autoincrement,
    at          real not null,
    actor       text not null,
    via         text not null,
    address     text not null,
    agent       text not null,
    request     text not null,
    action      text not null,
    repository  text not null,
    reference   text not null,
    digest      text not null,
    result      text not null,      -- ok, denied or failed
    detail      text not null,      -- JSON
    times       integer not null,   -- how often the same came within a second
    hash        text not null
);
create index audit_repository on audit (repository, at) where repository <> '';
create index audit_actor on audit (actor, at);
create index audit_at on audit (at);

-- Where something has come to: the row before the oldest one kept, the copy of the trail.
create table marker (
    name        text primary key,
    number      integer not null,
    text        text not null
) without rowid;
