-- What a tag pointed to, and why it moved. The fifth part of the schema.

-- Why: as whoever did it says, or the rule that did.
alter table change add column reason text not null default '';

-- Which row of the trash: of a repository that was deleted or came back as a whole.
alter table change add column trash integer;

-- The moves of a tag, in order; with an empty reference, what happened to a repository as a whole.
create index change_reference on change (repository, reference, id);

-- Tags that hold still: which, in the repositories of a pattern, which lies in one project.
create table immutable_rule (
    id          integer primary key autoincrement,
    project     text not null,
    repositories text not null,     -- team/*, team/app-* or team/app
    kind        text not null,      -- all, semver, glob or regex
    tags        text not null,      -- the glob or the regular expression; empty for the others
    created_at  real,               -- null: it was set before anybody kept that
    created_by  text not null,
    unique (repositories, kind, tags)
);
create index immutable_rule_project on immutable_rule (project);

-- Until now a project had a list of globs, as JSON: ["v*", "[0-9]*"]. No glob has a quote.
insert into immutable_rule (project, repositories, kind, tags, created_at, created_by)
    with recursive part (project, tags, rest) as (
        select name, substr(immutable, 1, 0), substr(immutable, 3, length(immutable) - 4) || '", "'
            from project where immutable <> '[]'
        union all
        select project, substr(rest, 1, instr(rest, '", "') - 1),
            substr(rest, instr(rest, '", "') + 4)
            from part where rest <> ''
    )
    select distinct project, project || '/*', 'glob', tags, cast(null as real), ''
        from part where tags <> '';
alter table project drop column immutable;

-- Tags that float: the registry itself moves them to the newest version, where somebody asked for it.
create table floating_rule (
    repositories text primary key,  -- a pattern that lies in one project; of several the longest counts
    project     text not null,
    major       integer not null,   -- 1
    minor       integer not null,   -- 1.4
    latest      integer not null,   -- latest; of a variant it is called like the variant
    prereleases integer not null,   -- whether they count
    created_at  real not null,
    created_by  text not null
) without rowid;
create index floating_rule_project on floating_rule (project);

-- Of a tag that floats: the tag of the version that it stands for.
alter table tag add column floats text;
create index tag_floats on tag (repository) where floats is not null;
